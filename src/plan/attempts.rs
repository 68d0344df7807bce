//! What was tried before, in vain: nobody builds the same thing again and again.

use jiff::{SignedDuration, Timestamp};

use super::calendar::Calendar;
use super::{Candidate, PlanInputs};
use crate::model::{Attempt, Digest, Due, FailedAttempt, NotDue, Regate};

/// What the clocks of two machines may differ.
pub(super) const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// The attempts to build what would be built now: the same definition upon the same parents, and in
/// the same slot, because a new slot brings new packages.
pub(super) struct Attempts<'a> {
    /// Those that came to no end, oldest first.
    failed: Vec<&'a FailedAttempt>,
    /// The newest one that did not pass, in whichever slot.
    rejected: Option<&'a Attempt>,
    calendar: &'a Calendar,
    now: Timestamp,
    limit: usize,
    /// What it is judged by now.
    policy: Digest,
    waivers: Digest,
    advisories_at: Timestamp,
}

impl<'a> Attempts<'a> {
    pub(super) fn of(
        inputs: &PlanInputs<'_>,
        candidate: &Candidate<'a>,
        calendar: &'a Calendar,
        now: Timestamp,
    ) -> Self {
        // An attempt of the future, by a clock that was wrong, must not stop all others.
        let happened = |started_at: Timestamp| started_at.duration_since(now) <= SKEW;
        let definition = candidate.definition.digest;
        let history = candidate.history;
        let failed = history.failed.iter().filter(|attempt| {
            attempt.definition == definition
                && candidate.moved(&attempt.parents).is_none()
                && happened(attempt.started_at)
                && calendar.latest.is_none_or(|slot| attempt.started_at >= slot)
        });
        let rejected = history.rejected.as_ref().filter(|attempt| {
            attempt.definition == definition
                && candidate.moved(&attempt.parents).is_none()
                && happened(attempt.started_at)
                && !attempt.handed_in
        });
        Self {
            failed: failed.collect(),
            rejected,
            calendar,
            now,
            // A build that is never tried is not meant by any limit.
            limit: usize::try_from(inputs.retry_limit).unwrap_or(usize::MAX).max(1),
            policy: candidate.image.judged_by(),
            waivers: candidate.waivers,
            advisories_at: inputs.advisories_at,
        }
    }

    /// Whether another attempt for the reason `why` may come to something else.
    pub(super) fn weigh(&self, why: Due) -> Result<Due, NotDue> {
        let next = self.calendar.next.clone();
        if let Some(attempt) = self.rejected
            && self.answers(attempt, &why)
        {
            let Attempt { version, verdict, started_at: at, .. } = *attempt;
            return Err(NotDue::Rejected { version, verdict, at, next });
        }
        let Some(last) = self.failed.last() else {
            return Ok(why);
        };
        let attempts = count(self.failed.len());
        let (at, last) = (last.started_at, last.reason.clone());
        if self.failed.len() >= self.limit {
            return Err(NotDue::GaveUp { attempts, last, at, next });
        }
        let of = count(self.limit);
        Ok(Due::Retry { attempt: attempts + 1, of, last, why: Box::new(why) })
    }

    /// Whether `attempt` was made for `why`, or would have been.
    fn answers(&self, attempt: &Attempt, why: &Due) -> bool {
        match why {
            // The history knows which findings were there before the attempt.
            Due::Finding { .. } => false,
            Due::TooOld { limit, .. } => {
                let age = self.now.duration_since(attempt.started_at);
                age <= SignedDuration::try_from(*limit).unwrap_or(SignedDuration::MAX)
            }
            _ => self.calendar.latest.is_none_or(|slot| attempt.started_at >= slot),
        }
    }

    /// The attempt that did not pass, if its artifact is kept and may pass by now.
    pub(super) fn regate(&self) -> Option<Due> {
        let attempt = self.rejected.filter(|attempt| attempt.kept)?;
        let why = if attempt.policy.is_some_and(|policy| policy != self.policy) {
            Regate::Policy
        } else if attempt.waivers.is_some_and(|waivers| waivers != self.waivers) {
            Regate::Waivers
        } else if attempt.advisories_updated_at? < self.advisories_at {
            Regate::Advisories
        } else {
            return None;
        };
        Some(Due::CanBeRegated { version: attempt.version, why })
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
