//! Why an image is built, or why not.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{Due, ImageName, NotDue, Version};
use crate::report::sentence;

/// Why an image is built, or why not.
#[derive(Debug, Serialize)]
pub struct Why {
    /// To build: `never-built`, `definition-changed`, `slot-began`, `clock-was-wrong`, `forced`,
    /// `artifact-given`.
    /// Not to build: `slot-satisfied`, `not-selected`.
    pub reason: &'static str,
    /// The same in English.
    pub text: String,
    /// The newest version, where the reason compares with it: `definition-changed`, `slot-began`,
    /// `clock-was-wrong`, `slot-satisfied`.
    pub newest: Option<Version>,
    /// `slot-began`: when.
    pub slot: Option<Timestamp>,
    /// `slot-satisfied`, `clock-was-wrong`: when the newest version was built.
    pub built_at: Option<Timestamp>,
    /// `slot-satisfied`: when the next slot begins, if one ever does.
    pub next_slot: Option<Timestamp>,
}

/// An image that is not built.
#[derive(Debug, Serialize)]
pub struct Skipped<'a> {
    /// The image.
    pub image: &'a ImageName,
    /// Why not.
    pub why: Why,
}

impl Why {
    fn new(reason: &'static str, text: String) -> Self {
        Self { reason, text, newest: None, slot: None, built_at: None, next_slot: None }
    }

    pub(super) fn due(why: &Due) -> Self {
        let text = sentence::due(why);
        match why {
            Due::NeverBuilt => Self::new("never-built", text),
            Due::DefinitionChanged { since } => {
                Self { newest: Some(*since), ..Self::new("definition-changed", text) }
            }
            Due::SlotBegan { slot, since } => {
                Self { slot: Some(*slot), newest: Some(*since), ..Self::new("slot-began", text) }
            }
            Due::ClockWasWrong { since, built_at } => Self {
                newest: Some(*since),
                built_at: Some(*built_at),
                ..Self::new("clock-was-wrong", text)
            },
            Due::Forced => Self::new("forced", text),
            Due::ArtifactGiven => Self::new("artifact-given", text),
        }
    }

    fn not_due(why: &NotDue) -> Self {
        let text = sentence::not_due(why);
        match why {
            NotDue::SlotSatisfied { by, built_at, next } => Self {
                newest: Some(*by),
                built_at: Some(*built_at),
                next_slot: *next,
                ..Self::new("slot-satisfied", text)
            },
            NotDue::NotSelected => Self::new("not-selected", text),
        }
    }
}

impl<'a> Skipped<'a> {
    pub(super) fn of(skipped: &'a crate::model::Skipped) -> Self {
        Self { image: &skipped.image, why: Why::not_due(&skipped.why) }
    }
}
