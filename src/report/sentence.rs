//! What happened, in English sentences. Without a final period, so that they can stand in headings
//! and lists. They may hold untrusted text: whoever shows them makes it harmless first.

use crate::model::{Due, ExitCode, ImageOutcome, NotDue};

use super::quantity::{count, moment};
use super::{ChannelMove, ImageReport, Report, Standing};

/// What the run did, in one sentence.
pub fn headline(report: &Report) -> String {
    let cancelled = matches!(report.exit_code, ExitCode::Interrupted | ExitCode::Terminated);
    if report.images.is_empty() {
        let idle = if cancelled {
            "Cancelled before anything was built"
        } else if report.skipped.is_empty() {
            "No image was selected"
        } else {
            "Nothing is due"
        };
        return idle.to_owned();
    }
    let mut counts = Vec::new();
    for standing in Standing::ALL {
        let number = report.images.iter().filter(|image| image.standing() == standing).count();
        if number > 0 {
            let number =
                if counts.is_empty() { count(number, "image") } else { number.to_string() };
            counts.push(format!("{number} {}", standing.word()));
        }
    }
    let counts = counts.join(", ");
    let said = |image: &ImageReport| image.standing() == Standing::Cancelled;
    if cancelled && !report.images.iter().any(said) {
        format!("Cancelled: {counts}")
    } else {
        counts
    }
}

/// How one image ended, in one sentence that starts with its name.
pub fn of_image(report: &ImageReport) -> String {
    let image = &report.image;
    let reasons = report.verdict.as_ref().map_or(&[][..], |verdict| &verdict.reasons);
    let why = |otherwise: &str| {
        reasons.first().map_or(otherwise, |reason| &reason.message).trim_end_matches('.').to_owned()
    };
    match &report.outcome {
        ImageOutcome::Published { version } => {
            format!("{image} passed the gate and is published as {version}")
        }
        ImageOutcome::Passed => format!("{image} passed the gate; nothing was published"),
        ImageOutcome::Rejected { failure } => {
            let word = report.standing().word();
            format!("{image} is {word}: {}", why(&failure.reason))
        }
        ImageOutcome::VerifiedFresh { .. } | ImageOutcome::Failed { .. } => {
            let verb = match report.standing() {
                Standing::Failed => "",
                Standing::Cancelled => "was ",
                _ => "is ",
            };
            format!("{image} {verb}{}", phrase(&report.outcome))
        }
    }
}

/// How an image ended, in one phrase that follows its name.
pub fn phrase(outcome: &ImageOutcome) -> String {
    match outcome {
        ImageOutcome::Published { version } => format!("published as {version}"),
        ImageOutcome::VerifiedFresh { version } => {
            format!("verified fresh: it equals {version}, so nothing new was published")
        }
        ImageOutcome::Passed => "passed the gate".to_owned(),
        ImageOutcome::Rejected { failure } => {
            format!("{}: {}", Standing::of(outcome).word(), failure.reason)
        }
        ImageOutcome::Failed { stage, failure } => {
            let (stage, reason) = (stage.as_str(), &failure.reason);
            match Standing::of(outcome) {
                Standing::Cancelled => format!("cancelled in {stage}"),
                Standing::Untrusted => format!("untrusted: {stage} failed: {reason}"),
                _ => format!("failed in {stage}: {reason}"),
            }
        }
    }
}

/// How an image's channel caught up, in one phrase that follows its name.
pub fn caught_up(moved: &ChannelMove) -> String {
    let ChannelMove { channel, from, to } = moved;
    let before = from.map_or_else(String::new, |from| format!(" (was {from})"));
    format!("{channel} is {to} now{before}: the run that published it was stopped before that")
}

/// Why an image is built.
pub fn due(why: &Due) -> String {
    match why {
        Due::NeverBuilt => "never built".to_owned(),
        Due::DefinitionChanged { since } => format!("its definition has changed since {since}"),
        Due::SlotBegan { slot, since } => {
            format!("the slot of {} has begun; newest is {since}", moment(*slot))
        }
        Due::ClockWasWrong { since, built_at } => format!(
            "{since} says that it was built on {}: a clock is wrong, or was",
            moment(*built_at)
        ),
        Due::Forced => "asked for with `--force`".to_owned(),
        Due::ArtifactGiven => "an artifact was handed in".to_owned(),
    }
}

/// Why an image is not built, and when it will be.
pub fn not_due(why: &NotDue) -> String {
    match why {
        NotDue::SlotSatisfied { by, next: Some(next), .. } => format!(
            "built in this slot as {by} and its definition is unchanged; next slot {}",
            moment(*next)
        ),
        NotDue::SlotSatisfied { by, next: None, .. } => {
            format!("built as {by} and its definition is unchanged; time alone never makes it due")
        }
        NotDue::NotSelected => "other images were named".to_owned(),
    }
}
