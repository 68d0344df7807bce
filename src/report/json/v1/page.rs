//! `docs/plan-json.md` says what the JSON of a plan has: no field, no kind of value and no reason
//! more or less.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::model::{Due, Plan, Planned, Skipped, Upstream, UpstreamChange};
use crate::report::{reasons, samples};

type Described = BTreeMap<String, BTreeSet<String>>;

const PAGE: &str = include_str!("../../../../docs/plan-json.md");

/// The rows of the tables below a heading: the name in the first column, and another column.
fn rows(heading: &str, column: usize) -> BTreeMap<String, String> {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert!(!cells[2].is_empty(), "{row}");
        (cells[1].trim_matches('`').to_owned(), cells[column].to_owned())
    })
    .collect()
}

/// What is between backticks.
fn quoted(text: &str) -> BTreeSet<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Every field below `value` with the kinds of its values, as the page calls them.
fn fields(path: &str, value: &Value, found: &mut Described) {
    match value {
        Value::Object(fields_of) => {
            for (name, value) in fields_of {
                let path = match path {
                    "" => name.clone(),
                    // Described once for both.
                    "build[].why" | "skip[].why" => format!("why.{name}"),
                    _ => format!("{path}.{name}"),
                };
                let kinds = found.entry(path.clone()).or_default();
                // An empty list says nothing about what is in the others.
                kinds.extend(Some(kind(value)).filter(|_| value != &Value::Array(Vec::new())));
                fields(&path, value, found);
            }
        }
        Value::Array(entries) => {
            for entry in entries {
                fields(&format!("{path}[]"), entry, found);
            }
        }
        _ => {}
    }
}

fn kind(value: &Value) -> String {
    match value {
        Value::Null => "`null`".to_owned(),
        Value::Bool(_) => "boolean".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(text) if text.starts_with("sha256:") => "digest".to_owned(),
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => "time".to_owned(),
        Value::String(_) => "text".to_owned(),
        Value::Object(_) => "mapping".to_owned(),
        Value::Array(entries) => match entries.first().map(kind) {
            Some(kind) if kind != "mapping" => format!("list of {kind}"),
            _ => "list".to_owned(),
        },
    }
}

/// A plan with every reason that there is.
fn plan() -> Plan {
    let sample = samples::plan();
    let planned = |why: Due| Planned { why, ..sample.build[0].clone() };
    let skipped = |why| Skipped { why, ..sample.skip[0].clone() };
    let what = Upstream::Unknown { why: "it does not answer".to_owned() };
    let unanswered = sample.upstream.first().cloned().map(|first| UpstreamChange { what, ..first });
    Plan {
        build: reasons::due().into_iter().map(planned).collect(),
        skip: reasons::not_due().into_iter().map(skipped).collect(),
        upstream: sample.upstream.into_iter().chain(unanswered).collect(),
        ..sample
    }
}

#[test]
fn the_page_describes_every_field_and_every_reason() {
    let document: Value = serde_json::from_str(&super::plan(&plan())).unwrap();

    let mut found = Described::new();
    fields("", &document, &mut found);
    let mut described: Described = BTreeMap::new();
    for (heading, prefix) in [("The document", ""), ("Why", "why.")] {
        for (name, value) in rows(heading, 2) {
            let kinds = value.split(" or ").map(str::to_owned).collect();
            described.insert(format!("{prefix}{name}"), kinds);
        }
    }
    assert_eq!(found, described);

    for (list, heading) in [("build", "Reasons to build"), ("skip", "Reasons not to build")] {
        let mut has: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entry in document[list].as_array().unwrap() {
            let why = entry["why"].as_object().unwrap();
            let fields = why.iter().filter(|(_, value)| !value.is_null());
            let fields = fields.map(|(name, _)| name.clone());
            let fields = fields.filter(|name| !["reason", "text"].contains(&name.as_str()));
            // What every reason to build can have is said once.
            let retried = why.contains_key("attempt_limit");
            let fields = fields.filter(|name| {
                !(retried && ["attempt", "attempt_limit", "last_failure"].contains(&name.as_str()))
            });
            let reason = why["reason"].as_str().unwrap().to_owned();
            has.entry(reason).or_default().extend(fields);
        }
        let described: BTreeMap<String, BTreeSet<String>> =
            rows(heading, 3).into_iter().map(|(reason, has)| (reason, quoted(&has))).collect();
        assert_eq!(has, described, "{heading}");
    }
}
