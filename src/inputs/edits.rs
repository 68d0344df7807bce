//! What builds change in copies of templates: found out before a run for people to know, and in a
//! run to be done.

use std::collections::{BTreeSet, HashSet};

use camino::{Utf8Path, Utf8PathBuf};
use indexmap::IndexMap;

use super::source_tree::FileSystem;
use crate::model::{Image, Placeholder, Strategy, Text};
use crate::template::{self, Chosen, Collect, Edits, NoEdits, Request, Template, Wishes};

/// What has to be changed in the template of `image` for a build of this `version`, and the template.
/// `values` are those of the image's variables, as far as they are known. Blocks.
pub fn edits(
    image: &Image,
    version: &str,
    chosen: Chosen<'_>,
    values: IndexMap<String, Option<String>>,
    collect: Option<Collect<'_>>,
) -> (Template, Result<Edits, NoEdits>) {
    let of_environment = image.env.iter().filter_map(|name| name.strip_prefix("PKR_VAR_"));
    let hidden = of_environment.chain(image.secret_vars.keys().map(String::as_str));
    let mut vars: IndexMap<String, Option<String>> =
        hidden.map(|name| (name.to_owned(), None)).collect();
    let given = [
        ("goldsmith_image", image.name.as_str()),
        ("goldsmith_version", version),
        ("goldsmith_scratch_name", chosen.scratch_name),
        ("goldsmith_output_dir", chosen.output_directory.as_str()),
    ];
    vars.extend(given.map(|(name, value)| (name.to_owned(), Some(value.to_owned()))));
    vars.extend(values);
    let template = template::read(
        &FileSystem,
        &Request {
            template: &image.template,
            workdir: &image.workdir,
            var_files: &image.var_files,
            vars: &vars,
        },
    );
    let carriers = image.vars.iter().filter(|(_, text)| text.placeholders().any(is_chosen));
    let carriers: Vec<&str> = carriers.map(|(name, _)| name.as_str()).collect();
    let edits = template.edits(&Wishes {
        build: image.build.as_deref(),
        image: image.name.as_str(),
        version,
        windows: image.os.family == "windows",
        workdir: &image.workdir,
        chosen,
        carriers: &carriers,
        scripts: &image.enforce,
        collect,
    });
    (template, edits)
}

/// Whether a placeholder stands for something by which builds do not get into each other's way.
fn is_chosen(placeholder: &Placeholder) -> bool {
    matches!(placeholder, Placeholder::ScratchName | Placeholder::OutputDir | Placeholder::Vmid)
}

/// Stands in for what only a run knows.
fn stand_ins() -> Chosen<'static> {
    Chosen {
        scratch_name: "goldsmith-scratch-name",
        output_directory: Utf8Path::new("/nonexistent/goldsmith-output"),
        vmid: None,
    }
}

/// What builds will change, a sentence each.
#[derive(Default)]
pub struct EditNotes {
    told: BTreeSet<String>,
    /// What was looked at already: images of one matrix mostly differ in nothing that counts here.
    seen: HashSet<Seen>,
}

#[derive(PartialEq, Eq, Hash)]
struct Seen {
    template: Utf8PathBuf,
    workdir: Utf8PathBuf,
    build: Option<String>,
    var_files: Vec<Utf8PathBuf>,
    enforce: Vec<Utf8PathBuf>,
    values: Vec<(String, Option<String>)>,
}

impl EditNotes {
    /// Notes what a build of `image` changes. Paths are told as seen from `folder`. Blocks.
    pub fn add(&mut self, image: &Image, folder: &Utf8Path) {
        let values = image.vars.iter().map(|(name, text)| (name.clone(), stand_in(text)));
        let values: Vec<_> = values.collect();
        let seen = Seen {
            template: image.template.clone(),
            workdir: image.workdir.clone(),
            build: image.build.clone(),
            var_files: image.var_files.clone(),
            enforce: image.enforce.clone(),
            values: values.clone(),
        };
        if !self.seen.insert(seen) {
            return;
        }
        let (template, edits) = edits(image, "0", stand_ins(), values.into_iter().collect(), None);
        let shown = |path: &Utf8Path| path.strip_prefix(folder).unwrap_or(path).to_string();
        let whole = match shown(&image.template).as_str() {
            "" => ".".to_owned(),
            shown => shown.to_owned(),
        };
        let edits = match edits {
            Ok(edits) => edits,
            // Of what cannot be read, others say more.
            Err(NoEdits::NotRead) => return,
            Err(NoEdits::NoBuild) if template.open_builds.is_empty() => return,
            Err(why) => {
                self.told.insert(format!("{whole}: nothing: {why}"));
                return;
            }
        };
        let build = &edits.build;
        for overridden in &edits.overrides {
            let attribute = overridden.attribute;
            let place = overridden.place.and_then(|span| {
                let file = template.problems.sources().get(span.source)?;
                Some(format!("{}:{}", shown(&file.path), file.position(span.start).line))
            });
            self.told.insert(match place {
                Some(place) => format!("{place}: `{attribute}` of `{build}` is overridden"),
                None => format!("{whole}: `{attribute}` of `{build}` is added"),
            });
        }
        for script in &image.enforce {
            let script = shown(script);
            self.told.insert(format!("{whole}: `{script}` runs at the end of `{build}`"));
        }
    }

    /// All of it, sorted.
    pub fn told(self) -> Vec<String> {
        self.told.into_iter().collect()
    }
}

/// What a text is where only a chosen name is filled in; else nobody knows yet, and it is not needed.
fn stand_in(text: &Text) -> Option<String> {
    text.placeholders().next()?;
    text.fill(|placeholder| match placeholder {
        Placeholder::ScratchName => Ok(stand_ins().scratch_name.to_owned()),
        Placeholder::OutputDir => Ok(stand_ins().output_directory.to_string()),
        _ => Err(()),
    })
    .ok()
}

/// Whether what an image enforces cannot be added to its `template`, and why. Of a template that
/// cannot be read others say more.
pub(super) fn cannot_enforce(image: &Image, template: &Template) -> Option<NoEdits> {
    if image.enforce.is_empty() {
        return None;
    }
    cannot_run_inside(image, template, None)
}

/// Whether the guest of an image cannot be asked although `evidence` says so, and why.
pub(super) fn cannot_ask(image: &Image, template: &Template) -> Option<NoEdits> {
    if image.evidence.from != Strategy::Guest {
        return None;
    }
    let stand_in = Utf8Path::new("/nonexistent/goldsmith-guest");
    let collect = Collect { script: stand_in, made: "/tmp/goldsmith", download: stand_in };
    cannot_run_inside(image, template, Some(collect))
}

fn cannot_run_inside(
    image: &Image,
    template: &Template,
    collect: Option<Collect<'_>>,
) -> Option<NoEdits> {
    let wishes = Wishes {
        build: image.build.as_deref(),
        image: image.name.as_str(),
        version: "0",
        windows: false,
        workdir: &image.workdir,
        chosen: stand_ins(),
        carriers: &[],
        scripts: &image.enforce,
        collect,
    };
    template.edits(&wishes).err().filter(|why| *why != NoEdits::NotRead)
}
