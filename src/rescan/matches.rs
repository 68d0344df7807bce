//! What the scanner has said, brought back to the inventories.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::batches::{APPLICATION, Batch, Batches};
use crate::model::{Finding, OsIdentity};

/// What the scanner has said of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// When it was asked.
    pub started_at: Timestamp,
    /// When it says that it has answered.
    pub made_at: Option<Timestamp>,
    /// Whether it speaks of what it was asked about.
    pub about_subject: bool,
    /// The operating system as it has understood it.
    pub os: Option<OsIdentity>,
    /// Whether that is past its end of life.
    pub end_of_life: bool,
    /// What it has complained about.
    pub complaints: Vec<String>,
    /// The references of the components that it has listed.
    pub listed: BTreeSet<String>,
    /// What it has found.
    pub found: Vec<Found>,
    /// How many packages of a system it has listed.
    pub packages: usize,
}

/// A finding, and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The reference of the component.
    pub reference: String,
    /// A file in the artifact, for libraries that are one; else empty.
    pub path: String,
    /// The finding.
    pub finding: Finding,
}

/// The answers so far.
#[derive(Debug, Default)]
pub struct Matches {
    /// Findings without the package that has them: many have the same.
    advisories: Vec<Finding>,
    known_advisories: HashMap<AdvisoryKey, Vec<u32>>,
    /// Packages: name, version, path.
    packages: Vec<(String, String, String)>,
    known_packages: HashMap<(String, String, String), u32>,
    /// What each part has: an advisory and a package.
    hits: HashMap<u32, Vec<(u32, u32)>>,
    /// The parts that the scanner has not listed as a whole.
    lost: HashSet<u32>,
    /// The batch of each part.
    batch_of: HashMap<u32, usize>,
    batches: HashMap<usize, Said>,
}

type AdvisoryKey = (String, String);

/// What an answer says beside its findings.
#[derive(Debug, Clone)]
struct Said {
    started_at: Timestamp,
    made_at: Option<Timestamp>,
    about_subject: bool,
    os: Option<OsIdentity>,
    end_of_life: bool,
    complaints: Vec<String>,
}

/// What is known of one inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matched {
    /// All findings, in a fixed order.
    pub findings: Vec<Finding>,
    /// The operating system as the scanner has understood it, everywhere alike.
    pub os: Option<OsIdentity>,
    /// Whether that is past its end of life.
    pub end_of_life: bool,
    /// How many of its packages the scanner has passed over.
    pub lost: usize,
    /// When it was asked, and when it has answered: of several, the answer that is the least fresh.
    pub started_at: Timestamp,
    /// See `started_at`.
    pub made_at: Option<Timestamp>,
    /// Whether it speaks of what it was asked about.
    pub about_subject: bool,
    /// What it has complained about.
    pub complaints: Vec<String>,
}

impl Matches {
    /// Takes what was answered to `batch`.
    pub fn take(&mut self, batch: &Batch, answer: Answer) -> Result<(), UnknownReference> {
        for (index, part) in batch.parts.iter().enumerate() {
            self.batch_of.insert(*part, batch.number);
            if batch.matched[index] && !answer.listed.contains(&format!("c{index}")) {
                self.lost.insert(*part);
            }
        }
        for Found { reference, path, finding } in answer.found {
            let index = reference.strip_prefix('c').and_then(|index| index.parse::<usize>().ok());
            let part = index.and_then(|index| batch.parts.get(index)).copied();
            let part = part.ok_or(UnknownReference(reference))?;
            let package = self.package((finding.package.clone(), finding.installed.clone(), path));
            let advisory = self.advisory(finding);
            self.hits.entry(part).or_default().push((advisory, package));
        }
        let Answer { started_at, made_at, about_subject, os, end_of_life, complaints, .. } = answer;
        let said = Said { started_at, made_at, about_subject, os, end_of_life, complaints };
        self.batches.insert(batch.number, said);
        Ok(())
    }

    /// What is known of the inventory with these parts: none if a part was not asked about.
    pub fn of(&self, parts: &[u32], batches: &Batches) -> Option<Matched> {
        let mut asked: Vec<usize> = Vec::new();
        for part in parts {
            asked.push(*self.batch_of.get(part)?);
        }
        asked.sort_unstable();
        asked.dedup();
        let said = asked.iter().map(|number| self.batches.get(number));
        let said: Vec<&Said> = said.collect::<Option<_>>()?;
        let first = said.first()?;
        let age = |said: &&&Said| {
            said.made_at.map(|made| made.duration_since(said.started_at).as_millis())
        };
        let stalest = said.iter().min_by_key(age)?;
        let mut complaints: Vec<String> =
            said.iter().flat_map(|it| it.complaints.clone()).collect();
        complaints.sort();
        complaints.dedup();
        let alike = said.iter().all(|it| it.os == first.os);
        Some(Matched {
            findings: self.findings(parts, batches),
            os: first.os.clone().filter(|_| alike),
            end_of_life: said.iter().any(|it| it.end_of_life),
            lost: parts.iter().filter(|part| self.lost.contains(part)).count(),
            started_at: stalest.started_at,
            made_at: stalest.made_at,
            about_subject: said.iter().all(|it| it.about_subject),
            complaints,
        })
    }

    fn findings(&self, parts: &[u32], batches: &Batches) -> Vec<Finding> {
        let mut told = HashSet::new();
        let mut findings = Vec::new();
        for part in parts {
            let class = batches.classes()[*part as usize];
            for (advisory, package) in self.hits.get(part).into_iter().flatten() {
                let known = &self.advisories[*advisory as usize];
                if class != APPLICATION && !told.insert((class, &known.id, *package)) {
                    continue;
                }
                let (name, version, _) = &self.packages[*package as usize];
                let (package, installed) = (name.clone(), version.clone());
                findings.push(Finding { package, installed, ..known.clone() });
            }
        }
        findings.sort_by(|a, b| {
            let key = |f: &'_ Finding| (f.source.clone(), f.id.clone(), f.package.clone());
            key(a).cmp(&key(b)).then_with(|| a.installed.cmp(&b.installed))
        });
        findings
    }

    fn package(&mut self, package: (String, String, String)) -> u32 {
        if let Some(known) = self.known_packages.get(&package) {
            return *known;
        }
        let number = number(self.packages.len());
        self.packages.push(package.clone());
        self.known_packages.insert(package, number);
        number
    }

    fn advisory(&mut self, finding: Finding) -> u32 {
        let bare = Finding { package: String::new(), installed: String::new(), ..finding };
        let key = (bare.id.clone(), bare.source.clone());
        let same = self.known_advisories.entry(key).or_default();
        let known = same.iter().find(|known| self.advisories[**known as usize] == bare);
        if let Some(known) = known {
            return *known;
        }
        let number = number(self.advisories.len());
        same.push(number);
        self.advisories.push(bare);
        number
    }
}

fn number(of: usize) -> u32 {
    u32::try_from(of).expect("fewer findings than memory has bytes")
}

/// The scanner speaks of something that it was not asked about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the scanner speaks of `{0}`, which is in no inventory")]
pub struct UnknownReference(String);
