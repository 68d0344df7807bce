//! Strategy `clone`: a throw-away clone of the artifact is booted where the artifact is, and its guest
//! agent hands over the files that the other strategies read.

use async_trait::async_trait;
use camino::Utf8Path;

use super::{EvidenceError, Gathered, Question, archive};
use crate::model::{Failure, StrategyName};

/// Where clones can be made: what keeps the artifact.
#[async_trait]
pub trait CloneHost: Send + Sync {
    /// Makes a clone of the artifact, boots it, has `script` run in it by its guest agent, writes the
    /// tar archive that the script makes to `archive`, and destroys the clone, also on failure.
    async fn collect(&self, script: &str, archive: &Utf8Path) -> Result<(), Failure>;
}

/// What the guest agent of a clone has handed over into the archive of `question`. Blocks.
pub fn clone(question: &Question<'_>) -> Result<Gathered, EvidenceError> {
    let gathered = archive::rootfs(question)?;
    Ok(Gathered { strategy: StrategyName::Clone, ..gathered })
}
