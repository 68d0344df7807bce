//! How runners read what a step writes, for tests: written after GitHub's runner
//! (`FileCommandManager.cs`, `ActionCommand.cs`) and act (`parse_env_file.go`, `command.go`), which
//! Forgejo's and Gitea's runners come from.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

/// The entries of an output file, in order.
type Entries = Vec<(String, String)>;

/// Splits a line at `=` or `<<`, whichever comes first: the name, whether it is a delimiter that
/// follows, and what follows.
fn split_entry(line: &str) -> Option<(&str, bool, &str)> {
    let (single, multi) = (line.find('='), line.find("<<"));
    match (single, multi) {
        (Some(single), multi) if multi.is_none_or(|multi| single < multi) => {
            Some((&line[..single], false, &line[single + 1..]))
        }
        (_, Some(multi)) => Some((&line[..multi], true, &line[multi + 2..])),
        _ => None,
    }
}

/// Reads an output file as GitHub's runner does.
pub(super) fn github_file(text: &str) -> Result<Entries, String> {
    let mut entries = Vec::new();
    let mut rest = text;
    let mut next_line = || -> Option<(&str, bool)> {
        if rest.is_empty() {
            return None;
        }
        let (line, after, ended) = match rest.split_once('\n') {
            Some((line, after)) => (line, after, true),
            None => (rest, "", false),
        };
        rest = after;
        Some((line, ended))
    };
    while let Some((line, _)) = next_line() {
        if line.is_empty() {
            continue;
        }
        let (name, multi, value) = split_entry(line).ok_or("invalid format")?;
        if name.is_empty() {
            return Err("name must not be empty".to_owned());
        }
        let value = if multi {
            let mut lines = Vec::new();
            loop {
                match next_line() {
                    Some((line, _)) if line == value => break,
                    Some((line, true)) => lines.push(line),
                    Some((_, false)) => return Err("EOF marker missing new line".to_owned()),
                    None => return Err("matching delimiter not found".to_owned()),
                }
            }
            lines.join("\n")
        } else {
            value.to_owned()
        };
        entries.push((name.to_owned(), value));
    }
    Ok(entries)
}

/// Reads an output file as act does.
pub(super) fn act_file(text: &str) -> Result<Entries, String> {
    // Go's line scanner takes a carriage return away and gives up at a long line.
    let mut lines = text
        .split_terminator('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .take_while(|line| line.len() < 64 * 1024);
    let mut entries = Vec::new();
    while let Some(line) = lines.next() {
        let (name, multi, value) = split_entry(line).ok_or("invalid format")?;
        let value = if multi {
            let mut content = String::new();
            loop {
                let line = lines.next().ok_or("delimiter not found")?;
                if line == value {
                    break content;
                }
                if !content.is_empty() {
                    content.push('\n');
                }
                content.push_str(line);
            }
        } else {
            value.to_owned()
        };
        entries.push((name.to_owned(), value));
    }
    Ok(entries)
}

/// A command that a runner found in a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    pub(super) name: String,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) data: String,
}

/// The commands that GitHub's runner knows.
const REGISTERED: [&str; 16] = [
    "internal-set-repo-path",
    "set-env",
    "set-output",
    "save-state",
    "add-path",
    "add-mask",
    "add-matcher",
    "remove-matcher",
    "warning",
    "error",
    "notice",
    "debug",
    "group",
    "endgroup",
    "echo",
    "stop-commands",
];

/// Finds a command in a line as GitHub's runner does: the present form, then the old one.
pub(super) fn github_command(line: &str) -> Option<Command> {
    let present = || {
        let (header, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
        let escapes = [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")];
        let data_escapes = [("%0D", "\r"), ("%0A", "\n"), ("%25", "%")];
        command(header, ',', &escapes, data, &data_escapes)
    };
    let old = || {
        let (header, data) = line.split_once("##[")?.1.split_once(']')?;
        let escapes = [("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%")];
        command(header, ';', &escapes, data, &escapes)
    };
    present().or_else(old)
}

fn command(
    header: &str,
    separator: char,
    escapes: &[(&str, &str)],
    data: &str,
    data_escapes: &[(&str, &str)],
) -> Option<Command> {
    let (name, properties) = header.split_once(' ').unwrap_or((header, ""));
    let properties = properties
        .trim()
        .split(separator)
        .filter_map(|property| property.split_once('='))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), unescape(value, escapes)))
        .collect();
    REGISTERED.contains(&name).then(|| Command {
        name: name.to_owned(),
        properties,
        data: unescape(data, data_escapes),
    })
}

fn unescape(text: &str, escapes: &[(&str, &str)]) -> String {
    escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Finds a command in a line as act does. Any name counts as a command: most are only logged.
pub(super) fn act_command(line: &str) -> Option<Command> {
    static PATTERNS: LazyLock<[(Regex, char); 2]> = LazyLock::new(|| {
        [(r"^::([^ ]+)( (.+))?::([^\r\n]*)$", ','), (r"^##\[([^ ]+)( (.+))?\]([^\r\n]*)$", ';')]
            .map(|(pattern, separator)| (Regex::new(pattern).unwrap(), separator))
    });
    PATTERNS.iter().find_map(|(pattern, separator)| {
        let found = pattern.captures(line)?;
        let properties = found.get(3).map_or("", |properties| properties.as_str());
        Some(Command {
            name: found[1].to_owned(),
            properties: properties
                .split(*separator)
                .filter_map(|property| property.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            data: found[4].to_owned(),
        })
    })
}
