//! What was done after runs that were stopped half-way: the answer of `reap`, and a part of `report.json`.

use camino::Utf8Path;
use serde::Serialize;

use crate::model::{ImageName, RunId, Version};
use crate::report::{self, sentence};

use super::ChannelMove;

/// The answer of `reap`.
#[derive(Debug, Serialize)]
pub struct Reap<'a> {
    /// The runs that were stopped half-way.
    pub reaped: Vec<Reaped<'a>>,
    /// What is the matter beside them, a sentence each.
    pub problems: &'a [String],
}

/// A run that was stopped half-way.
#[derive(Debug, Serialize)]
pub struct Reaped<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The machine that it ran on, if it was another one.
    pub host: Option<&'a str>,
    /// What was done.
    pub done: Vec<Deed<'a>>,
    /// What could not be done and why, a sentence each.
    pub left: &'a [String],
}

/// Something that was done.
#[derive(Debug, Serialize)]
pub struct Deed<'a> {
    /// What: `processes-killed`, `scratch-removed`, `copy-removed`, `upload-removed`, `given-up`, `entered` or `rebuilt`.
    pub deed: &'static str,
    /// The same in English.
    pub text: String,
    /// The image that it is about, if it is about one.
    pub image: Option<&'a ImageName>,
    /// The version that was given up.
    pub version: Option<Version>,
    /// How a channel moved.
    pub channel: Option<ChannelMove<'a>>,
    /// The folder that was removed.
    pub path: Option<&'a Utf8Path>,
}

impl<'a> Reap<'a> {
    pub(super) fn of(reaped: &'a [report::Reaped], problems: &'a [String]) -> Self {
        Self { reaped: reaped.iter().map(Reaped::of).collect(), problems }
    }
}

impl<'a> Reaped<'a> {
    pub(super) fn of(reaped: &'a report::Reaped) -> Self {
        Self {
            run: &reaped.run,
            host: reaped.host.as_deref(),
            done: reaped.done.iter().map(Deed::of).collect(),
            left: &reaped.left,
        }
    }
}

impl<'a> Deed<'a> {
    fn of(deed: &'a report::Deed) -> Self {
        let text = sentence::deed(deed);
        let new = |deed| Self { deed, text, image: None, version: None, channel: None, path: None };
        match deed {
            report::Deed::ProcessesKilled { .. } => new("processes-killed"),
            report::Deed::ScratchRemoved { path } => {
                Self { path: Some(path), ..new("scratch-removed") }
            }
            report::Deed::CopyRemoved { path } => Self { path: Some(path), ..new("copy-removed") },
            report::Deed::UploadRemoved { place } => {
                Self { path: Some(Utf8Path::new(place)), ..new("upload-removed") }
            }
            report::Deed::GivenUp { image, version } => {
                Self { image: Some(image), version: Some(*version), ..new("given-up") }
            }
            report::Deed::Entered { image, moved } => {
                let channel = Some(ChannelMove::of(moved));
                Self { image: Some(image), channel, ..new("entered") }
            }
            report::Deed::Rebuilt { image } => Self { image: Some(image), ..new("rebuilt") },
        }
    }
}
