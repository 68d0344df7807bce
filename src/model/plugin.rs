//! Packer's plugins: which there are, in which versions, and which of them `goldsmith.lock` names.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use url::Url;

use super::Digest;
use super::as_text::serde_as_text;

/// Longest accepted source. Packer admits sixteen parts.
const MAX_SOURCE: usize = 255;

/// A text that is no name of a plugin, of a version, or of a platform.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("expected {expected}")]
pub struct BadPluginName {
    expected: &'static str,
}

/// Where a plugin comes from, which is its name as well: `github.com/hashicorp/qemu`. Safe as a
/// path below a folder and below an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginSource(String);

impl PluginSource {
    /// The source as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last part, which stands in the names of files: `qemu`.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// What the names of its files begin with: `packer-plugin-qemu_`.
    pub fn file_prefix(&self) -> String {
        format!("packer-plugin-{}_", self.name())
    }
}

impl FromStr for PluginSource {
    type Err = BadPluginName;

    fn from_str(text: &str) -> Result<Self, BadPluginName> {
        let safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let part = |part: &str| {
            let edges = [part.chars().next(), part.chars().next_back()];
            edges.iter().all(|edge| edge.is_some_and(|c| c.is_ascii_alphanumeric()))
                && part.chars().all(safe)
        };
        let parts = text.split('/');
        // An underscore would end the name in the names of files.
        let name = text.rsplit('/').next().is_some_and(|name| !name.contains(['.', '_']));
        if text.len() <= MAX_SOURCE
            && (3..=16).contains(&parts.clone().count())
            && parts.clone().all(part)
            && name
        {
            return Ok(Self(text.to_owned()));
        }
        Err(BadPluginName { expected: "a source such as `github.com/hashicorp/qemu`" })
    }
}

serde_as_text!(PluginSource);

impl fmt::Display for PluginSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The version of a plugin: `1.1.4`, or `1.1.4-dev` for one that somebody has built. Ordered as
/// versions are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PluginVersion {
    core: [u64; 3],
    before: Option<String>,
}

impl PluginVersion {
    /// The three numbers: what constraints of templates look at.
    pub fn core(&self) -> [u64; 3] {
        self.core
    }

    /// Whether it is a release, and not what comes before one.
    pub fn is_release(&self) -> bool {
        self.before.is_none()
    }
}

impl FromStr for PluginVersion {
    type Err = BadPluginName;

    fn from_str(text: &str) -> Result<Self, BadPluginName> {
        let bad = BadPluginName { expected: "a version such as `1.1.4`" };
        let (core, before) = match text.split_once('-') {
            Some((core, before)) => (core, Some(before)),
            None => (text, None),
        };
        let number = |text: &str| {
            let canonical = text == "0" || !text.starts_with('0');
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            (canonical && digits).then(|| text.parse().ok()).flatten()
        };
        let numbers: Option<Vec<u64>> = core.split('.').map(number).collect();
        let core = numbers.and_then(|numbers| <[u64; 3]>::try_from(numbers).ok());
        let word = |word: &str| {
            !word.is_empty()
                && word.len() <= 64
                && word.chars().all(|c| c.is_ascii_alphanumeric() || ".-".contains(c))
        };
        match core {
            Some(core) if before.is_none_or(word) => {
                Ok(Self { core, before: before.map(str::to_owned) })
            }
            _ => Err(bad),
        }
    }
}

serde_as_text!(PluginVersion);

impl fmt::Display for PluginVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.core;
        write!(f, "{major}.{minor}.{patch}")?;
        self.before.iter().try_for_each(|before| write!(f, "-{before}"))
    }
}

impl Ord for PluginVersion {
    fn cmp(&self, other: &Self) -> Ordering {
        let release = |version: &Self| version.before.is_none();
        self.core
            .cmp(&other.core)
            .then(release(self).cmp(&release(other)))
            .then(self.before.cmp(&other.before))
    }
}

impl PartialOrd for PluginVersion {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What a plugin is made for, in Go's words: `linux_amd64`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform(String);

impl Platform {
    /// That of this machine.
    pub fn of_this_machine() -> Self {
        let os = match std::env::consts::OS {
            "macos" => "darwin",
            os => os,
        };
        let arch = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            arch => arch,
        };
        Self(format!("{os}_{arch}"))
    }

    /// The platform as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Platform {
    type Err = BadPluginName;

    fn from_str(text: &str) -> Result<Self, BadPluginName> {
        let word = |word: &str| {
            !word.is_empty()
                && word.len() <= 32
                && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        };
        match text.split_once('_') {
            Some((os, arch)) if word(os) && word(arch) => Ok(Self(text.to_owned())),
            _ => Err(BadPluginName { expected: "a platform such as `linux_amd64`" }),
        }
    }
}

