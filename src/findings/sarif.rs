//! SARIF as scanners of packages write it (SARIF 2.1.0, OASIS; §3.14 run, §3.20 invocation,
//! §3.27 result, §3.49 rule).
//!
//! What a report suppresses is found all the same: earlier versions of grype marked everything as
//! suppressed, and who may excuse a finding is not decided by a scanner.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::cyclonedx::of_score;
use super::{ReadError, ReportFormat, Reported, bounds, sarif_package};
use crate::model::{Finding, Severity, Status};

/// Bytes of a text that are looked at. A rule's text is looked at again for each of its results.
const TEXT: usize = 4_000;

/// Arguments of a message that are filled in.
const ARGUMENTS: usize = 32;

#[derive(Deserialize)]
pub(super) struct Log {
    pub(super) version: String,
    pub(super) runs: Option<Vec<Run>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    pub(super) tool: Tool,
    results: Option<Vec<Outcome>>,
    invocations: Option<Vec<Invocation>>,
    external_property_file_references: Option<External>,
}

#[derive(Deserialize)]
struct External {
    results: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
pub(super) struct Tool {
    pub(super) driver: Component,
    extensions: Option<Vec<Component>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Component {
    pub(super) name: String,
    version: Option<String>,
    semantic_version: Option<String>,
    rules: Option<Vec<Rule>>,
}

/// What a result is an instance of (§3.49).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    id: Option<String>,
    pub(super) short_description: Option<Message>,
    full_description: Option<Message>,
    /// How to get rid of it.
    pub(super) help: Option<Message>,
    help_uri: Option<String>,
    pub(super) default_configuration: Option<Configuration>,
    message_strings: Option<HashMap<String, Message>>,
    /// Whatever the tool adds.
    pub(super) properties: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
pub(super) struct Configuration {
    pub(super) level: Option<String>,
}

/// A text, or the name of one (§3.11).
#[derive(Deserialize)]
pub(super) struct Message {
    /// The text.
    pub(super) text: Option<String>,
    id: Option<String>,
    arguments: Option<Vec<String>>,
}

/// A result (§3.27).
/// Why somebody does not want to see a result (SARIF 2.1.0, §3.35).
#[derive(Deserialize)]
pub(super) struct Suppression {
    status: Option<String>,
}

impl Suppression {
    /// Whether it counts: one that is looked at still, or was refused, does not (§3.27.23).
    pub(super) fn counts(&self) -> bool {
        !matches!(self.status.as_deref(), Some("rejected" | "underReview"))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Outcome {
    rule_id: Option<String>,
    rule_index: Option<i64>,
    rule: Option<RuleReference>,
    pub(super) kind: Option<String>,
    pub(super) level: Option<String>,
    pub(super) message: Option<Message>,
    pub(super) locations: Option<Vec<Place>>,
    pub(super) suppressions: Option<Vec<Suppression>>,
    baseline_state: Option<String>,
    properties: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleReference {
    id: Option<String>,
    index: Option<i64>,
    tool_component: Option<ComponentReference>,
}

#[derive(Deserialize)]
struct ComponentReference {
    index: Option<i64>,
}

/// Where a result is (§3.28).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Place {
    pub(super) physical_location: Option<PhysicalLocation>,
    /// Places that are no files.
    pub(super) logical_locations: Option<Vec<LogicalLocation>>,
    /// What is told about the place.
    pub(super) message: Option<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PhysicalLocation {
    artifact_location: Option<ArtifactLocation>,
    pub(super) region: Option<Region>,
}

/// A part of a file (§3.30).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Region {
    /// Its first line, from 1.
    pub(super) start_line: Option<i64>,
}

#[derive(Deserialize)]
pub(super) struct ArtifactLocation {
    uri: Option<String>,
}

/// A place that is no file (§3.33).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogicalLocation {
    /// Its name.
    pub(super) name: Option<String>,
    /// Its name with everything that it is in.
    pub(super) fully_qualified_name: Option<String>,
    /// What it is: `package`, `module`.
    pub(super) kind: Option<String>,
}

impl Place {
    /// The file, if it is in one.
    pub(super) fn file(&self) -> Option<&str> {
        self.physical_location.as_ref()?.artifact_location.as_ref()?.uri.as_deref()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: Option<bool>,
    end_time_utc: Option<String>,
    tool_execution_notifications: Option<Vec<Notification>>,
    tool_configuration_notifications: Option<Vec<Notification>>,
}

#[derive(Deserialize)]
struct Notification {
    level: Option<String>,
    message: Option<Message>,
}

/// Reads a report.
pub(super) fn read(text: &str) -> Result<Reported, ReadError> {
    let format = ReportFormat::Sarif;
    let log: Log = serde_json::from_str(text)?;
    if log.version != "2.1.0" {
        return Err(ReadError::Version { format, version: log.version, expected: "2.1.0" });
    }
    let runs = log.runs.unwrap_or_default();
    if runs.is_empty() {
        return Err(ReadError::Unproven { format, why: "it has no `runs`" });
    }
    let mut findings = Vec::new();
    let mut suppressed = 0;
    for (index, run) in runs.iter().enumerate() {
        let results = results(run)?;
        let rules = Rules::of(&run.tool);
        for (result_index, result) in results.iter().enumerate() {
            if !is_problem(result) {
                continue;
            }
            suppressed +=
                usize::from(result.suppressions.as_ref().is_some_and(|it| !it.is_empty()));
            let at = format!("runs[{index}].results[{result_index}]");
            bounds::push(&mut findings, finding(result, &rules, &at)?)?;
        }
    }
    bounds::sort(&mut findings);
    let driver = runs.first().map(|run| &run.tool.driver);
    Ok(Reported {
        format,
        findings,
        suppressed,
        os: None,
        packages: None,
        end_of_life: false,
        made_at: made_at(&runs),
        tool: driver.map(|driver| {
            let version = driver.version.clone().or_else(|| driver.semantic_version.clone());
            (driver.name.clone(), version.unwrap_or_default())
        }),
    })
}

/// The results of a run that came to its end (§3.14.23: absent where only rules are told, null where
/// the tool did not get to the scan).
pub(super) fn results(run: &Run) -> Result<&[Outcome], ReadError> {
    let format = ReportFormat::Sarif;
    for invocation in run.invocations.as_deref().unwrap_or_default() {
        let notifications = [
            invocation.tool_execution_notifications.as_deref(),
            invocation.tool_configuration_notifications.as_deref(),
        ];
        let mut notifications = notifications.into_iter().flatten().flatten();
        // An error means that results are missing or wrong (§3.58.6).
        let error = notifications.find(|it| it.level.as_deref() == Some("error"));
        if error.is_some() || invocation.execution_successful == Some(false) {
            let said = error.and_then(|it| it.message.as_ref()?.text.as_deref()).map(bounds::title);
            let why = said.filter(|said| !said.is_empty());
            let why = why.unwrap_or_else(|| "`executionSuccessful` is false".to_owned());
            return Err(ReadError::Failed { why });
        }
    }
    if run.external_property_file_references.as_ref().is_some_and(|it| it.results.is_some()) {
        return Err(ReadError::Unproven { format, why: "its results are in other files" });
    }
    let why = "a run has no `results`";
    run.results.as_deref().ok_or(ReadError::Unproven { format, why })
}

/// Results also tell what was looked at and is in order, and what is in order by now (§3.27.9,
/// §3.27.24).
pub(super) fn is_problem(result: &Outcome) -> bool {
    let kind = result.kind.as_deref();
    !matches!(kind, Some("pass" | "notApplicable" | "informational"))
        && result.baseline_state.as_deref() != Some("absent")
}

/// The earliest end, if all runs tell when they ended.
fn made_at(runs: &[Run]) -> Option<Timestamp> {
    let ends = runs.iter().map(|run| {
        let invocations = run.invocations.as_deref().unwrap_or_default();
        invocations.iter().filter_map(|it| bounds::time(it.end_time_utc.as_deref())).max()
    });
    ends.collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// The rules of a tool.
pub(super) struct Rules<'a> {
    driver: &'a [Rule],
    extensions: Vec<&'a [Rule]>,
    by_id: HashMap<&'a str, &'a Rule>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(tool: &'a Tool) -> Self {
        let rules = |component: &'a Component| component.rules.as_deref().unwrap_or_default();
        let driver = rules(&tool.driver);
        let extensions = tool.extensions.as_deref().unwrap_or_default();
        let extensions: Vec<&[Rule]> = extensions.iter().map(rules).collect();
        let mut by_id = HashMap::new();
        for rule in driver.iter().chain(extensions.iter().copied().flatten()) {
            if let Some(id) = rule.id.as_deref() {
                by_id.entry(id).or_insert(rule);
            }
        }
        Self { driver, extensions, by_id }
    }

    /// The rule of a result and its id (§3.27.5 to §3.27.7). Ids go before indexes, which grype once
    /// wrote as 0 throughout; an id can be more special than that of its rule (`CA1000/1`).
    pub(super) fn of_result(&self, result: &'a Outcome) -> (Option<&'a str>, Option<&'a Rule>) {
        let reference = result.rule.as_ref();
        let id = result.rule_id.as_deref().or_else(|| reference?.id.as_deref());
        let index = result.rule_index.or_else(|| reference?.index);
        let component = reference.and_then(|it| it.tool_component.as_ref()?.index);
        let rules = match component.and_then(|index| usize::try_from(index).ok()) {
            Some(index) => self.extensions.get(index).copied().unwrap_or_default(),
            None => self.driver,
        };
        let by_index = index.and_then(|index| rules.get(usize::try_from(index).ok()?));
        let Some(id) = id else { return (by_index.and_then(|rule| rule.id.as_deref()), by_index) };
        let general = id.rsplit_once('/').map_or(id, |(general, _)| general);
        let by_id = self.by_id.get(id).or_else(|| self.by_id.get(general)).copied();
        (Some(id), by_id.or(by_index))
    }
}

fn finding(result: &Outcome, rules: &Rules<'_>, at: &str) -> Result<Finding, ReadError> {
    let (id, rule) = rules.of_result(result);
    let why = "names no rule";
    let id = id.filter(|id| !id.trim().is_empty());
    let id = id.ok_or_else(|| ReadError::Place { at: at.to_owned(), why })?;
    let message = message(result.message.as_ref(), rule);
    let told = sarif_package::Told {
        message: &message,
        rule,
        properties: [result.properties.as_ref(), rule.and_then(|rule| rule.properties.as_ref())],
        locations: result.locations.as_deref().unwrap_or_default(),
    };
    let package = told.package();
    let word = |text: &str| bounds::word(text, || at.to_owned());
    let fixed = package.fixed.map(|fixed| word(&fixed)).transpose()?;
    let name = word(&package.name.unwrap_or_default())?;
    let id = told.advisory().unwrap_or_else(|| sarif_package::without_package(id, &name));
    let title = rule.and_then(|rule| {
        let texts = [rule.short_description.as_ref(), rule.full_description.as_ref()];
        texts.into_iter().flatten().find_map(|it| it.text.as_deref())
    });
    let link = told.link().or_else(|| rule?.help_uri.as_deref());
    Ok(Finding {
        id: word(id)?,
        source: name.clone(),
        package: name,
        installed: word(&package.version.unwrap_or_default())?,
        severity: severity(result, rule),
        status: if fixed.is_some() { Status::Fixed } else { Status::Unknown },
        fixed,
        title: bounds::title(title.unwrap_or(&message)),
        url: link.and_then(bounds::link),
        published: None,
        fixed_at: None,
        ratings: BTreeMap::new(),
    })
}

/// The score of the security-severity that code scanning goes by, else the level.
fn severity(result: &Outcome, rule: Option<&Rule>) -> Severity {
    let properties = [result.properties.as_ref(), rule.and_then(|rule| rule.properties.as_ref())];
    let score = properties.into_iter().flatten().find_map(|it| score(it.get("security-severity")?));
    let level = result.level.as_deref();
    let level = level.or_else(|| rule?.default_configuration.as_ref()?.level.as_deref());
    let by_level = match (level, result.kind.as_deref()) {
        (Some("error"), _) => Severity::High,
        // §3.27.10: what nothing is said about.
        (Some("warning"), _) | (None, None | Some("fail")) => Severity::Medium,
        (Some("note"), _) => Severity::Low,
        _ => Severity::Unknown,
    };
    match score.map(of_score) {
        None => by_level,
        // 0.0 is written for "not rated", and a level that is only a default says no more.
        Some(Severity::Unknown) if by_level >= Severity::Medium && level.is_some() => by_level,
        Some(severity) => severity,
    }
}

fn score(value: &Value) -> Option<f64> {
    let score = match value {
        Value::String(text) => text.trim().parse().ok()?,
        value => value.as_f64()?,
    };
    (0.0..=10.0).contains(&score).then_some(score)
}

/// The text of a message, its arguments filled in (§3.11.5), bounded.
pub(super) fn message(message: Option<&Message>, rule: Option<&Rule>) -> String {
    let Some(message) = message else { return String::new() };
    let named = || rule?.message_strings.as_ref()?.get(message.id.as_deref()?)?.text.as_deref();
    let text = message.text.as_deref().or_else(named).unwrap_or_default();
    let arguments = message.arguments.as_deref().unwrap_or_default();
    let brace = "{".to_owned();
    let mut filled = String::new();
    let mut rest = beginning(text);
    for _ in 0..ARGUMENTS {
        let Some((before, after)) = rest.split_once('{') else { break };
        filled.push_str(before);
        let argument = after
            .split_once('}')
            .and_then(|(index, after)| Some((arguments.get(index.parse::<usize>().ok()?)?, after)));
        let (argument, after) = argument.unwrap_or((&brace, after));
        filled.push_str(beginning(argument));
        rest = after;
        if filled.len() > TEXT {
            break;
        }
    }
    filled.push_str(rest);
    filled.truncate(filled.floor_char_boundary(TEXT));
    filled
}

/// As much of a text as is looked at.
pub(super) fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT)]
}
