//! The store on OCI registries, with the registry of the distribution project.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::environment::Environment;
use goldsmith::model::Digest;
use goldsmith::publish::OciStore;
use serde_json::Value;

use super::contract::{Build, Subject, store_contract};
use super::{Store, StoreError};
use crate::build::wait_for;
use crate::project::{DEBIAN, EMPTY_TEMPLATE, Project, today};

/// The registry, running on a port of its own until this is dropped.
struct Server {
    process: Child,
    host: String,
    folder: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Server {
    fn start() -> Self {
        Self::with("", "")
    }

    /// With these settings of its storage, and these of its own.
    fn with(storage: &str, settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = std::env::var_os("GOLDSMITH_TEST_REGISTRY")
            .expect("`tools/install --with oci`, then `eval \"$(tools/install --env)\"`");
        let root = folder.path().display();
        let configuration = format!(
            "version: 0.1\n\
             log: {{ level: info, accesslog: {{ disabled: true }} }}\n\
             storage:\n\
             \x20 filesystem: {{ rootdirectory: {root} }}\n\
             \x20 delete: {{ enabled: true }}\n\
             {storage}\
             http: {{ addr: \"127.0.0.1:0\", secret: of-this-test }}\n\
             {settings}"
        );
        let file = folder.path().join("config.yml");
        fs_err::write(&file, configuration).unwrap();
        let mut process = Command::new(program)
            .arg("serve")
            .arg(file)
            .env("OTEL_TRACES_EXPORTER", "none")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines =
            BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut said = Vec::new();
        let host = loop {
            let line = lines.next();
            let line = line.unwrap_or_else(|| panic!("the registry ends: {said:?}"));
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit());
                break rest[..end.unwrap_or(rest.len())].to_owned();
            }
            said.push(line);
        };
        // It says more, and would wait for somebody to read it.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, host, folder }
    }

    fn store(&self, variables: &[(&str, &str)]) -> OciStore {
        let reference = format!("{}/team/images", self.host).parse().unwrap();
        let variables = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let environment: Environment = variables.collect();
        OciStore::new(reference, environment, self.path("state"))
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    fn tags(&self, repository: &str) -> Utf8PathBuf {
        let folder = "docker/registry/v2/repositories";
        self.path(&format!("{folder}/{repository}/_manifests/tags"))
    }

    /// Where the registry keeps the content of a digest.
    fn blob(&self, digest: &str) -> Utf8PathBuf {
        let hex = digest.trim().trim_start_matches("sha256:");
        self.path(&format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
    }

    /// The digest and the manifest that a tag names.
    fn tagged(&self, repository: &str, tag: &str) -> Option<(String, Value)> {
        let link = self.tags(repository).join(tag).join("current/link");
        let digest = fs_err::read_to_string(link).ok()?;
        let content = fs_err::read(self.blob(&digest)).ok()?;
        Some((digest, serde_json::from_slice(&content).unwrap()))
    }

    /// Names and digests of the files of a tag: its layers, and those of what refers to it.
    fn files(&self, repository: &str, tag: &str) -> Vec<(String, String)> {
        let Some((digest, manifest)) = self.tagged(repository, tag) else {
            return Vec::new();
        };
        let mut manifests = vec![manifest];
        if let Some((_, index)) = self.tagged(repository, &digest.replace(':', "-")) {
            for listed in index["manifests"].as_array().unwrap() {
                let content = fs_err::read(self.blob(listed["digest"].as_str().unwrap())).unwrap();
                manifests.push(serde_json::from_slice(&content).unwrap());
            }
        }
        let layers = manifests.iter().flat_map(|manifest| manifest["layers"].as_array().unwrap());
        layers
            .map(|layer| {
                let name = &layer["annotations"]["org.opencontainers.image.title"];
                let text = |value: &Value| value.as_str().unwrap().to_owned();
                (text(name), text(&layer["digest"]))
            })
            .collect()
    }

    /// The content of a file of a version, as somebody with `curl` gets it.
    fn get(&self, path: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let accept =
            "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json";
        write!(stream, "GET {path} HTTP/1.0\r\nHost: {}\r\nAccept: {accept}\r\n\r\n", self.host)
            .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let head = String::from_utf8_lossy(&answer[..end]);
        assert!(head.contains(" 200 "), "{path}: {head}");
        answer.split_off(end + 4)
    }
}

/// The repository, the tag and the file name of a path in a store.
fn parts(path: &str) -> (String, String, &str) {
    let (prefix, path) = match path.strip_prefix("rejected/") {
        Some(path) => ("rejected-", path),
        None => ("", path),
    };
    let mut words = path.splitn(3, '/');
    let (image, version) = (words.next().unwrap(), words.next().unwrap());
    (format!("team/images/{image}"), format!("{prefix}{version}"), words.next().unwrap())
}

impl Subject for Server {
    fn open(&self) -> Box<dyn Store> {
        Box::new(self.store(&[]))
    }

    fn read(&self, path: &str) -> Option<Vec<u8>> {
        let (repository, tag, wanted) = parts(path);
        let files = self.files(&repository, &tag);
        let (_, digest) = files.into_iter().find(|(name, _)| name == wanted)?;
        Some(self.get(&format!("/v2/{repository}/blobs/{digest}")))
    }

    fn damage(&self, path: &str) {
        let (repository, tag, wanted) = parts(path);
        let files = self.files(&repository, &tag);
        let (_, digest) = files.into_iter().find(|(name, _)| name == wanted).unwrap();
        let mut content = fs_err::read(self.blob(&digest)).unwrap();
        content[0] ^= 1;
        fs_err::write(self.blob(&digest), content).unwrap();
    }

    fn visible(&self) -> Vec<String> {
        let repository = "team/images/debian-12";
        let Ok(tags) = self.tags(repository).read_dir_utf8() else {
            return Vec::new();
        };
        let tags = tags.map(|tag| tag.unwrap().file_name().to_owned());
        tags.filter(|tag| !tag.starts_with("sha256-"))
            .flat_map(|tag| {
                let files = self.files(repository, &tag).into_iter();
                files.map(move |(name, _)| format!("{tag} {name}")).collect::<Vec<_>>()
            })
            .collect()
    }
}

store_contract!(Server::start());

/// A Debian 12 that is published to `host`, with a disk of 64 MiB and advisories that count.
fn project(host: &str) -> Project {
    let stores = DEBIAN.replace(
        "[{ dir: { url: ./store } }]",
        &format!("[{{ oci: {{ ref: \"{host}/team/images\" }} }}]"),
    );
    let project = Project::new(&stores);
    project.write("packer/debian.pkr.hcl", EMPTY_TEMPLATE);
    let disk = fs_err::OpenOptions::new().write(true).open(project.disk()).unwrap();
    let size = disk.metadata().unwrap().len().max(64 << 20);
    disk.set_len(size).unwrap();
    project.advisories(|_, stamp| stamp.fixture = None);
    project
}

const RUN: [&str; 5] = ["run", "--from-artifact", "debian-12=disk.raw", "--db", "advisories"];

#[test]
fn a_run_publishes_to_a_registry_and_any_client_gets_it_back() {
    let server = Server::start();
    let project = project(&server.host);
    project.run(&RUN).expect(0);
    let (repository, version) = ("team/images/debian-12", today());
    let manifest = server.get(&format!("/v2/{repository}/manifests/{version}"));
    let digest = Digest::of(&manifest);
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.goldsmith.image.v1");
    assert_eq!(manifest["annotations"]["org.opencontainers.image.version"], version);
    let layer = &manifest["layers"][0];
    let name = layer["annotations"]["org.opencontainers.image.title"].as_str().unwrap();
    assert_eq!(name, format!("debian-12-v{version}.raw"));
    let disk = server.get(&format!("/v2/{repository}/blobs/{}", layer["digest"].as_str().unwrap()));
    assert!(disk == fs_err::read(project.path("disk.raw")).unwrap());

    let list = server.get(&format!("/v2/{repository}/manifests/sha256-{}", digest.hex()));
    let list: Value = serde_json::from_slice(&list).unwrap();
    let mut beside = Vec::new();
    for listed in list["manifests"].as_array().unwrap() {
        let kind = listed["artifactType"].as_str().unwrap();
        let reference = listed["digest"].as_str().unwrap();
        let referrer = server.get(&format!("/v2/{repository}/manifests/{reference}"));
        let referrer: Value = serde_json::from_slice(&referrer).unwrap();
        assert_eq!(referrer["subject"]["digest"], digest.to_string());
        let layer = &referrer["layers"][0];
        let name = layer["annotations"]["org.opencontainers.image.title"].as_str().unwrap();
        beside.push(format!("{name}: {kind}"));
    }
    beside.sort();
    insta::assert_snapshot!(beside.join("\n"), @"
    SHA256SUMS: application/vnd.goldsmith.checksums.v1
    inventory.cdx.json: application/vnd.cyclonedx+json
    manifest.json: application/vnd.goldsmith.manifest.v1+json
    report.json: application/vnd.goldsmith.report.v1+json
    ");
    let sums = server.read(&format!("debian-12/{version}/SHA256SUMS")).unwrap();
    let sum = format!("{}  {name}\n", Digest::of(&disk).hex());
    assert!(String::from_utf8(sums).unwrap().contains(&sum));
    let published = project.json("registry/images/debian-12/log/00000002.json");
    let location = format!("oci://{}/{repository}:{version}#{name}", server.host);
    assert!(published.to_string().contains(&location), "{published}");

    let verified = project.run(&["verify", "debian-12@candidate"]).expect(0);
    assert_eq!(verified.stdout.matches("✓").count(), 5, "{}", verified.stdout);
    assert!(!verified.stdout.contains("another run"), "{}", verified.stdout);
    let pull = ["pull", "debian-12@candidate", "--output", "here", "--documents"];
    project.run(&pull).expect(0);
    let here = project.path("here");
    let check = ["--check", "--strict", "--quiet", "SHA256SUMS"];
    let check = Command::new("sha256sum").args(check).current_dir(&here).status();
    assert!(check.unwrap().success());
    assert!(fs_err::read(here.join(name)).unwrap() == disk);
}

/// A way to a server that counts what goes there, and on which nothing more goes from a point on.
struct Gate {
    address: String,
    sent: Arc<AtomicUsize>,
    limit: Arc<AtomicUsize>,
    is_shut: Arc<AtomicBool>,
}

impl Gate {
    fn before(server: &str, limit: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let gate = Self {
            address: listener.local_addr().unwrap().to_string(),
            sent: Arc::default(),
            limit: Arc::new(AtomicUsize::new(limit)),
            is_shut: Arc::default(),
        };
        let (sent, limit, is_shut) = (gate.sent.clone(), gate.limit.clone(), gate.is_shut.clone());
        let server = server.to_owned();
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let (sent, limit, is_shut) = (sent.clone(), limit.clone(), is_shut.clone());
                let server = TcpStream::connect(&server).unwrap();
                let (mut from, mut to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                std::thread::spawn(move || {
                    drop(std::io::copy(&mut from, &mut to));
                    drop(to.shutdown(Shutdown::Both));
                });
                std::thread::spawn(move || forward(client, server, &sent, &limit, &is_shut));
            }
        });
        gate
    }
}

