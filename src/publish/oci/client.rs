//! Questions to a registry: who asks is proven when it wants to know, what breaks is tried again, and
//! whatever it answers takes bounded time and memory.
//!
//! Credentials go to the registry itself, and to the service for tokens that it names. An answer may
//! lead elsewhere, but never to a weaker scheme, and credentials do not go along.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use reqwest::header::{
    AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE,
};
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::challenge::Challenge;
use super::credentials::Credentials;
use super::error::{OciError, line};
use crate::http;

/// The largest answer that is taken, in bytes: manifests, lists, small files.
pub(super) const LARGEST: usize = 8 << 20;
/// The longest address to which an answer may lead, in bytes.
const LONGEST_ADDRESS: usize = 16 << 10;
/// How often an answer may lead elsewhere.
const REDIRECTS: usize = 5;
/// How long a connection may take to come about.
const CONNECTING: Duration = Duration::from_secs(30);
/// How long a small question may take.
const QUESTION: Duration = Duration::from_mins(1);
/// How long a registry may ask to be left alone.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// How often to try, and how long to wait before the second time. Each further wait is twice as long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Times in all.
    pub(super) attempts: u32,
    /// The first wait.
    pub(super) wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 6, wait: Duration::from_millis(500) }
    }
}

/// What a question does to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    Delete,
}

/// A question.
pub(super) struct Ask<'a> {
    method: Method,
    url: Url,
    repository: &'a str,
    access: Access,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
    timeout: Duration,
    /// Whether what is asked for is large, and taken piece by piece.
    is_large: bool,
}

impl<'a> Ask<'a> {
    pub(super) fn new(method: Method, url: Url, repository: &'a str) -> Self {
        let access = match method {
            Method::GET | Method::HEAD => Access::Read,
            Method::DELETE => Access::Delete,
            _ => Access::Write,
        };
        let (headers, body, timeout) = (Vec::new(), Bytes::new(), QUESTION);
        Self { method, url, repository, access, headers, body, timeout, is_large: false }
    }

    pub(super) fn header(mut self, name: HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    pub(super) fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Of something large, of which the answer has the beginning only: [`Answer::pieces`] has it all,
    /// however long that takes.
    pub(super) fn of_large(mut self) -> Self {
        self.is_large = true;
        self
    }

    /// Of something that belongs to writing: where an upload stands.
    pub(super) fn for_writing(mut self) -> Self {
        self.access = Access::Write;
        self
    }

    /// What it is, for people. The query may hold secrets.
    fn what(&self) -> String {
        format!("{} {}", self.method, self.url.path())
    }
}

/// An answer, whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    headers: HeaderMap,
    /// Whom it is from: where its addresses start.
    url: Url,
    pub(super) body: Vec<u8>,
    /// What has not been taken, where something large was asked for and is there.
    rest: Option<reqwest::Response>,
}

impl Answer {
    /// A header, if it is there and text.
    pub(super) fn header(&self, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// Something large, piece by piece. Breaks off when nothing comes for a minute.
    pub(super) fn pieces(self) -> impl Stream<Item = Result<Bytes, OciError>> + Send + 'static {
        let url = self.url;
        stream::try_unfold(self.rest, move |rest| {
            let url = url.clone();
            async move {
                let Some(mut response) = rest else { return Ok(None) };
                let piece = match tokio::time::timeout(QUESTION, response.chunk()).await {
                    Ok(piece) => piece.map_err(|error| broken(&url, &error))?,
                    Err(_) => return Err(stalled(&url)),
                };
                Ok(piece.map(|piece| (piece, Some(response))))
            }
        })
    }

    /// What the registry says of an error.
    fn said(&self) -> String {
        #[derive(Deserialize)]
        struct Errors {
            errors: Vec<Entry>,
        }
        #[derive(Deserialize)]
        struct Entry {
            #[serde(default)]
            code: String,
            #[serde(default)]
            message: String,
        }
        if let Ok(Errors { errors }) = serde_json::from_slice(&self.body) {
            let first = errors.into_iter().next();
            return first.map(|e| line(&format!("{} {}", e.code, e.message))).unwrap_or_default();
        }
        let page = self.header(reqwest::header::CONTENT_TYPE).is_some_and(|t| t.contains("html"));
        if page { String::new() } else { line(&String::from_utf8_lossy(&self.body)) }
    }

    /// Whether the same question may get another answer later.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
    }

    /// How long the registry asks to be left alone.
    pub(super) fn asks_to_wait(&self) -> Option<Duration> {
        let seconds = self.header(RETRY_AFTER)?.trim().parse().ok()?;
        Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
    }
}

