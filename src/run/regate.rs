//! Judging a kept artifact again: nothing is built.

use super::guest_question::is_asked;
use super::image_task::ImageTask;
use crate::model::{
    Artifact, ArtifactFile, ArtifactRecord, BuildRecord, Decision, Digest, Due, Entry,
    EvidenceDocument, Failure, FailureClass, GoldenRule, Level, LogEntry, NoteLevel, Reason,
    ReasonId, RejectedRecord, RuleLevels, Stored, Verdict, Version, Violation,
};
use crate::process;

/// An artifact that is judged again.
pub(super) struct KeptAside {
    /// How it came about.
    pub(super) build: BuildRecord,
    /// The version that was reserved for it: the disk says itself that it is this one.
    pub(super) version: Version,
    /// Where it lies.
    pub(super) stored: Vec<Stored>,
    /// What its guest has told, if that was asked.
    pub(super) told: Option<EvidenceDocument>,
}

/// The artifact that the plan wants to be judged again, if it is still there. If not, that is said,
/// and it has to be built, unless nothing is to be.
pub(super) async fn kept_aside(task: &ImageTask<'_>) -> Result<Option<KeptAside>, Failure> {
    let Due::CanBeRegated { version, .. } = task.planned.why.cause() else {
        return Ok(None);
    };
    let version = *version;
    let pipeline = task.run.pipeline;
    let image = &task.image.name;
    let log = pipeline.registry.log(image, 0).await.map_err(|error| error.failure())?;
    let Some(record) = pending(&log, version) else {
        return gone(task, NoteLevel::Info, &format!("{version} is overtaken by a later build"));
    };
    let artifacts = ArtifactRecord::disk_first(&record.artifacts, image, version);
    let Some(files) = files(&artifacts) else {
        let why = format!("the artifact of {version} is not kept on this machine");
        return gone(task, NoteLevel::Info, &why);
    };
    let mut told = None;
    if is_asked(task.image).await? {
        told = evidence(task, record, &files[0].digest).await?;
        if told.is_none() {
            let why = format!(
                "the guest of {version} cannot be asked again, and what it has told is not kept"
            );
            return gone(task, NoteLevel::Info, &why);
        }
    }
    let wish = pipeline.cancellation.clone();
    let unchanged = tokio::task::spawn_blocking(move || {
        for file in &files {
            let disk = fs_err::File::open(&file.path)?;
            if Digest::of_reader(wish.guard(disk))?.0 != file.digest {
                return Ok(Err(file.path.clone()));
            }
        }
        Ok(Ok(files))
    })
    .await
    .map_err(std::io::Error::from)
    .flatten()
    .map_err(|error: std::io::Error| process::failure(&error, FailureClass::Build))?;
    match unchanged {
        Ok(files) => {
            let text = format!("judging again what was built as {version}: nothing is built");
            pipeline.events.note(Some(image), NoteLevel::Info, text);
            let build = BuildRecord {
                schema: BuildRecord::SCHEMA,
                image: image.clone(),
                provenance: record.provenance.clone(),
                artifact: Artifact { builder: None, files },
            };
            let stored = artifacts.iter().flat_map(ArtifactRecord::stored).collect();
            Ok(Some(KeptAside { build, version, stored, told }))
        }
        Err(path) => {
            gone(task, NoteLevel::Warning, &format!("`{path}` is not what was kept aside"))
        }
    }
}

/// There is nothing to judge again: it has to be built, unless nothing is to be.
fn gone<T>(task: &ImageTask<'_>, level: NoteLevel, why: &str) -> Result<Option<T>, Failure> {
    if task.run.pipeline.options.never_build {
        return Err(Failure::new(FailureClass::Usage, format!("nothing to judge again: {why}"))
            .hint(format!("build it anew: `goldsmith run {}`", task.image.name)));
    }
    let text = format!("{why}: building anew");
    task.run.pipeline.events.note(Some(&task.image.name), level, text);
    Ok(None)
}