/// Passes on until the limit is reached. Then the connection stays open, and nothing moves on it.
fn forward(
    mut client: TcpStream,
    mut server: TcpStream,
    sent: &AtomicUsize,
    limit: &AtomicUsize,
    is_shut: &AtomicBool,
) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        if sent.fetch_add(read, Ordering::SeqCst) + read > limit.load(Ordering::SeqCst) {
            is_shut.store(true, Ordering::SeqCst);
            // Until the client is gone.
            while client.read(&mut buffer).is_ok_and(|read| read > 0) {}
            break;
        }
        if server.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    drop(server.shutdown(Shutdown::Both));
}

#[test]
fn a_run_that_is_killed_in_an_upload_is_followed_by_one_that_sends_only_the_rest() {
    let server = Server::start();
    let gate = Gate::before(&server.host, 40 << 20);
    let project = project(&gate.address);
    let mut killed = project.goldsmith();
    let mut killed = killed.args(RUN).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for("the upload", || gate.is_shut.load(Ordering::SeqCst));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(server.visible(), Vec::<String>::new());
    gate.limit.store(usize::MAX, Ordering::SeqCst);
    let before = gate.sent.swap(0, Ordering::SeqCst);
    project.run(&RUN).expect(0);
    let (size, sent) = (
        fs_err::metadata(project.path("disk.raw")).unwrap().len(),
        gate.sent.load(Ordering::SeqCst),
    );
    // What was lost is at most a part, and what is sent besides are small documents.
    assert!(before > 40 << 20 && sent < (35 << 20), "{before} and {sent} bytes for {size}");
    let version = project.list("registry/images/debian-12/versions").pop().unwrap();
    let version = version.trim_end_matches(".json");
    let disk = server.read(&format!("debian-12/{version}/debian-12-v{version}.raw")).unwrap();
    assert!(disk == fs_err::read(project.path("disk.raw")).unwrap());
}

