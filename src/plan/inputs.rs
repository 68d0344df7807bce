//! What a plan is made from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::model::{
    Change, ChannelName, Definition, Digest, History, Image, ImageName, ParentRecord, Version,
};

/// Everything that a plan is made from, beside the time.
pub struct PlanInputs<'a> {
    /// The images to decide about, parents before their children: the order of the graph. Images
    /// that are not in here are not built.
    pub candidates: Vec<Candidate<'a>>,
    /// What was asked for.
    pub selection: Selection,
    /// After so many failed attempts, a build is not tried again by itself.
    pub retry_limit: u32,
    /// When the advisories were made that builds will be judged by.
    pub advisories_at: Timestamp,
}

/// An image with everything that the decision needs.
pub struct Candidate<'a> {
    /// The image.
    pub image: &'a Image,
    /// Its definition as it is now.
    pub definition: &'a Definition,
    /// Its past.
    pub history: &'a History,
    /// Digest of the waivers that hold for it, or have held.
    pub waivers: Digest,
    /// Its parents as they are now.
    pub parents: Vec<ParentNow<'a>>,
}

/// A parent of a candidate.
#[derive(Debug, Clone, Copy)]
pub struct ParentNow<'a> {
    /// The parent.
    pub image: &'a ImageName,
    /// The channel that the candidate follows.
    pub channel: &'a ChannelName,
    /// What that names, if it names anything.
    pub version: Option<Version>,
}

/// What was asked for.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Selection {
    /// The images to look at; all when absent.
    pub names: Option<BTreeSet<ImageName>>,
    /// Only images whose last attempt failed or did not pass.
    pub only_failed: bool,
    /// Only images that a change of the repository touches. They are built for that.
    pub changed: Option<BTreeMap<ImageName, Change>>,
    /// Whether the images were named one by one: what is not due is then built because somebody
    /// asked for it.
    pub by_name: bool,
    /// Build whatever is selected, due or not.
    pub force: bool,
    /// Judge again what did not pass and was kept, whether or not anything has changed, and build
    /// nothing.
    pub regate: bool,
    /// Images whose artifact was handed in: they enter after the build.
    pub given: BTreeSet<ImageName>,
}

impl Selection {
    /// Whether versions move on by themselves as well: not if somebody is after certain builds.
    pub(super) fn promotes(&self) -> bool {
        !self.only_failed && !self.regate && self.changed.is_none() && self.given.is_empty()
    }

    /// Whether the image with this name and past is in it.
    pub(super) fn has(&self, name: &ImageName, history: &History) -> bool {
        self.names.as_ref().is_none_or(|names| names.contains(name))
            && self.changed.as_ref().is_none_or(|changed| changed.contains_key(name))
            && (!self.only_failed || history.went_wrong())
    }
}

impl Candidate<'_> {
    /// A parent that has moved on from what `built_from` says, and its version now.
    pub(super) fn moved<'p>(
        &self,
        built_from: &'p [ParentRecord],
    ) -> Option<(&'p ParentRecord, Version)> {
        built_from.iter().find_map(|before| {
            let parent = self.parents.iter().find(|parent| *parent.image == before.image)?;
            let now = parent.version?;
            (now != before.version).then_some((before, now))
        })
    }
}
