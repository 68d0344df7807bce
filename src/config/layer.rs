//! What `defaults:` and an image can both say. Every key is optional in both: the image's layer is
//! put over the one of `defaults`, key by key, and what nobody said is filled in last.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::address;
use super::cadence::{self, RebuildLayer};
use super::context::Context;
use super::enforce;
use super::evidence;
use super::field::Field;
use super::gate::{self, GateLayer};
use super::image_tests;
use super::keys::Keys;
use super::promote;
use super::resources::{self, ResourcesLayer};
use super::retain::{self, RetainLayer};
use super::rules;
use super::sign;
use super::size;
use super::timeout::{self, TimeoutLayer};
use super::version::{self, VersionLayer};
use super::words;
use crate::diagnostics::Diagnostic;
use crate::model::{
    ChannelName, Check, EvidencePolicy, Hardening, Judging, Level as RuleLevel, Signing, Soak,
    StoreAddress, Test,
};

/// Keys of a layer that this version can serve, but for `version`, which the top level has too.
pub(super) const KEYS: [&str; 19] = [
    "rebuild",
    "evidence",
    "gate",
    "stores",
    "channel",
    "timeout",
    "resources",
    "enabled",
    "labels",
    "runs_on",
    "tests",
    "enforce",
    "max_log",
    "checks",
    "hardening",
    "max_size",
    "sign",
    "promote",
    "retain",
];
/// Keys of a layer that come later.
pub(super) const LATER: [&str; 3] = ["owner", "lint", "proxmox"];

/// A layer.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    /// How versions are named.
    pub(super) version: VersionLayer,
    /// How often an image is rebuilt.
    pub(super) rebuild: RebuildLayer,
    /// Where the gate looks.
    pub(super) evidence: Option<EvidencePolicy>,
    /// What blocks it.
    pub(super) gate: GateLayer,
    /// Where its bytes go. Empty if they are named and wrong, or not there yet: that is told.
    pub(super) stores: Option<Vec<StoreAddress>>,
    /// Whether it is built at all.
    pub(super) enabled: Option<bool>,
    /// Words by which people select it.
    pub(super) labels: Option<Vec<String>>,
    /// The runner labels of a job that builds it.
    pub(super) runs_on: Option<Vec<String>>,
    /// The channel that a version which passes enters.
    pub(super) channel: Option<ChannelName>,
    /// How long its stages may take.
    pub(super) timeout: TimeoutLayer,
    /// What a build must pass besides the gate.
    pub(super) tests: Option<Vec<Test>>,
    /// What its build needs of the machine.
    pub(super) resources: ResourcesLayer,
    /// Scripts that run in every build, absolute.
    pub(super) enforce: Option<Vec<Utf8PathBuf>>,
    /// How many bytes of a build's log are kept.
    pub(super) max_log: Option<u64>,
    /// Further checkers; their paths start at the `workdir` of the image.
    pub(super) checks: Option<Vec<Check>>,
    /// The hardening profiles.
    pub(super) hardening: Option<BTreeMap<Hardening, RuleLevel>>,
    /// How many bytes the artifact may have.
    pub(super) max_size: Option<u64>,
    /// How checksums are signed.
    pub(super) sign: Option<Signing>,
    /// Which versions move on to other channels by themselves.
    pub(super) promote: Option<Vec<Soak>>,
    /// What is kept of its versions.
    pub(super) retain: RetainLayer,
    /// What of it this version cannot do, by key: an image that says something else than `defaults`
    /// may be fine.
    pub(super) later: BTreeMap<&'static str, Option<Diagnostic>>,
}

impl Layer {
    /// Reads the keys of a layer out of a mapping that may have others.
    pub(super) fn read(keys: &mut Keys<'_>, context: &mut Context) -> Self {
        let gate = keys.read("gate", context, gate::read).unwrap_or_default();
        let mut later = BTreeMap::new();
        let stores = keys.read("stores", context, |field, context| {
            Some(address::stores(field, context).unwrap_or_default())
        });
        let stores = stores.map(|(stores, of_stores)| {
            later.insert("stores", of_stores);
            stores
        });
        let evidence = keys.read("evidence", context, evidence::read).map(|(policy, refusal)| {
            later.insert("evidence", refusal);
            policy
        });
        let layer = Self {
            evidence,
            version: keys.read("version", context, version::read).unwrap_or_default(),
            rebuild: keys.read("rebuild", context, cadence::read).unwrap_or_default(),
            gate,
            stores,
            enabled: keys.read("enabled", context, Field::boolean),
            labels: keys.read("labels", context, words::labels),
            runs_on: keys.read("runs_on", context, words::runs_on),
            channel: keys.read("channel", context, channel),
            timeout: keys.read("timeout", context, timeout::read).unwrap_or_default(),
            tests: keys.read("tests", context, image_tests::read),
            resources: keys.read("resources", context, resources::read).unwrap_or_default(),
            enforce: keys.read("enforce", context, enforce::read),
            max_log: keys.read("max_log", context, size::read),
            checks: keys.read("checks", context, rules::checks),
            hardening: keys.read("hardening", context, rules::hardening),
            max_size: keys.read("max_size", context, size::read),
            sign: keys.read("sign", context, sign::read),
            promote: keys.read("promote", context, promote::read),
            retain: keys.read("retain", context, retain::read).unwrap_or_default(),
            later: BTreeMap::new(),
        };
        later.extend(keys.later(&LATER, context));
        Self { later, ..layer }
    }

    /// What an image is judged by that says nothing itself.
    pub(super) fn judging(&self) -> Judging {
        let mut gate = self.gate.clone().resolve();
        gate.rules.hardening = self.hardening.clone().unwrap_or_default();
        Judging {
            waivers: self.gate.waivers.clone(),
            kev: self.gate.kev.clone(),
            gate,
            evidence: self.evidence.clone().unwrap_or(EvidencePolicy::AUTO),
            checks: self.checks.clone().unwrap_or_default(),
            max_size: self.max_size,
            channel: self.channel.clone().unwrap_or_else(ChannelName::candidate),
        }
    }

    /// This layer where it says something, `below` elsewhere.
    pub(super) fn over(self, below: &Self) -> Self {
        Self {
            evidence: self.evidence.or_else(|| below.evidence.clone()),
            version: self.version.over(&below.version),
            rebuild: self.rebuild.over(&below.rebuild),
            gate: self.gate.over(&below.gate),
            stores: self.stores.or_else(|| below.stores.clone()),
            channel: self.channel.or_else(|| below.channel.clone()),
            timeout: self.timeout.over(&below.timeout),
            tests: self.tests.or_else(|| below.tests.clone()),
            resources: self.resources.over(&below.resources),
            enabled: self.enabled.or(below.enabled),
            labels: self.labels.or_else(|| below.labels.clone()),
            runs_on: self.runs_on.or_else(|| below.runs_on.clone()),
            enforce: self.enforce.or_else(|| below.enforce.clone()),
            max_log: self.max_log.or(below.max_log),
            checks: self.checks.or_else(|| below.checks.clone()),
            hardening: self.hardening.or_else(|| below.hardening.clone()),
            max_size: self.max_size.or(below.max_size),
            sign: self.sign.or_else(|| below.sign.clone()),
            promote: self.promote.or_else(|| below.promote.clone()),
            retain: self.retain.over(&below.retain),
            later: below.later.clone().into_iter().chain(self.later).collect(),
        }
    }
}

fn channel(field: Field<'_>, context: &mut Context) -> Option<ChannelName> {
    field.name("a channel", "candidate", context)
}
