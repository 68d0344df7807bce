//! An entry of `images:`.

use camino::{Utf8Path, Utf8PathBuf};

use super::combinations::Combination;
use super::context::Context;
use super::document::LaterKey;
use super::field::Field;
use super::keys::Keys;
use super::layer::{self, Layer};
use super::placeholder::Scope;
use super::{env, os, parents, path, prepare, secret_vars, vars};
use crate::diagnostics::{Span, quoted};
use crate::model::{
    Arch, ChannelName, EvidencePolicy, Image, ImageName, Source, is_legacy_template,
};

/// Keys of an image that `defaults` does not have.
pub(super) const KEYS: [&str; 14] = [
    "description",
    "template",
    "workdir",
    "build",
    "os",
    "source",
    "arch",
    "prepare",
    "vars",
    "secret_vars",
    "var_files",
    "env",
    "matrix",
    "parents",
];
/// Keys of an image that `defaults` does not have and that come later.
pub(super) const LATER: [&str; 2] = ["before", "upstream"];

/// Keys of the top level.
const OTHERS: [&str; 3] = ["registry", "defaults", "images"];

/// How many bytes of a log are kept where nobody says it.
const MAX_LOG: u64 = 256 << 20;

const EXAMPLE: &str = "template: packer/debian";

const SOURCES: [(&str, Source); 4] = [
    ("cloud-image", Source::CloudImage),
    ("iso", Source::Iso),
    ("factory", Source::Factory),
    ("image", Source::Image),
];

/// An entry of `images:`, with the values of one combination of its matrix.
pub(super) struct Entry<'n> {
    /// Its position in the file.
    pub(super) position: u32,
    /// Its key, as a place.
    pub(super) key: Field<'n>,
    /// Its name.
    pub(super) name: String,
    /// Its value.
    pub(super) value: Field<'n>,
    /// The combination.
    pub(super) combination: Combination,
}

/// What an entry came to.
#[derive(Default)]
pub(super) struct Reading {
    /// The image. `None` if something is missing or wrong that every image needs.
    pub(super) image: Option<Image>,
    /// Its name: whatever else is wrong with it, there is an image of this name.
    pub(super) name: Option<ImageName>,
    /// Where each of its parents is named.
    pub(super) parents: Vec<Span>,
    /// Whether neither it nor `defaults` names a store.
    pub(super) homeless: bool,
    /// What this version cannot do.
    pub(super) later: Vec<LaterKey>,
    /// Whether anything is wrong with it.
    pub(super) failed: bool,
}

/// Checks the keys of an entry whose matrix is wrong: what its values would be is not known.
pub(super) fn check_keys(value: Field<'_>, context: &mut Context) {
    let within = format!("in image {}", quoted(value.key));
    if let Some(mut keys) = Keys::of(value, within, EXAMPLE, context) {
        keys.expect(&[&KEYS[..], &layer::KEYS, &["version"], &layer::LATER, &LATER].concat());
        keys.misplaced(&OTHERS, "at the top level", context);
        keys.finish(context);
    }
}

/// Reads an image.
pub(super) fn read(entry: &Entry<'_>, defaults: &Layer, context: &mut Context) -> Reading {
    let mut reading = Reading { name: name(entry.key, &entry.name, context), ..Reading::default() };
    context.failed = reading.name.is_none();
    reading.image = image(entry, defaults, &mut reading, context);
    reading.failed = context.failed;
    reading
}

