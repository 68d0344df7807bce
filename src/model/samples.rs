//! Values for unit tests: everything in order, for a test to spoil one thing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{
    Act, Advisories, Arch, Basis, BlockingFinding, Cadence, ChannelName, Decision, Definition,
    DefinitionFiles, Digest, Entry, Evidence, EvidencePolicy, Facts, FailedRecord, FailureClass,
    Finding, GateLists, GatePolicy, History, Image, Inventory, LogEntry, MaxAge, Os, OsIdentity,
    Package, ParentRecord, Probe, Provenance, Rebuild, RejectedRecord, Resources, Retain, SCHEMA,
    Scan, Severity, Source, Stage, Status, StoreAddress, StrategyName, Timeouts, Tool,
    VerifiedRecord, Version, VersionBase, VersionRecord, VersionScheme,
};

/// A run's move of a channel.
pub(crate) fn moved(channel: ChannelName, from: Option<Version>, to: Version) -> Entry {
    Entry::Moved { channel, from, to, act: Act::Entered, held: false, because: None }
}

/// A monthly Debian 12 image.
pub(crate) fn image(name: &str) -> Image {
    Image {
        name: name.parse().unwrap(),
        entry: 0,
        line: 1,
        matrix: IndexMap::new(),
        enabled: true,
        labels: Vec::new(),
        runs_on: Vec::new(),
        parents: Vec::new(),
        description: None,
        template: "/repository/packer".into(),
        workdir: "/repository/packer".into(),
        build: None,
        os: Os { family: "debian".into(), release: "12".into() },
        source: Source::CloudImage,
        arch: Arch::Amd64,
        prepare: None,
        vars: IndexMap::new(),
        var_files: Vec::new(),
        resources: Resources::default(),
        enforce: Vec::new(),
        max_log: 256 << 20,
        secret_vars: IndexMap::new(),
        env: Vec::new(),
        tests: Vec::new(),
        timeout: Timeouts {
            prepare: Duration::from_mins(15),
            build: Duration::from_mins(30),
            test: Duration::from_mins(15),
        },
        version: VersionScheme { base: VersionBase::default(), timezone: "UTC".into() },
        rebuild: Rebuild { every: Cadence::Monthly, max_age: MaxAge::Auto },
        evidence: EvidencePolicy::AUTO,
        gate: policy(),
        waivers: None,
        kev: None,
        checks: Vec::new(),
        max_size: None,
        retain: Retain::default(),
        stores: vec![StoreAddress::Directory("/srv/images".into())],
        sign: None,
        channel: "candidate".parse().unwrap(),
        promote: Vec::new(),
    }
}

/// A definition of one part.
pub(crate) fn definition(part: &str, content: &str) -> Definition {
    let files = Arc::new(DefinitionFiles::of([(part.to_owned(), content.to_owned())]));
    Definition::of(Vec::new(), files)
}

/// The default policy.
pub(crate) fn policy() -> GatePolicy {
    GatePolicy::default()
}

fn debian() -> OsIdentity {
    OsIdentity { family: "debian".into(), release: "12.11".into() }
}

/// Debian 12 with 120 packages on the disk `disk`.
pub(crate) fn evidence() -> Evidence {
    let package = |number| Package {
        name: format!("package-{number:03}"),
        version: "1.0-1".into(),
        arch: "amd64".into(),
        source: format!("package-{number:03}"),
    };
    Evidence {
        strategy: StrategyName::Disk,
        basis: Basis::Packages,
        subject: Digest::of(b"disk"),
        place: "partition 1".into(),
        os: Some(debian()),
        inventory: Inventory {
            packages: (0..120).map(package).collect(),
            libraries: Vec::new(),
            document: "{}".into(),
        },
        facts: Facts::default(),
        findings: Vec::new(),
        checks: Vec::new(),
        pending_asked: false,
        told_at: None,
        obstacles: Vec::new(),
        set_aside: Vec::new(),
    }
}

/// A believable scan of [`evidence`] at noon of 23 November 2026.
pub(crate) fn scan(findings: Vec<Finding>) -> Scan {
    Scan {
        findings,
        os: Some(debian()),
        end_of_life: false,
        packages: 120,
        scanner: Tool {
            name: "trivy".into(),
            path: "/usr/bin/trivy".into(),
            version: "0.74.0".into(),
        },
        advisories: Advisories {
            updated_at: "2026-11-23T06:00:00Z".parse().unwrap(),
            fixture: None,
            probe: Probe::Answered(12),
        },
        made_at: Some("2026-11-23T11:59:59Z".parse().unwrap()),
        started_at: "2026-11-23T11:59:58Z".parse().unwrap(),
        about_subject: true,
        uncovered: 0,
        complaints: Vec::new(),
    }
}

/// A finding in version 1 of `package`.
pub(crate) fn finding(id: &str, package: &str, severity: Severity, fixed: Option<&str>) -> Finding {
    Finding {
        id: id.into(),
        package: package.into(),
        source: package.into(),
        installed: "1".into(),
        fixed: fixed.map(Into::into),
        severity,
        status: if fixed.is_some() { Status::Fixed } else { Status::Affected },
        title: String::new(),
        url: None,
        published: None,
        fixed_at: None,
        ratings: BTreeMap::new(),
    }
}

/// The log of an image, as runs write it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Past(Vec<LogEntry>);

impl Past {
    pub(crate) fn log(&self) -> &[LogEntry] {
        &self.0
    }

    pub(crate) fn history(&self) -> History {
        History::of(&self.0)
    }

