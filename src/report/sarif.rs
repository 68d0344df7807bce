//! What was found in images as SARIF 2.1.0, for code scanning and other readers.
//!
//! A result is an advisory in a source package, as in all reports, or a rule that is broken: what blocks
//! is an error, what does not a warning or a note. It lies where `images.yml` has the image, since that
//! is what people can look at and change. What makes a scan untrusted is a notification of the run, which
//! then was not successful: nothing follows from few results (SARIF 2.1.0, §3.20.14).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{AdvisoryRow, ImageReport, Report, sentence, untrusted::one_line};
use crate::model::{Bucket, Decision, Digest, Level, Severity, Verdict, Violation};

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// The report of a scan of the artifact `path` as a SARIF log.
pub fn scan(image: &ImageReport, path: &str) -> String {
    log(&[run(image, path)])
}

/// The report of a run as a SARIF log: a run of SARIF for each image that was judged.
pub fn report(report: &Report) -> String {
    let judged = report.images.iter().filter(|image| image.verdict.is_some());
    log(&judged.map(|image| run(image, "images.yml")).collect::<Vec<_>>())
}

fn log(runs: &[Value]) -> String {
    let log = json!({ "$schema": SCHEMA, "version": "2.1.0", "runs": runs });
    format!("{log:#}\n")
}

/// A result, before the rules are numbered.
struct Found {
    rule: (String, Value),
    level: &'static str,
    text: String,
    /// What it is about, within the image.
    logical: Value,
    /// What makes it the same result in the next report.
    same: String,
}

/// What was found in one image, which lies at `path` unless `images.yml` has it.
fn run(image: &ImageReport, path: &str) -> Value {
    let found = image.verdict.as_ref().map(found).unwrap_or_default();
    let rules: BTreeMap<&String, &Value> =
        found.iter().map(|it| (&it.rule.0, &it.rule.1)).collect();
    let (file, line) =
        image.place.as_ref().map_or((path, 1), |place| (place.file.as_str(), place.line));
    let results: Vec<Value> = found
        .iter()
        .map(|it| {
            let same = Digest::of(format!("{}:{}", image.image, it.same).as_bytes());
            json!({
                "ruleId": it.rule.0,
                "ruleIndex": rules.keys().position(|id| **id == it.rule.0),
                "level": it.level,
                "message": { "text": one_line(&it.text) },
                "locations": [{
                    "physicalLocation": {
                        "artifactLocation": { "uri": uri(file) },
                        "region": { "startLine": line },
                    },
                    "logicalLocations": it.logical,
                }],
                // The name that code scanning reads. Neither a new version of the package nor lines above
                // make it another one.
                "partialFingerprints": { "primaryLocationLineHash": format!("{}:1", same.short()) },
            })
        })
        .collect();
    let verdict = image.verdict.as_ref();
    let trusted = verdict.is_some_and(|verdict| verdict.decision != Decision::Untrusted);
    json!({
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
    })
}

/// A path as a relative reference (RFC 3986, §4.2).
fn uri(path: &str) -> String {
    const PATH: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'/')
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(path, PATH).to_string()
}

fn found(verdict: &Verdict) -> Vec<Found> {
    let rows = Bucket::ALL.into_iter().flat_map(|bucket| {
        let rows = AdvisoryRow::of(verdict, |it| it == bucket);
        rows.into_iter().map(move |row| of_row(&row, bucket)).collect::<Vec<_>>()
    });
    rows.chain(verdict.violations.iter().map(of_violation)).collect()
}

fn of_row(row: &AdvisoryRow<'_>, bucket: Bucket) -> Found {
    let level = match bucket {
        Bucket::Blocks => "error",
        Bucket::InGrace | Bucket::NotNew | Bucket::BelowThreshold => "warning",
        Bucket::Waived | Bucket::Unfixed => "note",
    };
    let (named, more) = row.named_packages();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let fixed = row.fixed.map_or_else(String::new, |fixed| format!(", fixed in {fixed}"));
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
    Found {
        rule: (row.id.to_owned(), rule),
        level,
        text: format!(
            "{} ({}) in {}{more}: installed {}{fixed}; {}",
            row.id,
            row.severity,
            named.join(", "),
            row.installed.join(" and "),
            sentence::fate(row.fate),
        ),
        logical: json!([{ "kind": "package", "name": row.source }]),
        same: format!("{}:{}", row.id, row.source),
    }
}

fn of_violation(violation: &Violation) -> Found {
    let Violation { rule, level, help, places, .. } = violation;
    let (level, score) = match level {
        Level::Block => ("error", score(Severity::High)),
        Level::Warn | Level::Off => ("warning", score(Severity::Low)),
    };
    let rule = rule.to_string();
    let shown = json!({
        "id": rule,
        "shortDescription": { "text": one_line(&rule) },
        "help": { "text": one_line(help) },
        "properties": { "tags": ["security", "golden-rule"], "security-severity": score },
    });
    let places = places.iter().map(|place| json!({ "kind": "resource", "name": one_line(place) }));
    Found {
        text: format!("{}. {help}", sentence::violation(violation)),
        logical: places.collect(),
        same: rule.clone(),
        rule: (rule, shown),
        level,
    }
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

#[cfg(test)]
mod tests {
    use super::super::Place;
    use super::*;
    use crate::model::samples::finding;
    use crate::model::{Fate, ImageOutcome, Judged, Reason, ReasonId};

    fn image(decision: Decision) -> ImageReport {
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
            violations: vec![Violation {
                rule: "private-keys".into(),
                level: Level::Block,
                message: "1 private key is left".to_owned(),
                help: "remove it".to_owned(),
                places: vec!["/root/.ssh/id_rsa".to_owned()],
            }],
            unchecked: Vec::new(),
            findings: vec![
                judged("CVE-2026-1", "openssl", Severity::Critical, Fate::Blocks),
                judged("CVE-2026-2", "curl", Severity::High, Fate::Unfixed),
                judged("CVE-2026-1", "curl", Severity::Low, Fate::BelowThreshold),
            ],
        };
        let mut report = ImageReport::new("disk".parse().unwrap(), ImageOutcome::Passed);
        report.verdict = Some(verdict);
        report.place = Some(Place { file: "golden images/images.yml".to_owned(), line: 7 });
        report
    }

    #[test]
    fn findings_are_results_and_what_is_not_trusted_is_no_success() {
        insta::assert_snapshot!(scan(&image(Decision::Blocked), "disk.qcow2"));
        let untrusted: Value =
            serde_json::from_str(&scan(&image(Decision::Untrusted), "disk.qcow2")).unwrap();
        let invocation = &untrusted["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        let told = &invocation["toolExecutionNotifications"][0];
        assert_eq!(told["descriptor"]["id"], "os-mismatch");
    }
}
