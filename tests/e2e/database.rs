//! Where the advisory database comes from, with the real Trivy and a registry on this machine.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use goldsmith::model::Digest;
use serde_json::json;

use crate::project::{DEBIAN, EMPTY_TEMPLATE, Ended, Project};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.aquasec.trivy.config.v1+json";
const LAYER: &str = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip";

/// An OCI registry with one artifact in the repository `trivy-db`. Go's clients speak HTTP without TLS
/// to this machine.
struct Registry {
    address: String,
    /// How often the artifact was asked for.
    asked: Arc<AtomicUsize>,
}

impl Registry {
    /// A registry of the database in the project's folder `advisories`.
    fn of(project: &Project) -> Self {
        let archive = project.path("db.tar.gz");
        let made = Command::new("tar")
            .args([
                "-c",
                "-z",
                "-f",
                archive.as_str(),
                "-C",
                project.path("advisories/db").as_str(),
            ])
            .args(["trivy.db", "metadata.json"])
            .status();
        assert!(made.unwrap().success());
        let layer = fs_err::read(archive).unwrap();
        let part = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "size": bytes.len(), "digest": Digest::of(bytes) });
        let config = b"{}".to_vec();
        let mut layer_part = part(LAYER, &layer);
        layer_part["annotations"] = json!({ "org.opencontainers.image.title": "db.tar.gz" });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": part(CONFIG, &config), "layers": [layer_part],
        });
        let manifest = manifest.to_string().into_bytes();
        let mut content = BTreeMap::new();
        content.insert("/v2/".to_owned(), ("application/json", b"{}".to_vec()));
        for reference in ["2".to_owned(), Digest::of(&manifest).to_string()] {
            let path = format!("/v2/trivy-db/manifests/{reference}");
            content.insert(path, (MANIFEST, manifest.clone()));
        }
        for blob in [config, layer] {
            let path = format!("/v2/trivy-db/blobs/{}", Digest::of(&blob));
            content.insert(path, ("application/octet-stream", blob));
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(AtomicUsize::new(0));
        let (content, count) = (Arc::new(content), asked.clone());
        std::thread::spawn(move || {
            for connection in listener.incoming().map_while(Result::ok) {
                let (content, count) = (content.clone(), count.clone());
                std::thread::spawn(move || answer(&connection, &content, &count));
            }
        });
        Self { address, asked }
    }

    fn repository(&self) -> String {
        format!("{}/trivy-db:2", self.address)
    }
}

type Content = BTreeMap<String, (&'static str, Vec<u8>)>;

/// Answers what comes over one connection.
fn answer(connection: &TcpStream, content: &Content, asked: &AtomicUsize) {
    let mut requests = BufReader::new(connection);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if requests.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            if line.trim().is_empty() {
                break;
            }
            head.push(line);
        }
        let mut words = head[0].split_whitespace();
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        asked.fetch_add(usize::from(path.contains("/blobs/")), Ordering::Relaxed);
        let found = content.get(path);
        let (kind, body) = found.map_or(("text/plain", &b""[..]), |it| (it.0, it.1.as_slice()));
        let status = if found.is_some() { "200 OK" } else { "404 Not Found" };
        let digest = Digest::of(body);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nDocker-Content-Digest: {digest}\r\n\r\n"
        );
        let mut to = connection;
        let body = if method == "HEAD" { &b""[..] } else { body };
        if to.write_all(head.as_bytes()).and_then(|()| to.write_all(body)).is_err() {
            return;
        }
    }
}

/// A port on which nobody answers.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A project with a disk, and advisories that only a registry has.
fn project() -> (Project, Registry) {
    let project = Project::with_template(EMPTY_TEMPLATE);
    project.write("images.yml", DEBIAN);
    project.disk();
    project.advisories(|_, stamp| stamp.fixture = None);
    let registry = Registry::of(&project);
    fs_err::remove_dir_all(project.path("advisories")).unwrap();
    (project, registry)
}

const SCAN: [&str; 4] = ["scan", "disk.raw", "--image", "debian-12"];

fn from(repositories: &[&str]) -> Vec<String> {
    repositories
        .iter()
        .flat_map(|name| ["--db-repository".to_owned(), (*name).to_owned()])
        .collect()
}

fn scan(project: &Project, repositories: &[&str]) -> Ended {
    let more = from(repositories);
    let arguments: Vec<&str> = SCAN.into_iter().chain(more.iter().map(String::as_str)).collect();
    project.run(&arguments)
}

#[test]
fn the_next_repository_is_asked_when_one_cannot_be_reached() {
    let (project, registry) = project();
    let refusing = format!("{}/trivy-db:2", nobody());
    let unknown = "goldsmith.invalid/trivy-db:2";
    let missing = format!("{}/other:2", registry.address);
    let ended = scan(&project, &[&refusing, unknown, &missing, &registry.repository()]).expect(0);
    for failed in [refusing.as_str(), unknown, &missing] {
        let told = format!("no advisory database comes from `{failed}`: ");
        let lines = ended.stderr.lines().filter(|line| line.contains(&told));
        assert_eq!(lines.count(), 1, "{told}\n{}", ended.stderr);
    }
    assert!(ended.stderr.contains("connection refused"), "{}", ended.stderr);

    // It is young: nobody is asked again.
    let ended = scan(&project, &[&refusing]).expect(0);
    assert!(!ended.stderr.contains("no advisory database"), "{}", ended.stderr);
}

#[test]
fn the_environment_names_repositories_and_nothing_at_all_is_untrusted() {
    let (project, registry) = project();
    let refusing = format!("{}/trivy-db:2", nobody());
    let ended = scan(&project, &[&refusing]).expect(4);
    let told = format!("failed to download the advisory database: `{refusing}`: ");
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
    assert!(ended.stderr.contains("--db-repository"), "{}", ended.stderr);

    let names = format!("{refusing},{}", registry.repository());
    let output = project.goldsmith().args(SCAN).env("TRIVY_DB_REPOSITORY", names).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn two_that_need_a_database_download_it_once() {
    let (project, registry) = project();
    let ended = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let one = scan(&project, &[&registry.repository()]);
                ended.lock().unwrap().push(one.code);
            });
        }
    });
    assert_eq!(ended.into_inner().unwrap(), [0, 0]);
    // The layer, and what goes with it.
    let asked = registry.asked.load(Ordering::Relaxed);
    assert!((1..=2).contains(&asked), "{asked} blobs were asked for");
    assert_eq!(project.list("state/advisories"), ["db"]);
}
