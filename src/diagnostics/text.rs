//! Diagnostics as text for people, in the style of rustc.

use std::borrow::Cow;

use annotate_snippets::{AnnotationKind, Group, Level as Shown, Origin, Renderer, Snippet};

use super::excerpt::Excerpt;
use super::placed::{Region, file};
use super::problems::Counts;
use super::quote::harmless;
use super::{Diagnostic, Label, Level, SourceId, Sources};

/// Whether text has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// None: files, pipes, tests.
    Plain,
    /// ANSI colours: terminals.
    Coloured,
}

impl Style {
    /// With or without colours.
    pub fn of(coloured: bool) -> Self {
        if coloured { Self::Coloured } else { Self::Plain }
    }
}

/// The diagnostics one after the other, and a line that counts them. Empty without diagnostics.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, style: Style) -> String {
    render_some(diagnostics, Counts::default(), sources, style)
}

/// Like [`render`], of problems of which `omitted` were not kept.
pub(super) fn render_some(
    diagnostics: &[Diagnostic],
    omitted: Counts,
    sources: &Sources,
    style: Style,
) -> String {
    let mut out = excerpts(diagnostics, sources, style);
    if !diagnostics.is_empty() {
        let title = level(worst(diagnostics)).primary_title(summary(diagnostics, omitted, sources));
        out.push_str(&renderer(style).render(&[Group::with_title(title)]));
        out.push('\n');
    }
    out
}

/// The diagnostics one after the other, each followed by an empty line.
pub(super) fn excerpts(diagnostics: &[Diagnostic], sources: &Sources, style: Style) -> String {
    let renderer = renderer(style);
    let shown = |diagnostic| renderer.render(&[group(diagnostic, sources)]) + "\n\n";
    diagnostics.iter().map(shown).collect()
}

/// A diagnostic in one line: `images.yml:7:5: unknown-key: unknown key …`.
pub(super) fn line(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let region = diagnostic.place().and_then(|span| Region::of(span, sources));
    let file = file(region, sources).map(|file| harmless(file.path.as_str()));
    let place = match (file, region.map(|region| region.start)) {
        (Some(file), Some(at)) => format!("{file}:{}:{}: ", at.line, at.column),
        (Some(file), None) => format!("{file}: "),
        (None, _) => String::new(),
    };
    format!("{place}{}: {}", diagnostic.id, harmless(&diagnostic.message))
}

fn renderer(style: Style) -> Renderer {
    match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    }
}

/// How many problems there are, and in which files: `2 problems and 1 warning in images.yml`.
pub(super) fn summary(diagnostics: &[Diagnostic], omitted: Counts, sources: &Sources) -> String {
    let mut all = omitted;
    for diagnostic in diagnostics {
        all.add(diagnostic.level);
    }
    let counted = |count: usize, noun: &str| match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        more => Some(format!("{more} {noun}s")),
    };
    let counts = [counted(all.errors, "problem"), counted(all.warnings, "warning")];
    let mut counts: Vec<String> = counts.into_iter().flatten().collect();
    if counts.is_empty() {
        counts.push("no problems".to_owned());
    }
    let files: Vec<_> = sources.iter().map(|file| harmless(file.path.as_str())).collect();
    let hidden = match omitted.errors + omitted.warnings {
        0 => String::new(),
        hidden => format!(", {hidden} of them not shown"),
    };
    format!("{} in {}{hidden}", counts.join(" and "), files.join(", "))
}

fn worst(diagnostics: &[Diagnostic]) -> Level {
    if diagnostics.iter().any(|d| d.level == Level::Error) { Level::Error } else { Level::Warning }
}

fn level(level: Level) -> Shown<'static> {
    match level {
        Level::Error => Shown::ERROR,
        Level::Warning => Shown::WARNING,
    }
}

fn group<'a>(diagnostic: &'a Diagnostic, sources: &'a Sources) -> Group<'a> {
    let title =
        level(diagnostic.level).primary_title(harmless(&diagnostic.message)).id(diagnostic.id);
    let mut group = Group::with_title(title);
    let mut labels: Vec<&Label> = diagnostic.labels.iter().collect();
    labels.sort_by_key(|label| !label.primary);
    let mut shown: Vec<SourceId> = Vec::new();
    for source in labels.iter().map(|label| label.span.source) {
        let Some(file) = sources.get(source).filter(|_| !shown.contains(&source)) else {
            continue;
        };
        shown.push(source);
        let labels = labels.iter().filter(|label| label.span.source == source);
        let path = harmless(file.path.as_str());
        let notes = match Excerpt::of(file, labels.copied()) {
            Excerpt::Lines(lines) => {
                let marks = lines.marks.into_iter().map(|mark| {
                    let kind = if mark.primary {
                        AnnotationKind::Primary
                    } else {
                        AnnotationKind::Context
                    };
                    let text = Some(harmless(mark.text)).filter(|text| !text.is_empty());
                    kind.span(mark.span).label(text)
                });
                let snippet = Snippet::source(lines.text).line_start(lines.first_line);
                group = group.element(snippet.path(path).annotations(marks));
                lines.notes
            }
            Excerpt::Place { position, notes } => {
                let origin = Origin::path(path).line(position.line);
                group = group.element(origin.char_column(position.column));
                notes
            }
            Excerpt::Nothing => {
                group = group.element(Origin::path(path));
                Vec::new()
            }
        };
        for note in notes {
            group = group.element(Shown::NOTE.message(note));
        }
    }
    for help in &diagnostic.help {
        let lines: Vec<Cow<'_, str>> = help.lines().map(harmless).collect();
        group = group.element(Shown::HELP.message(lines.join("\n")));
    }
    group
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::samples::sample;

    #[test]
    fn diagnostics_show_what_is_wrong_where_why_and_what_to_do() {
        let (diagnostics, sources) = sample();
        insta::assert_snapshot!(render(&diagnostics, &sources, Style::Plain), @r"
        error[far-apart]: two places in one file, one in another
          --> images.yml:22:2
           |
         1 | one: 1
           | --- first here
        ...
        22 |     two: ·x
           |     ^^^ again here
           |
          ::: waivers.yml:1:1
           |
         1 | start: 1
           | ----- and in this file
           |
           = help: one piece of advice
           = help: another one:
                   of two lines

        warning[hidden]: hidden \u{1b}[31m characters\nin a message
          --> images.yml:23:7
           |
        23 | last: é�
           |       ^^ and in a \u{1b}[0m label

        error[long-line]: a line that nobody can read
        --> waivers.yml:2:12001
         = note: here: line 2, column 12001
         = note: not there: line 1, column 1

        error[no-place]: a problem without a place

        error: 3 problems and 1 warning in images.yml, waivers.yml
        ");
    }

    #[test]
    fn colours_change_nothing_but_the_colours() {
        let (diagnostics, sources) = sample();
        let coloured = render(&diagnostics, &sources, Style::Coloured);
        let stripped = anstream::adapter::strip_str(&coloured).to_string();
        assert_ne!(coloured, stripped);
        assert_eq!(stripped, render(&diagnostics, &sources, Style::Plain));
        assert_eq!(render(&[], &sources, Style::Plain), "");
    }
}
