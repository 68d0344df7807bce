//! Judges versions by what was found in their inventories, and records what has changed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::probe as known_answer;
use super::kept::Pending;
use super::live::{Last, Live};
use super::{Place, Rescanner};
use crate::evidence::{Sbom, read_sbom};
use crate::gate::{self, Case};
use crate::model::{
    Advice, AdviceKind, Advisories, Basis, Before, Bucket, Decision, Digest, Evidence, Expected,
    Facts, Failure, FailureClass, Finding, FindingKey, FindingsDocument, GatePolicy, Inventory,
    Level, Os, OsIdentity, Probe, Reason, ReasonId, RuleLevels, Scan, StrategyName, Verdict,
};
use crate::registry::{self, Rescanned};
use crate::report::rescan::{WatchState, WatchedVersion};
use crate::rescan::{self as many, Batches, Matched, Matches, Seen};
use crate::trivy::Scanner;

/// Everything that was asked for.
pub(super) struct Known {
    pub(super) batches: Batches,
    pub(super) matches: Matches,
    pub(super) places: HashMap<Digest, Place>,
}

/// What a probe was about.
type ProbeKey = (Option<(String, String)>, BTreeSet<String>);

/// What the versions are worth, what people should hear of them, and how many entries were written.
pub(super) async fn versions(
    rescanner: &Rescanner<'_>,
    live: &[Live],
    known: &Known,
) -> Result<(Vec<WatchedVersion>, Vec<Advice>, usize), Failure> {
    let mut probes = BTreeMap::new();
    let (mut watched, mut recorded) = (Vec::new(), 0);
    let pending = Pending::of(&rescanner.state, rescanner.registry.location());
    // What was recorded by one that was stopped before it could tell anybody.
    let mut advice = pending.untold();
    advice.retain(|it| {
        live.iter().any(|live| live.image == it.image && live.record.version == it.version)
    });
    for live in live {
        let judgement = rescanner.judgements.get(&live.image);
        let state = match look(rescanner, live, known, &mut probes).await? {
            Look::Unwatched(why) => WatchState::Unwatched(why),
            Look::Untrusted(reason) => WatchState::Untrusted(vec![reason]),
            Look::Judged(verdict) if verdict.decision == Decision::Untrusted => {
                let doubts = verdict.reasons.into_iter();
                WatchState::Untrusted(doubts.filter(|it| it.id != ReasonId::Findings).collect())
            }
            Look::Judged(verdict) => {
                let (said, written) = record(rescanner, live, &verdict, &pending).await?;
                advice.extend(said);
                recorded += usize::from(written);
                state(&verdict)
            }
        };
        watched.push(WatchedVersion {
            image: live.image.clone(),
            version: live.record.version,
            channels: live.channels.clone(),
            newest: live.newest,
            by_defaults: judgement.is_none(),
            state,
        });
    }
    Ok((watched, advice, recorded))
}

/// What a version is worth that was judged.
fn state(verdict: &Verdict) -> WatchState {
    let blocking = FindingKey::once(verdict.in_bucket(Bucket::Blocks));
    let more = blocking.len().saturating_sub(Advice::NAMED);
    let findings: Vec<Finding> = blocking.into_iter().take(Advice::NAMED).cloned().collect();
    if findings.is_empty() { WatchState::Clean } else { WatchState::Blocked { findings, more } }
}

/// What came of looking at a version.
enum Look {
    /// There is nothing to match, or nothing to match it against.
    Unwatched(String),
    /// Nothing is proven.
    Untrusted(Reason),
    /// It was judged.
    Judged(Verdict),
}

