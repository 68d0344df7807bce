//! A mirror of plugins: releases as their publishers lay them out, in a folder or behind HTTP.
//!
//! ```text
//! <mirror>/github.com/hashicorp/qemu/v1.1.4/packer-plugin-qemu_v1.1.4_SHA256SUMS    or SHA256SUMS
//!                                           packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip    or without .zip
//! ```
//!
//! The list of checksums says which files there are. Which versions there are, the names of the
//! folders say; behind HTTP, whatever the server answers for the folder of the plugin, which may be
//! its own index page.

use std::io::{self, Read as _};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::File;
use thiserror::Error;
use zip::ZipArchive;

use super::installed;
use crate::http::{Client, ClientError};
use crate::model::{Digest, Hasher, Platform, PluginMirror, PluginSource, PluginVersion};
use crate::process::{Cancellation, Cause};

/// Largest file of a mirror, and largest program in one. Amazon's plugin has 150 MB.
const LARGEST: usize = 1024 * 1024 * 1024;

/// Largest list of checksums or of versions.
const LARGEST_LIST: u64 = 1024 * 1024;

/// How long a mirror may take.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until something comes.
    pub stall: Duration,
    /// For one file.
    pub file: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { stall: Duration::from_secs(30), file: Duration::from_mins(15) }
    }
}

/// Why a mirror does not have what it should: whoever keeps it, or the way to it.
#[derive(Debug, Error)]
pub enum MirrorError {
    /// It does not have the plugin.
    #[error("the mirror has no `{path}`")]
    Absent {
        /// What was looked for, below the mirror.
        path: String,
    },
    /// It has none of the versions that would do.
    #[error("the mirror has no version of `{source_}` that is `{wanted}`; it has {has}")]
    NoVersion {
        /// The plugin.
        source_: PluginSource,
        /// What would do.
        wanted: String,
        /// What there is.
        has: String,
    },
    /// It has the version, and not for this machine.
    #[error("`{list}` of the mirror names no program for {platform}")]
    NoProgram {
        /// The list of checksums.
        list: String,
        /// This machine's platform.
        platform: Platform,
    },
    /// A file is not what the mirror itself says.
    #[error("`{path}` of the mirror is {found}, and its list of checksums says {expected}")]
    Checksum {
        /// The file.
        path: String,
        /// What it is.
        found: Digest,
        /// What it should be.
        expected: Digest,
    },
    /// A file is no archive with a program.
    #[error("`{path}` of the mirror is no archive with a plugin: {why}")]
    Archive {
        /// The file.
        path: String,
        /// Why.
        why: String,
    },
    /// There is no answer, or none that can be used.
    #[error("the mirror does not give `{path}`: {why}")]
    Unreachable {
        /// What was asked for.
        path: String,
        /// Why.
        why: String,
    },
    /// What came cannot be kept: the machine.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Somebody wished to stop.
    #[error("cancelled")]
    Cancelled(Cause),
}

/// A mirror that can be asked.
pub(super) struct Mirror<'a> {
    place: &'a PluginMirror,
    client: Option<Client>,
    cancellation: &'a Cancellation,
}

impl<'a> Mirror<'a> {
    /// The mirror at `place`. Looks at nothing yet.
    pub(super) fn new(
        place: &'a PluginMirror,
        limits: Limits,
        cancellation: &'a Cancellation,
    ) -> Result<Self, MirrorError> {
        let client = match place {
            PluginMirror::Directory(_) => None,
            PluginMirror::Http(_) => Some(
                Client::patient(limits.stall, limits.file)
                    .map_err(|error| unreachable(String::new(), &error))?,
            ),
        };
        Ok(Self { place, client, cancellation })
    }

    /// The released versions of `source`, newest first.
    pub(super) async fn versions(
        &self,
        source: &PluginSource,
    ) -> Result<Vec<PluginVersion>, MirrorError> {
        let path = format!("{source}/");
        let listing = match self.place {
            PluginMirror::Directory(folder) => match folder.join(source.as_str()).read_dir_utf8() {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                entries => {
                    let entries = entries?.flatten();
                    let names: Vec<String> =
                        entries.map(|entry| entry.file_name().to_owned() + "/").collect();
                    Some(names.join("\n"))
                }
            },
            PluginMirror::Http(_) => self.text(&path).await?,
        };
        let listing: String = listing.ok_or(MirrorError::Absent { path })?;
        Ok(versions_in(&listing))
    }

