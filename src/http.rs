//! The one place that speaks HTTP. Whatever a server does, an answer takes bounded time and memory.

use std::io::{self, Write};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client as Http, ClientBuilder, StatusCode};
use thiserror::Error;

use crate::model::{Digest, Hasher};

/// The largest list of checksums that is read. Debian's and Ubuntu's have a few KB.
const LARGEST: usize = 1024 * 1024;

/// How often an answer may lead elsewhere.
const REDIRECTS: usize = 10;

/// Why there is no answer. Nobody's fault here: the server, or the way to it.
#[derive(Debug, Error)]
pub(crate) enum ClientError {
    /// It is not there.
    #[error("the server answers {0}")]
    Status(StatusCode),
    /// The answer is too long for what was asked for.
    #[error("the answer has more than {} MiB", .0 / 1024 / 1024)]
    TooLarge(usize),
    /// What came cannot be kept.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// No connection, no answer in time, or one that is no HTTP.
    #[error("{0}")]
    Http(String),
}

impl ClientError {
    /// The status with which the server says that there is no such thing.
    pub(crate) fn gone(&self) -> Option<u16> {
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
pub(crate) struct Client(Http);

impl Client {
    /// A client that gives up after `timeout`.
    pub(crate) fn new(timeout: Duration) -> Result<Self, ClientError> {
        Ok(Self(builder().timeout(timeout).build()?))
    }

    /// A client for answers that take their time: it gives up when nothing comes for `stall`, and
    /// after `all` in any case.
    pub(crate) fn patient(stall: Duration, all: Duration) -> Result<Self, ClientError> {
        let builder = builder().connect_timeout(stall).read_timeout(stall).timeout(all);
        Ok(Self(builder.build()?))
    }

    /// An error unless there is something at `url`. Takes nothing of it.
    pub(crate) async fn look(&self, url: &str) -> Result<(), ClientError> {
        let head = self.0.head(url).send().await?.status();
        let refused =
            [StatusCode::FORBIDDEN, StatusCode::METHOD_NOT_ALLOWED, StatusCode::NOT_IMPLEMENTED];
        // Some servers, signed addresses above all, answer only those who want it all.
        let status =
            if refused.contains(&head) { self.0.get(url).send().await?.status() } else { head };
        if status.is_success() { Ok(()) } else { Err(ClientError::Status(status)) }
    }

    /// The text at `url`, which is a short one.
    pub(crate) async fn text(&self, url: &str) -> Result<String, ClientError> {
        let mut text = Vec::new();
        self.download(url, &mut text, LARGEST).await?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Writes what is at `url` to `target`, if it has at most `largest` bytes. Gives its digest.
    pub(crate) async fn download(
        &self,
        url: &str,
        target: &mut impl Write,
        largest: usize,
    ) -> Result<Digest, ClientError> {
        let mut answer = self.0.get(url).send().await?;
        if !answer.status().is_success() {
            return Err(ClientError::Status(answer.status()));
        }
        let (mut hasher, mut left) = (Hasher::default(), largest);
        while let Some(chunk) = answer.chunk().await? {
            left = left.checked_sub(chunk.len()).ok_or(ClientError::TooLarge(largest))?;
            hasher.update(&chunk);
            target.write_all(&chunk)?;
        }
        Ok(hasher.finish())
    }
}

/// A client that follows no answer elsewhere: for whoever decides that alone, and sets its own times.
pub(crate) fn unguided(connecting: Duration) -> Result<Http, ClientError> {
    let builder = builder().redirect(Policy::none()).connect_timeout(connecting);
    // A connection over which nothing comes any more is noticed, however long an answer may take.
    Ok(builder.tcp_keepalive(connecting).build()?)
}

fn builder() -> ClientBuilder {
    // An error says that there is a provider already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Http::builder()
        .user_agent(concat!("goldsmith/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::limited(REDIRECTS))
}
