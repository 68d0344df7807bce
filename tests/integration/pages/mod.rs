//! Pages of the documentation that come from the code. `UPDATE_EXPECTED=1` writes them.

mod problems;
mod reference;
mod rules;

use camino::Utf8Path;
use goldsmith::environment::Environment;

/// What every page begins with.
fn generated(from: &str) -> String {
    format!("<!-- Made from {from} by `UPDATE_EXPECTED=1 cargo test pages`. -->\n\n")
}

/// Compares with the page of the repository, or writes it.
fn compare(path: &str, page: &str) {
    let file = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if Environment::of_process().get("UPDATE_EXPECTED").is_some() {
        fs_err::create_dir_all(file.parent().unwrap()).unwrap();
        fs_err::write(file, page).unwrap();
        return;
    }
    let there = fs_err::read_to_string(file).unwrap_or_default();
    assert!(there == page, "{path} is out of date: run with UPDATE_EXPECTED=1 to write it");
}