    pub(crate) fn push(&mut self, at: Timestamp, entry: Entry) -> &mut Self {
        self.0.push(LogEntry {
            schema: SCHEMA,
            seq: self.0.len() as u64 + 1,
            at,
            image: "debian-12".parse().unwrap(),
            run: "r1".parse().unwrap(),
            run_url: None,
            by: None,
            entry,
        });
        self
    }

    fn reserve(&mut self, at: Timestamp) -> Version {
        let day = at.to_zoned(TimeZone::UTC).date();
        let version = Version::next(VersionBase::default(), day, &self.history().reserved);
        self.push(at, Entry::Reserved { version });
        version
    }

    fn newest(&self) -> Version {
        self.history().newest().unwrap()
    }

    /// A build that passes and enters `candidate`.
    pub(crate) fn published(
        &mut self,
        at: Timestamp,
        definition: &Definition,
        parents: &[ParentRecord],
    ) -> &mut Self {
        let version = self.reserve(at);
        self.enter(at, version_record(version, at, definition, parents))
    }

    /// A version that passes and enters `candidate`.
    pub(crate) fn enter(&mut self, at: Timestamp, record: VersionRecord) -> &mut Self {
        let to = record.version;
        let channel = "candidate".parse().unwrap();
        let from = self.history().channels.get(&channel).copied();
        self.push(at, Entry::Published(Box::new(record)));
        self.push(at, moved(channel, from, to))
    }

    /// A build that equals the newest version.
    pub(crate) fn verified(
        &mut self,
        at: Timestamp,
        definition: &Definition,
        parents: &[ParentRecord],
    ) -> &mut Self {
        self.reserve(at);
        let record = VerifiedRecord {
            version: self.newest(),
            definition: definition.digest,
            parents: parents.to_vec(),
            started_at: at,
            fresh_until: None,
        };
        self.push(at, Entry::Verified(Box::new(record)))
    }

    /// A build that does not pass, judged by the default policy and by advisories of that moment.
    pub(crate) fn rejected(
        &mut self,
        at: Timestamp,
        definition: &Definition,
        parents: &[ParentRecord],
        verdict: Decision,
    ) -> &mut Self {
        let record = RejectedRecord {
            version: self.reserve(at),
            provenance: Provenance {
                commit: None,
                definition: definition.digest,
                definition_parts: definition.parts(),
                materials: Vec::new(),
                parents: parents.to_vec(),
                started_at: at,
                handed_in: false,
                stamped: false,
                tools: BTreeMap::new(),
                plugins: Vec::new(),
                custom_data: BTreeMap::new(),
                built_by: None,
                built_at: None,
            },
            policy: Some(policy().digest()),
            waivers: Some(GateLists::default().waivers_digest()),
            advisories_updated_at: Some(at),
            verdict,
            reasons: Vec::new(),
            locations: vec!["file:///srv/images/rejected".into()],
            artifacts: Vec::new(),
            inventory: None,
            findings: None,
            evidence: None,
            report: Digest::of(b"report"),
        };
        self.push(at, Entry::Rejected(Box::new(record)))
    }

    /// A build that comes to no end.
    pub(crate) fn failed(
        &mut self,
        at: Timestamp,
        definition: &Definition,
        parents: &[ParentRecord],
    ) -> &mut Self {
        let record = FailedRecord {
            version: self.reserve(at),
            definition: definition.digest,
            parents: parents.to_vec(),
            started_at: at,
            class: FailureClass::Provisioner,
            stage: Some(Stage::Build),
            reason: "script failed".into(),
        };
        self.push(at, Entry::Failed(Box::new(record)))
    }

    /// The newest version is withdrawn.
    pub(crate) fn revoked(&mut self, at: Timestamp) -> &mut Self {
        let version = self.newest();
        self.push(
            at,
            Entry::Revoked { version, reason: "leaked key".into(), from: None, with: None },
        )
    }

    /// The newest version is found to have these advisories, each with a fix.
    pub(crate) fn rescanned(&mut self, at: Timestamp, ids: &[&str]) -> &mut Self {
        let finding = |id: &&str| BlockingFinding {
            id: (*id).into(),
            source: "krb5".into(),
            fixed: Some("2".into()),
        };
        let (version, blocking) = (self.newest(), ids.iter().map(finding).collect());
        self.push(
            at,
            Entry::Rescanned { version, blocking, advisories_updated_at: None, findings: None },
        )
    }
}

/// The record of a version that was built at that moment.
pub(crate) fn version_record(
    version: Version,
    started_at: Timestamp,
    definition: &Definition,
    parents: &[ParentRecord],
) -> VersionRecord {
    VersionRecord {
        version,
        provenance: Provenance {
            commit: None,
            definition: definition.digest,
            definition_parts: definition.parts(),
            materials: Vec::new(),
            parents: parents.to_vec(),
            started_at,
            handed_in: false,
            stamped: false,
            tools: BTreeMap::new(),
            plugins: Vec::new(),
            custom_data: BTreeMap::new(),
            built_by: None,
            built_at: None,
        },
        advisories_updated_at: Some(started_at),
        fixture: None,
        os: Some(debian()),
        artifacts: Vec::new(),
        packages: 120,
        package_set: Digest::of(b"packages"),
        inventory: Digest::of(b"inventory"),
        findings: None,
        configuration: None,
        report: Digest::of(b"report"),
        verdict: Decision::Passed,
        tests: Vec::new(),
        signature: None,
        fresh_until: None,
        further: BTreeMap::new(),
    }
}
