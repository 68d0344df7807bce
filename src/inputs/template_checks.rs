//! What `images.yml` says of a template, held against the template itself.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use camino::Utf8PathBuf;
use indexmap::IndexMap;

use super::edits::{cannot_ask, cannot_enforce};
use super::source_tree::FileSystem;
use crate::diagnostics::{Diagnostic, Kind, Places, closest, quoted};
use crate::model::{BuildAccess, Image, ImageName};
use crate::template::{self, Build, Request, RequiredPlugin, Template, Variable, Yield};

/// How many problems of a template are told.
const TOLD: usize = 5;

/// All kinds of problems that an image can have with its template.
pub const PROBLEMS: &[Kind] = &[
    Kind {
        id: "bad-template",
        meaning: "The template of an image has errors. They are only a warning here, since Packer has the last word; a build will most likely fail over them.",
    },
    Kind {
        id: "cannot-ask-guest",
        meaning: "`evidence: guest` has a provisioner of its own run in the guest at the end, which is added to a copy of the template. That is not possible with every template, for the reasons for which nothing can be enforced in it.",
    },
    Kind {
        id: "cannot-enforce",
        meaning: "The scripts of `enforce` run in the guest, as provisioners that are added to a copy of the template. That is not possible with every template: some have no guest, or no way into it; others are HCL written as JSON, or only Packer can tell their builds.",
    },
    Kind {
        id: "legacy-secret",
        meaning: "`secret_vars` go through the environment, so that nobody sees them. A template in Packer's older language takes no variables from there.",
    },
    Kind {
        id: "legacy-template",
        meaning: "The template is written in Packer's older language: JSON with `builders`. goldsmith builds it, but Packer does not develop that language any further: plugins cannot be required in it, and errors have no place. `packer hcl2_upgrade` translates it.",
    },
    Kind {
        id: "overruled-secret",
        meaning: "`secret_vars` sets a variable that a file with variables sets too. `secret_vars` go through the environment, and for Packer a file counts more.",
    },
    Kind {
        id: "several-builds",
        meaning: "The template has several builds, and the image does not say which of them it is. `build` names one, as Packer's `-only` does.",
    },
    Kind {
        id: "undeclared-variable",
        meaning: "An image sets a variable that its template does not declare. Packer would refuse to build.",
    },
    Kind {
        id: "unknown-build",
        meaning: "The template has no build of the name that the image gives.",
    },
    Kind {
        id: "unset-variable",
        meaning: "The template declares a variable without a default, and nobody sets it: not `vars`, not a file with variables, not the environment. Packer would refuse to build.",
    },
];

/// What decides how a template reads, but for the values of variables.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Reading {
    template: Utf8PathBuf,
    workdir: Utf8PathBuf,
    var_files: Vec<Utf8PathBuf>,
}

impl Reading {
    pub(super) fn of(image: &Image) -> Self {
        Self {
            template: image.template.clone(),
            workdir: image.workdir.clone(),
            var_files: image.var_files.clone(),
        }
    }

    /// Reads the template.
    pub(super) fn read(&self) -> Template {
        let request = Request {
            template: &self.template,
            workdir: &self.workdir,
            var_files: &self.var_files,
            vars: &IndexMap::new(),
        };
        template::read(&FileSystem, &request)
    }
}

/// The variables that the template of `image` declares as sensitive, with their values as far as
/// files and keys of the image tell. Blocks.
pub fn sensitive(image: &Image) -> IndexMap<String, Option<String>> {
    let mut template = Reading::of(image).read();
    template.variables.retain(|variable| variable.sensitive);
    let of_image = |name: &str| image.vars.get(name).map(ToString::to_string);
    let value = |variable: &Variable| of_image(&variable.name).or_else(|| variable.value.clone());
    template.variables.iter().map(|variable| (variable.name.clone(), value(variable))).collect()
}

/// Who logs in to build `image`: the `ssh_username` of its build, if its template tells. Blocks.
pub fn builder(image: &Image) -> Option<String> {
    let template = super::references::read(image, true);
    let values = build_of(image, &template)?.setting("ssh_username")?.values.as_ref()?;
    values.first().cloned()
}

/// How the template of `image` gets into the guest, as far as it tells. Blocks.
pub fn access(image: &Image) -> BuildAccess {
    let template = super::references::read(image, true);
    let build = build_of(image, &template);
    let told = |names: [&str; 2]| {
        let settings = names.into_iter().filter_map(|name| build?.setting(name)?.values.as_ref());
        settings.flatten().filter(|value| !value.is_empty()).cloned().collect()
    };
    BuildAccess {
        users: told(["ssh_username", "winrm_username"]),
        passwords: told(["ssh_password", "winrm_password"]),
    }
}

