//! What must hold for any bytes: the entry of a fuzzer, and of the property tests.

use camino::Utf8Path;

use super::{PROBLEMS, read};
use crate::diagnostics::{self, Style, annotations};

/// Reads and renders `bytes`. Panics if that shows a fault of the reader; to be called by fuzzers:
/// `fuzz_target!(|bytes: &[u8]| goldsmith::config::fuzz(bytes))`.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let problems = match read(Utf8Path::new("/repo/images.yml"), bytes) {
        Ok(checked) => {
            assert!(!checked.warnings.has_errors(), "errors beside a catalog");
            checked.warnings
        }
        Err(problems) => {
            assert!(problems.has_errors(), "neither a catalog nor an error");
            problems
        }
    };
    for diagnostic in problems.diagnostics() {
        for label in &diagnostic.labels {
            let file = problems.sources().get(label.span.source);
            let text = file.map_or("", |file| file.text.as_str());
            let marked = text.get(label.span.start..label.span.end);
            assert!(marked.is_some(), "a span outside of the text: {diagnostic:?}");
        }
    }
    let rendered = problems.render(Style::Plain);
    let hidden = |c: char| c.is_control() && c != '\n';
    for text in [&rendered, &diagnostics::json(&problems), &diagnostics::sarif(&problems, PROBLEMS)]
    {
        assert!(!text.contains(hidden), "a control character: {text:?}");
    }
    for annotation in annotations(&problems) {
        assert!(!annotation.message.contains(hidden), "a control character: {annotation:?}");
    }
    assert!(problems.render(Style::Coloured).len() >= rendered.len());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLES: [&str; 3] = [
        include_str!("../../tests/configs/valid/every-key.yml"),
        include_str!("../../tests/configs/valid/later.yml"),
        include_str!("../../tests/configs/valid/matrix.yml"),
    ];

    /// Pieces that YAML and this format react to.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            proptest::sample::select(vec![
                "version: 1\n",
                "images:\n",
                "  a:\n",
                "    template: t\n",
                "    os: ",
                "{",
                "}",
                "[",
                "]",
                ", ",
                ": ",
                "- ",
                "? ",
                "\n",
                "\r\n",
                "\r",
                "\t",
                "  ",
                "\"",
                "'",
                "\\",
                "|\n",
                ">-\n",
                "&a ",
                "*a",
                "<<: ",
                "!!str ",
                "%YAML 1.2\n",
                "---\n",
                "...\n",
                "#",
                "~",
                "null",
                "${x}",
                "${matrix.",
                "release}",
                "matrix: ",
                "    include: ",
                "exclude: ",
                "parents: ",
                "vars: ",
                "env: ",
                "é",
                "\u{feff}",
                "\u{2028}",
                "\u{85}",
                "\0",
                "\u{1b}[31m",
                "gate: ",
                "fail_on: ",
                "every: {cron: '0 0 31 2 *'}\n",
                "stores: ",
                "1.10",
                "x",
            ])
            .prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
        ];
        proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            fuzz(&bytes);
        }

        #[test]
        fn any_yaml_is_read_or_refused(text in pieces()) {
            fuzz(text.as_bytes());
        }

        #[test]
        fn any_damage_to_a_good_file_is_read_or_refused(
            sample in proptest::sample::select(&SAMPLES[..]),
            at in any::<proptest::sample::Index>(), cut in 0usize..40, text in pieces(),
        ) {
            let mut bytes = sample.as_bytes().to_vec();
            let at = at.index(bytes.len());
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, text.into_bytes());
            fuzz(&bytes);
        }
    }

    /// A file with `image` as its image, whose matrix is `matrix`.
    fn with_matrix(matrix: &str, image: &str) -> String {
        let stores = "stores: [{ dir: { url: ./s } }]";
        format!(
            "version: 1\nregistry: ./r\nimages:\n  \"a-${{matrix.n}}\":\n    template: t\n    \
             os: {{ family: debian, release: \"12\" }}\n    source: iso\n    {stores}\n    \
             matrix: {matrix}\n{image}"
        )
    }

    fn numbers(count: usize) -> String {
        (0..count).map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
    }

    /// Few lines that ask for much: they have to be refused before it is done.
    #[test]
    fn what_multiplies_is_refused() {
        let entries = |count| format!("[{}]", "{ n: 0 }, ".repeat(count));
        let square = format!("n: [{0}], m: [{0}]", numbers(100));
        let tenthousand = format!("{{ n: [{}] }}", numbers(10_000));
        let joined = |count, entry: &dyn Fn(u32) -> String| {
            (0..count).map(entry).collect::<Vec<_>>().join(", ")
        };
        let parents = joined(30_000, &|n| format!("p{n}"));
        let env = joined(3_000, &|n| format!("E{n}"));
        let vars = joined(3_000, &|n| format!("v{n}: '${{env.F{n}}}'"));
        let files = [
            ("one axis", with_matrix(&format!("{{ n: [{}] }}", numbers(100_000)), "")),
            ("exclude", with_matrix(&format!("{{ {square}, exclude: {} }}", entries(20_000)), "")),
            ("include", with_matrix(&format!("{{ {square}, include: {} }}", entries(9_000)), "")),
            (
                "a long text many times",
                with_matrix(&tenthousand, &format!("    vars: {{ x: {} }}\n", "x".repeat(100_000))),
            ),
            (
                "a text that grows",
                with_matrix(
                    &format!("{{ n: [a], m: [{}] }}", "m".repeat(100_000)),
                    &format!("    vars: {{ x: \"{}\" }}\n", "${matrix.m}".repeat(5_000)),
                ),
            ),
            (
                "placeholders without an end",
                with_matrix(
                    "{ n: [a] }",
                    &format!("    vars: {{ x: '{}' }}\n", "${matrix.".repeat(90_000)),
                ),
            ),
            ("parents", with_matrix("{ n: [a] }", &format!("    parents: [{parents}]\n"))),
            (
                "words that could be meant",
                with_matrix("{ n: [a] }", &format!("    env: [{env}]\n    vars: {{ {vars} }}\n")),
            ),
        ];
        let told = files.map(|(what, text)| {
            let problems = read(Utf8Path::new("/repo/images.yml"), text.as_bytes()).unwrap_err();
            let first = &problems.diagnostics()[0];
            let message: String = first.message.chars().take(70).collect();
            format!("{what}: {}: {message}", first.id)
        });
        insta::assert_snapshot!(told.join("\n"), @"
        one axis: too-many-images: `matrix` has up to 100000 combinations
        exclude: too-many-images: written out, `matrix` would take 4782 MiB
        include: too-many-images: written out, `matrix` would take 4103 MiB
        a long text many times: too-many-images: written out, `matrix` would take 970 MiB
        a text that grows: too-many-images: written out, `matrix` would take 477 MiB
        placeholders without an end: bad-placeholder: `x`: `${` has no `}`
        parents: unknown-image: no image is called `p0`
        words that could be meant: unknown-placeholder: `v0`: unknown placeholder `${env.F0}`
        ");
    }
}
