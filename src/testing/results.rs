//! What a script left in its folder for results.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::model::TestCase;

use super::junit;
use super::tap::Tap;
use super::{MAX_CASES, MAX_NAME, begin};

/// Bytes of a file.
const MAX_BYTES: u64 = 8 << 20;
/// Files.
const MAX_FILES: usize = 100;

/// The cases in the files of `folder`, in the order of their names: `*.xml` is JUnit, `*.tap` is
/// TAP, other files are the script's own. What cannot be read has failed.
pub(super) fn read(folder: &Utf8Path) -> io::Result<Vec<TestCase>> {
    let mut files: Vec<Utf8PathBuf> = folder
        .read_dir_utf8()?
        .flatten()
        // Not links: they lead to files that the script did not make.
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
        .map(camino::Utf8DirEntry::into_path)
        .filter(|path| matches!(path.extension(), Some("xml" | "tap")))
        .collect();
    files.sort();
    let mut cases = Vec::new();
    let more = files.len().saturating_sub(MAX_FILES);
    for path in files.iter().take(MAX_FILES) {
        let name = begin(path.file_name().unwrap_or_default(), MAX_NAME);
        match of_file(path) {
            Ok(of_file) => cases.extend(of_file),
            Err(why) => cases.push(TestCase::failed(name, why)),
        }
    }
    if more > 0 || cases.len() > MAX_CASES {
        cases.truncate(MAX_CASES);
        let text = format!("at most {MAX_FILES} files and {MAX_CASES} cases are looked at");
        cases.push(TestCase::failed("too many results", text));
    }
    Ok(cases)
}

fn of_file(path: &Utf8Path) -> Result<Vec<TestCase>, String> {
    let size = fs_err::metadata(path).map_err(|error| error.to_string())?.len();
    if size > MAX_BYTES {
        return Err(format!("has {size} bytes, and {MAX_BYTES} are looked at"));
    }
    let bytes = fs_err::read(path).map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&bytes);
    if path.extension() == Some("xml") {
        return junit::read(&text);
    }
    let mut tap = Tap::default();
    text.lines().for_each(|line| tap.push(line));
    if tap.is_there() { Ok(tap.finish()) } else { Err("is no TAP".to_owned()) }
}
