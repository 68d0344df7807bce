//! Workflow commands: what a step prints to have the runner do something.
//!
//! Nothing here prints. Every function makes one line, without its end.

use std::fmt::Write as _;

use super::context::Runner;

/// Annotations of one level that a step can make. GitHub drops the rest.
const MAX_ANNOTATIONS: usize = 10;

/// Escapes the message of a command.
pub fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a property of a command.
pub fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The line that opens a group in the log; nothing where groups are not folded.
pub fn group(runner: Runner, title: &str) -> Option<String> {
    if !runner.folds_groups() {
        return None;
    }
    let title = if runner.is_github() { escape_data(title) } else { plain_title(title) };
    Some(format!("::group::{title}"))
}

/// The line that closes the group in the log; nothing where groups are not folded.
pub fn end_group(runner: Runner) -> Option<String> {
    runner.folds_groups().then(|| "::endgroup::".to_owned())
}

/// A title for runners that descend from act. They take the last `::` of a line for the end of the
/// command, and undo escapes in no fixed order: so there is nothing to escape with.
fn plain_title(title: &str) -> String {
    let mut plain = String::new();
    for c in title.chars() {
        match c {
            '\r' | '\n' => plain.push(' '),
            ':' if plain.is_empty() || plain.ends_with(':') => plain.push_str(" :"),
            '%' => plain.push_str("% "),
            c => plain.push(c),
        }
    }
    plain
}

/// The line that has the runner mask `secret`, of one line, wherever it stands from here on. Nothing
/// where the command would be taken for something else, and printed.
pub fn add_mask(runner: Runner, secret: &str) -> Option<String> {
    if runner == Runner::Local || secret.trim().is_empty() {
        return None;
    }
    if runner.is_github() {
        return Some(format!("::add-mask::{}", escape_data(secret)));
    }
    // Runners that descend from act mask what stands there, as it stands there, and take the last `::`
    // for the end of the command.
    let ambiguous =
        secret.contains("::") || secret.starts_with(':') || secret.contains(['\r', '\n']);
    (!ambiguous).then(|| format!("::add-mask::{secret}"))
}

/// How grave an annotation is. The gravest come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something that failed.
    Error,
    /// Something to look at.
    Warning,
    /// Something to know.
    Notice,
}

impl Level {
    fn command(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// A place in a file of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Path from the root of the repository.
    pub file: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Column, from 1; only with a line.
    pub column: Option<u32>,
}

/// A remark that a forge can show beside the code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Annotation {
    /// How grave it is.
    pub level: Level,
    /// A headline; may be empty.
    pub title: String,
    /// Where it belongs.
    pub place: Option<Place>,
    /// What it says; may have several lines.
    pub message: String,
}

impl Annotation {
    fn render(&self, runner: Runner) -> String {
        if runner.is_github() { self.command() } else { self.plain() }
    }

    fn command(&self) -> String {
        let mut properties = Vec::new();
        let mut set = |name: &str, value: &str| {
            // GitHub trims what stands between the command and its message.
            let value = value.trim();
            if !value.is_empty() {
                properties.push(format!("{name}={}", escape_property(value)));
            }
        };
        if let Some(place) = &self.place {
            set("file", &place.file);
            if let Some(line) = place.line {
                set("line", &line.to_string());
                if let Some(column) = place.column {
                    set("col", &column.to_string());
                }
            }
        }
        set("title", &self.title);
        let mut line = format!("::{}", self.level.command());
        if !properties.is_empty() {
            let _ = write!(line, " {}", properties.join(","));
        }
        format!("{line}::{}", escape_data(&self.message))
    }

    /// For logs that show an annotation command as it is.
    fn plain(&self) -> String {
        let mut line = self.level.command().to_uppercase();
        if let Some(place) = &self.place {
            let _ = write!(line, " {}", place.file);
            for number in place.line.into_iter().chain(place.column) {
                let _ = write!(line, ":{number}");
            }
        }
        for part in [&self.title, &self.message] {
            if !part.is_empty() {
                let text: Vec<_> = part.split_whitespace().collect();
                let _ = write!(line, ": {}", text.join(" "));
            }
        }
        line
    }
}

