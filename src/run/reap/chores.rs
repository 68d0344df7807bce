//! What is to be done after a dead run, from what its journal has outstanding. Pure.
//!
//! A journal says what there may be, and is not trusted any further than that: whatever it names,
//! only a run's own scratch space, and copies of templates and folders of temporary files with the run's
//! name on them, are removed.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use crate::model::{Address, ChannelName, Digest, ImageName, RunId, StoreAddress, Version};
use crate::run::journal::{Thing, is_scratch_copy, is_temporary_folder};

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Chore {
    /// Remove the scratch space of the run, but for these folders in it.
    Scratch {
        /// Where it is now.
        path: Utf8PathBuf,
        /// Names of folders in it that hold kept artifacts.
        keep: Vec<String>,
    },
    /// Remove a folder of temporary files.
    Temporary {
        /// Where.
        path: Utf8PathBuf,
    },
    /// Remove an edited copy of a template.
    Copy {
        /// Where.
        path: Utf8PathBuf,
    },
    /// Bring what the registry and the stores have of an image to an end.
    Settle {
        /// Which registry.
        registry: Address,
        /// What there may be.
        unsettled: Unsettled,
    },
    /// Remove the lease of the run.
    Lease {
        /// Which registry.
        registry: Address,
    },
    /// Leave something alone that nobody would have created.
    Refuse {
        /// What.
        path: Utf8PathBuf,
    },
}

/// What a dead run may have left of one image in a registry and in stores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unsettled {
    /// The image.
    pub(super) image: ImageName,
    /// The version whose record was being written, and the channel that it was to enter.
    pub(super) record: Option<(Option<Version>, ChannelName)>,
    /// Bytes.
    pub(super) uploads: Vec<Upload>,
}

/// Bytes that may lie in a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Upload {
    /// The store.
    pub(super) store: StoreAddress,
    /// The version, if it is known.
    pub(super) version: Option<Version>,
    /// Digest of the disk, if it is known.
    pub(super) digest: Option<Digest>,
    /// Whether they were to be kept aside only.
    pub(super) rejected: bool,
}

/// What is to be done after `run`, whose folder is `folder`, each with what it settles. Local things
/// come first: they free space for the others.
pub(super) fn chores(
    run: &RunId,
    folder: &Utf8Path,
    outstanding: &[Thing],
) -> Vec<(Chore, Vec<Thing>)> {
    // Where the dead run saw it: a container may have it elsewhere.
    let work = Utf8Path::new("runs").join(run.as_str()).join("work");
    let keep = outstanding.iter().filter_map(|thing| match thing {
        Thing::KeptArtifact { path } if path.parent()?.ends_with(&work) => {
            path.file_name().map(str::to_owned)
        }
        _ => None,
    });
    let keep: Vec<String> = keep.collect();
    let mut chores: Vec<(Chore, Vec<Thing>)> = Vec::new();
    let mut leases = Vec::new();
    for thing in outstanding {
        let chore = match thing {
            Thing::Directory { path } if path.ends_with(&work) && is_plain(path) => {
                Chore::Scratch { path: folder.join("work"), keep: keep.clone() }
            }
            Thing::ScratchCopy { path } if is_scratch_copy(path, run) && is_plain(path) => {
                Chore::Copy { path: path.clone() }
            }
            Thing::TemporaryFolder { path } if is_temporary_folder(path, run) && is_plain(path) => {
                Chore::Temporary { path: path.clone() }
            }
            Thing::Directory { path }
            | Thing::ScratchCopy { path }
            | Thing::TemporaryFolder { path } => Chore::Refuse { path: path.clone() },
            Thing::KeptArtifact { .. } => continue,
            Thing::Lease { registry } => {
                leases.push((Chore::Lease { registry: registry.clone() }, vec![thing.clone()]));
                continue;
            }
            Thing::Reservation { image, registry }
            | Thing::Upload { image, registry, .. }
            | Thing::Record { image, registry, .. } => {
                let (unsettled, things) = unsettled(&mut chores, registry, image);
                match thing {
                    Thing::Upload { version, digest, store, rejected, .. } => {
                        unsettled.uploads.push(Upload {
                            store: store.clone(),
                            version: Some(*version),
                            digest: Some(*digest),
                            rejected: *rejected,
                        });
                    }
                    Thing::Record { version, channel, .. } => {
                        unsettled.record = Some((Some(*version), channel.clone()));
                    }
                    _ => {}
                }
                things.push(thing.clone());
                continue;
            }
        };
        chores.push((chore, vec![thing.clone()]));
    }
    chores.sort_by_key(|(chore, _)| matches!(chore, Chore::Settle { .. }));
    // The lease tells other machines of the rest, so it goes last.
    chores.append(&mut leases);
    chores
}

/// What is known of `image` in `registry`, added if nothing is.
fn unsettled<'a>(
    chores: &'a mut Vec<(Chore, Vec<Thing>)>,
    wanted: &Address,
    image: &ImageName,
) -> (&'a mut Unsettled, &'a mut Vec<Thing>) {
    let known = chores.iter().position(|(chore, _)| match chore {
        Chore::Settle { registry, unsettled } => registry == wanted && unsettled.image == *image,
        _ => false,
    });
    let at = known.unwrap_or_else(|| {
        let unsettled = Unsettled { image: image.clone(), record: None, uploads: Vec::new() };
        chores.push((Chore::Settle { registry: wanted.clone(), unsettled }, Vec::new()));
        chores.len() - 1
    });
    match &mut chores[at] {
        (Chore::Settle { unsettled, .. }, things) => (unsettled, things),
        _ => unreachable!("the position is that of such a chore"),
    }
}

