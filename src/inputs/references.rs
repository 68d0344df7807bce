//! The files that define an image beside its template: what the template refers to, wherever in the
//! repository it lies.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;

use super::DefinitionError;
use super::no_part::NoPart;
use super::place::root;
use super::prepare;
use super::search::{Search, Wanted};
use super::source_tree::FileSystem;
use crate::diagnostics::Span;
use crate::model::Image;
use crate::template::{self, Request, Target, Template};

/// Variables whose values only a run knows.
const OF_RUN: [&str; 5] = [
    "goldsmith_image",
    "goldsmith_output_dir",
    "goldsmith_scratch_name",
    "goldsmith_version",
    "goldsmith_vmid",
];

/// What a template refers to.
#[derive(Debug, Clone, Default)]
pub struct References {
    /// Files, absolute, each once and in order. What git would ignore is not among them, and neither
    /// is what lies outside of the repository.
    pub files: Vec<Utf8PathBuf>,
    /// What may be used and cannot be told: a change to it goes unnoticed.
    pub untracked: Vec<UntrackedFile>,
    /// What is named and does not exist, absolute: perhaps a step makes it.
    pub missing: Vec<Utf8PathBuf>,
    /// What is named and git would ignore, absolute.
    pub ignored: Vec<Utf8PathBuf>,
    /// Whether values of variables could tell more.
    pub(super) open: bool,
    /// Where the names in `wanted` start.
    pub(super) root: Utf8PathBuf,
    pub(super) wanted: Vec<Arc<Wanted>>,
}

impl References {
    /// Whether the template refers to `path`, which is absolute and need not be there any more.
    pub fn concern(&self, path: &Utf8Path) -> bool {
        let seen = path.strip_prefix(&self.root);
        seen.is_ok_and(|seen| self.wanted.iter().any(|wanted| wanted.has(seen)))
            || path.ancestors().any(|path| self.missing.iter().any(|missing| missing == path))
    }
}

/// Something that names files, and is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntrackedFile {
    /// The file in which it stands, absolute.
    pub path: Utf8PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub text: String,
    /// Why it is not followed: a clause for people.
    pub why: String,
}

impl UntrackedFile {
    /// A file as a whole.
    pub(super) fn whole(path: &Utf8Path) -> Self {
        Self { path: path.to_owned(), line: 1, text: String::new(), why: String::new() }
    }

    /// In one sentence, with the path as seen from `folder`.
    pub fn told(&self, folder: &Utf8Path) -> String {
        let path = self.path.strip_prefix(folder).unwrap_or(&self.path);
        match self.text.as_str() {
            "" => format!("{path}: {}", self.why),
            text => format!("{path}:{}: `{text}`: {}", self.line, self.why),
        }
    }

    pub(super) fn because(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), ..self }
    }
}

/// What the files of an image are looked for with.
pub(super) struct Surroundings<'a> {
    /// Where `images.yml` lies.
    pub(super) catalog: &'a Utf8Path,
    /// Links in the folder of the template.
    pub(super) links: Vec<Utf8PathBuf>,
    /// What lies about and is no part: what goldsmith writes, and what `prepare` creates.
    pub(super) no_part: NoPart,
}

