//! Which package a result of SARIF is about. The format has no place for that: every scanner has
//! found another.

use std::collections::BTreeMap;

use serde_json::Value;

use super::sarif::{Place, Rule, beginning};
use crate::formats::purl::PackageUrl;

/// Everything that can tell.
pub(super) struct Told<'a> {
    /// The message of the result.
    pub(super) message: &'a str,
    /// Its rule.
    pub(super) rule: Option<&'a Rule>,
    /// Properties of the result, and of the rule.
    pub(super) properties: [Option<&'a BTreeMap<String, Value>>; 2],
    /// Where the result is.
    pub(super) locations: &'a [Place],
}

/// A package, as far as it is known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) fixed: Option<String>,
}

impl Package {
    fn new(name: &str, version: Option<&str>) -> Self {
        let word = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Self { name: word(name), version: version.and_then(word), fixed: None }
    }

    fn of_url(url: &str) -> Option<Self> {
        let url: PackageUrl = beginning(url).parse().ok()?;
        Some(Self::new(&url.name, Some(&url.full_version(None))))
    }

    /// What is not known, from `other`, if that is about the same package.
    fn or(self, other: impl FnOnce() -> Option<Self>) -> Self {
        if self.name.is_some() && self.version.is_some() && self.fixed.is_some() {
            return self;
        }
        match other() {
            Some(other) if self.name.is_none() || self.name == other.name => Self {
                name: self.name.or(other.name),
                version: self.version.or(other.version),
                fixed: self.fixed.or(other.fixed),
            },
            _ => self,
        }
    }
}

impl<'a> Told<'a> {
    /// The package, from whatever knows most: properties, what the message says in words, lines
    /// with labels, places.
    pub(super) fn package(&self) -> Package {
        let package = Package::default()
            .or(|| self.by_properties(0))
            .or(|| in_words(self.message))
            .or(|| labelled(self.message))
            .or(|| self.by_location())
            .or(|| self.by_properties(1))
            .or(|| labelled(self.help()))
            .or(|| self.by_properties_url());
        match package.name {
            Some(_) => package,
            // What scanners of files find is in a file.
            None => Package { name: self.file().map(str::to_owned), ..package },
        }
    }

    fn help(&self) -> &'a str {
        let help = self.rule.and_then(|rule| rule.help.as_ref()?.text.as_deref());
        beginning(help.unwrap_or_default())
    }

    fn file(&self) -> Option<&'a str> {
        self.locations.iter().find_map(Place::file)
    }

    fn by_properties(&self, which: usize) -> Option<Package> {
        let properties = self.properties[which]?;
        let text = |keys: &[&str]| {
            let mut values = keys.iter().filter_map(|key| properties.get(*key)?.as_str());
            values.find(|value| !value.trim().is_empty()).map(str::to_owned)
        };
        Some(Package {
            name: text(&["packageName", "package_name", "package", "pkgName", "pname"]),
            version: text(&[
                "installedVersion",
                "installed_version",
                "packageVersion",
                "package_version",
            ]),
            fixed: text(&["fixedVersion", "fixed_version", "fixVersion", "fixedIn", "fixed"]),
        })
    }

    /// Package URLs among the properties: grype lists them with the rule.
    fn by_properties_url(&self) -> Option<Package> {
        self.properties.iter().flatten().find_map(|properties| {
            let one = properties.get("purl").and_then(Value::as_str);
            let list = properties.get("purls").and_then(Value::as_array);
            let first = || list.and_then(|list| list.first()?.as_str());
            Package::of_url(one.or_else(first)?)
        })
    }

    fn by_location(&self) -> Option<Package> {
        let logical = self.locations.iter().filter_map(|it| it.logical_locations.as_deref());
        let logical = logical.flatten().find_map(|place| {
            let full = place.fully_qualified_name.as_deref();
            full.and_then(Package::of_url).or_else(|| {
                let name = place.name.as_deref().filter(|name| !name.starts_with('/'))?;
                let version = full.and_then(|full| full.strip_prefix(name)?.strip_prefix('@'));
                (place.kind.as_deref() == Some("package") || version.is_some())
                    .then(|| Package::new(name, version))
            })
        });
        // Trivy: `path: name@version`.
        logical.or_else(|| {
            let places = self.locations.iter();
            let mut texts = places.filter_map(|it| it.message.as_ref()?.text.as_deref());
            let (_, package) = texts.find_map(|text| text.rsplit_once(": "))?;
            let (name, version) = package.rsplit_once('@')?;
            Some(Package::new(name, Some(version)))
        })
    }

    /// The id of the advisory where a rule is more than an advisory.
    pub(super) fn advisory(&self) -> Option<&'a str> {
        let lines = [self.help(), self.message].into_iter().flat_map(str::lines);
        let mut ids = lines.filter_map(|line| line.strip_prefix("Vulnerability ")).map(str::trim);
        ids.find(|id| !id.is_empty() && !id.contains(char::is_whitespace))
    }

    /// The link of the advisory, where it is labelled: `Link: [CVE-2024-1](https://…)`.
    pub(super) fn link(&self) -> Option<&'a str> {
        let mut lines = [self.message, self.help()].into_iter().flat_map(str::lines);
        let (_, link) = lines.find_map(|line| line.strip_prefix("Link: "))?.split_once("](")?;
        link.strip_suffix(')')
    }
}

/// Lines with labels, as Trivy and grype write them.
fn labelled(text: &str) -> Option<Package> {
    let value = |labels: &[&str]| {
        text.lines().find_map(|line| {
            let (label, value) = line.split_once(':')?;
            let value = value.trim();
            (labels.contains(&label.trim()) && !value.is_empty()).then(|| value.to_owned())
        })
    };
    let name = value(&["Package", "PkgName"])?;
    Some(Package {
        name: Some(name),
        version: value(&["Installed Version", "Version"]),
        fixed: value(&["Fixed Version", "Fix Version"]),
    })
}

/// Sentences of grype, and those that are made of arch-audit's and vulnix's answers.
fn in_words(message: &str) -> Option<Package> {
    let line = message.lines().next()?;
    if let Some((_, rest)) = line.split_once(" package: ") {
        let (name, rest) = rest.split_once(", version ")?;
        let (version, _) = rest.split_once(" was found")?;
        return Some(Package::new(name, Some(version)));
    }
    if let Some((_, rest)) = line.split_once(" reports ")
        && let Some((name, rest)) = rest.split_once(" at version ")
    {
        return Some(Package::new(name, rest.split_whitespace().next()));
    }
    let (subject, rest) = line.split_once(" is affected by ")?;
    let subject = subject.strip_prefix("Package ").unwrap_or(subject);
    let mut words = subject.split_whitespace();
    let package = Package::new(words.next()?, words.next());
    if words.next().is_some() {
        return None;
    }
    let fixed =
        rest.split_once("Update to ").and_then(|(_, fixed)| fixed.split_whitespace().next());
    let fixed = fixed.map(|fixed| fixed.trim_end_matches(['!', '.', ','])).unwrap_or_default();
    Some(Package { fixed: Some(fixed.to_owned()).filter(|it| !it.is_empty()), ..package })
}

/// The advisory in an id that ends with the package: `CVE-2024-1` of `CVE-2024-1-bash`.
pub(super) fn without_package<'a>(id: &'a str, package: &str) -> &'a str {
    let advisory = id.strip_suffix(package).and_then(|it| it.strip_suffix('-'));
    let is_one = |id: &&str| id.contains('-') && id.ends_with(|c: char| c.is_ascii_alphanumeric());
    advisory.filter(|_| !package.is_empty()).filter(is_one).unwrap_or(id)
}
