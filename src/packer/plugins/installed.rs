//! The plugins that are installed, as Packer finds them: by the names of files in its folder.
//!
//! `github.com/hashicorp/qemu/packer-plugin-qemu_v1.1.4_x5.0_linux_amd64`, and beside it the same
//! name with `_SHA256SUM`. Packer passes over a program without it, or with another digest, without a
//! word.

use std::fs::FileType;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err::File;

use crate::model::{Digest, Platform, PluginSource, PluginVersion};
use crate::process::ChildEnvironment;

/// How many folders deep Packer looks.
const DEEPEST: usize = 16;

/// More files than this are no folder of plugins.
const MOST: usize = 20_000;

/// The major version of the interface between Packer and plugins. There has never been another one
/// since plugins are programs of their own.
const INTERFACE: u64 = 5;

/// What a program's file name has after it where its digest lies.
pub(super) const SUM: &str = "_SHA256SUM";

/// An installed program of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Program {
    /// Its version. First: it orders them.
    pub(super) version: PluginVersion,
    /// Minor version of the interface.
    pub(super) interface: u64,
    /// Where it lies.
    pub(super) path: Utf8PathBuf,
}

/// What a program is, looked at.
pub(super) enum State {
    /// Packer can use it. Its digest.
    Whole(Digest),
    /// Packer passes over it: why.
    Damaged(&'static str),
}

/// The folder in which a Packer with this environment looks for plugins; none if there is no place.
pub(super) fn folder(environment: &ChildEnvironment) -> Option<Utf8PathBuf> {
    let get = |wanted: &str| {
        let mut all = environment.iter();
        let found = all.find(|(name, value)| *name == wanted && !value.is_empty());
        found.map(|(_, value)| Utf8Path::new(value))
    };
    if let Some(folder) = get("PACKER_PLUGIN_PATH") {
        return Some(folder.to_owned());
    }
    if let Some(folder) = get("PACKER_CONFIG_DIR") {
        return Some(folder.join(".packer.d/plugins"));
    }
    let home = get("HOME")?;
    let old = home.join(".packer.d");
    Some(if old.exists() {
        old.join("plugins")
    } else if let Some(folder) = get("XDG_CONFIG_HOME") {
        folder.join("packer/plugins")
    } else {
        home.join(".config/packer/plugins")
    })
}

/// Every file below `folder`, with links that lead to files, as Packer walks it.
pub(super) fn files(folder: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let entries = match folder.read_dir_utf8() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(io::Error::new(error.kind(), format!("`{folder}`: {error}"))),
        };
        for entry in entries {
            // A name that is no text is no plugin's.
            let Ok(entry) = entry else { continue };
            match entry.file_type().as_ref().map(FileType::is_dir) {
                Ok(true) if depth < DEEPEST => folders.push((entry.into_path(), depth + 1)),
                Ok(false) => found.push(entry.into_path()),
                Ok(true) | Err(_) => {}
            }
        }
        if found.len() > MOST {
            let message = format!("`{folder}` has too many files to be a folder of plugins");
            return Err(io::Error::other(message));
        }
    }
    Ok(found)
}

/// The programs of `source` for `platform` below `folder`, oldest first.
pub(super) fn programs(
    folder: &Utf8Path,
    source: &PluginSource,
    platform: &Platform,
) -> io::Result<Vec<Program>> {
    // Packer looks beside the folder of the plugin as well.
    let parent = Utf8Path::new(source.as_str()).parent().unwrap_or(Utf8Path::new(""));
    let files = files(&folder.join(parent))?;
    let mut programs: Vec<Program> =
        files.into_iter().filter_map(|path| program(path, source, platform)).collect();
    programs.sort();
    Ok(programs)
}

/// The program that a file is by its name.
pub(super) fn program(
    path: Utf8PathBuf,
    source: &PluginSource,
    platform: &Platform,
) -> Option<Program> {
    let (version, interface) = named(path.file_name()?, source, platform)?;
    Some(Program { version, interface, path })
}

/// The version and the interface that the name of a program tells.
pub(super) fn named(
    name: &str,
    source: &PluginSource,
    platform: &Platform,
) -> Option<(PluginVersion, u64)> {
    let rest = name.strip_prefix(&source.file_prefix())?.strip_prefix('v')?;
    let rest = rest.strip_suffix(platform.as_str())?.strip_suffix('_')?;
    let (version, interface) = rest.split_once("_x")?;
    let (major, minor) = interface.split_once('.')?;
    let number = |text: &str| text.parse::<u64>().ok();
    (number(major)? == INTERFACE).then_some(())?;
    Some((version.parse().ok()?, number(minor)?))
}

