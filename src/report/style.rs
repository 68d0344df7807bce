//! The style sheet of everything that is shown on a terminal.
//!
//! Text is always styled here; the stream strips it where colour is not wanted.

use anstyle::{AnsiColor, Style};

use crate::model::Severity;

use super::Standing;

/// Names and headings.
pub const STRONG: Style = Style::new().bold();
/// Labels and whatever is of little weight.
pub const QUIET: Style = Style::new().dimmed();
/// All is well.
pub const GOOD: Style = AnsiColor::Green.on_default().bold();
/// Something objects or failed.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// Nothing was proven.
pub const UNTRUSTED: Style = AnsiColor::Magenta.on_default().bold();
/// Look at it.
pub const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// What to do.
pub const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// Demonstration data.
pub const DEMO: Style =
    AnsiColor::Black.on_default().bg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow))).bold();

/// The style of a standing.
pub fn of_standing(standing: Standing) -> Style {
    match standing {
        Standing::Published | Standing::VerifiedFresh | Standing::Passed => GOOD,
        Standing::Blocked | Standing::Failed => BAD,
        Standing::Untrusted => UNTRUSTED,
        Standing::Cancelled => WARNING,
    }
}

/// The style of a severity.
pub fn of_severity(severity: Severity) -> Style {
    match severity {
        Severity::Critical => BAD,
        Severity::High => AnsiColor::Red.on_default(),
        Severity::Medium => AnsiColor::Yellow.on_default(),
        Severity::Low | Severity::Unknown => Style::new(),
    }
}

/// The text in this style.
pub fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
