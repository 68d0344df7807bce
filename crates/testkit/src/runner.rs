//! How forges' runners read what a step prints: which lines are commands, and which are shown.
//!
//! Written after GitHub's runner (`ProcessInvoker.cs`, `OutputManager.cs`, `ActionCommandManager.cs`,
//! `ActionCommand.cs`), act (`command.go`), and what Forgejo's and Gitea's runners put behind it
//! (`reporter.go`).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;

/// A command that a runner found in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What is to be done.
    pub name: String,
    /// Its properties.
    pub properties: BTreeMap<String, String>,
    /// What stands behind it.
    pub data: String,
}

/// What a runner made of the output of a step.
#[derive(Debug, Default)]
pub struct Heard {
    /// The commands, in order.
    pub commands: Vec<Command>,
    /// The lines that people see.
    pub shown: Vec<String>,
}

/// GitHub's runner: it ends lines also at carriage returns.
pub fn github(output: &[u8]) -> Heard {
    let text = String::from_utf8_lossy(output).replace("\r\n", "\n").replace('\r', "\n");
    heard(&text, github_command)
}

/// act, and its descendants' own part: whatever one of the two takes for a command is one.
pub fn act(output: &[u8]) -> Heard {
    heard(&String::from_utf8_lossy(output), |line| {
        act_command(line).or_else(|| reporter_command(line))
    })
}

fn heard(text: &str, command: impl Fn(&str) -> Option<Command>) -> Heard {
    let mut heard = Heard::default();
    for line in text.lines() {
        match command(line) {
            Some(command) => heard.commands.push(command),
            None => heard.shown.push(line.to_owned()),
        }
    }
    heard
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

/// Finds a command in a line as GitHub's runner does: the present form, then the old one. Where its
/// machine has cultures, characters that none of them gives any weight do not count.
pub fn github_command(line: &str) -> Option<Command> {
    let weightless = |c: &char| {
        (c.is_control() && !c.is_whitespace())
            || matches!(
                c,
                '\u{ad}'
                    | '\u{34f}'
                    | '\u{61c}'
                    | '\u{115f}'..='\u{1160}'
                    | '\u{17b4}'..='\u{17b5}'
                    | '\u{180b}'..='\u{180f}'
                    | '\u{200b}'..='\u{200f}'
                    | '\u{202a}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}'
                    | '\u{3164}'
                    | '\u{fe00}'..='\u{fe0f}'
                    | '\u{feff}'
                    | '\u{ffa0}'
                    | '\u{fff9}'..='\u{fffb}'
                    | '\u{e0000}'..='\u{e0fff}'
            )
    };
    let seen: String = line.chars().filter(|c| !weightless(c)).collect();
    let ways = [line, &seen];
    ways.iter().find_map(|line| present(line)).or_else(|| ways.iter().find_map(|line| old(line)))
}

fn present(line: &str) -> Option<Command> {
    let (header, data) = line.trim_start().strip_prefix("::")?.split_once("::")?;
    let escapes = [("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")];
    let data_escapes = [("%0D", "\r"), ("%0A", "\n"), ("%25", "%")];
    registered(header, ',', &escapes, data, &data_escapes)
}

fn old(line: &str) -> Option<Command> {
    let (header, data) = line.split_once("##[")?.1.split_once(']')?;
    let escapes = [("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%")];
    registered(header, ';', &escapes, data, &escapes)
}

fn registered(
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
    REGISTERED.iter().any(|known| known.eq_ignore_ascii_case(name)).then(|| Command {
        name: name.to_owned(),
        properties,
        data: unescape(data, data_escapes),
    })
}

fn unescape(text: &str, escapes: &[(&str, &str)]) -> String {
    escapes.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Finds a command in a line as act does. Any name counts as a command: most are only logged.
pub fn act_command(line: &str) -> Option<Command> {
    static PATTERNS: LazyLock<[(Regex, char); 2]> = LazyLock::new(|| {
        [
            (r"^::([^ ]+)( (.+))?::([^\r\n]*)[\r\n]*$", ','),
            (r"^##\[([^ ]+)( (.+))?\]([^\r\n]*)[\r\n]*$", ';'),
        ]
        .map(|(pattern, separator)| {
            (Regex::new(pattern).expect("the pattern is a constant"), separator)
        })
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

/// Finds a command in a line as the reporters of Forgejo's and Gitea's runners do. They undo no escapes.
pub fn reporter_command(line: &str) -> Option<Command> {
    static PATTERN: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"^::([^ :]+)( .*)?::(.*)$").expect("the pattern is a constant")
    });
    let found = PATTERN.captures(line.trim_end_matches(['\r', '\n']))?;
    Some(Command {
        name: found[1].to_owned(),
        properties: BTreeMap::new(),
        data: found[3].to_owned(),
    })
}
