//! The state of the repository, as git tells it.

use camino::{Utf8Path, Utf8PathBuf};

use crate::environment::Environment;
use crate::model::Commit;
use crate::process::{Cancellation, ChildEnvironment, Command, Launcher, ProcessError};

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
        let Some(git) = self.environment.find_program("git") else {
            return Ok(Repository::Unknown("there is no `git` on the search path".to_owned()));
        };
        let id = match self.ask(&git, folder, ["rev-parse", "--verify", "HEAD"]).await? {
            Ok(id) => id.trim().to_owned(),
            Err(why) if why.contains("Needed a single revision") => {
                return Ok(Repository::Unknown("it has no commit yet".to_owned()));
            }
            Err(why) => return Ok(Repository::Unknown(why)),
        };
        // What somebody's configuration hides is there all the same.
        let status =
            ["status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none"];
        let status = status.into_iter().chain(["--", ":/"]).map(str::to_owned);
        let others = others.iter().filter_map(|other| other.strip_prefix(root).ok());
        let others = others.map(|other| format!(":(top,exclude,literal){other}"));
        Ok(match self.ask(&git, folder, status.chain(others)).await? {
            Ok(changes) => Repository::At(Commit { id, dirty: !changes.trim().is_empty() }),
            Err(why) => Repository::Unknown(why),
        })
    }

    /// What git answers, or why it does not.
    async fn ask(
        &self,
        git: &Utf8Path,
        folder: &Utf8Path,
        arguments: impl IntoIterator<Item = impl Into<String>>,
    ) -> Result<Result<String, String>, ProcessError> {
        let command = Command::new(git, "ask git for the state of the repository")
            // A mere question must neither write into the repository nor run its programs.
            .arguments(["--no-optional-locks", "-c", "core.fsmonitor=false"])
            .arguments(self.ours.then_some(["-c", "safe.directory=*"]).into_iter().flatten())
            .arguments(arguments)
            .directory(folder)
            .environment(ChildEnvironment::allowed(self.environment).set("LC_ALL", "C"));
        let finished = self.launcher.run(&command, self.cancellation, |_| {}).await?;
        let said = finished.stderr.text();
        match finished.success() {
            Ok(finished) => Ok(Ok(finished.stdout.text())),
            Err(error @ ProcessError::Cancelled { .. }) => Err(error),
            // Further lines say what could be done about it, at length.
            Err(error) => Ok(Err(said
                .lines()
                .find_map(|line| line.strip_prefix("fatal: "))
                .map_or_else(|| error.to_string(), str::to_owned))),
        }
    }
}
