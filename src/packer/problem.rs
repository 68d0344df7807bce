//! Problems of a template, as Packer writes them: text blocks for people.
//!
//! Format: `hcl.NewDiagnosticTextWriter` through `command/build.go` (writeDiags). All problems of a
//! phase come as one text. There are no columns; the summary can have several lines; some problems
//! have no place.
//!
//! ```text
//! Error: Missing item separator
//!
//!   on t.pkr.hcl line 4, in build:
//!    3:   sources = ["source.null.n"
//!    4: }
//!
//! Expected a comma to mark the beginning of the next item.
//! ```

use std::fmt;

/// How grave a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemLevel {
    /// Packer refuses to build.
    Error,
    /// Packer builds nevertheless.
    Warning,
}

/// One problem of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How grave.
    pub level: ProblemLevel,
    /// The file, as Packer was given it, and the line.
    pub place: Option<(String, u32)>,
    /// What is wrong, in one line.
    pub summary: String,
    /// More about it, in one line.
    pub detail: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((file, line)) = &self.place {
            write!(f, "{file}:{line}: ")?;
        }
        f.write_str(&self.summary)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        Ok(())
    }
}

impl Problem {
    /// Whether `first` begins a text of problems.
    pub(super) fn begins(first: &str) -> bool {
        level(first).is_some()
    }

    /// All problems in a text.
    pub(super) fn parse(lines: &[String]) -> Vec<Self> {
        let starts: Vec<usize> =
            (0..lines.len()).filter(|at| level(&lines[*at]).is_some()).collect();
        let ends = starts.iter().skip(1).copied().chain([lines.len()]);
        starts.iter().zip(ends).filter_map(|(start, end)| Self::of(&lines[*start..end])).collect()
    }

    fn of(block: &[String]) -> Option<Self> {
        let (level, first) = level(block.first()?)?;
        let at = block.iter().position(|line| place(line).is_some());
        // The summary ends at the place, or without one at the next empty line. Behind a place come
        // source lines, up to an empty line.
        let (head, rest) = block[1..].split_at(at.map_or_else(|| blank(&block[1..]), |at| at - 1));
        let detail = &rest[at.map_or(0, |_| blank(rest))..];
        Some(Self {
            level,
            place: at.and_then(|at| place(&block[at])),
            summary: flatten(std::iter::once(first).chain(head.iter().map(String::as_str))),
            detail: flatten(detail.iter().map(String::as_str)),
        })
    }
}

/// Where the next empty line is, or the end.
fn blank(lines: &[String]) -> usize {
    let found = lines.iter().position(String::is_empty);
    found.unwrap_or(lines.len())
}

fn level(line: &str) -> Option<(ProblemLevel, &str)> {
    line.strip_prefix("Error: ")
        .map(|rest| (ProblemLevel::Error, rest))
        .or_else(|| Some((ProblemLevel::Warning, line.strip_prefix("Warning: ")?)))
}

/// `  on FILE line N, in CONTEXT:` or `  on FILE line N:`.
fn place(line: &str) -> Option<(String, u32)> {
    let rest = line.strip_prefix("  on ")?.strip_suffix(':')?;
    let (file, rest) = rest.rsplit_once(" line ")?;
    let number = rest.split_once(", in ").map_or(rest, |(number, _)| number);
    Some((file.to_owned(), number.parse().ok()?))
}

/// Many lines as one. A list loses the line that only counts its entries.
fn flatten<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let lines: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.split_first() {
        Some((count, entries)) if count.ends_with("error(s) occurred:") && !entries.is_empty() => {
            let entries = entries.join(" ");
            let entries: Vec<&str> = entries.trim_start_matches("* ").split(" * ").collect();
            entries.join("; ")
        }
        _ => lines.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packer::protocol::Message;

    /// The problems in a recorded output of Packer 1.16.0, one a line.
    fn told(recorded: &str) -> String {
        let mut told = Vec::new();
        for line in recorded.lines() {
            if let Some(Message::Ui { text, .. }) = Message::parse(line) {
                let problems = Problem::parse(&text.lines());
                told.extend(
                    problems.iter().map(|problem| format!("{:?} {problem}", problem.level)),
                );
            }
        }
        told.join("\n")
    }

    #[test]
    fn problems_have_their_place_and_fit_on_a_line() {
        insta::assert_snapshot!(told(include_str!("recorded/syntax_error")), @"Error t.pkr.hcl:4: Missing item separator: Expected a comma to mark the beginning of the next item.");
        insta::assert_snapshot!(told(include_str!("recorded/several_errors")), @r#"
        Error Unset variable "need": A used variable must be set or have a default value; see https://packer.io/docs/templates/hcl_templates/syntax for details.
        Error t.pkr.hcl:8: Unknown source type nonesuch: The source nonesuch is unknown by Packer, and is likely part of a plugin that is not installed. You may find the needed plugin along with installation instructions documented on the Packer integrations page. https://developer.hashicorp.com/packer/integrations?filter=nonesuch
        "#);
        insta::assert_snapshot!(told(include_str!("recorded/prepare_errors")), @r#"
        Error t.pkr.hcl:7: Failed preparing provisioner-block "shell-local" "": t.pkr.hcl:7,31-36: Unsupported argument; An argument named "inlin" is not expected here. Did you mean "inline"?
        Warning t.pkr.hcl:2: Both source file and contents are blank; target will have no content
        Error t.pkr.hcl:2: target required
        "#);
        insta::assert_snapshot!(told(include_str!("recorded/output_exists")), @"
        Warning ssh.pkr.hcl:1: A checksum of 'none' was specified. Since ISO files are so big, a checksum is highly recommended.
        Error ssh.pkr.hcl:1: Output directory 'out' already exists. It must not exist.
        ");
        insta::assert_snapshot!(told(include_str!("recorded/missing_plugin")), @"Error Missing plugins: The following plugins are required, but not installed: * github.com/hashicorp/nonesuch >= 1.2.0 Did you run packer init for this project ?");
        insta::assert_snapshot!(told(include_str!("recorded/no_match")), @"
        Warning an 'only' option was passed, but not all matches were found for the given build.: Possible build names: [null.n]. These could also be matched with a glob pattern like: 'happycloud.*'
        Error No builds to run: A build command cannot run without at least one build to process. If the only or except flags have been specified at run time check that at least one build is selected for execution.
        ");
    }
}
