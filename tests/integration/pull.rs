//! `goldsmith pull`, from a store in a folder and a registry as a run leaves them.

use camino::Utf8PathBuf;
use goldsmith::clock::Clock;
use goldsmith::model::{
    Address, Artifact, ArtifactFile, Digest, Document, Publication, VersionRecord,
};
use goldsmith::publish::{DirectoryStore, Store as _};
use goldsmith::registry::{self, Author, Reach};
use serde_json::json;

use crate::command_line::{Folder, IMAGES};

const VERSION: &str = "1.0.20261101";
const PLACE: &str = "store/debian-12/1.0.20261101";

/// A folder in which a version is published that `stable` names, with these files.
pub(crate) fn published(files: &[&str]) -> Folder {
    let folder = Folder::new(IMAGES);
    let built = |name: &&str| {
        let (path, content) = (folder.path().join(name), format!("the content of {name}\n"));
        fs_err::write(&path, &content).unwrap();
        ArtifactFile { path, size: content.len() as u64, digest: Digest::of(content.as_bytes()) }
    };
    let document = |name: &str| Document { name: name.to_owned(), content: b"{}\n".to_vec() };
    let publication = Publication {
        image: "debian-12".parse().unwrap(),
        version: VERSION.parse().unwrap(),
        artifact: Artifact { builder: None, files: files.iter().map(built).collect() },
        documents: vec![document("inventory.cdx.json"), document("report.json")],
        about: None,
    };
    let work = async {
        let store = DirectoryStore::new(folder.path().join("store"));
        let stored = store.put(&publication).await.unwrap();
        let registry = Address::Directory(folder.path().join("registry"));
        let registry = registry::open(&registry, &Reach::folders()).await.unwrap();
        let blob = registry.put_blob(b"{}\n").await.unwrap();
        let artifact = |file: &goldsmith::model::Stored| {
            json!({
                "name": file.name, "size": file.size, "sha256": file.digest,
                "locations": [file.location],
            })
        };
        let record = json!({
            "version": VERSION, "definition": blob, "materials": [], "tools": {},
            "started_at": "2026-11-01T02:00:00Z", "packages": 3, "package_set": blob,
            "artifacts": stored.iter().map(artifact).collect::<Vec<_>>(),
            "inventory": blob, "report": blob, "verdict": "passed",
        });
        let record: VersionRecord = serde_json::from_value(record).unwrap();
        let clock = Clock::starting_at("2026-11-01T03:00:00Z".parse().unwrap());
        let run = "20261101t020000z-5f3a9c".parse().unwrap();
        let author = Author { run, run_url: None, by: None, clock };
        let (image, day) = (&publication.image, jiff::civil::date(2026, 11, 1));
        let base = "1.0".parse().unwrap();
        registry::reserve(&*registry, &author, image, base, day).await.unwrap();
        registry::published(&*registry, &author, image, record).await.unwrap();
        let stable = "stable".parse().unwrap();
        registry::enter(&*registry, &author, image, &stable, publication.version).await.unwrap();
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    folder
}

/// The store as another machine has it: what lies in it is reached, but not in a folder of the store.
fn moved(folder: &Folder) -> Utf8PathBuf {
    let place = folder.path().join(PLACE);
    let away = folder.path().join("away");
    fs_err::rename(&place, &away).unwrap();
    away
}

#[test]
fn a_disk_that_lies_on_this_machine_is_used_in_place() {
    let folder = published(&["disk.raw"]);
    insta::assert_snapshot!(folder.goldsmith(&["pull", "debian-12@stable"], &[]), @"
    exit code 0
    --- stdout
    FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw
    --- stderr
    ");
    insta::assert_snapshot!(
        folder.goldsmith(&["pull", "debian-12", "--format", "json", "--output", "here/"], &[]),
        @r#"
    exit code 0
    --- stdout
    {
      "version": 1,
      "kind": "pull",
      "image": "debian-12",
      "channel": null,
      "version": "1.0.20261101",
      "files": [
        {
          "name": "debian-12-v1.0.20261101.raw",
          "size": 24,
          "sha256": "sha256:b31024c30d1e3b447a90374c794e1618888509be1eeef37df53c99843dafdcf9",
          "path": "FOLDER/here/debian-12-v1.0.20261101.raw",
          "from": "file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw"
        }
      ],
      "documents": []
    }
    --- stderr
    debian-12 │ note: fetching `debian-12-v1.0.20261101.raw` from file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw
    "#
    );
    // The registry alone is enough.
    fs_err::remove_file(folder.path().join("images.yml")).unwrap();
    let named = ["pull", "debian-12@1.0.20261101", "--registry", "./registry", "-o", "disk"];
    insta::assert_snapshot!(folder.goldsmith(&named, &[]), @"
    exit code 0
    --- stdout
    FOLDER/disk
    --- stderr
    debian-12 │ note: fetching `debian-12-v1.0.20261101.raw` from file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw
    ");
    assert_eq!(
        fs_err::read_to_string(folder.path().join("disk")).unwrap(),
        "the content of disk.raw\n"
    );
}

#[test]
fn with_its_documents_a_version_is_checked_by_sha256sum() {
    let folder = published(&["disk.raw", "efivars.fd"]);
    let pull = ["pull", "debian-12@stable", "--output", "here", "--documents", "-q"];
    insta::assert_snapshot!(folder.goldsmith(&pull, &[]), @"
    exit code 0
    --- stdout
    FOLDER/here/debian-12-v1.0.20261101.raw
    FOLDER/here/debian-12-v1.0.20261101-efivars.fd
    FOLDER/here/inventory.cdx.json
    FOLDER/here/report.json
    FOLDER/here/SHA256SUMS
    FOLDER/here/manifest.json
    --- stderr
    ");
    let check = std::process::Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(folder.path().join("here"))
        .status();
    assert!(check.unwrap().success());
}

#[test]
fn what_is_revoked_damaged_or_gone_is_not_handed_out() {
    let folder = published(&["disk.raw"]);
    let disk = folder.path().join(PLACE).join("debian-12-v1.0.20261101.raw");
    let content = fs_err::read(&disk).unwrap();
    fs_err::write(&disk, "something else, as long").unwrap();
    insta::assert_snapshot!(folder.goldsmith(&["pull", "debian-12@stable"], &[]), @"
    exit code 5
    --- stdout
    --- stderr
    debian-12 │ warning: `FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw` is not `debian-12-v1.0.20261101.raw` as it was published: it has 23 bytes instead of 24
    debian-12 │ note: fetching `debian-12-v1.0.20261101.raw` from file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw
    error: none of the places where `debian-12-v1.0.20261101.raw` lies has it as it was published
      hint: `file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw` is damaged: it has 23 bytes instead of 24 (goldsmith never changes a stored file: restore it from a backup, or build a new version)
    ");
    fs_err::write(&disk, content).unwrap();

    let away = moved(&folder);
    insta::assert_snapshot!(folder.goldsmith(&["pull", "debian-12@stable"], &[]), @"
    exit code 5
    --- stdout
    --- stderr
    debian-12 │ note: fetching `debian-12-v1.0.20261101.raw` from file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw
    error: none of the places where `debian-12-v1.0.20261101.raw` lies has it as it was published
      hint: there is no `file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw`
      hint: name another version (`goldsmith versions IMAGE`), or build the image again
    ");
    fs_err::rename(away, folder.path().join(PLACE)).unwrap();

    let since = ["--at", "2026-11-20T00:00:00Z", "--because", "a key is in it"];
    folder.goldsmith(&[&["revoke", "debian-12", VERSION], &since[..]].concat(), &[]);
    insta::assert_snapshot!(folder.goldsmith(&["pull", "debian-12@stable"], &[]), @"
    exit code 1
    --- stdout
    --- stderr
    error: debian-12 1.0.20261101 is revoked: a key is in it
      hint: `goldsmith versions debian-12` lists the versions that may be used
    ");
}

#[test]
fn verify_reads_all_that_is_stored() {
    let folder = published(&["disk.raw", "efivars.fd"]);
    insta::assert_snapshot!(folder.goldsmith(&["verify", "debian-12@stable", "-q"], &[]), @"
    exit code 0
    --- stdout
    debian-12 1.0.20261101
      file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw
        ✓ debian-12-v1.0.20261101.raw
        ✓ debian-12-v1.0.20261101-efivars.fd
        ✓ manifest.json
        ✓ SHA256SUMS
        ✓ inventory.cdx.json
        ✓ report.json
    --- stderr
    ");
    let file = |name: &str| folder.path().join(PLACE).join(name);
    fs_err::write(file("debian-12-v1.0.20261101-efivars.fd"), "the content of efivars.fD\n")
        .unwrap();
    fs_err::write(file("report.json"), "[]\n").unwrap();
    fs_err::remove_file(file("SHA256SUMS")).unwrap();
    let since = ["--at", "2026-11-20T00:00:00Z", "--because", "a key is in it"];
    folder.goldsmith(&[&["revoke", "debian-12", VERSION], &since[..]].concat(), &[]);
    insta::assert_snapshot!(folder.goldsmith(&["verify", "debian-12@stable", "-q"], &[]), @"
    exit code 5
    --- stdout
    debian-12 1.0.20261101
      file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw
        ✓ debian-12-v1.0.20261101.raw
        ✗ debian-12-v1.0.20261101-efivars.fd: its digest is sha256:753a4543a4ed509f8ce01fb8ab3bbefaacfeaf4846a46bfd3141bddb677bef87 instead of sha256:adc5691622e53c81da84ace820d17dccd4922c8f1cbe227702bf8d33d258b3cf
        ✓ manifest.json
        ✗ SHA256SUMS: there is no `file://FOLDER/store/debian-12/1.0.20261101/SHA256SUMS`
        ✓ inventory.cdx.json
        ✗ report.json: its digest is sha256:37517e5f3dc66819f61f5a7bb8ace1921282415f10551d2defa5c3eb0985b570 instead of sha256:ca3d163bab055381827226140568f3bef7eaac187cebd76878e0b63e9e442356
      REVOKED: a key is in it
    --- stderr
    ");
    moved(&folder);
    insta::assert_snapshot!(
        folder.goldsmith(&["verify", "debian-12@stable", "-q", "--format", "json"], &[]),
        @r#"
    exit code 5
    --- stdout
    {
      "version": 1,
      "kind": "verify",
      "image": "debian-12",
      "channel": "stable",
      "version": "1.0.20261101",
      "revoked": "a key is in it",
      "good": false,
      "places": [
        {
          "location": "file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw",
          "files": [
            {
              "name": "debian-12-v1.0.20261101.raw",
              "wrong": "there is no `file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101.raw`",
              "note": null
            },
            {
              "name": "debian-12-v1.0.20261101-efivars.fd",
              "wrong": "there is no `file://FOLDER/store/debian-12/1.0.20261101/debian-12-v1.0.20261101-efivars.fd`",
              "note": null
            },
            {
              "name": "manifest.json",
              "wrong": "there is no `file://FOLDER/store/debian-12/1.0.20261101/manifest.json`",
              "note": null
            }
          ]
        }
      ]
    }
    --- stderr
    "#
    );
}