/// One registry.
pub(super) struct Client {
    http: reqwest::Client,
    /// As it is written in images.yml.
    host: String,
    base: Url,
    credentials: Credentials,
    /// The header `Authorization` for each repository and way of using it.
    proofs: Mutex<BTreeMap<(String, bool), SecretString>>,
    has_read: AtomicBool,
    patience: Patience,
}

impl Client {
    /// A client for the registry `host`. Plain HTTP is for this machine only.
    pub(super) fn new(
        host: &str,
        credentials: Credentials,
        patience: Patience,
    ) -> Result<Self, OciError> {
        let scheme = if is_this_machine(host) { "http" } else { "https" };
        let server = if host == "docker.io" { "registry-1.docker.io" } else { host };
        let unreachable = |error: url::ParseError| OciError::Unreachable {
            host: host.to_owned(),
            why: error.to_string(),
        };
        let base = Url::parse(&format!("{scheme}://{server}/")).map_err(unreachable)?;
        Self::at(base, host, credentials, patience)
    }

    pub(super) fn at(
        base: Url,
        host: &str,
        credentials: Credentials,
        patience: Patience,
    ) -> Result<Self, OciError> {
        let http =
            http::unguided(CONNECTING).map_err(|error| OciError::NoClient(error.to_string()))?;
        Ok(Self {
            http,
            host: host.to_owned(),
            base,
            credentials,
            proofs: Mutex::default(),
            has_read: AtomicBool::new(false),
            patience,
        })
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// The address of `path` in the registry.
    pub(super) fn url(&self, path: &str) -> Result<Url, OciError> {
        self.base.join(path).map_err(|error| self.strange(path, error.to_string()))
    }

    /// Asks until there is an answer, or patience is at its end.
    pub(super) async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, OciError> {
        let mut attempt = 1;
        loop {
            let answer = self.ask_once(ask).await;
            let wait = match &answer {
                Ok(answer) if answer.may_pass() => answer.asks_to_wait(),
                Err(OciError::Unreachable { .. }) => None,
                _ => return answer,
            };
            if attempt >= self.patience.attempts {
                return answer;
            }
            self.wait(attempt, wait).await;
            attempt += 1;
        }
    }

    /// Waits before attempt `attempt + 1`, at least as long as the registry asks for.
    pub(super) async fn wait(&self, attempt: u32, at_least: Option<Duration>) {
        let wait = self.patience.wait.saturating_mul(1 << attempt.saturating_sub(1).min(10));
        tokio::time::sleep(wait.min(LONGEST_WAIT).max(at_least.unwrap_or_default())).await;
    }

    /// Asks once. Proves who asks, and follows where the answer to a reader leads.
    pub(super) async fn ask_once(&self, ask: &Ask<'_>) -> Result<Answer, OciError> {
        let mut url = ask.url.clone();
        let (mut proven, mut redirects) = (false, 0);
        loop {
            let answer = self.ask_at(ask, &url).await?;
            let at_home = self.is_home(&url);
            if answer.status == StatusCode::UNAUTHORIZED && at_home && !proven {
                proven = true;
                if self.prove(ask, &answer).await? {
                    continue;
                }
            }
            let leads = answer.status.is_redirection() && ask.access == Access::Read;
            if leads && let Some(next) = self.location(ask, &answer)? {
                redirects += 1;
                if redirects > REDIRECTS {
                    return Err(self.strange(&ask.what(), "it leads from one address to the next"));
                }
                url = next;
                continue;
            }
            if ask.access == Access::Read
                && (answer.status.is_success() || answer.status == StatusCode::NOT_FOUND)
            {
                self.has_read.store(true, Ordering::Relaxed);
            }
            return Ok(answer);
        }
    }

    async fn ask_at(&self, ask: &Ask<'_>, url: &Url) -> Result<Answer, OciError> {
        let mut request = self.http.request(ask.method.clone(), url.clone());
        if !ask.is_large {
            request = request.timeout(ask.timeout);
        }
        for (name, value) in &ask.headers {
            request = request.header(name, value);
        }
        if ask.access != Access::Read {
            // Also of nothing: some registries want to be told.
            request = request.header(reqwest::header::CONTENT_LENGTH, ask.body.len());
        }
        if !ask.body.is_empty() {
            request = request.body(ask.body.clone());
        }
        if self.is_home(url)
            && let Some(proof) = self.proof(ask)
        {
            request = request.header(AUTHORIZATION, secret(&proof));
        }
        if !ask.is_large {
            return self.answer(url, request, &ask.what()).await;
        }
        let response = match tokio::time::timeout(ask.timeout, request.send()).await {
            Ok(response) => response.map_err(|error| broken(url, &error))?,
            Err(_) => return Err(stalled(url)),
        };
        if !response.status().is_success() {
            let what = ask.what();
            let taken = self.take(url, response, &what);
            let taken = tokio::time::timeout(ask.timeout, taken).await;
            return taken.unwrap_or_else(|_| Err(stalled(url)));
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let (url, body) = (url.clone(), Vec::new());
        Ok(Answer { status, headers, url, body, rest: Some(response) })
    }

    /// Sends a request and takes its answer, whole.
    async fn answer(
        &self,
        url: &Url,
        request: reqwest::RequestBuilder,
        what: &str,
    ) -> Result<Answer, OciError> {
        let response = request.send().await.map_err(|error| broken(url, &error))?;
        self.take(url, response, what).await
    }

    /// Takes an answer, whole.
    async fn take(
        &self,
        url: &Url,
        mut response: reqwest::Response,
        what: &str,
    ) -> Result<Answer, OciError> {
        let (status, headers) = (response.status(), response.headers().clone());
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| broken(url, &error))? {
            if body.len() + part.len() > LARGEST {
                return Err(self.strange(what, format!("it has more than {} MiB", LARGEST >> 20)));
            }
            body.extend_from_slice(&part);
        }
        Ok(Answer { status, headers, url: url.clone(), body, rest: None })
    }

    /// Where an answer leads, if it says so.
    pub(super) fn location(&self, ask: &Ask<'_>, answer: &Answer) -> Result<Option<Url>, OciError> {
        let Some(location) = answer.header(LOCATION) else {
            return Ok(None);
        };
        let refuse = |why: &str| Err(self.strange(&ask.what(), why));
        if location.len() > LONGEST_ADDRESS {
            return refuse("its `Location` is too long");
        }
        let Ok(url) = answer.url.join(location) else {
            return refuse("its `Location` is no address");
        };
        if !self.is_safe(&url) {
            return refuse("its `Location` has another scheme than `https`");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("its `Location` names a user");
        }
        Ok(Some(url))
    }

    /// What an answer means that is not what was hoped for.
    pub(super) fn refusal(&self, ask: &Ask<'_>, answer: &Answer) -> OciError {
        let (host, repository) = (self.host.clone(), ask.repository.to_owned());
        let (user, said) = (self.credentials.user(), answer.said());
        let unsupported = said.starts_with("UNSUPPORTED");
        match (answer.status, ask.access) {
            (StatusCode::METHOD_NOT_ALLOWED, Access::Delete) => self.no_deletes(ask),
            (_, Access::Delete) if unsupported => self.no_deletes(ask),
            (StatusCode::METHOD_NOT_ALLOWED, Access::Write) => OciError::ReadOnly { host },
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, access) => {
                if access != Access::Read && self.has_read.load(Ordering::Relaxed) {
                    OciError::MayNotWrite { host, repository, user, said }
                } else {
                    OciError::NoAccess { host, repository, user, said }
                }
            }
            (StatusCode::NOT_FOUND, Access::Write) if !said.contains("BLOB") => {
                OciError::NoRepository { host, repository, said }
            }
            (status, _) => OciError::Status { host, what: ask.what(), status, said },
        }
    }

