//! What a scan found as SARIF 2.1.0, for code scanning and other readers.
//!
//! A result is an advisory in a source package, as in all reports: what blocks is an error, what does
//! not a warning or a note. What makes a scan untrusted is a notification of the run, which
//! then was not successful: nothing follows from few results (SARIF 2.1.0, §3.20.14).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{AdvisoryRow, ImageReport, sentence, untrusted::one_line};
use crate::model::{Bucket, Decision, Severity, Verdict};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report of a scan of the artifact `path` as a SARIF log.
pub fn sarif(image: &ImageReport, path: &str) -> String {
    let verdict = image.verdict.as_ref();
    let rows: Vec<(AdvisoryRow<'_>, Bucket)> = Bucket::ALL
        .into_iter()
        .flat_map(|bucket| {
            let rows = verdict.map(|verdict| AdvisoryRow::of(verdict, |it| it == bucket));
            rows.unwrap_or_default().into_iter().map(move |row| (row, bucket))
        })
        .collect();
    let mut rules = BTreeMap::new();
    for (row, _) in &rows {
        rules.entry(row.id.to_owned()).or_insert_with(|| rule(row));
    }
    let ids: Vec<&String> = rules.keys().collect();
    let results: Vec<Value> =
        rows.iter().map(|(row, bucket)| result(row, *bucket, &ids, path)).collect();
    let trusted = verdict.is_some_and(|verdict| verdict.decision != Decision::Untrusted);
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "goldsmith",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().collect::<Vec<_>>(),
            } },
            "automationDetails": { "id": format!("goldsmith-scan/{}/", image.image) },
            "invocations": [{
                "executionSuccessful": trusted,
                "toolExecutionNotifications": verdict.map(notifications).unwrap_or_default(),
            }],
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn notifications(verdict: &Verdict) -> Vec<Value> {
    let untrusted = verdict.decision == Decision::Untrusted;
    let reasons = verdict.reasons.iter().filter(|_| untrusted).map(|reason| ("error", reason));
    let warnings = verdict.warnings.iter().map(|warning| ("warning", warning));
    let told = reasons.chain(warnings).map(|(level, reason)| {
        json!({
            "level": level,
            "descriptor": { "id": serde_json::to_value(reason.id).unwrap_or_default() },
            "message": { "text": one_line(&format!("{}. {}", reason.message, reason.help)) },
        })
    });
    told.collect()
}

fn rule(row: &AdvisoryRow<'_>) -> Value {
    let title = if row.title.is_empty() { row.id } else { row.title };
    let mut rule = json!({
        "id": row.id,
        "shortDescription": { "text": one_line(title) },
        "properties": {
            "tags": ["security", "vulnerability", row.severity.as_str()],
            "security-severity": score(row.severity),
        },
    });
    if let (Some(url), Some(rule)) = (row.url, rule.as_object_mut()) {
        rule.insert("helpUri".to_owned(), url.into());
    }
    rule
}

/// The lowest score that code scanning shows as this severity.
fn score(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "9.0",
        Severity::High => "7.0",
        Severity::Medium => "4.0",
        Severity::Low => "0.1",
        Severity::Unknown => "0.0",
    }
}

fn result(row: &AdvisoryRow<'_>, bucket: Bucket, rules: &[&String], path: &str) -> Value {
    let level = match bucket {
        Bucket::Blocks => "error",
        Bucket::InGrace | Bucket::NotNew | Bucket::BelowThreshold => "warning",
        Bucket::Waived | Bucket::Unfixed => "note",
    };
    let why = sentence::fate(row.fate);
    let (named, more) = row.named_packages();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let fixed = row.fixed.map_or_else(String::new, |fixed| format!(", fixed in {fixed}"));
    let text = format!(
        "{} ({}) in {}{more}: installed {}{fixed}; {why}",
        row.id,
        row.severity,
        named.join(", "),
        row.installed,
    );
    let fingerprint = format!("{}:{}:{}", row.id, row.source, row.installed);
    json!({
        "ruleId": row.id,
        "ruleIndex": rules.iter().position(|id| *id == row.id),
        "level": level,
        "message": { "text": one_line(&text) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": path },
                "region": { "startLine": 1 },
            },
            "logicalLocations": [{ "kind": "package", "name": row.source }],
        }],
        "partialFingerprints": { "advisory/v1": fingerprint },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::finding;
    use crate::model::{Fate, ImageOutcome, Judged, Reason, ReasonId};

    fn report(decision: Decision) -> ImageReport {
        let judged = |id: &str, package: &str, severity, fate| Judged {
            finding: finding(id, package, severity, (fate == Fate::Blocks).then_some("2")),
            fate,
        };
        let reasons = vec![Reason {
            id: ReasonId::OsMismatch,
            message: "found debian 13 instead of debian 12".to_owned(),
            help: "correct `os:`".to_owned(),
        }];
        let verdict = Verdict {
            decision,
            reasons: if decision == Decision::Untrusted { reasons } else { Vec::new() },
            warnings: Vec::new(),
            violations: Vec::new(),
            unchecked: Vec::new(),
            findings: vec![
                judged("CVE-2026-1", "openssl", Severity::Critical, Fate::Blocks),
                judged("CVE-2026-2", "curl", Severity::High, Fate::Unfixed),
                judged("CVE-2026-1", "curl", Severity::Low, Fate::BelowThreshold),
            ],
        };
        let mut report = ImageReport::new("disk".parse().unwrap(), ImageOutcome::Passed);
        report.verdict = Some(verdict);
        report
    }

    #[test]
    fn findings_are_results_and_what_is_not_trusted_is_no_success() {
        insta::assert_snapshot!(sarif(&report(Decision::Blocked), "disk.qcow2"));
        let untrusted: Value =
            serde_json::from_str(&sarif(&report(Decision::Untrusted), "disk.qcow2")).unwrap();
        let invocation = &untrusted["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        let told = &invocation["toolExecutionNotifications"][0];
        assert_eq!(told["descriptor"]["id"], "os-mismatch");
    }
}
