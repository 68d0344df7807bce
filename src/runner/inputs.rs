//! The inputs of the action, from the variables that a runner makes of `with:`.
//!
//! Names are snake_case because that is the only spelling that all runners and shells keep.

use camino::Utf8PathBuf;
use thiserror::Error;

use crate::environment::Environment;
use crate::model::{Failure, FailureClass};

/// Every input of `action.yml`.
const NAMES: [&str; 11] = [
    "command",
    "images",
    "config",
    "registry",
    "store",
    "from_artifact",
    "db",
    "force",
    "dry_run",
    "arguments",
    "token",
];

/// What is wrong with an input. The fault of whoever wrote the workflow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InputError {
    /// A yes-or-no input says something else.
    #[error("input `{name}` is `{value}`, and not `true` or `false`")]
    NotBoolean {
        /// The input.
        name: &'static str,
        /// What it says.
        value: String,
    },
    /// There is no such input. Most runners pass it over without a word.
    #[error("there is no input `{name}`")]
    Unknown {
        /// What was given.
        name: String,
        /// The input that was probably meant.
        meant: Option<&'static str>,
    },
}

impl InputError {
    /// The failure that this is to the run.
    pub fn failure(&self) -> Failure {
        let failure = Failure::caused_by(FailureClass::Usage, self);
        match self {
            Self::Unknown { meant: Some(meant), .. } => {
                failure.hint(format!("did you mean `{meant}`?"))
            }
            Self::Unknown { meant: None, .. } => {
                failure.hint(format!("the inputs are {}", NAMES.join(", ")))
            }
            Self::NotBoolean { .. } => failure,
        }
    }
}

/// The inputs of the action. Empty counts as not given: that is how most runners pass an input that
/// nobody set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The command to run.
    pub command: Option<String>,
    /// Names or patterns of images, one a line.
    pub images: Vec<String>,
    /// Path of `images.yml`.
    pub config: Option<Utf8PathBuf>,
    /// Address of the registry, in place of the one in `images.yml`.
    pub registry: Option<String>,
    /// Address of the store, in place of those in `images.yml`.
    pub store: Option<String>,
    /// `NAME=PATH` of finished artifacts, one a line.
    pub from_artifact: Vec<String>,
    /// Trivy cache folder with the advisory database.
    pub db: Option<Utf8PathBuf>,
    /// Build also what is not due.
    pub force: bool,
    /// Build and judge, but publish and record nothing.
    pub dry_run: bool,
    /// Further arguments of the command, one a line. Not called `args`: a runner appends an input of
    /// that name to the command line of the container by itself.
    pub arguments: Vec<String>,
}

impl Inputs {
    /// Reads the inputs. Reports every problem, not only the first.
    pub fn from_environment(environment: &Environment) -> Result<Self, Vec<InputError>> {
        let text = |name: &str| {
            let value = environment.get(&variable(name)).map(str::trim);
            value.filter(|value| !value.is_empty())
        };
        let lines = |name| {
            let lines = text(name).unwrap_or_default().lines().map(str::trim);
            lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
        };
        let mut problems = unknown(environment);
        let mut flag = |name| {
            boolean(name, text(name)).unwrap_or_else(|problem| {
                problems.push(problem);
                false
            })
        };
        let inputs = Self {
            command: text("command").map(str::to_owned),
            images: lines("images"),
            config: text("config").map(Utf8PathBuf::from),
            registry: text("registry").map(str::to_owned),
            store: text("store").map(str::to_owned),
            from_artifact: lines("from_artifact"),
            db: text("db").map(Utf8PathBuf::from),
            force: flag("force"),
            dry_run: flag("dry_run"),
            arguments: lines("arguments"),
        };
        if problems.is_empty() { Ok(inputs) } else { Err(problems) }
    }
}

/// The input `token`: what a registry in a git repository is shown. It is no part of [`Inputs`], which
/// become a command line.
pub fn token(environment: &Environment) -> Option<&str> {
    let token = environment.get(&variable("token")).map(str::trim);
    token.filter(|token| !token.is_empty())
}

/// The variable that a runner makes of an input.
fn variable(input: &str) -> String {
    format!("INPUT_{}", input.to_ascii_uppercase())
}

