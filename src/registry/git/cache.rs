//! What is at hand of a registry's branch: a bare repository of our own in the state folder, one for
//! each address and branch. The user's repository has no part in it.
//!
//! ```text
//! <state>/registries/<digest of address and branch>/
//!   lock               held by whoever changes something
//!   repository.git     tips, trees, and contents as far as they were asked for
//!   objects.git        the same objects, in a repository that knows no server
//! ```
//!
//! A branch holds contents of years, and most runs need a few: the first fetch brings the newest
//! commit and its trees, later ones what has changed, and contents are fetched by name, all that are
//! needed at once. Git would do that by itself, one by one; the second repository, which has no
//! server to ask, is there so that it does not. It is all a cache: without it, it is made again.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use camino::{Utf8DirEntry, Utf8Path, Utf8PathBuf};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use tokio::time::sleep;

use super::contents::{Contents, Found};
use super::program::{Call, Ended, Program, Take};
use super::refusal::Refusal;
use super::settings::{Identity, REMOTE, Settings};
use super::tree::{Entry, ObjectId};
use crate::registry::RegistryError;

/// How long git may take where it asks no server.
const LOCAL: Duration = Duration::from_mins(5);

/// How long it may take where it does. A first fetch brings some megabytes.
const REMOTELY: Duration = Duration::from_mins(15);

/// How often something that asks a server is tried, where trying again does no harm.
pub(super) const ATTEMPTS: u32 = 3;

/// How often the lock is tried.
const LOOK: Duration = Duration::from_millis(5);

/// Every fetch leaves a pack. With more than this, looking for an object takes long.
const PACKS: usize = if cfg!(test) { 6 } else { 50 };

/// Every commit that is made here leaves some objects, in 256 folders. With more than this in one, as
/// for git itself.
const LOOSE: usize = 27;

/// How files begin that git reads.
const INPUT: &str = "input-";

/// How old such a file is when whoever made it has died: older than git may take to read it.
const LEFT: Duration = Duration::from_hours(1);

/// The newest commit that was fetched.
const TIP: &str = "refs/goldsmith/tip";

/// The last commit that was made here.
const MADE: &str = "refs/goldsmith/made";

/// Where the refs of runs are kept here.
pub(super) const LEASES: &str = "refs/leases";

/// A repository of our own.
pub(super) struct Cache {
    pub(super) program: Arc<dyn Program>,
    pub(super) folder: Utf8PathBuf,
    /// For calls that reach the server.
    pub(super) reaching: Settings,
    /// For those that do not.
    pub(super) local: Settings,
    /// For those that sign.
    pub(super) signing: Settings,
    pub(super) identity: Identity,
    /// Where the registry is, for people.
    pub(super) location: String,
    pub(super) branch: String,
}

/// Held by whoever changes something in a cache.
pub(super) struct Lock {
    _file: fs_err::File,
}

/// A commit to be made.
pub(super) struct Draft<'a> {
    /// The commit that it follows; none for the first.
    pub(super) parent: Option<&'a ObjectId>,
    /// What happened.
    pub(super) message: &'a str,
    /// When, in seconds since 1970.
    pub(super) at: i64,
    /// The files that it writes.
    pub(super) files: &'a [(String, Vec<u8>)],
}

/// A commit that was made, here and not yet on the server.
pub(super) struct Made {
    pub(super) commit: ObjectId,
    /// The objects of its files, in their order.
    pub(super) files: Vec<ObjectId>,
}

impl Cache {
    pub(super) fn repository(&self) -> Utf8PathBuf {
        self.folder.join("repository.git")
    }

    fn objects(&self) -> Utf8PathBuf {
        self.folder.join("objects.git")
    }

    pub(super) fn failed(
        &self,
        action: &'static str,
        why: impl std::error::Error + Send + Sync + 'static,
    ) -> RegistryError {
        RegistryError::access(action, self.folder.as_str(), why)
    }