    fn no_deletes(&self, ask: &Ask<'_>) -> OciError {
        let reference = ask.url.path().rsplit('/').next().unwrap_or_default();
        let separator = if reference.contains(':') { '@' } else { ':' };
        let reference = format!("{}{separator}{reference}", ask.repository);
        OciError::NoDeletes { host: self.host.clone(), reference }
    }

    /// An error about an answer that no registry may give.
    pub(super) fn strange(&self, what: &str, why: impl Into<String>) -> OciError {
        OciError::Strange { host: self.host.clone(), what: what.to_owned(), why: why.into() }
    }

    /// Whether `url` may be asked: encrypted, or plain where the registry itself is.
    fn is_safe(&self, url: &Url) -> bool {
        url.scheme() == "https" || (url.scheme() == "http" && self.base.scheme() == "http")
    }

    /// Whether `url` is of the registry itself, which may see its credentials.
    fn is_home(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    fn proof(&self, ask: &Ask<'_>) -> Option<SecretString> {
        let proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        proofs.get(&proof_key(ask)).cloned()
    }

    /// Gets what the registry wants to see. Says whether there is anything new to show.
    async fn prove(&self, ask: &Ask<'_>, answer: &Answer) -> Result<bool, OciError> {
        let headers = answer.headers.get_all(WWW_AUTHENTICATE);
        let headers = headers.iter().filter_map(|header| header.to_str().ok());
        let proof = match Challenge::of(headers) {
            Some(Challenge::Basic) => match (self.credentials.basic(), self.proof(ask)) {
                (Some(proof), None) => proof,
                _ => return Ok(false),
            },
            Some(Challenge::Bearer { realm, service, scope }) => {
                self.token(ask, &realm, service, scope).await?
            }
            None => return Ok(false),
        };
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        proofs.insert(proof_key(ask), proof);
        Ok(true)
    }

    /// A token for the repository of `ask`, from whoever gives them.
    async fn token(
        &self,
        ask: &Ask<'_>,
        realm: &str,
        service: Option<String>,
        wanted: Option<String>,
    ) -> Result<SecretString, OciError> {
        let what = "GET /token";
        let mut url = Url::parse(realm)
            .ok()
            .filter(|url| self.is_safe(url) && realm.len() <= LONGEST_ADDRESS)
            .ok_or_else(|| {
                self.strange(&ask.what(), "it sends us for a token to no safe address")
            })?;
        let actions = if ask.access == Access::Delete { "pull,push,delete" } else { "pull,push" };
        let ours = format!("repository:{}:{actions}", ask.repository);
        // A registry may know the repository by another name.
        let theirs =
            wanted.filter(|scope| !scope.starts_with(&format!("repository:{}:", ask.repository)));
        let mut parameters: Vec<(&str, String)> = Vec::new();
        parameters.extend(service.map(|service| ("service", service)));
        parameters.push(("scope", ours));
        parameters.extend(theirs.map(|scope| ("scope", scope)));
        let request = if let Credentials::Refresh(token) = &self.credentials {
            parameters.push(("grant_type", "refresh_token".to_owned()));
            parameters.push(("client_id", "goldsmith".to_owned()));
            parameters.push(("refresh_token", token.expose_secret().to_owned()));
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            let form = form.extend_pairs(&parameters).finish();
            let form_type = "application/x-www-form-urlencoded";
            self.http.post(url.clone()).header(reqwest::header::CONTENT_TYPE, form_type).body(form)
        } else {
            url.query_pairs_mut().extend_pairs(&parameters);
            let request = self.http.get(url.clone());
            match self.credentials.basic() {
                Some(proof) => request.header(AUTHORIZATION, secret(&proof)),
                None => request,
            }
        };
        let answer = self.answer(&url, request.timeout(QUESTION), what).await?;
        if answer.may_pass() {
            let (host, why) = (address(&url), format!("it answers {}", answer.status));
            return Err(OciError::Unreachable { host, why });
        }
        if !answer.status.is_success() {
            let said = match answer.said() {
                said if said.is_empty() => answer.status.to_string(),
                said => format!("{} {said}", answer.status),
            };
            let (host, realm) = (self.host.clone(), address(&url));
            return Err(OciError::NoToken { host, realm, user: self.credentials.user(), said });
        }
        let given: Option<Given> = serde_json::from_slice(&answer.body).ok();
        let token = given.and_then(|given| given.token.or(given.access_token));
        let token = token.ok_or_else(|| self.strange(what, "there is no token in it"))?;
        Ok(format!("Bearer {}", token.expose_secret()).into())
    }
}

/// What a service for tokens answers.
#[derive(Deserialize)]
struct Given {
    token: Option<SecretString>,
    access_token: Option<SecretString>,
}

fn proof_key(ask: &Ask<'_>) -> (String, bool) {
    (ask.repository.to_owned(), ask.access == Access::Delete)
}

/// A header that is not shown anywhere. One that cannot be a header proves nothing.
fn secret(value: &SecretString) -> HeaderValue {
    let mut value = HeaderValue::from_str(value.expose_secret())
        .unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// A server, for people.
fn address(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}{port}", url.host_str().unwrap_or_default())
}

/// Whether `host` is this machine, where nobody can listen on the way.
pub(super) fn is_this_machine(host: &str) -> bool {
    match Url::parse(&format!("http://{host}/")).ok().as_ref().and_then(Url::host) {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whoever answers has stopped to do so.
fn stalled(url: &Url) -> OciError {
    OciError::Unreachable { host: address(url), why: "no answer in time".to_owned() }
}

/// What it means that there is no answer.
fn broken(url: &Url, error: &reqwest::Error) -> OciError {
    if error.is_timeout() {
        return stalled(url);
    }
    let host = address(url);
    let mut cause: &(dyn std::error::Error + 'static) = error;
    loop {
        // An I/O error hides what it was made of from `source`.
        let hidden = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let hidden = hidden.map(|hidden| hidden as &(dyn std::error::Error + 'static));
        if let Some(tls) = hidden.unwrap_or(cause).downcast_ref::<rustls::Error>() {
            return OciError::Tls { host, why: tls.to_string() };
        }
        match hidden.or_else(|| cause.source()) {
            Some(source) => cause = source,
            None => return OciError::Unreachable { host, why: line(&cause.to_string()) },
        }
    }
}
