//! The demo, whole: a real disk made by mmdebstrap, booted and provisioned by the real Packer and
//! QEMU, judged by the real Trivy.

use std::process::Command;

use camino::Utf8Path;
use goldsmith::model::Digest;
use goldsmith_testkit::advisory_db::Fix;
use serde_json::Value;

use crate::docker::succeed;
use crate::project::Project;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/demo");

/// Runs at the end of every build. It fails if the version is not written down, and takes a package
/// away that the demo has.
const ENFORCED: &str = "#!/bin/sh -eu
grep -qx IMAGE_ID=debian-12 /etc/image-release
grep -qx 'IMAGE_VERSION=1.0.[0-9.]*' /etc/image-release
sudo dpkg --purge --force-depends eject
";

/// A copy of the demo: what it makes stays out of the repository.
fn demo() -> Project {
    let project = Project::new("");
    for file in [".gitignore", "images.yml", "debian-12.pkr.hcl", "prepare.sh"] {
        fs_err::copy(format!("{DEMO}/{file}"), project.path(file)).unwrap();
    }
    // The demo writes its version down itself, for people who build it without goldsmith.
    let template = fs_err::read_to_string(project.path("debian-12.pkr.hcl")).unwrap();
    let own = template.lines().find(|line| line.contains(">/etc/image-release")).unwrap();
    project.write("debian-12.pkr.hcl", &template.replace(own, ""));
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    project.write("images.yml", &(images.trim_end().to_owned() + "\n    enforce: [harden.sh]\n"));
    project.write("harden.sh", ENFORCED);
    project
}

/// A local package repository that holds `goldsmith-probe` in this version, and nothing else.
fn publish_package(project: &Project, version: &str) {
    let repository = project.path("repository");
    let control = format!(
        "Package: goldsmith-probe\nVersion: {version}\nArchitecture: all\n\
         Maintainer: goldsmith <goldsmith@example.org>\nDescription: shows which build this is\n"
    );
    project.write("package/DEBIAN/control", &control);
    let _ = fs_err::remove_dir_all(&repository);
    fs_err::create_dir(&repository).unwrap();
    let package = project.path("package");
    succeed(Command::new("dpkg-deb").args(["--build", package.as_str(), repository.as_str()]));
    let file = format!("goldsmith-probe_{version}_all.deb");
    let bytes = fs_err::read(repository.join(&file)).unwrap();
    let (size, digest) = (bytes.len(), Digest::of(&bytes).hex());
    let index = format!("{control}Filename: ./{file}\nSize: {size}\nSHA256: {digest}\n");
    fs_err::write(repository.join("Packages"), index).unwrap();
}

