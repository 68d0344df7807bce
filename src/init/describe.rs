//! What a build says of the image that it makes.

use std::collections::HashSet;

use camino::Utf8Path;

use super::{names, os};
use crate::config;
use crate::diagnostics::Level;
use crate::model::{Arch, Os, Source};
use crate::template::{Build, ExprKind, Template, Variable};

/// Beginnings of the names of builders that leave their image with a cloud.
const CLOUDS: [&str; 21] = [
    "alicloud",
    "amazon",
    "azure",
    "cloudstack",
    "digitalocean",
    "exoscale",
    "googlecompute",
    "hcloud",
    "hyperone",
    "ibmcloud",
    "linode",
    "ncloud",
    "openstack",
    "oracle",
    "outscale",
    "scaleway",
    "tencentcloud",
    "triton",
    "ucloud",
    "vultr",
    "yandex",
];

/// Builders, the ones that goldsmith is best with first.
const PREFERRED: [&str; 4] = ["qemu", "proxmox-clone", "proxmox-iso", "proxmox"];

/// Settings that tell what an image is made of, or what it is called.
const TELLING: [&str; 19] = [
    "vm_name",
    "template_name",
    "iso_url",
    "iso_urls",
    "iso_file",
    "iso_path",
    "iso_paths",
    "boot_iso.iso_url",
    "boot_iso.iso_urls",
    "boot_iso.iso_file",
    "clone_vm",
    "template",
    "source_path",
    "image",
    "url",
    "iso_target_path",
    "guest_os_type",
    "output_directory",
    "template_description",
];

/// Variables that name a system, and variables that name its release: together they tell.
const SYSTEMS: [&str; 7] =
    ["os_name", "os_family", "os", "distro", "distribution", "vm_guest_os_name", "guest_os"];
const RELEASES: [&str; 7] = [
    "os_version",
    "os_release",
    "version",
    "release",
    "distro_version",
    "vm_guest_os_version",
    "guest_os_version",
];
/// Words in the names of variables whose values may tell the system.
const TELLING_WORDS: [&str; 8] =
    ["codename", "distro", "image", "iso", "name", "os", "release", "series"];

/// The name of the source in a build.
pub(super) fn local_name(build: &Build) -> &str {
    build.name.rsplit('.').next().unwrap_or(&build.name)
}

/// Whether a template is but a part of others: it builds from sources that it does not have.
pub(super) fn is_fragment(template: &Template) -> bool {
    let mut errors =
        template.problems.diagnostics().iter().filter(|problem| problem.level == Level::Error);
    template.sources.is_empty()
        && !template.builds.is_empty()
        && errors.all(|problem| problem.id == "unknown-source")
}

/// The first error of a template, in one line.
pub(super) fn error(template: &Template, root: &Utf8Path) -> Option<String> {
    let mut problems = template.problems.diagnostics().iter();
    let error = problems.find(|problem| problem.level == Level::Error)?;
    let Some(span) = error.place() else {
        return Some(error.message.clone());
    };
    let file = template.problems.sources().get(span.source)?;
    let path = file.path.strip_prefix(root).unwrap_or(&file.path);
    let line = file.position(span.start).line;
    let message = format!("{path}:{line}: {}", error.message);
    Some(match error.labels.iter().find(|label| !label.text.is_empty()) {
        Some(label) => format!("{message}: {}", label.text),
        None => message,
    })
}

/// Why the image of a build that wants this cannot be used.
pub(super) fn objection(build: &Build, wanted: &Wanted) -> Option<String> {
    if let Some(name) = wanted.impossible.first() {
        return Some(format!("nobody sets the template's variable {name}"));
    }
    let is_cloud = CLOUDS.iter().any(|cloud| build.kind.starts_with(cloud));
    is_cloud.then(|| {
        format!("{} leaves its image with a cloud: goldsmith cannot look inside", build.kind)
    })
}

