//! Diagnostics as annotations that a forge shows beside the code.

use super::placed::{Region, file, labels};
use super::quote::harmless;
use super::{Diagnostic, Level, Problems};
use crate::runner::{Annotation, Level as Shown, Place};

/// All problems as annotations. Show paths from the root of the repository before.
pub fn annotations(problems: &Problems) -> Vec<Annotation> {
    problems.diagnostics().iter().map(|one| annotation(one, problems)).collect()
}

fn annotation(diagnostic: &Diagnostic, problems: &Problems) -> Annotation {
    let sources = problems.sources();
    let (label, _) = labels(diagnostic);
    let region = label.and_then(|label| Region::of(label.span, sources));
    let file = file(region, sources);
    let number = |number: usize| u32::try_from(number).ok();
    Annotation {
        level: match diagnostic.level {
            Level::Error => Shown::Error,
            Level::Warning => Shown::Warning,
        },
        title: diagnostic.id.to_owned(),
        place: file.map(|file| Place {
            file: file.path.to_string(),
            line: region.and_then(|region| number(region.start.line)),
            column: region.and_then(|region| number(region.start.column)),
        }),
        message: in_words(diagnostic),
    }
}

/// The problem, what is to be said of its place, and every piece of advice on a line of its own.
pub(super) fn in_words(diagnostic: &Diagnostic) -> String {
    let mut words = harmless(&diagnostic.message).into_owned();
    if let (Some(label), _) = labels(diagnostic)
        && !label.text.is_empty()
    {
        words.push_str(": ");
        words.push_str(&harmless(&label.text));
    }
    for help in &diagnostic.help {
        let lines: Vec<_> = help.lines().map(harmless).collect();
        words.push_str("\nhelp: ");
        words.push_str(&lines.join("\n"));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::samples::problems;
    use crate::runner::{self, Runner};

    #[test]
    fn problems_are_shown_beside_the_code() {
        let annotations = annotations(&problems());
        let lines = |runner| runner::annotations(runner, &annotations).join("\n");
        insta::assert_snapshot!(lines(Runner::GitHub), @r"
        ::error file=images.yml,line=22,col=2,title=far-apart::two places in one file, one in another: again here%0Ahelp: one piece of advice%0Ahelp: another one:%0Aof two lines
        ::error file=waivers.yml,line=2,col=12001,title=long-line::a line that nobody can read: here
        ::error file=images.yml,title=no-place::a problem without a place
        ::warning file=images.yml,line=23,col=7,title=hidden::hidden \u{1b}[31m characters\nin a message: and in a \u{1b}[0m label
        ");
        insta::assert_snapshot!(lines(Runner::Forgejo), @r"
        ERROR images.yml:22:2: far-apart: two places in one file, one in another: again here help: one piece of advice help: another one: of two lines
        ERROR waivers.yml:2:12001: long-line: a line that nobody can read: here
        ERROR images.yml: no-place: a problem without a place
        WARNING images.yml:23:7: hidden: hidden \u{1b}[31m characters\nin a message: and in a \u{1b}[0m label
        ");
    }
}
