//! Paths of the file system, resolved by their text alone.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::context::Context;
use super::field::Field;
use crate::diagnostics::quoted;

/// `path` as seen from `folder`, without `.`, `..` and doubled slashes. Symbolic links are not
/// looked at.
pub fn resolve(folder: &Utf8Path, path: &str) -> Utf8PathBuf {
    let mut resolved = Utf8PathBuf::new();
    for component in folder.join(path).components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    resolved
}

/// Reads a path that starts at `folder`.
pub(super) fn read(
    field: Field<'_>,
    folder: &Utf8Path,
    example: &str,
    context: &mut Context,
) -> Option<Utf8PathBuf> {
    let text = field.text("a path", example, context)?;
    if let Some(why) = objection(text) {
        let message = format!("{} is not a path", quoted(text));
        context.push(field.error("bad-path", message, why));
        return None;
    }
    Some(resolve(folder, text))
}

/// Why a text is not taken as a path.
pub(super) fn objection(text: &str) -> Option<&'static str> {
    if text.starts_with('~') {
        Some("`~` is not expanded: write the path itself")
    } else if text.contains(char::is_control) {
        Some("it holds a control character or a line end")
    } else if text.contains("://") {
        Some("this is a URL")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_resolved_by_their_text() {
        let seen = |path| resolve("/repo".into(), path).into_string();
        assert_eq!(seen("packer/debian"), "/repo/packer/debian");
        assert_eq!(seen("./packer//debian/."), "/repo/packer/debian");
        assert_eq!(seen("../other"), "/other");
        assert_eq!(seen("../../../.."), "/");
        assert_eq!(seen("/srv/images/"), "/srv/images");
        assert_eq!(seen("."), "/repo");
        assert_eq!(resolve("".into(), "a/../b").as_str(), "b");
    }
}
