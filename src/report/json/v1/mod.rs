//! Version 1 of the JSON reports.
//!
//! Every document is an object with `"version": 1` and a `kind`. Field names are snake_case; what is
//! not known is `null` or an empty list, never a missing field, unless a field says otherwise. Times
//! are RFC 3339 in UTC, durations are seconds, sizes are bytes, digests are `sha256:` and 64
//! hexadecimal digits. Words from fixed lists are kebab-case, except severities and statuses, which
//! are spelled as Trivy does, and `failure_reason`, which is the action's output of that name.
//!
//! New fields and new words may be added at any time. Nothing else changes within version 1.

mod compared;
mod document;
mod image;
#[cfg(test)]
mod page;
mod plan;
mod reap;
mod rescan;
mod run;
mod verdict;
mod why;

pub use compared::{
    ChangeCounts, Compared, ComparedFindings, ComparedVersion, PackageChange, PackageState,
    SettingChange, SizeChange,
};
pub use document::{
    channel_history, checked, compared, image, plan, promotions, pruned, pulled, reap, repaired,
    report, rescan, revoked, shown, steered, verified, versions, waivers,
};
pub use image::{Advisories, ChannelMove, Evidence, Failure, File, Image, Os, Stage};
pub use plan::{Plan, Planned, Soaking, UpstreamChange};
pub use reap::{Deed, Reap, Reaped};
pub use rescan::{Advice, Rescan, RescanFinding, RescanWork, Watched};
pub use run::{CaughtUp, Promotion, Run, Tool};
pub use verdict::{Changed, Counts, Finding, Reason, Since, Verdict, Violation, Waiver};
pub use why::{Details, NewFinding, Skipped, Why};
