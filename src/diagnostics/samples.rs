//! Diagnostics that the tests of all renderers show.

use super::{Diagnostic, Problems, SourceId, Sources, Span};

/// The place of `text` in `file`.
fn place(sources: &Sources, source: SourceId, text: &str) -> Span {
    let file = &sources.get(source).unwrap().text;
    let start = file.find(text).unwrap();
    Span { source, start, end: start + text.len() }
}

/// Problems of every shape, in two files.
pub(super) fn sample() -> (Vec<Diagnostic>, Sources) {
    let mut sources = Sources::default();
    let far = "# filler\r\n".repeat(20);
    let images = format!("one: 1\r\n{far}\ttwo: \u{9b}x\r\nlast: é\u{202e}\r\n");
    let images = sources.add("images.yml", images);
    let long = format!("{}wide: 1 {}\n", " ".repeat(12_000), "x".repeat(9_000));
    let waivers = sources.add("waivers.yml", format!("start: 1\n{long}"));
    let at = |source, text| place(&sources, source, text);
    let diagnostics = vec![
        Diagnostic::error("far-apart", "two places in one file, one in another")
            .at(at(images, "two"), "again here")
            .context(at(images, "one"), "first here")
            .context(at(waivers, "start"), "and in this file")
            .help("one piece of advice")
            .help("another one:\nof two lines"),
        Diagnostic::warning("hidden", "hidden \u{1b}[31m characters\nin a message")
            .at(at(images, "é\u{202e}"), "and in a \u{1b}[0m label"),
        Diagnostic::error("long-line", "a line that nobody can read")
            .at(at(waivers, "wide"), "here")
            .context(at(waivers, "start"), "not there"),
        Diagnostic::error("no-place", "a problem without a place"),
    ];
    (diagnostics, sources)
}

/// The same, collected.
pub(super) fn problems() -> Problems {
    let (diagnostics, sources) = sample();
    let mut problems = Problems::new(sources);
    for diagnostic in diagnostics {
        problems.push(diagnostic);
    }
    problems
}
