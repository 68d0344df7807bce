//! What must hold for any bytes: the entry of a fuzzer, and of the property tests.

use camino::Utf8Path;
use indexmap::IndexMap;

use super::{Chosen, Collect, MemoryTree, Request, SourceTree, Template, Wishes, read};
use crate::diagnostics::{Span, Style};

/// Reads `bytes` as a template. Panics if that shows a fault of the reader; to be called by fuzzers:
/// `fuzz_target!(|bytes: &[u8]| goldsmith::template::fuzz(bytes))`.
#[doc(hidden)]
pub fn fuzz(bytes: &[u8]) {
    let tree = tree(bytes);
    inspect(&tree, "/w/t");
    inspect(&tree, "/w/t/legacy.json");
}

/// A template of which every file says the same.
fn tree(bytes: &[u8]) -> MemoryTree {
    MemoryTree::default()
        .file("/w/t/fuzzed.pkr.hcl", bytes)
        .file("/w/t/fuzzed.auto.pkrvars.hcl", bytes)
        .file("/w/t/fuzzed.auto.pkrvars.json", bytes)
        .file("/w/t/fuzzed.pkrtpl.hcl", bytes)
        .file("/w/t/legacy.json", bytes)
        .file("/w/t/http/user-data", "")
        .file("/w/fuzzed.yml", bytes)
        .file("/w/script.sh", "")
}