    /// Waits until nobody else changes anything. Makes the repositories if they are missing.
    pub(super) async fn lock(&self) -> Result<Lock, RegistryError> {
        let create = || -> io::Result<fs_err::File> {
            fs_err::create_dir_all(&self.folder)?;
            let path = self.folder.join("lock");
            fs_err::OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
        };
        let file = create().map_err(|why| self.failed("create", why))?;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK | Errno::INTR) => sleep(LOOK).await,
                Err(why) => return Err(self.failed("lock", io::Error::from(why))),
            }
        }
        self.make().map_err(|why| self.failed("create", why))?;
        Ok(Lock { _file: file })
    }

    /// Makes what is missing: gitrepository-layout(5), without a process for each.
    fn make(&self) -> io::Result<()> {
        for repository in [self.repository(), self.objects()] {
            if repository.join("HEAD").exists() {
                continue;
            }
            for folder in ["refs", "objects/info", "objects/pack"] {
                fs_err::create_dir_all(repository.join(folder))?;
            }
            let config = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n";
            fs_err::write(repository.join("config"), config)?;
            // Last: with it, it is a repository.
            fs_err::write(repository.join("HEAD"), "ref: refs/heads/none\n")?;
        }
        Ok(())
    }

    /// Throws away what is at hand.
    pub(super) fn discard(&self, _: &Lock) -> Result<(), RegistryError> {
        let discard = || -> io::Result<()> {
            // What is half gone is no repository.
            let head = self.repository().join("HEAD");
            if head.exists() {
                fs_err::remove_file(head)?;
            }
            fs_err::remove_dir_all(self.repository())?;
            self.make()
        };
        discard().map_err(|why| self.failed("create", why))
    }

    /// Whether something was fetched or made before, so that there is something to go on from.
    fn is_begun(&self) -> bool {
        [TIP, MADE].iter().any(|name| self.repository().join(name).exists())
    }

    /// Fetches the branch. Its newest commit, if there is one.
    pub(super) async fn fetch(&self, lock: &Lock) -> Result<Option<ObjectId>, RegistryError> {
        for attempt in 1.. {
            let asked = SystemTime::now();
            match self.try_fetch().await? {
                Ok(tip) => {
                    self.tidy().await;
                    self.remember(lock, asked, Some(&tip));
                    return Ok(Some(tip));
                }
                Err(Refusal::NoBranch) => {
                    self.remember(lock, asked, None);
                    return Ok(None);
                }
                Err(Refusal::Unclear(said)) if attempt < ATTEMPTS => {
                    if is_damage(&said) {
                        self.discard(lock)?;
                    }
                    sleep(pause(attempt)).await;
                }
                Err(refusal) => return Err(self.refused("read", refusal)),
            }
        }
        Ok(None)
    }

    async fn try_fetch(&self) -> Result<Result<ObjectId, Refusal>, RegistryError> {
        let mut arguments = vec!["fetch", "--quiet", "--no-tags", "--filter=blob:none"];
        if !self.is_begun() {
            // What was before the newest commit is for people who ask why.
            arguments.push("--depth=1");
        }
        let refspec = format!("+refs/heads/{}:{TIP}", self.branch);
        arguments.extend([REMOTE, &refspec]);
        let ended = self.reach("fetch the registry", &arguments, None, &mut |_| {}).await?;
        if !ended.succeeded {
            return Ok(Err(Refusal::of_complaint(&ended.stderr)));
        }
        let heads = fs_err::read_to_string(self.repository().join("FETCH_HEAD"))
            .map_err(|why| self.failed("read", why))?;
        let tip = heads.split_whitespace().next().and_then(ObjectId::parse);
        Ok(tip.ok_or_else(|| Refusal::Unclear("git does not say what it has fetched".to_owned())))
    }

    /// Packs what has piled up, now and then.
    async fn tidy(&self) {
        let files = |folder: &str| {
            let files = self.repository().join("objects").join(folder).read_dir_utf8();
            files.into_iter().flatten().flatten().map(Utf8DirEntry::into_path)
        };
        let packs = files("pack").filter(|file| file.extension() == Some("pack")).count();
        if packs > PACKS || files("17").count() > LOOSE {
            let arguments = ["gc", "--quiet", "--prune=1.day.ago"];
            self.forget_inputs();
            self.forget_files();
            // What cannot be tidied is only slower.
            let _ = self.here("tidy up", &arguments, None, &mut |_| {}).await;
        }
    }

    /// Removes what killed processes have left for git to read.
    fn forget_inputs(&self) {
        let files = self.folder.read_dir_utf8().into_iter().flatten().flatten();
        for file in files.filter(|file| file.file_name().starts_with(INPUT)) {
            let age = file.metadata().and_then(|found| found.modified()).ok();
            if age.and_then(|at| at.elapsed().ok()).is_some_and(|age| age > LEFT) {
                let _ = fs_err::remove_file(file.path());
            }
        }
    }

    /// Brings the objects here that are not yet. Nothing is asked of the server if all are.
    pub(super) async fn bring(&self, ids: &[ObjectId]) -> Result<(), RegistryError> {
        let list: String = ids.iter().flat_map(|id| [id.as_str(), "\n"]).collect();
        let list = self.input(list.as_bytes())?;
        let arguments = [
            "-c",
            "fetch.negotiationAlgorithm=noop",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--filter=blob:none",
            "--stdin",
            REMOTE,
        ];
        self.fetch_patiently(&arguments, Some(list.path())).await
    }

    /// Fetches the refs of all runs.
    pub(super) async fn fetch_leases(&self, _: &Lock, refs: &str) -> Result<(), RegistryError> {
        let refspec = format!("+{refs}/*:{LEASES}/*");
        let arguments =
            ["fetch", "--quiet", "--no-tags", "--no-filter", "--prune", REMOTE, &refspec];
        self.fetch_patiently(&arguments, None).await
    }

    /// Fetches, again if nobody can say what was the matter.
    async fn fetch_patiently(
        &self,
        arguments: &[&str],
        input: Option<&Utf8Path>,
    ) -> Result<(), RegistryError> {
        for attempt in 1.. {
            let ended =
                self.reach("fetch from the registry", arguments, input, &mut |_| {}).await?;
            if ended.succeeded {
                break;
            }
            match Refusal::of_complaint(&ended.stderr) {
                Refusal::Unclear(_) if attempt < ATTEMPTS => sleep(pause(attempt)).await,
                refusal => return Err(self.refused("read", refusal)),
            }
        }
        Ok(())
    }

    /// The names of the refs below `prefix` that are here.
    pub(super) async fn refs(&self, prefix: &str) -> Result<Vec<String>, RegistryError> {
        let mut names = Vec::new();
        let arguments = ["for-each-ref", "--format=%(refname)", prefix];
        self.done("list refs", &arguments, None, &mut |piece| names.extend(piece)).await?;
        Ok(String::from_utf8_lossy(&names).lines().map(str::to_owned).collect())
    }

    /// What is in `paths` of `commit`: the files and folders in a path that ends with a slash, or the
    /// file of that name. With `deep`, also those further below, and no folders.
    pub(super) async fn list(
        &self,
        commit: &ObjectId,
        paths: &[String],
        deep: bool,
    ) -> Result<Vec<Entry>, RegistryError> {
        let mut arguments = vec!["--literal-pathspecs", "ls-tree", "-z"];
        arguments.extend(deep.then_some("-r"));
        arguments.extend([commit.as_str(), "--"]);
        arguments.extend(paths.iter().map(String::as_str));
        let mut listing = Vec::new();
        let call = self.call("list the registry", &arguments, None, &self.local, &self.objects());
        let ended = self.run(call, &mut |piece| listing.extend(piece)).await?;
        if !ended.succeeded {
            return Err(self.complained(&ended));
        }
        Ok(Entry::all(&listing))
    }

    /// The contents of `names` (objects, or `commit:path`), those of more than `limit` bytes left out.
    /// What is not here is [`Found::Missing`].
    pub(super) async fn contents(
        &self,
        names: &[String],
        limit: u64,
        refs: bool,
    ) -> Result<Vec<Found>, RegistryError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let list = names.join("\n") + "\n";
        let list = self.input(list.as_bytes())?;
        let mut contents = Contents::new(limit);
        let arguments = ["cat-file", "--batch", "--buffer"];
        // Names of refs are known where the refs are.
        let repository = if refs { self.repository() } else { self.objects() };
        let call = self.call(
            "read from the registry",
            &arguments,
            Some(list.path()),
            &self.local,
            &repository,
        );
        let ended = self.run(call, &mut |piece| contents.push(piece)).await?;
        let found = contents.finish();
        if !ended.succeeded || found.len() != names.len() {
            return Err(self.complained(&ended));
        }
        Ok(found)
    }

    /// Makes a commit.
    pub(super) async fn commit(&self, _: &Lock, draft: &Draft<'_>) -> Result<Made, RegistryError> {
        let stream = super::draft::stream(draft, &self.identity, MADE);
        let stream = self.input(&stream)?;
        let arguments = ["fast-import", "--quiet", "--force", "--done"];
        let mut said = Vec::new();
        self.done("make a commit", &arguments, Some(stream.path()), &mut |piece| {
            said.extend(piece);
        })
        .await?;
        let said = String::from_utf8_lossy(&said).into_owned();
        let mut ids = said.split_whitespace().filter_map(ObjectId::parse);
        let made = ids.next().map(|commit| Made { commit, files: ids.collect() });
        let made = made.filter(|made| made.files.len() == draft.files.len());
        let Some(mut made) = made else {
            let why = io::Error::other("git does not say what it has made");
            return Err(self.failed("write", why));
        };
        if self.identity.signs {
            made.commit = self.sign(draft, &made.commit).await?;
        }
        Ok(made)
    }

    /// Makes the same commit with a signature.
    async fn sign(&self, draft: &Draft<'_>, commit: &ObjectId) -> Result<ObjectId, RegistryError> {
        let message = self.input(draft.message.as_bytes())?;
        let tree = format!("{commit}^{{tree}}");
        let mut arguments = vec!["commit-tree", "-S", &tree];
        if let Some(parent) = draft.parent {
            arguments.extend(["-p", parent.as_str()]);
        }
        let mut call = self.call(
            "sign a commit",
            &arguments,
            Some(message.path()),
            &self.signing,
            &self.repository(),
        );
        let date = format!("@{} +0000", draft.at);
        for who in ["AUTHOR", "COMMITTER"] {
            call.environment = call
                .environment
                .set(format!("GIT_{who}_NAME"), &self.identity.name)
                .set(format!("GIT_{who}_EMAIL"), &self.identity.email)
                .set(format!("GIT_{who}_DATE"), &date);
        }
        let mut said = Vec::new();
        let ended = self.run(call, &mut |piece| said.extend(piece)).await?;
        let id = String::from_utf8_lossy(&said).trim().to_owned();
        match ObjectId::parse(&id).filter(|_| ended.succeeded) {
            Some(id) => Ok(id),
            None => Err(RegistryError::Unsigned { said: ended.stderr.trim().to_owned() }),
        }
    }

    /// Has `name` of the server point to `commit`, or removes it, if it is at `expected` there
    /// (nothing: if it is not there), or wherever it is. False if it is that already.
    pub(super) async fn push(
        &self,
        _: &Lock,
        commit: Option<&ObjectId>,
        name: &str,
        expected: Expected<'_>,
    ) -> Result<Result<bool, Refusal>, RegistryError> {
        let lease = match expected {
            Expected::At(commit) => format!("--force-with-lease={name}:{commit}"),
            Expected::Nothing => format!("--force-with-lease={name}:"),
            Expected::Anything => "--force".to_owned(),
        };
        let refspec = format!("{}:{name}", commit.map_or("", ObjectId::as_str));
        let arguments =
            ["push", "--porcelain", "--no-verify", "--no-progress", &lease, REMOTE, &refspec];
        let mut answer = Vec::new();
        let ended = self
            .reach("push to the registry", &arguments, None, &mut |piece| answer.extend(piece))
            .await?;
        let answer = String::from_utf8_lossy(&answer);
        if !ended.succeeded {
            return Ok(Err(Refusal::of_push(&answer, &ended.stderr)));
        }
        Ok(Ok(!answer.lines().any(|line| line.starts_with("=\t"))))
    }

    /// The error of a server that did not do what it was asked to.
    pub(super) fn refused(&self, action: &'static str, refusal: Refusal) -> RegistryError {
        let location = self.location.clone();
        match refusal {
            Refusal::Denied(said) => RegistryError::Denied { action, location, said },
            Refusal::Unclear(said) => RegistryError::Unanswered { location, said },
            Refusal::Outrun | Refusal::NoBranch => {
                let said = "others write there all the time".to_owned();
                RegistryError::Unanswered { location, said }
            }
        }
    }

    fn complained(&self, ended: &Ended) -> RegistryError {
        let said = ended.stderr.trim().lines().next_back().unwrap_or("git failed").to_owned();
        self.failed("use", io::Error::other(said))
    }

    /// What git is to read, in a file that goes away.
    fn input(&self, content: &[u8]) -> Result<Input, RegistryError> {
        let write = || -> io::Result<Input> {
            let mut file = tempfile::NamedTempFile::with_prefix_in(INPUT, &self.folder)?;
            io::Write::write_all(&mut file, content)?;
            let path = Utf8PathBuf::try_from(file.path().to_owned()).map_err(io::Error::other)?;
            Ok(Input { path, _file: file.into_temp_path() })
        };
        write().map_err(|why| self.failed("write", why))
    }

    fn call<'a>(
        &self,
        purpose: &'static str,
        arguments: &[&str],
        input: Option<&'a Utf8Path>,
        settings: &Settings,
        repository: &Utf8Path,
    ) -> Call<'a> {
        let mut environment = settings.within(repository);
        if repository == self.objects() {
            let objects = self.repository().join("objects");
            environment = environment.set("GIT_OBJECT_DIRECTORY", objects);
        }
        Call {
            purpose,
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            environment,
            input,
            timeout: LOCAL,
            redaction: settings.redaction.clone(),
        }
    }

    async fn run(&self, call: Call<'_>, take: &mut Take<'_>) -> Result<Ended, RegistryError> {
        self.program.run(call, take).await.map_err(|why| RegistryError::Access {
            action: "use",
            path: self.location.clone(),
            source: why,
        })
    }

    /// Runs git where it reaches the server.
    async fn reach(
        &self,
        purpose: &'static str,
        arguments: &[&str],
        input: Option<&Utf8Path>,
        take: &mut Take<'_>,
    ) -> Result<Ended, RegistryError> {
        let mut call = self.call(purpose, arguments, input, &self.reaching, &self.repository());
        call.timeout = REMOTELY;
        self.run(call, take).await
    }

    /// Runs git where it reaches nothing.
    async fn here(
        &self,
        purpose: &'static str,
        arguments: &[&str],
        input: Option<&Utf8Path>,
        take: &mut Take<'_>,
    ) -> Result<Ended, RegistryError> {
        let call = self.call(purpose, arguments, input, &self.local, &self.repository());
        self.run(call, take).await
    }

    /// The same, where nothing but success will do.
    async fn done(
        &self,
        purpose: &'static str,
        arguments: &[&str],
        input: Option<&Utf8Path>,
        take: &mut Take<'_>,
    ) -> Result<(), RegistryError> {
        let ended = self.here(purpose, arguments, input, take).await?;
        if ended.succeeded { Ok(()) } else { Err(self.complained(&ended)) }
    }
}

/// Where a ref has to be for a push.
#[derive(Clone, Copy)]
pub(super) enum Expected<'a> {
    /// There.
    At(&'a ObjectId),
    /// Nowhere.
    Nothing,
    /// Anywhere.
    Anything,
}

/// A file that git reads.
struct Input {
    path: Utf8PathBuf,
    _file: tempfile::TempPath,
}

impl Input {
    fn path(&self) -> &Utf8Path {
        &self.path
    }
}

/// How long to wait before what has failed so many times: others wait as long, but not exactly.
pub(super) fn pause(failed: u32) -> Duration {
    let longest = 50_u64 << failed.min(5);
    let random = uuid::Uuid::new_v4().as_u64_pair().0;
    Duration::from_millis(longest / 2 + random % longest)
}

/// Whether git complains about its own files, and not about the network.
fn is_damage(said: &str) -> bool {
    let signs = [
        "object ",
        "corrupt",
        "missing",
        "unable to read",
        "not a git repository",
        "pack",
        "index",
    ];
    signs.iter().any(|sign| said.contains(sign))
}
