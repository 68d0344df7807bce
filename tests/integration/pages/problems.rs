//! `docs/problems.md`: every kind of problem, with a sample.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use camino::Utf8Path;
use goldsmith::diagnostics::{
    Diagnostic, PAGE, Problems, Sources, Span, Style, explained_at, render,
};
use goldsmith::packer::{Problem, ProblemLevel, Unformatted};
use goldsmith::{config, inputs, packer};

use super::{compare, generated};
use crate::configs::{read, samples, too_large};

#[test]
fn problems_are_explained() {
    let mut shown = BTreeMap::new();
    for sample in [samples("invalid"), samples("valid")].concat() {
        match read(&sample) {
            Err(problems) => collect(problems, &mut shown),
            Ok(checked) => {
                let mut problems = checked.warnings;
                checked.later.everywhere.into_iter().for_each(|refusal| problems.push(refusal));
                collect(problems, &mut shown);
            }
        }
    }
    collect(too_large(), &mut shown);
    collect(of_files(), &mut shown);
    collect(of_packer(), &mut shown);
    collect(of_lock(), &mut shown);
    collect(of_waivers(), &mut shown);

    let mut page = generated(
        "`src/config/ids.rs`, `src/inputs/`, `src/packer/diagnostics.rs` and the samples in `tests/configs/`",
    );
    page.push_str("# Problems\n\nWhat `goldsmith lint` tells of, and `plan` and `run` before they do anything. Each with a sample.\n");
    let mut kinds = [
        config::PROBLEMS,
        config::PROBLEMS_OF_LOCK,
        config::PROBLEMS_OF_WAIVERS,
        inputs::PROBLEMS,
        inputs::TEMPLATE_PROBLEMS,
        packer::PROBLEMS,
    ]
    .concat();
    kinds.sort_by_key(|kind| kind.id);
    for kind in kinds {
        let (id, meaning) = (kind.id, kind.meaning);
        let sample = shown.get(id).unwrap_or_else(|| panic!("`{id}` has no sample"));
        assert!(meaning.ends_with('.') && !sample.contains("```"), "{id}");
        assert_eq!(explained_at(id), format!("{PAGE}#{id}"));
        write!(page, "\n## {id}\n\n{meaning}\n\n```text\n{sample}\n```\n").unwrap();
    }
    compare(PAGE, &page);
}

/// Keeps the shortest sample of each kind.
fn collect(problems: Problems, shown: &mut BTreeMap<&'static str, String>) {
    let problems = problems.shown_from("/repo".into());
    for one in problems.diagnostics() {
        let text = render(std::slice::from_ref(one), problems.sources(), Style::Plain);
        // Without the line that counts.
        let (text, _) = text.rsplit_once("\n\n").unwrap();
        let size = |text: &str| (text.lines().count(), text.len());
        let better = shown.get(one.id).is_none_or(|there| size(text) < size(there));
        if better {
            shown.insert(one.id, text.to_owned());
        }
    }
}

/// Every kind of problem that a file with waivers can have.
fn of_waivers() -> Problems {
    const WAIVERS: &str = "\
- id: CVE-2026-*
- { id: CVE-2026-1111, reason: x, until: 2026-12-31, images: ['debian-[12'] }
- { id: CVE-2026-2222, reason: x, until: 2026-12-31, images: [] }
- { id: CVE-2026-3333, reason: x, until: 2026-12-31, images: [debain-12] }
- { id: CVE-2026-3333, reason: y, until: 2026-12-31, images: [debain-12] }
- { id: CVE-2026-4444, reason: x, until: 2027-12-31 }
";
    let image = "debian-12".parse().unwrap();
    let checks = config::WaiverChecks {
        images: [(&image, Duration::from_hours(90 * 24))].into(),
        today: "2026-11-23".parse().unwrap(),
    };
    let look = |text: &str, problems| {
        config::look_at_waivers("/repo/waivers.yml".into(), text.as_bytes(), &checks, problems).1
    };
    let mut problems = look(WAIVERS, Problems::new(Sources::default()));
    let many = format!("[{}]\n", vec!["x"; 5001].join(","));
    let more = look(&many, Problems::new(Sources::default()));
    let of_many =
        more.diagnostics().iter().map(|one| Diagnostic { labels: Vec::new(), ..one.clone() });
    of_many.for_each(|one| problems.push(one));
    problems
        .push(Diagnostic::error("bad-list", "`kev`: `kev.json` cannot be used: it names nothing"));
    problems
}

