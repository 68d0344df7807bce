//! Matching the stored inventories of a thousand versions against today's advisories: `goldsmith
//! rescan`, as a whole process, with Trivy as it is.
//!
//! `cargo bench --bench rescan`, or with a number of versions: `cargo bench --bench rescan -- 100`.
//! benches/README.md keeps the figures. Nothing here asserts on time.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement prints its figures")]

mod measure;

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::model::{
    Act, Address, Decision, Digest, Entry, ImageName, LogEntry, OsIdentity, Provenance, SCHEMA,
    Version, VersionBase, VersionRecord,
};
use goldsmith::registry::{self, Reach, Registry};
use goldsmith_testkit::advisory_db::{Advisories, Fix, Severity, Stamp};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

use measure::watch_memory;

/// Versions of each image.
const VERSIONS: usize = 20;
/// Packages of each version.
const PACKAGES: usize = 400;
/// Source packages that the advisories of a release know, and advisories of each.
const SOURCES: usize = 450;
const ADVISORIES: usize = 20;
/// How many of those a version is affected by, for each of its packages.
const OPEN: usize = 3;
/// How many of a hundred packages change from one version of an image to the next.
const CHANGED: u64 = 10;

/// Family, release, what Trivy calls its advisories, the type of its package URLs.
const SYSTEMS: [(&str, &str, &str); 5] = [
    ("debian", "12.11", "debian 12"),
    ("debian", "12.13", "debian 12"),
    ("debian", "13.2", "debian 13"),
    ("ubuntu", "22.04", "ubuntu 22.04"),
    ("ubuntu", "24.04", "ubuntu 24.04"),
];

/// How much of what inventories list is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overlap {
    /// Images of a system have its packages of the month.
    Usual,
    /// No two have a package in common.
    None,
}

fn main() {
    let asked = std::env::args().skip(1).find_map(|argument| argument.parse().ok());
    let versions: usize = asked.unwrap_or(1_000);
    for (overlap, name) in
        [(Overlap::Usual, "what images usually share"), (Overlap::None, "nothing in common")]
    {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let root = Utf8Path::from_path(folder.path()).unwrap();
        let advisories = advisories(root);
        record(root, versions, overlap);
        println!("{versions} versions of {PACKAGES} packages, {advisories} advisories: {name}");
        for what in ["the first time", "again, with nothing new"] {
            let (took, peak, report) = rescan(root);
            let work = &report["work"];
            println!(
                "  {what}: {:.1} s, peak {peak:.0} MB; {} packages, {} answers, {} known, {} entries",
                took.as_secs_f64(),
                work["packages"],
                work["asked"],
                work["kept"],
                work["recorded"],
            );
            let clean = |version: &&Value| version["state"] == "untrusted";
            assert_eq!(report["versions"].as_array().unwrap().iter().filter(clean).count(), 0);
        }
    }
}

/// Runs it to its end: the time, the peak of its memory, and what it says.
fn rescan(root: &Utf8Path) -> (Duration, f64, Value) {
    let begun = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_goldsmith"))
        .args(["rescan", "--format", "json", "--quiet", "--db", "advisories"])
        .args(["--registry", "./registry"])
        .current_dir(root)
        .env("GOLDSMITH_STATE_DIR", root.join("state"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let peak = watch_memory(&child, Duration::from_millis(50));
    let output = child.wait_with_output().unwrap();
    let took = begun.elapsed();
    let report = serde_json::from_slice(&output.stdout);
    (took, peak.join().unwrap(), report.unwrap())
}

/// Every source package of every release has as many that are long fixed as make up the number, and
/// some that nobody has fixed.
fn advisories(root: &Utf8Path) -> usize {
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo/advisories.json");
    let mut advisories = Advisories::read(demo.into()).unwrap();
    // Releases that are one to the advisories are next to each other.
    let mut systems: Vec<_> =
        SYSTEMS.into_iter().map(|(family, _, release)| (family, release)).collect();
    systems.dedup();
    for (system, (family, release)) in systems.into_iter().enumerate() {
        // What the question with the known answer is about.
        for known in ["glibc", "openssl"] {
            let fix = Fix { id: "CVE-2020-1".into(), version: "1".into(), severity: Severity::Low };
            advisories.add_from(family, release, known, &fix);
        }
        for source in 0..SOURCES {
            for number in 0..ADVISORIES {
                let id = format!("CVE-2026-{}", 10_000 + (system * SOURCES + source) * 20 + number);
                // The versions that are installed begin with 2.
                let version = if number < OPEN { "9.0-1" } else { "1.0-1" }.to_owned();
                let severity =
                    if number + source % 40 == 0 { Severity::High } else { Severity::Medium };
                let fix = Fix { id, version, severity };
                advisories.add_from(family, release, &format!("source-{source}"), &fix);
            }
        }
    }
    let stamp = Stamp { updated_at: jiff::Timestamp::now(), fixture: Some("benchmark".to_owned()) };
    advisories.write(&root.join("advisories"), &stamp).unwrap();
    advisories.len()
}

/// Writes the versions into a registry, as a run does.
fn record(root: &Utf8Path, versions: usize, overlap: Overlap) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let folder = root.join("registry");
        let registry =
            registry::open(&Address::Directory(folder.clone()), &Reach::folders()).await.unwrap();
        for image in 0..versions.div_ceil(VERSIONS) {
            let of_image = VERSIONS.min(versions - image * VERSIONS);
            log(&folder, &*registry, image, of_image, overlap).await;
        }
    });
}