/// Reads the template in `tree`, and checks what it is told.
fn inspect(tree: &dyn SourceTree, template: &str) -> Template {
    let request = Request {
        template: Utf8Path::new(template),
        workdir: Utf8Path::new("/w"),
        var_files: &[],
        vars: &IndexMap::new(),
    };
    let template = read(tree, &request);
    let sources = template.problems.sources();
    let check = |span: Span, what: &str| {
        let text = sources.get(span.source).map_or("", |file| file.text.as_str());
        assert!(text.get(span.start..span.end).is_some(), "a span outside of the text: {what}");
    };
    template.sources.iter().for_each(|source| check(source.span, "source"));
    template.sources.iter().flat_map(|it| &it.settings).for_each(|it| check(it.span, "setting"));
    template.builds.iter().for_each(|build| check(build.reference, "build"));
    template.variables.iter().for_each(|variable| check(variable.span, "variable"));
    template.locals.iter().for_each(|local| check(local.span, "local"));
    template.references.iter().for_each(|reference| check(reference.span, "reference"));
    template.untracked.iter().for_each(|untracked| check(untracked.span, "untracked"));
    template.required_plugins.iter().for_each(|plugin| check(plugin.span, "plugin"));
    for build in template.builds.iter().take(3) {
        let collect = Collect { script: "/s".into(), made: "/g", download: "/d".into() };
        let chosen = Chosen { scratch_name: "n", output_directory: "/o".into(), vmid: None };
        let wishes = Wishes {
            build: Some(&build.name),
            image: "i",
            version: "v",
            windows: false,
            workdir: "/w".into(),
            chosen,
            carriers: &[],
            scripts: &[],
            collect: Some(collect),
        };
        let _ = template.edits(&wishes);
    }
    for diagnostic in template.problems.diagnostics() {
        diagnostic.labels.iter().for_each(|label| check(label.span, "label"));
    }
    let unread = template.files.iter().any(|file| file.body.is_none());
    assert!(!unread || template.problems.has_errors(), "a file is not read, and nobody says why");
    let rendered = template.problems.render(Style::Plain);
    let hidden = |c: char| c.is_control() && c != '\n';
    assert!(!rendered.contains(hidden), "a control character: {rendered:?}");
    template
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::io;

    use camino::Utf8PathBuf;
    use proptest::prelude::*;

    use super::super::Kind;
    use super::*;

    const SAMPLE: &str = include_str!("../../examples/demo/debian-12.pkr.hcl");

    /// Pieces that HCL and this reader react to.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            proptest::sample::select(vec![
                "source \"qemu\" \"a\" {\n",
                "build {\n",
                "sources = [\"qemu.a\"]\n",
                "sources = ",
                "provisioner \"shell\" {\n",
                "dynamic \"provisioner\" {\n",
                "for_each = ",
                "content {\n",
                "script = ",
                "command = \"",
                "playbook_file = \"fuzzed.yml\"\n",
                "data \"a\" \"b\" {\n",
                "provisioner \"ansible\" {\n",
                "provisioner \"shell-local\" {\n",
                "cd_files = ",
                "locals {\n",
                "a = ",
                "local.a",
                "variable \"a\" {\n",
                "default = ",
                "var.a",
                "path.root",
                "source.name",
                "file(",
                "templatefile(",
                "templatefile(\"fuzzed.pkrtpl.hcl\", {})",
                "fileset(path.root, \"**\")",
                "format(\"%s\", ",
                "join(\",\", ",
                "replace(",
                "for a in ",
                "for a, b in ",
                " : ",
                " => ",
                " ? ",
                "if ",
                "...",
                "\"a\"",
                "\"*.sh\"",
                "\"",
                "\"${",
                "}\"",
                "%{ if a }",
                "%{ endif }",
                "$${",
                "<<E\n",
                "<<-E\n",
                "\nE\n",
                "{",
                "}\n",
                "[",
                "]",
                "(",
                ")",
                ",",
                ".",
                ".*",
                "[*]",
                "==",
                "&&",
                "!",
                "-",
                "1e5",
                "\\u00e9",
                "\\",
                "\n",
                "\r\n",
                "#",
                "/*",
                "é",
                "\u{feff}",
                "\0",
                "..",
                "/",
            ])
            .prop_map(str::to_owned),
            any::<char>().prop_map(String::from),
        ];
        proptest::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            fuzz(&bytes);
        }

        #[test]
        fn any_hcl_is_read_or_refused(text in pieces()) {
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

    /// Files that ask for much: deep, long, or growing out of little.
    fn hostile() -> Vec<(&'static str, String)> {
        let deep = |open: &str, inside: &str, close: &str, levels: usize| {
            format!("{}{inside}{}", open.repeat(levels), close.repeat(levels))
        };
        let many = |levels: usize, each: &dyn Fn(usize) -> String| {
            (0..levels).map(each).collect::<String>()
        };
        let operators = |levels: usize| format!("1{}", " + 1".repeat(levels));
        let provisioner = |script: &str| {
            format!("build {{\nprovisioner \"shell\" {{\nscript = {script}\n}}\n}}\n")
        };
        vec![
            ("lists", provisioner(&deep("[", "1", "]", 64))),
            ("lists too deep", provisioner(&deep("[", "1", "]", 100_000))),
            ("operators in parentheses", provisioner(&deep("(", &operators(128), ")", 60))),
            ("texts", provisioner(&deep("\"${", "1", "}\"", 30))),
            ("choices", provisioner(&deep("a ? b : ", "1", "", 60))),
            ("loops", provisioner(&deep("[for a in [1, 2, 3, 4] : ", "file(a)", "]", 30))),
            ("blocks", deep("a {\n", "", "}\n", 64)),
            (
                "a text that doubles",
                format!(
                    "locals {{\na0 = \"{}\"\n{}}}\n{}",
                    "x".repeat(999),
                    many(60, &|n| format!("a{} = \"${{local.a{n}}}${{local.a{n}}}\"\n", n + 1)),
                    provisioner("local.a60"),
                ),
            ),
            (
                "a list that doubles",
                format!(
                    "locals {{\na0 = [\"x\"]\n{}}}\n{}",
                    many(60, &|n| format!("a{} = concat(local.a{n}, local.a{n})\n", n + 1)),
                    provisioner("local.a60"),
                ),
            ),
            (
                "a tree that doubles",
                format!(
                    "locals {{\na0 = [\"x\"]\n{}}}\n{}",
                    many(90, &|n| format!("a{} = [local.a{n}, local.a{n}]\n", n + 1)),
                    provisioner("flatten(local.a40)") + &provisioner("local.a40"),
                ),
            ),
            (
                "a chain of locals",
                format!(
                    "locals {{\na0 = \"x\"\n{}}}\n{}",
                    many(4_000, &|n| format!("a{} = [local.a{n}]\n", n + 1)),
                    provisioner("local.a4000"),
                ),
            ),
            (
                "every step on every source",
                format!(
                    "build {{\nsources = [{}]\n{}}}\n",
                    many(4_000, &|n| format!("\"a.b{n}\",")),
                    many(4_000, &|_| "provisioner \"shell\" { script = source.name }\n".to_owned()),
                ),
            ),
            (
                "one source with much in it for many builds",
                format!(
                    "source \"a\" \"b\" {{\n{}}}\nbuild {{\nsources = [{}]\n}}\n",
                    many(4_000, &|n| format!("a{n} = 1\n")),
                    "\"a.b\",".repeat(40_000),
                ),
            ),
            (
                "long joins",
                provisioner(&format!("join(\"{0}\", split(\"\", \"{0}\"))", "x".repeat(60_000))),
            ),
            (
                "long replacements",
                provisioner(&format!("replace(\"{0}\", \"x\", \"{0}\")", "x".repeat(60_000))),
            ),
            (
                "long commands",
                format!(
                    "build {{\n{}}}\n",
                    "provisioner \"shell-local\" { command = \"".to_owned()
                        + &"./a ".repeat(100_000)
                        + "\" }\n"
                ),
            ),
            (
                "many playbooks that name themselves",
                format!(
                    "build {{\n{}}}\n",
                    "provisioner \"ansible\" { playbook_file = \"fuzzed.yml\" }\n".repeat(4_000)
                ),
            ),
            (
                "many reads of a file that reads itself",
                format!(
                    "locals {{\n{}}}\n",
                    many(4_000, &|n| {
                        format!("a{n} = templatefile(\"fuzzed.pkrtpl.hcl\", {{}})\n")
                    })
                ),
            ),
            ("garbage", "\u{1}(\"".repeat(150_000)),
        ]
    }

    /// Counts what is asked of a tree.
    struct Counted(MemoryTree, Cell<usize>);

    impl Counted {
        fn count(&self) -> &MemoryTree {
            self.1.set(self.1.get() + 1);
            &self.0
        }
    }

    impl SourceTree for Counted {
        fn kind(&self, path: &Utf8Path) -> Option<Kind> {
            self.count().kind(path)
        }

        fn is_link(&self, path: &Utf8Path) -> bool {
            self.count().is_link(path)
        }

        fn read(&self, path: &Utf8Path, most: usize) -> io::Result<Vec<u8>> {
            self.count().read(path, most)
        }

        fn list(&self, folder: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
            self.count().list(folder)
        }
    }

    /// How much was found.
    fn size(template: &Template) -> usize {
        let of_sources = template.sources.iter().map(|source| source.settings.len());
        let of_builds = template.builds.iter().map(|build| build.settings.len());
        let parts = [template.sources.len(), template.builds.len(), template.open_builds.len()];
        let named = [template.variables.len(), template.locals.len(), template.references.len()];
        let told = [template.untracked.len(), template.problems.diagnostics().len()];
        let counted = parts.iter().chain(&named).chain(&told);
        of_sources.chain(of_builds).sum::<usize>() + counted.sum::<usize>()
    }

    #[test]
    fn what_asks_for_much_gets_little() {
        // The stack of a thread for blocking work.
        let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024);
        let done = thread.spawn(|| {
            for (what, text) in hostile() {
                let tree = Counted(tree(text.as_bytes()), Cell::new(0));
                let size = size(&inspect(&tree, "/w/t"));
                // Whoever writes more is told more; nothing grows faster than that.
                assert!(size <= 10 + text.len(), "{what}: {size} found in {}", text.len());
                let asked = tree.1.get();
                assert!(asked <= 30_000, "{what}: {asked} looks at files");
            }
        });
        done.unwrap().join().unwrap();
    }
}