    /// Brings the program of this version into `folder`. Gives its path and digest.
    pub(super) async fn fetch(
        &self,
        source: &PluginSource,
        version: &PluginVersion,
        platform: &Platform,
        folder: &Utf8Path,
    ) -> Result<(Utf8PathBuf, Digest), MirrorError> {
        let release = format!("{source}/v{version}");
        let own = format!("{release}/{}v{version}_SHA256SUMS", source.file_prefix());
        let plain = format!("{release}/SHA256SUMS");
        let (list, text) = match self.text(&own).await? {
            Some(text) => (own, text),
            None => match self.text(&plain).await? {
                Some(text) => (plain, text),
                None => return Err(MirrorError::Absent { path: own }),
            },
        };
        let Some((name, expected)) = listed(&text, source, version, platform) else {
            return Err(MirrorError::NoProgram { list, platform: platform.clone() });
        };
        let path = format!("{release}/{name}");
        let (came, program) = (folder.join(name), name.strip_suffix(".zip"));
        let found = self.bring(&path, &came).await?;
        if found != expected {
            return Err(MirrorError::Checksum { path, found, expected });
        }
        let Some(program) = program else { return Ok((came, found)) };
        let (inside, target) = (program.to_owned(), folder.join(program));
        let unpack = move || unpack(&came, &inside, &target).map(|digest| (target, digest));
        let unpacked = tokio::task::spawn_blocking(unpack).await.map_err(io::Error::from)?;
        unpacked.map_err(|why| MirrorError::Archive { path, why })
    }

    /// A short text below the mirror; nothing if there is no such file.
    async fn text(&self, path: &str) -> Result<Option<String>, MirrorError> {
        match self.place {
            PluginMirror::Directory(folder) => {
                let file = match File::open(folder.join(path)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                    file => file?,
                };
                let mut bytes = Vec::new();
                file.take(LARGEST_LIST).read_to_end(&mut bytes)?;
                Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
            PluginMirror::Http(_) => {
                let (client, url) = self.address(path);
                match self.unless_stopped(client.text(&url)).await? {
                    Ok(text) => Ok(Some(text)),
                    Err(error) if error.gone().is_some() => Ok(None),
                    Err(error) => Err(unreachable(path.to_owned(), &error)),
                }
            }
        }
    }

    /// Copies a file of the mirror to `target`, which only this user can run.
    async fn bring(&self, path: &str, target: &Utf8Path) -> Result<Digest, MirrorError> {
        use std::os::unix::fs::PermissionsExt as _;
        let mut file = File::create_new(target)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o700))?;
        let absent = || MirrorError::Absent { path: path.to_owned() };
        match self.place {
            PluginMirror::Directory(folder) => {
                let from = match File::open(folder.join(path)) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(absent()),
                    from => from?,
                };
                let copy = move || copy(from, &mut file);
                Ok(tokio::task::spawn_blocking(copy).await.map_err(io::Error::from)??)
            }
            PluginMirror::Http(_) => {
                let (client, url) = self.address(path);
                let download = client.download(&url, &mut file, LARGEST);
                self.unless_stopped(download).await?.map_err(|error| match error {
                    ClientError::Write(error) => error.into(),
                    error if error.gone().is_some() => absent(),
                    error => unreachable(path.to_owned(), &error),
                })
            }
        }
    }

    fn address(&self, path: &str) -> (&Client, String) {
        let client = self.client.as_ref().expect("a mirror behind HTTP has a client");
        (client, format!("{}/{path}", self.place))
    }

    async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Result<T, MirrorError> {
        tokio::select! {
            biased;
            done = work => Ok(done),
            request = self.cancellation.beyond(None) => Err(MirrorError::Cancelled(request.cause)),
        }
    }
}

fn unreachable(path: String, error: &ClientError) -> MirrorError {
    MirrorError::Unreachable { path, why: error.to_string() }
}

/// The released versions among the names of folders in a listing, newest first: `v1.1.4/`, whatever
/// stands around it.
fn versions_in(listing: &str) -> Vec<PluginVersion> {
    let words = listing.split(|c: char| c.is_whitespace() || "\"'<>=".contains(c));
    let names = words.filter_map(|word| word.strip_suffix('/')?.rsplit('/').next());
    let versions = names.filter_map(|name| name.strip_prefix('v')?.parse().ok());
    let mut versions: Vec<PluginVersion> = versions.filter(PluginVersion::is_release).collect();
    versions.sort();
    versions.dedup();
    versions.reverse();
    versions
}

/// The file for `platform` in a list of checksums: of the newest interface, if there are several.
fn listed<'l>(
    list: &'l str,
    source: &PluginSource,
    version: &PluginVersion,
    platform: &Platform,
) -> Option<(&'l str, Digest)> {
    let entries = list.lines().filter_map(|line| {
        let (digest, name) = line.trim().split_once(char::is_whitespace)?;
        let name = name.trim_start().trim_start_matches('*');
        let program = name.strip_suffix(".zip").unwrap_or(name);
        let (found, interface) = installed::named(program, source, platform)?;
        let digest = format!("sha256:{}", digest.to_ascii_lowercase()).parse().ok()?;
        // The name is one of a file: nothing of it leads elsewhere.
        (found == *version && !name.contains('/')).then_some((interface, name, digest))
    });
    entries.max_by_key(|(interface, ..)| *interface).map(|(_, name, digest)| (name, digest))
}

