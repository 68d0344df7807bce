//! Makes a small advisory database that the real Trivy reads, from advisories in JSON.
//!
//! The JSON mirrors the buckets of Trivy's database: `data-source` and `vulnerability` at the top,
//! beside them one entry a release (`debian 12`) with source packages and their advisories.
//! Layout of the database: <https://github.com/aquasecurity/trivy-db>, schema version 2.

use std::collections::BTreeMap;
use std::io;
use std::str::FromStr;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::{Timestamp, ToSpan as _};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::bolt::Bucket;

/// Advisories as they go into a database.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Advisories {
    /// Where the advisories of a release come from.
    #[serde(rename = "data-source")]
    sources: BTreeMap<String, Value>,
    /// What is known of a vulnerability whatever the package.
    #[serde(rename = "vulnerability")]
    details: BTreeMap<String, Value>,
    /// Release (`debian 12`), source package, vulnerability.
    #[serde(flatten)]
    releases: BTreeMap<String, BTreeMap<String, BTreeMap<String, Value>>>,
}

/// How bad an advisory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "Trivy's five severities")]
pub enum Severity {
    Unknown,
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    const ALL: [Self; 5] = [Self::Unknown, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name as Trivy writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "UNKNOWN",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

impl FromStr for Severity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.name() == text)
            .ok_or_else(|| format!("`{text}` is no severity"))
    }
}

/// A fix for a vulnerability: `CVE-2019-1010022=2.36-9+deb12u99:HIGH`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The vulnerability.
    pub id: String,
    /// The first version of the source package without it.
    pub version: String,
    /// How bad it is from now on.
    pub severity: Severity,
}

impl FromStr for Fix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = || {
            let (id, rest) = text.split_once('=')?;
            // A version can have an epoch: `1:2.66-4`.
            let (version, severity) = rest.rsplit_once(':')?;
            Some((id, version, severity))
        };
        let (id, version, severity) =
            parts().ok_or_else(|| format!("`{text}` is not of the form CVE=VERSION:SEVERITY"))?;
        Ok(Self { id: id.to_owned(), version: version.to_owned(), severity: severity.parse()? })
    }
}

/// What stands in `metadata.json`, beside the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// When the database says that it was made.
    pub updated_at: Timestamp,
    /// Marks the database as demonstration data, and says which. Trivy ignores this field.
    pub fixture: Option<String>,
}

impl Advisories {
    /// Reads advisories from a JSON file.
    pub fn read(path: &Utf8Path) -> io::Result<Self> {
        let text = fs_err::read_to_string(path)?;
        serde_json::from_str(&text)
            .map_err(|error| io::Error::other(format!("`{path}` holds no advisories: {error}")))
    }

    /// How many advisories there are, over all releases.
    pub fn len(&self) -> usize {
        let packages = self.releases.values().flat_map(BTreeMap::values);
        packages.map(BTreeMap::len).sum()
    }

    /// Whether there is not a single advisory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets every advisory of a release: `debian 12`. What is left is a database that finds
    /// nothing there, as one that is too old for the release does.
    pub fn forget(&mut self, release: &str) {
        self.releases.remove(release);
    }

    /// Adds an advisory about a library of a language, named as Trivy does: `go`, `npm`.
    pub fn add_library(&mut self, language: &str, library: &str, fix: &Fix) {
        let bucket = format!("{language}::GitHub Security Advisory");
        let source =
            json!({ "ID": "ghsa", "Name": "GitHub", "URL": "https://github.com/advisories" });
        self.sources.insert(bucket.clone(), source);
        let advisory = json!({
            "PatchedVersions": [fix.version],
            "VulnerableVersions": [format!("< {}", fix.version)],
        });
        let libraries = self.releases.entry(bucket).or_default();
        libraries.entry(library.to_owned()).or_default().insert(fix.id.clone(), advisory);
        self.details.insert(fix.id.clone(), json!({ "Severity": fix.severity.name() }));
    }

    /// Gives a known vulnerability a fix and a severity, wherever it occurs.
    pub fn fix(&mut self, fix: &Fix) -> io::Result<()> {
        let mut known = false;
        let packages = self.releases.values_mut().flat_map(BTreeMap::values_mut);
        for advisory in packages.filter_map(|advisories| advisories.get_mut(&fix.id)) {
            *advisory = fix.advisory();
            known = true;
        }
        if known { Ok(()) } else { Err(io::Error::other(format!("`{}` is in no release", fix.id))) }
    }

    /// Adds a vulnerability of a source package of a release, in place of one with the same id.
    pub fn add(&mut self, release: &str, package: &str, fix: &Fix) {
        let packages = self.releases.entry(release.to_owned()).or_default();
        let advisories = packages.entry(package.to_owned()).or_default();
        advisories.insert(fix.id.clone(), fix.advisory());
        self.details.insert(
            fix.id.clone(),
            json!({ "Title": format!("{package}: made up for a test"), "Severity": fix.severity.name() }),
        );
    }

