//! A folder of plugins in which Packer finds the versions that were chosen, and no other ones.
//!
//! Packer takes the newest version that a template admits. Where a newer one is installed beside the
//! locked one, it gets a folder of links that lacks it.

use std::collections::BTreeSet;
use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::installed::{self, Program, SUM};
use crate::model::{Digest, Platform, PluginSource};

/// Makes such a folder below `views`, unless there is one, of everything in `folder`; of the plugins
/// of `chosen` only the program that stands there.
pub(super) fn view(
    views: &Utf8Path,
    folder: &Utf8Path,
    chosen: &[(PluginSource, Program)],
    platform: &Platform,
) -> io::Result<Utf8PathBuf> {
    let others = |path: &Utf8Path| {
        let program = path.as_str().strip_suffix(SUM).unwrap_or(path.as_str());
        chosen.iter().any(|(source, chosen)| {
            installed::program(program.into(), source, platform).is_some()
                && chosen.path.as_str() != program
        })
    };
    // Sorted, so that the same content has the same name.
    let links: BTreeSet<Utf8PathBuf> =
        installed::files(folder)?.into_iter().filter(|path| !others(path)).collect();
    let listing: Vec<&str> = links.iter().map(|path| path.as_str()).collect();
    let view = views.join(Digest::of(listing.join("\n").as_bytes()).short());
    if view.is_dir() {
        return Ok(view);
    }
    fs_err::create_dir_all(views)?;
    let new = tempfile::Builder::new().prefix("new-").tempdir_in(views)?;
    let target = Utf8Path::from_path(new.path()).unwrap_or(views);
    for path in &links {
        let Ok(relative) = path.strip_prefix(folder) else { continue };
        let link = target.join(relative);
        fs_err::create_dir_all(link.parent().unwrap_or(target))?;
        fs_err::os::unix::fs::symlink(path, link)?;
    }
    match fs_err::rename(target, &view) {
        // Another run was faster.
        Err(_) if view.is_dir() => {}
        renamed => renamed?,
    }
    Ok(view)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_other_versions_of_what_was_chosen_are_left_out() {
        let scratch = tempfile::tempdir().unwrap();
        let scratch = Utf8Path::from_path(scratch.path()).unwrap();
        let folder = scratch.join("plugins");
        for name in [
            "github.com/hashicorp/qemu/packer-plugin-qemu_v1.0.9_x5.0_linux_amd64",
            "github.com/hashicorp/qemu/packer-plugin-qemu_v1.0.9_x5.0_linux_amd64_SHA256SUM",
            "github.com/hashicorp/qemu/packer-plugin-qemu_v1.1.0_x5.0_linux_amd64",
            "github.com/hashicorp/qemu/packer-plugin-qemu_v1.1.0_x5.0_linux_amd64_SHA256SUM",
            "github.com/hashicorp/ansible/packer-plugin-ansible_v1.1.0_x5.0_linux_amd64",
        ] {
            fs_err::create_dir_all(folder.join(name).parent().unwrap()).unwrap();
            fs_err::write(folder.join(name), name).unwrap();
        }
        let source: PluginSource = "github.com/hashicorp/qemu".parse().unwrap();
        let platform: Platform = "linux_amd64".parse().unwrap();
        let oldest = installed::programs(&folder, &source, &platform).unwrap().remove(0);
        let make = || {
            view(&scratch.join("views"), &folder, &[(source.clone(), oldest.clone())], &platform)
        };
        let made = make().unwrap();
        assert_eq!(make().unwrap(), made);
        let mut seen: Vec<String> = installed::files(&made)
            .unwrap()
            .iter()
            .map(|path| {
                let name = path.strip_prefix(&made).unwrap().to_string();
                assert_eq!(fs_err::read_to_string(path).unwrap(), name);
                name
            })
            .collect();
        seen.sort();
        insta::assert_snapshot!(seen.join("\n"), @"
        github.com/hashicorp/ansible/packer-plugin-ansible_v1.1.0_x5.0_linux_amd64
        github.com/hashicorp/qemu/packer-plugin-qemu_v1.0.9_x5.0_linux_amd64
        github.com/hashicorp/qemu/packer-plugin-qemu_v1.0.9_x5.0_linux_amd64_SHA256SUM
        ");
        assert_eq!(scratch.join("views").read_dir_utf8().unwrap().count(), 1);
    }
}
