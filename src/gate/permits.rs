//! Waivers: what they permit, and what there is to say of them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, civil};

use super::{Case, reason};
use crate::model::{Fate, Finding, Judged, NameGlob, Reason, ReasonId, Waiver};

/// The waivers of an image, ready to be asked.
pub(super) struct Permits<'a> {
    /// By what they are about.
    waivers: BTreeMap<&'a str, Vec<Permit<'a>>>,
    today: civil::Date,
    notice: SignedDuration,
}

impl<'a> Permits<'a> {
    /// The waivers of `case`.
    pub(super) fn of_case(case: &Case<'a>) -> Self {
        let mut waivers: BTreeMap<&str, Vec<Permit<'_>>> = BTreeMap::new();
        for waiver in &case.lists.waivers {
            waivers.entry(&waiver.id).or_default().push(Permit::of(waiver));
        }
        Self {
            waivers,
            today: case.now.to_zoned(TimeZone::UTC).date(),
            notice: case.policy.waiver_notice.try_into().unwrap_or(SignedDuration::MAX),
        }
    }

    /// The waiver that permits `finding` today: of several, the one that does so longest.
    pub(super) fn of(&self, finding: &Finding) -> Option<&'a Waiver> {
        let about = self.about(finding).filter(|waiver| self.holds(waiver));
        about.max_by_key(|waiver| waiver.until)
    }

    /// The last day counts whole, in UTC.
    fn holds(&self, waiver: &Waiver) -> bool {
        self.today <= waiver.until
    }

    /// The waivers that name `finding`, whether they still hold or not.
    fn about<'s>(&'s self, finding: &'s Finding) -> impl Iterator<Item = &'a Waiver> + 's {
        let permits = self.waivers.get(finding.id.as_str()).into_iter().flatten();
        permits.filter(|permit| permit.names(finding)).map(|permit| permit.waiver)
    }

    /// What people should know of the waivers: which end soon, and which have ended.
    pub(super) fn warnings(&self, findings: &[Judged]) -> Vec<Reason> {
        let mut warnings = Vec::new();
        for permit in self.waivers.values().flatten() {
            let waiver = permit.waiver;
            let about =
                |judged: &&Judged| judged.finding.id == waiver.id && permit.names(&judged.finding);
            let mut met = findings.iter().filter(about);
            let told = if self.holds(waiver) {
                let used =
                    |judged: &Judged| matches!(&judged.fate, Fate::Waived(by) if **by == *waiver);
                (self.ends_soon(waiver) && met.any(used)).then(|| ends(waiver))
            } else {
                met.any(|judged| judged.fate == Fate::Blocks).then(|| ended(waiver))
            };
            warnings.extend(told);
        }
        warnings
    }

    fn ends_soon(&self, waiver: &Waiver) -> bool {
        let left = waiver.until.duration_since(self.today);
        left <= self.notice
    }
}

/// A waiver with its globs.
struct Permit<'a> {
    waiver: &'a Waiver,
    packages: Vec<NameGlob>,
}

impl<'a> Permit<'a> {
    fn of(waiver: &'a Waiver) -> Self {
        // What is no pattern names nothing; reading the file has told it.
        let packages = waiver.packages.iter().filter_map(|name| NameGlob::new(name)).collect();
        Self { waiver, packages }
    }

    /// Whether it is about the package of `finding`, whose id it has.
    fn names(&self, finding: &Finding) -> bool {
        let names =
            |name: &NameGlob| name.matches(&finding.package) || name.matches(&finding.source);
        self.waiver.packages.is_empty() || self.packages.iter().any(names)
    }
}

fn ends(waiver: &Waiver) -> Reason {
    let Waiver { id, until, reason: why, .. } = waiver;
    reason(
        ReasonId::WaiverEnds,
        format!("the waiver of {id} ends on {until}: {why}"),
        "bring the fix into the image before that day, or review the waiver",
    )
}

fn ended(waiver: &Waiver) -> Reason {
    let Waiver { id, until, reason: why, .. } = waiver;
    reason(
        ReasonId::WaiverEnded,
        format!("the waiver of {id} has ended on {until}, so it blocks again: {why}"),
        "bring the fix into the image, or review the waiver and give it a new day",
    )
}