    /// The same for a release whose advisories come from `source`, as Trivy names it: `ubuntu`.
    pub fn add_from(&mut self, source: &str, release: &str, package: &str, fix: &Fix) {
        let known = json!({ "ID": source, "Name": source, "URL": "https://example.org" });
        self.sources.entry(release.to_owned()).or_insert(known);
        self.add(release, package, fix);
    }

    /// Writes `db/trivy.db` and `db/metadata.json` into a Trivy cache folder, in place of what is
    /// there. Equal advisories give equal bytes.
    pub fn write(&self, cache: &Utf8Path, stamp: &Stamp) -> io::Result<()> {
        fs_err::create_dir_all(cache.join("db"))?;
        fs_err::write(database(cache), self.to_bolt().to_file())?;
        let mut metadata = json!({
            "Version": 2,
            "NextUpdate": stamp.updated_at.saturating_add(24.hours()).map_err(io::Error::other)?,
            "UpdatedAt": stamp.updated_at,
            "DownloadedAt": stamp.updated_at,
        });
        if let Some(fixture) = &stamp.fixture {
            metadata["Fixture"] = json!(fixture);
        }
        fs_err::write(cache.join("db/metadata.json"), format!("{metadata:#}\n"))
    }

    fn to_bolt(&self) -> Bucket {
        let mut root = Bucket::default();
        // Trivy panics where there is no `vulnerability` bucket; an empty one will do.
        root.put_bucket("data-source", values(&self.sources));
        root.put_bucket("vulnerability", values(&self.details));
        for (release, packages) in &self.releases {
            let mut bucket = Bucket::default();
            for (package, advisories) in packages {
                bucket.put_bucket(package.as_str(), values(advisories));
            }
            root.put_bucket(release.as_str(), bucket);
        }
        root
    }
}

impl Fix {
    /// The advisory as the database of a distribution holds it. Its own severity goes before the
    /// vulnerability's.
    fn advisory(&self) -> Value {
        json!({ "FixedVersion": self.version, "Severity": self.severity as u8 })
    }
}

fn values(entries: &BTreeMap<String, Value>) -> Bucket {
    let mut bucket = Bucket::default();
    for (key, value) in entries {
        bucket.put(key.as_str(), value.to_string());
    }
    bucket
}

/// Where the database lies in a Trivy cache folder.
fn database(cache: &Utf8Path) -> Utf8PathBuf {
    cache.join("db/trivy.db")
}

/// Cuts a database off in the middle, as a download that broke does.
pub fn truncate(cache: &Utf8Path) -> io::Result<()> {
    let file = fs_err::OpenOptions::new().write(true).open(database(cache))?;
    file.set_len(file.metadata()?.len() / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn advisories() -> Advisories {
        let demo = "../../examples/demo/advisories.json";
        Advisories::read(demo.into()).unwrap()
    }

    #[test]
    fn the_demo_advisories_are_read_and_can_be_changed() {
        let mut advisories = advisories();
        assert_eq!(advisories.len(), 68);

        let fix: Fix = "CVE-2026-4878=1:2.66-4+deb12u99:HIGH".parse().unwrap();
        advisories.fix(&fix).unwrap();
        let changed = &advisories.releases["debian 12"]["libcap2"]["CVE-2026-4878"];
        assert_eq!(changed, &json!({ "FixedVersion": "1:2.66-4+deb12u99", "Severity": 3 }));
        let unknown: Fix = "CVE-1=1:LOW".parse().unwrap();
        insta::assert_snapshot!(advisories.fix(&unknown).unwrap_err(), @"`CVE-1` is in no release");
        insta::assert_snapshot!("CVE-1=1:BAD".parse::<Fix>().unwrap_err(), @"`BAD` is no severity");
        insta::assert_snapshot!("CVE-1".parse::<Fix>().unwrap_err(), @"`CVE-1` is not of the form CVE=VERSION:SEVERITY");

        advisories.add("debian 13", "glibc", &unknown);
        advisories.forget("debian 12");
        assert_eq!(advisories.len(), 1);
    }

    #[test]
    fn metadata_says_when_and_that_it_is_demonstration_data() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Utf8Path::from_path(folder.path()).unwrap();
        let stamp = Stamp {
            updated_at: "2026-11-23T10:00:00Z".parse().unwrap(),
            fixture: Some("demo".to_owned()),
        };
        advisories().write(cache, &stamp).unwrap();
        let metadata = fs_err::read_to_string(cache.join("db/metadata.json")).unwrap();
        insta::assert_snapshot!(metadata, @r#"
        {
          "DownloadedAt": "2026-11-23T10:00:00Z",
          "Fixture": "demo",
          "NextUpdate": "2026-11-24T10:00:00Z",
          "UpdatedAt": "2026-11-23T10:00:00Z",
          "Version": 2
        }
        "#);

        let whole = fs_err::read(database(cache)).unwrap();
        advisories().write(cache, &stamp).unwrap();
        assert!(whole == fs_err::read(database(cache)).unwrap());
        truncate(cache).unwrap();
        assert_eq!(fs_err::metadata(database(cache)).unwrap().len(), whole.len() as u64 / 2);
    }
}
