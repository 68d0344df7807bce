//! Has Packer install plugins. One at a time on a machine: it writes over its own files.

use std::io;
use std::time::Duration;

use camino::Utf8Path;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use secrecy::SecretString;

use super::constraint::Constraint;
use super::error::PluginError;
use super::{Plugins, child_environment};
use crate::model::{NoteLevel, PluginSource};
use crate::packer::build::hear;
use crate::packer::transcript::Transcript;
use crate::process::{Command, Line, ProcessError, Redaction};

/// How long Packer may look for plugins and fetch them.
const TIMEOUT: Duration = Duration::from_mins(15);

/// How often to look whether another goldsmith is done.
const ROUND: Duration = Duration::from_millis(200);

/// What Packer asks GitHub with.
const TOKEN: &str = "PACKER_GITHUB_API_TOKEN";

impl Plugins<'_> {
    /// Waits until nobody else installs plugins on this machine. Where the file system knows no
    /// locks, that is said and has to be enough.
    pub(super) async fn alone(&self) -> Result<Option<fs_err::File>, PluginError> {
        let locks = self.state.join("locks");
        fs_err::create_dir_all(&locks)?;
        let mut options = fs_err::OpenOptions::new();
        let lock = options.create(true).append(true).open(locks.join("plugins"))?;
        let mut told = false;
        loop {
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(lock)),
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => {
                    let text = format!("installing plugins cannot be locked: {error}");
                    (self.note)(NoteLevel::Warning, text);
                    return Ok(None);
                }
            }
            if !told {
                let text = "waiting for another run that installs plugins".to_owned();
                (self.note)(NoteLevel::Info, text);
                told = true;
            }
            tokio::select! {
                () = tokio::time::sleep(ROUND) => {}
                request = self.cancellation.beyond(None) => {
                    let purpose = "install plugins".to_owned();
                    let cause = request.cause;
                    return Err(ProcessError::Cancelled { purpose, cause }.into());
                }
            }
        }
    }

    /// Has Packer fetch the newest versions that will do from their publishers. With `newer`, also
    /// where others are installed.
    pub(super) async fn init(
        &self,
        wanted: &[(&PluginSource, Constraint)],
        newer: bool,
        scratch: &Utf8Path,
    ) -> Result<(), PluginError> {
        let mut template = "packer {\n  required_plugins {\n".to_owned();
        for (index, (source, constraint)) in wanted.iter().enumerate() {
            // Neither has a character that HCL would look at.
            let lines = [
                format!("    p{index} = {{\n"),
                format!("      source  = \"{source}\"\n"),
                format!("      version = \"{constraint}\"\n"),
                "    }\n".to_owned(),
            ];
            template += &lines.concat();
        }
        template += "  }\n}\n";
        fs_err::write(scratch.join("plugins.pkr.hcl"), template)?;
        let names = wanted.iter().map(|(source, constraint)| format!("`{source}` ({constraint})"));
        let names: Vec<String> = names.collect();
        let text = format!("having Packer install {}", names.join(", "));
        (self.note)(NoteLevel::Info, text);
        let token = self.environment.get(TOKEN).map(SecretString::from);
        let arguments = ["init", "-machine-readable"].into_iter();
        let arguments = arguments.chain(newer.then_some("-upgrade")).chain(["."]);
        let command = Command::new(&self.packer.path, "run `packer init`")
            .arguments(arguments)
            .environment(child_environment(self.environment).pass(self.environment, [TOKEN]))
            .directory(scratch)
            .timeout(TIMEOUT)
            .redaction(Redaction::of(&token));
        self.ask(&command, names.join(", ")).await
    }

    /// Has Packer install the program at `path`, which it runs to ask for its version.
    pub(super) async fn install(
        &self,
        source: &PluginSource,
        path: &Utf8Path,
    ) -> Result<(), PluginError> {
        let command = Command::new(&self.packer.path, format!("install the plugin `{source}`"))
            .arguments(["plugins", "install", "-machine-readable", "--path"])
            .arguments([path.as_str(), source.as_str()])
            .environment(child_environment(self.environment))
            .timeout(TIMEOUT);
        self.ask(&command, format!("`{source}`")).await
    }

    /// Runs a Packer that succeeds or says why not.
    async fn ask(&self, command: &Command, plugins: String) -> Result<(), PluginError> {
        let mut transcript = Transcript::default();
        let listen = |line: Line<'_>| hear(line, None, &mut transcript, &mut |_| {});
        let finished = self.launcher.run(command, self.cancellation, listen).await?;
        let said = transcript.refusals.last().cloned();
        let said = said.or_else(|| transcript.problems.first().map(ToString::to_string));
        let said = said.or_else(|| finished.stderr.last_line());
        match finished.success() {
            Ok(_) => Ok(()),
            Err(error @ ProcessError::Failed { .. }) => {
                Err(PluginError::Init { plugins, said: said.unwrap_or_else(|| error.to_string()) })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Space for what comes, on the disk that holds the state. Only for whoever is alone: what a
    /// killed run has left there goes.
    pub(super) fn scratch(&self) -> io::Result<tempfile::TempDir> {
        let incoming = self.state.join("plugins/incoming");
        match fs_err::remove_dir_all(&incoming) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs_err::create_dir_all(&incoming)?;
        tempfile::tempdir_in(incoming)
    }
}
