//! What `defaults:` and an image can both say. Every key is optional in both: the image's layer is
//! put over the one of `defaults`, key by key, and what nobody said is filled in last.

use super::address;
use super::cadence::{self, RebuildLayer};
use super::context::Context;
use super::field::Field;
use super::gate::{self, GateLayer};
use super::keys::Keys;
use super::timeout::{self, TimeoutLayer};
use super::version::{self, VersionLayer};
use crate::model::{ChannelName, StoreAddress};

/// Keys of a layer that this version can serve, but for `version`, which the top level has too.
pub(super) const KEYS: [&str; 5] = ["rebuild", "gate", "stores", "channel", "timeout"];
/// Keys of a layer that come later.
pub(super) const LATER: [&str; 16] = [
    "evidence",
    "retain",
    "enabled",
    "labels",
    "runs_on",
    "owner",
    "enforce",
    "checks",
    "hardening",
    "lint",
    "promote",
    "tests",
    "resources",
    "proxmox",
    "max_size",
    "max_log",
];

/// A layer.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    /// How versions are named.
    pub(super) version: VersionLayer,
    /// How often an image is rebuilt.
    pub(super) rebuild: RebuildLayer,
    /// What blocks it.
    pub(super) gate: GateLayer,
    /// Where its bytes go. Empty if they are named and wrong: that is told already.
    pub(super) stores: Option<Vec<StoreAddress>>,
    /// The channel that a version which passes enters.
    pub(super) channel: Option<ChannelName>,
    /// How long its stages may take.
    pub(super) timeout: TimeoutLayer,
}

impl Layer {
    /// Reads the keys of a layer out of a mapping that may have others.
    pub(super) fn read(keys: &mut Keys<'_>, context: &mut Context) -> Self {
        let layer = Self {
            version: keys.read("version", context, version::read).unwrap_or_default(),
            rebuild: keys.read("rebuild", context, cadence::read).unwrap_or_default(),
            gate: keys.read("gate", context, gate::read).unwrap_or_default(),
            stores: keys.read("stores", context, |field, context| {
                Some(address::stores(field, context).unwrap_or_default())
            }),
            channel: keys.read("channel", context, channel),
            timeout: keys.read("timeout", context, timeout::read).unwrap_or_default(),
        };
        keys.unavailable(&LATER, context);
        layer
    }

    /// This layer where it says something, `below` elsewhere.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            version: self.version.over(&below.version),
            rebuild: self.rebuild.over(&below.rebuild),
            gate: self.gate.over(&below.gate),
            stores: self.stores.or_else(|| below.stores.clone()),
            channel: self.channel.or_else(|| below.channel.clone()),
            timeout: self.timeout.over(&below.timeout),
        }
    }
}

fn channel(field: Field<'_>, context: &mut Context) -> Option<ChannelName> {
    field.name("a channel", "candidate", context)
}
