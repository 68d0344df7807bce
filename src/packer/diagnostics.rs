//! What Packer says of a template, as problems with a place.

use super::format::Unformatted;
use super::problem::{Problem, ProblemLevel};
use crate::diagnostics::{Diagnostic, Kind, SourceFile, SourceId, Span};

/// All kinds of problems that Packer has with templates.
pub const PROBLEMS: &[Kind] = &[
    Kind {
        id: "not-edited",
        meaning: "A build changes a few things in a copy of the template: where the artifact goes, and that the version is written down in the image. In this template it cannot, so it is built and validated as it is.",
    },
    Kind {
        id: "not-locked",
        meaning: "The template requires a plugin in versions of which `goldsmith.lock` has none, so nothing can be built from it. Run `goldsmith plugins` and commit what it writes.",
    },
    Kind {
        id: "not-validated",
        meaning: "Packer could not look at the template: plugins that it needs are not installed, or Packer refused for another reason. A build on this machine would fail in the same way.",
    },
    Kind { id: "packer", meaning: "`packer validate` says so of the template, in its own words." },
    Kind { id: "unformatted", meaning: "`packer fmt` would write these lines otherwise." },
];

impl Problem {
    /// The problem without a place: whoever knows the file adds it.
    pub fn diagnostic(&self) -> Diagnostic {
        let mut summary = self.summary.trim_end_matches('.').to_owned();
        let mut detail = self.detail.as_str();
        if self.place.is_none()
            && let Some((first, rest)) = detail.split_once(". ")
        {
            // Nothing else tells apart two problems of the same kind, such as two unknown variables.
            summary = format!("{summary}: {first}");
            detail = rest;
        }
        let diagnostic = match self.level {
            ProblemLevel::Error => Diagnostic::error("packer", summary),
            ProblemLevel::Warning => Diagnostic::warning("packer", summary),
        };
        if detail.is_empty() { diagnostic } else { diagnostic.help(detail) }
    }

    /// Its place in `file`, which is the one that it names. Some problems tell their column in their
    /// text: `t.pkr.hcl:7,31-36: Unsupported argument`.
    pub fn span(&self, source: SourceId, file: &SourceFile) -> Option<Span> {
        let (name, number) = self.place.as_ref()?;
        let precise = [&self.summary, &self.detail].into_iter().find_map(|text| {
            let (_, rest) = text.split_once(&format!("{name}:"))?;
            let (place, _) = rest.split_once(": ")?;
            let (line, columns) = place.split_once(',')?;
            let (first, last) = columns.split_once('-')?;
            let line = self::line(file, line.parse().ok()?)?;
            let text = &file.text[line.clone()];
            let at = |column: &str| {
                let column: usize = column.parse().ok()?;
                let (at, _) = text.char_indices().nth(column.checked_sub(1)?)?;
                Some(line.start + at)
            };
            Some(at(first)?..at(last).unwrap_or(line.end))
        });
        let range = precise.or_else(|| line(file, usize::try_from(*number).ok()?))?;
        Some(Span { source, start: range.start, end: range.end.max(range.start) })
    }
}

impl Unformatted {
    /// The problem without a place.
    pub fn diagnostic(&self) -> Diagnostic {
        Diagnostic::warning("unformatted", "the file is not in Packer's form")
            .help("`packer fmt` writes it so")
    }

    /// Its first line in `file`, which is the one that it names, and what belongs there.
    pub fn span(&self, source: SourceId, file: &SourceFile) -> Option<(Span, String)> {
        let range = line(file, self.line)?;
        let label = match self.wanted.first() {
            None => "needs no line here".to_owned(),
            Some(line) if line.is_empty() => "needs an empty line here".to_owned(),
            Some(line) => format!("should be `{}`", line.trim()),
        };
        Some((Span { source, start: range.start, end: range.end }, label))
    }
}

/// The bytes of a line, from 1, without the white space around.
fn line(file: &SourceFile, number: usize) -> Option<std::ops::Range<usize>> {
    let mut start = 0;
    for _ in 1..number {
        start += file.text[start..].find('\n')? + 1;
    }
    let rest = &file.text[start..];
    let text = rest.split('\n').next().unwrap_or(rest);
    let end = start + text.trim_end().len();
    let start = start + (text.len() - text.trim_start().len());
    Some(start.min(end)..end)
}
