use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::model::samples::finding;
use crate::model::{
    Advice, AdviceKind, Bucket, Decision, Fate, Finding, Judged, Severity, Verdict,
};

/// An inventory of goldsmith's own form, with these packages: name, version, architecture.
fn inventory(packages: &[(u8, u8, u8)]) -> String {
    let mut components = vec![json!({
        "bom-ref": "os", "type": "operating-system", "name": "debian", "version": "12.13",
    })];
    let mut references = Vec::new();
    for (at, (name, version, arch)) in packages.iter().enumerate() {
        let purl = format!("pkg:deb/debian/p{name}@{version}?arch=a{arch}");
        references.push(format!("{purl}+{at}"));
        components.push(json!({
            "bom-ref": references.last(), "type": "library", "purl": purl,
            "name": format!("p{name}"), "version": version.to_string(),
            "licenses": [format!("another one each time: {at}")],
            "properties": [{ "name": "aquasecurity:trivy:PkgType", "value": "debian" }],
        }));
    }
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.6",
        "metadata": { "component": { "bom-ref": "image", "type": "application", "name": "x" } },
        "components": components,
        "dependencies": [
            { "ref": "image", "dependsOn": ["os"] }, { "ref": "os", "dependsOn": references },
        ],
    })
    .to_string()
}

/// What a scanner says that finds one thing in every package, and keeps one of two findings that look
/// alike.
fn answer(batch: &Batch) -> Answer {
    let document: Value = serde_json::from_str(&batch.document).unwrap();
    let text = |component: &Value, key: &str| component[key].as_str().unwrap().to_owned();
    let mut told = std::collections::BTreeSet::new();
    let (mut listed, mut found) = (std::collections::BTreeSet::new(), Vec::new());
    for component in document["components"].as_array().unwrap() {
        if component["type"] != "library" {
            continue;
        }
        let reference = text(component, "bom-ref");
        listed.insert(reference.clone());
        let (name, version) = (text(component, "name"), text(component, "version"));
        if told.insert((name.clone(), version.clone())) {
            let mut finding = finding("CVE-1", &name, Severity::High, Some("99"));
            finding.installed = version;
            // So that it is told which of two it is.
            finding.title = text(component, "purl");
            found.push(Found { reference, path: String::new(), finding });
        }
    }
    Answer {
        started_at: jiff::Timestamp::UNIX_EPOCH,
        made_at: Some(jiff::Timestamp::UNIX_EPOCH),
        about_subject: true,
        os: None,
        end_of_life: false,
        complaints: Vec::new(),
        packages: listed.len(),
        listed,
        found,
    }
}

/// What is found in each inventory if all are asked about together.
fn together(inventories: &[String]) -> (Vec<Matched>, usize) {
    let mut batches = Batches::default();
    let (mut parts, mut asked) = (Vec::new(), Vec::new());
    for document in inventories {
        let (of, full) = batches.add(read(document).unwrap(), |_| true);
        parts.push(of);
        asked.extend(full);
    }
    asked.extend(batches.finish());
    let mut matches = Matches::default();
    for batch in &asked {
        matches.take(batch, answer(batch)).unwrap();
    }
    let matched = parts.iter().map(|parts| matches.of(parts, &batches).unwrap());
    (matched.collect(), asked.len())
}

proptest! {
    #[test]
    fn an_inventory_has_the_findings_of_its_own_packages_whatever_the_others_have(
        all in prop::collection::vec(prop::collection::vec((0u8..4, 0u8..3, 0u8..3), 1..8), 1..6),
    ) {
        let documents: Vec<String> = all.iter().map(|packages| inventory(packages)).collect();
        let (together, _) = together(&documents);
        for (packages, matched) in all.iter().zip(together) {
            let mut expected: Vec<(String, String)> = packages
                .iter()
                .map(|(name, version, _)| (format!("p{name}"), version.to_string()))
                .collect();
            expected.sort();
            expected.dedup();
            let found = matched.findings.iter();
            let found: Vec<_> = found.map(|it| (it.package.clone(), it.installed.clone())).collect();
            prop_assert_eq!(&found, &expected);
            // Of each, it is one that it has itself.
            for finding in &matched.findings {
                let own = |it: &&(u8, u8, u8)| {
                    finding.title == format!("pkg:deb/debian/p{}@{}?arch=a{}", it.0, it.1, it.2)
                };
                prop_assert_eq!(packages.iter().find(own).is_some(), true, "{:?}", finding);
            }
            prop_assert_eq!(matched.lost, 0);
        }
    }
}

#[test]
fn each_package_is_asked_about_once_in_documents_of_bounded_size() {
    let month = |month: u8| -> Vec<(u8, u8, u8)> {
        (0..250).map(|name| (name, if name % 10 == 0 { month } else { 0 }, 0)).collect()
    };
    let documents: Vec<String> = (0..100).map(|number| inventory(&month(number))).collect();
    let mut batches = Batches::default();
    let mut asked = Vec::new();
    for document in &documents {
        asked.extend(batches.add(read(document).unwrap(), |_| true).1);
    }
    asked.extend(batches.finish());
    assert_eq!(batches.parts(), 225 + 100 * 25);
    let sizes: Vec<usize> = asked.iter().map(|batch| batch.parts.len()).collect();
    assert_eq!(sizes, [2_000, 725]);
    // The same again makes the same documents: what was answered to them is still good.
    let mut again = Batches::default();
    let once: Vec<_> =
        documents.iter().flat_map(|it| again.add(read(it).unwrap(), |_| true).1).collect();
    assert_eq!(once[0], asked[0]);
}

