//! Who asks: names and passwords, from where people keep them.

use std::collections::BTreeMap;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use camino::{Utf8Path, Utf8PathBuf};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use crate::environment::Environment;

use super::error::OciError;

/// The largest file with credentials that is read, in bytes.
const LARGEST: u64 = 1 << 20;
/// The user's name with which a helper says that its secret is a token to get tokens with.
const TOKEN: &str = "<token>";

/// What proves who asks.
#[derive(Debug, Clone)]
pub(super) enum Credentials {
    /// Nothing: whoever asks has no name.
    None,
    /// A name and a password, or what counts as one.
    Password(String, SecretString),
    /// A token with which the service for tokens gives others.
    Refresh(SecretString),
}

impl Credentials {
    /// Those for `host`: from goldsmith's own variables, else from Docker's configuration, else, for
    /// GitHub's registry, the token of the workflow.
    pub(super) fn of(host: &str, environment: &Environment) -> Result<Self, OciError> {
        let own =
            (environment.get("GOLDSMITH_OCI_USERNAME"), environment.get("GOLDSMITH_OCI_PASSWORD"));
        match own {
            (Some(name), Some(password)) => return Ok(Self::password(name, password)),
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => {
                let why = "GOLDSMITH_OCI_USERNAME and GOLDSMITH_OCI_PASSWORD belong together, and only one of them is set";
                return Err(OciError::Credentials { host: host.to_owned(), why: why.to_owned() });
            }
        }
        if let Some(found) = of_docker(host, environment)
            .map_err(|why| OciError::Credentials { host: host.to_owned(), why })?
        {
            return Ok(found);
        }
        match environment.get("GITHUB_TOKEN") {
            Some(token) if host == "ghcr.io" => {
                Ok(Self::password(environment.get("GITHUB_ACTOR").unwrap_or("github"), token))
            }
            _ => Ok(Self::None),
        }
    }

    fn password(name: &str, password: &str) -> Self {
        Self::Password(name.to_owned(), password.into())
    }

    /// The name, if there is one.
    pub(super) fn user(&self) -> Option<String> {
        match self {
            Self::Password(name, _) => Some(name.clone()),
            Self::None | Self::Refresh(_) => None,
        }
    }

    /// The header `Authorization: Basic`.
    pub(super) fn basic(&self) -> Option<SecretString> {
        match self {
            Self::Password(name, password) => {
                let pair = format!("{name}:{}", password.expose_secret());
                Some(format!("Basic {}", STANDARD.encode(pair)).into())
            }
            Self::None | Self::Refresh(_) => None,
        }
    }
}

/// `config.json` of Docker, and of all that keep credentials as it does.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Configuration {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<SecretString>,
    username: Option<String>,
    password: Option<SecretString>,
    #[serde(rename = "identitytoken")]
    identity_token: Option<SecretString>,
}

