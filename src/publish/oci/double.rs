//! A registry in memory that follows the specification, and breaks where a test wants it to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::format::{Descriptor, INDEX, ImageManifest, Index, TITLE};
use crate::model::Digest;

/// What goes wrong, once.
#[derive(Debug, Clone)]
pub(super) enum Fault {
    /// Another answer, with these headers.
    Answer(u16, &'static str),
    /// The connection breaks when this much of the question has come. What came is kept.
    CutAfter(usize),
    /// All is done, and the connection breaks before the answer.
    LoseAnswer,
}

/// How a registry is set up.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a registry that somebody runs")]
pub(super) struct Setup {
    /// Keeps no list of referrers.
    pub(super) no_referrers: bool,
    /// Deletes nothing.
    pub(super) no_deletes: bool,
    /// Sends everything from its beginning on.
    pub(super) no_ranges: bool,
    /// Takes no more at once.
    pub(super) largest_part: Option<usize>,
    /// Wants a token, which `hugo` gets for `secret`, and with it these actions.
    pub(super) tokens_for: Option<&'static str>,
    /// Wants the password `secret` of `hugo` itself.
    pub(super) password: bool,
}

/// What is in a registry, and what was asked.
#[derive(Default)]
pub(super) struct Content {
    pub(super) setup: Setup,
    pub(super) blobs: BTreeMap<(String, Digest), Vec<u8>>,
    pub(super) manifests: BTreeMap<(String, Digest), (String, Vec<u8>)>,
    pub(super) tags: BTreeMap<(String, String), Digest>,
    uploads: BTreeMap<String, Vec<u8>>,
    /// Faults of methods, each for the next question of that method.
    pub(super) faults: Vec<(&'static str, Fault)>,
    /// Every question: method, path, status.
    pub(super) asked: Vec<String>,
    /// Bytes of parts of blobs that came.
    pub(super) received: usize,
    tokens: usize,
}

/// The server.
#[derive(Clone)]
pub(super) struct Double {
    pub(super) host: String,
    content: Arc<Mutex<Content>>,
}

struct Question {
    method: String,
    path: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
    /// Whether the body is not all of it.
    is_cut: bool,
}

struct Reply {
    status: u16,
    headers: String,
    body: Vec<u8>,
}

fn reply(status: u16, headers: impl Into<String>, body: impl Into<Vec<u8>>) -> Reply {
    Reply { status, headers: headers.into(), body: body.into() }
}

fn error(status: u16, code: &str) -> Reply {
    let errors = json!({ "errors": [{ "code": code, "message": "said the registry" }] });
    reply(status, "", errors.to_string())
}

/// What follows in `blob` from where `range` begins: `bytes=5-`.
fn part(blob: &[u8], range: &str) -> Reply {
    let start: usize = range["bytes=".len()..range.len() - 1].parse().unwrap();
    let size = blob.len();
    if start >= size {
        return reply(416, format!("content-range: bytes */{size}\r\n"), "");
    }
    let headers = format!("content-range: bytes {start}-{}/{size}\r\n", size - 1);
    reply(206, headers, &blob[start..])
}

impl Double {
    pub(super) async fn start(setup: Setup) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let content = Arc::new(Mutex::new(Content { setup, ..Content::default() }));
        let double = Self { host, content };
        let server = double.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let server = server.clone();
                tokio::spawn(async move { server.serve(stream).await });
            }
        });
        double
    }

    pub(super) fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap()
    }

    /// The next question of `method` goes wrong.
    pub(super) fn fails(&self, method: &'static str, fault: Fault) -> &Self {
        self.content().faults.push((method, fault));
        self
    }

    /// The questions so far, with what differs each time taken out; forgets them.
    pub(super) fn asked(&self) -> String {
        std::mem::take(&mut self.content().asked).join("\n")
    }

    async fn serve(&self, stream: TcpStream) -> Option<()> {
        let mut stream = BufReader::new(stream);
        loop {
            let mut first = String::new();
            stream.read_line(&mut first).await.ok().filter(|read| *read > 0)?;
            let mut words = first.split_whitespace();
            let (method, target) = (words.next()?.to_owned(), words.next()?);
            let target = url::Url::parse("http://x").unwrap().join(target).unwrap();
            let mut headers = BTreeMap::new();
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.ok()?;
                let Some((name, value)) = line.trim().split_once(':') else { break };
                headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
            }
            let fault = {
                let mut content = self.content();
                let at = content.faults.iter().position(|(of, _)| *of == method);
                at.map(|at| content.faults.remove(at).1)
            };
            let length: usize = headers.get("content-length").map_or(0, |l| l.parse().unwrap());
            let takes = match &fault {
                Some(Fault::CutAfter(bytes)) => length.min(*bytes),
                _ => length,
            };
            let mut body = vec![0; takes];
            stream.read_exact(&mut body).await.ok()?;
            let question = Question {
                method,
                path: target.path().to_owned(),
                query: target.query_pairs().into_owned().collect(),
                headers,
                body,
                is_cut: takes < length,
            };
            let reply = match &fault {
                Some(Fault::Answer(status, headers)) => reply(*status, *headers, ""),
                _ => self.content().answer(&question),
            };
            self.content().asked.push(told(&question, reply.status));
            if matches!(fault, Some(Fault::CutAfter(_) | Fault::LoseAnswer)) {
                return None;
            }
            let (status, length) = (reply.status, reply.body.len());
            let length = if reply.headers.contains("content-length") {
                String::new()
            } else {
                format!("content-length: {length}\r\n")
            };
            let head = format!("HTTP/1.1 {status} x\r\n{length}{}\r\n", reply.headers);
            stream.write_all(head.as_bytes()).await.ok()?;
            if question.method != "HEAD" {
                stream.write_all(&reply.body).await.ok()?;
            }
        }
    }
}

