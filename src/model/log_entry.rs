//! Entries of an image's log: the truth of the registry. Everything else is a projection of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::{
    ArtifactRecord, ChannelName, Decision, Digest, FailureClass, ImageName, OsIdentity, Provenance,
    RunId, Stage, TestTally, Version,
};

/// The version of the entry format that this binary writes.
pub const SCHEMA: u32 = 1;

/// One entry of `images/<image>/log/<seq>.json`. Written once, never changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Version of the format.
    pub schema: u32,
    /// Position in the log, from 1. Orders versions.
    pub seq: u64,
    /// When it was written.
    pub at: Timestamp,
    /// The image.
    pub image: ImageName,
    /// The run that wrote it.
    pub run: RunId,
    /// Where that run can be looked at, if anywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_url: Option<String>,
    /// Who started that run, as the forge or the machine calls them, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub entry: Entry,
}

/// What happened to an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// A run took a version for itself before it built.
    Reserved {
        /// The version.
        version: Version,
    },
    /// A version was published: the commit point.
    Published(Box<VersionRecord>),
    /// A build turned out to equal the newest version: its slot is satisfied.
    Verified(Box<VerifiedRecord>),
    /// A build did not pass the gate.
    Rejected(Box<RejectedRecord>),
    /// A build came to no end: it failed, or what it left could not be judged or published.
    Failed(Box<FailedRecord>),
    /// The run that had reserved a version died before it came to an end. It cannot be published
    /// any more, not even by that run, should it turn out to live.
    Abandoned {
        /// The version.
        version: Version,
    },
    /// A version was withdrawn: nobody should use it any more.
    Revoked {
        /// The version.
        version: Version,
        /// Why, in the words of whoever did it.
        reason: String,
        /// From when on, if not at once.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Timestamp>,
        /// The version that it was built from and that it was withdrawn with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        with: Option<ParentRecord>,
    },
    /// A version that was withdrawn may be used again.
    Restored {
        /// The version.
        version: Version,
        /// Why, in the words of whoever did it.
        reason: String,
    },
    /// Nobody needs the bytes of a version any more: they go, unless somebody says otherwise in time.
    Marked {
        /// The version.
        version: Version,
        /// When they may go.
        after: Timestamp,
    },
    /// A version that was marked keeps its bytes after all.
    Unmarked {
        /// The version.
        version: Version,
        /// Why.
        because: String,
    },
    /// The bytes of a version that was marked go, and nobody can bring them back. What is recorded of it
    /// stays.
    Pruned {
        /// The version.
        version: Version,
        /// Where bytes of it may still lie: all places, before the first was looked at.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        left: Vec<String>,
    },
    /// The inventory of a published version was matched against later advisories.
    Rescanned {
        /// The version.
        version: Version,
        /// What would block it now; nothing if it would still pass.
        blocking: Vec<BlockingFinding>,
        /// When these advisories were made.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        advisories_updated_at: Option<Timestamp>,
        /// Blob with its findings by them ([`super::FindingsDocument`]), if they were kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        findings: Option<Digest>,
    },
    /// A channel was moved.
    Moved {
        /// The channel.
        channel: ChannelName,
        /// What it named before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Version>,
        /// What it names now.
        to: Version,
        /// By what.
        #[serde(default, skip_serializing_if = "Act::is_entered")]
        act: Act,
        /// Whether it stays there, whatever is published, until somebody promotes or unpins.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        held: bool,
        /// Why, in the words of whoever did it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// Two channels took each other's version, in one step. Neither is held any more.
    Swapped {
        /// What each names now.
        channels: [Named; 2],
        /// Why, in the words of whoever did it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because: Option<String>,
    },
    /// Written by a newer goldsmith. Kept, and not understood.
    #[serde(other)]
    Unknown,
}

/// What a channel names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// The channel.
    pub channel: ChannelName,
    /// The version.
    pub version: Version,
}

/// By what a channel moved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// A run brought what it had published.
    #[default]
    Entered,
    /// Somebody promoted a version to it, or a rule did.
    Promoted,
    /// Somebody took it back.
    RolledBack,
    /// Somebody pinned it.
    Pinned,
    /// Somebody let it go again; it stays where it is until the next version.
    Unpinned,
    /// It took the version of another channel, which took its.
    Swapped,
    /// Only a newer goldsmith knows.
    #[serde(other)]
    Unknown,
}

impl Act {
    /// As it is written: `rolled-back`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled-back",
            Self::Pinned => "pinned",
            Self::Unpinned => "unpinned",
            Self::Swapped => "swapped",
            Self::Unknown => "unknown",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
    fn is_entered(&self) -> bool {
        *self == Self::Entered
    }
}