/// Finds the files that define `image` beside the files of its template: those that it refers to,
/// the files with variables, and what links in the template's folder lead to. With `values`, the
/// image's variables have their values; without, nobody knows them.
///
/// Reads the template and walks the folders that it names: run it where blocking is allowed.
pub(super) fn references(
    image: &Image,
    values: bool,
    surroundings: Surroundings<'_>,
) -> Result<References, DefinitionError> {
    let template = read(image, values);
    let root = root(&template.folder, surroundings.catalog);
    let mut search = Search::below(root, surroundings.no_part)?;
    search.untracked_of(&template);
    let mut wanted = Wanted::default();
    for reference in &template.references {
        let named = |template: &Template| place(template, reference.span);
        match &reference.target {
            Target::Path(path) => search.want(path, None, &mut wanted, || named(&template)),
            Target::Pattern(pattern) => {
                search.want(&pattern.folder, Some(pattern), &mut wanted, || named(&template));
            }
        }
    }
    let mut of_prepare = prepare::named(image);
    // An interpreter lies elsewhere.
    of_prepare.retain(|path| path.starts_with(&search.root));
    for path in of_prepare.iter().chain(&image.var_files).chain(&surroundings.links) {
        search.want(path, None, &mut wanted, || UntrackedFile::whole(path));
    }
    search.collect(wanted)?;
    if image.prepare.is_none() {
        // Nothing here makes it, so that somebody who changes it may wonder.
        search.tell_ignored(&image.var_files);
    }
    Ok(search.finish())
}

/// The template of `image`, with what is known of its variables before a run.
pub(super) fn read(image: &Image, values: bool) -> Template {
    let mut vars: IndexMap<String, Option<String>> =
        OF_RUN.iter().map(|name| ((*name).to_owned(), None)).collect();
    let of_environment = image.env.iter().filter_map(|name| name.strip_prefix("PKR_VAR_"));
    vars.extend(of_environment.map(|name| (name.to_owned(), None)));
    vars.extend(image.secret_vars.keys().map(|name| (name.clone(), None)));
    for (name, text) in &image.vars {
        let known = values && text.placeholders().next().is_none();
        vars.insert(name.clone(), known.then(|| text.to_string()));
    }
    let request = Request {
        template: &image.template,
        workdir: &image.workdir,
        var_files: &image.var_files,
        vars: &vars,
    };
    template::read(&FileSystem, &request)
}

