//! The catalog: every image of `images.yml` with its defaults applied and its paths resolved.

use std::collections::{BTreeSet, HashSet};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{
    Address, ChannelName, Digest, EvidencePolicy, GatePolicy, ImageName, Os, PluginLock,
    PluginMirror, Resources, Retain, Soak, StoreAddress, Text, VersionBase,
};

/// A validated `images.yml`.
#[derive(Debug, Clone, Serialize)]
pub struct Catalog {
    /// The file that it was read from, absolute.
    pub path: Utf8PathBuf,
    /// Where versions, channels and history are recorded.
    pub registry: Address,
    /// The images in the order of the file, every matrix expanded.
    pub images: IndexMap<ImageName, Image>,
    /// After so many failed attempts in a row, a build is not tried again by itself.
    pub retry_limit: u32,
    /// Where Packer's plugins come from; their publishers if nothing is said.
    pub plugin_mirror: Option<PluginMirror>,
}

impl Catalog {
    /// Where the file lies that names the plugins which templates are built with: beside this one.
    pub fn plugin_lock(&self) -> Utf8PathBuf {
        self.path.with_file_name(PluginLock::FILE)
    }

    /// The file with the waivers of `image`, absolute, whether it is there or not.
    pub fn waivers_of(&self, image: &Image) -> Utf8PathBuf {
        image.waivers.clone().unwrap_or_else(|| self.path.with_file_name("waivers.yml"))
    }

    /// The files that people keep for the gate: how images are judged is no part of what they are.
    pub fn gate_lists(&self) -> BTreeSet<Utf8PathBuf> {
        let images = self.images.values();
        let kevs = images.clone().filter_map(|image| image.kev.clone());
        images.map(|image| self.waivers_of(image)).chain(kevs).collect()
    }

    /// Where goldsmith itself writes: what lies there is no part of the repository's content. A
    /// folder that people's files lie in as well is not among them.
    pub fn own_paths(&self) -> Vec<Utf8PathBuf> {
        let registry = self.registry.folder().into_iter().flat_map(|folder| {
            ["blobs", "images", "index", "runs", "schema.json"].map(|name| folder.join(name))
        });
        // Thousands of images share a few folders. As texts, these are told apart at once.
        let stores: HashSet<&str> = self
            .images
            .values()
            .flat_map(|image| &image.stores)
            .filter_map(|store| store.folder().map(Utf8Path::as_str))
            .collect();
        let rejected = stores.iter().map(|folder| Utf8Path::new(folder).join("rejected"));
        let published = self.images.values().flat_map(|image| {
            let stores = image.stores.iter();
            let folders = stores.filter_map(StoreAddress::folder);
            folders.map(|folder| folder.join(image.name.as_str()))
        });
        let own = registry.chain(rejected).chain(published);
        let peoples: HashSet<&str> = self
            .images
            .values()
            .flat_map(|image| [image.template.as_str(), image.workdir.as_str()])
            .chain([self.path.as_str()])
            .collect();
        let shared: HashSet<&Utf8Path> =
            peoples.into_iter().flat_map(|path| Utf8Path::new(path).ancestors()).collect();
        own.filter(|path| !shared.contains(path.as_path())).collect()
    }
}

/// One image: everything that a run has to know to build, judge and publish it.
#[derive(Debug, Clone, Serialize)]
pub struct Image {
    /// Its name, unique in the catalog.
    pub name: ImageName,
    /// Position of its entry in the file. Images of one matrix share it.
    pub entry: u32,
    /// The line of the file that its entry begins in, from 1. Decides nothing.
    #[serde(skip)]
    pub line: usize,
    /// The values of its matrix that it stands for, if it comes from one.
    pub matrix: IndexMap<String, String>,
    /// Whether it is built at all.
    pub enabled: bool,
    /// Words by which people select images.
    pub labels: Vec<String>,
    /// The runner labels of a job that builds it; none for the workflow's own.
    pub runs_on: Vec<String>,
    /// The images that it is built upon.
    pub parents: Vec<Parent>,
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
    pub vars: IndexMap<String, Text>,
    /// Packer variables whose values are secret: the environment variable that holds each.
    pub secret_vars: IndexMap<String, String>,
    /// Files with Packer variables, absolute, in the order in which Packer reads them.
    pub var_files: Vec<Utf8PathBuf>,
    /// Environment variables that `prepare`, Packer and tests get besides the allow-list.
    pub env: Vec<String>,
    /// What its build needs of the machine.
    pub resources: Resources,
    /// What a build must pass besides the gate.
    pub tests: Vec<Test>,
    /// Scripts that run in the guest after everything that the template does, absolute, in order.
    pub enforce: Vec<Utf8PathBuf>,
    /// How many bytes of the log of a build are kept.
    pub max_log: u64,
    /// How long the stages may take.
    pub timeout: Timeouts,
    /// How versions are named.
    pub version: VersionScheme,
    /// How often it is rebuilt.
    pub rebuild: Rebuild,
    /// Where the gate looks.
    pub evidence: EvidencePolicy,
    /// What blocks it.
    pub gate: GatePolicy,
    /// The file with its waivers, absolute, if one is named.
    pub waivers: Option<Utf8PathBuf>,
    /// The file with advisories that are known to be exploited, absolute.
    pub kev: Option<Utf8PathBuf>,
    /// Further checkers.
    pub checks: Vec<Check>,
    /// How many bytes the files of its artifact may have together.
    pub max_size: Option<u64>,
    /// Where its bytes go.
    pub stores: Vec<StoreAddress>,
    /// How the checksums of its versions are signed, if they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign: Option<Signing>,
    /// What is kept of its versions.
    pub retain: Retain,
    /// The channel that a version which passes enters.
    pub channel: ChannelName,
    /// Which of its versions move on to other channels by themselves.
    pub promote: Vec<Soak>,
}

