//! What a check finds.

use crate::model::ImageName;

/// How grave a flaw is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gravity {
    /// Nothing is wrong. Somebody may want to know.
    Notice,
    /// What is made from the logs is behind them: a writer was stopped in between. Nobody is told
    /// anything that was not so.
    Stale,
    /// Something is lost, or somebody is told what is not so.
    Broken,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// How grave it is.
    pub gravity: Gravity,
    /// The image that it is about, if it is about one.
    pub image: Option<ImageName>,
    /// Where: a file of the registry, or a place of a version's bytes.
    pub place: String,
    /// What is the matter, in words that follow upon the place.
    pub what: String,
    /// What to do about it, if anything is to be done.
    pub cure: Option<String>,
}

/// What [`repair`](crate::registry::repair) cures.
pub(super) const REPAIR: &str = "`goldsmith registry repair` makes it again from the log";

/// What nothing but an earlier copy cures.
pub(super) const BACKUP: &str =
    "nothing else says what stood there: restore the file from a backup of the registry";

impl Flaw {
    pub(super) fn notice(place: String, what: impl Into<String>) -> Self {
        Self { gravity: Gravity::Notice, image: None, place, what: what.into(), cure: None }
    }

    pub(super) fn stale(place: String, what: impl Into<String>) -> Self {
        let cure = Some(REPAIR.to_owned());
        Self { gravity: Gravity::Stale, image: None, place, what: what.into(), cure }
    }

    pub(super) fn broken(place: String, what: impl Into<String>) -> Self {
        Self { gravity: Gravity::Broken, image: None, place, what: what.into(), cure: None }
    }

    pub(super) fn of(self, image: &ImageName) -> Self {
        Self { image: Some(image.clone()), ..self }
    }

    pub(super) fn cured_by(self, cure: impl Into<String>) -> Self {
        Self { cure: Some(cure.into()), ..self }
    }
}
