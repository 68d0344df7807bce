//! What can go wrong with an OCI registry, and what to do about it.

use reqwest::StatusCode;
use thiserror::Error;

/// The longest text of a registry that is passed on, in characters.
const LONGEST: usize = 300;

/// Why a registry did not do what was asked for.
#[derive(Debug, Error)]
pub enum OciError {
    /// Nothing works without a name and a password, or with these.
    #[error("`{host}` does not let {} read `{repository}`{}", who(user.as_ref()), tail(said))]
    NoAccess {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// Who asked; nobody if there are no credentials.
        user: Option<String>,
        /// What the registry said.
        said: String,
    },
    /// Reading works, writing does not.
    #[error("`{host}` lets {} read `{repository}`, but not write to it{}", who(user.as_ref()), tail(said))]
    MayNotWrite {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// Who asked.
        user: Option<String>,
        /// What the registry said.
        said: String,
    },
    /// The service that gives tokens refused.
    #[error("`{realm}`, which gives tokens for `{host}`, refuses {}: {said}", who(user.as_ref()))]
    NoToken {
        /// The registry.
        host: String,
        /// Who gives tokens.
        realm: String,
        /// Who asked.
        user: Option<String>,
        /// What it said.
        said: String,
    },
    /// The registry is read-only for everybody.
    #[error("`{host}` takes nothing at the moment: it is read-only")]
    ReadOnly {
        /// The registry.
        host: String,
    },
    /// There is no such repository, and it is not made by writing to it.
    #[error("`{host}` has no repository `{repository}`{}", tail(said))]
    NoRepository {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// What the registry said.
        said: String,
    },
    /// The registry deletes nothing.
    #[error("`{host}` allows no deletes: `{reference}` stays there")]
    NoDeletes {
        /// The registry.
        host: String,
        /// What was to go.
        reference: String,
    },
    /// The name of an image is no name of a repository.
    #[error("`{repository}` cannot be a repository of an OCI registry")]
    BadName {
        /// The repository.
        repository: String,
    },
    /// No connection that can be trusted.
    #[error("no trusted connection to `{host}`: {why}")]
    Tls {
        /// The server.
        host: String,
        /// What is wrong.
        why: String,
    },
    /// No connection, or one that broke again and again.
    #[error("`{host}` cannot be reached: {why}")]
    Unreachable {
        /// The server.
        host: String,
        /// What happened.
        why: String,
    },
    /// The registry has answered with an error.
    #[error("`{host}` answers {status} to {what}{}", tail(said))]
    Status {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// The status.
        status: StatusCode,
        /// What the registry said.
        said: String,
    },
    /// An answer that no registry may give. Its fault, or an attack.
    #[error("`{host}` answers {what} with something that no registry may: {why}")]
    Strange {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The credentials cannot be read. The user's fault.
    #[error("the credentials for `{host}` cannot be read: {why}")]
    Credentials {
        /// The registry.
        host: String,
        /// What is wrong with them.
        why: String,
    },
    /// There is no client. Never seen; the system's certificates may be unreadable.
    #[error("no connection can be made: {0}")]
    NoClient(String),
}

impl OciError {
    /// Whether it may be otherwise in a while.
    pub(in crate::publish) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Status { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                    )
            }
            _ => false,
        }
    }

    /// What to do about it.
    pub(in crate::publish) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NoAccess { user: None, .. }
            | Self::MayNotWrite { user: None, .. }
            | Self::NoToken { user: None, .. } => {
                "set GOLDSMITH_OCI_USERNAME and GOLDSMITH_OCI_PASSWORD, or log in with `docker login` or `oras login`"
            }
            Self::NoAccess { .. } | Self::NoToken { .. } => {
                "check the name and the password or token: it may have expired, or be for another registry"
            }
            Self::MayNotWrite { .. } => {
                "give the token the right to push: `packages: write` on GitHub, the scope `write:package` on Gitea and Forgejo, `write_registry` on GitLab"
            }
            Self::ReadOnly { .. } => {
                "wait until its maintenance is over, or push to the registry that it mirrors"
            }
            Self::NoRepository { .. } => {
                "make the repository or the project there, or correct `ref` in images.yml"
            }
            Self::NoDeletes { .. } => {
                "remove it by hand where the registry has a page for that, or allow deletes there"
            }
            Self::BadName { .. } => {
                "rename the image: words of a-z and 0-9 with `.`, `_`, `__` or `-` between them"
            }
            Self::Tls { .. } => {
                "let this machine trust the registry's certificate (SSL_CERT_FILE names further ones); plain HTTP is for `localhost` only"
            }
            Self::Unreachable { .. } => {
                "check the name and the network (HTTPS_PROXY and NO_PROXY count), then run it again: it goes on where it broke off"
            }
            Self::Status { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS => {
                "the registry limits how often it is asked: try again later"
            }
            Self::Status { status, .. } if *status == StatusCode::PAYLOAD_TOO_LARGE => {
                "the registry, or a proxy before it, takes no blobs of this size"
            }
            Self::Status { .. } | Self::NoClient(_) => return None,
            Self::Strange { .. } => {
                "look at the registry and at proxies before it; behind one, it must know its own address (X-Forwarded-Proto)"
            }
            Self::Credentials { .. } => {
                "GOLDSMITH_OCI_USERNAME and GOLDSMITH_OCI_PASSWORD go before all other credentials"
            }
        })
    }
}

fn who(user: Option<&String>) -> String {
    user.map_or("somebody without a name".to_owned(), |user| format!("`{user}`"))
}

fn tail(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

/// What a server said, as one line of a bounded length.
pub(super) fn line(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    one_line.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
