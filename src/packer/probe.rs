//! Packer on this machine: where it is, and whether it is new enough.

use thiserror::Error;

use super::protocol::Message;
use crate::environment::Environment;
use crate::model::{Failure, FailureClass, PACKER_INSTALL, Tool};
use crate::process::{Cancellation, ChildEnvironment, Command, Launcher, ProcessError};

/// The oldest Packer that is known to work, as major and minor version: from 1.10 on, plugins are
/// all external and can be installed without network.
pub const MINIMUM: (u64, u64) = (1, 10);

/// Why there is no Packer to work with.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// It is not on the search path: the machine.
    #[error("there is no `packer` on the search path")]
    NotFound,
    /// It is older than [`MINIMUM`]: the machine.
    #[error("Packer {version} (`{path}`) is too old", path = tool.path, version = tool.version)]
    TooOld {
        /// What was found.
        tool: Tool,
    },
    /// It said something else than its version: it is another program of that name.
    #[error("`{path}` did not tell its version: is it HashiCorp's Packer?")]
    NotPacker {
        /// The program.
        path: camino::Utf8PathBuf,
    },
    /// It could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

impl ProbeError {
    /// The failure as it is told.
    pub fn failure(&self) -> Failure {
        let class = match self {
            Self::Process(ProcessError::Cancelled { cause, .. }) => cause.class(),
            _ => FailureClass::ToolMissing,
        };
        let (major, minor) = MINIMUM;
        Failure::caused_by(class, self).hint(format!(
            "install Packer {major}.{minor} or newer ({PACKER_INSTALL}) \
             and put it on PATH"
        ))
    }
}

/// Finds `packer` on the search path and asks for its version.
pub async fn probe(
    environment: &Environment,
    launcher: &Launcher,
    cancellation: &Cancellation,
) -> Result<Tool, ProbeError> {
    let path = environment.find_program("packer").ok_or(ProbeError::NotFound)?;
    let command = Command::new(&path, "ask Packer for its version")
        .arguments(["version", "-machine-readable"])
        .environment(ChildEnvironment::allowed(environment).set("CHECKPOINT_DISABLE", "1"));
    let finished = launcher.run(&command, cancellation, |_| {}).await?.success()?;
    let Some(version) = version(&finished.stdout.text()) else {
        return Err(ProbeError::NotPacker { path });
    };
    let tool = Tool { name: "packer".to_owned(), path, version };
    if is_new_enough(&tool.version) { Ok(tool) } else { Err(ProbeError::TooOld { tool }) }
}

fn version(output: &str) -> Option<String> {
    output.lines().find_map(|line| match Message::parse(line)? {
        Message::Version(version) if !version.is_empty() => Some(version.into_owned()),
        _ => None,
    })
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|part| part.parse::<u64>().ok());
    numbers.next().zip(numbers.next()) >= Some(MINIMUM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_and_compared_as_numbers() {
        let output = "1795433120,,version,1.16.0\n1795433120,,version-prelease,\n\
                      1795433120,,ui,say,Packer v1.16.0\n";
        assert_eq!(version(output).as_deref(), Some("1.16.0"));
        assert_eq!(version("packer: command of cracklib\n"), None);
        let new: Vec<_> = ["1.10.0", "1.16.0", "2.0.0", "1.9.5", "1.6.6", "1", "dev"]
            .into_iter()
            .filter(|version| is_new_enough(version))
            .collect();
        assert_eq!(new, ["1.10.0", "1.16.0", "2.0.0"]);
    }
}