async fn log(
    folder: &Utf8PathBuf,
    registry: &dyn Registry,
    image: usize,
    versions: usize,
    overlap: Overlap,
) {
    let name: ImageName = format!("image-{image:03}").parse().unwrap();
    let folder = folder.join(format!("images/{name}/log"));
    fs_err::create_dir_all(&folder).unwrap();
    let mut seq = 0;
    let mut before = None;
    for number in 0..versions {
        let day = date(2025, 1, 1).checked_add(i64::try_from(number).unwrap().months()).unwrap();
        let version = Version::first_of(VersionBase::default(), day);
        let inventory = inventory(image, number, overlap);
        let inventory = registry.put_blob(inventory.as_bytes()).await.unwrap();
        let moved = Entry::Moved {
            channel: "stable".parse().unwrap(),
            from: before,
            to: version,
            act: Act::Entered,
            held: false,
            because: None,
        };
        let published = Entry::Published(Box::new(version_record(image, version, day, inventory)));
        for entry in [Entry::Reserved { version }, published, moved] {
            seq += 1;
            let entry = LogEntry {
                schema: SCHEMA,
                seq,
                at: day.at(3, 0, 0, 0).in_tz("UTC").unwrap().timestamp(),
                image: name.clone(),
                run: "20250101t020000z-5f3a9c".parse().unwrap(),
                run_url: None,
                by: None,
                entry,
            };
            let json = serde_json::to_vec_pretty(&entry).unwrap();
            fs_err::write(folder.join(format!("{seq:08}.json")), json).unwrap();
        }
        before = Some(version);
    }
}

fn version_record(image: usize, version: Version, day: Date, inventory: Digest) -> VersionRecord {
    let (family, release, _) = SYSTEMS[image % SYSTEMS.len()];
    VersionRecord {
        version,
        provenance: Provenance {
            commit: None,
            definition: Digest::of(b"definition"),
            definition_parts: goldsmith::model::DefinitionParts::new(),
            materials: Vec::new(),
            parents: Vec::new(),
            started_at: day.at(2, 0, 0, 0).in_tz("UTC").unwrap().timestamp(),
            handed_in: false,
            stamped: false,
            tools: BTreeMap::new(),
            plugins: Vec::new(),
            custom_data: BTreeMap::new(),
            built_by: None,
            built_at: None,
        },
        advisories_updated_at: None,
        fixture: None,
        os: Some(OsIdentity { family: family.to_owned(), release: release.to_owned() }),
        artifacts: Vec::new(),
        packages: PACKAGES,
        package_set: inventory,
        inventory,
        findings: None,
        report: inventory,
        verdict: Decision::Passed,
        tests: Vec::new(),
        signature: None,
        configuration: None,
        fresh_until: None,
        further: BTreeMap::new(),
    }
}

/// How often a package has changed until the version with this number: the same for all images.
fn changes(package: usize, number: usize) -> u64 {
    let changed = |month: &usize| {
        let digest = Digest::of(format!("{package} in {month}").as_bytes());
        u64::from(digest.bytes()[0]) * 100 < CHANGED * 256
    };
    (0..number).filter(changed).count() as u64
}

/// An inventory, as Trivy lists it and goldsmith keeps it.
fn inventory(image: usize, number: usize, overlap: Overlap) -> String {
    let (family, release, _) = SYSTEMS[image % SYSTEMS.len()];
    let property = |name: &str, value: &str| json!({ "name": format!("aquasecurity:trivy:{name}"), "value": value });
    let mut components = vec![json!({
        "bom-ref": "os", "type": "operating-system", "name": family, "version": release,
        "properties": [property("Class", "os-pkgs"), property("Type", family)],
    })];
    let licences = ["GPL-2.0-only", "LGPL-2.1-or-later", "BSD-3-Clause"];
    let licences = licences.map(|licence| json!({ "license": { "id": licence } }));
    let mut references = Vec::new();
    for package in 0..PACKAGES {
        // Each image has nine tenths of what there is of its system.
        let source = (package + image % 7 * 7) % SOURCES;
        let version = match overlap {
            Overlap::Usual => format!("2.{}-1+deb12u1", changes(source, number)),
            Overlap::None => format!("2.{image}.{number}-1+deb12u1"),
        };
        let name = format!("package-{source}");
        let purl =
            format!("pkg:deb/{family}/{name}@{version}?arch=amd64&distro={family}-{release}");
        let (plain, revision) = version.split_once('-').unwrap();
        components.push(json!({
            "bom-ref": purl, "type": "library", "name": name, "version": version, "purl": purl,
            "supplier": { "name": "Maintainers of a package <packages@lists.debian.example>" },
            "licenses": licences,
            "properties": [
                property("PkgID", &format!("{name}@{version}")),
                property("PkgType", family),
                property("SrcName", &format!("source-{source}")),
                property("SrcVersion", plain),
                property("SrcRelease", revision),
            ],
        }));
        references.push(purl);
    }
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {
            "component": {
                "bom-ref": "image", "type": "application", "name": format!("image-{image}-{number}"),
            },
            "tools": { "components": [{
                "type": "application", "manufacturer": { "name": "Aqua Security Software Ltd." },
                "group": "aquasecurity", "name": "trivy", "version": "0.74.0",
            }] },
        },
        "components": components,
        "dependencies": [
            { "ref": "image", "dependsOn": ["os"] },
            { "ref": "os", "dependsOn": references },
        ],
    });
    format!("{document:#}\n")
}
