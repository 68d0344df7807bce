//! What Packer says of the templates: whether they are valid, and in its form.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indexmap::IndexMap;
use secrecy::SecretString;

use crate::commands::session::Session;
use crate::diagnostics::{Diagnostic, Places, Problems, SourceId};
use crate::model::{Catalog, Failure, FailureClass, Image, NoteLevel, ParentFact, Placeholder};
use crate::packer::{self, BuildRequest, Packer, ProbeError, Unformatted, Validated};
use crate::process::{Cancellation, ProcessError, Redaction};
use crate::report::quantity::count;
use crate::run::{self, ToCheck, known_secrets};

/// How many different requests Packer is asked to validate: each costs a fifth of a second.
const MOST: usize = 200;
/// How long one may take: data sources are not looked at, so nothing has to be waited for.
const TIMEOUT: Duration = Duration::from_mins(2);
/// How many changes of form are told of one file.
const CHANGES: usize = 3;
/// What stands for a value that only a run knows.
const STAND_IN: &str = "goldsmith-lint";

/// Adds what Packer says of the templates of `images`, if there is a Packer.
pub(super) async fn check(
    session: &Session,
    catalog: &Catalog,
    images: &[&Image],
    places: &[Places],
    problems: &mut Problems,
) -> Result<(), Failure> {
    if images.is_empty() {
        return Ok(());
    }
    let Session { environment, launcher, cancellation, .. } = session;
    let tool = match packer::probe(environment, launcher, cancellation).await {
        Ok(tool) => tool,
        Err(ProbeError::Process(error @ ProcessError::Cancelled { .. })) => {
            return Err(error.failure(FailureClass::ToolMissing));
        }
        Err(error) => {
            let text = format!("the templates are not checked by Packer: {error}");
            session.events.note(None, NoteLevel::Warning, text);
            return Ok(());
        }
    };
    let packer = Packer::new(tool, launcher.clone(), Arc::new(environment.clone()));
    // What it says has its place in the template itself.
    problems.forget("bad-template");
    let mut files = Files::default();
    let failed = |error: ProcessError| error.failure(FailureClass::ToolMissing);
    validate(session, &packer, (catalog, images), places, &mut files, problems).await?;
    format(session, &packer, images, &mut files, problems).await.map_err(failed)
}

/// How many Packers run side by side.
fn side_by_side() -> usize {
    available_parallelism().map_or(1, std::num::NonZero::get)
}

async fn validate(
    session: &Session,
    packer: &Packer,
    (catalog, images): (&Catalog, &[&Image]),
    places: &[Places],
    files: &mut Files,
    problems: &mut Problems,
) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    let requests = images.iter().map(|image| (*image, request(session, image)));
    let mut requests: Vec<_> = requests
        .filter(|(image, request)| seen.insert((request.asked(), &image.enforce)))
        .collect();
    if requests.len() > MOST {
        let text = format!(
            "Packer validates {MOST} of {} templates with different values",
            requests.len()
        );
        session.events.note(None, NoteLevel::Warning, text);
        requests.truncate(MOST);
    }
    for (image, request) in &mut requests {
        // What `env` lists is passed on, and Packer quotes values that it refuses.
        request.redaction = known_secrets(image, &session.environment);
    }
    let cancellation = &session.cancellation;
    let ask = |(image, request)| look(packer, catalog, image, request, cancellation);
    let answers: Vec<_> =
        stream::iter(requests).map(ask).buffered(side_by_side()).try_collect().await?;
    for (entry, request, objection, validated) in answers {
        let template = places.get(entry as usize).map(|places| places.of("template"));
        let push = |diagnostic: Diagnostic, span, problems: &mut Problems| {
            problems.push(match span {
                Some(span) => diagnostic.at(span, ""),
                None => diagnostic,
            });
        };
        if let Some(objection) = objection {
            push(Diagnostic::warning("not-edited", objection), template, problems);
        }
        match validated {
            Validated::Found(found) => {
                for problem in &found {
                    let file = problem.place.as_ref();
                    let file = file.map(|(name, _)| request.workdir.join(name));
                    let span = file.and_then(|file| {
                        let source = files.source(&file, problems)?;
                        problem.span(source, problems.sources().get(source)?)
                    });
                    push(problem.diagnostic(), span.or(template), problems);
                }
            }
            Validated::PluginMissing(plugins) => {
                let message =
                    format!("the template is not validated: Packer lacks {}", plugins.join(", "));
                let named = request.template.strip_prefix(&session.directory);
                let named = named.unwrap_or(&request.template);
                let help = format!("run `packer init {named}`");
                let diagnostic = Diagnostic::warning("not-validated", message).help(help);
                push(diagnostic, template, problems);
            }
            Validated::Refused(words) => {
                let message = format!("the template is not validated: {words}");
                push(Diagnostic::warning("not-validated", message), template, problems);
            }
        }
    }
    Ok(())
}

/// What Packer says of what `request` is going to be built from; and why that is not looked at, if so.
async fn look(
    packer: &Packer,
    catalog: &Catalog,
    image: &Image,
    mut request: BuildRequest,
    cancellation: &Cancellation,
) -> Result<(u32, BuildRequest, Option<String>, Validated), Failure> {
    let looked_at = run::copy_to_check(catalog, image, &mut request, cancellation).await?;
    let validated = packer.validate(&request, cancellation).await;
    let validated = validated.map_err(|error| error.failure(FailureClass::ToolMissing))?;
    let objection = match looked_at {
        ToCheck::Template | ToCheck::Copy(_) => None,
        ToCheck::NotEdited(why) => Some(format!("builds change nothing in the template: {why}")),
        ToCheck::NoCopy(error) => Some(format!(
            "the template is not validated as it is built: no copy of it can be made: {error}"
        )),
    };
    Ok((image.entry, request, objection, validated))
}

