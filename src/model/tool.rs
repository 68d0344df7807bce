//! External programs.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// Where people read how Packer is installed. Reports make a link of it, wherever it stands.
pub const PACKER_INSTALL: &str = "https://developer.hashicorp.com/packer/install";

/// An external program, located and asked for its version once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name: `packer`, `trivy`.
    pub name: String,
    /// Where it lies, absolute.
    pub path: Utf8PathBuf,
    /// Its version: `1.16.0`.
    pub version: String,
}
