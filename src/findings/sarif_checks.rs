//! SARIF as checkers of configuration write it: Checkov, tfsec, converted OpenSCAP.
//!
//! Other than of a scanner of packages, a result is what somebody's rule objects to, and its level
//! decides.

use super::sarif::{Log, Outcome, Place, Rule, Rules, Suppression, is_problem, message, results};
use super::{ReadError, ReportFormat, bounds};
use crate::model::{CheckResult, Level, RuleName};

/// More results than anybody reads.
const RESULTS: usize = 20_000;
/// Bytes of a place.
const PLACE: usize = 300;

/// What the checkers of a report object to, what they suppress left out. An error if the report does not
/// prove that the check came to its end.
pub fn read(text: &str) -> Result<Vec<CheckResult>, ReadError> {
    let format = ReportFormat::Sarif;
    if text.trim().is_empty() {
        return Err(ReadError::Empty);
    }
    let log: Log = serde_json::from_str(text)?;
    if log.version != "2.1.0" {
        return Err(ReadError::Version { format, version: log.version, expected: "2.1.0" });
    }
    let runs = log.runs.unwrap_or_default();
    if runs.is_empty() {
        return Err(ReadError::Unproven { format, why: "it has no `runs`" });
    }
    let mut found = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let rules = Rules::of(&run.tool);
        let tool = in_a_name(&run.tool.driver.name);
        for (number, result) in results(run)?.iter().enumerate() {
            let suppressions = result.suppressions.as_deref().unwrap_or_default();
            let suppressed =
                !suppressions.is_empty() && suppressions.iter().all(Suppression::counts);
            let (id, rule) = rules.of_result(result);
            let level = level(result, rule);
            if !is_problem(result) || suppressed || level == Level::Off {
                continue;
            }
            if found.len() == RESULTS {
                return Err(ReadError::TooMany(RESULTS));
            }
            let at = || format!("runs[{index}].results[{number}]");
            let id = id.map(str::trim).filter(|id| !id.is_empty());
            let id = id.ok_or_else(|| ReadError::Place { at: at(), why: "names no rule" })?;
            let id = bounds::word(id, at)?;
            let said = message(result.message.as_ref(), rule);
            let title = rule.and_then(|rule| rule.short_description.as_ref()?.text.as_deref());
            let said = if said.trim().is_empty() { title.unwrap_or(&id) } else { &said };
            found.push(CheckResult {
                rule: RuleName(format!("{tool}/{id}")),
                level,
                message: bounds::title(said),
                place: result.locations.iter().flatten().next().map(place).unwrap_or_default(),
            });
        }
    }
    found.sort_by(|a, b| (&a.rule, &a.place, &a.message).cmp(&(&b.rule, &b.place, &b.message)));
    found.dedup();
    Ok(found)
}

/// The level of a result, which its rule may have (§3.27.10). Nothing said is a warning.
fn level(result: &Outcome, rule: Option<&Rule>) -> Level {
    let of_rule = || rule?.default_configuration.as_ref()?.level.as_deref();
    match result.level.as_deref().or_else(of_rule) {
        Some("error") => Level::Block,
        Some("note" | "none") => Level::Off,
        Some(_) => Level::Warn,
        None => match result.kind.as_deref() {
            None | Some("fail") => Level::Warn,
            // Something to look at, which nobody has decided.
            Some(_) => Level::Off,
        },
    }
}

/// The name of a tool as the beginning of its rules' names.
fn in_a_name(tool: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = tool.trim().chars().take(40).map(letter).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "checker".to_owned() } else { name.to_owned() }
}

fn place(place: &Place) -> String {
    let Some(file) = place.file() else { return String::new() };
    let file = &file[..file.floor_char_boundary(PLACE)];
    let line = place.physical_location.as_ref().and_then(|it| it.region.as_ref()?.start_line);
    match line {
        Some(line) => format!("{file}:{line}"),
        None => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(results: &str) -> String {
        format!(
            r#"{{ "version": "2.1.0", "runs": [ {{
                "tool": {{ "driver": {{ "name": "Checkov", "rules": [
                    {{ "id": "CKV_9", "shortDescription": {{ "text": "by its rule" }}, "defaultConfiguration": {{ "level": "error" }} }}
                ] }} }},
                "results": [ {results} ] }} ] }}"#
        )
    }

    #[test]
    fn results_are_read_with_their_levels_and_places() {
        let at = r#""locations": [ { "physicalLocation": { "artifactLocation": { "uri": "main.tf" }, "region": { "startLine": 4 } } } ]"#;
        let text = report(&format!(
            r#"{{ "ruleId": "CKV_1", "level": "error", "message": {{ "text": "blocks\nand more" }}, {at} }},
               {{ "ruleId": "CKV_2", "level": "warning", "message": {{ "text": "warns" }} }},
               {{ "ruleId": "CKV_3", "level": "note", "message": {{ "text": "is no matter" }} }},
               {{ "ruleId": "CKV_4", "level": "error", "message": {{ "text": "suppressed" }}, "suppressions": [ {{ "kind": "inSource" }} ] }},
               {{ "ruleId": "CKV_5", "level": "error", "message": {{ "text": "not excused" }}, "suppressions": [ {{ "kind": "external", "status": "rejected" }} ] }},
               {{ "ruleId": "CKV_5", "kind": "pass", "message": {{ "text": "in order" }} }},
               {{ "ruleId": "CKV_9", "message": {{}} }}"#
        ));
        let told: Vec<String> = read(&text)
            .unwrap()
            .iter()
            .map(|it| format!("{} {:?} {} {}", it.rule, it.level, it.message, it.place))
            .collect();
        insta::assert_snapshot!(told.join("\n"), @"
        checkov/CKV_1 Block blocks main.tf:4
        checkov/CKV_2 Warn warns 
        checkov/CKV_5 Block not excused 
        checkov/CKV_9 Block by its rule
        ");
    }

    #[test]
    fn what_proves_no_check_is_an_error() {
        let failed = r#"{ "version": "2.1.0", "runs": [ { "tool": { "driver": { "name": "x" } },
            "invocations": [ { "executionSuccessful": false } ], "results": [] } ] }"#;
        for text in [
            "",
            "{",
            "[]",
            r#"{ "version": "2.1.0", "runs": [] }"#,
            r#"{ "version": "2.1.0", "runs": [ { "tool": { "driver": { "name": "x" } } } ] }"#,
            failed,
            &report(r#"{ "level": "error", "message": { "text": "of no rule" } }"#),
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read(&report("")).unwrap(), []);
    }
}
