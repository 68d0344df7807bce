//! The versions that an image is built upon.

use camino::Utf8PathBuf;

use super::Pipeline;
use super::directory::images_cache;
use super::image_task::ImageTask;
use super::progress::{Progress, Stopped};
use crate::model::{
    ArtifactRecord, Digest, Event, Failure, FailureClass, ImageName, Material, ParentFact,
    ParentRecord, Placeholder, Stage, StageOutcome, StoreAddress, Version, VersionRecord,
};
use crate::process::{self, Cancellation};
use crate::publish::{Fetcher, Surroundings, Target, Told};
use crate::registry;
use crate::report::quantity;

/// A version that an image is built upon.
#[derive(Debug, Clone)]
pub(super) struct BuiltUpon {
    /// The parent.
    pub(super) image: ImageName,
    /// Its version.
    pub(super) version: Version,
    /// Its disk.
    disk: ArtifactRecord,
    /// Where that lies on this machine, if it does.
    path: Option<Utf8PathBuf>,
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

/// Brings the disks of parents here that the image's variables name and that lie elsewhere. That counts
/// as preparing.
pub(super) async fn fetch(task: &ImageTask<'_>, progress: &mut Progress) -> Result<(), Stopped> {
    let is_wanted = |parent: &BuiltUpon| {
        let path = |placeholder: &Placeholder| {
            let wanted = ParentFact::Path;
            matches!(placeholder, Placeholder::Parent { image, what } if *what == wanted && *image == parent.image)
        };
        parent.path.is_none() && task.image.vars.values().any(|text| text.placeholders().any(path))
    };
    let far: Vec<BuiltUpon> =
        task.built_upon.borrow().iter().filter(|it| is_wanted(it)).cloned().collect();
    for parent in far {
        let detail = format!("{} {}", parent.image, parent.version);
        let fetched = fetch_one(task, &parent);
        let size = quantity::size(parent.disk.size);
        let describe = |_: &Utf8PathBuf| (StageOutcome::Done, Some(size));
        let path = progress.stage(Stage::Fetch, Some(detail), fetched, describe).await?;
        let mut all = task.built_upon.borrow_mut();
        if let Some(known) = all.iter_mut().find(|known| known.image == parent.image) {
            known.path = Some(path);
        }
    }
    Ok(())
}

/// Brings the disk of `parent` into the cache, unless it is there, and says where it lies.
async fn fetch_one(task: &ImageTask<'_>, parent: &BuiltUpon) -> Result<Utf8PathBuf, Failure> {
    let Pipeline { events, cancellation, environment, state, catalog, .. } = task.run.pipeline;
    let cache = images_cache(environment)?;
    let image = &task.image.name;
    let tell = |told| match told {
        Told::Note(level, text) => events.note(Some(image), level, text),
        Told::Progress { done, all } => {
            let line = format!("{} of {}", quantity::size(done), quantity::size(all));
            events.tell(Event::Output { image: image.clone(), stage: Stage::Fetch, line });
        }
    };
    // Those of this run and of the parent: it may have been published to others before.
    let of_parent = catalog.images.get(&parent.image);
    let stores = task.image.stores.iter().chain(of_parent.iter().flat_map(|it| &it.stores));
    let stores: Vec<StoreAddress> = stores.cloned().collect();
    let surroundings = Surroundings { environment, state };
    let fetcher = Fetcher { stores: &stores, surroundings, tell: &tell };
    let limit = task.image.timeout.prepare;
    tokio::select! {
        biased;
        fetched = fetcher.fetch(&parent.disk, Target::Cache(&cache)) => {
            fetched.map(|fetched| fetched.path).map_err(|error| error.failure())
        }
        request = cancellation.beyond(None) => Err(request.cause.failure()),
        () = tokio::time::sleep(limit) => {
            let reason = format!(
                "fetching {} {} took longer than {}",
                parent.image, parent.version, quantity::duration(limit)
            );
            let hint = "`timeout: { prepare: … }` of the image gives it more time; the next run goes on from here";
            Err(Failure::new(FailureClass::Timeout, reason).hint(hint))
        }
    }
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
            disk: disk.clone(),
        })
    }

    /// What a placeholder stands for; or why it stands for nothing.
    pub(super) fn fact(&self, what: ParentFact) -> Result<String, String> {
        match what {
            ParentFact::Version => Ok(self.version.to_string()),
            ParentFact::Digest => Ok(self.disk.sha256.hex()),
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
        let Self { image, version, path, disk: ArtifactRecord { sha256: digest, .. } } = self;
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
