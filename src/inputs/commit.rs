//! The state of the repository, as git tells it.

use camino::Utf8Path;

use crate::environment::Environment;
use crate::model::Commit;
use crate::process::{Cancellation, ChildEnvironment, Command, Launcher};

/// The commit that `folder` is checked out from, and whether anything below `folder` differs from
/// it. None outside a repository, without a commit, or without git.
///
/// A forge's runner hands the work tree to a container as another user's; only there is it `ours`
/// all the same.
pub async fn commit_of(
    folder: &Utf8Path,
    ours: bool,
    environment: &Environment,
    launcher: &Launcher,
    cancellation: &Cancellation,
) -> Option<Commit> {
    let git = environment.find_program("git")?;
    let ask = async |arguments: &[&str]| {
        let command = Command::new(&git, "ask git for the state of the repository")
            // A mere question must neither write into the repository nor run its programs.
            .arguments(["--no-optional-locks", "-c", "core.fsmonitor=false"])
            .arguments(ours.then_some(["-c", "safe.directory=*"]).into_iter().flatten())
            .arguments(arguments.iter().copied())
            .directory(folder)
            .environment(ChildEnvironment::allowed(environment).set("LC_ALL", "C"));
        let finished = launcher.run(&command, cancellation, |_| {}).await.ok()?;
        finished.succeeded().then(|| finished.stdout.text())
    };
    let id = ask(&["rev-parse", "--verify", "HEAD"]).await?.trim().to_owned();
    let changes = ask(&["status", "--porcelain", "--", "."]).await?;
    Some(Commit { id, dirty: !changes.trim().is_empty() })
}
