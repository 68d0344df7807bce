//! What must hold for any bytes: the entry of a fuzzer, and of the property tests.

use camino::Utf8Path;

use super::read;
use crate::diagnostics::Style;

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
    assert!(!rendered.contains(hidden), "a control character: {rendered:?}");
    assert!(problems.render(Style::Coloured).len() >= rendered.len());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SAMPLE: &str = include_str!("../../tests/configs/valid/every-key.yml");

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
            at in 0..SAMPLE.len(), cut in 0usize..40, text in pieces(),
        ) {
            let mut bytes = SAMPLE.as_bytes().to_vec();
            let end = (at + cut).min(bytes.len());
            bytes.splice(at..end, text.into_bytes());
            fuzz(&bytes);
        }
    }
}
