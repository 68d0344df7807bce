//! Judging a kept artifact again: nothing is built.

use super::guest_question::is_asked;
use super::image_task::ImageTask;
use crate::model::{
    Artifact, ArtifactFile, ArtifactRecord, BuildRecord, Digest, Due, Entry, Failure, FailureClass,
    LogEntry, NoteLevel, RejectedRecord, Stored, Version,
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
}

/// The artifact that the plan wants to be judged again, if it is still there. If not, that is said,
/// and it has to be built.
pub(super) async fn kept_aside(task: &ImageTask<'_>) -> Result<Option<KeptAside>, Failure> {
    let Due::CanBeRegated { version, .. } = task.planned.why.cause() else {
        return Ok(None);
    };
    let version = *version;
    let pipeline = task.run.pipeline;
    let image = &task.image.name;
    if is_asked(task.image).await? {
        let text = format!("the guest of {version} cannot be asked again: building anew");
        pipeline.events.note(Some(image), NoteLevel::Info, text);
        return Ok(None);
    }
    let log = pipeline.registry.log(image, 0).await.map_err(|error| error.failure())?;
    let Some(record) = pending(&log, version) else {
        let text = format!("{version} is overtaken by a later build: building anew");
        pipeline.events.note(Some(image), NoteLevel::Info, text);
        return Ok(None);
    };
    let artifacts = ArtifactRecord::disk_first(&record.artifacts, image, version);
    let Some(files) = files(&artifacts) else {
        let text = format!("the artifact of {version} is not kept on this machine: building anew");
        pipeline.events.note(Some(image), NoteLevel::Info, text);
        return Ok(None);
    };
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
            Ok(Some(KeptAside { build, version, stored }))
        }
        Err(path) => {
            let text = format!("`{path}` is not what was kept aside: building anew");
            pipeline.events.note(Some(image), NoteLevel::Warning, text);
            Ok(None)
        }
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