async fn format(
    session: &Session,
    packer: &Packer,
    images: &[&Image],
    files: &mut Files,
    problems: &mut Problems,
) -> Result<(), ProcessError> {
    let folders: HashSet<&Utf8Path> =
        images.iter().map(|image| image.template.as_path()).filter(|path| path.is_dir()).collect();
    let named = images.iter().flat_map(|image| {
        let template = Some(&image.template).filter(|template| template.extension() == Some("hcl"));
        let var_files = image.var_files.iter();
        template.into_iter().chain(var_files.filter(|file| file.as_str().ends_with(".pkrvars.hcl")))
    });
    // Those in a template's folder are looked at with it.
    let inside = |file: &&Utf8Path| file.parent().is_some_and(|parent| folders.contains(parent));
    let alone: HashSet<&Utf8Path> =
        named.map(Utf8PathBuf::as_path).filter(|file| !inside(file)).collect();
    let mut paths: Vec<&Utf8Path> = folders.iter().copied().chain(alone).collect();
    paths.sort_unstable();
    let ask = |path| packer.unformatted(path, &session.cancellation);
    let answers: Vec<Vec<Unformatted>> =
        stream::iter(paths).map(ask).buffered(side_by_side()).try_collect().await?;
    let mut all: HashMap<&str, usize> = HashMap::new();
    for change in answers.iter().flatten() {
        *all.entry(&change.file).or_default() += 1;
    }
    let mut told: HashMap<&str, usize> = HashMap::new();
    for change in answers.iter().flatten() {
        let told = told.entry(&change.file).or_default();
        *told += 1;
        if *told > CHANGES {
            continue;
        }
        let more = all[change.file.as_str()].saturating_sub(CHANGES);
        let Some(source) = files.source(Utf8Path::new(&change.file), problems) else {
            continue;
        };
        let place = problems.sources().get(source).and_then(|file| change.span(source, file));
        if let Some((span, label)) = place {
            let diagnostic = change.diagnostic().at(span, label);
            problems.push(if *told == CHANGES && more > 0 {
                diagnostic
                    .help(format!("so it does at {} of this file", count(more, "other place")))
            } else {
                diagnostic
            });
        }
    }
    Ok(())
}

/// The files that problems are in, each read once.
#[derive(Default)]
struct Files(HashMap<Utf8PathBuf, Option<SourceId>>);

impl Files {
    fn source(&mut self, path: &Utf8Path, problems: &mut Problems) -> Option<SourceId> {
        *self.0.entry(path.to_owned()).or_insert_with(|| {
            let bytes = fs_err::read(path).ok()?;
            let text = String::from_utf8_lossy(&bytes);
            Some(problems.add_source(path, text.trim_start_matches('\u{feff}')))
        })
    }
}

/// What Packer would be asked to build, with stand-ins for what only a run knows, and for secrets:
/// whoever checks a change need not have them.
fn request(session: &Session, image: &Image) -> BuildRequest {
    let version = image.version.base.to_string() + ".20000101";
    let nowhere = Utf8Path::new("/nonexistent/goldsmith-lint");
    let stand_in = |placeholder: &Placeholder| -> Result<String, std::convert::Infallible> {
        Ok(match placeholder {
            Placeholder::Version | Placeholder::Parent { what: ParentFact::Version, .. } => {
                version.clone()
            }
            Placeholder::Date => "20000101".to_owned(),
            Placeholder::GitSha => "0".repeat(40),
            Placeholder::Image => image.name.to_string(),
            Placeholder::ScratchName => STAND_IN.to_owned(),
            Placeholder::OutputDir => nowhere.to_string(),
            Placeholder::Vmid | Placeholder::Parent { what: ParentFact::Vmid, .. } => {
                "100".to_owned()
            }
            Placeholder::Parent { what: ParentFact::Path, .. } => {
                nowhere.join("parent.qcow2").to_string()
            }
            Placeholder::Parent { what: ParentFact::Digest, .. } => "0".repeat(64),
            Placeholder::Env(name) => session.environment.get(name).unwrap_or(STAND_IN).to_owned(),
        })
    };
    let value = |text: &crate::model::Text| {
        let Ok(value) = text.fill(stand_in);
        value
    };
    let variables = image.vars.iter().map(|(name, text)| (name.clone(), value(text)));
    let secrets = image.secret_vars.keys().map(|name| (name.clone(), SecretString::from(STAND_IN)));
    BuildRequest {
        image: image.name.clone(),
        version: version.clone(),
        scratch_name: STAND_IN.to_owned(),
        output_directory: nowhere.to_owned(),
        temporary_folder: None,
        vmid: None,
        template: image.template.clone(),
        edited: None,
        collect: None,
        workdir: image.workdir.clone(),
        build: image.build.clone(),
        variable_files: image.var_files.clone(),
        variables: variables.collect::<IndexMap<_, _>>(),
        secret_variables: secrets.collect::<IndexMap<_, _>>(),
        redaction: Redaction::default(),
        environment: image.env.clone(),
        plugin_folder: None,
        timeout: TIMEOUT,
        grace: Duration::ZERO,
        log: nowhere.join("log").into(),
    }
}
