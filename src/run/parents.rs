//! The versions that an image is built upon.

use camino::Utf8PathBuf;

use super::image_task::ImageTask;
use crate::model::{
    ArtifactRecord, Digest, Failure, FailureClass, ImageName, Material, ParentFact, ParentRecord,
    Version, VersionRecord,
};
use crate::process::{self, Cancellation};
use crate::registry;

/// A version that an image is built upon.
#[derive(Debug, Clone)]
pub(super) struct BuiltUpon {
    /// The parent.
    pub(super) image: ImageName,
    /// Its version.
    pub(super) version: Version,
    /// Its disk, if that lies on this machine.
    path: Option<Utf8PathBuf>,
    /// The digest of its disk.
    digest: Digest,
}

/// What the channels of the image's parents name now: one that was built in this run counts.
pub(super) async fn built_upon(task: &ImageTask<'_>) -> Result<Vec<BuiltUpon>, Failure> {
    let pipeline = task.run.pipeline;
    let mut all = Vec::new();
    for parent in &task.image.parents {
        let channel = parent.follows(&pipeline.catalog.images[&parent.image]);
        let record = registry::named(pipeline.registry, &parent.image, channel).await;
        let record = record.map_err(|error| error.failure())?;
        let Some(record) = record else {
            let reason = format!("its parent `{}` has no version in `{channel}`", parent.image);
            let hint = format!("build it first: `goldsmith run {}`", parent.image);
            return Err(Failure::new(FailureClass::Config, reason).hint(hint));
        };
        all.push(BuiltUpon::of(&parent.image, &record)?);
    }
    Ok(all)
}

impl BuiltUpon {
    fn of(image: &ImageName, record: &VersionRecord) -> Result<Self, Failure> {
        let files = ArtifactRecord::disk_first(&record.artifacts, image, record.version);
        let disk = files.first().ok_or_else(|| {
            let reason = format!("version {} of the parent `{image}` has no files", record.version);
            Failure::new(FailureClass::Registry, reason)
        })?;
        Ok(Self {
            image: image.clone(),
            version: record.version,
            path: disk.local_paths().find(|path| path.is_file()),
            digest: disk.sha256,
        })
    }

    /// What a placeholder stands for; or why it stands for nothing.
    pub(super) fn fact(&self, what: ParentFact) -> Result<String, String> {
        match what {
            ParentFact::Version => Ok(self.version.to_string()),
            ParentFact::Digest => Ok(self.digest.hex()),
            ParentFact::Path => self.path.as_ref().map(ToString::to_string).ok_or_else(|| {
                format!("the disk of {} {} does not lie on this machine", self.image, self.version)
            }),
            ParentFact::Vmid => Err("only images on Proxmox VE have one".to_owned()),
        }
    }

    /// As the record of a build has it.
    pub(super) fn record(&self) -> ParentRecord {
        ParentRecord { image: self.image.clone(), version: self.version }
    }

    /// The parent as a material. What lies on this machine must be what was published. Reads every
    /// byte: run it where blocking is allowed.
    pub(super) fn material(&self, cancellation: &Cancellation) -> Result<Material, Failure> {
        let Self { image, version, path, digest } = self;
        if let Some(path) = path {
            let unreadable = |error: std::io::Error| process::failure(&error, FailureClass::Build);
            let disk = fs_err::File::open(path).map_err(unreadable)?;
            let (found, _) = Digest::of_reader(cancellation.guard(disk)).map_err(unreadable)?;
            if found != *digest {
                let reason = format!(
                    "`{path}` is not version {version} of `{image}` any more: its digest is {found} instead of {digest}"
                );
                let hint = "restore it from a backup, or build the parent again";
                return Err(Failure::new(FailureClass::Build, reason).hint(hint));
            }
        }
        Ok(Material { name: format!("{image} {version}"), digest: *digest })
    }
}
