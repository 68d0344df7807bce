//! All repository content that defines an image, with digests: decides "inputs changed", and says
//! which.
//!
//! The digests depend on content, executable bits, link targets and names relative to the template;
//! never on times, owners, the order of a folder, or where the checkout lies.

use serde::Serialize;
use thiserror::Error;

use super::digests::Digests;
use super::place::Place;
use crate::model::{Definition, Image};

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

/// The definition of `image`.
///
/// Part of it are the image's own keys, the template (a file, or every file in its folder that git
/// would not ignore), files with variables and the scripts that `prepare` and tests start. The file that
/// `prepare` creates is not, and neither is what lies there for other reasons: the catalog itself,
/// the registry, stores. Blocks. Fails as soon as somebody wishes to stop.
pub fn definition(image: &Image, digests: &mut Digests) -> Result<Definition, DefinitionError> {
    let files = digests.files(image)?;
    let tree = digests.tree(&image.template)?;
    Ok(Definition::of(keys(image, &tree.place), files))
}

/// The keys of an image that say what it is, not how it is judged or where it goes, with their
/// values as JSON.
fn keys(image: &Image, place: &Place) -> Vec<(String, String)> {
    let mut keys =
        vec![("os", json(&image.os)), ("source", json(&image.source)), ("arch", json(&image.arch))];
    for (key, path) in [("template", &image.template), ("workdir", &image.workdir)] {
        let path = place.name(path);
        keys.extend((!path.is_empty()).then(|| (key, json(&path))));
    }
    keys.extend(image.build.as_ref().map(|build| ("build", json(build))));
    keys.extend(image.prepare.as_ref().map(|prepare| ("prepare", json(&prepare.run))));
    if !image.parents.is_empty() {
        keys.push(("parents", json(&image.parents)));
    }
    if !image.var_files.is_empty() {
        // Their order decides which of two values holds.
        let names: Vec<String> = image.var_files.iter().map(|file| place.name(file)).collect();
        keys.push(("var_files", json(&names)));
    }
    if !image.tests.is_empty() {
        keys.push(("tests", json(&image.tests)));
    }
    if !image.enforce.is_empty() {
        let names: Vec<String> = image.enforce.iter().map(|file| place.name(file)).collect();
        keys.push(("enforce", json(&names)));
    }
    if !image.env.is_empty() {
        keys.push(("env", json(&image.env)));
    }
    if !image.secret_vars.is_empty() {
        keys.push(("secret_vars", json(&image.secret_vars)));
    }
    let keys = keys.into_iter().map(|(name, value)| (name.to_owned(), value));
    let vars = image.vars.iter().map(|(name, text)| (format!("vars.{name}"), json(text)));
    keys.chain(vars).collect()
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("keys are plain text")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use camino::Utf8Path;

    use super::*;
    use crate::clock::Clock;
    use crate::inputs::FileDigests;
    use crate::inputs::digests::FILES;
    use crate::model::samples::image;
    use crate::model::{Address, Catalog, Parent, Prepare, StoreAddress, Test};
    use crate::process::Cancellation;

    fn define(image: &Image) -> Definition {
        let root = image.template.parent().unwrap();
        let catalog = Catalog {
            path: root.join("packer/images.yml"),
            registry: Address::Directory(root.join("packer/registry")),
            images: [(image.name.clone(), image.clone())].into(),
            retry_limit: 3,
            plugin_mirror: None,
        };
        let files = FileDigests::new(Clock::system(), Cancellation::new());
        definition(image, &mut Digests::new(&catalog, files)).unwrap()
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

    /// Makes the folder above the template's a repository, and returns it.
    fn repository_above(image: &Image) -> &Utf8Path {
        let folder = image.template.parent().unwrap();
        fs_err::create_dir(folder.join(".git")).unwrap();
        folder
    }

    #[test]
    fn checkouts_with_the_same_content_have_the_same_digest_wherever_they_lie() {
        let (_one, first) = checkout();
        let (_two, second) = checkout();
        assert_ne!(first.template, second.template);
        assert_eq!(define(&first), define(&second));
    }

    #[test]
    fn what_the_repository_ignores_is_no_part_wherever_it_says_so() {
        let (folder, image) = checkout();
        fs_err::create_dir(folder.path().join(".git")).unwrap();
        fs_err::write(folder.path().join(".gitignore"), "*.log\n").unwrap();
        let before = define(&image);
        fs_err::write(image.template.join("build.log"), "y").unwrap();
        assert_eq!(define(&image), before);
    }

    #[test]
    fn what_defines_the_image_changes_the_definition_and_nothing_else_does() {
        type Change = (&'static str, &'static [&'static str], fn(&mut Image));
        let changes: [Change; 28] = [
            ("template text", &["file:debian.pkr.hcl"], |i| {
                fs_err::write(i.template.join("debian.pkr.hcl"), "x").unwrap();
            }),
            ("a new file", &["file:new.sh"], |i| {
                fs_err::write(i.template.join("new.sh"), "x").unwrap();
            }),
            ("a removed file", &["file:link.hcl"], |i| {
                fs_err::remove_file(i.template.join("link.hcl")).unwrap();
            }),
            ("an executable bit", &["file:prepare.sh"], |i| {
                let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
                fs_err::set_permissions(i.template.join("prepare.sh"), mode).unwrap();
            }),
            ("the prepare command", &["prepare"], |i| {
                i.prepare.as_mut().unwrap().run.push_str(" -x");
            }),
            ("a script behind its interpreter", &["file:../bin/fetch.sh", "prepare"], |i| {
                let folder = repository_above(i).join("bin");
                fs_err::create_dir(&folder).unwrap();
                fs_err::write(folder.join("fetch.sh"), "x").unwrap();
                i.prepare.as_mut().unwrap().run = "/bin/sh ../bin/fetch.sh".into();
            }),
            ("an interpreter, which is no content of the repository", &["prepare"], |i| {
                i.prepare.as_mut().unwrap().run = "/bin/sh -c true".into();
            }),
            ("a test", &["tests"], |i| i.tests.push(Test::Boot)),
            ("a test's script", &["file:../smoke.sh", "tests"], |i| {
                let folder = repository_above(i);
                fs_err::write(folder.join("smoke.sh"), "x").unwrap();
                i.tests.push(Test::Run("../smoke.sh --all".into()));
            }),
            ("where Packer runs", &["workdir"], |i| {
                i.workdir = i.template.parent().unwrap().to_owned();
            }),
            ("a file with variables from elsewhere", &["var_files"], |i| {
                i.var_files.push("/etc/hostname".into());
            }),
            ("a variable", &["vars.size"], |i| {
                i.vars.insert("size".into(), "8G".into());
            }),
            ("a file with variables", &["file:../common.hcl", "var_files"], |i| {
                let file = repository_above(i).join("common.hcl");
                fs_err::write(&file, "x = 1").unwrap();
                i.var_files.push(file);
            }),
            ("an enforced script", &["enforce", "file:../cis.sh"], |i| {
                let file = repository_above(i).join("cis.sh");
                fs_err::write(&file, "x").unwrap();
                i.enforce.push(file);
            }),
            ("a parent", &["parents"], |i| {
                let (image, channel) = ("base".parse().unwrap(), None);
                i.parents.push(Parent { image, channel });
            }),
            ("very many files", &["file:a/", "file:base/", "file:debian.pkr.hcl"], |i| {
                fs_err::write(i.template.join("debian.pkr.hcl"), "x").unwrap();
                fs_err::write(i.template.join("base/user-data"), "x").unwrap();
                fs_err::create_dir(i.template.join("a")).unwrap();
                for number in 0..FILES {
                    fs_err::write(i.template.join(format!("a/{number}")), "x").unwrap();
                }
            }),
            ("copies of templates that builds are made from", &[], |i| {
                let name = crate::template::COPIES.to_owned() + "run-image";
                fs_err::create_dir(i.template.join(&name)).unwrap();
                fs_err::write(i.template.join(&name).join("a.sh"), "y").unwrap();
                fs_err::write(i.template.join(name + ".pkr.hcl"), "y").unwrap();
            }),
            ("what prepare made", &[], |i| {
                fs_err::write(i.template.join("base/disk.qcow2"), "y").unwrap();
            }),
            ("a file beside what prepare made", &["file:base/user-data"], |i| {
                fs_err::write(i.template.join("base/user-data"), "y").unwrap();
            }),
            ("the matrix, which counts by its keys", &[], |i| {
                fs_err::write(i.template.join("images.yml"), "y").unwrap();
            }),
            ("the registry", &[], |i| {
                fs_err::create_dir(i.template.join("registry")).unwrap();
                fs_err::write(i.template.join("registry/schema.json"), "y").unwrap();
            }),
            ("somebody's file in the registry's folder", &["file:registry/notes"], |i| {
                fs_err::create_dir(i.template.join("registry")).unwrap();
                fs_err::write(i.template.join("registry/notes"), "y").unwrap();
            }),
            ("a store", &[], |i| {
                let store = i.stores[0].folder().unwrap();
                fs_err::create_dir_all(store.join("debian-12/1.0")).unwrap();
                fs_err::write(store.join("debian-12/1.0/disk"), "y").unwrap();
            }),
            ("what a folder above the repository ignores", &[], |i| {
                let above = i.template.parent().unwrap().join(".gitignore");
                fs_err::write(above, "*.hcl\n").unwrap();
            }),
            ("what git ignores", &[], |i| {
                let text =
                    fs_err::read_to_string(i.template.join(".gitignore")).unwrap_or_default();
                assert_eq!(text, "*.log\n");
                fs_err::write(i.template.join("build.log"), "y").unwrap();
            }),
            ("a pipe, which has no content", &[], |i| {
                let pipe = i.template.join("console");
                let made = std::process::Command::new("mkfifo").arg(pipe).status().unwrap();
                assert!(made.success());
            }),
            ("the description", &[], |i| i.description = Some("new".into())),
            ("the gate", &[], |i| i.gate.ignore_unfixed = false),
        ];
        for (what, changed, change) in changes {
            let (_folder, mut image) = checkout();
            fs_err::write(image.template.join(".gitignore"), "*.log\n").unwrap();
            let before = define(&image);
            change(&mut image);
            let after = define(&image);
            assert_eq!(after.changed_since(&before.parts()), changed, "{what}");
            assert_eq!(before.digest != after.digest, !changed.is_empty(), "{what}");
        }
    }
}
