//! Waivers: what they permit, and what there is to say of them.

use globset::{GlobBuilder, GlobMatcher};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, civil};

use super::{Case, reason};
use crate::model::{Fate, Finding, Judged, Reason, ReasonId, Waiver};

/// The waivers of an image, ready to be asked.
pub(super) struct Permits<'a> {
    waivers: Vec<(&'a Waiver, Vec<GlobMatcher>)>,
    today: civil::Date,
    notice: SignedDuration,
}

impl<'a> Permits<'a> {
    /// The waivers of `case`.
    pub(super) fn of_case(case: &Case<'a>) -> Self {
        let ready = |waiver: &'a Waiver| {
            // One that is no glob permits nothing; reading the file has told it.
            let globs = waiver.packages.iter();
            let globs = globs.filter_map(|glob| matcher(glob)).collect();
            (waiver, globs)
        };
        Self {
            waivers: case.lists.waivers.iter().map(ready).collect(),
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
        let names = |globs: &[GlobMatcher]| {
            globs
                .iter()
                .any(|glob| glob.is_match(&finding.package) || glob.is_match(&finding.source))
        };
        self.waivers.iter().filter_map(move |(waiver, globs)| {
            let meant = waiver.id == finding.id && (waiver.packages.is_empty() || names(globs));
            meant.then_some(*waiver)
        })
    }

    /// What people should know of the waivers: which end soon, and which have ended.
    pub(super) fn warnings(&self, findings: &[Judged]) -> Vec<Reason> {
        let mut warnings = Vec::new();
        for (waiver, _) in &self.waivers {
            let about = |judged: &&Judged| {
                self.about(&judged.finding).any(|about| std::ptr::eq(about, *waiver))
            };
            let mut met = findings.iter().filter(about);
            let told = if self.holds(waiver) {
                let used =
                    |judged: &Judged| matches!(&judged.fate, Fate::Waived(by) if **by == **waiver);
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

/// A glob, as waivers have them: `*` and `?` within a name.
pub(super) fn matcher(glob: &str) -> Option<GlobMatcher> {
    Some(GlobBuilder::new(glob).literal_separator(true).build().ok()?.compile_matcher())
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
