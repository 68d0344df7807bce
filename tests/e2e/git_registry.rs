//! The registry on a branch, over HTTP, with tokens and with connections that break.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::clock::Clock;
use goldsmith::environment::Environment;
use goldsmith::model::{Address, ImageName, VersionBase};
use goldsmith::process::Launcher;
use goldsmith::registry::{self, Author, Lease, Reach, Registry, RegistryError};
use goldsmith_testkit::git_server::{Accident, GitServer, READER, WRITER};
use jiff::civil::date;
use rustix::process::{Pid, Signal, kill_process};

use crate::build::COPY;
use crate::project::{DEBIAN, Project};

/// A server with an empty repository.
struct Forge {
    folder: tempfile::TempDir,
    server: GitServer,
}

impl Forge {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let forge = Self { server: GitServer::start(root).unwrap(), folder };
        forge.git(&["init", "--quiet", "--bare", "."]);
        for (key, value) in
            [("http.receivepack", "true"), ("uploadpack.allowFilter", "true"), ("gc.auto", "0")]
        {
            forge.git(&["config", key, value]);
        }
        forge
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    /// What git says in the repository of the server.
    fn git(&self, arguments: &[&str]) -> String {
        let repository = self.path("images.git");
        fs_err::create_dir_all(&repository).unwrap();
        let mut git = Command::new("git");
        let output = git.args(arguments).current_dir(repository).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn url(&self) -> String {
        format!("git+{}", self.server.url("images.git"))
    }

    /// The registry, as the machine called `name` sees it with `token`.
    async fn open(&self, name: &str, token: &str) -> Result<Box<dyn Registry>, RegistryError> {
        let home = self.path(name);
        fs_err::create_dir_all(&home).unwrap();
        let path = Environment::of_process().get("PATH").unwrap().to_owned();
        let variables =
            [("PATH", path.as_str()), ("HOME", home.as_str()), ("GOLDSMITH_GIT_TOKEN", token)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let reach = Reach {
            environment: variables.into_iter().collect::<Environment>(),
            launcher: Launcher::new(env!("CARGO_BIN_EXE_goldsmith")),
            state: Some(home.join("state")),
        };
        registry::open(&Address::Git(self.url().parse().unwrap()), &reach).await
    }

    fn told(&self, error: &RegistryError) -> String {
        let failure = error.failure();
        let told = format!("{}\n  {}", failure.reason, failure.hints.join(" / "));
        told.replace(&self.server.url(""), "http://forge/")
    }
}

fn image() -> ImageName {
    "debian-12".parse().unwrap()
}

async fn reserve(registry: &dyn Registry, run: &str) -> Result<String, RegistryError> {
    let author =
        Author { run: run.parse().unwrap(), run_url: None, by: None, clock: Clock::system() };
    let day = date(2026, 11, 23);
    let version = registry::reserve(registry, &author, &image(), VersionBase::default(), day).await;
    version.map(|version| version.to_string())
}

/// Whether `token` is seen in `text`, as itself or as git sends it.
fn tells(text: &[u8], token: &str) -> bool {
    use base64::prelude::{BASE64_STANDARD, Engine as _};
    let sent = BASE64_STANDARD.encode(format!("x-access-token:{token}"));
    [token, &sent]
        .iter()
        .any(|secret| text.windows(secret.len()).any(|window| window == secret.as_bytes()))
}

#[tokio::test]
async fn two_machines_share_a_registry_over_http_and_nobody_sees_the_token() {
    let forge = Forge::new();
    let (one, other) =
        (forge.open("one", WRITER).await.unwrap(), forge.open("other", WRITER).await.unwrap());
    let blob = one.put_blob(b"inventory").await.unwrap();
    let taken = tokio::join!(
        reserve(&*one, "r1"),
        reserve(&*other, "r2"),
        reserve(&*one, "r3"),
        reserve(&*other, "r4"),
    );
    let taken = [taken.0, taken.1, taken.2, taken.3].map(Result::unwrap);
    assert_eq!(BTreeSet::from(taken).len(), 4, "every run has a version of its own");

    for accident in [Accident::Before, Accident::After] {
        forge.server.harm_next_push(accident);
        let run = format!("r-{accident:?}").to_lowercase();
        reserve(&*one, &run).await.unwrap();
    }
    let now = jiff::Timestamp::now();
    let mut lease = Lease::new("r1".parse().unwrap(), None, "one".to_owned(), now, Vec::new());
    assert!(registry::renew(&*one, &mut lease, now).await.unwrap());

    let reader = forge.open("reader", READER).await.unwrap();
    assert_eq!(reader.log(&image(), 0).await.unwrap().len(), 6);
    assert_eq!(reader.blob(&blob).await.unwrap(), b"inventory");
    assert_eq!(registry::leases(&*reader).await.unwrap().len(), 1);
    let commits = forge.git(&["rev-list", "--count", "refs/heads/goldsmith-registry"]);
    assert_eq!(commits.trim(), "6", "an entry whose answer was lost is not written twice");

    let seen = forge.server.command_lines();
    assert!(seen.iter().any(|line| line.contains("git") && line.contains("push")));
    assert!(!seen.iter().any(|line| tells(line.as_bytes(), WRITER)), "on a command line");
    let walk = ignore::WalkBuilder::new(forge.folder.path()).standard_filters(false).build();
    let files = walk.map(|entry| entry.unwrap().into_path()).filter(|path| path.is_file());
    let telling = files.filter(|path| tells(&fs_err::read(path).unwrap(), WRITER));
    assert_eq!(telling.count(), 0, "in a file");
}

#[tokio::test]
async fn a_token_that_may_not_is_told_what_it_needs() {
    let forge = Forge::new();
    let registry = forge.open("reader", READER).await.unwrap();
    let cannot_write = reserve(&*registry, "r1").await.unwrap_err();
    let cannot_read = forge.open("stranger", "guessed").await.err().unwrap();
    insta::assert_snapshot!(
        [forge.told(&cannot_write), forge.told(&cannot_read)].join("\n"), @"
    the server does not let goldsmith write `git+http://forge/images.git`: unable to access 'http://forge/images.git/': The requested URL returned error: 403
      its token needs permission to write (`contents: write` on GitHub, `repository: write` on Forgejo and Gitea), and no rule of the forge may protect the branch from it
    the server does not let goldsmith read `git+http://forge/images.git`: it knows no token, or not the one that it is shown
      check the address, and the token: `GOLDSMITH_GIT_TOKEN`, else the forge's own
    "
    );
}

#[test]
fn a_run_that_is_killed_while_its_push_is_answered_is_cleaned_up_after() {
    let forge = Forge::new();
    let images = DEBIAN.replace("./registry", &forge.url());
    let project = Project::new(&images);
    project.write("packer/debian.pkr.hcl", COPY);
    project.disk();
    project.advisories(|_, _| {});
    let goldsmith = |arguments: &[&str]| {
        let mut goldsmith = project.goldsmith();
        goldsmith.env("GOLDSMITH_GIT_TOKEN", WRITER).args(arguments);
        goldsmith
    };
    let run = ["run", "--db", "advisories", "--force"];
    let log = || forge.git(&["log", "--reverse", "--format=%s", "refs/heads/goldsmith-registry"]);
    let (sender, killed) = std::sync::mpsc::channel();
    let (pid_sender, pid) = std::sync::mpsc::channel();
    // The first push is the lease, the second reserves a version.
    forge.server.when_push_is_taken(2, move || {
        kill_process(pid.recv().unwrap(), Signal::KILL).unwrap();
        sender.send(()).unwrap();
    });
    let mut victim = goldsmith(&run)
        .stdout(Stdio::null())
        .stderr(fs_err::File::create(project.path("stderr")).unwrap().into_file())
        .spawn()
        .unwrap();
    pid_sender.send(Pid::from_child(&victim)).unwrap();
    killed.recv_timeout(std::time::Duration::from_mins(1)).unwrap();
    victim.wait().unwrap();

    let output = goldsmith(&run).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let log = log();
    let log = log.replace(&crate::project::today(), "TODAY");
    insta::assert_snapshot!(log, @"
    debian-12: reserved TODAY
    debian-12: abandoned TODAY
    debian-12: reserved TODAY.2
    debian-12: published TODAY.2
    debian-12: candidate names TODAY.2
    ");
    let refs = forge.git(&["for-each-ref", "--format=%(refname)"]);
    assert_eq!(refs, "refs/heads/goldsmith-registry\n", "no lease is left");
}
