//! `goldsmith action`: the action of a forge. Inputs become a command line, results become outputs.

use std::ffi::OsString;

use clap::Parser as _;
use serde::Serialize;

use super::{Done, deliver, go};
use crate::cli::Cli;
use crate::environment::Environment;
use crate::model::{ExitCode, Failure, FailureClass, ImageName, ImageOutcome, Version};
use crate::runner::{Context, InputError, Inputs, json_value, write_outputs};
use crate::terminal::Terminal;

/// Runs the action to its exit code.
pub(super) fn main(environment: &Environment) -> ExitCode {
    let context = Context::from_environment(environment);
    let done = match command_line(environment) {
        Ok(cli) => go(cli, environment.clone()),
        Err(failures) => {
            let terminal = Terminal::plain(environment);
            for failure in &failures {
                terminal.failure(failure);
            }
            let wrong = Failure::new(FailureClass::Usage, "the inputs of the action are wrong");
            let wrong = failures.into_iter().fold(wrong, |all, failure| all.hint(failure.reason));
            deliver::failure(&terminal, &context, &wrong);
            Done::failed(&wrong)
        }
    };
    if let Err(error) = write_outputs(context.output_file.as_deref(), &outputs(&done)) {
        Terminal::plain(environment).failure(&error.failure());
    }
    done.code
}

/// The command line that the inputs amount to.
fn command_line(environment: &Environment) -> Result<Cli, Vec<Failure>> {
    let inputs = Inputs::from_environment(environment)
        .map_err(|problems| problems.iter().map(InputError::failure).collect::<Vec<_>>())?;
    // `scan` takes a path and not images; the hidden commands are nobody's to ask for.
    if let Some(command) = inputs.command.as_deref()
        && !matches!(command, "run" | "plan")
    {
        let reason = format!("input `command` is `{command}`, and not `run` or `plan`");
        return Err(vec![Failure::new(FailureClass::Usage, reason)]);
    }
    Cli::try_parse_from(arguments(&inputs)).map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        vec![Failure::new(FailureClass::Usage, format!("the inputs make no command: {reason}"))]
    })
}

fn arguments(inputs: &Inputs) -> Vec<OsString> {
    let command = inputs.command.as_deref().unwrap_or("run");
    let mut arguments: Vec<String> = vec!["goldsmith".into(), command.into()];
    let mut option = |name: &str, value: &str| arguments.push(format!("--{name}={value}"));
    if let Some(config) = &inputs.config {
        option("config", config.as_str());
    }
    if let Some(registry) = &inputs.registry {
        option("registry", registry);
    }
    if command == "run" {
        for artifact in &inputs.from_artifact {
            option("from-artifact", artifact);
        }
        if let Some(store) = &inputs.store {
            option("store", store);
        }
    }
    if command != "plan"
        && let Some(db) = &inputs.db
    {
        option("db", db.as_str());
    }
    let flags = [("--force", inputs.force), ("--dry-run", inputs.dry_run && command == "run")];
    arguments.extend(flags.iter().filter(|(_, on)| *on).map(|(flag, _)| (*flag).to_owned()));
    arguments.extend(inputs.arguments.iter().cloned());
    // Names of images cannot be taken for options.
    arguments.push("--".to_owned());
    arguments.extend(inputs.images.iter().cloned());
    arguments.into_iter().map(OsString::from).collect()
}

/// A published version, as the `published` output has it.
#[derive(Serialize)]
struct Published<'a> {
    image: &'a ImageName,
    version: Version,
}

/// The `matrix` output where no plan was made.
const NO_WAVES: &str = r#"{"waves":[]}"#;

fn outputs(done: &Done) -> Vec<(&'static str, String)> {
    let images = done.report.iter().flat_map(|report| &report.images);
    let published: Vec<Published<'_>> = images
        .filter_map(|image| match image.outcome {
            ImageOutcome::Published { version } => Some(Published { image: &image.image, version }),
            _ if image.recorded => {
                image.version.map(|version| Published { image: &image.image, version })
            }
            _ => None,
        })
        .collect();
    let directory = done.report.as_ref().and_then(|report| report.directory.as_ref());
    let result = if done.code == ExitCode::Done { "success" } else { "failure" };
    vec![
        ("result", result.to_owned()),
        ("failure_reason", done.failure_reason.to_owned()),
        ("changed", (!published.is_empty()).to_string()),
        ("matrix", done.matrix.clone().unwrap_or_else(|| NO_WAVES.to_owned())),
        ("published", json_value(&published).unwrap_or_else(|_| "[]".to_owned())),
        (
            "report_path",
            directory.map(|path| path.join("report.json").into_string()).unwrap_or_default(),
        ),
    ]
}
