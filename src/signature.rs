//! Signatures of checksums, made and checked by the program minisign.
//!
//! The secret key and its password stand on no command line, in no file and in no child's
//! environment: the program reads them from memory that only this process has a name for.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::fs::{MemfdFlags, memfd_create};

use crate::environment::Environment;
use crate::model::{Failure, FailureClass, Signing, SigningKey};
use crate::process::{Cancellation, ChildEnvironment, Command, Launcher, ProcessError};

/// What makes signatures.
const MINISIGN: &str = "minisign";

/// How long it may take. A password is made into a key on purpose slowly, within a second or two.
const LIMIT: Duration = Duration::from_mins(1);

/// The largest signature that is taken, in bytes. They have some 300.
const LARGEST: u64 = 64 << 10;

/// What signatures are made and checked with.
pub(crate) struct Minisign<'a> {
    /// Where the program and the key come from.
    pub(crate) environment: &'a Environment,
    /// Starts it.
    pub(crate) launcher: &'a Launcher,
    /// Who may stop it.
    pub(crate) cancellation: &'a Cancellation,
}

impl Minisign<'_> {
    /// An error unless everything is there that `signing` needs: to be told before a build.
    pub(crate) fn check(environment: &Environment, signing: &Signing) -> Result<(), Failure> {
        program(environment)?;
        Secrets::of(environment, signing).map(drop)
    }

    /// The signature of `content`, with `about` in it, signed as well.
    pub(crate) async fn sign(
        &self,
        signing: &Signing,
        content: &[u8],
        about: &str,
    ) -> Result<Vec<u8>, Failure> {
        let program = program(self.environment)?;
        let secrets = Secrets::of(self.environment, signing)?;
        let folder = Folder::with(content)?;
        let arguments = [
            "-S",
            "-s",
            secrets.key.as_str(),
            "-m",
            folder.content.as_str(),
            "-x",
            folder.signature.as_str(),
            "-t",
            about,
            "-c",
            "signature of SHA256SUMS",
        ];
        let command = self.command(program, "sign the checksums", &arguments);
        let command = match &secrets.password {
            Some((path, _)) => command.input(path),
            None => command,
        };
        self.run(&command).await?;
        let unreadable = |error: io::Error| Failure::caused_by(FailureClass::Publish, &error);
        let size = fs_err::metadata(&folder.signature).map_err(unreadable)?.len();
        if size > LARGEST {
            let reason = format!("minisign has made a signature of {size} bytes");
            return Err(Failure::new(FailureClass::Publish, reason));
        }
        fs_err::read(&folder.signature).map_err(unreadable)
    }

    /// An error unless `signature` is one of `content` by the public key in the file `key`.
    pub(crate) async fn verify(
        &self,
        key: &Utf8Path,
        content: &[u8],
        signature: &[u8],
    ) -> Result<(), Failure> {
        let program = program(self.environment)?;
        let folder = Folder::with(content)?;
        fs_err::write(&folder.signature, signature)
            .map_err(|error| Failure::caused_by(FailureClass::Publish, &error))?;
        let arguments = [
            "-V",
            "-q",
            "-p",
            key.as_str(),
            "-m",
            folder.content.as_str(),
            "-x",
            folder.signature.as_str(),
        ];
        self.run(&self.command(program, "check a signature", &arguments)).await
    }

    fn command(&self, program: Utf8PathBuf, purpose: &str, arguments: &[&str]) -> Command {
        Command::new(program, purpose)
            .arguments(arguments.iter().copied())
            .environment(ChildEnvironment::allowed(self.environment))
            .timeout(LIMIT)
    }

    async fn run(&self, command: &Command) -> Result<(), Failure> {
        let failure = |error: ProcessError| error.failure(FailureClass::Publish);
        let finished =
            self.launcher.run(command, self.cancellation, |_| {}).await.map_err(failure)?;
        finished.success().map(drop).map_err(failure)
    }
}

fn program(environment: &Environment) -> Result<Utf8PathBuf, Failure> {
    environment.find_program(MINISIGN).ok_or_else(|| {
        let reason = "there is no `minisign` on the search path";
        Failure::new(FailureClass::ToolMissing, reason)
            .hint("install the Debian package `minisign`; it makes and checks signatures")
    })
}

/// Files in memory, under names that lead to this process.
struct Secrets {
    key: Utf8PathBuf,
    password: Option<(Utf8PathBuf, OwnedFd)>,
    /// Keeps the key there, if it is in memory.
    _memory: Option<OwnedFd>,
}

impl Secrets {
    fn of(environment: &Environment, signing: &Signing) -> Result<Self, Failure> {
        let value = |name: &str| {
            environment.get(name).ok_or_else(|| {
                let reason =
                    format!("`sign` needs the environment variable `{name}`, which is not set");
                let hint = "on a forge's runner, set it from its secrets";
                Failure::new(FailureClass::Config, reason).hint(hint)
            })
        };
        let (key, memory) = match &signing.key {
            SigningKey::File(path) if path.is_file() => (path.clone(), None),
            SigningKey::File(path) => {
                let reason = format!("`sign` needs the secret key `{path}`, which is not there");
                return Err(Failure::new(FailureClass::Config, reason));
            }
            SigningKey::Environment(name) => {
                let (path, memory) = in_memory(&format!("{}\n", value(name)?.trim_end()))?;
                (path, Some(memory))
            }
        };
        let password = signing.password_env.as_deref().map(value).transpose()?;
        let password = password.map(|password| in_memory(&format!("{password}\n"))).transpose()?;
        Ok(Self { key, password, _memory: memory })
    }
}

/// A file in memory with this content. It has a name as long as the value lives.
fn in_memory(content: &str) -> Result<(Utf8PathBuf, OwnedFd), Failure> {
    let failed = |error: io::Error| Failure::caused_by(FailureClass::Publish, &error);
    let memory = memfd_create("goldsmith", MemfdFlags::CLOEXEC).map_err(|it| failed(it.into()))?;
    let mut rest = content.as_bytes();
    while !rest.is_empty() {
        let written = rustix::io::write(&memory, rest).map_err(|error| failed(error.into()))?;
        rest = &rest[written..];
    }
    let path = format!("/proc/{}/fd/{}", std::process::id(), memory.as_raw_fd());
    Ok((path.into(), memory))
}

/// Where the program finds what is signed, and leaves its signature.
struct Folder {
    _goes: tempfile::TempDir,
    content: Utf8PathBuf,
    signature: Utf8PathBuf,
}

impl Folder {
    fn with(content: &[u8]) -> Result<Self, Failure> {
        let made = || {
            let folder = tempfile::Builder::new().prefix("goldsmith-sign-").tempdir()?;
            let path = Utf8Path::from_path(folder.path()).ok_or_else(|| {
                io::Error::other("the folder for temporary files has no UTF-8 name")
            })?;
            let (file, signature) = (path.join("SHA256SUMS"), path.join("SHA256SUMS.minisig"));
            fs_err::write(&file, content)?;
            Ok(Self { content: file, signature, _goes: folder })
        };
        made().map_err(|error: io::Error| Failure::caused_by(FailureClass::Publish, &error))
    }
}
