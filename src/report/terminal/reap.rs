//! What was done after runs that were stopped half-way.

use std::fmt::Write as _;

use super::super::table::wrap;
use super::super::untrusted::one_line;
use super::super::{Reaped, sentence};

/// The answer of `reap`, `width` columns wide.
pub fn reap(reaped: &[Reaped], problems: &[String], width: usize) -> String {
    let mut text = lines(reaped, width);
    for problem in problems {
        push(&mut text, &format!("! {}", one_line(problem)), width);
    }
    if text.is_empty() {
        text.push_str("nothing to clean up\n");
    }
    text
}

/// A line for everything that was done, and for everything that was not.
pub(super) fn lines(reaped: &[Reaped], width: usize) -> String {
    let mut text = String::new();
    for run in reaped {
        push(&mut text, &format!("{}:", one_line(&sentence::dead(run))), width);
        for deed in &run.done {
            push(&mut text, &format!("  + {}", one_line(&sentence::deed(deed))), width);
        }
        for left in &run.left {
            push(&mut text, &format!("  ! {}", one_line(left)), width);
        }
    }
    text
}

fn push(text: &mut String, line: &str, width: usize) {
    for line in wrap(line, width) {
        let _ = writeln!(text, "{line}");
    }
}