/// The build to take for the variables called `name`: the one of that name, else the one whose builder
/// goldsmith is best with. And the names of the others.
pub(super) fn preferred<'b>(builds: &[&'b Build], name: &str) -> (&'b Build, Vec<&'b str>) {
    let rank = |build: &&&Build| {
        let local = local_name(build);
        let is_named = name.contains(local) || local.contains(name);
        let kind = PREFERRED.iter().position(|kind| build.kind == *kind);
        (!is_named, kind.unwrap_or(PREFERRED.len()))
    };
    let taken = builds.iter().min_by_key(rank).expect("somebody has builds to choose from");
    let others = builds.iter().filter(|build| build.name != taken.name);
    (taken, others.map(|build| build.name.as_str()).collect())
}

/// What tells the images of a template apart, if there are several: as little of each build's name as
/// does it.
pub(super) fn labels(builds: &[&Build]) -> Vec<Option<String>> {
    if builds.len() < 2 {
        return vec![None; builds.len()];
    }
    let local = |build: &Build| local_name(build).to_owned();
    let kind = |build: &Build| build.kind.clone();
    let both = |build: &Build| format!("{}-{}", local_name(build), build.kind);
    let all = |build: &Build| {
        let block = build.name.split('.').next().unwrap_or_default();
        format!("{block}-{}-{}", local_name(build), build.kind)
    };
    let is_only = |build: &Build, label: &dyn Fn(&Build) -> String| {
        builds.iter().filter(|other| label(other) == label(build)).count() == 1
    };
    let only_kinds =
        builds.iter().all(|build| names::is_generic(local_name(build)) && is_only(build, &kind));
    let ways: [&dyn Fn(&Build) -> String; 3] =
        [if only_kinds { &kind } else { &local }, &both, &all];
    let label = |build: &&Build| {
        let way = ways.iter().find(|way| is_only(build, *way));
        Some(way.map_or_else(|| build.name.clone(), |way| way(build)))
    };
    builds.iter().map(label).collect()
}

/// What the template contract asks for and the template does otherwise.
pub(super) fn contract(build: &Build, template: &Template) -> Option<String> {
    if build.kind != "qemu" {
        return None;
    }
    let Some(setting) = build.setting("output_directory") else {
        return Some(
            "the template sets no `output_directory`: see the template contract".to_owned(),
        );
    };
    let file = template.problems.sources().get(setting.span.source)?;
    let text = file.text.get(setting.span.start..setting.span.end)?;
    (!text.contains("goldsmith_output_dir")).then(|| {
        "the template sets `output_directory` itself: see the template contract".to_owned()
    })
}

/// What a template wants of the environment.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    /// Names of environment variables: those that defaults read, and those that give variables without
    /// a value one.
    pub(super) env: Vec<String>,
    /// Those of them that are secrets.
    pub(super) secrets: Vec<String>,
    /// Variables without a value.
    pub(super) unset: Vec<String>,
    /// Those of them that no environment variable can give one.
    pub(super) impossible: Vec<String>,
}

/// Tells what the template wants of the environment.
pub(super) fn wanted(template: &Template) -> Wanted {
    let mut wanted = Wanted::default();
    let bodies = template.files.iter().filter_map(|file| file.body.as_ref());
    for block in bodies.flat_map(|body| body.blocks_named("variable")) {
        let default = block.body.attribute("default").map(|default| &default.value.kind);
        if let Some(ExprKind::Call { function, arguments, .. }) = default
            && function == "env"
            && let Some(name) = arguments.first().and_then(|name| name.as_text())
            && config::may_pass(name)
        {
            wanted.env.push(name.to_owned());
            let variable = block.label(0).and_then(|name| variable(template, name));
            if variable.is_some_and(is_secret) || names_secret(name) {
                wanted.secrets.push(name.to_owned());
            }
        }
    }
    for variable in template.variables.iter().filter(|variable| lacks_value(variable)) {
        let name = format!("PKR_VAR_{}", variable.name);
        if !config::may_pass(&name) {
            wanted.impossible.push(variable.name.clone());
            continue;
        }
        if is_secret(variable) {
            wanted.secrets.push(name.clone());
        } else {
            wanted.unset.push(variable.name.clone());
        }
        wanted.env.push(name);
    }
    let mut known = HashSet::new();
    wanted.env.retain(|name| known.insert(name.clone()));
    wanted
}

fn variable<'t>(template: &'t Template, name: &str) -> Option<&'t Variable> {
    template.variables.iter().find(|variable| variable.name == name)
}

