//! A failure as text: what, why, what to do, where to read more.

use std::fmt::Write as _;

use crate::model::Failure;
use crate::report::style::{self, paint};
use crate::report::untrusted::one_line;

/// A failure.
pub fn text(failure: &Failure) -> String {
    let mut text = format!("{}{}\n", paint(style::BAD, "error: "), one_line(&failure.reason));
    let mut seen: Vec<&str> = Vec::new();
    for hint in &failure.hints {
        if !seen.contains(&hint.as_str()) {
            seen.push(hint);
            let label = paint(style::HINT, "hint:");
            let _ = writeln!(text, "  {label} {}", one_line(hint));
        }
    }
    if let Some(log) = &failure.log {
        let label = paint(style::QUIET, "log:");
        let _ = writeln!(text, "  {label} {}", one_line(log.as_str()));
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::model::FailureClass;

    use super::*;

    #[test]
    fn a_failure_says_what_why_what_to_do_and_where_to_read_more() {
        let told = Failure::new(
            FailureClass::Provisioner,
            "provisioner `shell` failed: script exited with status 100\n\u{1b}[2Jand more",
        )
        .hint("read the log")
        .hint("read the log")
        .log("/runs/1/debian-12/build.log");
        let shown = anstream::adapter::strip_str(&text(&told)).to_string();
        insta::assert_snapshot!(shown, @"
        error: provisioner `shell` failed: script exited with status 100 and more
          hint: read the log
          log: /runs/1/debian-12/build.log
        ");
    }
}
