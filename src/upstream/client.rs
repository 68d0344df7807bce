//! The one place that speaks HTTP. Whatever a server does, an answer takes bounded time and memory.

use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client as Http, StatusCode};
use thiserror::Error;

/// The largest list of checksums that is read. Debian's and Ubuntu's have a few KB.
const LARGEST: usize = 1024 * 1024;

/// How often an answer may lead elsewhere.
const REDIRECTS: usize = 10;

/// Why there is no answer. Nobody's fault here: the server, or the way to it.
#[derive(Debug, Error)]
pub(super) enum ClientError {
    /// It is not there.
    #[error("the server answers {0}")]
    Status(StatusCode),
    /// The answer is too long for what was asked for.
    #[error("the answer has more than 1 MiB")]
    TooLarge,
    /// No connection, no answer in time, or one that is no HTTP.
    #[error("{0}")]
    Http(String),
}

impl ClientError {
    /// The status with which the server says that there is no such thing.
    pub(super) fn gone(&self) -> Option<u16> {
        match self {
            Self::Status(status @ (StatusCode::NOT_FOUND | StatusCode::GONE)) => {
                Some(status.as_u16())
            }
            _ => None,
        }
    }
}

impl From<reqwest::Error> for ClientError {
    fn from(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Http("no answer in time".to_owned());
        }
        // The innermost cause says what happened: "connection refused".
        let mut cause: &dyn std::error::Error = &error;
        while let Some(source) = cause.source() {
            cause = source;
        }
        Self::Http(cause.to_string())
    }
}

/// Asks servers.
pub(super) struct Client(Http);

impl Client {
    /// A client that gives up after `timeout`.
    pub(super) fn new(timeout: Duration) -> Result<Self, ClientError> {
        // An error says that there is a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = Http::builder()
            .user_agent(concat!("goldsmith/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::limited(REDIRECTS))
            .timeout(timeout)
            .build()?;
        Ok(Self(http))
    }

    /// An error unless there is something at `url`. Takes nothing of it.
    pub(super) async fn look(&self, url: &str) -> Result<(), ClientError> {
        let head = self.0.head(url).send().await?.status();
        let refused =
            [StatusCode::FORBIDDEN, StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_IMPLEMENTED];
        // Some servers, signed addresses above all, answer only those who want it all.
        let status =
            if refused.contains(&head) { self.0.get(url).send().await?.status() } else { head };
        if status.is_success() { Ok(()) } else { Err(ClientError::Status(status)) }
    }

    /// The text at `url`, which is a short one.
    pub(super) async fn text(&self, url: &str) -> Result<String, ClientError> {
        let mut answer = self.0.get(url).send().await?;
        if !answer.status().is_success() {
            return Err(ClientError::Status(answer.status()));
        }
        let mut text = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if text.len() + chunk.len() > LARGEST {
                return Err(ClientError::TooLarge);
            }
            text.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
