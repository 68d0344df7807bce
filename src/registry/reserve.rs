//! Taking a version for a build.

use jiff::civil::Date;

use crate::model::{Entry, ImageName, Version, VersionBase};

use super::transaction::{Author, Step, transact};
use super::{Registry, RegistryError, log};

/// Reserves the first free version of `base` and `day` for the author's run.
///
/// A run has one reservation for an image: asked again, it gets the same. A reservation that is
/// never used leaves a gap, which is normal.
pub async fn reserve(
    registry: &dyn Registry,
    author: &Author,
    image: &ImageName,
    base: VersionBase,
    day: Date,
) -> Result<Version, RegistryError> {
    let mut reserved = Version::first_of(base, day);
    transact(registry, author, image, |log| {
        if let Some((seq, version)) = log::reserved_by(log, &author.run) {
            reserved = version;
            return Ok(Step::Already(seq));
        }
        reserved = Version::next(base, day, &log::taken(log));
        Ok(Step::Append(Entry::Reserved { version: reserved }))
    })
    .await?;
    Ok(reserved)
}