async fn look(
    rescanner: &Rescanner<'_>,
    live: &Live,
    known: &Known,
    probes: &mut BTreeMap<ProbeKey, Probe>,
) -> Result<Look, Failure> {
    let inventory = &live.record.inventory;
    let (mut matched, own) = match known.places.get(inventory) {
        None | Some(Place::Nothing) => {
            return Ok(Look::Unwatched("nobody has listed what is in it".to_owned()));
        }
        Some(Place::Whole(Err(failure))) => {
            return Ok(Look::Untrusted(unmatched(&failure.reason)));
        }
        Some(Place::Whole(Ok(alone))) => (alone.matched(), false),
        Some(Place::Parts(parts)) => {
            let Some(matched) = known.matches.of(parts, &known.batches) else {
                return Ok(Look::Untrusted(unmatched("it lists no package")));
            };
            (matched, true)
        }
    };
    let bytes = rescanner.registry.blob(inventory).await.map_err(|error| error.failure())?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let read = tokio::task::spawn_blocking(move || read_sbom(&text)).await;
    let read = read.map_err(|error| Failure::caused_by(FailureClass::Scan, &error))?;
    let sbom = match read {
        Ok(sbom) => sbom,
        Err(error) => {
            let reason = Failure::caused_by(FailureClass::Scan, &error).reason;
            return Ok(Look::Untrusted(unmatched(&reason)));
        }
    };
    if let Some(Place::Whole(Ok(alone))) = known.places.get(inventory) {
        matched.lost = sbom.packages.len().saturating_sub(alone.answer.packages);
    }
    let whole_system = own && sbom.os.is_some() && !sbom.packages.is_empty();
    let basis = if whole_system { Basis::Packages } else { Basis::Document };
    let probe = probe(rescanner, &sbom, &basis, probes).await?;
    if probe == Probe::NotAsked {
        let what = sbom.os.as_ref().map_or("what it lists".to_owned(), ToString::to_string);
        return Ok(Look::Unwatched(format!("there is no advisory source for {what}")));
    }
    Ok(Look::Judged(judge(rescanner, live, sbom, basis, matched, probe)))
}

/// A version whose inventory could not be matched.
fn unmatched(why: &str) -> Reason {
    Reason {
        id: ReasonId::NoAdvisories,
        message: format!("its inventory could not be matched: {why}"),
        help: "publish it anew: `goldsmith run --force`".to_owned(),
    }
}

fn judge(
    rescanner: &Rescanner<'_>,
    live: &Live,
    sbom: Sbom,
    basis: Basis,
    matched: Matched,
    probe: Probe,
) -> Verdict {
    let Sbom { os, packages, libraries, .. } = sbom;
    let uncovered = known_answer::uncovered(&libraries);
    let libraries_only = basis == Basis::Document && packages.is_empty();
    let mut complaints = matched.complaints;
    if libraries_only {
        complaints.retain(|complaint| !Scanner::is_about_system(complaint));
    }
    let scan = Scan {
        findings: matched.findings,
        os: matched.os,
        end_of_life: matched.end_of_life,
        packages: packages.len().saturating_sub(matched.lost),
        scanner: rescanner.scanner.tool.clone(),
        advisories: Advisories {
            updated_at: rescanner.database.updated_at,
            fixture: rescanner.database.fixture.clone(),
            probe,
        },
        made_at: matched.made_at,
        started_at: matched.started_at,
        about_subject: matched.about_subject,
        uncovered,
        complaints,
    };
    let lost_libraries = matched.lost > 0 && packages.is_empty();
    let subject = live.record.inventory;
    let evidence = Evidence {
        // How the artifact was looked into when it was published is not recorded, and how many packages
        // it must have was asked then.
        strategy: StrategyName::Container,
        basis,
        subject,
        place: String::new(),
        os,
        inventory: Inventory { packages, libraries, document: String::new() },
        facts: Facts::default(),
        findings: Vec::new(),
        checks: Vec::new(),
        pending_asked: false,
        told_at: None,
        obstacles: Vec::new(),
        set_aside: Vec::new(),
    };
    let judgement = rescanner.judgements.get(&live.image);
    let policy = judgement.map_or_else(GatePolicy::default, |judgement| judgement.policy.clone());
    let policy = GatePolicy {
        // What the version has itself is no excuse for having it.
        new_only: None,
        // Nobody has looked at anything but its packages.
        rules: RuleLevels { all: Some(Level::Off), ..RuleLevels::default() },
        ..policy
    };
    let lists = judgement.map(|judgement| judgement.lists.clone()).unwrap_or_default();
    let mut verdict = gate::judge(&Case {
        subject,
        expected: &expected(live.record.os.as_ref()),
        evidence: &evidence,
        scan: Some(&scan),
        policy: &policy,
        lists: &lists,
        before: &Before::default(),
        now: rescanner.clock.now(),
    });
    if lost_libraries {
        verdict.decision = Decision::Untrusted;
        verdict.reasons.insert(
            0,
            Reason {
                id: ReasonId::PackagesLost,
                message: format!("the scanner has passed over {} libraries", matched.lost),
                help: "use the tested Trivy version; if it stays, report it".to_owned(),
            },
        );
    }
    verdict
}