/// The type of the builder of `image`: `qemu`, if its template tells. Blocks.
pub fn builder_type(image: &Image) -> Option<String> {
    let template = super::references::read(image, true);
    Some(build_of(image, &template)?.kind.clone())
}

/// The build that is the image.
fn build_of<'t>(image: &Image, template: &'t Template) -> Option<&'t Build> {
    let mut builds = template.builds.iter();
    match &image.build {
        Some(name) => builds.find(|build| build.name == *name),
        None => builds.find(|build| build.yields == Yield::Image),
    }
}

/// The files that the template of `image` has Packer write about its builds, absolute; and the folder
/// of the template. Blocks.
pub fn manifests(image: &Image) -> (Vec<Utf8PathBuf>, Utf8PathBuf) {
    let template = super::references::read(image, true);
    (template.manifests, template.folder)
}

/// The plugins that the templates of `images` require, by image. Blocks.
pub fn required_plugins<'a>(
    images: impl IntoIterator<Item = &'a Image>,
) -> BTreeMap<ImageName, Vec<RequiredPlugin>> {
    let mut read: HashMap<Reading, Vec<RequiredPlugin>> = HashMap::new();
    let required = images.into_iter().map(|image| {
        let required = match read.entry(Reading::of(image)) {
            Entry::Occupied(known) => known.get().clone(),
            Entry::Vacant(new) => {
                let required = new.key().read().required_plugins;
                new.insert(required).clone()
            }
        };
        (image.name.clone(), required)
    });
    required.collect()
}

/// The problems of `image` with its `template`.
pub(super) fn problems(image: &Image, template: &Template, places: &Places) -> Vec<Diagnostic> {
    if template.problems.has_errors() {
        return vec![broken(template, places)];
    }
    let inside = enforce(image, template, places).into_iter().chain(ask(image, template, places));
    if !template.not_read.is_empty() {
        // Packer reads JSON too, so what is missing here may be there.
        return inside.collect();
    }
    let mut problems = inside.collect::<Vec<_>>();
    if template.is_legacy() {
        problems.extend(legacy(image, places));
    }
    problems.extend(build(image, template, places));
    problems.extend(undeclared(image, template, places));
    problems.extend(unset(image, template, places));
    problems.extend(overruled(image, template, places));
    problems
}

fn legacy(image: &Image, places: &Places) -> Vec<Diagnostic> {
    let file = image.template.file_name().unwrap_or_default();
    let message = format!("{} is written in Packer's older language", quoted(file));
    let problem = Diagnostic::warning("legacy-template", message).at(places.of("template"), "");
    let mut problems = vec![problem.help(format!("`packer hcl2_upgrade {file}` translates it"))];
    if let Some((name, variable)) = image.secret_vars.first() {
        let message =
            "`secret_vars`: the template takes no variables from the environment".to_owned();
        let problem = Diagnostic::error("legacy-secret", message);
        let problem = problem.at(places.of(&format!("secret_vars.{name}")), "it would not be set");
        problems.push(problem.help(format!(
            "list `{variable}` under `env`, and have the template say `\"{name}\": \"{{{{env `{variable}`}}}}\"` under its `variables`"
        )));
    }
    problems
}

fn enforce(image: &Image, template: &Template, places: &Places) -> Option<Diagnostic> {
    let why = cannot_enforce(image, template)?;
    let message = format!("`enforce`: the scripts cannot run: {why}");
    let problem = Diagnostic::error("cannot-enforce", message);
    Some(problem.at(places.of("enforce"), "").help("`enforce: []` of the image builds it without"))
}

fn ask(image: &Image, template: &Template, places: &Places) -> Option<Diagnostic> {
    let why = cannot_ask(image, template)?;
    let message = format!("`evidence`: the guest cannot be asked: {why}");
    let problem = Diagnostic::error("cannot-ask-guest", message);
    let help = "choose another strategy, such as `evidence: disk`";
    Some(problem.at(places.of("evidence"), "").help(help))
}