/// What a failure says, and its hint.
fn told<T: std::fmt::Debug>(server: &Server, result: Result<T, StoreError>) -> String {
    let failure = result.unwrap_err().failure();
    let told = format!("{}\n  {}", failure.reason, failure.hints.join(" / "));
    told.replace(&server.host, "HOST")
}

#[tokio::test]
async fn a_registry_that_is_read_only_and_a_wrong_password_are_said() {
    let build = Build::new("1.0.20261123");
    let maintenance = "\x20 maintenance: { readonly: { enabled: true } }\n";
    let read_only = Server::with(maintenance, "");
    let passwords = tempfile::NamedTempFile::new().unwrap();
    let hash = bcrypt::hash_with_salt("secret", 4, [7; 16]).unwrap();
    fs_err::write(passwords.path(), format!("hugo:{hash}\n")).unwrap();
    let path = passwords.path().display();
    let locked = Server::with("", &format!("auth: {{ htpasswd: {{ realm: x, path: {path} }} }}\n"));
    let login =
        |password| [("GOLDSMITH_OCI_USERNAME", "hugo"), ("GOLDSMITH_OCI_PASSWORD", password)];
    let said = [
        told(&read_only, read_only.store(&[]).put(&build.publication).await),
        told(&locked, locked.store(&[]).put(&build.publication).await),
        told(&locked, locked.store(&login("guess")).put(&build.publication).await),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    `HOST` takes nothing at the moment: it is read-only
      wait until its maintenance is over, or push to the registry that it mirrors
    `HOST` does not let somebody without a name read `team/images/debian-12`: UNAUTHORIZED authentication required
      set GOLDSMITH_OCI_USERNAME and GOLDSMITH_OCI_PASSWORD, or log in with `docker login` or `oras login`
    `HOST` does not let `hugo` read `team/images/debian-12`: UNAUTHORIZED authentication required
      check the name and the password or token: it may have expired, or be for another registry
    ");
    locked.store(&login("secret")).put(&build.publication).await.unwrap();
}
