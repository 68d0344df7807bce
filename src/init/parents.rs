//! Which images are built upon which: one takes what another one makes.

use camino::{Utf8Path, Utf8PathBuf};

use super::discovery::Found;
use crate::model::{Os, Source};
use crate::template::{Build, Setting, Template};

/// Settings that name the machine that is made.
const NAMES: [&str; 2] = ["template_name", "vm_name"];
/// Settings that name a disk to start from.
const DISKS: [&str; 4] = ["iso_url", "iso_urls", "source_path", "backing_file"];
/// Settings that name a machine to start from.
const MACHINES: [&str; 2] = ["clone_vm", "clone_from_vmcx_path"];

/// Most values of a setting that are looked at.
const MAX_VALUES: usize = 4;

/// What an image makes and takes.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// The folder that its files go to, absolute.
    folder: Option<Utf8PathBuf>,
    /// What its machine is called.
    names: Vec<String>,
    /// The disks that it may start from, absolute, each with the variable that names it.
    disks: Vec<(Utf8PathBuf, Option<String>)>,
    /// The machines that it may start from.
    machines: Vec<String>,
}

/// Tells what `build` makes and takes when Packer runs in `workdir`.
pub(super) fn trace(build: &Build, template: &Template, workdir: &Utf8Path) -> Trace {
    let values = |name: &str| {
        let setting = build.setting(name);
        let values = setting.and_then(|setting| setting.values.as_deref()).unwrap_or_default();
        values.iter().take(MAX_VALUES).cloned().collect::<Vec<String>>()
    };
    let path = |text: &str| crate::config::resolve(workdir, text);
    let mut trace = Trace {
        folder: values("output_directory").first().map(|folder| path(folder)),
        names: NAMES.iter().flat_map(|name| values(name)).collect(),
        machines: MACHINES.iter().flat_map(|name| values(name)).collect(),
        disks: Vec::new(),
    };
    for setting in DISKS.iter().filter_map(|name| build.setting(name)) {
        for value in setting.values.iter().flatten().take(MAX_VALUES) {
            let value = value.strip_prefix("file://").unwrap_or(value);
            if !value.contains("://") {
                trace.disks.push((path(value), variable(setting, template)));
            }
        }
    }
    trace
}

/// The variable that a setting is nothing but.
fn variable(setting: &Setting, template: &Template) -> Option<String> {
    let file = template.problems.sources().get(setting.span.source)?;
    let text = file.text.get(setting.span.start..setting.span.end)?;
    let (_, value) = text.split_once('=')?;
    let name = value.trim().strip_prefix("var.")?;
    let inside = |character: char| character.is_ascii_alphanumeric() || "_-".contains(character);
    name.chars().all(inside).then(|| name.to_owned())
}

/// Writes the parents of `images` down. An image that could have several has none.
pub(super) fn connect(images: &mut [Found], traces: &[Trace]) {
    let mut parent_of: Vec<Option<usize>> = vec![None; images.len()];
    for (child, trace) in traces.iter().enumerate() {
        let others = || (0..traces.len()).filter(|other| *other != child);
        let made_by = |other: &usize| {
            let folder = traces[*other].folder.as_ref();
            let disk = trace.disks.iter().any(|(disk, _)| {
                folder.is_some_and(|folder| disk != folder && disk.starts_with(folder))
            });
            disk || trace.machines.iter().any(|name| traces[*other].names.contains(name))
        };
        let mut found = others().filter(made_by);
        if let (Some(parent), None) = (found.next(), found.next())
            && !leads_to(parent, child, &parent_of)
        {
            parent_of[child] = Some(parent);
        }
    }
    for (child, parent) in parent_of.iter().enumerate() {
        let Some(parent) = parent.map(|parent| images[parent].name.clone()) else {
            continue;
        };
        let inherited = os_of(child, &parent_of, images);
        let image = &mut images[child];
        image.source = Source::Image;
        image.os = image.os.take().or(inherited);
        let fact = if traces[child].disks.is_empty() { "vmid" } else { "path" };
        let placeholder = format!("${{parents.{parent}.{fact}}}");
        let disk = traces[child].disks.first().and_then(|(_, variable)| variable.clone());
        match disk {
            Some(variable) if !variable.starts_with("goldsmith_") => {
                image.vars.insert(variable, placeholder);
            }
            _ => image.notes.push(format!(
                "it starts from what {parent} makes: a variable has to take `{placeholder}`"
            )),
        }
        image.parents.push(parent);
    }
}

/// The operating system of the nearest image that `image` is built upon and that has one.
fn os_of(image: usize, parent_of: &[Option<usize>], images: &[Found]) -> Option<Os> {
    let mut at = parent_of[image];
    while let Some(here) = at {
        if let Some(os) = &images[here].os {
            return Some(os.clone());
        }
        at = parent_of[here];
    }
    None
}

/// Whether the parents of `image` lead to `other`.
fn leads_to(image: usize, other: usize, parent_of: &[Option<usize>]) -> bool {
    let mut at = Some(image);
    while let Some(here) = at {
        if here == other {
            return true;
        }
        at = parent_of[here];
    }
    false
}