/// Whether `path` is absolute and goes straight down.
fn is_plain(path: &Utf8Path) -> bool {
    path.is_absolute()
        && path.components().skip(1).all(|part| matches!(part, Utf8Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunId {
        "20261123t100000z-5f3a9c".parse().unwrap()
    }

    fn directory(path: &str) -> Thing {
        Thing::Directory { path: path.into() }
    }

    /// What is done after a run whose folder is `/state/runs/<run>` now, a line each.
    fn told(things: &[Thing]) -> String {
        let folder = Utf8Path::new("/state/runs").join(run().as_str());
        let chores = chores(&run(), &folder, things);
        let lines: Vec<String> = chores
            .iter()
            .map(|(chore, things)| match chore {
                Chore::Settle { unsettled, .. } => {
                    let uploads = unsettled.uploads.iter().map(|upload| {
                        let store = upload.store.folder().unwrap();
                        format!("{store}{}", if upload.rejected { "/rejected" } else { "" })
                    });
                    let uploads: Vec<String> = uploads.collect();
                    format!(
                        "settle {} [{}]{}: {} things",
                        unsettled.image,
                        uploads.join(", "),
                        if unsettled.record.is_some() { " recorded" } else { "" },
                        things.len()
                    )
                }
                other => format!("{other:?}"),
            })
            .collect();
        lines.join("\n").replace(run().as_str(), "RUN")
    }

    #[test]
    fn local_things_go_first_the_lease_last_and_an_image_is_settled_once() {
        let image: ImageName = "debian-12".parse().unwrap();
        let registry = Address::Directory("/registry".into());
        let version: Version = "1.0.20261123".parse().unwrap();
        let upload = |store: &str, rejected| Thing::Upload {
            image: image.clone(),
            version,
            digest: Digest::of(b"disk"),
            store: StoreAddress::Directory(store.into()),
            rejected,
            registry: registry.clone(),
        };
        let things = [
            Thing::Lease { registry: registry.clone() },
            Thing::Reservation { image: image.clone(), registry: registry.clone() },
            Thing::Reservation { image: "other".parse().unwrap(), registry: registry.clone() },
            upload("/store", false),
            upload("/second", true),
            Thing::Record {
                image: image.clone(),
                version,
                channel: "candidate".parse().unwrap(),
                registry,
            },
            directory("/seen/elsewhere/runs/20261123t100000z-5f3a9c/work"),
            Thing::KeptArtifact {
                path: "/seen/elsewhere/runs/20261123t100000z-5f3a9c/work/other".into(),
            },
            Thing::ScratchCopy {
                path: "/repository/.goldsmith-scratch-20261123t100000z-5f3a9c-packer".into(),
            },
            Thing::TemporaryFolder { path: "/tmp/goldsmith-20261123t100000z-5f3a9c-1".into() },
        ];
        insta::assert_snapshot!(told(&things), @r#"
        Scratch { path: "/state/runs/RUN/work", keep: ["other"] }
        Copy { path: "/repository/.goldsmith-scratch-RUN-packer" }
        Temporary { path: "/tmp/goldsmith-RUN-1" }
        settle debian-12 [/store, /second/rejected] recorded: 4 things
        settle other []: 1 things
        Lease { registry: Directory("/registry") }
        "#);
    }

    #[test]
    fn what_is_not_recognisably_the_runs_own_is_never_removed() {
        for path in [
            "/",
            "/home",
            "/state/runs/20261123t100000z-5f3a9c",
            "/state/runs/20261123t100000z-000000/work",
            "/state/runs/20261123t100000z-5f3a9c/work/../../../..",
            "/x/../state/runs/20261123t100000z-5f3a9c/work",
            "runs/20261123t100000z-5f3a9c/work",
        ] {
            let refused = format!("Refuse {{ path: {path:?} }}").replace(run().as_str(), "RUN");
            assert_eq!(told(&[directory(path)]), refused);
        }
        for path in [
            "/repository/packer",
            "/repository/.goldsmith-scratch-20261123t100000z-000000-packer",
            "/x/../.goldsmith-scratch-20261123t100000z-5f3a9c-packer",
            ".goldsmith-scratch-20261123t100000z-5f3a9c-packer",
        ] {
            let copy = Thing::ScratchCopy { path: path.into() };
            let refused = format!("Refuse {{ path: {path:?} }}").replace(run().as_str(), "RUN");
            assert_eq!(told(&[copy]), refused);
        }
        for path in [
            "/tmp",
            "/tmp/goldsmith-20261123t100000z-5f3a9c",
            "/tmp/goldsmith-20261123t100000z-5f3a9c-one",
            "/tmp/goldsmith-20261123t100000z-000000-1",
            "/tmp/../goldsmith-20261123t100000z-5f3a9c-1",
            "goldsmith-20261123t100000z-5f3a9c-1",
        ] {
            let folder = Thing::TemporaryFolder { path: path.into() };
            let refused = format!("Refuse {{ path: {path:?} }}").replace(run().as_str(), "RUN");
            assert_eq!(told(&[folder]), refused);
        }
        // A kept artifact of somewhere else keeps nothing, and nothing is removed for it.
        assert_eq!(told(&[Thing::KeptArtifact { path: "/home".into() }]), "");
    }
}
