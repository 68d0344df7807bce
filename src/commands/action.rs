//! `goldsmith action`: the action of a forge. Inputs become a command line, results become outputs.

use std::ffi::OsString;

use clap::Parser as _;
use serde::Serialize;

use super::{Asked, Done, deliver, go};
use crate::cli::Cli;
use crate::environment::Environment;
use crate::model::{ExitCode, Failure, FailureClass, ImageName, ImageOutcome, Version};
use crate::registry::GIT_TOKEN;
use crate::report::plan_matrix::{Waves, waves};
use crate::runner::{
    Context, InputError, Inputs, OutputError, check_output, json_value, token, write_outputs,
};
use crate::terminal::Terminal;

/// Runs the action to its exit code.
pub(super) fn main(environment: &Environment) -> ExitCode {
    let context = Context::from_environment(environment);
    let mut done = match command_line(environment) {
        Ok(cli) => go(cli, with_token(environment), Asked::ByInputs),
        Err(failures) => {
            let terminal = Terminal::plain(environment);
            for failure in &failures {
                terminal.failure(failure);
            }
            let wrong = Failure::new(FailureClass::Usage, "the inputs of the action are wrong");
            let wrong = failures.iter().map(in_a_line).fold(wrong, Failure::detail);
            deliver::failure(&terminal, &context, &wrong);
            Done::failed(&wrong)
        }
    };
    let unreadable = |(name, value): &(&'static str, String)| check_output(name, value).err();
    if let Some(error) = outputs(&done).iter().find_map(unreadable) {
        undelivered(&mut done, &error, environment);
    }
    // What can be read is passed on all the same: with nothing at all, the next step knows nothing.
    let mut outputs = outputs(&done);
    outputs.retain(|output| unreadable(output).is_none());
    if let Err(error) = write_outputs(context.output_file.as_deref(), &outputs) {
        undelivered(&mut done, &error, environment);
    }
    done.code
}

/// The environment in which git finds the token that was given as an input: on no command line, and in
/// no file.
fn with_token(environment: &Environment) -> Environment {
    match token(environment) {
        Some(token) => environment.clone().with(GIT_TOKEN, token),
        None => environment.clone(),
    }
}

/// Tells that outputs are missing. The steps that would use them must not run on as if all was well.
fn undelivered(done: &mut Done, error: &OutputError, environment: &Environment) {
    let failure = error.failure();
    Terminal::plain(environment).failure(&failure);
    if done.code == ExitCode::Done {
        done.code = failure.class.exit_code();
        done.failure_reason = failure.class.failure_reason();
    }
}

/// A failure with its advice.
fn in_a_line(failure: &Failure) -> String {
    [std::slice::from_ref(&failure.reason), &failure.hints].concat().join("; ")
}

/// The commands that can be asked for. `scan` takes a path and not images; the hidden ones are nobody's
/// to ask for.
const COMMANDS: [&str; 6] = ["run", "plan", "regate", "rescan", "promote", "prune"];

/// The command line that the inputs amount to.
fn command_line(environment: &Environment) -> Result<Cli, Vec<Failure>> {
    let inputs = Inputs::from_environment(environment)
        .map_err(|problems| problems.iter().map(InputError::failure).collect::<Vec<_>>())?;
    if let Some(command) = inputs.command.as_deref()
        && !COMMANDS.contains(&command)
    {
        let known = COMMANDS.map(|command| format!("`{command}`")).join(", ");
        let reason = format!("input `command` is `{command}`, and not one of {known}");
        return Err(vec![Failure::new(FailureClass::Usage, reason)]);
    }
    Cli::try_parse_from(arguments(&inputs)).map_err(|error| {
        let text = error.to_string();
        let reason = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
        let reason = format!("the inputs make no command: {reason}");
        let failure = Failure::new(FailureClass::Usage, reason);
        vec![match inputs.arguments.as_slice() {
            [] => failure,
            _ => failure.hint("the input `arguments` has one argument a line"),
        }]
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
    // What an input means to no command is no problem of the others.
    let judges = matches!(command, "run" | "regate");
    if command == "run" {
        for artifact in &inputs.from_artifact {
            option("from-artifact", artifact);
        }
    }
    if judges && let Some(store) = &inputs.store {
        option("store", store);
    }
    if command != "prune"
        && let Some(db) = &inputs.db
    {
        option("db", db.as_str());
    }
    if command == "promote" {
        // Who steers by hand is no job.
        arguments.push("--due".to_owned());
    }
    let plans = matches!(command, "run" | "plan");
    let acts = judges || command == "prune";
    let flags = [("--force", inputs.force && plans), ("--dry-run", inputs.dry_run && acts)];
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

/// The plan as waves of jobs. None if there is no plan; without the reasons if there are too many of
/// them.
fn matrix(done: &Done) -> String {
    let waves = || {
        let plan = done.plan.as_ref();
        plan.map_or_else(Waves::default, |(plan, catalog)| waves(plan, catalog))
    };
    let json = |waves| json_value(&waves).unwrap_or_default();
    let all = json(waves());
    match check_output("matrix", &all) {
        Ok(()) => all,
        Err(_) => json(waves().without_reasons()),
    }
}

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
        ("matrix", matrix(done)),
        ("published", json_value(&published).unwrap_or_else(|_| "[]".to_owned())),
        (
            "report_path",
            directory.map(|path| path.join("report.json").into_string()).unwrap_or_default(),
        ),
    ]
}
