//! What happened, in English sentences. Without a final period, so that they can stand in headings
//! and lists. They may hold untrusted text: whoever shows them makes it harmless first.

use jiff::{Timestamp, Zoned};

use crate::model::{
    BlockingFinding, Bucket, Decision, Due, ExitCode, Fate, Finding, ImageOutcome, NotDue, Regate,
    Severity, Since, Skipped, Soaking, TestTally, Upstream, UpstreamChange, Verdict, Violation,
};

use super::quantity::{self, count, day, moment, span};
use super::{AdvisoryRow, ChannelMove, Deed, ImageReport, Promotion, Reaped, Report, Standing};

/// What the run did, in one sentence.
pub fn headline(report: &Report) -> String {
    let cancelled = matches!(report.exit_code, ExitCode::Interrupted | ExitCode::Terminated);
    if report.images.is_empty() {
        let idle =
            if cancelled { "Cancelled before anything was built" } else { idle(&report.skipped) };
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

/// Why nothing is built, where `skipped` are all images that were looked at.
pub fn idle(skipped: &[Skipped]) -> &'static str {
    if skipped.iter().all(|skipped| skipped.why == NotDue::NotSelected) {
        "No image was selected"
    } else {
        "Nothing is due"
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

/// What a test found, in one phrase. A case that nobody looked at has not passed.
pub fn tally(tally: &TestTally) -> String {
    let mut text = format!("{} passed", tally.passed);
    for (number, word) in [(tally.failed, "failed"), (tally.skipped, "not checked")] {
        if number > 0 {
            text = format!("{text}, {number} {word}");
        }
    }
    text
}

/// How an image's channel caught up, in one phrase that follows its name.
pub fn caught_up(moved: &ChannelMove) -> String {
    let ChannelMove { channel, from, to } = moved;
    let before = from.map_or_else(String::new, |from| format!(" (was {from})"));
    format!("{channel} is {to} now{before}: the run that published it was stopped before that")
}

/// When a version moves on to another channel.
pub fn soaking(soaking: &Soaking, now: Timestamp) -> String {
    let Soaking { version, rule, since, until, .. } = soaking;
    let (from, to) = (&rule.from, &rule.to);
    if soaking.is_ripe(now) {
        let since = moment(*since);
        return format!(
            "{version} is to be promoted to {to} now, if it still passes: in {from} since {since}"
        );
    }
    let left = until.duration_since(now);
    let left = match left.as_mins() {
        minutes @ ..60 => format!("{} min", minutes + 1),
        _ => span(left.unsigned_abs()),
    };
    let until = moment(*until);
    format!("{version} will be promoted to {to} in {left} ({until}), if it still passes")
}

/// What came of a version that was to move on to another channel.
pub fn promotion(promotion: &Promotion) -> String {
    let Promotion { version, rule, instead_of, refused, .. } = promotion;
    let (from, to) = (&rule.from, &rule.to);
    if refused.is_empty() {
        let before = instead_of.map_or_else(String::new, |it| format!(" (was {it})"));
        return format!("{to} is {version} now{before}: {}", rule.because());
    }
    let why = refused.join("; ");
    format!("{version} stays in {from} and does not enter {to} today: {why}")
}

/// What was done after a run that was stopped half-way, in one phrase.
pub fn deed(deed: &Deed) -> String {
    match deed {
        Deed::ProcessesKilled { count: 1 } => "a process that still ran is killed".to_owned(),
        Deed::ProcessesKilled { count } => format!("{count} processes that still ran are killed"),
        Deed::ScratchRemoved { .. } => "its scratch space is removed".to_owned(),
        Deed::CopyRemoved { path } => format!("its copy of a template, `{path}`, is removed"),
        Deed::UploadRemoved { place } => format!("what it left in a store, `{place}`, is removed"),
        Deed::GivenUp { image, version } => {
            format!("{image}: {version}, which it had reserved, is given up")
        }
        Deed::Entered { image, moved } => format!("{image}: {}", caught_up(moved)),
        Deed::Rebuilt { image } => format!("{image}: the files made from its log are up to date"),
    }
}

/// Who died, as the beginning of a sentence.
pub fn dead(reaped: &Reaped) -> String {
    let host = reaped.host.as_ref().map_or_else(String::new, |host| format!(" on {host}"));
    // Where nothing could be done there may be no proof of it.
    let died = if reaped.done.is_empty() { "" } else { " was stopped half-way" };
    format!("run {}{host}{died}", reaped.run)
}

/// How many things of a list a sentence names before it counts the rest.
const NAMED: usize = 3;

/// Why an image is built.
pub fn due(why: &Due) -> String {
    match why {
        Due::NeverBuilt => "never built".to_owned(),
        Due::DefinitionChanged { since, changed } => {
            let changed = changed.iter().map(|part| part.strip_prefix("file:").unwrap_or(part));
            let parts = some(changed, NAMED).map_or_else(String::new, |parts| format!(": {parts}"));
            format!("its definition has changed since {since}{parts}")
        }
        Due::SlotBegan { slot, since, missed } => {
            let slots = missed.iter().map(day);
            let missed = match (missed.len(), some(slots, NAMED)) {
                (_, None) => String::new(),
                (1, Some(slot)) => format!("; overdue: the slot of {slot} was missed"),
                (count, Some(slots)) => format!("; overdue: {count} slots were missed: {slots}"),
            };
            format!("the slot of {} has begun; newest is {since}{missed}", quantity::slot(slot))
        }
        Due::TooOld { limit, since, built_at } => {
            let (built_at, limit) = (moment(*built_at), span(*limit));
            format!("{since} was built on {built_at} and may become {limit} old")
        }
        Due::ClockWasWrong { since, built_at } => format!(
            "{since} says that it was built on {}: a clock is wrong, or was",
            moment(*built_at)
        ),
        Due::Revoked { version, because } => format!("{version} was revoked: {because}"),
        Due::Finding { version, findings } => {
            let findings = some(findings.iter().map(finding), NAMED).unwrap_or_default();
            format!("{version} would not pass the gate any more: {findings}")
        }
        Due::ParentMoved { parent, from, to } => {
            format!("its parent {parent} is {to} now, and it was built from {from}")
        }
        Due::ParentBuilt { parent } => format!("its parent {parent} is built in this run"),
        Due::ChangedPaths { paths } => {
            let paths = some(paths, NAMED).unwrap_or_else(|| "its definition".to_owned());
            format!("touched by this change: {paths}")
        }
        Due::ParentChanged { parent } => format!("its parent {parent} is touched by this change"),
        Due::CanBeRegated { version, why } => {
            let why = match why {
                Regate::Policy => "the policy has changed",
                Regate::Waivers => "the waivers have changed",
                Regate::Advisories => "there are newer advisories",
                Regate::Asked => "asked for",
            };
            format!("{version} did not pass, and is judged again without a build: {why}")
        }
        Due::Retry { attempt, of, last, why } => {
            let why = due(why);
            format!("{why}; this is attempt {attempt} of {of}, the one before failed: {last}")
        }
        Due::AskedFor => "asked for by name".to_owned(),
        Due::Forced => "asked for with `--force`".to_owned(),
        Due::ArtifactGiven => "an artifact was handed in".to_owned(),
    }
}

/// Why an image is not built, and when it will be.
pub fn not_due(why: &NotDue) -> String {
    match why {
        NotDue::SlotSatisfied { by, next: Some(next), .. } => format!(
            "built in this slot as {by} and its definition is unchanged; next slot {}",
            quantity::slot(next)
        ),
        NotDue::SlotSatisfied { by, next: None, .. } => {
            format!("built as {by} and its definition is unchanged; time alone never makes it due")
        }
        NotDue::Rejected { version, verdict, at, next } => {
            let word = match verdict {
                Decision::Untrusted => "untrusted",
                Decision::Blocked | Decision::Passed => "blocked",
            };
            let (at, next) = (moment(*at), next_slot(next.as_ref()));
            format!(
                "{version}, built on {at}, is {word}, and nothing has changed that could change that{next}"
            )
        }
        NotDue::GaveUp { attempts, last, next, .. } => format!(
            "given up after {}, of which the last failed: {last}; repair it, or ask for it by name{}",
            count(*attempts as usize, "attempt"),
            next_slot(next.as_ref())
        ),
        NotDue::Disabled => "disabled in images.yml".to_owned(),
        NotDue::ParentMissing { parent, channel } => {
            format!(
                "the channel {channel} of its parent {parent} names no version yet; \
                 {parent} has to be built first, or named too"
            )
        }
        NotDue::ParentFailed { parent } => {
            format!("its parent {parent} did not come to a version in this run")
        }
        NotDue::ParentUnchanged { parent } => {
            format!("its parent {parent} was built and turned out to be as it was")
        }
        NotDue::NotSelected => "not selected".to_owned(),
    }
}

/// What upstream has changed, in one sentence that starts with the image.
pub fn upstream(change: &UpstreamChange) -> String {
    let UpstreamChange { image, url, what } = change;
    let what = match what {
        Upstream::Gone { status } => format!("`{url}` is gone ({status}): a build will fail"),
        Upstream::Moved { from, to, listed } => {
            let short = |checksum: &str| checksum.chars().take(12).collect::<String>();
            let (from, to) = (short(from), short(to));
            format!(
                "`{url}` has another checksum now, {to}… instead of {from}…, says `{listed}`: a build will fail until `iso_checksum` has it too"
            )
        }
        Upstream::Unlisted { listed } => {
            format!("`{url}` has no checksum in `{listed}` any more: a build will fail")
        }
        Upstream::Unknown { why } => format!("nobody can say what `{url}` is now: {why}"),
    };
    format!("{image}: {what}")
}

fn next_slot(next: Option<&Zoned>) -> String {
    next.map_or_else(String::new, |next| format!("; next slot {}", quantity::slot(next)))
}

/// A finding, as a reason to build.
fn finding(finding: &BlockingFinding) -> String {
    let BlockingFinding { id, source, fixed } = finding;
    let fixed = fixed.as_ref().map_or_else(String::new, |fixed| format!(" (fixed in {fixed})"));
    format!("{id} in {source}{fixed}")
}

/// The first `most` of `things`, and how many more there are: `a, b, c and 2 more`. None if there
/// are none.
fn some(things: impl IntoIterator<Item = impl AsRef<str>>, most: usize) -> Option<String> {
    let things: Vec<_> = things.into_iter().collect();
    let named: Vec<&str> = things.iter().take(most).map(AsRef::as_ref).collect();
    let more = things.len() - named.len();
    match (named.as_slice(), more) {
        ([], _) => None,
        (_, 0) => Some(named.join(", ")),
        _ => Some(format!("{} and {more} more", named.join(", "))),
    }
}

/// Why a finding does what it does.
pub fn fate(fate: &Fate) -> String {
    match fate {
        Fate::Blocks => "it blocks".to_owned(),
        Fate::InGrace { until } => format!("in grace until {}", until.strftime("%Y-%m-%d")),
        Fate::NotNew { since } => format!("not new: {since} has it as well"),
        Fate::Waived(waiver) => {
            let by = waiver.by.as_ref().map_or(String::new(), |by| format!(" by {by}"));
            format!("waived{by} until {}: {}", waiver.until, waiver.reason)
        }
        Fate::Unfixed => "no fix yet".to_owned(),
        Fate::BelowThreshold => "below the threshold".to_owned(),
    }
}

/// What was found to break a rule, and where.
pub fn violation(violation: &Violation) -> String {
    let Violation { message, places, .. } = violation;
    // Most messages name the first place themselves.
    let rest: Vec<&str> =
        places.iter().map(String::as_str).filter(|place| !message.contains(place)).collect();
    if rest.is_empty() { message.clone() } else { format!("{message}: {}", rest.join(", ")) }
}

/// What would block and does not, and how much of it there is; empty if there is nothing of the kind.
pub fn excused(verdict: &Verdict) -> String {
    let counts = [
        (Bucket::InGrace, "in grace"),
        (Bucket::NotNew, "not new"),
        (Bucket::Waived, "waived"),
        (Bucket::Unfixed, "without a fix"),
    ];
    let counts =
        counts.map(|(bucket, word)| (AdvisoryRow::of(verdict, |it| it == bucket).len(), word));
    let said = counts.iter().filter(|(count, _)| *count > 0);
    said.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// What of the findings has come and gone: `1.0.20261101: 2 new (1 high, 1 medium), 3 fixed`.
pub fn since(since: &Since) -> String {
    let Since { version, new, fixed } = since;
    if new.is_empty() && fixed.is_empty() {
        return format!("{version}: the same findings");
    }
    let by_severity = |findings: &[Finding]| {
        let counts = Severity::GRAVEST_FIRST.map(|severity| {
            (findings.iter().filter(|finding| finding.severity == severity).count(), severity)
        });
        let said = counts.iter().filter(|(count, _)| *count > 0);
        let said = said
            .map(|(count, severity)| format!("{count} {}", severity.as_str().to_ascii_lowercase()));
        let said = said.collect::<Vec<_>>().join(", ");
        if said.is_empty() { said } else { format!(" ({said})") }
    };
    format!(
        "{version}: {} new{}, {} fixed{}",
        new.len(),
        by_severity(new),
        fixed.len(),
        by_severity(fixed)
    )
}

#[cfg(test)]
mod tests {
    use super::super::reasons;
    use super::*;

    #[test]
    fn what_upstream_has_changed_is_a_sentence() {
        let listed = || "https://example.org/SHA256SUMS".to_owned();
        let changes = [
            Upstream::Gone { status: 410 },
            Upstream::Moved { from: "a".repeat(64), to: "b".repeat(128), listed: listed() },
            Upstream::Unlisted { listed: listed() },
            Upstream::Unknown { why: "no answer in time".to_owned() },
        ];
        let told = changes.map(|what| {
            let url = "https://example.org/debian-12.iso".to_owned();
            upstream(&UpstreamChange { image: "debian-12".parse().unwrap(), url, what })
        });
        insta::assert_snapshot!(told.join("\n"), @"
        debian-12: `https://example.org/debian-12.iso` is gone (410): a build will fail
        debian-12: `https://example.org/debian-12.iso` has another checksum now, bbbbbbbbbbbb… instead of aaaaaaaaaaaa…, says `https://example.org/SHA256SUMS`: a build will fail until `iso_checksum` has it too
        debian-12: `https://example.org/debian-12.iso` has no checksum in `https://example.org/SHA256SUMS` any more: a build will fail
        debian-12: nobody can say what `https://example.org/debian-12.iso` is now: no answer in time
        ");
    }

    #[test]
    fn every_reason_is_a_sentence() {
        let reasons = reasons::due().iter().map(due).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(reasons, @"
        never built
        its definition has changed since 1.0.20261001
        its definition has changed since 1.0.20261001: a.sh, b.sh, prepare and 2 more
        the slot of 1 November 2026, 03:00 Europe/Berlin has begun; newest is 1.0.20261001
        the slot of 1 November 2026, 03:00 Europe/Berlin has begun; newest is 1.0.20261001; overdue: the slot of 1 October 2026 was missed
        the slot of 1 November 2026, 03:00 Europe/Berlin has begun; newest is 1.0.20261001; overdue: 5 slots were missed: 1 October 2026, 1 September 2026, 1 August 2026 and 2 more
        1.0.20261001 was built on 1 October 2026, 02:00 UTC and may become 45 days old
        1.0.20261001 says that it was built on 1 October 2027, 02:00 UTC: a clock is wrong, or was
        1.0.20261001 was revoked: leaked key
        1.0.20261001 would not pass the gate any more: CVE-2026-40355 in krb5 (fixed in 1.20.1-2+deb12u5), CVE-2026-40356 in krb5
        its parent debian-12 is 1.0.20261101 now, and it was built from 1.0.20261001
        its parent debian-12 is built in this run
        touched by this change: packer/debian.pkr.hcl, packer/a.sh, packer/b.sh and 2 more
        its parent debian-12 is touched by this change
        1.0.20261101 did not pass, and is judged again without a build: the policy has changed
        1.0.20261101 did not pass, and is judged again without a build: the waivers have changed
        1.0.20261101 did not pass, and is judged again without a build: there are newer advisories
        1.0.20261101 did not pass, and is judged again without a build: asked for
        never built; this is attempt 2 of 3, the one before failed: provisioner `shell` failed: script exited with status 100
        asked for by name
        asked for with `--force`
        an artifact was handed in
        ");
        let reasons = reasons::not_due().iter().map(not_due).collect::<Vec<_>>().join("\n");
        insta::assert_snapshot!(reasons, @"
        built in this slot as 1.0.20261101 and its definition is unchanged; next slot 1 December 2026, 03:00 Europe/Berlin
        built as 1.0.20261101 and its definition is unchanged; time alone never makes it due
        1.0.20261101, built on 1 November 2026, 02:00 UTC, is blocked, and nothing has changed that could change that; next slot 1 December 2026, 03:00 Europe/Berlin
        1.0.20261101, built on 1 November 2026, 02:00 UTC, is untrusted, and nothing has changed that could change that
        given up after 3 attempts, of which the last failed: provisioner `shell` failed: script exited with status 100; repair it, or ask for it by name; next slot 1 December 2026, 03:00 Europe/Berlin
        disabled in images.yml
        the channel stable of its parent debian-12 names no version yet; debian-12 has to be built first, or named too
        its parent debian-12 did not come to a version in this run
        its parent debian-12 was built and turned out to be as it was
        not selected
        ");
    }
}
