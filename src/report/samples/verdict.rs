//! What the gate says in the samples.

use std::collections::BTreeMap;

use super::timestamp;
use crate::model::{
    Decision, Fate, Finding, Judged, Level, Reason, ReasonId, Severity, Since, Status, Verdict,
    Violation, Waiver,
};

pub(in crate::report) fn finding(
    severity: Severity,
    id: &str,
    package: &str,
    source: &str,
    installed: &str,
    fixed: Option<&str>,
    title: &str,
) -> Finding {
    Finding {
        id: id.to_owned(),
        package: package.to_owned(),
        source: source.to_owned(),
        installed: installed.to_owned(),
        fixed: fixed.map(str::to_owned),
        severity,
        status: if fixed.is_some() { Status::Fixed } else { Status::Affected },
        title: title.to_owned(),
        url: Some(format!("https://avd.aquasec.com/nvd/{}", id.to_lowercase())),
        published: Some(timestamp("2026-10-02T00:00:00Z")),
        fixed_at: None,
        ratings: BTreeMap::new(),
    }
}

pub(in crate::report) fn judged(fate: Fate, finding: Finding) -> Judged {
    Judged { finding, fate }
}

pub(super) fn waiver(id: &str) -> Waiver {
    Waiver {
        id: id.to_owned(),
        images: vec!["debian-*".to_owned()],
        packages: Vec::new(),
        reason: "only servers with client certificates are affected".to_owned(),
        until: "2026-12-31".parse().unwrap(),
        by: Some("jo".to_owned()),
        line: 3,
    }
}

pub(super) fn violation(
    rule: &str,
    level: Level,
    message: &str,
    help: &str,
    place: &str,
) -> Violation {
    Violation {
        rule: rule.into(),
        level,
        message: message.to_owned(),
        help: help.to_owned(),
        places: vec![place.to_owned()],
    }
}

/// Rules as an image breaks them that nobody has cleaned up.
pub(super) fn violations() -> Vec<Violation> {
    vec![
        violation(
            "private-keys",
            Level::Block,
            "a private key is left in the image",
            "remove it at the end of the build, and make a new one: this one is known now",
            "/root/.ssh/id_ed25519",
        ),
        violation(
            "shell-history",
            Level::Warn,
            "/root/.bash_history has 3 KB",
            "remove it at the end of the build",
            "/root/.bash_history",
        ),
    ]
}

/// What has come and gone since the version that is out.
pub(super) fn since() -> Since {
    let (new, fixed) = ("CVE-2026-40355", "CVE-2026-31000");
    let krb5 = |severity, id| finding(severity, id, "krb5-locales", "krb5", "1", Some("2"), "");
    Since {
        version: "1.0.20261001".parse().unwrap(),
        new: vec![krb5(Severity::Critical, new)],
        fixed: vec![krb5(Severity::Medium, fixed)],
    }
}

pub(super) fn harmless_findings() -> Vec<Judged> {
    let openssl = |id: &str, fate: Fate| {
        let (installed, fixed) = ("3.0.17-1~deb12u2", Some("3.0.17-1~deb12u3"));
        judged(fate, finding(Severity::High, id, "libssl3", "openssl", installed, fixed, ""))
    };
    vec![
        openssl("CVE-2026-50001", Fate::InGrace { until: timestamp("2026-11-28T00:00:00Z") }),
        openssl("CVE-2026-50002", Fate::NotNew { since: "1.0.20261001".parse().unwrap() }),
        openssl("CVE-2026-50003", Fate::Waived(Box::new(waiver("CVE-2026-50003")))),
        judged(
            Fate::Unfixed,
            finding(
                Severity::Critical,
                "CVE-2023-45853",
                "zlib1g",
                "zlib",
                "1:1.2.13.dfsg-1",
                None,
                "zlib: integer overflow and resultant heap-based buffer overflow in zipOpenNewFileInZip4_6",
            ),
        ),
        judged(
            Fate::BelowThreshold,
            finding(
                Severity::Medium,
                "CVE-2025-14524",
                "curl",
                "curl",
                "7.88.1-10+deb12u12",
                Some("7.88.1-10+deb12u15"),
                "curl: bearer token leak on redirect",
            ),
        ),
        judged(
            Fate::BelowThreshold,
            finding(
                Severity::Medium,
                "CVE-2025-14524",
                "libcurl4",
                "curl",
                "7.88.1-10+deb12u12",
                Some("7.88.1-10+deb12u15"),
                "curl: bearer token leak on redirect",
            ),
        ),
        judged(
            Fate::BelowThreshold,
            finding(Severity::Unknown, "CVE-2026-54370", "libacl1", "acl", "2.3.1-3", None, ""),
        ),
    ]
}

pub(super) fn blocking_findings() -> Vec<Judged> {
    let krb5 = ["krb5-locales", "libgssapi-krb5-2", "libk5crypto3", "libkrb5-3", "libkrb5support0"];
    let mut findings: Vec<Judged> = krb5
        .into_iter()
        .map(|package| {
            judged(
                Fate::Blocks,
                finding(
                    Severity::Critical,
                    "CVE-2026-40355",
                    package,
                    "krb5",
                    "1.20.1-2+deb12u4",
                    Some("1.20.1-2+deb12u5"),
                    "krb5: heap overflow when a ticket's authorization data is parsed",
                ),
            )
        })
        .collect();
    findings.push(judged(
        Fate::Blocks,
        finding(
            Severity::High,
            "CVE-2026-0861",
            "libc6",
            "glibc",
            "2.36-9+deb12u10",
            Some("2.36-9+deb12u14"),
            "glibc: integer overflow in memalign leads to heap corruption",
        ),
    ));
    findings.extend(harmless_findings());
    findings
}

pub(super) fn verdict(decision: Decision, reasons: Vec<Reason>, findings: Vec<Judged>) -> Verdict {
    Verdict {
        decision,
        reasons,
        warnings: Vec::new(),
        findings,
        violations: if decision == Decision::Blocked { violations() } else { Vec::new() },
        unchecked: Vec::new(),
    }
}

pub(super) fn reason(id: ReasonId, message: &str, help: &str) -> Reason {
    Reason { id, message: message.to_owned(), help: help.to_owned() }
}