/// A boolean as GitHub's toolkit reads it; false where nothing is said.
fn boolean(name: &'static str, value: Option<&str>) -> Result<bool, InputError> {
    match value {
        None | Some("false" | "False" | "FALSE") => Ok(false),
        Some("true" | "True" | "TRUE") => Ok(true),
        Some(other) => Err(InputError::NotBoolean { name, value: other.to_owned() }),
    }
}

/// The inputs that were given and do not exist.
fn unknown(environment: &Environment) -> Vec<InputError> {
    environment
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .filter_map(|(variable, _)| variable.strip_prefix("INPUT_"))
        .map(str::to_ascii_lowercase)
        .filter(|name| !NAMES.contains(&name.as_str()))
        .map(|name| InputError::Unknown { meant: meant_by(&name), name })
        .collect()
}

fn meant_by(name: &str) -> Option<&'static str> {
    // What other actions call it, too far from ours for a likeness.
    if name == "args" {
        return Some("arguments");
    }
    NAMES
        .into_iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(variables: &[(&str, &str)]) -> Result<Inputs, Vec<InputError>> {
        let variables = variables.iter();
        let environment =
            variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Inputs::from_environment(&environment)
    }

    #[test]
    fn inputs_are_trimmed_and_lists_have_one_entry_a_line() {
        let inputs = inputs(&[
            ("INPUT_COMMAND", " plan\n"),
            ("INPUT_IMAGES", "debian-*\r\n\n  ubuntu-2404\n"),
            ("INPUT_CONFIG", "images.yml"),
            ("INPUT_FROM_ARTIFACT", "debian-12=/disks/a disk.raw"),
            ("INPUT_FORCE", "True"),
            ("INPUT_DRY_RUN", "false"),
            ("INPUT_DB", "  "),
            ("INPUT_STORE", ""),
            ("PATH", "/usr/bin"),
        ]);
        let expected = Inputs {
            command: Some("plan".to_owned()),
            images: vec!["debian-*".to_owned(), "ubuntu-2404".to_owned()],
            config: Some("images.yml".into()),
            from_artifact: vec!["debian-12=/disks/a disk.raw".to_owned()],
            force: true,
            ..Inputs::default()
        };
        assert_eq!(inputs, Ok(expected));
    }

    #[test]
    fn a_token_is_no_part_of_what_becomes_a_command_line() {
        let given = [("INPUT_TOKEN", " geheim\n"), ("INPUT_COMMAND", "run")];
        assert!(!format!("{:?}", inputs(&given).unwrap()).contains("geheim"));
        let environment = Environment::default().with("INPUT_TOKEN", " geheim\n");
        assert_eq!(token(&environment), Some("geheim"));
        assert_eq!(token(&environment.with("INPUT_TOKEN", "\n")), None);
    }

    #[test]
    fn every_wrong_input_is_reported_with_what_was_meant() {
        let problems = inputs(&[
            ("INPUT_ARGS", "--force"),
            ("INPUT_DRY_RUN", "yes"),
            ("INPUT_FORCE", "1"),
            ("INPUT_FROM-ARTIFACT", "x"),
            ("INPUT_PASSWORD", "x"),
            ("INPUT_UNSET", ""),
        ])
        .unwrap_err();
        let told: Vec<_> = problems
            .iter()
            .map(InputError::failure)
            .map(|failure| format!("{}. {}", failure.reason, failure.hints.join(" ")))
            .map(|told| told.trim_end().to_owned())
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        there is no input `args`. did you mean `arguments`?
        there is no input `from-artifact`. did you mean `from_artifact`?
        there is no input `password`. the inputs are command, images, config, registry, store, from_artifact, db, force, dry_run, arguments, token
        input `force` is `1`, and not `true` or `false`.
        input `dry_run` is `yes`, and not `true` or `false`.
        ");
    }

    #[test]
    fn the_inputs_are_those_of_the_action() {
        let action = include_str!("../../action.yml");
        let inputs = action.split_once("\ninputs:\n").unwrap().1;
        let names: Vec<_> = inputs
            .lines()
            .take_while(|line| line.is_empty() || line.starts_with("  "))
            .filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':'))
            .filter(|name| !name.starts_with(' '))
            .collect();
        assert_eq!(names, NAMES);
    }
}