fn told(question: &Question, status: u16) -> String {
    let words = question.path.split('/').map(|word| {
        let digest = word.strip_prefix("sha256").map(|_| "DIGEST");
        digest.or(word.strip_prefix("upload-").map(|_| "UPLOAD")).unwrap_or(word)
    });
    let path = words.collect::<Vec<_>>().join("/");
    let range = question.headers.get("content-range");
    let range = range.map(|range| format!(" {range}")).unwrap_or_default();
    format!("{} {path}{range} {status}", question.method)
}

impl Content {
    fn answer(&mut self, question: &Question) -> Reply {
        if question.path == "/token" {
            return self.token(question);
        }
        if let Some(refused) = self.refused(question) {
            return refused;
        }
        let Some(path) = question.path.strip_prefix("/v2/") else {
            return error(404, "NOT_FOUND");
        };
        let kinds = ["/blobs/uploads/", "/blobs/", "/manifests/", "/tags/", "/referrers/"];
        let Some((kind, (name, rest))) =
            kinds.iter().find_map(|kind| Some((*kind, path.rsplit_once(kind)?)))
        else {
            return error(404, "NOT_FOUND");
        };
        let method = question.method.as_str();
        match (kind, method) {
            ("/blobs/uploads/", _) => self.upload(question, name, rest),
            ("/blobs/", "GET" | "HEAD") => {
                let key = (name.to_owned(), rest.parse().unwrap());
                let range = question.headers.get("range").filter(|_| !self.setup.no_ranges);
                match (self.blobs.get(&key), range) {
                    (Some(blob), None) => reply(200, "", blob.clone()),
                    (Some(blob), Some(range)) => part(blob, range),
                    (None, _) => error(404, "BLOB_UNKNOWN"),
                }
            }
            ("/manifests/", "GET") => match self.manifest(name, rest) {
                Some((media_type, content)) => {
                    reply(200, format!("content-type: {media_type}\r\n"), content.clone())
                }
                None => error(404, "MANIFEST_UNKNOWN"),
            },
            ("/manifests/", "PUT") => self.put_manifest(question, name, rest),
            ("/manifests/", "DELETE") => self.delete(name, rest),
            ("/tags/", "GET") => self.tag_list(question, name),
            ("/referrers/", "GET") if !self.setup.no_referrers => {
                let index = Index::new(self.referrers(name, &rest.parse().unwrap()));
                reply(200, format!("content-type: {INDEX}\r\n"), index.to_json())
            }
            _ => error(404, "NOT_FOUND"),
        }
    }