fn broken(template: &Template, places: &Places) -> Diagnostic {
    let message = "the template has errors".to_owned();
    let problem = Diagnostic::warning("bad-template", message).at(places.of("template"), "");
    let found = template.problems.diagnostics().iter().take(TOLD);
    found.fold(problem, |problem, found| {
        let place = found.place().and_then(|span| {
            let file = template.problems.sources().get(span.source)?;
            let position = file.position(span.start);
            let name = file.path.strip_prefix(&template.folder).unwrap_or(&file.path);
            Some(format!("{name}:{}:{}: ", position.line, position.column))
        });
        problem.help(format!("{}{}", place.unwrap_or_default(), found.message))
    })
}

fn build(image: &Image, template: &Template, places: &Places) -> Option<Diagnostic> {
    let names: Vec<&str> = template.builds.iter().map(|build| build.name.as_str()).collect();
    let listed = || match names.as_slice() {
        [] => "the template builds nothing: Packer would refuse".to_owned(),
        names => format!("the template has: `{}`", names.join("`, `")),
    };
    if !template.open_builds.is_empty() {
        return None;
    }
    let Some(wanted) = &image.build else {
        let message = "the template has several builds".to_owned();
        let problem = Diagnostic::error("several-builds", message)
            .at(places.of("template"), "which of them is the image?")
            .help("say so with `build`")
            .help(listed());
        return (names.len() > 1).then_some(problem);
    };
    if names.contains(&wanted.as_str()) {
        return None;
    }
    let message = format!("`build`: the template has no build {}", quoted(wanted));
    let label = closest(wanted, names.iter().copied())
        .map_or_else(String::new, |meant| format!("did you mean `{meant}`?"));
    let problem = Diagnostic::error("unknown-build", message);
    Some(problem.at(places.of("build"), label).help(listed()))
}

fn undeclared<'a>(
    image: &'a Image,
    template: &'a Template,
    places: &'a Places,
) -> impl Iterator<Item = Diagnostic> + 'a {
    let declared = |name: &str| template.variables.iter().any(|variable| variable.name == name);
    let vars = image.vars.keys().map(|name| ("vars", name));
    let set = vars.chain(image.secret_vars.keys().map(|name| ("secret_vars", name)));
    set.filter(move |(_, name)| !declared(name)).map(|(key, name)| {
        let message = format!("`{key}`: the template declares no variable {}", quoted(name));
        let known = template.variables.iter().map(|variable| variable.name.as_str());
        let label = closest(name, known).map_or_else(
            || "nobody reads this".to_owned(),
            |meant| format!("did you mean `{meant}`?"),
        );
        let place = places.of(&format!("{key}.{name}"));
        Diagnostic::error("undeclared-variable", message).at(place, label)
    })
}

/// What `secret_vars` sets in vain: Packer takes variables from the environment, then from files.
fn overruled<'a>(
    image: &'a Image,
    template: &'a Template,
    places: &'a Places,
) -> impl Iterator<Item = Diagnostic> + 'a {
    let secret = |name: &str| image.secret_vars.contains_key(name);
    let variables = template.variables.iter().filter(move |variable| secret(&variable.name));
    variables.filter_map(|variable| {
        let file = variable.set_by.as_ref()?;
        let file = file.strip_prefix(&template.folder).unwrap_or(file);
        let name = &variable.name;
        let message = format!("`secret_vars`: {} is set by a file too", quoted(name));
        let label = format!("Packer takes it from {}", quoted(file.as_str()));
        let place = places.of(&format!("secret_vars.{name}"));
        Some(Diagnostic::error("overruled-secret", message).at(place, label))
    })
}

fn unset(image: &Image, template: &Template, places: &Places) -> Option<Diagnostic> {
    let by_environment = |name: &str| {
        !template.is_legacy()
            && image.env.iter().any(|env| env.strip_prefix("PKR_VAR_") == Some(name))
    };
    let missing: Vec<String> = template
        .variables
        .iter()
        .filter(|variable| !variable.has_default && variable.set_by.is_none())
        .filter(|variable| !variable.name.starts_with("goldsmith_"))
        .filter(|variable| !image.vars.contains_key(&variable.name))
        .filter(|variable| !image.secret_vars.contains_key(&variable.name))
        .filter(|variable| !by_environment(&variable.name))
        .map(|variable| quoted(&variable.name))
        .collect();
    if missing.is_empty() {
        return None;
    }
    let message = format!("nobody sets the template's {}", missing.join(", "));
    let problem = Diagnostic::error("unset-variable", message);
    Some(
        problem
            .at(places.of("vars"), "the template has no default for it")
            .help("set it under `vars`, in a file of `var_files`, or give it a default; if it is secret, under `secret_vars`"),
    )
}
