//! Against the real git, and servers that are folders.

use std::error::Error;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use camino::{Utf8Path, Utf8PathBuf};

use super::program::{Call, Ended, Program, Take};
use super::*;
use crate::environment::Environment;
use crate::model::{GitAddress, GitRepository};
use crate::registry::contract::fixtures::{
    assert_up_to_date, author, channel, image, in_threads, publish, reservation, take,
};
use crate::registry::contract::{Subject, registry_contract};
use crate::registry::{Lease, enter, leases, renew};

/// Git without a supervisor, which only the finished program has.
struct Plain;

#[async_trait]
impl Program for Plain {
    async fn run(
        &self,
        call: Call<'_>,
        take: &mut Take<'_>,
    ) -> Result<Ended, Box<dyn Error + Send + Sync>> {
        let stdin = match call.input {
            Some(file) => fs_err::File::open(file)?.into_file().into(),
            None => Stdio::null(),
        };
        let output = tokio::process::Command::new("git")
            .args(&call.arguments)
            .env_clear()
            .envs(call.environment.iter())
            .stdin(stdin)
            .output()
            .await?;
        take(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok(Ended { succeeded: output.status.success(), stderr })
    }
}

/// A server, and machines that share nothing else.
struct Server {
    folder: tempfile::TempDir,
    machines: AtomicUsize,
}

impl Server {
    fn fresh() -> Self {
        let server = Self::without_filters();
        server.git(&["config", "uploadpack.allowFilter", "true"], "");
        server
    }