/// What Docker knows for `host`, if anything; or why that cannot be read.
fn of_docker(host: &str, environment: &Environment) -> Result<Option<Credentials>, String> {
    let folder = environment
        .get("DOCKER_CONFIG")
        .map(Utf8PathBuf::from)
        .or_else(|| Some(Utf8Path::new(environment.get("HOME")?).join(".docker")));
    let Some(path) = folder.map(|folder| folder.join("config.json")) else {
        return Ok(None);
    };
    let text = match fs_err::metadata(&path) {
        Ok(found) if found.len() > LARGEST => return Err(format!("`{path}` is too large")),
        Ok(_) => fs_err::read_to_string(&path).map_err(|error| error.to_string())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    // Not what the parser says: it may quote a secret.
    let configuration: Configuration = serde_json::from_str(&text)
        .map_err(|error| format!("`{path}` is not valid (line {})", error.line()))?;
    let of_host = configuration.auths.iter().find(|(key, _)| names(key, host));
    if let Some((_, entry)) = of_host
        && let Some(found) = entry.credentials().map_err(|why| format!("`{path}`: {why}"))?
    {
        return Ok(Some(found));
    }
    let helper = configuration.cred_helpers.iter().find(|(key, _)| names(key, host));
    let helper = helper.map(|(_, helper)| helper);
    // `docker login` leaves an empty entry for what its helper keeps.
    let helper = helper.or(configuration.creds_store.as_ref().filter(|_| of_host.is_some()));
    match helper {
        Some(helper) => Err(format!(
            "`{path}` leaves them to `docker-credential-{}`, which goldsmith does not ask",
            helper.escape_default()
        )),
        None => Ok(None),
    }
}

/// Whether a key of Docker's configuration is for `host`: it may be a URL.
fn names(key: &str, host: &str) -> bool {
    let key = key.split_once("://").map_or(key, |(_, rest)| rest);
    let key = key.split('/').next().unwrap_or_default();
    key == host || (host == "docker.io" && key == "index.docker.io")
}

impl Entry {
    fn credentials(&self) -> Result<Option<Credentials>, &'static str> {
        let full = |secret: &&SecretString| !secret.expose_secret().is_empty();
        if let Some(token) = self.identity_token.as_ref().filter(full) {
            return Ok(Some(Credentials::Refresh(token.clone())));
        }
        let (name, password) = if let Some(auth) = self.auth.as_ref().filter(full) {
            let decoded = STANDARD.decode(auth.expose_secret().trim());
            let pair = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let pair = pair.ok_or("`auth` is not what `docker login` writes")?;
            let (name, password) =
                pair.split_once(':').ok_or("`auth` is not what `docker login` writes")?;
            // Docker pads with zeros what it has encrypted once.
            (name.to_owned(), SecretString::from(password.trim_end_matches('\0')))
        } else if let (Some(name), Some(password)) = (&self.username, &self.password) {
            (name.clone(), password.clone())
        } else {
            return Ok(None);
        };
        Ok(Some(if name == TOKEN {
            Credentials::Refresh(password)
        } else {
            Credentials::Password(name, password)
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found for `host`, with secrets.
    fn found(host: &str, configuration: &str, variables: &[(&str, &str)]) -> String {
        let folder = tempfile::tempdir().unwrap();
        let docker = folder.path().join(".docker");
        fs_err::create_dir(&docker).unwrap();
        fs_err::write(docker.join("config.json"), configuration).unwrap();
        let home = ("HOME", folder.path().to_str().unwrap());
        let environment: Environment = variables
            .iter()
            .chain([&home])
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        match Credentials::of(host, &environment) {
            Ok(Credentials::None) => "nobody".to_owned(),
            Ok(Credentials::Password(name, password)) => {
                format!("{name} / {}", password.expose_secret())
            }
            Ok(Credentials::Refresh(token)) => format!("refresh {}", token.expose_secret()),
            Err(error) => error.to_string().replace(home.1, "HOME"),
        }
    }

    #[test]
    fn credentials_are_found_where_people_keep_them() {
        let docker = r#"{ "auths": {
            "https://index.docker.io/v1/": { "auth": "aHVnbzpzZWNyZXQ=" },
            "registry.example.org": { "auth": "bm8gY29sb24=" },
            "other.example.org:5000": { "username": "anna", "password": "pw" },
            "azure.example.org": { "identitytoken": "refresh-me" },
            "kept.example.org": {}
        }, "credHelpers": { "ecr.example.org": "ecr-login" }, "credsStore": "desktop" }"#;
        let own = [("GOLDSMITH_OCI_USERNAME", "me"), ("GOLDSMITH_OCI_PASSWORD", "mine")];
        let github = [("GITHUB_TOKEN", "ghs_1"), ("GITHUB_ACTOR", "octocat")];
        let told = [
            found("docker.io", docker, &[]),
            found("registry.example.org", docker, &[]),
            found("other.example.org:5000", docker, &[]),
            found("other.example.org", docker, &[]),
            found("azure.example.org", docker, &[]),
            found("kept.example.org", docker, &[]),
            found("ecr.example.org", docker, &[]),
            found("registry.example.org", docker, &own),
            found("registry.example.org", "{}", &own[..1]),
            found("ghcr.io", "{}", &github),
            found("ghcr.io.example.org", "{}", &github),
            found("ghcr.io", "{ \"auths\": { \"secret", &github),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        hugo / secret
        the credentials for `registry.example.org` cannot be read: `HOME/.docker/config.json`: `auth` is not what `docker login` writes
        anna / pw
        nobody
        refresh refresh-me
        the credentials for `kept.example.org` cannot be read: `HOME/.docker/config.json` leaves them to `docker-credential-desktop`, which goldsmith does not ask
        the credentials for `ecr.example.org` cannot be read: `HOME/.docker/config.json` leaves them to `docker-credential-ecr-login`, which goldsmith does not ask
        me / mine
        the credentials for `registry.example.org` cannot be read: GOLDSMITH_OCI_USERNAME and GOLDSMITH_OCI_PASSWORD belong together, and only one of them is set
        octocat / ghs_1
        nobody
        the credentials for `ghcr.io` cannot be read: `HOME/.docker/config.json` is not valid (line 1)
        ");
    }
}
