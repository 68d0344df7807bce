//! os-release(5): who a system says it is.

use std::collections::BTreeMap;

/// Names that are kept.
const NAMES: usize = 64;
/// Letters of a value.
const LETTERS: usize = 256;

/// The values of os-release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OsRelease(BTreeMap<String, String>);

impl OsRelease {
    /// Reads the file. Lines that break its rules are passed over.
    pub fn parse(text: &[u8]) -> Self {
        let text = String::from_utf8_lossy(text);
        let values = text.lines().filter_map(|line| {
            let (name, value) = line.trim().split_once('=')?;
            let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
            (!name.is_empty() && name.chars().all(part))
                .then(|| (name.to_owned(), unquote(value.trim())))
        });
        Self(values.take(NAMES).collect())
    }

    /// A value; empty if it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// `ID`: `debian`; `linux` if it is not there, as the manual page has it.
    pub fn id(&self) -> &str {
        Some(self.get("ID")).filter(|id| !id.is_empty()).unwrap_or("linux")
    }

    /// `VERSION_ID`: `12`; empty where a system has no versions.
    pub fn version_id(&self) -> &str {
        self.get("VERSION_ID")
    }
}

/// A value without its quotes, and without anything that a terminal would obey.
fn unquote(value: &str) -> String {
    let inside = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value);
    let mut escaped = false;
    inside
        .chars()
        .filter(|letter| {
            escaped = *letter == '\\' && !escaped;
            !escaped && !letter.is_control()
        })
        .take(LETTERS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_lose_their_quotes_and_nothing_else() {
        let text = b"# comment\nID=debian\nVERSION_ID=\"12\"\nNAME='It\x1b[31m'\nPRETTY_NAME=\"a \\\"b\\\" \\\\\"\nbad name=1\nEMPTY=\n";
        insta::assert_debug_snapshot!(OsRelease::parse(text), @r#"
        OsRelease(
            {
                "EMPTY": "",
                "ID": "debian",
                "NAME": "It[31m",
                "PRETTY_NAME": "a \"b\" \\",
                "VERSION_ID": "12",
            },
        )
        "#);
    }
}