    /// A server that knows of no filters.
    fn without_filters() -> Self {
        let server = Self { folder: tempfile::tempdir().unwrap(), machines: AtomicUsize::new(0) };
        fs_err::create_dir(server.path("home")).unwrap();
        server.git_in(&server.path(""), &["init", "--quiet", "--bare", "server.git"], "");
        server.git(&["config", "receive.autoGc", "false"], "");
        server
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    /// What git says in the server's repository.
    fn git(&self, arguments: &[&str], input: &str) -> String {
        self.git_in(&self.path("server.git"), arguments, input)
    }

    fn git_in(&self, folder: &Utf8Path, arguments: &[&str], input: &str) -> String {
        use std::io::Write as _;
        let mut git = std::process::Command::new("git");
        let identity = ["-c", "user.name=me", "-c", "user.email=me@example.org"];
        git.args(identity).args(arguments).current_dir(folder).env("HOME", self.path("home"));
        let mut git = git.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        git.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = git.wait_with_output().unwrap();
        assert!(output.status.success(), "git {arguments:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn environment(&self, more: &[(&str, &str)]) -> Environment {
        let process = Environment::of_process();
        let home = self.path("home");
        let variables = [("PATH", process.get("PATH").unwrap()), ("HOME", home.as_str())];
        let variables = variables.iter().chain(more);
        variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn address(&self) -> GitAddress {
        let repository = GitRepository::Url(format!("file://{}", self.path("server.git")));
        GitAddress { repository, branch: GitAddress::BRANCH.to_owned() }
    }

    /// A machine of its own, that starts git by `program`.
    async fn machine(
        &self,
        program: Arc<dyn Program>,
        more: &[(&str, &str)],
    ) -> Result<GitRegistry, RegistryError> {
        let number = self.machines.fetch_add(1, Ordering::Relaxed);
        let state = self.path(&format!("machine-{number}"));
        let environment = self.environment(more);
        GitRegistry::open_with(
            &self.address(),
            program,
            &environment,
            &state,
            (Duration::ZERO, false),
        )
        .await
    }

    /// Changes a ref by commands for `git fast-import`.
    fn change(&self, name: &str, change: &str) {
        let from = self.git(&["for-each-ref", "--format=from %(objectname)", name], "");
        let commit = format!("commit {name}\ncommitter x <x> 0 +0000\ndata 0\n{from}{change}\n");
        self.git(&["fast-import", "--quiet"], &commit);
    }

    fn branch() -> String {
        format!("refs/heads/{}", GitAddress::BRANCH)
    }

    /// Where a path of the layout is: its ref, and its path there.
    fn place(path: &str) -> (String, String) {
        let leases = format!("refs/goldsmith/{}", GitAddress::BRANCH);
        let json = path.strip_prefix("runs/").and_then(|name| name.strip_suffix(".json"));
        match (json, path.strip_prefix("blobs/")) {
            (Some(run), _) => (format!("{leases}/runs/{run}"), path.to_owned()),
            (None, Some(name)) => (Self::branch(), format!("blobs/{}/{name}", &name[..2])),
            (None, None) => (Self::branch(), path.to_owned()),
        }
    }
}

#[async_trait]
impl Subject for Server {
    async fn open(&self) -> Result<Box<dyn Registry>, RegistryError> {
        Ok(Box::new(self.machine(Arc::new(Plain), &[]).await?))
    }

    async fn plant(&self, path: &str, content: &[u8]) {
        let (name, path) = Self::place(path);
        let blob = self.path("planted");
        fs_err::write(&blob, content).unwrap();
        let id = self.git(&["hash-object", "-w", "--no-filters", blob.as_str()], "");
        // A file gives way to a folder, and the other way round.
        self.change(&name, &format!("M 100644 {} {path}", id.trim()));
    }

    async fn remove(&self, path: &str) {
        let (name, path) = Self::place(path);
        self.change(&name, &format!("D {path}"));
    }
}

mod folder {
    super::registry_contract!(super::Server::fresh());
}

#[tokio::test]
async fn an_entry_is_one_commit_with_all_that_follows_from_it() {
    let server = Server::fresh();
    let registry = server.open().await.unwrap();
    let run = author("20261123t100000z-5f3a9c");
    let blob = registry.put_blob(b"inventory").await.unwrap();
    let version = publish(&*registry, run.run.as_str()).await;
    enter(&*registry, &run, &image(), &channel(), version).await.unwrap();
    let format = "--format=%n%s / %an <%ae> / %(trailers:separator=%x2C )";
    let log = server.git(&["log", "--reverse", "--name-only", format, &Server::branch()], "");
    let mut lines: Vec<&str> = log.lines().collect();
    lines.dedup();
    insta::assert_snapshot!(lines.join("\n").replace(&blob.hex()[2..], "…"), @"

    debian-12: reserved 1.0.20261123 / goldsmith <goldsmith@localhost> / Run: 20261123t100000z-5f3a9c

    blobs/b1/b1….zst
    images/debian-12/log/00000001.json
    index/ca.json
    schema.json

    debian-12: published 1.0.20261123 / goldsmith <goldsmith@localhost> / Run: 20261123t100000z-5f3a9c

    images/debian-12/log/00000002.json
    images/debian-12/versions/1.0.20261123.json
    index/ca.json

    debian-12: candidate names 1.0.20261123 / goldsmith <goldsmith@localhost> / Run: 20261123t100000z-5f3a9c

    images/debian-12/channels/candidate.json
    images/debian-12/goldsmith.auto.tfvars.json
    images/debian-12/log/00000003.json
    index/ca.json
    ");
    let before = server.git(&["for-each-ref"], "");
    let rebuilt = crate::registry::rebuild(&*registry, &image()).await.unwrap();
    assert_eq!((rebuilt, server.git(&["for-each-ref"], "")), (vec![], before));
}

#[tokio::test]
async fn contents_come_when_they_are_asked_for() {
    let server = Server::fresh();
    let writer = server.open().await.unwrap();
    let images: Vec<ImageName> =
        (0..70).map(|number| format!("image-{number}").parse().unwrap()).collect();
    let entry = |image: &ImageName| {
        let mut entry = reservation(1, "r1");
        entry.image = image.clone();
        entry
    };
    for image in &images[..2] {
        writer.put_blob(image.as_str().as_bytes()).await.unwrap();
        writer.append(&entry(image)).await.unwrap();
    }
    // The others are in no shard.
    let others = images[2..].iter().map(|image| {
        let content = serde_json::to_string(&entry(image)).unwrap();
        let (path, size) = (layout::entry(image, 1), content.len());
        format!("M 100644 inline {path}\ndata {size}\n{content}\n")
    });
    server.change(&Server::branch(), &others.collect::<String>());
    let reader = server.machine(Arc::new(Plain), &[]).await.unwrap();
    let here = || {
        let objects = ["cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"];
        let objects = server.git_in(&reader.cache.folder.join("repository.git"), &objects, "");
        let count = |kind: &str| objects.lines().filter(|line| *line == kind).count();
        (count("commit"), count("blob"))
    };
    assert_eq!(here(), (1, 1), "the newest commit, and which schema it has");
    assert_eq!(reader.histories(&images[..2]).await.unwrap().len(), 2);
    assert_eq!(here(), (1, 5), "two shards and two ends");
    let histories = reader.histories(&images).await.unwrap();
    assert!(histories.values().all(|history| history.head == 1));
    assert_eq!(reader.images().await.unwrap().len(), 70);
    assert_eq!(here().1, 1 + 2 + 70, "no blob of an image");
}

#[tokio::test]
async fn a_server_without_filters_serves_as_well() {
    let server = Server::without_filters();
    let (one, other) = (server.open().await.unwrap(), server.open().await.unwrap());
    publish(&*one, "r1").await;
    let blob = one.put_blob(b"inventory").await.unwrap();
    publish(&*other, "r2").await;
    take(&*one, "r3").await.unwrap();
    assert_eq!(other.blob(&blob).await.unwrap(), b"inventory");
    assert_up_to_date(&*server.open().await.unwrap()).await;
}

/// Starts git, and lets a test change how it ends.
struct Meddling<F>(F);

#[async_trait]
impl<F: Fn(&[String]) -> Option<&'static str> + Send + Sync> Program for Meddling<F> {
    async fn run(
        &self,
        call: Call<'_>,
        take: &mut Take<'_>,
    ) -> Result<Ended, Box<dyn Error + Send + Sync>> {
        let complaint = (self.0)(&call.arguments);
        let ended = Plain.run(call, take).await?;
        Ok(match complaint {
            Some(stderr) => Ended { succeeded: false, stderr: stderr.to_owned() },
            None => ended,
        })
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_is_looked_for() {
    let server = Server::fresh();
    let pushes = AtomicUsize::new(0);
    let program = Meddling(move |arguments: &[String]| {
        let is_push = arguments.iter().any(|word| word == "push");
        let is_first = is_push && pushes.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        is_first.then_some("fatal: the remote end hung up unexpectedly")
    });
    let registry = server.machine(Arc::new(program), &[]).await.unwrap();
    registry.append(&reservation(1, "r1")).await.unwrap();
    registry.append(&reservation(2, "r1")).await.unwrap();
    assert!(registry.create_claim(&"r9".parse().unwrap(), b"{}").await.unwrap());
    let again = registry.append(&reservation(2, "r1")).await;
    assert!(matches!(again, Err(RegistryError::Conflict { seq: 2, .. })));
    assert_eq!(server.git(&["rev-list", "--count", &Server::branch()], "").trim(), "2");
}

#[tokio::test]
async fn a_server_that_says_no_is_quoted_and_one_that_says_nothing_is_no_conflict() {
    let server = Server::fresh();
    let registry = server.open().await.unwrap();
    let hook = server.path("server.git/hooks/update");
    let refuse = "#!/bin/sh\necho 'error: GH006: Protected branch update failed.' >&2\nexit 1\n";
    fs_err::create_dir_all(hook.parent().unwrap()).unwrap();
    fs_err::write(&hook, refuse).unwrap();
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
    fs_err::set_permissions(&hook, mode).unwrap();
    let told = |error: RegistryError| {
        let failure = error.failure();
        let told = format!("{}\n  {}\n", failure.reason, failure.hints.join(" / "));
        told.replace(server.path("").as_str(), "/")
    };
    let protected = told(registry.append(&reservation(1, "r1")).await.unwrap_err());
    fs_err::remove_file(&hook).unwrap();
    let meddled = |stderr: &'static str| {
        Meddling(move |arguments: &[String]| {
            arguments.iter().any(|word| word == "fetch").then_some(stderr)
        })
    };
    let forbidden = "remote: Repository not found.\nfatal: repository 'https://x/' not found\n";
    let offline = "fatal: unable to access 'https://x/': Could not resolve host: x\n";
    let forbidden = server.machine(Arc::new(meddled(forbidden)), &[]).await.err().unwrap();
    let offline = server.machine(Arc::new(meddled(offline)), &[]).await.err().unwrap();
    insta::assert_snapshot!([protected, told(forbidden), told(offline)].concat(), @"
    the server does not let goldsmith write `git+file:///server.git`: hook declined: GH006: Protected branch update failed., hook declined to update refs/heads/goldsmith-registry
      its token needs permission to write (`contents: write` on GitHub, `repository: write` on Forgejo and Gitea), and no rule of the forge may protect the branch from it
    the server does not let goldsmith read `git+file:///server.git`: Repository not found.
      check the address, and the token: `GOLDSMITH_GIT_TOKEN`, else the forge's own
    cannot reach `git+file:///server.git`: unable to access 'https://x/': Could not resolve host: x
      what is recorded is recorded as a whole or not at all: run it again
    ");
    registry.append(&reservation(1, "r1")).await.unwrap();
}

#[tokio::test]
async fn commits_are_signed_if_that_is_wished() {
    let server = Server::fresh();
    let key = server.path("key");
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", key.as_str()])
        .status();
    assert!(made.unwrap().success());
    let signing = [
        ("GOLDSMITH_GIT_SIGN", "1"),
        ("GOLDSMITH_GIT_SIGNING_KEY", key.as_str()),
        ("GOLDSMITH_GIT_NAME", "Image <Bot>\n"),
        ("GOLDSMITH_GIT_EMAIL", "bot@example.org"),
    ];
    let registry = server.machine(Arc::new(Plain), &signing).await.unwrap();
    publish(&registry, "r1").await;
    let public = fs_err::read_to_string(server.path("key.pub")).unwrap();
    fs_err::write(server.path("signers"), format!("bot@example.org {public}")).unwrap();
    let signers = format!("gpg.ssh.allowedSignersFile={}", server.path("signers"));
    let log = ["-c", &signers, "log", "--format=%G? %an: %s", &Server::branch()];
    assert_eq!(
        server.git(&log, ""),
        "G Image Bot: debian-12: published 1.0.20261123\nG Image Bot: debian-12: reserved 1.0.20261123\n"
    );
    let missing = [("GOLDSMITH_GIT_SIGN", "1"), ("GOLDSMITH_GIT_SIGNING_KEY", "/missing")];
    let registry = server.machine(Arc::new(Plain), &missing).await.unwrap();
    let error = registry.append(&reservation(3, "r2")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Unsigned { .. }), "{error}");
}

#[tokio::test]
async fn the_surrounding_repository_is_asked_where_its_origin_is_and_left_alone() {
    let server = Server::fresh();
    let work = server.path("work/images");
    fs_err::create_dir_all(&work).unwrap();
    let git = |arguments: &[&str]| server.git_in(&server.path("work"), arguments, "");
    git(&["init", "--quiet", "."]);
    fs_err::write(work.join("images.yml"), "version: 1\n").unwrap();
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message=first"]);
    git(&["remote", "add", "origin", "../server.git"]);
    git(&["config", "core.hooksPath", server.path("hooks").as_str()]);
    let everything = || {
        let walk = ignore::WalkBuilder::new(server.path("work")).standard_filters(false).build();
        let files = walk.map(|entry| {
            let entry = entry.unwrap();
            (entry.path().to_owned(), entry.metadata().unwrap().modified().unwrap())
        });
        files.collect::<BTreeMap<_, _>>()
    };
    let before = everything();
    let open = async |folder: &Utf8Path| {
        let address = GitAddress::surrounding(folder);
        let (state, environment) = (server.path("state"), server.environment(&[]));
        let program = Arc::new(Plain);
        GitRegistry::open_with(&address, program, &environment, &state, (Duration::ZERO, false))
            .await
    };
    let registry = open(&work).await.unwrap();
    publish(&registry, "r1").await;
    assert!(everything() == before, "something has changed");
    assert!(registry.location().ends_with("/work/../server.git"), "{}", registry.location());
    assert_eq!(server.open().await.unwrap().images().await.unwrap(), [image()]);

    git(&["remote", "remove", "origin"]);
    let lonely = open(&work).await.err().unwrap().to_string();
    let nowhere = open(&server.path("home")).await.err().unwrap().to_string();
    let told = format!("{lonely}\n{nowhere}").replace(server.path("").as_str(), "/");
    insta::assert_snapshot!(told, @"
    `git` cannot be a registry: the `origin` of `/work` cannot be told: No such remote 'origin'
    `git` cannot be a registry: `/home` is in no git repository, whose `origin` it would be in
    ");
}

#[tokio::test]
async fn what_others_have_put_into_the_branch_leads_nowhere() {
    let server = Server::fresh();
    let registry = server.open().await.unwrap();
    registry.append(&reservation(1, "r1")).await.unwrap();
    let entry = layout::entry(&image(), 2);
    let blob = server.git(&["hash-object", "-w", "--stdin"], "/etc/passwd");
    let tip = server.git(&["rev-parse", &Server::branch()], "");
    for (mode, id) in [("120000", &blob), ("160000", &tip)] {
        server.change(&Server::branch(), &format!("M {mode} {} {entry}", id.trim()));
        assert_eq!(registry.log(&image(), 0).await.unwrap().len(), 1, "no file, no entry");
    }
    server.plant(&entry, &vec![b' '; 17 << 20]).await;
    let error = registry.log(&image(), 0).await.unwrap_err();
    assert!(matches!(error, RegistryError::Damaged { .. }), "{error}");
    server.remove(&entry).await;
    server.plant(".gitattributes", b"* filter=evil ident export-subst\n").await;
    server.plant(".gitmodules", b"[submodule \"x\"]\n\tpath = x\n\turl = ext::sh\n").await;
    take(&*registry, "r2").await.unwrap();
    assert_eq!(registry.log(&image(), 0).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_at_hand_is_made_again_when_it_is_torn() {
    let server = Server::fresh();
    publish(&*server.open().await.unwrap(), "r1").await;
    let state = server.path("state");
    let open = async || {
        let (address, environment) = (server.address(), server.environment(&[]));
        let program = Arc::new(Plain);
        GitRegistry::open_with(&address, program, &environment, &state, (Duration::ZERO, false))
            .await
    };
    let registry = open().await.unwrap();
    let objects = registry.cache.folder.join("repository.git/objects");
    let packs = || objects.join("pack").read_dir_utf8().unwrap().map(|file| file.unwrap());
    for file in packs() {
        fs_err::remove_file(file.path()).unwrap();
    }
    let registry = open().await.unwrap();
    assert_eq!(registry.log(&image(), 0).await.unwrap().len(), 2);
    for file in packs().filter(|file| file.path().extension() == Some("pack")) {
        let content = fs_err::read(file.path()).unwrap();
        fs_err::remove_file(file.path()).unwrap();
        fs_err::write(file.path(), &content[..content.len() / 2]).unwrap();
    }
    let registry = open().await.unwrap();
    take(&registry, "r2").await.unwrap();
    assert_eq!(registry.log(&image(), 0).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_branch_that_was_deleted_is_an_empty_registry() {
    let server = Server::fresh();
    let registry = server.open().await.unwrap();
    publish(&*registry, "r1").await;
    server.git(&["update-ref", "-d", &Server::branch()], "");
    let stale = registry.append(&reservation(3, "r2")).await.unwrap_err();
    assert!(matches!(stale, RegistryError::Gap { .. }), "{stale}");
    assert_eq!(registry.images().await.unwrap(), []);
    publish(&*registry, "r3").await;
    assert_eq!(server.open().await.unwrap().log(&image(), 0).await.unwrap().len(), 2);
}

#[tokio::test]
async fn leases_are_refs_of_their_own_and_one_of_many_gets_a_claim() {
    let server = Server::fresh();
    let handles = [server.open().await.unwrap(), server.open().await.unwrap()];
    let now = "2026-11-23T10:00:00Z".parse().unwrap();
    let mut lease = Lease::new("r1".parse().unwrap(), None, "runner".to_owned(), now, Vec::new());
    for _ in 0..3 {
        renew(&*handles[0], &mut lease, now).await.unwrap();
    }
    let claimed = in_threads(4, |number| {
        let registry = &*handles[number % 2];
        let run = "r1".parse().unwrap();
        async move { registry.create_claim(&run, number.to_string().as_bytes()).await.unwrap() }
    });
    assert_eq!(claimed.iter().filter(|claimed| **claimed).count(), 1);
    let refs = server.git(&["for-each-ref", "--format=%(refname) %(objecttype)"], "");
    insta::assert_snapshot!(refs, @"
    refs/goldsmith/goldsmith-registry/claims/r1 commit
    refs/goldsmith/goldsmith-registry/runs/r1 commit
    ");
    let size = server.git(&["rev-list", "--count", "--all"], "");
    assert_eq!(size.trim(), "2", "a lease has no past");
    handles[1].remove_lease(&"r1".parse().unwrap()).await.unwrap();
    assert!(leases(&*handles[0]).await.unwrap().is_empty());
}

#[tokio::test]
async fn who_asks_again_a_moment_later_asks_neither_the_server_nor_git() {
    let server = Server::fresh();
    let writer = server.open().await.unwrap();
    let version = publish(&*writer, "r1").await;
    enter(&*writer, &author("r1"), &image(), &channel(), version).await.unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let reader = async |fresh: Duration| {
        let counting = calls.clone();
        let program = Meddling(move |_: &[String]| {
            counting.fetch_add(1, Ordering::SeqCst);
            None
        });
        let (state, environment) = (server.path("reader"), server.environment(&[]));
        let address = server.address();
        let program = Arc::new(program);
        let registry =
            GitRegistry::open_with(&address, program, &environment, &state, (fresh, true)).await;
        let file = Projection::Channel(image(), channel());
        let content = registry.unwrap().projection(&file).await.unwrap().unwrap();
        let file: crate::registry::ChannelFile = serde_json::from_slice(&content).unwrap();
        (file.version, calls.swap(0, Ordering::SeqCst))
    };
    let (long, none) = (Duration::from_hours(1), Duration::ZERO);
    assert!(reader(long).await.1 > 1);
    assert_eq!(reader(long).await, (version, 0));
    assert_eq!(reader(none).await, (version, 2), "one fetch to open it, one to read");

    let next = publish(&*writer, "r2").await;
    enter(&*writer, &author("r2"), &image(), &channel(), next).await.unwrap();
    assert_eq!(reader(long).await, (version, 0), "as old as is allowed");
    assert_eq!(reader(none).await.0, next);
    assert_eq!(reader(long).await, (next, 0));
}
