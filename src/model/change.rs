//! How a change of the repository touches an image.

use serde::{Deserialize, Serialize};

use super::ImageName;

/// Why a change of the repository (a pull request, `--changed-since`) selects an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// These files of its definition differ.
    Paths(Vec<String>),
    /// It is built upon this image, which the change touches.
    Parent(ImageName),
}
