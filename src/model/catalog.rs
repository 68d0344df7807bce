//! The catalog: every image of `images.yml` with its defaults applied and its paths resolved.

use std::time::Duration;

use camino::Utf8PathBuf;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{ChannelName, GatePolicy, ImageName, Os, VersionBase};

/// A validated `images.yml`.
#[derive(Debug, Clone, Serialize)]
pub struct Catalog {
    /// The file that it was read from, absolute.
    pub path: Utf8PathBuf,
    /// Where versions, channels and history are recorded.
    pub registry: Address,
    /// The images in the order of the file.
    pub images: IndexMap<ImageName, Image>,
}

/// One image: everything that a run has to know to build, judge and publish it.
#[derive(Debug, Clone, Serialize)]
pub struct Image {
    /// Its name, unique in the catalog.
    pub name: ImageName,
    /// A sentence for people.
    pub description: Option<String>,
    /// Packer template: a directory or one `.pkr.hcl` file, absolute.
    pub template: Utf8PathBuf,
    /// Where `packer` and `prepare` run, absolute.
    pub workdir: Utf8PathBuf,
    /// The Packer build (`type.name` or `block.type.name`); needed when the template has several.
    pub build: Option<String>,
    /// What the scan must find.
    pub os: Os,
    /// How the image comes about.
    pub source: Source,
    /// Architecture.
    pub arch: Arch,
    /// A step that makes the template's inputs.
    pub prepare: Option<Prepare>,
    /// Packer variables, in the order of the file.
    pub vars: IndexMap<String, String>,
    /// Environment variables that `prepare` and Packer get besides the allow-list.
    pub env: Vec<String>,
    /// How long the stages may take.
    pub timeout: Timeouts,
    /// How versions are named.
    pub version: VersionScheme,
    /// How often it is rebuilt.
    pub rebuild: Cadence,
    /// What blocks it.
    pub gate: GatePolicy,
    /// Where its bytes go.
    pub stores: Vec<StoreAddress>,
    /// The channel that a version which passes enters.
    pub channel: ChannelName,
}

/// How an image comes about. Decides the defaults of cadence and timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A distribution's ready-made cloud image.
    CloudImage,
    /// An installer.
    Iso,
    /// An image factory that delivers finished images.
    Factory,
    /// Another image of the catalog.
    Image,
}

/// A processor architecture, in Debian's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// AArch64.
    Arm64,
}

/// A step before the build, run afresh for every due build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prepare {
    /// Command line for `/bin/sh -c`, in the image's `workdir`.
    pub run: String,
    /// The file that it must have made, absolute.
    pub creates: Option<Utf8PathBuf>,
}

/// How long stages may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Timeouts {
    /// The prepare step.
    pub prepare: Duration,
    /// The Packer build.
    pub build: Duration,
}

/// How versions are named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionScheme {
    /// The part that people choose.
    pub base: VersionBase,
    /// IANA name of the time zone whose calendar day is in the version and in which slots begin.
    pub timezone: String,
}

/// How often an image is rebuilt: calendar slots in the time zone of [`VersionScheme`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cadence {
    /// A slot begins on Mondays at 02:00.
    Weekly,
    /// A slot begins on the first of a month at 02:00.
    Monthly,
    /// A slot begins on the first of every third month at 03:00.
    Quarterly,
    /// A slot begins when the cron expression (five fields) matches.
    Cron(String),
    /// Time alone never makes the image due.
    Never,
}

/// Where a registry lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Address {
    /// A folder of this machine, absolute: `file://…`.
    Directory(Utf8PathBuf),
}

/// Where the bytes of an image go.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreAddress {
    /// A folder of this machine, absolute: `{ dir: { url: "file://…" } }`.
    Directory(Utf8PathBuf),
}

impl StoreAddress {
    /// Whether the store lies on this machine. Demonstration data goes nowhere else.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Directory(_) => true,
        }
    }
}
