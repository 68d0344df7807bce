//! What the gate said of one image.

use indexmap::IndexMap;
use jiff::Timestamp;
use jiff::civil;
use serde::Serialize;

use crate::model::{
    self, Bucket, Decision, Fate, Level, ReasonId, RuleName, Severity, Status, Version,
};
use crate::report::{AdvisoryRow, Tally};

/// What the gate said.
#[derive(Debug, Serialize)]
pub struct Verdict<'a> {
    /// `passed`, `blocked` or `untrusted`.
    pub decision: Decision,
    /// Why it is not `passed`.
    pub reasons: Vec<Reason<'a>>,
    /// What decides nothing and should be known.
    pub warnings: Vec<Reason<'a>>,
    /// How many findings there are, by severity; all five are there. An advisory counts once for a
    /// source package. Where the decision is `untrusted`, nothing follows from a zero.
    pub counts: IndexMap<&'static str, Counts>,
    /// How many of them ended in which bucket; all six are there, and they add up to the same.
    pub buckets: IndexMap<Bucket, usize>,
    /// Every finding: what blocks first, then the gravest.
    pub findings: Vec<Finding<'a>>,
    /// The rules that the image breaks, what blocks first.
    pub rules: Vec<Violation<'a>>,
    /// The rules that nobody could check.
    pub rules_not_checked: &'a [RuleName],
}

/// A reason or a warning.
#[derive(Debug, Serialize)]
pub struct Reason<'a> {
    /// The rule that speaks.
    pub id: ReasonId,
    /// What it says.
    pub message: &'a str,
    /// What to do about it.
    pub help: &'a str,
}

/// How many findings there are.
#[derive(Debug, Serialize)]
pub struct Counts {
    /// With a fix.
    pub fixable: usize,
    /// Without one.
    pub unfixed: usize,
}

/// One advisory that applies to one installed package.
#[derive(Debug, Serialize)]
pub struct Finding<'a> {
    /// Advisory id.
    pub id: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// Where it ended: `blocks`, `in-grace`, `not-new`, `waived`, `unfixed` or `below-threshold`.
    pub bucket: Bucket,
    /// `in-grace`: when it begins to block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<Timestamp>,
    /// `not-new`: the version that has it as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_new_since: Option<Version>,
    /// `waived`: who permits it, and why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver<'a>>,
    /// The installed (binary) package.
    pub package: &'a str,
    /// The source package.
    pub source: &'a str,
    /// Installed version.
    pub installed: &'a str,
    /// Version that has the fix.
    pub fixed: Option<&'a str>,
    /// What the vendor says of it.
    pub status: Status,
    /// One line for people; may be empty.
    pub title: &'a str,
    /// Link to the advisory.
    pub url: Option<&'a str>,
    /// When the advisory was published.
    pub published_at: Option<Timestamp>,
}

/// A permission for a finding.
#[derive(Debug, Serialize)]
pub struct Waiver<'a> {
    /// Why.
    pub reason: &'a str,
    /// The last day on which it holds, in UTC.
    pub until: civil::Date,
    /// Who decided so.
    pub by: Option<&'a str>,
}

/// A rule that the image breaks.
#[derive(Debug, Serialize)]
pub struct Violation<'a> {
    /// The rule.
    pub id: &'a RuleName,
    /// `block` or `warn`.
    pub level: Level,
    /// What was found. May quote the image.
    pub message: &'a str,
    /// What to do about it.
    pub help: &'a str,
    /// Where in the image.
    pub places: &'a [String],
}

/// What of the findings has changed since the version that is out.
#[derive(Debug, Serialize)]
pub struct Since<'a> {
    /// That version.
    pub version: Version,
    /// What it does not have, gravest first.
    pub new: Vec<Changed<'a>>,
    /// What only it has, gravest first.
    pub fixed: Vec<Changed<'a>>,
}

/// An advisory in a source package that has come or gone.
#[derive(Debug, Serialize)]
pub struct Changed<'a> {
    /// Advisory id.
    pub id: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// The source package.
    pub source: &'a str,
    /// Version that has the fix.
    pub fixed: Option<&'a str>,
}

impl<'a> Verdict<'a> {
    pub(super) fn of(verdict: &'a model::Verdict) -> Self {
        let tally = Tally::of(verdict);
        let counts = Severity::GRAVEST_FIRST.into_iter().map(|severity| {
            let counts =
                Counts { fixable: tally.fixable(severity), unfixed: tally.unfixed(severity) };
            (severity.as_str(), counts)
        });
        let in_bucket = |bucket| AdvisoryRow::of(verdict, |it| it == bucket).len();
        Self {
            decision: verdict.decision,
            reasons: verdict.reasons.iter().map(Reason::of).collect(),
            warnings: verdict.warnings.iter().map(Reason::of).collect(),
            counts: counts.collect(),
            buckets: Bucket::ALL.into_iter().map(|it| (it, in_bucket(it))).collect(),
            findings: verdict.findings.iter().map(Finding::of).collect(),
            rules: verdict.violations.iter().map(Violation::of).collect(),
            rules_not_checked: &verdict.unchecked,
        }
    }
}

impl<'a> Reason<'a> {
    fn of(reason: &'a model::Reason) -> Self {
        Self { id: reason.id, message: &reason.message, help: &reason.help }
    }
}

impl<'a> Finding<'a> {
    fn of(judged: &'a model::Judged) -> Self {
        let finding = &judged.finding;
        let (mut grace_until, mut not_new_since, mut waiver) = (None, None, None);
        match &judged.fate {
            Fate::InGrace { until } => grace_until = Some(*until),
            Fate::NotNew { since } => not_new_since = Some(*since),
            Fate::Waived(by) => waiver = Some(Waiver::of(by)),
            Fate::Blocks | Fate::Unfixed | Fate::BelowThreshold => {}
        }
        Self {
            id: &finding.id,
            severity: finding.severity,
            bucket: judged.bucket(),
            grace_until,
            not_new_since,
            waiver,
            package: &finding.package,
            source: &finding.source,
            installed: &finding.installed,
            fixed: finding.fixed.as_deref(),
            status: finding.status,
            title: &finding.title,
            url: finding.url.as_deref(),
            published_at: finding.published,
        }
    }
}

impl<'a> Waiver<'a> {
    fn of(waiver: &'a model::Waiver) -> Self {
        Self { reason: &waiver.reason, until: waiver.until, by: waiver.by.as_deref() }
    }
}

impl<'a> Violation<'a> {
    fn of(violation: &'a model::Violation) -> Self {
        let model::Violation { rule, level, message, help, places } = violation;
        Self { id: rule, level: *level, message, help, places }
    }
}

impl<'a> Since<'a> {
    pub(super) fn of(since: &'a model::Since) -> Self {
        let changed = |finding: &'a model::Finding| Changed {
            id: &finding.id,
            severity: finding.severity,
            source: &finding.source,
            fixed: finding.fixed.as_deref(),
        };
        Self {
            version: since.version,
            new: since.new.iter().map(changed).collect(),
            fixed: since.fixed.iter().map(changed).collect(),
        }
    }
}