#[test]
fn what_the_scanner_passes_over_is_counted_and_what_nobody_asked_about_is_no_answer() {
    let document = inventory(&[(1, 1, 1), (2, 1, 1)]);
    let mut batches = Batches::default();
    let (parts, _) = batches.add(read(&document).unwrap(), |_| true);
    let asked = batches.finish();
    let mut said = answer(&asked[0]);
    said.listed.remove("c1");
    let mut matches = Matches::default();
    matches.take(&asked[0], said.clone()).unwrap();
    assert_eq!(matches.of(&parts, &batches).unwrap().lost, 1);

    said.found[0].reference = "c7".to_owned();
    let error = Matches::default().take(&asked[0], said).unwrap_err();
    insta::assert_snapshot!(error, @"the scanner speaks of `c7`, which is in no inventory");
    assert_eq!(Matches::default().of(&parts, &batches), None);
}

#[test]
fn inventories_of_others_are_not_taken_apart() {
    let own = inventory(&[(1, 1, 1)]);
    assert!(read(&own).is_some_and(|inventory| inventory.has_system()));
    for (what, instead) in [
        ("\"image\"", "\"theirs\""),
        ("\"1.6\"", "\"1.5\""),
        ("\"bom-ref\":\"os\"", "\"bom-ref\":\"image\""),
        ("\"licenses\"", "\"components\""),
        ("{", "["),
    ] {
        let theirs = own.replace(what, instead);
        assert_ne!(theirs, own, "{what}");
        assert_eq!(read(&theirs), None, "{what}");
    }
}

fn verdict(judged: &[(Finding, Fate)]) -> Verdict {
    let findings = judged.iter().cloned().map(|(finding, fate)| Judged { finding, fate });
    let findings: Vec<Judged> = findings.collect();
    let bad = findings.iter().any(|judged| judged.bucket() == Bucket::Blocks);
    Verdict {
        decision: if bad { Decision::Blocked } else { Decision::Passed },
        reasons: Vec::new(),
        warnings: Vec::new(),
        findings,
        violations: Vec::new(),
        unchecked: Vec::new(),
    }
}

#[test]
fn people_hear_of_what_has_changed_and_of_nothing_else() {
    let about = Advice {
        image: "debian-12".parse().unwrap(),
        version: "1.0.20261101".parse().unwrap(),
        channels: Vec::new(),
        kind: AdviceKind::CleanAgain,
        findings: Vec::new(),
        more: 0,
    };
    let open = finding("CVE-1", "curl", Severity::High, None);
    let fixed = finding("CVE-1", "curl", Severity::High, Some("2"));
    let minor = finding("CVE-2", "tar", Severity::Low, Some("2"));
    let bad = verdict(&[(fixed.clone(), Fate::Blocks), (minor.clone(), Fate::BelowThreshold)]);
    let good = verdict(&[(open.clone(), Fate::Unfixed), (minor.clone(), Fate::BelowThreshold)]);
    let before = |findings: &[&Finding], blocking: &Verdict| Seen {
        findings: Some(findings.iter().map(|it| (*it).clone()).collect()),
        blocking: blocking.findings.iter().flat_map(|_| super::blocking(blocking)).collect(),
    };
    let told = |before: &Seen, now: &Verdict| {
        let advice = advice(&about, before, now);
        let told = advice.iter().map(|it| format!("{} {}", it.kind.as_str(), it.findings.len()));
        told.collect::<Vec<_>>().join(", ")
    };
    let minor_open = Finding { fixed: None, ..minor };
    insta::assert_snapshot!(
        [
            told(&before(&[&open, &minor_open], &good), &bad),
            told(&before(&[&fixed], &bad), &bad),
            told(&before(&[&fixed], &bad), &good),
            told(&before(&[&open], &bad), &bad),
            told(&Seen { findings: None, blocking: Vec::new() }, &good),
        ]
        .join("\n"),
        @"
    became-bad 1, newly-fixable 1

    clean-again 0
    newly-fixable 1
    "
    );
}

#[test]
fn another_title_is_no_news_and_another_fix_is() {
    let one = finding("CVE-1", "curl", Severity::High, None);
    let titled = Finding { title: "another".to_owned(), ..one.clone() };
    let fixed = Finding { fixed: Some("2".to_owned()), ..one.clone() };
    let graver = Finding { severity: Severity::Critical, ..one.clone() };
    assert!(same_findings(std::slice::from_ref(&one), &[titled]));
    for other in [vec![fixed], vec![graver], vec![], vec![one.clone(), one.clone()]] {
        assert!(!same_findings(std::slice::from_ref(&one), &other), "{other:?}");
    }
}