/// The lines for annotations: the gravest first, and no more of a level than are shown. The last of
/// a level says how many were left out. Close every group before printing them.
pub fn annotations(runner: Runner, annotations: &[Annotation]) -> Vec<String> {
    let mut lines = Vec::new();
    for level in [Level::Error, Level::Warning, Level::Notice] {
        let all: Vec<_> =
            annotations.iter().filter(|annotation| annotation.level == level).collect();
        let shown = if all.len() > MAX_ANNOTATIONS { MAX_ANNOTATIONS - 1 } else { all.len() };
        lines.extend(all[..shown].iter().map(|one| one.render(runner)));
        if shown < all.len() {
            let rest = Annotation {
                level,
                title: String::new(),
                place: None,
                message: format!("{} more: see the report", all.len() - shown),
            };
            lines.push(rest.render(runner));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runner::reference::{act_command, github_command, reporter_command};

    fn annotation(level: Level, message: &str) -> Annotation {
        Annotation {
            level,
            title: "Unknown key".to_owned(),
            place: Some(Place { file: "images.yml".to_owned(), line: Some(4), column: Some(7) }),
            message: message.to_owned(),
        }
    }

    const HOSTILE: &str = "(.|[:,%=\n\r;\\]#\\[ ]|::|%0A|%25){0,30}";

    proptest! {
        #[test]
        fn github_reads_every_annotation_back(title in HOSTILE, file in HOSTILE, message in HOSTILE) {
            let mut given = annotation(Level::Error, &message);
            given.title = title;
            given.place = Some(Place { file: file.clone(), line: Some(4), column: None });
            let read = github_command(&given.render(Runner::GitHub)).unwrap();
            prop_assert_eq!(read.name, "error");
            prop_assert_eq!(read.data, message);
            let property = |name: &str| read.properties.get(name).cloned().unwrap_or_default();
            prop_assert_eq!(property("title"), given.title.trim());
            prop_assert_eq!(property("file"), file.trim());
            prop_assert_eq!(property("line"), "4");
        }

        #[test]
        fn an_annotation_in_plain_text_is_one_line_and_no_command(message in HOSTILE) {
            let line = annotation(Level::Warning, &message).render(Runner::Forgejo);
            prop_assert!(!line.contains(['\n', '\r']));
            prop_assert!(act_command(&line).is_none());
        }

        #[test]
        fn every_runner_reads_a_secret_or_is_told_none(secret in HOSTILE) {
            let read = |runner, line: &str| match runner {
                Runner::GitHub => vec![github_command(line).unwrap()],
                _ => vec![act_command(line).unwrap(), reporter_command(line).unwrap()],
            };
            let secret = secret.replace('\n', "");
            for runner in [Runner::GitHub, Runner::Forgejo] {
                let line = add_mask(runner, &secret);
                for command in line.iter().flat_map(|line| read(runner, line)) {
                    prop_assert_eq!(&command.name, "add-mask");
                    prop_assert_eq!(&command.data, &secret);
                }
                prop_assert!(line.is_some() || secret.contains([':', '\r']) || secret.trim().is_empty());
            }
            prop_assert_eq!(add_mask(Runner::Local, &secret), None);
        }

        #[test]
        fn every_runner_reads_a_group(title in HOSTILE) {
            let line = group(Runner::GitHub, &title).unwrap();
            let read = github_command(&line).unwrap();
            prop_assert_eq!((read.name.as_str(), &read.data), ("group", &title));

            let line = group(Runner::Gitea, &title).unwrap();
            let read = act_command(&line).unwrap();
            prop_assert_eq!(read.name, "group");
            let letters = |text: &str| text.replace(char::is_whitespace, "");
            prop_assert_eq!(letters(&read.data), letters(&title));
        }
    }

    #[test]
    fn annotations_are_commands_on_github_and_text_elsewhere() {
        let all = [
            annotation(Level::Notice, "one"),
            annotation(Level::Error, "`imags` is no key,\nsee the reference"),
        ];
        insta::assert_snapshot!(annotations(Runner::GitHub, &all).join("\n"), @r"
        ::error file=images.yml,line=4,col=7,title=Unknown key::`imags` is no key,%0Asee the reference
        ::notice file=images.yml,line=4,col=7,title=Unknown key::one
        ");
        insta::assert_snapshot!(annotations(Runner::Forgejo, &all).join("\n"), @r"
        ERROR images.yml:4:7: Unknown key: `imags` is no key, see the reference
        NOTICE images.yml:4:7: Unknown key: one
        ");
        assert_eq!(group(Runner::Local, "Build"), None);
        assert_eq!(end_group(Runner::Act), None);
        assert_eq!(end_group(Runner::Forgejo).as_deref(), Some("::endgroup::"));
    }

    #[test]
    fn no_more_annotations_are_made_than_are_shown() {
        let mut all = vec![annotation(Level::Warning, "w"); 10];
        all.extend(vec![annotation(Level::Error, "e"); 11]);
        let lines = annotations(Runner::GitHub, &all);
        assert_eq!(lines.len(), 20);
        assert_eq!(lines[9], "::error::2 more: see the report");
        assert!(lines[19].ends_with("::w"));
    }
}