/// Every kind of problem that files can have.
fn of_files() -> Problems {
    const IMAGES: &str = "\
version: 1
registry: ./registry
defaults:
  stores: [{ dir: { url: ./store } }]
images:
  debian-12:
    template: empty
    workdir: notes.txt
    os: { family: debian, release: \"12\" }
    source: cloud-image
  debian-13:
    template: packer/debain
    var_files: [folder.pkrvars.hcl]
    os: { family: debian, release: \"13\" }
    source: cloud-image
  typing-mistakes:
    template: packer/two.pkr.hcl
    build: file.debain
    vars: { sise: 8G }
    os: { family: debian, release: \"12\" }
    source: cloud-image
  in-old-words:
    template: packer/old.json
    secret_vars: { token: TOKEN }
    os: { family: debian, release: \"12\" }
    source: cloud-image
  which-one:
    template: packer/two.pkr.hcl
    vars: { size: 8G }
    os: { family: debian, release: \"12\" }
    source: cloud-image
  overruled:
    template: packer/two.pkr.hcl
    build: file.debian
    var_files: [packer/size.pkrvars.hcl]
    secret_vars: { size: SIZE }
    os: { family: debian, release: \"12\" }
    source: cloud-image
  closed:
    template: packer/two.pkr.hcl
    build: file.debian
    vars: { size: 8G }
    enforce: [notes.txt]
    os: { family: debian, release: \"12\" }
    source: cloud-image
  without-a-guest:
    template: packer/two.pkr.hcl
    build: file.debian
    vars: { size: 8G }
    evidence: guest
    os: { family: debian, release: \"12\" }
    source: cloud-image
  broken:
    template: packer/broken.pkr.hcl
    os: { family: debian, release: \"12\" }
    source: cloud-image
";
    const TWO: &str = "\
variable \"size\" {}
source \"file\" \"debian\" {}
source \"file\" \"ubuntu\" {}
build { sources = [\"file.debian\", \"file.ubuntu\"] }
";
    let folder = tempfile::tempdir().unwrap();
    let folder = Utf8Path::from_path(folder.path()).unwrap();
    fs_err::create_dir(folder.join("empty")).unwrap();
    fs_err::create_dir(folder.join("folder.pkrvars.hcl")).unwrap();
    fs_err::write(folder.join("notes.txt"), "").unwrap();
    fs_err::write(folder.join(".trivyignore"), "CVE-2026-1234\n").unwrap();
    fs_err::create_dir(folder.join("packer")).unwrap();
    fs_err::write(folder.join("packer/two.pkr.hcl"), TWO).unwrap();
    fs_err::write(folder.join("packer/size.pkrvars.hcl"), "size = \"8G\"\n").unwrap();
    let old = r#"{ "variables": { "token": null }, "builders": [ { "type": "null" } ] }"#;
    fs_err::write(folder.join("packer/old.json"), old).unwrap();
    fs_err::write(folder.join("packer/broken.pkr.hcl"), "source \"file\" {\n").unwrap();
    let checked = config::read(&folder.join("images.yml"), IMAGES.as_bytes()).unwrap();
    let mut problems = checked.warnings;
    inputs::check(folder, checked.catalog.images.values(), &checked.places, &mut problems);
    problems.shown_from(folder)
}

/// Every kind of problem that only `goldsmith.lock` has.
fn of_lock() -> Problems {
    const LOCK: &str = "\
version: 1
plugins:
  github.com/hashicorp/qemu:
    1.1.4:
      linux-amd64: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855
      linux_arm64: e3b0c442
";
    config::plugin_lock("/repo/goldsmith.lock".into(), LOCK.as_bytes()).unwrap_err()
}

/// Every kind of problem that Packer has with templates.
fn of_packer() -> Problems {
    const TEMPLATE: &str = "source \"file\" \"debian\" {\n  contents=var.text\n}\n";
    let mut problems = Problems::new(Sources::default());
    let images = problems.add_source("images.yml", "images:\n  debian:\n    template: packer\n");
    let place = Span { source: images, start: 32, end: 38 };
    let missing = "the template is not validated: Packer lacks `github.com/hashicorp/qemu ~> 1`";
    problems.push(Diagnostic::warning("not-validated", missing).at(place, ""));
    let why = "builds change nothing in the template: which build of the template it is can only be told by Packer";
    problems.push(Diagnostic::warning("not-edited", why).at(place, ""));
    let unlocked = "goldsmith.lock has no version of `github.com/hashicorp/qemu` that is `~> 1.1`";
    problems.push(Diagnostic::warning("not-locked", unlocked).at(place, ""));
    let source = problems.add_source("packer/debian.pkr.hcl", TEMPLATE);
    let file = problems.sources().get(source).unwrap().clone();
    let refused = Problem {
        level: ProblemLevel::Error,
        place: Some(("debian.pkr.hcl".to_owned(), 2)),
        summary: "Unsupported argument".to_owned(),
        detail: "An argument named \"contents\" is not expected here.".to_owned(),
    };
    let place = refused.span(source, &file).unwrap();
    problems.push(refused.diagnostic().at(place, ""));
    let unformatted = Unformatted {
        file: "packer/debian.pkr.hcl".to_owned(),
        line: 2,
        lines: 1,
        wanted: vec!["  contents = var.text".to_owned()],
    };
    let (place, label) = unformatted.span(source, &file).unwrap();
    problems.push(unformatted.diagnostic().at(place, label));
    problems
}