fn image(
    entry: &Entry<'_>,
    defaults: &Layer,
    reading: &mut Reading,
    context: &mut Context,
) -> Option<Image> {
    let within = format!("in image {}", quoted(entry.value.key));
    let mut keys = Keys::of(entry.value, within, EXAMPLE, context)?.missing_at(entry.key.node.span);

    let description = keys.read("description", context, |field, context| {
        let text = field.text("text", "Debian 12 for our clusters", context)?;
        Some(text.trim().to_owned())
    });
    let help = "`template` names the Packer template: a folder or a `.pkr.hcl` file";
    let template = keys.required("template", help, context, template);
    let workdir = keys.read("workdir", context, |field, context| {
        let folder = context.folder.clone();
        path::read(field, &folder, "packer", context)
    });
    let beside = template.as_deref().map_or(Utf8Path::new(""), workdir_of);
    let workdir = workdir.unwrap_or_else(|| beside.to_owned());
    let legacy = template.as_deref().is_some_and(is_legacy_template);
    let build = keys.read("build", context, |field, context| {
        if legacy { legacy_build(field, context) } else { build(field, context) }
    });
    let help = r#"`os` names what the scan must find, for example `os: { family: debian, release: "12" }`"#;
    let os = keys.required("os", help, context, os::read);
    let help = "`source` is `cloud-image`, `iso`, `factory` or `image`";
    let source = keys.required("source", help, context, |field, context| {
        field.choice("a source", &SOURCES, context)
    });
    let arch = keys.read("arch", context, arch);
    let prepare =
        keys.read("prepare", context, |field, context| prepare::read(field, &workdir, context));
    let (parents, parent_places): (Vec<_>, Vec<_>) =
        keys.read("parents", context, parents::read).unwrap_or_default().into_iter().unzip();
    let env = keys.read("env", context, env::read).unwrap_or_default();
    let scope = Scope::new(&parents, &env);
    let vars = keys.read("vars", context, |f, c| vars::read(f, &scope, c)).unwrap_or_default();
    let secret_vars = keys
        .read("secret_vars", context, |f, c| secret_vars::read(f, &vars, c))
        .unwrap_or_default();
    let var_files = keys.read("var_files", context, var_files).unwrap_or_default();
    // Read before, or there would not be this image.
    keys.read("matrix", context, |_, _| Some(()));
    let layer = Layer::read(&mut keys, context).over(defaults);
    let later = keys.later(&LATER, context);
    keys.misplaced(&OTHERS, "at the top level", context);
    keys.finish(context);

    reading.homeless = layer.stores.is_none();
    let later = layer.later.into_iter().chain(later).filter_map(|(key, refusal)| {
        Some(LaterKey { entry: entry.position, key, refusal: refusal? })
    });
    reading.later = later.collect();
    reading.parents = parent_places;
    let (source, os) = (source?, os?);
    let (waivers, kev) = (layer.gate.waivers.clone(), layer.gate.kev.clone());
    let mut gate = layer.gate.resolve();
    gate.rules.hardening = layer.hardening.unwrap_or_default();
    Some(Image {
        name: reading.name.clone()?,
        entry: entry.position,
        line: context.line(entry.key.node.span),
        matrix: entry.combination.clone(),
        enabled: layer.enabled.unwrap_or(true),
        labels: layer.labels.unwrap_or_default(),
        runs_on: layer.runs_on.unwrap_or_default(),
        parents,
        description,
        template: template?,
        workdir,
        build,
        source,
        arch: arch.unwrap_or(Arch::Amd64),
        prepare,
        vars,
        secret_vars,
        var_files,
        env,
        resources: layer.resources.resolve(),
        tests: layer.tests.unwrap_or_default(),
        enforce: layer.enforce.unwrap_or_default(),
        max_log: layer.max_log.unwrap_or(MAX_LOG),
        timeout: layer.timeout.resolve(source, &os),
        version: layer.version.resolve(),
        rebuild: layer.rebuild.resolve(source, &os),
        evidence: layer.evidence.unwrap_or(EvidencePolicy::AUTO),
        waivers,
        kev,
        gate,
        checks: layer.checks.unwrap_or_default(),
        max_size: layer.max_size,
        stores: layer.stores.unwrap_or_default(),
        sign: layer.sign,
        retain: layer.retain.resolve(),
        channel: layer.channel.unwrap_or_else(ChannelName::candidate),
        promote: layer.promote.unwrap_or_default(),
        os,
    })
}