/// A move of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move<'a> {
    /// The channel.
    pub channel: &'a ChannelName,
    /// What it named before.
    pub from: Option<Version>,
    /// What it names since then.
    pub to: Version,
    /// By what.
    pub act: Act,
    /// Whether it is held there.
    pub held: bool,
    /// Why, if somebody said so.
    pub because: Option<&'a str>,
}

impl Entry {
    /// The channels that it moves.
    pub fn moves(&self) -> impl Iterator<Item = Move<'_>> {
        let (one, two) = match self {
            Self::Moved { channel, from, to, act, held, because } => {
                let because = because.as_deref();
                let (from, to, act, held) = (*from, *to, *act, *held);
                (Some(Move { channel, from, to, act, held, because }), None)
            }
            Self::Swapped { channels: [one, other], because } => {
                let swapped = |it: &'_ Named, from: Version| (it.version, Some(from));
                let because = because.as_deref();
                let of = |channel, (to, from)| {
                    Some(Move { channel, from, to, act: Act::Swapped, held: false, because })
                };
                (
                    of(&one.channel, swapped(one, other.version)),
                    of(&other.channel, swapped(other, one.version)),
                )
            }
            _ => (None, None),
        };
        one.into_iter().chain(two)
    }
}

/// Everything that is remembered of a published version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// The version.
    pub version: Version,
    /// How the artifact came about.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// When the advisory database was made; nothing where the packages were matched against none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisories_updated_at: Option<Timestamp>,
    /// Which demonstration data it was judged by, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixture: Option<String>,
    /// What the scan found, if it identified anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<OsIdentity>,
    /// The files, and where each lies: see [`ArtifactRecord::disk_first`].
    pub artifacts: Vec<ArtifactRecord>,
    /// Number of packages.
    pub packages: usize,
    /// Digest of package names and versions.
    pub package_set: Digest,
    /// Blob with the CycloneDX inventory.
    pub inventory: Digest,
    /// Blob with its findings ([`super::FindingsDocument`]), if they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Digest>,
    /// Blob with how its system is set up ([`super::Configuration`]), if that was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Digest>,
    /// Blob with the report (JSON v1).
    pub report: Digest,
    /// The gate's decision.
    pub verdict: Decision,
    /// The tests that it passed, if it had any; their cases are in the report.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests: Vec<TestTally>,
    /// The document with the signature of its checksums, if they were signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
    /// From when on its age shows that nothing is built any more, if anything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_until: Option<Timestamp>,
    /// What only a newer goldsmith knows: it is handed on.
    #[serde(flatten)]
    pub further: BTreeMap<String, serde_json::Value>,
}

/// What is remembered of a build that equals a published version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifiedRecord {
    /// The version that it equals.
    pub version: Version,
    /// Definition that was built.
    pub definition: Digest,
    /// The versions of its parents that it was built from: others than the version's, maybe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ParentRecord>,
    /// When the build started; decides which slot it satisfies.
    pub started_at: Timestamp,
    /// From when on the age of this build shows that nothing is built any more, if anything does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fresh_until: Option<Timestamp>,
}

/// The state of the repository that an image was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// The commit.
    pub id: String,
    /// Whether the work tree had further changes.
    pub dirty: bool,
}

/// Something from outside that went into a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Material {
    /// What it is: a file's path relative to `images.yml`, or a URL.
    pub name: String,
    /// Digest of its content.
    pub digest: Digest,
}

/// A version of a parent that went into a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParentRecord {
    /// The parent.
    pub image: ImageName,
    /// Its version.
    pub version: Version,
}

/// A finding for which a version would not pass the gate any more.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BlockingFinding {
    /// The advisory: `CVE-2026-40355`.
    pub id: String,
    /// The source package that it is in.
    pub source: String,
    /// The version that fixes it, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<String>,
}

/// What is remembered of a build that did not pass: enough to judge its artifact again, and to
/// publish it if it passes then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectedRecord {
    /// The version that was reserved for it: unused, unless it passes when it is judged again.
    pub version: Version,
    /// How the artifact came about.
    #[serde(flatten)]
    pub provenance: Provenance,
    /// Digest of the policy that it was judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Digest>,
    /// Digest of the waivers that it was judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waivers: Option<Digest>,
    /// When the advisory database that it was judged by was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisories_updated_at: Option<Timestamp>,
    /// Blocked or untrusted.
    pub verdict: Decision,
    /// The reasons, a sentence each.
    pub reasons: Vec<String>,
    /// Where the artifact is kept, if it is.
    pub locations: Vec<String>,
    /// The files of the artifact, if it is kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<ArtifactRecord>,
    /// Blob with the CycloneDX inventory, if it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inventory: Option<Digest>,
    /// Blob with its findings ([`super::FindingsDocument`]), if they were kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub findings: Option<Digest>,
    /// Blob with its evidence ([`super::EvidenceDocument`]), if nobody can gather that again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Digest>,
    /// Blob with the report (JSON v1).
    pub report: Digest,
}

