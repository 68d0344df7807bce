//! Which versions keep their bytes, and why. Pure: it deletes nothing.
//!
//! A version is kept for any of the reasons that there are for it, and for being what a version was
//! built from that is kept.

mod in_use;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::model::{
    ChannelName, Entry, History, ImageName, LogEntry, ParentRecord, Retain, Version,
};

pub use in_use::{Mentioned, StateError, of_list, of_state};

/// Why a version is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// `images.yml` does not know the image: nobody has said what is kept of it.
    Unmanaged,
    /// It is the newest: it may be on its way into a channel.
    Newest,
    /// A channel names it.
    Channel(ChannelName),
    /// A channel named it before: what it goes back to.
    Before(ChannelName),
    /// It is in use, says this source.
    InUse(String),
    /// It is one of the newest.
    Last,
    /// It is young.
    Within,
    /// A version was built from it that is kept.
    Parent(ImageName, Version),
}

/// What is known of an image.
#[derive(Debug, Clone)]
pub struct Past {
    /// The image.
    pub image: ImageName,
    /// What is kept of it; nothing if `images.yml` does not know it.
    pub retain: Option<Retain>,
    /// Its published versions whose bytes are there, oldest first.
    pub versions: Vec<Lived>,
    /// What each channel has named, one after the other, without repetitions.
    pub channels: BTreeMap<ChannelName, Vec<Version>>,
}

/// A version whose bytes are there.
#[derive(Debug, Clone)]
pub struct Lived {
    /// The version.
    pub version: Version,
    /// When it was published.
    pub published_at: Timestamp,
    /// Whether nobody should use it any more, by now.
    pub revoked: bool,
    /// What it was built from.
    pub parents: Vec<ParentRecord>,
}

impl Past {
    /// What `log` says of `image` at `now`.
    pub fn of(
        image: &ImageName,
        log: &[LogEntry],
        history: &History,
        retain: Option<Retain>,
        now: Timestamp,
    ) -> Self {
        let mut versions = Vec::new();
        let mut channels: BTreeMap<ChannelName, Vec<Version>> = BTreeMap::new();
        for entry in log {
            if let Entry::Published(record) = &entry.entry
                && !history.pruned.contains_key(&record.version)
            {
                versions.push(Lived {
                    version: record.version,
                    published_at: entry.at,
                    revoked: history.revocation(record.version, now).is_some(),
                    parents: record.provenance.parents.clone(),
                });
            }
            for what in entry.entry.moves() {
                let named = channels.entry(what.channel.clone()).or_default();
                if named.last() != Some(&what.to) {
                    named.push(what.to);
                }
            }
        }
        Self { image: image.clone(), retain, versions, channels }
    }

    /// The versions that are kept for themselves, whatever was built from them; each with the weightiest
    /// reason.
    fn kept(
        &self,
        in_use: &BTreeMap<(ImageName, Version), String>,
        now: Timestamp,
    ) -> BTreeMap<Version, Why> {
        let mut kept = BTreeMap::new();
        let mut keep = |version: Version, why: Why| {
            kept.entry(version).or_insert(why);
        };
        for (channel, named) in &self.channels {
            if let Some(now) = named.last() {
                keep(*now, Why::Channel(channel.clone()));
            }
        }
        for Lived { version, .. } in &self.versions {
            if let Some(source) = in_use.get(&(self.image.clone(), *version)) {
                keep(*version, Why::InUse(source.clone()));
            }
        }
        for (channel, named) in &self.channels {
            for version in self.ways_back(named) {
                keep(version, Why::Before(channel.clone()));
            }
        }
        if let Some(newest) = self.versions.last() {
            keep(newest.version, Why::Newest);
        }
        let Some(retain) = &self.retain else {
            for lived in &self.versions {
                keep(lived.version, Why::Unmanaged);
            }
            return kept;
        };
        let usable = self.versions.iter().rev().filter(|lived| !lived.revoked);
        for lived in usable.take(retain.last.try_into().unwrap_or(usize::MAX)) {
            keep(lived.version, Why::Last);
        }
        let within = SignedDuration::try_from(retain.within).unwrap_or(SignedDuration::MAX);
        for lived in &self.versions {
            if now.duration_since(lived.published_at) <= within {
                keep(lived.version, Why::Within);
            }
        }
        kept
    }

    /// What a channel can go back to that has named these: the last, and the last that may be used. Where
    /// it has come back to a version, also what it named before that for the first time.
    fn ways_back(&self, named: &[Version]) -> BTreeSet<Version> {
        let Some((now, before)) = named.split_last() else { return BTreeSet::new() };
        let first = named.iter().position(|version| version == now).unwrap_or_default();
        let may_be_used = |version: &&Version| {
            self.versions.iter().any(|lived| lived.version == **version && !lived.revoked)
        };
        let mut ways = BTreeSet::new();
        for past in [before, &named[..first]] {
            ways.extend(past.last().copied());
            ways.extend(past.iter().rev().find(may_be_used).copied());
        }
        ways
    }
}

/// The versions of all images that are kept, and why. `pasts` are those of all images: what is built
/// from a version may be of any. `in_use` are versions that are in use, each with who says so.
pub fn keep(
    pasts: &[Past],
    in_use: &BTreeMap<(ImageName, Version), String>,
    now: Timestamp,
) -> BTreeMap<(ImageName, Version), Why> {
    let mut kept = BTreeMap::new();
    let mut built_from = BTreeMap::new();
    for past in pasts {
        for lived in &past.versions {
            built_from.insert((past.image.clone(), lived.version), &lived.parents);
        }
        for (version, why) in past.kept(in_use, now) {
            kept.insert((past.image.clone(), version), why);
        }
    }
    let mut next: Vec<(ImageName, Version)> = kept.keys().cloned().collect();
    while let Some(child) = next.pop() {
        for parent in built_from.get(&child).copied().into_iter().flatten() {
            let parent = (parent.image.clone(), parent.version);
            if !kept.contains_key(&parent) {
                kept.insert(parent.clone(), Why::Parent(child.0.clone(), child.1));
                next.push(parent);
            }
        }
    }
    kept
}
