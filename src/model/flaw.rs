//! What a check of a registry finds.

use serde::Serialize;

use super::ImageName;

/// How grave a flaw is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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

impl Flaw {
    /// Something that somebody may want to know.
    pub(crate) fn notice(place: String, what: impl Into<String>) -> Self {
        Self { gravity: Gravity::Notice, image: None, place, what: what.into(), cure: None }
    }

    /// Something that is behind.
    pub(crate) fn stale(place: String, what: impl Into<String>) -> Self {
        Self { gravity: Gravity::Stale, image: None, place, what: what.into(), cure: None }
    }

    /// Something that is lost, or told wrongly.
    pub(crate) fn broken(place: String, what: impl Into<String>) -> Self {
        Self { gravity: Gravity::Broken, image: None, place, what: what.into(), cure: None }
    }

    /// The same, of `image`.
    pub(crate) fn of(self, image: &ImageName) -> Self {
        Self { image: Some(image.clone()), ..self }
    }

    /// The same, with what to do about it.
    pub(crate) fn cured_by(self, cure: impl Into<String>) -> Self {
        Self { cure: Some(cure.into()), ..self }
    }
}
