//! Tests of a build: on copies of the artifact, never on the artifact itself. What they find are
//! cases, whoever looked: a script by its exit status, TAP or JUnit XML; `boot`, which is built in.

mod boot;
mod clone;
mod error;
mod junit;
mod results;
mod script;
mod tap;

pub use boot::{Boot, QEMU};
pub use clone::{Clones, changed};
pub use error::TestingError;
pub use script::{Script, folder_of};

/// So many cases of a test are looked at.
const MAX_CASES: usize = 10_000;
/// Characters of a case's name.
const MAX_NAME: usize = 300;
/// Characters of a case's message.
const MAX_MESSAGE: usize = 2_000;

/// The beginning of `text`, trimmed, of at most so many characters.
fn begin(text: &str, most: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
