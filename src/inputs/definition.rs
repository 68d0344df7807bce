//! The digest of all repository content that defines an image: decides "inputs changed".
//!
//! It depends on content, executable bits, link targets and names relative to the template;
//! never on times, owners, the order of a folder, or where the checkout lies.

use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use ignore::WalkBuilder;
use serde::Serialize;
use thiserror::Error;

use crate::model::{Arch, Catalog, Digest, Image, Os, Source};
use crate::process::Cancellation;

/// Why a definition cannot be digested. The user's or the machine's fault.
#[derive(Debug, Error)]
pub enum DefinitionError {
    /// A file cannot be read.
    #[error("cannot read the definition of the image")]
    Io(#[from] std::io::Error),
    /// The folder cannot be walked.
    #[error("cannot walk the template")]
    Walk(#[from] ignore::Error),
    /// A file name is not UTF-8.
    #[error("`{0}` is not UTF-8: rename it")]
    NotUtf8(String),
}

/// The keys of an image that say what it is, not how it is judged or where it goes.
#[derive(Serialize)]
struct Keys<'a> {
    template: &'a str,
    build: Option<&'a str>,
    os: &'a Os,
    source: Source,
    arch: Arch,
    prepare: Option<&'a str>,
    vars: Vec<(&'a String, String)>,
    env: &'a [String],
}

/// Digests the definition of `image`.
///
/// Part of it are the image's own keys, the template (a file, or every file in its folder that git
/// would not ignore) and the script that `prepare` starts. The file that `prepare` creates is not,
/// and neither is what `catalog` says lies there for other reasons: itself, the registry, stores.
/// Reads every byte: run it where blocking is allowed. Fails as soon as somebody wishes to stop.
pub fn definition_digest(
    image: &Image,
    catalog: &Catalog,
    cancellation: &Cancellation,
) -> Result<Digest, DefinitionError> {
    let root = if image.template.is_dir() {
        image.template.as_path()
    } else {
        image.template.parent().unwrap_or(Utf8Path::new("/"))
    };
    let keys = Keys {
        template: image.template.strip_prefix(root).map_or("", Utf8Path::as_str),
        build: image.build.as_deref(),
        os: &image.os,
        source: image.source,
        arch: image.arch,
        prepare: image.prepare.as_ref().map(|prepare| prepare.run.as_str()),
        vars: image.vars.iter().map(|(name, text)| (name, text.to_string())).collect(),
        env: &image.env,
    };
    let keys = serde_json::to_string(&keys).expect("keys are plain text");
    let mut lines = vec![format!("keys {}", Digest::of(keys.as_bytes()))];
    let mut files = template_files(image, catalog)?;
    files.extend(prepare_script(image));
    files.sort();
    files.dedup();
    for file in files {
        let name = relative(&file, root);
        lines.push(format!("{} {name}", fingerprint(&file, cancellation)?));
    }
    Ok(Digest::of(lines.join("\n").as_bytes()))
}

fn template_files(image: &Image, catalog: &Catalog) -> Result<Vec<Utf8PathBuf>, DefinitionError> {
    if !image.template.is_dir() {
        return Ok(vec![image.template.clone()]);
    }
    let others = no_part(image, catalog);
    // What git would ignore is decided up to the root of the repository and no further, wherever it
    // is checked out; without one, by the template's own folder.
    let in_repository =
        image.template.ancestors().any(|folder| folder.join(".git").symlink_metadata().is_ok());
    let walk = WalkBuilder::new(&image.template)
        .hidden(false)
        .ignore(false)
        .git_global(false)
        .git_exclude(false)
        .require_git(in_repository)
        .parents(in_repository)
        .follow_links(false)
        .filter_entry(move |entry| {
            entry.file_name() != ".git" && !others.iter().any(|other| entry.path() == other)
        })
        .build();
    let mut files = Vec::new();
    for entry in walk {
        let entry = entry?;
        // Folders count by their files; pipes, sockets and devices are no content, as for git.
        if !entry.file_type().is_some_and(|kind| kind.is_file() || kind.is_symlink()) {
            continue;
        }
        let path = Utf8PathBuf::try_from(entry.into_path())
            .map_err(|error| DefinitionError::NotUtf8(error.as_path().display().to_string()))?;
        files.push(path);
    }
    Ok(files)
}

/// What may lie in a template's folder and is no part of it. Keys of `images.yml` count one by one.
fn no_part(image: &Image, catalog: &Catalog) -> Vec<Utf8PathBuf> {
    let created = image.prepare.as_ref().and_then(|prepare| prepare.creates.clone());
    catalog.own_paths().into_iter().chain([catalog.path.clone()]).chain(created).collect()
}

/// The script that `prepare` starts, if its first word is a file.
fn prepare_script(image: &Image) -> Option<Utf8PathBuf> {
    let word = image.prepare.as_ref()?.run.split_whitespace().next()?;
    let path = image.workdir.join(word.strip_prefix("./").unwrap_or(word));
    path.is_file().then_some(path)
}

/// The name of a file as the digest sees it: equal wherever the checkout lies.
fn relative(file: &Utf8Path, root: &Utf8Path) -> String {
    for (ups, ancestor) in root.ancestors().enumerate() {
        if let Ok(rest) = file.strip_prefix(ancestor) {
            return format!("{}{rest}", "../".repeat(ups));
        }
    }
    file.to_string()
}

fn fingerprint(file: &Utf8Path, cancellation: &Cancellation) -> Result<String, DefinitionError> {
    let metadata = fs_err::symlink_metadata(file)?;
    if metadata.is_symlink() {
        let target = fs_err::read_link(file)?;
        return Ok(format!("link {}", target.display()));
    }
    let kind = match metadata.permissions().mode() & 0o100 {
        0 => "file",
        _ => "program",
    };
    let (digest, _) = Digest::of_reader(cancellation.guard(fs_err::File::open(file)?))?;
    Ok(format!("{kind} {digest}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::model::samples::image;
    use crate::model::{Address, Prepare, StoreAddress};

    fn digest(image: &Image) -> Digest {
        let root = image.template.parent().unwrap();
        let catalog = Catalog {
            path: root.join("packer/images.yml"),
            registry: Some(Address::Directory(root.join("packer/registry"))),
            images: [(image.name.clone(), image.clone())].into(),
            retry_limit: 3,
        };
        definition_digest(image, &catalog, &Cancellation::new()).unwrap()
    }

    /// A checkout in a fresh folder, and the image that it defines.
    fn checkout() -> (tempfile::TempDir, Image) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap().to_owned();
        fs_err::create_dir_all(root.join("packer/base")).unwrap();
        fs_err::write(root.join("packer/debian.pkr.hcl"), "source {}").unwrap();
        fs_err::write(root.join("packer/prepare.sh"), "#!/bin/sh").unwrap();
        fs_err::write(root.join("packer/base/disk.qcow2"), "bytes").unwrap();
        symlink("debian.pkr.hcl", root.join("packer/link.hcl")).unwrap();
        let mut image = image("debian-12");
        image.stores = vec![StoreAddress::Directory(root.join("packer/store"))];
        image.template = root.join("packer");
        image.workdir = root.join("packer");
        image.prepare = Some(Prepare {
            run: "./prepare.sh --fast".into(),
            creates: Some(root.join("packer/base/disk.qcow2")),
        });
        (folder, image)
    }

    #[test]
    fn checkouts_with_the_same_content_have_the_same_digest_wherever_they_lie() {
        let (_one, first) = checkout();
        let (_two, second) = checkout();
        assert_ne!(first.template, second.template);
        assert_eq!(digest(&first), digest(&second));
    }

    #[test]
    fn what_the_repository_ignores_is_no_part_wherever_it_says_so() {
        let (folder, image) = checkout();
        fs_err::create_dir(folder.path().join(".git")).unwrap();
        fs_err::write(folder.path().join(".gitignore"), "*.log\n").unwrap();
        let before = digest(&image);
        fs_err::write(image.template.join("build.log"), "y").unwrap();
        assert_eq!(digest(&image), before);
    }

    #[test]
    fn what_defines_the_image_changes_the_digest_and_nothing_else_does() {
        type Change = (&'static str, bool, fn(&mut Image));
        let changes: [Change; 17] = [
            ("template text", true, |i| {
                fs_err::write(i.template.join("debian.pkr.hcl"), "x").unwrap();
            }),
            ("a new file", true, |i| fs_err::write(i.template.join("new.sh"), "x").unwrap()),
            ("a removed file", true, |i| fs_err::remove_file(i.template.join("link.hcl")).unwrap()),
            ("an executable bit", true, |i| {
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                fs_err::set_permissions(i.template.join("prepare.sh"), mode).unwrap();
            }),
            ("the prepare command", true, |i| i.prepare.as_mut().unwrap().run.push_str(" -x")),
            ("a variable", true, |i| {
                i.vars.insert("size".into(), "8G".into());
            }),
            ("what prepare made", false, |i| {
                fs_err::write(i.template.join("base/disk.qcow2"), "y").unwrap();
            }),
            ("a file beside what prepare made", true, |i| {
                fs_err::write(i.template.join("base/user-data"), "y").unwrap();
            }),
            ("the matrix, which counts by its keys", false, |i| {
                fs_err::write(i.template.join("images.yml"), "y").unwrap();
            }),
            ("the registry", false, |i| {
                fs_err::create_dir(i.template.join("registry")).unwrap();
                fs_err::write(i.template.join("registry/schema.json"), "y").unwrap();
            }),
            ("somebody's file in the registry's folder", true, |i| {
                fs_err::create_dir(i.template.join("registry")).unwrap();
                fs_err::write(i.template.join("registry/notes"), "y").unwrap();
            }),
            ("a store", false, |i| {
                let StoreAddress::Directory(store) = &i.stores[0];
                fs_err::create_dir_all(store.join("debian-12/1.0")).unwrap();
                fs_err::write(store.join("debian-12/1.0/disk"), "y").unwrap();
            }),
            ("what a folder above the repository ignores", false, |i| {
                let above = i.template.parent().unwrap().join(".gitignore");
                fs_err::write(above, "*.hcl\n").unwrap();
            }),
            ("what git ignores", false, |i| {
                let text =
                    fs_err::read_to_string(i.template.join(".gitignore")).unwrap_or_default();
                assert_eq!(text, "*.log\n");
                fs_err::write(i.template.join("build.log"), "y").unwrap();
            }),
            ("a pipe, which has no content", false, |i| {
                let pipe = i.template.join("console");
                let made = std::process::Command::new("mkfifo").arg(pipe).status().unwrap();
                assert!(made.success());
            }),
            ("the description", false, |i| i.description = Some("new".into())),
            ("the gate", false, |i| i.gate.ignore_unfixed = false),
        ];
        for (what, changes_digest, change) in changes {
            let (_folder, mut image) = checkout();
            fs_err::write(image.template.join(".gitignore"), "*.log\n").unwrap();
            let before = digest(&image);
            change(&mut image);
            let after = digest(&image);
            assert_eq!(before != after, changes_digest, "{what}");
        }
    }
}