    fn token(&mut self, question: &Question) -> Reply {
        let expected = format!("Basic {}", STANDARD.encode("hugo:secret"));
        let refreshes = String::from_utf8_lossy(&question.body).contains("refresh_token=secret");
        if question.headers.get("authorization") != Some(&expected) && !refreshes {
            return error(401, "UNAUTHORIZED");
        }
        self.tokens += 1;
        reply(200, "", json!({ "token": format!("token-{}", self.tokens) }).to_string())
    }

    /// A token is good until there is a newer one.
    fn refused(&self, question: &Question) -> Option<Reply> {
        let proof = question.headers.get("authorization").map(String::as_str);
        let writes = !matches!(question.method.as_str(), "GET" | "HEAD");
        if let Some(actions) = self.setup.tokens_for {
            let realm = format!("http://{}/token", question.headers["host"]);
            let challenge = format!("www-authenticate: Bearer realm=\"{realm}\",service=\"x\"\r\n");
            let good = format!("Bearer token-{}", self.tokens);
            if proof != Some(&good) || (writes && !actions.contains("push")) {
                return Some(Reply { headers: challenge, ..error(401, "UNAUTHORIZED") });
            }
        } else if self.setup.password {
            let good = format!("Basic {}", STANDARD.encode("hugo:secret"));
            if proof != Some(&good) {
                let challenge = "www-authenticate: Basic realm=\"x\"\r\n".to_owned();
                return Some(Reply { headers: challenge, ..error(401, "UNAUTHORIZED") });
            }
        }
        None
    }

    fn upload(&mut self, question: &Question, name: &str, id: &str) -> Reply {
        let location = |id: &str| format!("location: /v2/{name}/blobs/uploads/{id}?state=x\r\n");
        if question.method == "POST" {
            let id = format!("upload-{}", self.uploads.len());
            self.uploads.insert(id.clone(), Vec::new());
            return reply(202, location(&id), "");
        }
        let Some(upload) = self.uploads.get_mut(id) else {
            return error(404, "BLOB_UPLOAD_UNKNOWN");
        };
        let range = |upload: &[u8]| format!("range: 0-{}\r\n", upload.len().saturating_sub(1));
        match question.method.as_str() {
            "GET" => reply(204, location(id) + &range(upload), ""),
            "PATCH" => {
                if self.setup.largest_part.is_some_and(|most| question.body.len() > most) {
                    return error(416, "SIZE_INVALID");
                }
                let start = question.headers["content-range"].split('-').next().unwrap();
                if start != upload.len().to_string() {
                    return error(416, "RANGE_INVALID");
                }
                self.received += question.body.len();
                upload.extend_from_slice(&question.body);
                reply(202, location(id) + &range(upload), "")
            }
            "PUT" if question.is_cut => error(400, "SIZE_INVALID"),
            "PUT" => {
                let digest: Digest = question.query["digest"].parse().unwrap();
                let mut content = self.uploads.remove(id).unwrap();
                content.extend_from_slice(&question.body);
                if Digest::of(&content) != digest {
                    return error(400, "DIGEST_INVALID");
                }
                self.blobs.insert((name.to_owned(), digest), content);
                reply(201, "", "")
            }
            "DELETE" => {
                self.uploads.remove(id);
                reply(204, "", "")
            }
            _ => error(405, "UNSUPPORTED"),
        }
    }

    pub(super) fn manifest(&self, name: &str, reference: &str) -> Option<&(String, Vec<u8>)> {
        let tagged = self.tags.get(&(name.to_owned(), reference.to_owned()));
        let digest = tagged.copied().or_else(|| reference.parse().ok())?;
        self.manifests.get(&(name.to_owned(), digest))
    }

