//! What the policy accepts: the one bucket in which each finding ends.

use jiff::{SignedDuration, Timestamp};

use super::Case;
use super::permits::Permits;
use crate::model::{Fate, Finding, FindingKey, GatePolicy, Severity, SeveritySource};

/// What clocks may differ. A date beyond it was not meant, and must give no grace without end.
const SKEW: SignedDuration = SignedDuration::from_hours(24);

/// How NVD is called among ratings (Trivy, `VendorSeverity`).
const NVD: &str = "nvd";

/// The finding with the severity that counts.
pub(super) fn rated(finding: &Finding, source: SeveritySource) -> Finding {
    let vendor = finding.severity;
    let severity = match source {
        SeveritySource::Vendor => vendor,
        SeveritySource::Nvd => match finding.ratings.get(NVD) {
            Some(Severity::Unknown) | None => vendor,
            Some(rating) => *rating,
        },
        SeveritySource::Highest => finding.ratings.values().copied().fold(vendor, Severity::max),
    };
    Finding { severity, ..finding.clone() }
}

/// Where a finding ends. The questions are asked in this order, and the first answer counts: whether
/// it matters, whether anybody can do something about it, whether somebody permits it, whether it is
/// new, and whether there was time.
pub(super) fn fate(finding: &Finding, case: &Case<'_>, permits: &Permits<'_>) -> Fate {
    let policy = case.policy;
    if !policy.fail_on.contains(&finding.severity) {
        return Fate::BelowThreshold;
    }
    if policy.ignore_unfixed && finding.fixed.is_none() {
        return Fate::Unfixed;
    }
    if let Some(waiver) = permits.of(finding) {
        return Fate::Waived(Box::new(waiver.clone()));
    }
    let critical = finding.severity == Severity::Critical;
    let granted = case.before.granted.as_ref();
    if let Some(granted) =
        granted.filter(|known| known.findings.contains(&FindingKey::from(finding)))
        && (case.before.only_introduced || policy.new_only.is_some() && !critical)
    {
        return Fate::NotNew { since: granted.version };
    }
    if critical {
        return Fate::Blocks;
    }
    match grace(finding, policy, case.now) {
        Some(until) if !case.lists.exploited.contains(&finding.id) => Fate::InGrace { until },
        _ => Fate::Blocks,
    }
}

/// When a finding that is not critical begins to block, if that is still to come. Time runs since
/// there is a fix, else since the advisory was published; never since somebody first saw it, which a
/// runner that forgets everything would see anew each day.
fn grace(finding: &Finding, policy: &GatePolicy, now: Timestamp) -> Option<Timestamp> {
    let grace = policy.fix_grace.get(&finding.severity)?;
    let since = finding.fixed_at.or(finding.published)?;
    if since.duration_since(now) > SKEW {
        return None;
    }
    let until = since.checked_add(SignedDuration::try_from(*grace).ok()?).ok()?;
    (now < until).then_some(until)
}