/// Where something stands.
pub(super) fn place(template: &Template, span: Span) -> UntrackedFile {
    let file = template.problems.sources().get(span.source);
    UntrackedFile {
        path: file.map(|file| file.path.clone()).unwrap_or_default(),
        line: file.map_or(1, |file| file.position(span.start).line),
        text: file
            .and_then(|file| file.text.get(span.start..span.end))
            .unwrap_or_default()
            .to_owned(),
        why: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::inputs::walk::walk;
    use crate::model::samples::image;
    use crate::model::{Address, Catalog, Prepare, StoreAddress};

    fn find(image: &Image, catalog: &Catalog) -> References {
        let created = image.prepare.as_ref().and_then(|prepare| prepare.creates.clone());
        let no_part = NoPart::of(catalog, None).and(created.as_deref());
        let is_part = {
            let no_part = no_part.clone();
            move |path: &Utf8Path| !no_part.has(path)
        };
        let all = walk(&image.template, is_part).map(Result::unwrap);
        let links = all.filter(|(_, kind)| kind.is_symlink()).map(|(path, _)| path).collect();
        let surroundings = Surroundings { catalog: &catalog.path, links, no_part };
        references(image, true, surroundings).unwrap()
    }

    const TEMPLATE: &str = r#"
        variable "goldsmith_version" { default = "0" }
        variable "script" {}
        locals {
          known = try(file("${path.root}/base/kernel"), "")
        }
        source "qemu" "debian" {
          http_directory = "../../shared/http"
          cd_files       = ["../../seed/*.yml", "made/disk.img"]
          http_content   = { for name in fileset(path.root, "../../tpl/*") : name => file(name) }
        }
        build {
          sources = ["qemu.debian"]
          provisioner "shell" {
            scripts = [var.script, "../../no/such.sh", "/etc/hostname", "${var.goldsmith_version}.sh"]
          }
        }
    "#;

    /// A repository with shared files, and the image that uses them.
    fn repository() -> (tempfile::TempDir, Image, Catalog) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap().to_owned();
        let write = |name: &str, text: &str| {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        };
        fs_err::create_dir(root.join(".git")).unwrap();
        write(".gitignore", "*.log\nbase/\n");
        write("packer/debian/debian.pkr.hcl", TEMPLATE);
        write("packer/debian/base/kernel", "made by prepare");
        write("packer/debian/made/disk.img", "what prepare creates");
        write("site.pkrvars.hcl", "script = \"../../bin/setup.sh\"\n");
        write("bin/setup.sh", "#!/bin/sh");
        write("bin/other.sh", "#!/bin/sh");
        write("shared/http/preseed.cfg", "");
        write("shared/http/deep/late.sh", "");
        write("shared/http/install.log", "");
        write("keys/admin.pub", "");
        write("seed/user.yml", "");
        write("seed/user.txt", "");
        write("tpl/a", "");
        write("common/versions.pkr.hcl", "");
        write("outside.txt", "");
        symlink("../../keys", root.join("shared/http/keys")).unwrap();
        symlink("../../common/versions.pkr.hcl", root.join("packer/debian/versions.pkr.hcl"))
            .unwrap();
        let mut image = image("debian-12");
        image.template = root.join("packer/debian");
        image.workdir = root.join("packer/debian");
        image.var_files = vec![root.join("site.pkrvars.hcl")];
        image.stores = vec![StoreAddress::Directory(root.join("store"))];
        image.prepare = Some(Prepare {
            run: "./prepare.sh".into(),
            creates: Some(root.join("packer/debian/made/disk.img")),
        });
        let catalog = Catalog {
            path: root.join("images.yml"),
            registry: Address::Directory(root.join("registry")),
            images: [(image.name.clone(), image.clone())].into(),
            retry_limit: 3,
            plugin_mirror: None,
        };
        (folder, image, catalog)
    }

    #[test]
    fn what_a_template_refers_to_is_found_and_what_is_no_part_is_left_out() {
        let (_folder, image, catalog) = repository();
        let root = catalog.path.parent().unwrap();
        let found = find(&image, &catalog);
        let shown = |paths: &[Utf8PathBuf]| {
            let paths = paths.iter().map(|path| path.strip_prefix(root).unwrap().to_string());
            paths.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(shown(&found.files), @"
        bin/setup.sh
        common/versions.pkr.hcl
        keys/admin.pub
        seed/user.yml
        shared/http/deep/late.sh
        shared/http/keys
        shared/http/preseed.cfg
        site.pkrvars.hcl
        tpl/a
        ");
        insta::assert_snapshot!(shown(&found.missing), @"no/such.sh");
        insta::assert_snapshot!(shown(&found.ignored), @"packer/debian/base/kernel");
        let untracked = found.untracked.iter().map(|it| {
            let path = it.path.strip_prefix(root).unwrap();
            format!("{path}:{}: {}: {}", it.line, it.text, it.why)
        });
        insta::assert_snapshot!(untracked.collect::<Vec<_>>().join("\n"), @r#"
        packer/debian/debian.pkr.hcl:15: "${var.goldsmith_version}.sh": `var.goldsmith_version` gets its value only in a run
        packer/debian/debian.pkr.hcl:15: "/etc/hostname": it lies outside of the repository
        "#);
    }

    /// What is found in a repository with these files and links, for the template in `packer`.
    fn find_in(files: &[(&str, &str)], links: &[(&str, &str)]) -> (References, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        fs_err::create_dir(root.join(".git")).unwrap();
        for (name, text) in files {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        for (name, target) in links {
            symlink(target, root.join(name)).unwrap();
        }
        let mut image = image("debian-12");
        image.template = root.join("packer");
        image.workdir = root.join("packer");
        let catalog = Catalog {
            path: root.join("images.yml"),
            registry: Address::Directory(root.join("registry")),
            images: [(image.name.clone(), image.clone())].into(),
            retry_limit: 3,
            plugin_mirror: None,
        };
        let found = find(&image, &catalog);
        let names = found.files.iter().map(|path| path.strip_prefix(root).unwrap().to_string());
        let names = names.collect();
        (found, names)
    }

    #[test]
    fn a_pattern_takes_folders_and_leads_through_links() {
        let template = r#"
            source "qemu" "a" {
              cd_files     = ["../cloud/*/user-data"]
              floppy_files = ["../driv*"]
            }
        "#;
        let (_, names) = find_in(
            &[
                ("packer/a.pkr.hcl", template),
                ("cloud/plain/user-data", ""),
                ("cloud/plain/meta-data", ""),
                ("shared/debian/user-data", ""),
                ("drivers/net/e1000.sys", ""),
                ("docs/driver", ""),
            ],
            &[("cloud/debian", "../shared/debian")],
        );
        insta::assert_snapshot!(names.join("\n"), @"
        cloud/debian
        cloud/plain/user-data
        drivers/net/e1000.sys
        shared/debian/user-data
        ");
    }

    #[test]
    fn what_git_ignores_is_told_unless_a_step_makes_it() {
        let template = "source \"qemu\" \"a\" {\n  http_directory = \"../made\"\n}\n";
        let files =
            [(".gitignore", "made/\n"), ("packer/a.pkr.hcl", template), ("made/user-data", "")];
        let (found, names) = find_in(&files, &[]);
        assert_eq!(names, [""; 0]);
        let told: Vec<_> = found.untracked.iter().map(|it| it.why.as_str()).collect();
        assert_eq!(told, ["git ignores it"]);
        // There `prepare` makes it.
        let (_folder, image, catalog) = repository();
        let found = find(&image, &catalog);
        assert!(!found.ignored.is_empty());
        assert!(found.untracked.iter().all(|it| it.why != "git ignores it"));
    }

    #[test]
    fn what_was_there_concerns_a_template_as_what_is() {
        let (_folder, image, catalog) = repository();
        let root = catalog.path.parent().unwrap();
        let found = find(&image, &catalog);
        let concern = |name: &str| found.concern(&root.join(name));
        for name in ["shared/http/preseed.cfg", "keys/gone.pub", "seed/gone.yml", "no/such.sh"] {
            assert!(concern(name), "{name}");
        }
        for name in ["shared/other", "seed/gone.txt", "images.yml", "bin/other.sh"] {
            assert!(!concern(name), "{name}");
        }
    }

    #[test]
    fn names_that_are_no_text_matter_only_where_somebody_looks() {
        use std::os::unix::ffi::OsStrExt as _;
        let (folder, image, catalog) = repository();
        let odd = std::ffi::OsStr::from_bytes(b"caf\xe9");
        fs_err::write(folder.path().join(odd), "").unwrap();
        assert!(!find(&image, &catalog).files.is_empty());
        fs_err::write(folder.path().join("shared/http").join(odd), "").unwrap();
        let surroundings = Surroundings {
            catalog: &catalog.path,
            links: Vec::new(),
            no_part: NoPart::of(&catalog, None),
        };
        let refused = references(&image, true, surroundings).unwrap_err();
        assert!(matches!(refused, DefinitionError::NotUtf8(_)), "{refused}");
    }

    #[test]
    fn a_checkout_behind_a_link_has_the_same_files() {
        let (folder, mut image, mut catalog) = repository();
        let root = catalog.path.parent().unwrap().to_owned();
        let elsewhere = tempfile::tempdir().unwrap();
        let link = Utf8Path::from_path(elsewhere.path()).unwrap().join("checkout");
        symlink(folder.path(), &link).unwrap();
        let direct = find(&image, &catalog);
        let moved = |path: &Utf8Path| link.join(path.strip_prefix(&root).unwrap());
        image.template = moved(&image.template);
        image.workdir = moved(&image.workdir);
        image.var_files = image.var_files.iter().map(|path| moved(path)).collect();
        image.prepare.as_mut().unwrap().creates = Some(link.join("packer/debian/made/disk.img"));
        catalog.path = moved(&catalog.path);
        let through = find(&image, &catalog);
        let expected: Vec<_> = direct.files.iter().map(|path| moved(path)).collect();
        assert_eq!(through.files, expected);
    }
}
