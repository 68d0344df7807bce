//! The question whose answer is known: a scanner that says nothing about packages of version 0 knows
//! nothing about the system that they are of.

use std::collections::BTreeSet;

use camino::Utf8Path;

use crate::findings;
use crate::model::{Basis, Failure, FailureClass, OsIdentity, Package, Probe};
use crate::trivy::{Database, Scanner};

/// How many of `libraries` are of kinds that the scanner has no advisories for.
pub(super) fn uncovered(libraries: &[Package]) -> usize {
    libraries.iter().filter(|library| !Scanner::covers(&library.source)).count()
}

/// The kinds of libraries that can be asked about in place of a system.
pub(super) fn kinds(
    basis: &Basis,
    packages: &[Package],
    libraries: &[Package],
) -> BTreeSet<String> {
    let all = packages.len() + libraries.len();
    // What is mostly of kinds that nobody has advisories for is not proven by those of the rest.
    let document = *basis == Basis::Document && 2 * uncovered(libraries) <= all;
    libraries.iter().filter(|_| document).map(|library| library.source.clone()).collect()
}

/// Asks about `os`, or else about libraries of these `kinds`.
pub(super) async fn ask(
    scanner: &Scanner,
    database: &Database,
    os: Option<&OsIdentity>,
    kinds: &BTreeSet<String>,
    scratch: &Utf8Path,
) -> Result<Probe, Failure> {
    let log = scanner.log.path();
    let kinds = kinds.iter().map(String::as_str);
    let answer = scanner.probe(os, kinds, database, scratch).await;
    let Some(text) = answer.map_err(|error| error.failure(log))? else {
        return Ok(Probe::NotAsked);
    };
    let report = findings::read(&text)
        .map_err(|error| Failure::caused_by(FailureClass::Scan, &error).log(log))?;
    Ok(match report.findings.len() {
        0 => Probe::Silent,
        count => Probe::Answered(count),
    })
}