serde_as_text!(Platform);

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A plugin that took part in a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginRecord {
    /// Where it comes from.
    pub source: PluginSource,
    /// Its version.
    pub version: PluginVersion,
    /// Digest of the program.
    pub digest: Digest,
}

/// The digests of a version's programs, by platform.
pub type LockedPrograms = BTreeMap<Platform, Digest>;

/// What `goldsmith.lock` says: the plugins that a repository's templates are built with, and nothing
/// but them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginLock {
    /// By source and version. Templates may require versions of one plugin that exclude each other.
    pub plugins: BTreeMap<PluginSource, BTreeMap<PluginVersion, LockedPrograms>>,
}

impl PluginLock {
    /// Its name, beside `images.yml`.
    pub const FILE: &str = "goldsmith.lock";

    /// The content of the file: a line for everything that can change.
    pub fn to_yaml(&self) -> String {
        let mut text = "\
# The Packer plugins that the templates of this repository are built with, and the SHA-256 of their
# programs. Written by `goldsmith plugins`; belongs into the repository.
version: 1
"
        .to_owned();
        if self.plugins.is_empty() {
            return text + "plugins: {}\n";
        }
        text += "plugins:\n";
        for (source, versions) in &self.plugins {
            text += &["  ", source.as_str(), ":\n"].concat();
            for (version, programs) in versions {
                text += &["    ", &version.to_string(), ":\n"].concat();
                for (platform, digest) in programs {
                    let digest = digest.to_string();
                    text += &["      ", platform.as_str(), ": ", &digest, "\n"].concat();
                }
            }
        }
        text
    }
}

/// Where plugins come from instead of their publishers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginMirror {
    /// A folder of this machine, absolute.
    Directory(Utf8PathBuf),
    /// An address that answers HTTP, without a password.
    Http(#[serde(serialize_with = "text")] Url),
}

fn text<S: serde::Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(url)
}

impl fmt::Display for PluginMirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(folder) => f.write_str(folder.as_str()),
            Self::Http(url) => f.write_str(url.as_str().trim_end_matches('/')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_safe_as_paths() {
        let source: PluginSource = "github.com/hashicorp/qemu".parse().unwrap();
        assert_eq!(source.file_prefix(), "packer-plugin-qemu_");
        for bad in [
            "",
            "qemu",
            "hashicorp/qemu",
            "github.com/../qemu",
            "github.com//qemu",
            "/github.com/hashicorp/qemu",
            "github.com/hashicorp/qemu/",
            "https://github.com/hashicorp/qemu",
            "github.com/hashicorp/q_emu",
            "github.com/hashicorp/a.b",
            "github.com/hashi corp/qemu",
        ] {
            assert!(bad.parse::<PluginSource>().is_err(), "{bad}");
        }
    }

    #[test]
    fn versions_are_ordered_as_versions_are() {
        let mut versions: Vec<PluginVersion> =
            ["1.10.0", "1.9.9", "1.10.0-dev", "0.0.1"].map(|text| text.parse().unwrap()).into();
        versions.sort();
        let told: Vec<String> = versions.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["0.0.1", "1.9.9", "1.10.0-dev", "1.10.0"]);
        for bad in ["1", "1.0", "v1.0.0", "1.0.0.0", "01.0.0", "1.0.0-", "1.0.0-a/b", "+1.0.0"] {
            assert!(bad.parse::<PluginVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_changes_in_a_lock_has_a_line_of_its_own() {
        let digest = Digest::of(b"program");
        let programs = |platforms: &[&str]| {
            platforms.iter().map(|platform| (platform.parse().unwrap(), digest)).collect()
        };
        let qemu = [
            ("1.1.4".parse().unwrap(), programs(&["linux_arm64", "linux_amd64"])),
            ("1.0.9".parse().unwrap(), programs(&["linux_amd64"])),
        ];
        let plugins = [("github.com/hashicorp/qemu".parse().unwrap(), qemu.into())].into();
        insta::assert_snapshot!(PluginLock { plugins }.to_yaml(), @"
        # The Packer plugins that the templates of this repository are built with, and the SHA-256 of their
        # programs. Written by `goldsmith plugins`; belongs into the repository.
        version: 1
        plugins:
          github.com/hashicorp/qemu:
            1.0.9:
              linux_amd64: sha256:1310ca2c8932dbd118668bd97442558a3e1f546b5e15c69699dfbd6024f548d8
            1.1.4:
              linux_amd64: sha256:1310ca2c8932dbd118668bd97442558a3e1f546b5e15c69699dfbd6024f548d8
              linux_arm64: sha256:1310ca2c8932dbd118668bd97442558a3e1f546b5e15c69699dfbd6024f548d8
        ");
    }
}