fn lacks_value(variable: &Variable) -> bool {
    let is_ours = variable.name.starts_with("goldsmith_");
    !is_ours && !variable.has_default && variable.set_by.is_none()
}

fn is_secret(variable: &Variable) -> bool {
    variable.sensitive || names_secret(&variable.name)
}

fn names_secret(name: &str) -> bool {
    let name = name.to_lowercase();
    let words = ["credential", "passwd", "password", "secret", "token"];
    words.iter().any(|word| name.contains(word))
}

/// Texts that may tell what an image is, the best first.
pub(super) struct Hints {
    texts: Vec<String>,
    /// How many of them are names that people gave.
    names: usize,
}

/// Collects them: the file with variables that makes it, its build, its place, what it is made of, and
/// its variables.
pub(super) fn hints(
    variant: Option<&Utf8Path>,
    place: &Utf8Path,
    build: &Build,
    template: &Template,
) -> Hints {
    let mut texts: Vec<String> = Vec::new();
    texts.extend(variant.map(|path| path.as_str().trim_end_matches(".pkrvars.hcl").to_owned()));
    let mut of_build: Vec<&str> = build.name.split('.').collect();
    of_build.reverse();
    // The builder between them tells nothing.
    texts
        .extend(of_build.iter().filter(|part| **part != build.kind).map(|part| (*part).to_owned()));
    texts.push(place.as_str().trim_end_matches(".pkr.hcl").to_owned());
    texts.extend(place.file_name().map(str::to_owned));
    // `ubuntu/ubuntu-24.04.pkr.hcl`: the folder alone tells less.
    let file = build
        .source
        .as_ref()
        .and_then(|source| template.problems.sources().get(source.span.source)?.path.file_name());
    texts.extend(file.map(|name| name.trim_end_matches(".pkr.hcl").to_owned()));
    let names = texts.len();
    for name in TELLING {
        let values = build.setting(name).and_then(|setting| setting.values.as_ref());
        texts.extend(values.into_iter().flatten().cloned());
    }
    let value = |name: &str| variable(template, name)?.value.as_deref();
    let first = |names: &[&str]| names.iter().find_map(|name| value(name)).unwrap_or_default();
    texts.push(format!("{} {}", first(&SYSTEMS), first(&RELEASES)));
    for variable in &template.variables {
        let words = variable.name.split(['_', '-']);
        if words.into_iter().any(|word| TELLING_WORDS.contains(&word)) {
            texts.extend(variable.value.clone());
        }
    }
    texts.retain(|text| text.len() < 1_000);
    Hints { texts, names }
}

impl Hints {
    /// The operating system, or why it cannot be told.
    pub(super) fn os(&self) -> Result<Os, String> {
        os::guess(&self.texts, self.names)
    }

    /// How the image comes about.
    pub(super) fn source(&self, build: &Build, os: Option<&Os>) -> Source {
        let is = |name: &str, value: &str| {
            let setting = build.setting(name).and_then(|setting| setting.values.as_deref());
            setting == Some(&[value.to_owned()])
        };
        let disk = |text: &String| {
            let path = text.split(['?', '#']).next().unwrap_or_default();
            [".qcow2", ".img", ".raw", ".raw.xz", ".img.xz"].iter().any(|end| path.ends_with(end))
        };
        let from = ["iso_url", "iso_urls", "boot_iso.iso_url"].iter();
        let from = from.filter_map(|name| build.setting(name)?.values.as_ref()).flatten();
        let from: Vec<&String> = from.collect();
        let factory = from.iter().any(|text| text.contains("factory.talos.dev"));
        if factory || os.is_some_and(|os| os.family == "talos") {
            Source::Factory
        } else if is("disk_image", "true")
            || build.kind.ends_with("-clone")
            || build.kind == "docker"
            || build.setting("clone_vm").is_some()
            || from.iter().any(|text| disk(text))
            || self.texts[..self.names.min(self.texts.len())].iter().any(|text| os::is_cloud(text))
        {
            Source::CloudImage
        } else {
            Source::Iso
        }
    }

    /// The architecture.
    pub(super) fn arch(&self) -> Arch {
        if self.texts.iter().any(|text| os::is_arm(text)) { Arch::Arm64 } else { Arch::Amd64 }
    }
}
