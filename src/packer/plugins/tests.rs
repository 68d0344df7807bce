//! What is found of plugins, and a mirror behind HTTP that does what servers do.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Write as _;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::process::Cause;

const QEMU: &str = "github.com/hashicorp/qemu";
const RELEASE: &str = "/github.com/hashicorp/qemu/v1.1.4";
const PROGRAM: &str = "packer-plugin-qemu_v1.1.4_x5.0_linux_amd64";

fn linux() -> Platform {
    "linux_amd64".parse().unwrap()
}

/// A folder with these versions of the plugin, each a program that consists of its version.
fn folder(versions: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(QEMU);
    fs_err::create_dir_all(&own).unwrap();
    for version in versions {
        let path = own.join(format!("packer-plugin-qemu_v{version}_x5.0_linux_amd64"));
        fs_err::write(&path, version).unwrap();
        let sum = format!("{}{}", path.display(), installed::SUM);
        fs_err::write(sum, Digest::of(version.as_bytes()).hex()).unwrap();
    }
    folder
}

#[test]
fn the_locked_version_is_taken_or_the_newest_where_nothing_is_locked() {
    let installed = folder(&["1.0.9", "1.1.0", "1.1.4", "2.0.0"]);
    let path = Utf8Path::from_path(installed.path()).unwrap();
    let damaged = format!("{QEMU}/packer-plugin-qemu_v1.2.0_x5.0_linux_amd64");
    fs_err::write(path.join(damaged), "1.2.0").unwrap();
    let digest = |text: &str| Some(Digest::of(text.as_bytes()));
    let version = |text: &str| text.parse::<PluginVersion>().unwrap();
    let told = |constraint: &str, want: Want| {
        let demand = (Requirement::new(QEMU, constraint).unwrap(), want);
        match find(&demand, path, &linux(), &mut States::new()) {
            Ok(Provided { record, overruled, .. }) => {
                let overruled = if overruled { ", Packer would take another one" } else { "" };
                format!("{} {}{overruled}", record.version, record.digest.short())
            }
            Err(error) => error.failure().reason.replace(path.as_str(), "PLUGINS"),
        }
    };
    let told = [
        told("~> 1.0", Want::Installed),
        told("~> 1.1.0", Want::Installed),
        told("~> 1.0", Want::Exactly(version("1.1.4"), digest("1.1.4"))),
        told("~> 1.0", Want::Exactly(version("1.0.9"), digest("1.0.9"))),
        told("~> 1.0", Want::Exactly(version("1.0.9"), digest("evil"))),
        told("~> 1.0", Want::Exactly(version("1.2.0"), digest("1.2.0"))),
        told("~> 3.0", Want::Installed),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    1.1.4 b389fd695d0f
    1.1.4 b389fd695d0f
    1.1.4 b389fd695d0f
    1.0.9 d6f917c484e6, Packer would take another one
    `PLUGINS/github.com/hashicorp/qemu/packer-plugin-qemu_v1.0.9_x5.0_linux_amd64` is not the program that goldsmith.lock names: it is sha256:d6f917c484e6a48fcf8b90ef09cde0286c3d86e5dead48b42faf0dae94fb2df5, and sha256:b5c1fb2efc6d6b4674c2fdcc48ce01b43a3b7c03763c0c3355de0099ee0f8c73 is locked
    the Packer plugin `github.com/hashicorp/qemu` (1.2.0) is not installed: Packer passes over `PLUGINS/github.com/hashicorp/qemu/packer-plugin-qemu_v1.2.0_x5.0_linux_amd64`, since its checksum does not lie beside it
    the Packer plugin `github.com/hashicorp/qemu` (~> 3.0) is not installed
    ");
}

#[test]
fn a_lock_says_which_version_or_that_it_does_not_know() {
    let yaml = format!(
        "version: 1\nplugins:\n  {QEMU}:\n    1.0.9: {{ linux_amd64: {a} }}\n    1.1.4: {{ linux_arm64: {a} }}\n",
        a = Digest::of(b"a")
    );
    let lock = crate::config::plugin_lock("/goldsmith.lock".into(), yaml.as_bytes()).unwrap();
    let told = |source: &str, constraint: &str| {
        let requirement = Requirement::new(source, constraint).unwrap();
        match Want::locked(&requirement, &lock, &linux()) {
            Ok(Want::Exactly(version, Some(digest))) => format!("{version} {}", digest.short()),
            Ok(_) => "anything".to_owned(),
            Err(error) => {
                let failure = error.failure();
                format!("{}: {}", failure.reason, failure.hints.join("; "))
            }
        }
    };
    let told = [
        told(QEMU, "~> 1.0.0"),
        told(QEMU, ">= 1.0"),
        told(QEMU, ">= 2.0"),
        told("github.com/hashicorp/docker", ">= 1.0"),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    1.0.9 ca978112ca1b
    goldsmith.lock does not have `github.com/hashicorp/qemu` 1.1.4 for linux_amd64: run `goldsmith plugins` on a machine like this one, or with `--platform` where there is a mirror, and commit goldsmith.lock
    goldsmith.lock has no version of `github.com/hashicorp/qemu` that is `>= 2.0`: run `goldsmith plugins` and commit what it writes into goldsmith.lock
    goldsmith.lock has no version of `github.com/hashicorp/docker` that is `>= 1.0`: run `goldsmith plugins` and commit what it writes into goldsmith.lock
    ");
}

/// What a mirror does with a path.
#[derive(Clone)]
enum Does {
    Bytes(Vec<u8>),
    Status(u16),
    /// Promises so many bytes more than it sends.
    Short(Vec<u8>),
    /// Sends something, and then nothing more.
    Stall,
    /// Sends bytes for as long as somebody takes them.
    Endless,
}

async fn serve(mut stream: TcpStream, files: Rc<RefCell<HashMap<String, Does>>>) {
    let (reading, mut writing) = stream.split();
    let mut lines = BufReader::new(reading).lines();
    let Ok(Some(first)) = lines.next_line().await else { return };
    while lines.next_line().await.is_ok_and(|line| line.is_some_and(|line| !line.is_empty())) {}
    let path = first.split(' ').nth(1).unwrap();
    let does = files.borrow().get(path).cloned().unwrap_or(Does::Status(404));
    let head = |status: u16, length: Option<usize>| {
        let length = length.map(|length| format!("content-length: {length}\r\n"));
        let length = length.unwrap_or_default();
        format!("HTTP/1.1 {status} x\r\nconnection: close\r\n{length}\r\n").into_bytes()
    };
    let answer = match does {
        Does::Bytes(bytes) => [head(200, Some(bytes.len())), bytes].concat(),
        Does::Status(status) => head(status, Some(0)),
        Does::Short(bytes) => [head(200, Some(bytes.len() + 9)), bytes].concat(),
        Does::Stall => {
            let _ = writing.write_all(&[head(200, Some(9)), b"PK".into()].concat()).await;
            return std::future::pending().await;
        }
        Does::Endless => {
            let _ = writing.write_all(&head(200, None)).await;
            while writing.write_all(&[b'a'; 8 * 1024]).await.is_ok() {}
            return;
        }
    };
    let _ = writing.write_all(&answer).await;
}

/// A mirror, and what it has.
struct Server {
    place: PluginMirror,
    files: Rc<RefCell<HashMap<String, Does>>>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let files: Rc<RefCell<HashMap<String, Does>>> = Rc::default();
        let served = files.clone();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::task::spawn_local(serve(stream, served.clone()));
            }
        });
        Self { place: PluginMirror::Http(address.parse().unwrap()), files }
    }

    fn has(&self, name: &str, does: Does) {
        self.files.borrow_mut().insert(format!("{RELEASE}/{name}"), does);
    }

    /// The mirror has this archive, and says the truth about it.
    fn has_archive(&self, archive: &[u8]) {
        let list = format!("{}  {PROGRAM}.zip\n", Digest::of(archive).hex());
        self.has("packer-plugin-qemu_v1.1.4_SHA256SUMS", Does::Bytes(list.into()));
        self.has(&format!("{PROGRAM}.zip"), Does::Bytes(archive.into()));
    }

    /// What becomes of fetching version 1.1.4.
    async fn fetch(&self, cancellation: &Cancellation) -> String {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        let limits = Limits { stall: Duration::from_millis(300), file: Duration::from_secs(20) };
        let mirror = Mirror::new(&self.place, limits, cancellation).unwrap();
        let source = QEMU.parse().unwrap();
        let fetched = mirror.fetch(&source, &"1.1.4".parse().unwrap(), &linux(), folder).await;
        match fetched {
            Ok((path, digest)) => {
                let content = fs_err::read_to_string(&path).unwrap();
                assert_eq!(digest, Digest::of(content.as_bytes()));
                format!("{}: {content}", path.file_name().unwrap())
            }
            Err(error) => error.to_string(),
        }
    }
}

fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let mut zip = ZipWriter::new(io::Cursor::new(Vec::new()));
    zip.start_file("LICENSE.txt", SimpleFileOptions::default()).unwrap();
    zip.start_file(name, SimpleFileOptions::default()).unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap().into_inner()
}

/// Runs `test` where the server and its client take turns.
fn with_server(test: impl AsyncFnOnce(&Server)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, async {
        test(&Server::start().await).await;
    });
}

#[test]
fn whatever_a_mirror_does_only_what_it_promises_is_taken() {
    with_server(async |server| {
        let go_on = Cancellation::new();
        let good = archive(PROGRAM, b"the plugin");
        let zip = format!("{PROGRAM}.zip");
        let mut told = vec![server.fetch(&go_on).await];
        server.has_archive(&good);
        told.push(server.fetch(&go_on).await);
        for does in [
            Does::Status(404),
            Does::Status(503),
            Does::Short(good.clone()),
            Does::Stall,
            Does::Bytes(good[..good.len() / 2].into()),
        ] {
            server.has(&zip, does);
            told.push(server.fetch(&go_on).await);
        }
        server.has_archive(b"no archive");
        told.push(server.fetch(&go_on).await);
        server.has_archive(&archive("../packer-plugin-qemu", b"elsewhere"));
        told.push(server.fetch(&go_on).await);
        // Plain programs, and a list of the other name.
        server.files.borrow_mut().clear();
        let list = format!("{} *{PROGRAM}\n", Digest::of(b"plain").hex());
        server.has("SHA256SUMS", Does::Bytes(list.into()));
        server.has(PROGRAM, Does::Bytes(b"plain".into()));
        told.push(server.fetch(&go_on).await);
        server.has("SHA256SUMS", Does::Endless);
        told.push(server.fetch(&go_on).await);
        server.has("SHA256SUMS", Does::Bytes(b"nothing for anybody".into()));
        told.push(server.fetch(&go_on).await);
        server.has("SHA256SUMS", Does::Stall);
        let stop = Cancellation::new();
        stop.request(Cause::Interrupted);
        told.push(server.fetch(&stop).await);
        let told = told.join("\n").replace(&Digest::of(&good).to_string(), "GOOD");
        let half = Digest::of(&good[..good.len() / 2]).to_string();
        insta::assert_snapshot!(told.replace(&half, "HALF"), @"
        the mirror has no `github.com/hashicorp/qemu/v1.1.4/packer-plugin-qemu_v1.1.4_SHA256SUMS`
        packer-plugin-qemu_v1.1.4_x5.0_linux_amd64: the plugin
        the mirror has no `github.com/hashicorp/qemu/v1.1.4/packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip`
        the mirror does not give `github.com/hashicorp/qemu/v1.1.4/packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip`: the server answers 503 Service Unavailable
        the mirror does not give `github.com/hashicorp/qemu/v1.1.4/packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip`: end of file before message length reached
        the mirror does not give `github.com/hashicorp/qemu/v1.1.4/packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip`: no answer in time
        `github.com/hashicorp/qemu/v1.1.4/packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip` of the mirror is HALF, and its list of checksums says GOOD
        `github.com/hashicorp/qemu/v1.1.4/packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip` of the mirror is no archive with a plugin: invalid Zip archive: Could not find EOCD
        `github.com/hashicorp/qemu/v1.1.4/packer-plugin-qemu_v1.1.4_x5.0_linux_amd64.zip` of the mirror is no archive with a plugin: `packer-plugin-qemu_v1.1.4_x5.0_linux_amd64`: specified file not found in archive
        packer-plugin-qemu_v1.1.4_x5.0_linux_amd64: plain
        the mirror does not give `github.com/hashicorp/qemu/v1.1.4/SHA256SUMS`: the answer has more than 1 MiB
        `github.com/hashicorp/qemu/v1.1.4/SHA256SUMS` of the mirror names no program for linux_amd64
        cancelled
        ");
    });
}

#[test]
fn a_folder_is_a_mirror_as_a_server_is() {
    let folder = tempfile::tempdir().unwrap();
    let release = folder.path().join(&RELEASE[1..]);
    fs_err::create_dir_all(&release).unwrap();
    let good = archive(PROGRAM, b"the plugin");
    let list = format!("{}  {PROGRAM}.zip\n", Digest::of(&good).hex());
    fs_err::write(release.join("SHA256SUMS"), list).unwrap();
    fs_err::write(release.join(format!("{PROGRAM}.zip")), good).unwrap();
    fs_err::create_dir(release.with_file_name("v1.0.9")).unwrap();
    let place = PluginMirror::Directory(Utf8Path::from_path(folder.path()).unwrap().into());
    with_server(async |_| {
        let server = Server { place: place.clone(), files: Rc::default() };
        let go_on = Cancellation::new();
        let mirror = Mirror::new(&place, Limits::default(), &go_on).unwrap();
        let versions = mirror.versions(&QEMU.parse().unwrap()).await.unwrap();
        assert_eq!(versions, ["1.1.4", "1.0.9"].map(|text| text.parse().unwrap()));
        assert_eq!(server.fetch(&go_on).await, format!("{PROGRAM}: the plugin"));
        fs_err::write(release.join("SHA256SUMS"), format!("{}  {PROGRAM}.zip\n", "0".repeat(64)))
            .unwrap();
        assert!(server.fetch(&go_on).await.contains("its list of checksums says"));
        fs_err::remove_dir_all(&release).unwrap();
        assert!(server.fetch(&go_on).await.starts_with("the mirror has no `"));
    });
}
