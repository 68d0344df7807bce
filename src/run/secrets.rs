//! What the children of an image know and nobody else may see.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use secrecy::SecretString;

use crate::environment::Environment;
use crate::inputs;
use crate::model::{Failure, FailureClass, Image};
use crate::process::{Redaction, SHORTEST};

/// Last words in the names of environment variables that hold a secret.
const SECRET: [&str; 10] = [
    "AUTH",
    "CREDENTIALS",
    "KEY",
    "PASS",
    "PASSPHRASE",
    "PASSWD",
    "PASSWORD",
    "PW",
    "SECRET",
    "TOKEN",
];

/// The secrets of an image.
pub(super) struct Secrets {
    /// Values of Packer variables.
    pub(super) variables: IndexMap<String, SecretString>,
    /// Takes all of them out of what children say.
    pub(super) redaction: Redaction,
    /// Where those come from that are too short to be hidden.
    pub(super) shown: Vec<String>,
}

impl Secrets {
    /// Those of `image`: what `secret_vars` names; what `env` names by a name that says so; and
    /// what its template declares as sensitive, as far as its files tell. Blocks. Fails if a
    /// variable is not set.
    pub(super) fn of(image: &Image, environment: &Environment) -> Result<Self, Failure> {
        let mut variables = IndexMap::new();
        for (variable, name) in &image.secret_vars {
            let Some(value) = environment.get(name) else {
                let reason = format!(
                    "the variable `{variable}` needs the environment variable `{name}`, which is not set"
                );
                let hint = format!(
                    "`secret_vars` of images.yml wants `{name}` in the environment of goldsmith: on a forge's runner, from its secrets"
                );
                return Err(Failure::new(FailureClass::Config, reason).hint(hint));
            };
            variables.insert(variable.clone(), SecretString::from(value));
        }
        let all = all(image, environment, &variables);
        let redaction = Redaction::of(all.iter().map(|(_, secret)| secret));
        let shown = all.into_iter().filter(|(_, secret)| is_too_short(secret));
        let shown = shown.map(|(source, _)| source).collect();
        Ok(Self { variables, redaction, shown })
    }
}

/// Takes those secrets of `image` out of what children say that are there, for children that need
/// none of them. Blocks.
pub fn known(image: &Image, environment: &Environment) -> Redaction {
    let variables = image.secret_vars.iter().filter_map(|(variable, name)| {
        Some((variable.clone(), SecretString::from(environment.get(name)?)))
    });
    let all = all(image, environment, &variables.collect());
    Redaction::of(all.iter().map(|(_, secret)| secret))
}

/// All secrets of `image`, each with where it comes from, if its `secret_vars` have these values.
fn all(
    image: &Image,
    environment: &Environment,
    variables: &IndexMap<String, SecretString>,
) -> Vec<(String, SecretString)> {
    let sensitive = inputs::sensitive(image);
    let by_name = |name: &&String| {
        let variable = name.strip_prefix("PKR_VAR_");
        is_secret(name) || variable.is_some_and(|variable| sensitive.contains_key(variable))
    };
    let of_environment =
        image.env.iter().filter(by_name).filter_map(|name| {
            Some((format!("`{name}`"), SecretString::from(environment.get(name)?)))
        });
    let of_template = sensitive.iter().filter_map(|(variable, value)| {
        Some((format!("the variable `{variable}`"), SecretString::from(value.as_deref()?)))
    });
    let named = image.secret_vars.iter().filter_map(|(variable, name)| {
        Some((format!("`{name}`"), variables.get(variable)?.clone()))
    });
    named.chain(of_environment).chain(of_template).collect()
}

/// What everybody may see of an image's Packer variables.
#[derive(Default)]
pub(super) struct Seen {
    /// Values, as they are written in `images.yml`.
    pub(super) variables: BTreeMap<String, String>,
    /// The names of the others.
    pub(super) secret: Vec<String>,
}

impl Seen {
    /// Those of `image`: without what is secret or what its template declares as sensitive, and
    /// without the value of any secret wherever it stands.
    pub(super) async fn of(image: &Image, environment: &Environment) -> Self {
        let (image, environment) = (image.clone(), environment.clone());
        let look = move || {
            let sensitive = inputs::sensitive(&image);
            let redaction = known(&image, &environment);
            let written = image.vars.iter();
            let (secret, open): (Vec<_>, Vec<_>) =
                written.partition(|(name, _)| sensitive.contains_key(*name));
            let variables = open.into_iter().map(|(name, value)| {
                (name.clone(), redaction.text(&value.to_string()).into_owned())
            });
            let secret = secret.into_iter().map(|(name, _)| name).chain(image.secret_vars.keys());
            let mut secret: Vec<String> = secret.cloned().collect();
            secret.sort();
            Self { variables: variables.collect(), secret }
        };
        // Where nobody can tell what is secret, nothing is shown.
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }
}

fn is_too_short(secret: &SecretString) -> bool {
    use secrecy::ExposeSecret as _;
    (1..SHORTEST).contains(&secret.expose_secret().len())
}

/// Whether the value of the environment variable is a secret, as its name says.
fn is_secret(name: &str) -> bool {
    let last = name.rsplit('_').next().unwrap_or(name).to_ascii_uppercase();
    SECRET.contains(&last.as_str())
}
