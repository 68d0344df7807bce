//! The sample files of `tests/configs`: one case a file, found by themselves.
//!
//! Beside `valid/NAME.yml` stands `NAME.json`: the catalog; `NAME.later`: what is not there yet. Beside `invalid/NAME.yml` stands
//! `NAME.stderr`: what the user reads. `UPDATE_EXPECTED=1` writes both from what is read now.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::config;
use goldsmith::diagnostics::{Problems, Style};
use goldsmith::environment::Environment;

/// The sample files of a folder, in order.
pub(crate) fn samples(folder: &str) -> Vec<Utf8PathBuf> {
    let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs").join(folder);
    let mut files: Vec<Utf8PathBuf> = fs_err::read_dir(folder)
        .unwrap()
        .map(|entry| Utf8PathBuf::from_path_buf(entry.unwrap().path()).unwrap())
        .filter(|path| path.extension() == Some("yml"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Reads a sample as if it lay in `/repo`.
pub(crate) fn read(sample: &Utf8Path) -> Result<config::Checked, Problems> {
    let path = Utf8Path::new("/repo").join(sample.file_name().unwrap());
    config::read(&path, &fs_err::read(sample).unwrap())
        .map_err(|problems| problems.shown_from("/repo".into()))
}

/// Compares with the file beside `sample`; returns what is wrong.
fn compare(sample: &Utf8Path, extension: &str, found: &str) -> Option<String> {
    let path = sample.with_extension(extension);
    if Environment::of_process().get("UPDATE_EXPECTED").is_some() {
        fs_err::write(&path, found).unwrap();
        return None;
    }
    let advice = "run with UPDATE_EXPECTED=1 to write it, then read it";
    match fs_err::read_to_string(&path) {
        Ok(expected) if expected == found => None,
        Ok(expected) => Some(format!("{path} says\n{expected}\nbut now it is\n{found}\n{advice}")),
        Err(_) => Some(format!("{path} is missing. Now it is\n{found}\n{advice}")),
    }
}

/// The same, where nothing is written beside the sample if nothing was found.
fn compare_if_any(sample: &Utf8Path, extension: &str, found: &str) -> Option<String> {
    let any = !found.is_empty() || sample.with_extension(extension).exists();
    any.then(|| compare(sample, extension, found))?
}

fn all_as_expected(wrong: &[String]) {
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_valid_sample_gives_its_catalog() {
    let wrong: Vec<String> = samples("valid")
        .iter()
        .filter_map(|sample| match read(sample) {
            Err(problems) => Some(problems.render(Style::Plain)),
            Ok(checked) => {
                let mut json = serde_json::to_string_pretty(&checked.catalog).unwrap();
                json.push('\n');
                let warnings = checked.warnings.shown_from("/repo".into());
                let warnings = warnings.render(Style::Plain);
                let later = refusals(&checked.later);
                let later = compare_if_any(sample, "later", &later);
                compare(sample, "json", &json)
                    .or(later)
                    .or_else(|| compare_if_any(sample, "stderr", &warnings))
            }
        })
        .collect();
    all_as_expected(&wrong);
}

/// What a file asks for and this version cannot do, a line each.
fn refusals(later: &config::Later) -> String {
    let of_images = later.images.iter().map(|later| &later.refusal);
    let all = later.everywhere.iter().chain(of_images);
    let lines: Vec<&str> = all.map(|refusal| refusal.message.as_str()).collect();
    lines.join("\n")
}

#[test]
fn every_invalid_sample_gives_its_messages() {
    let wrong: Vec<String> = samples("invalid")
        .iter()
        .filter_map(|sample| match read(sample) {
            Ok(_) => Some(format!("{sample} was accepted")),
            Err(problems) => compare(sample, "stderr", &problems.render(Style::Plain)),
        })
        .collect();
    all_as_expected(&wrong);
}

pub(crate) fn too_large() -> Problems {
    let bytes = vec![b'#'; 4 * 1024 * 1024 + 1];
    config::read("/repo/images.yml".into(), &bytes).unwrap_err().shown_from("/repo".into())
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    insta::assert_snapshot!(too_large(), @"
    error[too-large]: the file is too large: 4097 KiB, and at most 4096 KiB are read
    --> images.yml
     = help: is this really a file for goldsmith?

    error: 1 problem in images.yml
    ");
}

#[test]
fn every_kind_of_problem_has_a_sample() {
    let mut ids = BTreeSet::new();
    for sample in [samples("valid"), samples("invalid")].concat() {
        let problems = match read(&sample) {
            Err(problems) => problems,
            Ok(checked) => {
                ids.extend(checked.later.images.iter().map(|later| later.refusal.id));
                checked.warnings
            }
        };
        ids.extend(problems.diagnostics().iter().map(|found| found.id));
    }
    // The one kind whose sample would be a burden on the repository.
    ids.extend(too_large().diagnostics().iter().map(|found| found.id));
    let known: BTreeSet<&str> = config::PROBLEMS.iter().map(|kind| kind.id).collect();
    assert_eq!(ids, known, "samples on the left, `config::PROBLEMS` on the right");
}
