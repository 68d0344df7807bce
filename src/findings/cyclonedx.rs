//! CycloneDX JSON with vulnerabilities, as grype, Trivy and others write it (CycloneDX 1.4 to 1.7,
//! `schema/bom-1.7.schema.json`, "vulnerability").

use std::collections::{BTreeMap, HashMap};

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::{ReadError, ReportFormat, Reported, bounds};
use crate::formats::cyclonedx::{Component, Metadata, flat, is_known, os};
use crate::formats::purl::PackageUrl;
use crate::model::{Finding, Severity, Status};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    bom_format: String,
    spec_version: String,
    metadata: Option<Metadata>,
    components: Option<Vec<Component>>,
    vulnerabilities: Option<Vec<Vulnerability>>,
}

#[derive(Deserialize)]
struct Vulnerability {
    id: Option<String>,
    source: Option<Source>,
    ratings: Option<Vec<Rating>>,
    description: Option<String>,
    recommendation: Option<String>,
    advisories: Option<Vec<Advisory>>,
    published: Option<String>,
    analysis: Option<Analysis>,
    affects: Option<Vec<Affected>>,
    properties: Option<Vec<Property>>,
}

#[derive(Deserialize)]
struct Source {
    name: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Rating {
    source: Option<Source>,
    score: Option<f64>,
    severity: Option<String>,
    method: Option<String>,
}

#[derive(Deserialize)]
struct Advisory {
    url: Option<String>,
}

#[derive(Deserialize)]
struct Analysis {
    state: Option<String>,
    response: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Affected {
    #[serde(rename = "ref")]
    reference: String,
    versions: Option<Vec<AffectedVersion>>,
}

#[derive(Deserialize)]
struct AffectedVersion {
    version: Option<String>,
    range: Option<String>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct Property {
    name: String,
    value: Option<String>,
}

/// The installed package that findings are about.
struct Installed {
    name: String,
    source: String,
    version: String,
}

/// Reads a report.
pub(super) fn read(text: &str) -> Result<Reported, ReadError> {
    let format = ReportFormat::CycloneDx;
    let document: Document = serde_json::from_str(text)?;
    if document.bom_format != "CycloneDX" {
        let why = "is not `CycloneDX`";
        return Err(ReadError::Place { at: "bomFormat".to_owned(), why });
    }
    if !is_known(&document.spec_version) {
        let (version, expected) = (document.spec_version, "1.4 or a later 1.x");
        return Err(ReadError::Version { format, version, expected });
    }
    let components = document.components.unwrap_or_default();
    if components.is_empty() {
        return Err(ReadError::Unproven { format, why: "it has no components" });
    }
    let Some(vulnerabilities) = document.vulnerabilities else {
        let why = "it has no `vulnerabilities`, and is an inventory only";
        return Err(ReadError::Unproven { format, why });
    };
    let tool = document.metadata.as_ref().and_then(Metadata::tool);
    let doubt = match tool.as_ref().map(|(name, _)| name.as_str()) {
        None => Some("its list of `vulnerabilities` is empty, and no scanner is named that looked"),
        Some("trivy") => Some(
            "Trivy writes an empty list of `vulnerabilities` also when it has looked for none \
             (`--format json` tells)",
        ),
        Some(_) => None,
    };
    if let Some(why) = doubt.filter(|_| vulnerabilities.is_empty()) {
        return Err(ReadError::Unproven { format, why });
    }
    let components = flat(&components);
    let purls = components
        .iter()
        .map(|(at, component)| {
            let at = || format!("{at}.purl");
            component.purl().map_err(|source| ReadError::PackageUrl { at: at(), source })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let os = os(document.metadata.as_ref(), &components, &purls)
        .map_err(|(one, other)| ReadError::TwoSystems(one.to_string(), other.to_string()))?;
    let placed = components.iter().zip(&purls);
    let is_of_system = |((_, component), purl): &(&(String, &Component), &Option<PackageUrl>)| {
        component.is_of_system(purl.as_ref(), os.as_ref())
    };
    let packages = placed.clone().filter(is_of_system).count();

    let mut known = HashMap::new();
    let subject = document.metadata.as_ref().and_then(|metadata| metadata.component.as_ref());
    let subject = subject.map(|component| ("metadata.component", component, None));
    let placed = placed.map(|((at, component), purl)| (at.as_str(), *component, purl.as_ref()));
    for (at, component, purl) in subject.into_iter().chain(placed) {
        let Some(reference) = component.reference.as_deref() else { continue };
        let name = component.full_name(purl);
        let source = match component.source(purl) {
            source if source == component.name => name.clone(),
            source => source,
        };
        let installed = Installed {
            name: bounds::word(&name, || format!("{at}.name"))?,
            source: bounds::word(&source, || format!("{at}.properties"))?,
            version: bounds::word(&component.full_version(purl), || format!("{at}.version"))?,
        };
        known.insert(reference, installed);
    }
    let mut findings = Vec::new();
    for (index, vulnerability) in vulnerabilities.iter().enumerate() {
        let at = format!("vulnerabilities[{index}]");
        add(&mut findings, vulnerability, &known, &at)?;
    }
    bounds::sort(&mut findings);
    let made_at = document.metadata.as_ref().and_then(|it| it.timestamp.as_deref());
    Ok(Reported {
        format,
        findings,
        suppressed: 0,
        os,
        packages: Some(packages),
        end_of_life: false,
        made_at: bounds::time(made_at),
        tool,
    })
}

/// One finding for each component that is affected.
fn add(
    findings: &mut Vec<Finding>,
    vulnerability: &Vulnerability,
    known: &HashMap<&str, Installed>,
    at: &str,
) -> Result<(), ReadError> {
    let id = vulnerability.id.as_deref().filter(|id| !id.trim().is_empty());
    let id = id.ok_or_else(|| ReadError::Place { at: at.to_owned(), why: "has no `id`" })?;
    let id = bounds::word(id, || format!("{at}.id"))?;
    let affects = vulnerability.affects.as_deref().unwrap_or_default();
    if affects.is_empty() {
        return Err(ReadError::Place { at: at.to_owned(), why: "affects no component" });
    }
    let severity = severity(vulnerability);
    let fixes = Fixes::of(vulnerability);
    let title = bounds::title(vulnerability.description.as_deref().unwrap_or_default());
    let url = link(vulnerability);
    let published = bounds::time(vulnerability.published.as_deref());
    for (index, affected) in affects.iter().enumerate() {
        let at = || format!("{at}.affects[{index}]");
        let why = "names no component of this document";
        let installed = component(known, &affected.reference)
            .ok_or_else(|| ReadError::Place { at: at(), why })?;
        let fixed = fixes.of_package(affected, installed);
        let fixed = fixed.map(|fixed| bounds::word(&fixed, at)).transpose()?;
        let finding = Finding {
            id: id.clone(),
            package: installed.name.clone(),
            source: installed.source.clone(),
            installed: installed.version.clone(),
            severity,
            status: status(vulnerability, affected, installed, fixed.is_some()),
            fixed,
            title: title.clone(),
            url: url.clone(),
            published,
            fixed_at: None,
            ratings: BTreeMap::new(),
        };
        bounds::push(findings, finding)?;
    }
    Ok(())
}

/// The component of this name: a `bom-ref`, also as a link into this document
/// (`urn:cdx:SERIAL/VERSION#BOM-REF`).
fn component<'a>(known: &'a HashMap<&str, Installed>, reference: &str) -> Option<&'a Installed> {
    known.get(reference).or_else(|| {
        let (_, reference) = reference.strip_prefix("urn:cdx:")?.split_once('#')?;
        known.get(percent_decode_str(reference).decode_utf8_lossy().as_ref())
    })
}

/// What the source of the advisory says itself; else the worst that anybody says.
fn severity(vulnerability: &Vulnerability) -> Severity {
    let ratings = vulnerability.ratings.as_deref().unwrap_or_default();
    let name = |source: &Option<Source>| source.as_ref().and_then(|source| source.name.clone());
    let source = name(&vulnerability.source).filter(|name| !name.is_empty());
    let worst = |ratings: &mut dyn Iterator<Item = &Rating>| {
        ratings.map(rated).max().unwrap_or(Severity::Unknown)
    };
    let own = &mut ratings.iter().filter(|it| source.is_some() && name(&it.source) == source);
    match worst(own) {
        Severity::Unknown => worst(&mut ratings.iter()),
        severity => severity,
    }
}

/// `none` is what grype makes of "negligible". A score without a severity counts if it is CVSS:
/// other methods are about something else, for example how likely an attack is.
fn rated(rating: &Rating) -> Severity {
    match rating.severity.as_deref() {
        Some("critical") => Severity::Critical,
        Some("high") => Severity::High,
        Some("medium") => Severity::Medium,
        Some("low" | "info" | "none") => Severity::Low,
        None if rating.method.as_deref().is_some_and(|method| method.starts_with("CVSS")) => {
            rating.score.map_or(Severity::Unknown, of_score)
        }
        _ => Severity::Unknown,
    }
}

/// The severity of a CVSS score (CVSS 3.1, §5), nothing for what is none.
pub(super) fn of_score(score: f64) -> Severity {
    match score {
        9.0..=10.0 => Severity::Critical,
        7.0..9.0 => Severity::High,
        4.0..7.0 => Severity::Medium,
        _ if score > 0.0 && score < 4.0 => Severity::Low,
        _ => Severity::Unknown,
    }
}

fn link(vulnerability: &Vulnerability) -> Option<String> {
    let advisories = vulnerability.advisories.as_deref().unwrap_or_default();
    let source = vulnerability.source.as_ref().and_then(|source| source.url.as_deref());
    let mut links = advisories.iter().filter_map(|advisory| advisory.url.as_deref()).chain(source);
    links.find_map(bounds::link)
}

/// The versions that have the fix, as far as a vulnerability tells them for all that it affects:
/// Trivy recommends upgrades, others have a property.
struct Fixes<'a> {
    /// `Upgrade PACKAGE to version VERSION; Upgrade …`.
    recommended: HashMap<&'a str, &'a str>,
    /// What holds for every package.
    general: Option<&'a str>,
}

impl<'a> Fixes<'a> {
    fn of(vulnerability: &'a Vulnerability) -> Self {
        let recommendation = vulnerability.recommendation.as_deref().unwrap_or_default();
        let mut recommended = HashMap::new();
        let mut general = None;
        for sentence in recommendation.split("; ") {
            let version = |text: &'a str| text.trim().trim_end_matches('.');
            if let Some(text) = sentence.strip_prefix("Upgrade to version ") {
                general = Some(version(text));
            } else if let Some((package, text)) = sentence
                .strip_prefix("Upgrade ")
                .and_then(|sentence| sentence.split_once(" to version "))
            {
                recommended.insert(package, version(text));
            }
        }
        let properties = vulnerability.properties.as_deref().unwrap_or_default();
        let property = properties.iter().find(|property| {
            let letters = property.name.chars().filter(char::is_ascii_alphanumeric);
            let name: String = letters.map(|c| c.to_ascii_lowercase()).collect();
            ["fixedversion", "fixversion", "fixedin"].iter().any(|word| name.ends_with(word))
        });
        let general = general.or_else(|| property.and_then(|property| property.value.as_deref()));
        Self { recommended, general }
    }

