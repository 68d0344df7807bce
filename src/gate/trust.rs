//! May the scan be believed? Every way in which a scanner is known to say "clean" about something
//! that it never saw, one check each.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{Case, reason};
use crate::model::{
    Basis, EolRule, KnownPackages, Probe, Reason, ReasonId, Severity, StrategyName,
};

/// The result of all checks.
pub(super) struct Trust {
    /// Any of these means that nothing was proven.
    pub(super) doubts: Vec<Reason>,
    /// These decide nothing.
    pub(super) warnings: Vec<Reason>,
}

/// Every check, in the order in which people should read the answers: what is wrong with the
/// image, then with the scan, then with the database.
const CHECKS: [fn(&Case<'_>) -> Option<Reason>; 15] = [
    evidence_is_of_this_artifact,
    skipping_still_holds,
    everything_was_read,
    operating_system_was_identified,
    operating_system_is_the_expected_one,
    packages_are_plausible,
    packages_are_no_fewer_for_nothing,
    scanner_was_asked,
    scanner_saw_the_same_system,
    scanner_did_not_complain,
    report_is_of_this_run,
    advisories_are_fresh,
    guest_was_asked_lately,
    advisories_know_this_system,
    system_still_gets_advisories,
];

/// Makes every check.
pub(super) fn examine(case: &Case<'_>) -> Trust {
    Trust {
        doubts: CHECKS.iter().filter_map(|check| check(case)).collect(),
        warnings: [
            not_looked_at(case),
            set_aside(case),
            not_covered(case),
            updates_of_unknown_weight(case),
            demonstration_data(case),
            end_of_life_warning(case),
            far_fewer_packages_than_before(case),
            nothing_granted(case),
        ]
        .into_iter()
        .flatten()
        .collect(),
    }
}

/// Evidence that was gathered from another disk proves nothing about this one.
fn evidence_is_of_this_artifact(case: &Case<'_>) -> Option<Reason> {
    (case.evidence.subject != case.subject).then(|| {
        reason(
            ReasonId::ForeignEvidence,
            format!(
                "the evidence is of {}, the artifact is {}",
                case.evidence.subject.short(),
                case.subject.short()
            ),
            "the artifact changed while it was looked into: keep other programs away from it and run again",
        )
    })
}

/// A permission to publish without looking has an end.
fn skipping_still_holds(case: &Case<'_>) -> Option<Reason> {
    let Basis::Skipped { until, .. } = &case.evidence.basis else { return None };
    let today = case.now.to_zoned(TimeZone::UTC).date();
    (today > *until).then(|| {
        reason(
            ReasonId::SkipExpired,
            format!("nobody looks into this image, and that was allowed until {until} only"),
            "look into it with another strategy, or review `evidence.skip` and set a new day",
        )
    })
}

/// Publishing without looking is never silent.
fn not_looked_at(case: &Case<'_>) -> Option<Reason> {
    let Basis::Skipped { reason: why, until } = &case.evidence.basis else { return None };
    let today = case.now.to_zoned(TimeZone::UTC).date();
    (today <= *until).then(|| {
        reason(
            ReasonId::NotLookedAt,
            format!("nobody looked into this image, allowed until {until}: {why}"),
            "look into it with another strategy of `evidence:` as soon as one will do",
        )
    })
}

/// Another state of the system that is on the disk as well.
fn set_aside(case: &Case<'_>) -> Option<Reason> {
    let first = case.evidence.set_aside.first()?;
    let more = match case.evidence.set_aside.len() - 1 {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    Some(reason(
        ReasonId::SetAside,
        format!("also on the disk, and not judged by itself: {first}{more}"),
        "remove snapshots at the end of the build if nobody needs them",
    ))
}

/// What no advisory can be about.
fn not_covered(case: &Case<'_>) -> Option<Reason> {
    let inventory = &case.evidence.inventory;
    let uncovered = case.scan?.uncovered;
    let all = inventory.packages.len() + inventory.libraries.len();
    (uncovered > 0).then(|| {
        reason(
            ReasonId::NotCovered,
            format!(
                "{uncovered} of {all} components are of kinds that there are no advisories for"
            ),
            "look at them in the inventory; a scanner that knows them can judge the image instead",
        )
    })
}

/// Most package managers do not say how bad it is to lack an update.
fn updates_of_unknown_weight(case: &Case<'_>) -> Option<Reason> {
    let unknown = |finding: &&crate::model::Finding| finding.severity == Severity::Unknown;
    let pending = case.evidence.findings.iter().filter(unknown).count();
    let asked = case.evidence.pending_asked && !case.policy.fail_on.contains(&Severity::Unknown);
    (asked && pending > 0).then(|| {
        let noun = if pending == 1 { "update is" } else { "updates are" };
        reason(
            ReasonId::UnknownUpdates,
            format!("{pending} {noun} pending in the guest, and nobody says how grave that is"),
            "update the guest at the end of the build, or block them with UNKNOWN in `gate.fail_on`",
        )
    })
}

/// Whether packages were listed, by goldsmith or by somebody else.
fn rests_on_packages(case: &Case<'_>) -> bool {
    matches!(case.evidence.basis, Basis::Packages | Basis::Document)
}

/// What rests on a list of packages proves nothing until that is matched against advisories.
fn scanner_was_asked(case: &Case<'_>) -> Option<Reason> {
    (rests_on_packages(case) && case.scan.is_none()).then(|| {
        let message = "the packages were not matched against any advisories";
        reason(ReasonId::NoAdvisories, message, "run again; report it if it stays")
    })
}

/// A partition that was skipped may hold anything.
fn everything_was_read(case: &Case<'_>) -> Option<Reason> {
    let first = case.evidence.obstacles.first()?;
    let more = match case.evidence.obstacles.len() - 1 {
        0 => String::new(),
        count => format!(" (and {count} more)"),
    };
    Some(reason(
        ReasonId::NotEverythingRead,
        format!("not everything could be read: {}{more}", first.what),
        first.way_out.clone(),
    ))
}

/// No operating system means no package database, and no findings whatever is installed.
fn operating_system_was_identified(case: &Case<'_>) -> Option<Reason> {
    // A scanner of the user's and an inventory of libraries need not know it.
    let must = case.evidence.basis == Basis::Packages;
    (must && case.evidence.os.is_none()).then(|| {
        reason(
            ReasonId::OsUnknown,
            format!("no operating system was identified; expected {}", case.expected.os),
            "check that the artifact is the finished image and that it has /etc/os-release",
        )
    })
}

/// Another system than the expected one is scanned against the wrong advisories, or was built by
/// the wrong template.
fn operating_system_is_the_expected_one(case: &Case<'_>) -> Option<Reason> {
    let found = case.evidence.os.as_ref()?;
    (!case.expected.os.admits(found)).then(|| {
        reason(
            ReasonId::OsMismatch,
            format!("found {found} instead of {}", case.expected.os),
            "correct `os:` in images.yml, or the template if it builds the wrong system",
        )
    })
}

/// The fewest packages that a bootable system of a family has. A handful means that the package
/// database was cut off or replaced.
///
/// A container has what its program needs, which may be three packages (`distroless`); a root file
/// system may be made for one, and has a package manager.
fn floor(strategy: StrategyName, family: &str) -> usize {
    match (strategy, family) {
        (StrategyName::Container, _) => 1,
        (StrategyName::Rootfs, _) | (_, "alpine" | "wolfi" | "chainguard") => 10,
        _ => 100,
    }
}

/// The fewest components of an inventory that somebody else made of a whole system.
const DOCUMENT: usize = 10;

fn packages_are_plausible(case: &Case<'_>) -> Option<Reason> {
    let inventory = &case.evidence.inventory;
    let (found, floor) = match case.evidence.basis {
        Basis::Packages => {
            (inventory.packages.len(), floor(case.evidence.strategy, &case.expected.os.family))
        }
        // What its maker lists may have no packages of an operating system at all.
        Basis::Document => (inventory.packages.len() + inventory.libraries.len(), DOCUMENT),
        Basis::Scanner { .. } | Basis::Skipped { .. } => return None,
    };
    (found < floor).then(|| {
        let noun = if found == 1 { "package was" } else { "packages were" };
        reason(
            ReasonId::TooFewPackages,
            format!("only {found} {noun} found; a whole {} has at least {floor}", case.expected.os),
            "check that the image keeps its package database (/var/lib/dpkg, /var/lib/rpm)",
        )
    })
}

/// An image that has lost half of its packages, if it has.
fn dropped(case: &Case<'_>) -> Option<(KnownPackages, usize)> {
    let known = case.before.packages.filter(|_| rests_on_packages(case))?;
    let found = case.evidence.inventory.packages.len();
    (2 * found < known.count).then_some((known, found))
}

fn told_of_drop(known: KnownPackages, found: usize, help: &str) -> Reason {
    let KnownPackages { version, count, .. } = known;
    let message = format!("{found} packages were found, and {version} has {count}");
    reason(ReasonId::PackagesDropped, message, help)
}

/// The same definition does not lose half of its packages: the database was cut off, or is elsewhere.
fn packages_are_no_fewer_for_nothing(case: &Case<'_>) -> Option<Reason> {
    let (known, found) = dropped(case).filter(|(known, _)| known.same_definition)?;
    let help = "check that the image keeps its whole package database; what somebody has taken out on \
        purpose is believed once the template says so";
    Some(told_of_drop(known, found, help))
}

/// A definition that has changed may have lost them on purpose.
fn far_fewer_packages_than_before(case: &Case<'_>) -> Option<Reason> {
    let (known, found) = dropped(case).filter(|(known, _)| !known.same_definition)?;
    let help = "check that this was meant; if not, the package database may be cut off";
    Some(told_of_drop(known, found, help))
}

/// Where nobody knows what the other version has, everything counts.
fn nothing_granted(case: &Case<'_>) -> Option<Reason> {
    let channel = case.policy.new_only.as_ref().filter(|_| case.before.granted.is_none())?;
    let message = format!(
        "what is new cannot be told, so every finding counts: of what `{channel}` names, no findings are known"
    );
    let help = "nothing to do: it is known from the next version on that enters the channel";
    Some(reason(ReasonId::NothingGranted, message, help))
}

/// Whether the scanner has anything to say about the system: else that is what is told.
fn knows(case: &Case<'_>) -> bool {
    case.scan.is_some_and(|scan| scan.advisories.probe != Probe::NotAsked)
}

/// The scanner must have understood the inventory as what it is, completely.
fn scanner_saw_the_same_system(case: &Case<'_>) -> Option<Reason> {
    let scan = case.scan?;
    let packages = case.evidence.inventory.packages.len();
    let help = "run again with the tested Trivy version; if it stays, report it with the run's log";
    if scan.os != case.evidence.os && knows(case) {
        let name = |os: &Option<crate::model::OsIdentity>| {
            os.as_ref().map_or("no operating system".to_owned(), ToString::to_string)
        };
        let (scanned, found) = (name(&scan.os), name(&case.evidence.os));
        let message = format!("the scanner saw {scanned}, the evidence is {found}");
        return Some(reason(ReasonId::OsDisagreement, message, help));
    }
    (scan.packages < packages && knows(case)).then(|| {
        let message = format!("the scanner looked at {} of {packages} packages", scan.packages);
        reason(ReasonId::PackagesLost, message, help)
    })
}

fn scanner_did_not_complain(case: &Case<'_>) -> Option<Reason> {
    let complaint = case.scan?.complaints.first()?;
    Some(reason(
        ReasonId::ScannerComplained,
        format!("the scanner said: {complaint}"),
        "read the scanner's full log; a release that it does not know needs a newer Trivy",
    ))
}

/// A failed scan leaves the report of an earlier one where it is.
fn report_is_of_this_run(case: &Case<'_>) -> Option<Reason> {
    let scan = case.scan?;
    let help = "run again; the report does not belong to this scan";
    if !scan.about_subject {
        let message = "the scanner's report is about something else";
        return Some(reason(ReasonId::ForeignReport, message, help));
    }
    // The scanner's clock is this machine's; a second covers rounding.
    let fresh = scan.made_at.is_some_and(|made| made + Duration::from_secs(1) >= scan.started_at);
    (!fresh).then(|| {
        let when =
            scan.made_at.map_or("at an unknown time".to_owned(), |made| format!("at {made}"));
        let message = format!("the scanner's report was made {when}, before this scan started");
        reason(ReasonId::StaleReport, message, help)
    })
}

/// Scanners use a database of any age without a word.
fn advisories_are_fresh(case: &Case<'_>) -> Option<Reason> {
    let updated = case.scan?.advisories.updated_at;
    let age = case.now.duration_since(updated);
    if age < jiff::SignedDuration::from_hours(-24) {
        return Some(reason(
            ReasonId::FutureAdvisories,
            format!(
                "the advisory database says that it was made in the future, at {}",
                day(updated)
            ),
            "check this machine's clock",
        ));
    }
    let limit = case.policy.max_db_age;
    (age.unsigned_abs() > limit && age.is_positive()).then(|| {
        reason(
            ReasonId::OldAdvisories,
            format!(
                "the advisory database is {} old, the limit is {}",
                hours(age.unsigned_abs()),
                hours(limit)
            ),
            "refresh it (leave `--db` out, or update the folder that it names), or raise `gate.max_db_age`",
        )
    })
}

/// What to do about a system that the scanner has no advisories for.
const WITHOUT_ADVISORIES: &str = "name a strategy that has an answer: `evidence: guest` (updates that \
    the guest says are pending), `{ scanner: … }`, `{ sbom: … }`, or `{ skip: … }` with a reason";

/// Whether the guest itself has said which updates it lacks: then that is what the packages are
/// judged by.
fn pending_updates(case: &Case<'_>) -> bool {
    case.evidence.pending_asked
}

/// Which updates there were the last time that somebody asked says nothing of those since.
fn guest_was_asked_lately(case: &Case<'_>) -> Option<Reason> {
    let told_at = case.evidence.told_at.filter(|_| pending_updates(case))?;
    let age = case.now.duration_since(told_at);
    let limit = case.policy.max_db_age;
    (age.is_positive() && age.unsigned_abs() > limit).then(|| {
        let (age, limit) = (hours(age.unsigned_abs()), hours(limit));
        reason(
            ReasonId::OldAdvisories,
            format!("the guest was asked for pending updates {age} ago, the limit is {limit}"),
            "build it anew: a guest is there to be asked only while it is built",
        )
    })
}

/// A database without advisories for this system finds nothing, whatever is installed.
fn advisories_know_this_system(case: &Case<'_>) -> Option<Reason> {
    let message = match case.scan?.advisories.probe {
        Probe::Answered(_) => return None,
        Probe::Silent => format!(
            "the advisory database has nothing about {}: even packages of version 0 are clean",
            case.expected.os
        ),
        Probe::NotAsked if pending_updates(case) => return None,
        Probe::NotAsked => {
            let message = format!("there is no advisory source for {}", case.expected.os);
            return Some(reason(ReasonId::NoAdvisories, message, WITHOUT_ADVISORIES));
        }
    };
    let help = "use a complete advisory database that covers this release";
    Some(reason(ReasonId::NoAdvisories, message, help))
}

fn end_of_life(case: &Case<'_>) -> Option<Reason> {
    let scanners = case.scan.is_some_and(|scan| scan.end_of_life);
    let users = matches!(case.evidence.basis, Basis::Scanner { end_of_life: true, .. });
    (scanners || users).then(|| {
        reason(
            ReasonId::EndOfLife,
            format!(
                "{} is past its end of life: no advisories come for it any more",
                case.expected.os
            ),
            "move the image to a supported release, or set `gate.eol: warn`",
        )
    })
}

fn system_still_gets_advisories(case: &Case<'_>) -> Option<Reason> {
    end_of_life(case).filter(|_| case.policy.eol == EolRule::Untrusted)
}

fn end_of_life_warning(case: &Case<'_>) -> Option<Reason> {
    end_of_life(case).filter(|_| case.policy.eol == EolRule::Warn)
}

fn demonstration_data(case: &Case<'_>) -> Option<Reason> {
    let fixture = case.scan?.advisories.fixture.as_ref()?;
    Some(reason(
        ReasonId::DemoData,
        format!("judged by demonstration data ({fixture}), not by today's advisories"),
        "run without `--db` to use the real database",
    ))
}

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn hours(duration: Duration) -> String {
    let hours = duration.as_secs() / 3600;
    match (hours / 24, hours) {
        (days, _) if days > 2 => format!("{days} days"),
        (_, hours) => format!("{hours} hours"),
    }
}