impl Program {
    /// Looks at the program and at what is said of it.
    pub(super) fn state(&self) -> io::Result<State> {
        let sum = match fs_err::read_to_string(format!("{}{SUM}", self.path)) {
            Ok(sum) => sum,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(State::Damaged("its checksum does not lie beside it"));
            }
            Err(error) => return Err(error),
        };
        let (digest, _) = Digest::of_reader(File::open(&self.path)?)?;
        let same = sum.get(..64).is_some_and(|sum| sum.eq_ignore_ascii_case(&digest.hex()));
        Ok(if same { State::Whole(digest) } else { State::Damaged("its checksum is another one") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::Environment;

    #[test]
    fn plugins_lie_where_packer_looks_for_them() {
        let scratch = tempfile::tempdir().unwrap();
        let home = scratch.path().to_str().unwrap();
        let told = |variables: &[(&str, &str)]| {
            let environment: Environment = variables
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.replace("HOME", home)))
                .collect();
            let passed = ["PACKER_CONFIG_DIR", "PACKER_PLUGIN_PATH"];
            let environment = ChildEnvironment::allowed(&environment).pass(&environment, passed);
            folder(&environment).map_or("nowhere".into(), |f| f.as_str().replace(home, "HOME"))
        };
        let (path, config) = (("PACKER_PLUGIN_PATH", "/p"), ("PACKER_CONFIG_DIR", "/c"));
        let (home_set, xdg) = (("HOME", "HOME"), ("XDG_CONFIG_HOME", "/x"));
        let mut all = vec![
            told(&[]),
            told(&[home_set, xdg, config, path]),
            told(&[home_set, xdg, config, ("PACKER_PLUGIN_PATH", "")]),
            told(&[home_set, xdg]),
            told(&[home_set]),
        ];
        fs_err::create_dir(scratch.path().join(".packer.d")).unwrap();
        all.push(told(&[home_set, xdg]));
        insta::assert_snapshot!(all.join("\n"), @"
        nowhere
        /p
        /c/.packer.d/plugins
        /x/packer/plugins
        HOME/.config/packer/plugins
        HOME/.packer.d/plugins
        ");
    }

    #[test]
    fn a_program_is_what_packer_takes_for_one() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(scratch.path()).unwrap();
        let source: PluginSource = "github.com/hashicorp/qemu".parse().unwrap();
        let platform: Platform = "linux_amd64".parse().unwrap();
        assert_eq!(programs(folder, &source, &platform).unwrap(), []);
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        let one = "github.com/hashicorp/qemu/packer-plugin-qemu_v1.10.0_x5.0_linux_amd64";
        write(one, "one");
        write(&format!("{one}_SHA256SUM"), &Digest::of(b"one").hex());
        let beside = "github.com/hashicorp/packer-plugin-qemu_v1.9.0-dev_x5.0_linux_amd64";
        write(beside, "beside");
        write(&format!("{beside}_SHA256SUM"), &Digest::of(b"another").hex());
        write("github.com/hashicorp/a/b/packer-plugin-qemu_v1.2.0_x5.1_linux_amd64", "deep");
        for other in [
            "github.com/hashicorp/qemu/packer-plugin-qemu_v1.1_x5.0_linux_amd64",
            "github.com/hashicorp/qemu/packer-plugin-qemu_v1.1.0_x4.0_linux_amd64",
            "github.com/hashicorp/qemu/packer-plugin-qemu_v1.1.0_x5.0_linux_arm64",
            "github.com/hashicorp/qemu/packer-plugin-qemux_v1.1.0_x5.0_linux_amd64",
            "packer-plugin-qemu_v1.1.0_x5.0_linux_amd64",
        ] {
            write(other, "other");
        }
        let found = programs(folder, &source, &platform).unwrap();
        let told = found.iter().map(|program| {
            let state = match program.state().unwrap() {
                State::Whole(digest) => digest.short(),
                State::Damaged(why) => why.to_owned(),
            };
            format!("{} x5.{} {state}", program.version, program.interface)
        });
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
        1.2.0 x5.1 its checksum does not lie beside it
        1.9.0-dev x5.0 its checksum is another one
        1.10.0 x5.0 7692c3ad3540
        ");
    }
}