/// What the guest of the artifact with this digest has told when it was built, if it is kept.
async fn evidence(
    task: &ImageTask<'_>,
    record: &RejectedRecord,
    subject: &Digest,
) -> Result<Option<EvidenceDocument>, Failure> {
    let (Some(evidence), Some(inventory)) = (&record.evidence, &record.inventory) else {
        return Ok(None);
    };
    let registry = task.run.pipeline.registry;
    let evidence = registry.blob(evidence).await.map_err(|error| error.failure())?;
    let inventory = registry.blob(inventory).await.map_err(|error| error.failure())?;
    let inventory = String::from_utf8(inventory).unwrap_or_default();
    let scope = task.image.evidence.scope;
    Ok(EvidenceDocument::read(&evidence, inventory, subject, scope))
}

/// Rules that were broken, and that nobody can check any more, are still broken: what the guest has
/// told does not change, and what was left out of it when it was kept proves nothing.
pub(super) fn still_broken(verdict: &mut Verdict, before: &[Violation], levels: &RuleLevels) {
    let lost = before.iter().filter(|violation| verdict.unchecked.contains(&violation.rule));
    let lost: Vec<Violation> = lost
        .map(|violation| {
            let golden = GoldenRule::named(violation.rule.as_str());
            let level = golden.map_or_else(
                || levels.of(&violation.rule, violation.level),
                |rule| levels.of_golden(rule),
            );
            Violation { level, ..violation.clone() }
        })
        .filter(|violation| violation.level != Level::Off)
        .collect();
    verdict.unchecked.retain(|rule| lost.iter().all(|violation| violation.rule != *rule));
    for violation in lost {
        if violation.level == Level::Block {
            if verdict.decision == Decision::Passed {
                verdict.decision = Decision::Blocked;
            }
            verdict.reasons.push(Reason {
                id: ReasonId::Rules,
                message: format!("{} ({}), as it was built", violation.message, violation.rule),
                help: violation.help.clone(),
            });
        }
        verdict.violations.push(violation);
    }
}

/// The last rejection of `version`, unless another build came to its end after it: an older one must
/// not take its place. If another run has judged the same artifact again and published it, that is
/// found out when it passes here as well.
fn pending(log: &[LogEntry], version: Version) -> Option<&RejectedRecord> {
    let overtakes = |entry: &&Entry| match entry {
        Entry::Published(record) => record.version != version,
        Entry::Verified(record) => record.version != version,
        Entry::Rejected(record) => record.version != version,
        _ => false,
    };
    let mut since = log.iter().rev().map(|entry| &entry.entry).take_while(|e| !overtakes(e));
    since.find_map(|entry| match entry {
        Entry::Rejected(record) if record.version == version => Some(&**record),
        _ => None,
    })
}

/// The files of a kept artifact, if all of them lie on this machine.
fn files(artifacts: &[ArtifactRecord]) -> Option<Vec<ArtifactFile>> {
    let files: Option<Vec<ArtifactFile>> = artifacts
        .iter()
        .map(|artifact| {
            let path = artifact.local_paths().find(|path| path.is_file())?;
            Some(ArtifactFile { path, size: artifact.size, digest: artifact.sha256 })
        })
        .collect();
    files.filter(|files| !files.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_nobody_can_check_again_goes_on_counting_as_it_did() {
        let violation = |rule: &str| Violation {
            rule: rule.into(),
            level: Level::Block,
            message: "the password of root stands in the template".to_owned(),
            help: "lock it".to_owned(),
            places: Vec::new(),
        };
        let judged = |unchecked: &[&str], levels: &RuleLevels| {
            let mut verdict = Verdict {
                decision: Decision::Passed,
                reasons: Vec::new(),
                warnings: Vec::new(),
                findings: Vec::new(),
                violations: Vec::new(),
                unchecked: unchecked.iter().map(|rule| (*rule).into()).collect(),
            };
            still_broken(&mut verdict, &[violation("passwords")], levels);
            (verdict.decision, verdict.violations.len(), verdict.unchecked.len())
        };
        let own = RuleLevels::default();
        let off = RuleLevels { of: [("passwords".into(), Level::Off)].into(), ..own.clone() };
        let warn = RuleLevels { all: Some(Level::Warn), ..own.clone() };
        assert_eq!(judged(&["passwords", "sudo"], &own), (Decision::Blocked, 1, 1));
        assert_eq!(judged(&["sudo"], &own), (Decision::Passed, 0, 1), "it was checked again");
        assert_eq!(judged(&["passwords"], &off), (Decision::Passed, 0, 1));
        assert_eq!(judged(&["passwords"], &warn), (Decision::Passed, 1, 0));
    }
}
