//! What a guest says of itself while it is built, for artifacts that nobody can look into from outside:
//! the scripts that collect it in there, and readers of what they leave.
//!
//! The guest decides every byte of it. Readers take what they understand, say what they do not, and
//! are bounded by what they are given.

mod collected;
mod gather;
mod windows;

pub use collected::{
    Kind, LeftOut, Listed, Lists, Pending, Updates, files, left_out, pending, updates,
};
pub use gather::guest;
pub use windows::{Windows, WindowsError};

use super::selection;
use crate::model::Scope;

/// Where the collected parts lie in the archive, beside the files of the guest.
pub const PARTS: &str = "goldsmith-collected/";

/// The last part. An archive without it was cut off.
pub const COMPLETE: &str = "complete";

const SHELL: &str = include_str!("collect.sh");
const POWERSHELL: &str = include_str!("collect.ps1");

/// A path in the guest that nobody in there can guess: `random` is letters and digits.
pub fn made_at(random: &str, windows: bool) -> String {
    let folder = if windows { "C:/Windows/Temp" } else { "/tmp" };
    format!("{folder}/goldsmith-{random}.tar")
}

/// A script that collects, in a guest, what is looked at: see [`script`].
pub fn collecting(scope: Scope, made: &str, windows: bool) -> String {
    let patterns: Vec<&str> = selection::patterns(scope).collect();
    script(&patterns, made, windows)
}

/// A script that collects, in a guest, the files which match `patterns` (below `/`; `*` stands for any
/// text within one name, hidden ones too) and the parts, into a new archive at `made`. A Windows guest has only the parts.
pub fn script(patterns: &[&str], made: &str, windows: bool) -> String {
    if windows {
        let made = made.replace('\'', "''");
        return POWERSHELL.replacen("@MADE@", &format!("'{made}'"), 1);
    }
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let lines: Vec<String> = patterns.iter().flat_map(|pattern| globs(pattern)).collect();
    let script = SHELL.replacen("@MADE@", &quoted(made), 1);
    script.replacen("@PATTERNS@", &quoted(&lines.join("\n")), 1)
}

/// A pattern as globs of the shell, of which one that begins with `*` matches no hidden names.
fn globs(pattern: &str) -> Vec<String> {
    // What is absolute would be so in the archive too, and what begins with `-` be an option.
    let mut globs = vec![".".to_owned()];
    for name in pattern.split('/').filter(|name| !name.is_empty()) {
        let beginnings: &[&str] =
            if name.starts_with('*') { &["/", "/.[!.]", "/..?"] } else { &["/"] };
        globs = globs
            .iter()
            .flat_map(|glob| beginnings.iter().map(move |it| format!("{glob}{it}{name}")))
            .collect();
    }
    globs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_get_paths_and_patterns_as_words_of_their_language() {
        let filled = |script: String| {
            let filled = |line: &&str| line.starts_with(['m', '$']) && line.contains("made =");
            let lines = script.lines().skip_while(|line| !line.starts_with("made=")).take(5);
            let windows = script.lines().find(filled).map(str::to_owned);
            windows.unwrap_or_else(|| lines.collect::<Vec<_>>().join("\n"))
        };
        let made = made_at("0f", false);
        insta::assert_snapshot!(filled(script(&["etc/os-release", "/it's/*"], &made, false)), @r"
        made='/tmp/goldsmith-0f.tar'
        patterns='./etc/os-release
        ./it'\''s/*
        ./it'\''s/.[!.]*
        ./it'\''s/..?*'
        ");
        let made = made_at("it's", true);
        insta::assert_snapshot!(filled(script(&[], &made, true)), @"$made = 'C:/Windows/Temp/goldsmith-it''s.tar'");
    }
}