    /// The version that has the fix for one package: grype names versions that are unaffected.
    fn of_package(&self, affected: &Affected, installed: &Installed) -> Option<String> {
        let versions = affected.versions.as_deref().unwrap_or_default();
        let unaffected = versions.iter().filter(|it| it.status.as_deref() == Some("unaffected"));
        let unaffected = unaffected.filter_map(|it| match (&it.range, &it.version) {
            (Some(range), _) => lowest(range),
            (None, Some(version)) if *version != installed.version => Some(version.clone()),
            _ => None,
        });
        let unaffected: Vec<String> = unaffected.take(8).collect();
        if !unaffected.is_empty() {
            return Some(unaffected.join(", "));
        }
        let told = self.recommended.get(installed.name.as_str()).copied().or(self.general);
        told.filter(|version| !version.is_empty()).map(str::to_owned)
    }
}

/// The version that a range begins with: `1.2.1` of `vers:deb/>=1.2.1`.
fn lowest(range: &str) -> Option<String> {
    let (_, constraints) = range.strip_prefix("vers:")?.split_once('/')?;
    let lowest = constraints.split('|').find_map(|it| it.trim().strip_prefix(">="))?;
    let version = percent_decode_str(lowest).decode_utf8().ok()?.into_owned();
    Some(version).filter(|version| !version.is_empty())
}

fn status(
    vulnerability: &Vulnerability,
    affected: &Affected,
    installed: &Installed,
    is_fixed: bool,
) -> Status {
    let analysis = vulnerability.analysis.as_ref();
    let state = analysis.and_then(|analysis| analysis.state.as_deref());
    let responses = analysis.and_then(|it| it.response.as_deref()).unwrap_or_default();
    let versions = affected.versions.as_deref().unwrap_or_default();
    let this = versions.iter().find(|it| it.version.as_ref() == Some(&installed.version));
    match (state, this.and_then(|it| it.status.as_deref())) {
        (Some("not_affected" | "false_positive"), _) | (_, Some("unaffected")) => {
            Status::NotAffected
        }
        _ if responses.iter().any(|response| response == "will_not_fix") => Status::WillNotFix,
        _ if is_fixed => Status::Fixed,
        (Some("in_triage"), _) => Status::UnderInvestigation,
        (Some("exploitable"), _) | (_, Some("affected")) => Status::Affected,
        _ => Status::Unknown,
    }
}
