//! A version as an artifact of a registry: which manifests it consists of. Pure.

use std::collections::BTreeMap;

use crate::model::{Digest, Publication};

use super::super::StoreError;
use super::super::manifest::{CHECKSUMS, MANIFEST, Manifest};
use super::super::provenance::PROVENANCE;
use super::format::{Annotations, Descriptor, ImageManifest};

/// The kind of artifact that an image is.
pub(super) const IMAGE: &str = "application/vnd.goldsmith.image.v1";
/// Annotation with the digest of `manifest.json`, and so of everything that belongs to the version.
const CONTENT: &str = "vnd.goldsmith.manifest";
/// Annotation of a build that did not pass. With it, no published version has the same digest.
const REJECTED: &str = "vnd.goldsmith.rejected";
/// Annotations of the image specification.
const VERSION: &str = "org.opencontainers.image.version";
const NAME: &str = "org.opencontainers.image.title";

/// Everything that a registry gets of a version.
#[derive(Debug)]
pub(super) struct Described {
    /// What the version consists of, as in every store.
    pub(super) listing: Manifest,
    /// The manifest of the image, which the tag names in the end.
    pub(super) image: ImageManifest,
    /// Files that lie beside it, each in a manifest of its own that refers to the image's.
    pub(super) beside: Vec<Beside>,
}

/// A small file beside an image.
#[derive(Debug)]
pub(super) struct Beside {
    artifact_type: &'static str,
    /// What names its content.
    pub(super) layer: Descriptor,
    /// Its content.
    pub(super) content: Vec<u8>,
}

impl Beside {
    fn new(name: &str, content: Vec<u8>) -> Self {
        let (artifact_type, media_type) = kind(name);
        Self { artifact_type, layer: Descriptor::of(media_type, &content).named(name), content }
    }

    /// The manifest with which it refers to `subject`, and what names it in a list of referrers.
    pub(super) fn refer_to(&self, subject: &Descriptor) -> (Vec<u8>, Descriptor) {
        let mut manifest = ImageManifest::new(self.artifact_type, vec![self.layer.clone()]);
        manifest.subject = Some(subject.clone());
        manifest.annotations.clone_from(&self.layer.annotations);
        let content = manifest.to_json();
        let mut descriptor = Descriptor::of(super::format::MANIFEST, &content);
        descriptor.artifact_type = Some(self.artifact_type.to_owned());
        descriptor.annotations = manifest.annotations;
        (content, descriptor)
    }
}

impl Described {
    /// Describes `publication`. Refuses names that are not safe.
    pub(super) fn new(publication: &Publication, rejected: bool) -> Result<Self, StoreError> {
        let listing = Manifest::of(publication)?;
        let layers = listing.files.iter().map(|file| {
            Descriptor {
                media_type: disk_type(&file.name).to_owned(),
                digest: file.sha256,
                size: file.size,
                artifact_type: None,
                annotations: Annotations::new(),
            }
            .named(&file.name)
        });
        let mut image = ImageManifest::new(IMAGE, layers.collect());
        let to_json = listing.to_json();
        image.annotations = annotations(publication, Digest::of(&to_json), rejected);
        let documents = publication.documents.iter();
        let documents =
            documents.map(|document| Beside::new(&document.name, document.content.clone()));
        let written = [
            Beside::new(CHECKSUMS, listing.checksums().into_bytes()),
            Beside::new(MANIFEST, to_json),
        ];
        let beside = documents.chain(written).collect();
        Ok(Self { listing, image, beside })
    }
}

/// What an image's manifest says of itself, read back from a registry.
pub(super) struct Said {
    /// Name of the image.
    pub(super) image: Option<String>,
    /// The version.
    pub(super) version: Option<String>,
    /// Digest of `manifest.json`.
    pub(super) content: Option<Digest>,
}

impl Said {
    /// What `manifest` says, if it is one of ours.
    pub(super) fn by(manifest: &ImageManifest) -> Option<Self> {
        let said = |key| manifest.annotations.get(key).cloned();
        (manifest.artifact_type.as_deref() == Some(IMAGE)).then(|| Self {
            image: said(NAME),
            version: said(VERSION),
            content: said(CONTENT).and_then(|digest| digest.parse().ok()),
        })
    }
}

fn annotations(publication: &Publication, content: Digest, rejected: bool) -> Annotations {
    let mut known = BTreeMap::new();
    let mut say = |key: &str, value: String| known.insert(key.to_owned(), value);
    say(NAME, publication.image.to_string());
    say(VERSION, publication.version.to_string());
    say(CONTENT, content.to_string());
    if rejected {
        say(REJECTED, "true".to_owned());
    }
    let Some(about) = &publication.about else {
        return known;
    };
    let provenance = &about.provenance;
    let created = provenance.built_at.unwrap_or(provenance.started_at);
    say("org.opencontainers.image.created", created.to_string());
    if let Some(commit) = &provenance.commit {
        say("org.opencontainers.image.revision", commit.id.clone());
    }
    if let Some(url) = &about.run_url {
        say("org.opencontainers.image.url", url.clone());
        // By this, GitHub shows a package beside its repository and lets its workflows write it.
        if let Some((repository, _)) = url.split_once("/actions/runs/") {
            say("org.opencontainers.image.source", repository.to_owned());
        }
    }
    let os = about.os.as_ref().map(|os| format!(" with {os}")).unwrap_or_default();
    say(
        "org.opencontainers.image.description",
        format!("Machine image {} {}{os}", publication.image, publication.version),
    );
    say("vnd.goldsmith.definition", provenance.definition.to_string());
    say("vnd.goldsmith.package-set", about.package_set.to_string());
    say("vnd.goldsmith.run", about.run.to_string());
    known
}

/// Media type of a file of an artifact, by its name.
fn disk_type(name: &str) -> &'static str {
    match extension(name) {
        "qcow2" => "application/vnd.goldsmith.disk.qcow2",
        "raw" | "img" => "application/vnd.goldsmith.disk.raw",
        "vmdk" => "application/vnd.goldsmith.disk.vmdk",
        "vdi" => "application/vnd.goldsmith.disk.vdi",
        "vhd" => "application/vnd.goldsmith.disk.vhd",
        "vhdx" => "application/vnd.goldsmith.disk.vhdx",
        "ova" => "application/vnd.goldsmith.disk.ova",
        "ovf" => "application/vnd.goldsmith.disk.ovf",
        "iso" => "application/vnd.goldsmith.disk.iso",
        "tar" => "application/x-tar",
        "gz" | "tgz" => "application/gzip",
        "xz" => "application/x-xz",
        "zst" => "application/zstd",
        _ => "application/octet-stream",
    }
}

/// What a small file is: the kind of its artifact, and the media type of its content.
fn kind(name: &str) -> (&'static str, &'static str) {
    let same = |kind| (kind, kind);
    match name {
        CHECKSUMS => ("application/vnd.goldsmith.checksums.v1", "text/plain"),
        MANIFEST => same("application/vnd.goldsmith.manifest.v1+json"),
        PROVENANCE => same("application/vnd.in-toto+json"),
        "report.json" => same("application/vnd.goldsmith.report.v1+json"),
        _ if name.ends_with(".cdx.json") => same("application/vnd.cyclonedx+json"),
        _ if name.ends_with(".spdx.json") => same("application/spdx+json"),
        _ => match extension(name) {
            "sarif" => same("application/sarif+json"),
            "json" => ("application/vnd.goldsmith.document.v1", "application/json"),
            _ => ("application/vnd.goldsmith.document.v1", "application/octet-stream"),
        },
    }
}

fn extension(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, extension)| extension)
}