/// A version is what it was when it was published, whatever its image has become since.
fn expected(os: Option<&OsIdentity>) -> Expected {
    let unknown = || Os { family: "an operating system".to_owned(), release: String::new() };
    Expected::os(
        os.map_or_else(unknown, |os| Os { family: os.family.clone(), release: os.release.clone() }),
    )
}

/// Whether the database knows what an inventory is made of: asked once for each system.
async fn probe(
    rescanner: &Rescanner<'_>,
    sbom: &Sbom,
    basis: &Basis,
    probes: &mut BTreeMap<ProbeKey, Probe>,
) -> Result<Probe, Failure> {
    let kinds = known_answer::kinds(basis, &sbom.packages, &sbom.libraries);
    let os = sbom.os.as_ref().map(|os| (os.family.clone(), os.release.clone()));
    let key = (os, kinds);
    if let Some(probe) = probes.get(&key) {
        return Ok(probe.clone());
    }
    let Rescanner { scanner, database, scratch, .. } = rescanner;
    let asked = known_answer::ask(scanner, database, sbom.os.as_ref(), &key.1, scratch);
    let probe = asked.await?;
    probes.insert(key, probe.clone());
    Ok(probe)
}

/// Records what has changed about a version, if anything has. What people should hear of it, and
/// whether an entry was written.
async fn record(
    rescanner: &Rescanner<'_>,
    live: &Live,
    verdict: &Verdict,
    pending: &Pending,
) -> Result<(Vec<Advice>, bool), Failure> {
    let registry = rescanner.registry;
    let failed = |error: registry::RegistryError| error.failure();
    let Last { blocking, findings } = &live.last;
    let findings = match findings {
        // Findings that cannot be read are not known: all of them are written anew.
        Some(digest) => match registry.blob(digest).await {
            Ok(bytes) => {
                let document = serde_json::from_slice::<FindingsDocument>(&bytes);
                document.ok().map(|document| document.findings)
            }
            Err(registry::RegistryError::BlobMissing { .. }) => None,
            Err(error) => return Err(failed(error)),
        },
        None => None,
    };
    let before = Seen { findings, blocking: blocking.clone() };
    let now: Vec<Finding> = verdict.findings.iter().map(|it| it.finding.clone()).collect();
    let would_block = many::blocking(verdict);
    let same = before.findings.as_ref().is_some_and(|before| many::same_findings(before, &now));
    if same && before.blocking == would_block {
        return Ok((Vec::new(), false));
    }
    let about = Advice {
        image: live.image.clone(),
        version: live.record.version,
        channels: live.channels.clone(),
        kind: AdviceKind::CleanAgain,
        findings: Vec::new(),
        more: 0,
    };
    let advice = many::advice(&about, &before, verdict);
    let made = rescanner.database.updated_at;
    let document = FindingsDocument::of(now, Some(made)).to_json();
    let rescanned = Rescanned {
        version: live.record.version,
        blocking: would_block,
        advisories_updated_at: made,
        findings: registry.put_blob(&document).await.map_err(failed)?,
    };
    // Once it is recorded, nobody finds out any more that it is news.
    pending.add(&advice);
    registry::rescanned(registry, &rescanner.author, &live.image, &rescanned)
        .await
        .map_err(failed)?;
    Ok((advice, true))
}

impl super::ask::Alone {
    fn matched(&self) -> Matched {
        let answer = &self.answer;
        Matched {
            findings: self.findings.clone(),
            os: answer.os.clone(),
            end_of_life: answer.end_of_life,
            lost: 0,
            started_at: answer.started_at,
            made_at: answer.made_at,
            about_subject: answer.about_subject,
            complaints: answer.complaints.clone(),
        }
    }
}
