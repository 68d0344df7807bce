//! Secrets out of Trivy's JSON report (Trivy, pkg/fanal/types/secret.go). The secrets themselves are
//! not read, masked or not.

use serde::Deserialize;

use super::{ReadError, bounds};
use crate::model::SecretFact;

/// Secrets that are told.
const SECRETS: usize = 1000;
/// Bytes of a path.
const PATH: usize = 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    schema_version: u32,
    #[serde(default)]
    results: Vec<Outcome>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outcome {
    #[serde(default)]
    target: String,
    #[serde(default)]
    secrets: Vec<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Secret {
    #[serde(rename = "RuleID", default)]
    rule: String,
    #[serde(default)]
    category: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    start_line: usize,
}

/// The secrets that a report tells of, in order.
pub fn read(text: &str) -> Result<Vec<SecretFact>, ReadError> {
    let report: Report = serde_json::from_str(text)?;
    if report.schema_version != 2 {
        return Err(ReadError::Schema(report.schema_version));
    }
    let mut found: Vec<SecretFact> = Vec::new();
    for Outcome { target, secrets } in report.results {
        let path = &target[..target.floor_char_boundary(PATH)];
        let path: String =
            path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
        let path = format!("/{}", path.trim_start_matches('/'));
        found.extend(secrets.into_iter().map(|secret| SecretFact {
            path: path.clone(),
            line: secret.start_line,
            rule: bounds::title(&secret.rule),
            category: bounds::title(&secret.category),
            title: bounds::title(&secret.title),
        }));
    }
    found.sort();
    found.dedup();
    found.truncate(SECRETS);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_without_what_they_are() {
        let text = r#"{ "SchemaVersion": 2, "ArtifactName": "/tree", "Results": [
            { "Target": "/root/.netrc", "Class": "secret", "Secrets": [ { "RuleID": "github-pat", "Category": "GitHub",
              "Severity": "CRITICAL", "Title": "GitHub Personal Access Token", "StartLine": 1, "EndLine": 1,
              "Match": "password ****", "Code": { "Lines": [ { "Content": "password ****" } ] } } ] },
            { "Target": "etc/passwd", "Class": "os-pkgs" } ] }"#;
        let told = format!("{:?}", read(text).unwrap());
        insta::assert_snapshot!(told, @r#"[SecretFact { path: "/root/.netrc", line: 1, rule: "github-pat", category: "GitHub", title: "GitHub Personal Access Token" }]"#);
        assert_eq!(read(r#"{ "SchemaVersion": 2 }"#).unwrap(), []);
        assert!(read(r#"{ "SchemaVersion": 3 }"#).is_err());
    }
}