    fn put_manifest(&mut self, question: &Question, name: &str, reference: &str) -> Reply {
        let digest = Digest::of(&question.body);
        let media_type = question.headers["content-type"].clone();
        let mut told = String::new();
        if let Ok(manifest) = serde_json::from_slice::<ImageManifest>(&question.body) {
            let known =
                |layer: &Descriptor| self.blobs.contains_key(&(name.to_owned(), layer.digest));
            if !manifest.layers.iter().all(known) {
                return error(404, "MANIFEST_BLOB_UNKNOWN");
            }
            if let Some(subject) = manifest.subject.filter(|_| !self.setup.no_referrers) {
                told = format!("oci-subject: {}\r\n", subject.digest);
            }
        }
        self.manifests.insert((name.to_owned(), digest), (media_type, question.body.clone()));
        if reference.parse::<Digest>().is_err() {
            self.tags.insert((name.to_owned(), reference.to_owned()), digest);
        }
        reply(201, format!("docker-content-digest: {digest}\r\n{told}"), "")
    }

    fn delete(&mut self, name: &str, reference: &str) -> Reply {
        if self.setup.no_deletes {
            return error(405, "UNSUPPORTED");
        }
        let Ok(digest) = reference.parse::<Digest>() else {
            // As many registries, which delete by digest only.
            return error(400, "UNSUPPORTED");
        };
        match self.manifests.remove(&(name.to_owned(), digest)) {
            Some(_) => {
                self.tags.retain(|(of, _), tagged| of != name || *tagged != digest);
                reply(202, "", "")
            }
            None => error(404, "MANIFEST_UNKNOWN"),
        }
    }

    /// Two tags a page.
    fn tag_list(&self, question: &Question, name: &str) -> Reply {
        let last = question.query.get("last").cloned().unwrap_or_default();
        let tags = self.tags.keys().filter(|(of, tag)| of == name && *tag > last);
        let mut tags: Vec<&String> = tags.map(|(_, tag)| tag).collect();
        let mut link = String::new();
        if tags.len() > 2 {
            tags.truncate(2);
            link = format!("link: </v2/{name}/tags/list?n=2&last={}>; rel=\"next\"\r\n", tags[1]);
        }
        reply(200, link, json!({ "name": name, "tags": tags }).to_string())
    }

    fn referrers(&self, name: &str, subject: &Digest) -> Vec<Descriptor> {
        let mut found = Vec::new();
        for ((of, _), (media_type, content)) in &self.manifests {
            let Ok(manifest) = serde_json::from_slice::<ImageManifest>(content) else { continue };
            if of == name && manifest.subject.is_some_and(|of| of.digest == *subject) {
                let mut descriptor = Descriptor::of(media_type, content);
                descriptor.artifact_type = manifest.artifact_type;
                found.push(descriptor);
            }
        }
        found
    }

    /// The files of a tag as a reader finds them: names and digests.
    pub(super) fn files(&self, name: &str, tag: &str) -> Vec<(String, Digest)> {
        let Some((_, content)) = self.manifest(name, tag) else { return Vec::new() };
        let subject = Digest::of(content);
        let listed = if self.setup.no_referrers {
            let stand_in = self.manifest(name, &format!("sha256-{}", subject.hex()));
            let index = stand_in.map(|(_, index)| serde_json::from_slice::<Index>(index).unwrap());
            index.map(|index| index.manifests).unwrap_or_default()
        } else {
            self.referrers(name, &subject)
        };
        let beside =
            listed.iter().map(|listed| &self.manifests[&(name.to_owned(), listed.digest)].1);
        let manifests = beside.chain([content]);
        manifests
            .flat_map(|content| serde_json::from_slice::<ImageManifest>(content).unwrap().layers)
            .map(|layer| (layer.annotations[TITLE].clone(), layer.digest))
            .collect()
    }
}
