//! The state of the repository, as git tells it.

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use crate::environment::Environment;
use crate::model::{Commit, FailureClass};
use crate::process::{
    Cancellation, ChildEnvironment, Command, Finished, Launcher, Line, ProcessError, Stream,
};
use crate::template::COPIES;

/// Largest file that is read out of a commit, in bytes.
const MAX_CONTENT: u64 = 64 << 20;

/// Where a folder stands in a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repository {
    /// In none.
    None,
    /// In one, checked out from a commit.
    At(Commit),
    /// In one, and nobody can say from which commit: why.
    Unknown(String),
}

/// Asks git about repositories.
pub struct Git<'a> {
    /// Whether every repository is ours: a forge's runner hands the work tree to a container as
    /// another user's. Elsewhere git refuses those of other users.
    pub ours: bool,
    /// Where git is looked for.
    pub environment: &'a Environment,
    /// Starts it.
    pub launcher: &'a Launcher,
    /// Stops it.
    pub cancellation: &'a Cancellation,
}

/// Why git did not answer.
#[derive(Debug, Error)]
pub enum GitError {
    /// It is not installed.
    #[error("there is no `git` on the search path")]
    Missing,
    /// It refused: in its own words.
    #[error("{0}")]
    Refused(String),
    /// Somebody wishes to stop.
    #[error(transparent)]
    Cancelled(ProcessError),
}

impl GitError {
    /// The failure that it is to a run; of class `otherwise`, unless somebody wished to stop.
    pub fn class(&self, otherwise: FailureClass) -> FailureClass {
        match self {
            Self::Missing => FailureClass::ToolMissing,
            Self::Refused(_) => otherwise,
            Self::Cancelled(error) => error.class(otherwise),
        }
    }
}

impl Git<'_> {
    /// The commit that `folder` is checked out from, and whether anything in its repository differs
    /// from it, except in `others`: what goldsmith itself puts there. An error if somebody wishes
    /// to stop.
    pub async fn repository(
        &self,
        folder: &Utf8Path,
        others: &[Utf8PathBuf],
    ) -> Result<Repository, ProcessError> {
        let root = folder.ancestors().find(|root| root.join(".git").symlink_metadata().is_ok());
        let Some(root) = root else {
            return Ok(Repository::None);
        };
        match self.commit(folder, root, others).await {
            Ok(commit) => Ok(Repository::At(commit)),
            Err(GitError::Cancelled(error)) => Err(error),
            Err(GitError::Refused(why)) if why.contains("Needed a single revision") => {
                Ok(Repository::Unknown("it has no commit yet".to_owned()))
            }
            Err(error) => Ok(Repository::Unknown(error.to_string())),
        }
    }

    async fn commit(
        &self,
        folder: &Utf8Path,
        root: &Utf8Path,
        others: &[Utf8PathBuf],
    ) -> Result<Commit, GitError> {
        let id = self.answer(folder, ["rev-parse", "--verify", "HEAD"]).await?.trim().to_owned();
        // What somebody's configuration hides is there all the same.
        let status =
            ["status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none"];
        let status = status.into_iter().chain(["--", ":/"]).map(str::to_owned);
        let others = others.iter().filter_map(|other| other.strip_prefix(root).ok());
        let others = others.map(|other| format!(":(top,exclude,literal){other}"));
        // Copies of templates that a build is made from, or that a killed one left.
        let copies = ["", "/**"].map(|below| format!(":(top,exclude,glob)**/{COPIES}*{below}"));
        let changes = self.answer(folder, status.chain(others).chain(copies)).await?;
        Ok(Commit { id, dirty: !changes.trim().is_empty() })
    }

    /// The commit that `reference` names in the repository at `root`; an error if there is none.
    pub async fn resolve(&self, root: &Utf8Path, reference: &str) -> Result<String, GitError> {
        // What begins with a dash would be an option.
        let question = format!("{reference}^{{commit}}");
        let question = ["rev-parse", "--verify", "--quiet", "--end-of-options", &question];
        Ok(self.answer(root, question).await?.trim().to_owned())
    }

    /// What `path`, which lies below `root`, holds in `commit`; nothing if it is not there.
    pub async fn content(
        &self,
        root: &Utf8Path,
        commit: &str,
        path: &Utf8Path,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let refused = |why: &str| GitError::Refused(format!("`{path}` of {commit}: {why}"));
        let name = path.strip_prefix(root).map_err(|_| refused("lies elsewhere"))?;
        let question = ["ls-tree", "-z", "-l", "--full-tree", commit];
        let question = question.into_iter().chain([name.as_str()]);
        let answer = self.answer(root, question).await?;
        let Some(entry) = answer.split('\0').find(|entry| !entry.trim().is_empty()) else {
            return Ok(None);
        };
        let words: Vec<&str> = entry.split_whitespace().collect();
        match words.as_slice() {
            ["100644" | "100755" | "100664", "blob", blob, size, ..] => {
                if size.parse::<u64>().is_ok_and(|size| size > MAX_CONTENT) {
                    return Err(refused("too large"));
                }
                let text = self.answer(root, ["cat-file", "blob", blob]).await?;
                Ok(Some(text.into_bytes()))
            }
            // A link leads to what could be changed in another way.
            _ => Err(refused("no file")),
        }
    }

    /// What git answers to a question about the repository of `folder`. All of it has to be kept in
    /// memory, so it is not for contents without bound.
    pub(super) async fn answer(
        &self,
        folder: &Utf8Path,
        arguments: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<String, GitError> {
        let git = self.environment.find_program("git").ok_or(GitError::Missing)?;
        let command = Command::new(git, "ask git about the repository")
            // A mere question must neither write into the repository nor run its programs.
            .arguments(["--no-optional-locks", "-c", "core.fsmonitor=false"])
            .arguments(self.ours.then_some(["-c", "safe.directory=*"]).into_iter().flatten())
            .arguments(arguments)
            .directory(folder)
            .environment(ChildEnvironment::allowed(self.environment).set("LC_ALL", "C"));
        let mut said = Vec::new();
        let listen = |line: Line<'_>| {
            if line.stream == Stream::Stdout {
                // Names that end in NUL are one line of any length.
                if !said.is_empty() && !line.continues {
                    said.push(b'\n');
                }
                said.extend_from_slice(line.bytes);
            }
        };
        let finished = self.launcher.run(&command, self.cancellation, listen).await;
        let complained =
            finished.as_ref().map(|finished| finished.stderr.text()).unwrap_or_default();
        match finished.and_then(Finished::success) {
            Ok(_) => Ok(String::from_utf8_lossy(&said).into_owned()),
            Err(error @ ProcessError::Cancelled { .. }) => Err(GitError::Cancelled(error)),
            // Further lines say what could be done about it, at length.
            Err(error) => Err(GitError::Refused(
                complained
                    .lines()
                    .find_map(|line| line.strip_prefix("fatal: "))
                    .map_or_else(|| error.to_string(), str::to_owned),
            )),
        }
    }
}
