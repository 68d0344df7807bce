//! Values for unit tests: everything in order, for a test to spoil one thing.

use std::time::Duration;

use indexmap::IndexMap;

use super::{
    Advisories, Arch, Cadence, Digest, EolRule, Evidence, Finding, GatePolicy, Image, Inventory,
    MaxAge, Os, OsIdentity, Package, Probe, Rebuild, Scan, Severity, Source, Status, StoreAddress,
    Timeouts, Tool, VersionBase, VersionScheme,
};

/// A monthly Debian 12 image.
pub(crate) fn image(name: &str) -> Image {
    Image {
        name: name.parse().unwrap(),
        entry: 0,
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
        env: Vec::new(),
        timeout: Timeouts { prepare: Duration::from_mins(15), build: Duration::from_mins(30) },
        version: VersionScheme { base: VersionBase::default(), timezone: "UTC".into() },
        rebuild: Rebuild { every: Cadence::Monthly, max_age: MaxAge::Auto },
        gate: policy(),
        stores: vec![StoreAddress::Directory("/srv/images".into())],
        channel: "candidate".parse().unwrap(),
    }
}

/// The default policy.
pub(crate) fn policy() -> GatePolicy {
    GatePolicy {
        fail_on: [Severity::High, Severity::Critical].into(),
        ignore_unfixed: true,
        max_db_age: Duration::from_hours(48),
        eol: EolRule::Untrusted,
    }
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
        strategy: "disk".into(),
        subject: Digest::of(b"disk"),
        os: Some(debian()),
        inventory: Inventory { packages: (0..120).map(package).collect(), document: "{}".into() },
        obstacles: Vec::new(),
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
    }
}