/// How checksums are signed: with minisign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Signing {
    /// The secret key.
    pub key: SigningKey,
    /// The environment variable with the password of the key, if it has one.
    pub password_env: Option<String>,
}

/// Where a secret key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SigningKey {
    /// In this file, absolute.
    File(Utf8PathBuf),
    /// In this environment variable.
    Environment(String),
}

impl Image {
    /// A digest of everything that decides how it is judged: changes when something may be judged in
    /// another way.
    pub fn judged_by(&self) -> Digest {
        let checks = &self.checks;
        if self.evidence == EvidencePolicy::AUTO && checks.is_empty() && self.max_size.is_none() {
            return self.gate.digest();
        }
        let all = (&self.evidence, &self.gate, checks, self.max_size);
        Digest::of(&serde_json::to_vec(&all).expect("policies are plain data"))
    }

    /// Whether a version of it that a run publishes moves `channel`, which an image follows that is
    /// built upon it. Of one that follows another channel, no run makes anything new.
    pub fn moves(&self, channel: &ChannelName) -> bool {
        self.channel == *channel
    }
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Arch {
    /// x86-64.
    Amd64,
    /// AArch64.
    Arm64,
}

impl Arch {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// A step before the build, run afresh for every due build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prepare {
    /// Command line for `/bin/sh -c`, in the image's `workdir`.
    pub run: String,
    /// The file that it must have made, absolute.
    pub creates: Option<Utf8PathBuf>,
}

/// What a build must pass besides the gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// It boots, and knows nothing of the machine that it was made on.
    Boot,
    /// A command line for `/bin/sh -c`, in the image's `workdir`.
    Run(String),
}

/// A checker of the user's, whose objections the gate judges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Command line for `/bin/sh -c`, in the image's `workdir`.
    pub run: String,
    /// The SARIF file that it writes, as seen from the image's `workdir`; what it prints if none is named.
    pub sarif: Option<Utf8PathBuf>,
}

/// How long stages may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Timeouts {
    /// The prepare step.
    pub prepare: Duration,
    /// The Packer build.
    pub build: Duration,
    /// Each test.
    pub test: Duration,
}

/// How versions are named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionScheme {
    /// The part that people choose.
    pub base: VersionBase,
    /// IANA name of the time zone whose calendar day is in the version and in which slots begin.
    pub timezone: String,
}

/// An image that another one is built upon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parent {
    /// The image.
    pub image: ImageName,
    /// The channel whose version is taken; the one that it enters by itself if none is named.
    pub channel: Option<ChannelName>,
}

impl Parent {
    /// The channel of `image`, which is this parent, whose version is taken.
    pub fn follows<'a>(&'a self, image: &'a Image) -> &'a ChannelName {
        self.channel.as_ref().unwrap_or(&image.channel)
    }
}

/// When an image is built again although nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rebuild {
    /// How often.
    pub every: Cadence,
    /// How old its newest build may become, whatever the slots say.
    pub max_age: MaxAge,
}

/// How old the newest build of an image may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaxAge {
    /// One and a half times the distance between slots.
    Auto,
    /// This old.
    After(Duration),
    /// As old as it likes.
    Unlimited,
}

/// How often an image is rebuilt: calendar slots in the time zone of [`VersionScheme`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cadence {
    /// A slot begins on Mondays at 02:00.
    Weekly,
    /// A slot begins on the first of a month at 02:00.
    Monthly,
    /// A slot begins on the first of every third month at 03:00.
    Quarterly,
    /// A slot begins on the day after the second Tuesday of a month at 02:00: a day after Microsoft's
    /// updates.
    PatchTuesday,
    /// A slot begins when the cron expression (five fields) matches.
    Cron(String),
    /// Time alone never makes the image due.
    Never,
}

/// Whether the template at `path` is a file in Packer's older language, which is JSON: by its name, as
/// Packer tells them.
pub fn is_legacy_template(path: &Utf8Path) -> bool {
    let newer = [".pkr.json", ".pkrvars.json"];
    path.extension() == Some("json") && !newer.iter().any(|end| path.as_str().ends_with(end))
}