/// Files with Packer variables.
fn var_files(field: Field<'_>, context: &mut Context) -> Option<Vec<Utf8PathBuf>> {
    let folder = context.folder.clone();
    let example = "[packer/common.pkrvars.hcl]";
    let mut files = Vec::new();
    for entry in field.list("a list of files", example, context)? {
        let Some(path) = path::read(entry, &folder, example, context) else {
            continue;
        };
        let ends = [".pkrvars.hcl", ".pkrvars.json", ".hcl", ".json"];
        if ends.iter().any(|end| path.as_str().ends_with(end)) {
            files.push(path);
        } else {
            let message = format!("{} is no file with Packer variables", quoted(path.as_str()));
            context.push(entry.error("bad-path", message, "expected a `.pkrvars.hcl` file"));
        }
    }
    Some(files)
}

fn name(key: Field<'_>, text: &str, context: &mut Context) -> Option<ImageName> {
    if text.contains("${") {
        super::placeholder::refuse(key, text, context);
        return None;
    }
    if text == "rejected" {
        let message = "an image cannot be called `rejected`";
        let problem = key.error("reserved-name", message, "choose another name");
        context
            .push(problem.help("stores keep what did not pass the gate in a folder of that name"));
        return None;
    }
    key.parse_name(text, "an image", context)
}

fn template(field: Field<'_>, context: &mut Context) -> Option<Utf8PathBuf> {
    let folder = context.folder.clone();
    let template = path::read(field, &folder, "packer/debian", context)?;
    let text = template.as_str();
    let other = [".hcl", ".json", ".yml", ".yaml"];
    if !is_file(&template) && other.iter().any(|end| text.ends_with(end)) {
        let file = template.file_name().unwrap_or(text);
        let label = "expected a folder or a `.pkr.hcl` file";
        let message = format!("{} is not a Packer template", quoted(file));
        context.push(field.error("bad-path", message, label));
        return None;
    }
    Some(template)
}

/// Whether its name says that it is one file, and not a folder.
fn is_file(template: &Utf8Path) -> bool {
    let ends = [".pkr.hcl", ".pkr.json"];
    ends.iter().any(|end| template.as_str().ends_with(end)) || is_legacy_template(template)
}

/// Where `packer` runs if nothing else is said.
fn workdir_of(template: &Utf8Path) -> &Utf8Path {
    if is_file(template) { template.parent().unwrap_or(template) } else { template }
}

/// `type.name` or `block.type.name`.
fn build(field: Field<'_>, context: &mut Context) -> Option<String> {
    let text = field.text("the name of a Packer build", "qemu.debian", context)?;
    let parts: Vec<&str> = text.split('.').collect();
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let named = |part: &&str| !part.is_empty() && part.chars().all(inside);
    if !(2..=3).contains(&parts.len()) || !parts.iter().all(named) {
        let message = format!("{} is not the name of one Packer build", quoted(text));
        let label = "expected `type.name` or `block.type.name`, such as `qemu.debian`";
        context.push(field.error("bad-build", message, label));
        return None;
    }
    Some(text.to_owned())
}

/// A template in Packer's older language calls its builds as it likes; but `-only` takes patterns.
fn legacy_build(field: Field<'_>, context: &mut Context) -> Option<String> {
    let text = field.text("the name of a Packer build", "debian", context)?;
    if text.is_empty() || text.contains(['*', '?', '[', ']', '{', '}', '!', '\\', ',']) {
        let message = format!("{} is not the name of one Packer build", quoted(text));
        let label = "expected the `name` of a builder in the template, or else its `type`";
        context.push(field.error("bad-build", message, label));
        return None;
    }
    Some(text.to_owned())
}

fn arch(field: Field<'_>, context: &mut Context) -> Option<Arch> {
    let arches = [("amd64", Arch::Amd64), ("arm64", Arch::Arm64)];
    let text = field.text("an architecture", "amd64", context)?;
    let ours = match text.to_lowercase().as_str() {
        "x86_64" | "x86-64" | "x64" => "amd64",
        "aarch64" | "armv8" => "arm64",
        _ => return field.choice("an architecture", &arches, context),
    };
    let message = format!("{} is not an architecture", quoted(text));
    context.push(field.error("bad-choice", message, format!("it is called `{ours}` here")));
    None
}
