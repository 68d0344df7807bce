//! A failure as text: what, why, what to do, where to read more.

use std::fmt::Write as _;

use crate::model::{Failure, ImageName, Stage};
use crate::report::style::{self, paint};
use crate::report::untrusted::one_line;

/// A failure that concerns no image.
pub fn text(failure: &Failure) -> String {
    told("", failure)
}

/// A failure of one stage of an image.
pub fn of_image(image: &ImageName, stage: Stage, failure: &Failure) -> String {
    let task = match stage {
        Stage::Reserve => "reserve a version for",
        Stage::Prepare => "prepare",
        Stage::Build => "build",
        Stage::Evidence => "look into",
        Stage::Scan => "scan",
        Stage::Gate => "judge",
        Stage::Publish => "publish",
        Stage::Record => "record",
    };
    told(&format!("failed to {task} image {image}: "), failure)
}

fn told(what: &str, failure: &Failure) -> String {
    let mut text = format!("{}{what}{}\n", paint(style::BAD, "error: "), one_line(&failure.reason));
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
        let image = "debian-12".parse().unwrap();
        let shown = of_image(&image, Stage::Build, &told) + &text(&told);
        let shown = anstream::adapter::strip_str(&shown).to_string();
        insta::assert_snapshot!(shown, @"
        error: failed to build image debian-12: provisioner `shell` failed: script exited with status 100 and more
          hint: read the log
          log: /runs/1/debian-12/build.log
        error: provisioner `shell` failed: script exited with status 100 and more
          hint: read the log
          log: /runs/1/debian-12/build.log
        ");
    }
}