/// Runs the demo with the local repository in its sources, at the time `now`.
fn run(project: &Project, now: jiff::Timestamp) -> Value {
    project.advisories(|_, stamp| stamp.updated_at = now);
    let source = format!("deb [trusted=yes] copy:{} ./", project.path("repository"));
    let output = project
        .goldsmith()
        .args(["run", "--db", "advisories", "--format", "json", "--now", &now.to_string()])
        .env("DEMO_EXTRA_SOURCE", source)
        .env("DEMO_EXTRA_PACKAGES", "goldsmith-probe")
        .env("XDG_CACHE_HOME", cache())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Downloaded packages are kept from run to run, as for anybody who runs the demo.
fn cache() -> String {
    let home = || {
        std::env::var_os("HOME").map(|home| Utf8Path::new(home.to_str().unwrap()).join(".cache"))
    };
    match std::env::var_os("XDG_CACHE_HOME") {
        Some(cache) => cache.into_string().unwrap(),
        None => home().unwrap().into_string(),
    }
}

/// The version of `goldsmith-probe` in the published inventory of `version`. What is enforced has
/// taken effect.
fn probe_version(project: &Project, version: &str) -> String {
    let inventory = project.json(&format!("output/store/debian-12/{version}/inventory.cdx.json"));
    let components = inventory["components"].as_array().unwrap();
    assert!(!components.iter().any(|component| component["name"] == "eject"));
    let probe = components.iter().find(|component| component["name"] == "goldsmith-probe");
    probe.unwrap()["version"].as_str().unwrap().to_owned()
}

/// The same disk, when one advisory has a fix and is HIGH: nothing is published, the artifact is kept.
fn refuse_with_a_fixable_high_advisory(project: &Project, version: &str) {
    let fix: Fix = "CVE-2019-1010022=2.36-9+deb12u99:HIGH".parse().unwrap();
    project.advisories(|advisories, _| advisories.fix(&fix).unwrap());
    let disk = format!("debian-12=output/store/debian-12/{version}/debian-12-v{version}.qcow2");
    let ended = project.run(&["run", "--from-artifact", &disk, "--db", "advisories"]).expect(1);
    for told in ["CVE-2019-1010022", "glibc", "2.36-9+deb12u99", "HIGH"] {
        assert!(ended.stdout.contains(told), "`{told}` is missing in\n{}", ended.stdout);
    }
    assert_eq!(project.list("output/store/debian-12"), [version]);
    assert_eq!(project.list("output/store/rejected/debian-12").len(), 1);
    let channel = project.json("output/registry/images/debian-12/channels/candidate.json");
    assert_eq!(channel["version"], version, "the channel has not moved");
}

/// What was published boots, and the two machines that it became share nothing. Nothing is published
/// by that, so that the image is as due as it was.
fn boot_and_find_it_in_order(project: &Project, version: &str) {
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    project.write("images.yml", &format!("{images}    tests: [boot]\n"));
    project.advisories(|_, _| {});
    let disk = format!("debian-12=output/store/debian-12/{version}/debian-12-v{version}.qcow2");
    let run = ["run", "--from-artifact", &disk, "--db", "advisories", "--dry-run"];
    let ended = project.run(&[&run[..], &["--format", "json"]].concat()).expect(0);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    let cases = report["images"][0]["tests"][0]["cases"].as_array().unwrap();
    let told: Vec<_> = cases.iter().map(|case| (&case["name"], &case["outcome"])).collect();
    assert!(cases.len() >= 7 && told.iter().all(|(_, outcome)| *outcome == "passed"), "{told:?}");
    project.write("images.yml", &images);
}

/// Scans a published disk; gives the report and the published inventory.
fn scan(project: &Project, version: &str) -> (Value, Value) {
    let folder = format!("output/store/debian-12/{version}");
    let disk = format!("{folder}/debian-12-v{version}.qcow2");
    let arguments = ["scan", &disk, "--os", "debian:12", "--db", "advisories", "--format", "json"];
    let ended = project.run(&arguments).expect(0);
    let report: Value = serde_json::from_str(&ended.stdout).unwrap();
    (report, project.json(&format!("{folder}/inventory.cdx.json")))
}

/// Names and versions of the packages in an inventory.
fn packages(inventory: &Value) -> Vec<String> {
    let components = inventory["components"].as_array().unwrap().iter();
    let packages = components.filter(|component| component["type"] == "library");
    let text = |package: &Value, key: &str| package[key].as_str().unwrap().to_owned();
    let mut packages: Vec<_> = packages
        .map(|package| format!("{} {}", text(package, "name"), text(package, "version")))
        .collect();
    packages.sort();
    packages
}

/// Must hold: package list and findings equal those of `trivy vm` on the converted disk.
fn find_the_same_as_trivy_on_the_converted_disk(project: &Project, version: &str) {
    let disk =
        project.path(&format!("output/store/debian-12/{version}/debian-12-v{version}.qcow2"));
    let (raw, made) = (project.path("converted.raw"), project.path("trivy.json"));
    let convert = ["convert", "-O", "raw", disk.as_str(), raw.as_str()];
    succeed(Command::new("qemu-img").args(convert));
    project.advisories(|_, _| {});
    let vm =
        ["vm", "--format", "json", "--list-all-pkgs", "--scanners", "vuln", "--pkg-types", "os"];
    let quiet = ["--cache-backend", "memory", "--skip-db-update", "--offline-scan", "--quiet"];
    let more = ["--cache-dir", "advisories", "--output", made.as_str(), raw.as_str()];
    let mut trivy = Command::new("trivy");
    trivy.args(vm).args(quiet).args(more).args(["--skip-version-check", "--disable-telemetry"]);
    succeed(trivy.current_dir(project.path("")));
    fs_err::remove_file(&raw).unwrap();
    let trivy: Value = serde_json::from_str(&fs_err::read_to_string(&made).unwrap()).unwrap();
    let all = |key: &str| {
        let results = trivy["Results"].as_array().unwrap().iter();
        let lists = results.filter_map(|result| result[key].as_array().cloned());
        lists.flatten().collect::<Vec<Value>>()
    };
    let (report, inventory) = scan(project, version);

    let mut listed: Vec<String> = all("Packages")
        .iter()
        .map(|package| {
            let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
            let epoch = package["Epoch"].as_u64().map(|epoch| format!("{epoch}:"));
            let release = Some(text("Release")).filter(|it| !it.is_empty());
            let release = release.map(|release| format!("-{release}")).unwrap_or_default();
            format!("{} {}{}{release}", text("Name"), epoch.unwrap_or_default(), text("Version"))
        })
        .collect();
    listed.sort();
    assert_eq!(packages(&inventory), listed);

    let key = |id: &Value, package: &Value, fixed: &Value| {
        [id, package, fixed].map(|it| it.as_str().unwrap_or_default().to_owned())
    };
    let mut theirs: Vec<_> = all("Vulnerabilities")
        .iter()
        .map(|it| key(&it["VulnerabilityID"], &it["PkgName"], &it["FixedVersion"]))
        .collect();
    let mut ours: Vec<_> = report["image"]["verdict"]["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| key(&it["id"], &it["package"], &it["fixed"]))
        .collect();
    theirs.sort();
    ours.sort();
    assert!(ours.len() > 50, "{ours:?}");
    assert_eq!(ours, theirs);
}

/// What a guest tells at the end of its build and what lies on its disk afterwards is the same.
fn the_guest_has_told_what_is_on_its_disk(project: &Project, version: &str) {
    project.advisories(|_, _| {});
    let (report, inventory) = scan(project, version);
    assert_eq!(report["image"]["evidence"]["strategy"], "disk");
    let told = packages(&inventory);
    assert_eq!(report["image"]["packages"], told.len());
    let list = project.path("root");
    let disk = format!("output/store/debian-12/{version}/debian-12-v{version}.qcow2");
    // The same again, as dpkg itself tells it from its database.
    let mut look = Command::new("sh");
    let status = status_of(&project.path(&disk));
    fs_err::create_dir_all(list.join("updates")).unwrap();
    fs_err::write(list.join("status"), status).unwrap();
    let query = "dpkg-query --admindir=\"$0\" -W -f '${db:Status-Status} ${Package} ${Version}\\n'";
    let output = look.args(["-c", query, list.as_str()]).output().unwrap();
    let mut known: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("installed ").map(str::to_owned))
        .collect();
    known.sort();
    assert_eq!(told, known);
}

/// dpkg's database on a disk.
fn status_of(disk: &Utf8Path) -> Vec<u8> {
    let disk = goldsmith_disk::Disk::open(disk, &goldsmith_disk::Limits::default()).unwrap();
    disk.roots()[0].tree().read("/var/lib/dpkg/status", 1 << 30).unwrap()
}

#[test]
fn the_demo_publishes_once_a_slot_and_a_month_later_has_what_is_new_in_the_mirror() {
    let project = demo();
    let today = jiff::Timestamp::now();
    let version = today.strftime("1.0.%Y%m%d").to_string();
    publish_package(&project, "1.0");
    let first = run(&project, today);
    let image = &first["images"][0];
    assert_eq!(
        (&image["result"], &image["version"]),
        (&"published".into(), &version.as_str().into())
    );
    assert_eq!(image["os"]["family"], "debian");
    assert!(image["packages"].as_u64().unwrap() > 150, "{image}");
    assert_eq!(first["demo_data"], "e2e");
    assert_eq!(probe_version(&project, &version), "1.0");
    let name = format!("debian-12-v{version}.qcow2");
    assert!(project.list(&format!("output/store/debian-12/{version}")).contains(&name));

    find_the_same_as_trivy_on_the_converted_disk(&project, &version);

    let second = run(&project, today);
    assert_eq!(second["images"].as_array().unwrap().len(), 0);
    assert_eq!(second["skipped"][0]["why"]["reason"], "slot-satisfied", "{second}");

    refuse_with_a_fixable_high_advisory(&project, &version);

    boot_and_find_it_in_order(&project, &version);

    publish_package(&project, "1.1");
    let images = fs_err::read_to_string(project.path("images.yml")).unwrap();
    project.write("images.yml", &format!("{images}    evidence: guest\n"));
    let later = today + jiff::SignedDuration::from_hours(31 * 24);
    let version = later.strftime("1.0.%Y%m%d").to_string();
    let third = run(&project, later);
    let image = &third["images"][0];
    assert_eq!(image["why"]["reason"], "slot-began", "{image}");
    assert_eq!(
        (&image["result"], &image["version"]),
        (&"published".into(), &version.as_str().into())
    );
    assert_eq!(probe_version(&project, &version), "1.1");
    assert_eq!(image["channel"]["to"], version.as_str());
    assert_eq!(image["evidence"]["strategy"], "guest");
    the_guest_has_told_what_is_on_its_disk(&project, &version);
}