/// What is remembered of a build that came to no end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedRecord {
    /// The version that was reserved for it and stays unused.
    pub version: Version,
    /// Digest of all repository content that defines the image.
    pub definition: Digest,
    /// The versions of its parents that it was to be built from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<ParentRecord>,
    /// When the build started.
    pub started_at: Timestamp,
    /// What kind of failure it was.
    #[serde(deserialize_with = "known_class")]
    pub class: FailureClass,
    /// How far it came, if somebody wrote it down.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// What failed and why, in one line.
    pub reason: String,
}

/// A class of failure. One that only a newer goldsmith knows is no reason not to read a log.
fn known_class<'de, D: Deserializer<'de>>(deserializer: D) -> Result<FailureClass, D::Error> {
    Ok(known(deserializer)?.unwrap_or(FailureClass::Build))
}

/// A word, if this goldsmith knows it.
fn known<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Word<T> {
        Known(T),
        Other(IgnoredAny),
    }
    Ok(match Word::deserialize(deserializer)? {
        Word::Known(word) => Some(word),
        Word::Other(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_a_kind_that_only_a_newer_goldsmith_knows_is_read_as_a_failed_build() {
        let text = r#"{
            "schema": 1, "seq": 2, "at": "2026-11-23T10:00:00Z", "image": "debian-12", "run": "r1",
            "entry": "failed", "version": "1.0.20261123", "started_at": "2026-11-23T09:00:00Z",
            "definition": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "class": "solar-flare", "stage": "orbit", "reason": "a bit flipped"
        }"#;
        let entry: LogEntry = serde_json::from_str(text).unwrap();
        let Entry::Failed(record) = entry.entry else { panic!("{entry:?}") };
        let FailedRecord { class, stage, parents, .. } = *record;
        assert_eq!((class, stage, parents), (FailureClass::Build, None, Vec::new()));
    }

    /// Written before files had their disk first, and before records had parts in common.
    const PUBLISHED: &str = r#"{
        "schema": 1, "seq": 3, "at": "2026-11-23T10:00:00Z", "image": "debian-12", "run": "r1",
        "entry": "published", "version": "1.0.20261123",
        "commit": { "id": "5f3a9c", "dirty": false },
        "definition": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "definition_parts": { "prepare": "0123456789ab" },
        "materials": [{
            "name": "base.qcow2",
            "digest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        }],
        "parents": [{ "image": "base", "version": "1.0.20261101.2" }],
        "started_at": "2026-11-23T09:00:00Z", "handed_in": true, "tools": { "packer": "1.16.0" },
        "advisories_updated_at": "2026-11-23T00:00:00Z", "fixture": "demo",
        "os": { "family": "debian", "release": "12.11" },
        "artifacts": [{
            "name": "debian-12-v1.0.20261123.qcow2", "size": 3,
            "sha256": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "locations": ["file:///srv/images/debian-12-v1.0.20261123.qcow2"]
        }],
        "packages": 208,
        "package_set": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "inventory": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "report": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "verdict": "passed"
    }"#;

    /// With nothing but what the first ones had.
    const REJECTED: &str = r#"{
        "schema": 1, "seq": 2, "at": "2026-11-23T10:00:00Z", "image": "debian-12", "run": "r1",
        "entry": "rejected", "version": "1.0.20261123",
        "definition": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "started_at": "2026-11-23T09:00:00Z", "verdict": "blocked", "reasons": ["1 finding"],
        "locations": [],
        "report": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    }"#;

    /// Before findings were kept.
    const RESCANNED: &str = r#"{
        "schema": 1, "seq": 4, "at": "2026-11-23T10:00:00Z", "image": "debian-12", "run": "r1",
        "entry": "rescanned", "version": "1.0.20261123",
        "blocking": [{ "id": "CVE-2026-1", "source": "krb5", "fixed": "1.20" }]
    }"#;

    #[test]
    fn entries_of_earlier_goldsmiths_are_read_and_written_as_they_were() {
        for (text, new) in
            [(PUBLISHED, &[][..]), (REJECTED, &["materials", "tools"]), (RESCANNED, &[])]
        {
            let before: serde_json::Value = serde_json::from_str(text).unwrap();
            let entry: LogEntry = serde_json::from_str(text).unwrap();
            let mut after = serde_json::to_value(&entry).unwrap();
            for empty in new {
                assert_ne!(after.as_object_mut().unwrap().remove(*empty), None);
            }
            assert_eq!(after, before);
        }
    }
}
