//! What earlier goldsmiths recorded, and what a later one may: `tests/registries`.

use std::collections::BTreeMap;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::clock::Clock;
use goldsmith::model::{Act, Address, ImageName, Version};
use goldsmith::registry::{self, Author, Depth, Expect, Reach, Steering};

/// A copy of one of them.
struct Older {
    folder: tempfile::TempDir,
}

impl Older {
    fn of(name: &str) -> Self {
        let older = Self { folder: tempfile::tempdir().unwrap() };
        let from = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/registries").join(name);
        for (path, content) in files(&from) {
            let path = older.root().join(path);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
        older
    }

    fn root(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join("registry")
    }

    /// What `goldsmith` answers, and how it ends.
    fn told(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_goldsmith"))
            .args(["--now", "2025-11-25T00:00:00Z"])
            .args(arguments)
            .args(["--registry", self.root().as_str()])
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .output()
            .unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let text = text.replace(self.root().as_str(), "/registry");
        format!("$ {}\n{text}exit code {}\n", arguments.join(" "), output.status.code().unwrap())
    }

    /// What is told of it, before and after it was repaired. Whatever an entry says, it still says
    /// after goldsmith has written to the registry.
    async fn lives_on(&self) -> String {
        let before = files(&self.root());
        let told = [
            self.told(&["versions", "debian-12"]),
            self.told(&["versions", "debian-12", "--history"]),
            self.told(&["show", "debian-12@candidate"]),
            self.told(&["registry", "check", "--bytes"]),
            self.told(&["registry", "repair"]),
        ]
        .concat();
        let address = Address::Directory(self.root());
        let registry = &*registry::open(&address, &Reach::folders()).await.unwrap();
        let image: ImageName = "debian-12".parse().unwrap();
        let history = registry.history(&image).await.unwrap();
        let version: Version = history.published[0];
        let now = "2025-11-25T00:00:00Z".parse().unwrap();
        let author = Author {
            run: "20251125t000000z-000000".parse().unwrap(),
            run_url: None,
            by: None,
            clock: Clock::starting_at(now),
        };
        let pin = Steering {
            act: Act::Pinned,
            expected: Expect::Any,
            to: version,
            held: true,
            because: None,
            though_revoked: true,
        };
        let channel = "pinned".parse().unwrap();
        registry::steer(registry, &author, &image, &channel, &pin).await.unwrap();
        registry::revoke(registry, &author, &image, version, &registry_revocation(now))
            .await
            .unwrap();
        let checked = registry::check(registry, None, Depth::Contents, now).await.unwrap();
        assert!(checked.is_sound(), "{:?}", checked.flaws);
        let after = files(&self.root());
        for (path, content) in &before {
            if path.contains("/log/") || path.starts_with("blobs/") {
                assert_eq!(after.get(path), Some(content), "{path}");
            }
        }
        told
    }

    /// A field of a file that is made from the log.
    fn field(&self, path: &str, field: &str) -> serde_json::Value {
        let content = fs_err::read(self.root().join("images/debian-12").join(path)).unwrap();
        let file: serde_json::Value = serde_json::from_slice(&content).unwrap();
        file.pointer(field).cloned().unwrap_or_default()
    }
}

fn registry_revocation(now: jiff::Timestamp) -> goldsmith::model::Revocation {
    goldsmith::model::Revocation { reason: "old".to_owned(), from: now, with: None }
}

/// The files below `root`, by their paths.
fn files(root: &Utf8Path) -> BTreeMap<String, Vec<u8>> {
    let walk = ignore::WalkBuilder::new(root).standard_filters(false).build();
    let files = walk.filter_map(|entry| {
        let entry = entry.unwrap();
        let path = entry.path().strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        entry.path().is_file().then(|| (path, fs_err::read(entry.path()).unwrap()))
    });
    files.collect()
}

#[tokio::test]
async fn the_first_words_are_read() {
    insta::assert_snapshot!(Older::of("1-first-words").lives_on().await, @"
    $ versions debian-12
    version       published         channels   state  size  why
    1.0.20251121  2025-11-21 09:30  candidate  good    6 B  
    exit code 0
    $ versions debian-12 --history
    2025-11-21 09:30  candidate entered: 1.0.20251121 (20251121t090000z-aaaaaa)
    exit code 0
    $ show debian-12@candidate
    debian-12 1.0.20251121
      channel    candidate
      published  2025-11-21 09:30 UTC
      file       debian-12-v1.0.20251121.qcow2, 3 B
                 sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
                 file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121.qcow2
      file       debian-12-v1.0.20251121-efivars.fd, 3 B
                 sha256:2ae51aec19821f26c9e68a250f067ce569a3454302107efc48d4e3f2a48efe90
                 file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121-efivars.fd
    exit code 0
    $ registry check --bytes
    broken: /registry/images/debian-12/channels/candidate.json does not say what the log says: whoever reads it is told what is not so
      `goldsmith registry repair` makes it again from the log
    behind: /registry/images/debian-12/goldsmith.auto.tfvars.json is missing
      `goldsmith registry repair` makes it again from the log
    behind: /registry/images/debian-12/versions/1.0.20251121.json is as of entry 2, and the log has 6
      `goldsmith registry repair` makes it again from the log
    note: /registry/index is behind for 1 of 1 images: their logs are read instead, which takes longer
    note: file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121-efivars.fd of 1.0.20251121 is not looked for: its store is not on this machine
    note: file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121.qcow2 of 1.0.20251121 is not looked for: its store is not on this machine
    /registry has 1 flaw: 1 image, 6 records, 2 blobs, 2 files in stores
    exit code 5
    $ registry repair
    /registry/images/debian-12/channels/candidate.json is made again: it does not say what the log says: whoever reads it is told what is not so
    /registry/images/debian-12/goldsmith.auto.tfvars.json is made again: it is missing
    /registry/images/debian-12/versions/1.0.20251121.json is made again: it is as of entry 2, and the log has 6
    /registry: 3 files made again
    exit code 0
    ");
}

#[tokio::test]
async fn parents_failures_and_the_first_revocations_are_read() {
    insta::assert_snapshot!(Older::of("2-reasons-and-parents").lives_on().await, @"
    $ versions debian-12
    version       published         channels   state    size  why
    1.0.20251121  2025-11-21 09:30  candidate  revoked   3 B  krb5 is broken
    exit code 0
    $ versions debian-12 --history
    2025-11-23 11:00  1.0.20251121 revoked (20251123t110000z-eeeeee)
                      krb5 is broken
    2025-11-21 09:30  candidate entered: 1.0.20251121 (20251121t090000z-aaaaaa)
    exit code 0
    $ show debian-12@candidate
    debian-12 1.0.20251121
      channel    candidate
      published  2025-11-21 09:30 UTC
      file       debian-12-v1.0.20251121.qcow2, 3 B
                 sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
                 file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121.qcow2
    exit code 0
    $ registry check --bytes
    behind: /registry/images/debian-12/channels/candidate.json is as of entry 3, and the log has 9
      `goldsmith registry repair` makes it again from the log
    behind: /registry/images/debian-12/goldsmith.auto.tfvars.json is missing
      `goldsmith registry repair` makes it again from the log
    behind: /registry/images/debian-12/versions/1.0.20251121.json is as of entry 2, and the log has 9
      `goldsmith registry repair` makes it again from the log
    note: /registry/index is behind for 1 of 1 images: their logs are read instead, which takes longer
    note: debian-12 1.0.20251121 was built from base 1.0.20251101, which this registry does not know
    note: file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121.qcow2 of 1.0.20251121 is not looked for: its store is not on this machine
    /registry is sound, and 3 files are behind: 1 image, 9 records, 2 blobs, 1 file in stores
    exit code 0
    $ registry repair
    /registry/images/debian-12/channels/candidate.json is made again: it is as of entry 3, and the log has 9
    /registry/images/debian-12/goldsmith.auto.tfvars.json is made again: it is missing
    /registry/images/debian-12/versions/1.0.20251121.json is made again: it is as of entry 2, and the log has 9
    /registry: 3 files made again
    exit code 0
    ");
}

#[tokio::test]
async fn findings_tests_and_versions_that_were_given_up_are_read() {
    insta::assert_snapshot!(Older::of("3-findings-and-tests").lives_on().await, @"
    $ versions debian-12
    version       published         channels   state  size  why
    1.0.20251121  2025-11-21 09:30  candidate  good    6 B  
    exit code 0
    $ versions debian-12 --history
    2025-11-21 09:30  candidate entered: 1.0.20251121 (20251121t090000z-aaaaaa)
    exit code 0
    $ show debian-12@candidate
    debian-12 1.0.20251121
      channel    candidate
      published  2025-11-21 09:30 UTC
      file       debian-12-v1.0.20251121.qcow2, 3 B
                 sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
                 file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121.qcow2
      file       debian-12-v1.0.20251121-efivars.fd, 3 B
                 sha256:2ae51aec19821f26c9e68a250f067ce569a3454302107efc48d4e3f2a48efe90
                 file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121-efivars.fd
    exit code 0
    $ registry check --bytes
    behind: /registry/images/debian-12/channels/candidate.json is as of entry 3, and the log has 9
      `goldsmith registry repair` makes it again from the log
    behind: /registry/images/debian-12/goldsmith.auto.tfvars.json is missing
      `goldsmith registry repair` makes it again from the log
    behind: /registry/images/debian-12/versions/1.0.20251121.json is as of entry 2, and the log has 9
      `goldsmith registry repair` makes it again from the log
    note: /registry/index is behind for 1 of 1 images: their logs are read instead, which takes longer
    note: file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121.qcow2 of 1.0.20251121 is not looked for: its store is not on this machine
    note: file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121-efivars.fd of 1.0.20251121 is not looked for: its store is not on this machine
    /registry is sound, and 3 files are behind: 1 image, 9 records, 4 blobs, 2 files in stores
    exit code 0
    $ registry repair
    /registry/images/debian-12/channels/candidate.json is made again: it is as of entry 3, and the log has 9
    /registry/images/debian-12/goldsmith.auto.tfvars.json is made again: it is missing
    /registry/images/debian-12/versions/1.0.20251121.json is made again: it is as of entry 2, and the log has 9
    /registry: 3 files made again
    exit code 0
    ");
}

#[tokio::test]
async fn what_people_did_with_channels_is_read() {
    insta::assert_snapshot!(Older::of("4-steered-channels").lives_on().await, @"
    $ versions debian-12
    version       published         channels           state  size  why
    1.0.20251122  2025-11-22 09:30                     good    3 B  ends 2025-12-01: leaked key
    1.0.20251121  2025-11-21 09:30  candidate, stable  good    3 B  
    exit code 0
    $ versions debian-12 --history
    2025-11-22 16:00  1.0.20251122 revoked by ann (20251122t160000z-abcdea)
                      leaked key
    2025-11-22 15:00  1.0.20251121 restored by ann (20251122t150000z-abcdee)
                      it was another key
    2025-11-22 14:00  1.0.20251121 revoked by ann (20251122t140000z-abcdef)
                      leaked key
    2025-11-22 13:00  stable unpinned: 1.0.20251121 by ann (20251122t130000z-ffffff)
    2025-11-22 12:00  stable rolled-back: 1.0.20251122 → 1.0.20251121 by ann (20251122t120000z-eeeeee)
                      slow
    2025-11-22 11:00  candidate swapped: 1.0.20251122 → 1.0.20251121 by ann (20251122t110000z-dddddd)
                      blue and green
    2025-11-22 11:00  stable swapped: 1.0.20251121 → 1.0.20251122 by ann (20251122t110000z-dddddd)
                      blue and green
    2025-11-22 10:00  stable promoted: 1.0.20251121 by ann (20251122t100000z-cccccc)
    2025-11-22 09:30  candidate entered: 1.0.20251121 → 1.0.20251122 by ann (20251122t090000z-bbbbbb)
    2025-11-21 09:30  candidate entered: 1.0.20251121 by ann (20251121t090000z-aaaaaa)
    exit code 0
    $ show debian-12@candidate
    debian-12 1.0.20251121
      channel    candidate
      published  2025-11-21 09:30 UTC
      file       debian-12-v1.0.20251121.qcow2, 3 B
                 sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
                 file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121.qcow2
    exit code 0
    $ registry check --bytes
    behind: /registry/images/debian-12/goldsmith.auto.tfvars.json is missing
      `goldsmith registry repair` makes it again from the log
    note: /registry/index is behind for 1 of 1 images: their logs are read instead, which takes longer
    note: file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121.qcow2 of 1.0.20251121 is not looked for: its store is not on this machine
    note: file:///srv/images/debian-12/1.0.20251122/debian-12-v1.0.20251122.qcow2 of 1.0.20251122 is not looked for: its store is not on this machine
    /registry is sound, and 1 file is behind: 1 image, 13 records, 2 blobs, 2 files in stores
    exit code 0
    $ registry repair
    /registry/images/debian-12/goldsmith.auto.tfvars.json is made again: it is missing
    /registry: 1 file made again
    exit code 0
    ");
}

#[tokio::test]
async fn what_only_a_later_goldsmith_knows_is_kept() {
    let older = Older::of("5-of-a-later-goldsmith");
    insta::assert_snapshot!(older.lives_on().await, @"
    $ versions debian-12
    version       published         channels   state  size  why
    1.0.20251121  2025-11-21 09:30  candidate  good    3 B  
    exit code 0
    $ versions debian-12 --history
    2025-11-21 09:30  candidate unknown: 1.0.20251121 (20251121t090000z-aaaaaa)
    exit code 0
    $ show debian-12@candidate
    debian-12 1.0.20251121
      channel    candidate
      published  2025-11-21 09:30 UTC
      file       debian-12-v1.0.20251121.qcow2, 3 B
                 sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
                 file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121.qcow2
    exit code 0
    $ registry check --bytes
    behind: /registry/images/debian-12/goldsmith.auto.tfvars.json is missing
      `goldsmith registry repair` makes it again from the log
    note: /registry/index is behind for 1 of 1 images: their logs are read instead, which takes longer
    note: /registry/images/debian-12/log/00000004.json is of a kind that only a newer goldsmith knows: what is after it is not judged
    note: file:///srv/images/debian-12/1.0.20251121/debian-12-v1.0.20251121.qcow2 of 1.0.20251121 is not looked for: its store is not on this machine
    /registry is sound, and 1 file is behind: 1 image, 4 records, 2 blobs, 1 file in stores
    exit code 0
    $ registry repair
    /registry/images/debian-12/goldsmith.auto.tfvars.json is made again: it is missing
    /registry: 1 file made again
    exit code 0
    ");
    // The file of the version was written again, when that was revoked.
    let version = "versions/1.0.20251121.json";
    assert_eq!(older.field(version, "/revoked/reason"), "old");
    assert_eq!(older.field(version, "/carbon/grams"), 12);
}

#[test]
fn a_registry_of_a_later_schema_is_refused() {
    let older = Older::of("4-steered-channels");
    fs_err::write(older.root().join("schema.json"), "{\"schema\": 2, \"layout\": \"new\"}")
        .unwrap();
    insta::assert_snapshot!(older.told(&["versions", "debian-12"]), @"
    $ versions debian-12
    error: `/registry/schema.json` has schema 2, and this goldsmith knows up to 1
      hint: use the goldsmith version that the other runners use
    exit code 5
    ");
    insta::assert_snapshot!(older.told(&["registry", "check"]), @"
    $ registry check
    error: `/registry/schema.json` has schema 2, and this goldsmith knows up to 1
      hint: use the goldsmith version that the other runners use
    exit code 5
    ");
}