/// Copies all of `from`, if it is not too large.
fn copy(from: impl io::Read, to: &mut impl io::Write) -> io::Result<Digest> {
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; 256 * 1024]);
    let mut from = from.take(LARGEST as u64 + 1);
    let mut size = 0;
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finish());
        }
        size += read;
        if size > LARGEST {
            return Err(io::Error::other("it is larger than plugins are"));
        }
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
    }
}

/// Takes the file `name` out of an archive. Why not, if it cannot.
fn unpack(archive: &Utf8Path, name: &str, target: &Utf8Path) -> Result<Digest, String> {
    use fs_err::os::unix::fs::OpenOptionsExt as _;
    let told = |error: &dyn std::error::Error| error.to_string();
    let file = File::open(archive).map_err(|error| told(&error))?;
    let mut archive = ZipArchive::new(file.into_file()).map_err(|error| told(&error))?;
    let inside = archive.by_name(name).map_err(|error| format!("`{name}`: {error}"))?;
    let mut options = fs_err::OpenOptions::new();
    options.write(true).create_new(true).mode(0o700);
    let mut program = options.open(target).map_err(|error| told(&error))?;
    copy(inside, &mut program).map_err(|error| format!("`{name}`: {error}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn qemu() -> PluginSource {
        "github.com/hashicorp/qemu".parse().unwrap()
    }

    #[test]
    fn the_versions_of_every_usual_index_are_read() {
        let listings = [
            "v1.1.4/\nv1.0.9/\nv1.10.0/\nv1.2.0-dev/\nREADME\n",
            r#"<a href="../">../</a><a href="v1.0.9/">v1.0.9/</a> 2026-01-01 - <a href='/p/v1.1.4/'>v1.1.4</a>"#,
            r#"<li><a href="https://m.example.org/github.com/hashicorp/qemu/v1.1.4/">v1.1.4/</a></li>"#,
            r#"<a href="v1.1.4.zip">v1.1.4.zip</a> v2.0/ 1.1.4/ v1.1.4"#,
        ];
        let told = listings.map(|listing| {
            let versions = versions_in(listing);
            versions.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        });
        insta::assert_snapshot!(told.join("\n"), @"
        1.10.0 1.1.4 1.0.9
        1.1.4 1.0.9
        1.1.4
        ");
    }

    #[test]
    fn the_file_for_this_platform_is_found_in_a_list() {
        let (platform, version) = ("linux_amd64".parse().unwrap(), "1.1.4".parse().unwrap());
        let (a, b) = ("a".repeat(64), "B".repeat(64));
        let found = |list: &str| {
            listed(list, &qemu(), &version, &platform)
                .map_or("nothing".to_owned(), |(name, digest)| format!("{name} {}", digest.short()))
        };
        let told = [
            found(&format!(
                "{a}  packer-plugin-qemu_v1.1.4_x5.0_darwin_amd64.zip\n\
                 {b}  packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip\n"
            )),
            found(&format!("{b} *packer-plugin-qemu_v1.1.4_x5.0_linux_amd64\r\n")),
            found(&format!(
                "{a}  packer-plugin-qemu_v1.1.4_x5.1_linux_amd64.zip\n\
                 {b}  packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip\n"
            )),
            found(&format!("{b}  packer-plugin-qemu_v1.1.5_x5.0_linux_amd64.zip\n")),
            found(&format!("{b}  ../packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip\n")),
            found("b  packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip\n"),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip bbbbbbbbbbbb
        packer-plugin-qemu_v1.1.4_x5.0_linux_amd64 bbbbbbbbbbbb
        packer-plugin-qemu_v1.1.4_x5.1_linux_amd64.zip aaaaaaaaaaaa
        nothing
        nothing
        nothing
        ");
    }

    proptest! {
        #[test]
        fn whatever_a_list_says_its_files_are_names(
            list in "([a-f0-9]{64}|[a-f]{3})  ?(\\.\\./|/)?packer-plugin-qemu_v1.1.[0-9]_x[0-9.]{1,3}_linux_amd64(.zip|/x)?",
        ) {
            let (platform, version) = ("linux_amd64".parse().unwrap(), "1.1.4".parse().unwrap());
            if let Some((name, _)) = listed(&list, &qemu(), &version, &platform) {
                prop_assert!(!name.contains('/'));
            }
        }
    }
}
