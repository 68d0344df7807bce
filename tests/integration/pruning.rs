//! `goldsmith prune` and `goldsmith registry check`, over a real folder.

use std::process::{Command, Output};

use camino::{Utf8Path, Utf8PathBuf};
use goldsmith::clock::Clock;
use goldsmith::model::{
    Address, Artifact, ArtifactFile, Digest, ImageName, Publication, Version, VersionBase,
    VersionRecord,
};
use goldsmith::publish::{DirectoryStore, Store as _};
use goldsmith::registry::{self, Author, Reach, Registry};

/// A repository with a registry and a store beside its `images.yml`.
struct Site {
    folder: tempfile::TempDir,
}

const IMAGES_YML: &str = r#"
version: 1
registry: ./registry
defaults:
  stores: [{ dir: { url: ./store } }]
  retain: { last: 1, within: 10d, in_use: [{ terraform: terraform.tfstate }] }
images:
  base:
    template: packer/base
    os: { family: debian, release: "12" }
    source: cloud-image
  web:
    template: packer/web
    os: { family: debian, release: "12" }
    source: image
    parents: [base]
"#;

impl Site {
    fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        fs_err::write(site.path("images.yml"), IMAGES_YML).unwrap();
        site.uses("nothing of ours");
        site
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.folder.path()).unwrap().join(name)
    }

    /// Has Terraform know `text`.
    fn uses(&self, text: &str) {
        let resource = serde_json::json!({ "instances": [{ "attributes": { "source": text } }] });
        let state = serde_json::json!({ "version": 4, "resources": [resource] });
        fs_err::write(self.path("terraform.tfstate"), state.to_string()).unwrap();
    }

    fn goldsmith(&self, now: &str, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_goldsmith"))
            .args(["-C", self.path("").as_str(), "--now", now])
            .args(arguments)
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", std::env::var_os("PATH").unwrap())
            .output()
            .unwrap()
    }

    /// What `goldsmith` answers, and how it ends, without what differs from run to run.
    fn told(&self, now: &str, arguments: &[&str]) -> String {
        let output = self.goldsmith(now, arguments);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let code = output.status.code().unwrap();
        format!("{text}exit code {code}\n").replace(self.path("").as_str(), "/site/")
    }

    fn stored(&self, image: &str) -> Vec<String> {
        let entries = fs_err::read_dir(self.path("store").join(image)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    async fn registry(&self) -> Box<dyn Registry> {
        registry::open(&Address::Directory(self.path("registry")), &Reach::folders()).await.unwrap()
    }

    /// Publishes a version of that day.
    async fn publish(&self, image: &str, day: &str, parents: &[(&str, Version)]) -> Version {
        let registry = &*self.registry().await;
        let image: ImageName = image.parse().unwrap();
        let at = format!("{day}T10:00:00Z").parse().unwrap();
        let run = format!("{image}-{day}").parse().unwrap();
        let author = Author { run, run_url: None, by: None, clock: Clock::starting_at(at) };
        let day = day.parse().unwrap();
        let base = VersionBase::default();
        let version = registry::reserve(registry, &author, &image, base, day).await.unwrap();
        let disk = self.path("disk.qcow2");
        let content = format!("{image} {version}").into_bytes();
        fs_err::write(&disk, &content).unwrap();
        let file =
            ArtifactFile { path: disk, size: content.len() as u64, digest: Digest::of(&content) };
        let publication = Publication {
            image: image.clone(),
            version,
            artifact: Artifact { builder: None, files: vec![file] },
            documents: Vec::new(),
            about: None,
        };
        let stored = DirectoryStore::new(self.path("store")).put(&publication).await.unwrap();
        let blob = |text: &'static str| registry.put_blob(text.as_bytes());
        let record = serde_json::json!({
            "version": version,
            "definition": Digest::of(b"definition"),
            "parents": parents
                .iter()
                .map(|(image, version)| serde_json::json!({ "image": image, "version": version }))
                .collect::<Vec<_>>(),
            "started_at": at,
            "artifacts": stored
                .iter()
                .map(|file| serde_json::json!({
                    "name": file.name,
                    "size": file.size,
                    "sha256": file.digest,
                    "locations": [file.location],
                }))
                .collect::<Vec<_>>(),
            "packages": 1,
            "package_set": Digest::of(b"packages"),
            "inventory": blob("inventory").await.unwrap(),
            "report": blob("report").await.unwrap(),
            "verdict": "passed",
        });
        let record: VersionRecord = serde_json::from_value(record).unwrap();
        registry::published(registry, &author, &image, record).await.unwrap();
        let channel = "candidate".parse().unwrap();
        registry::enter(registry, &author, &image, &channel, version).await.unwrap();
        version
    }
}

#[tokio::test]
async fn what_nobody_needs_is_marked_and_goes_a_week_later() {
    let site = Site::new();
    let mut base = Vec::new();
    for day in ["2026-06-01", "2026-07-01", "2026-08-01", "2026-09-01", "2026-10-01"] {
        base.push(site.publish("base", day, &[]).await);
    }
    site.publish("web", "2026-06-02", &[("base", base[0])]).await;
    site.publish("web", "2026-07-02", &[("base", base[1])]).await;
    let first = "2026-11-01T00:00:00Z";
    let dry = site.told(first, &["prune"]);
    insta::assert_snapshot!(dry, @"
    image  version       size  bytes   why
    base   1.0.20261001  17 B  kept    candidate names it
    base   1.0.20260901  17 B  kept    candidate can go back to it
    base   1.0.20260801  17 B  marked  nobody needs it; goes after 2026-11-08 00:01 UTC
    base   1.0.20260701  17 B  kept    web 1.0.20260702 was built from it
    base   1.0.20260601  17 B  kept    web 1.0.20260602 was built from it
    web    1.0.20260702  16 B  kept    candidate names it
    web    1.0.20260602  16 B  kept    candidate can go back to it

    1 version would be marked (17 B)
    nothing was done: `--yes` does it
    exit code 0
    ");
    assert_eq!(site.told(first, &["prune", "--dry-run"]), dry);
    // Terraform uses the third by the name of its file.
    site.uses(&format!("local:iso/base-v{}.qcow2", base[2]));
    insta::assert_snapshot!(site.told(first, &["prune", "--yes"]), @"
    image  version       size  bytes  why
    base   1.0.20261001  17 B  kept   candidate names it
    base   1.0.20260901  17 B  kept   candidate can go back to it
    base   1.0.20260801  17 B  kept   it is in use, says terraform.tfstate
    base   1.0.20260701  17 B  kept   web 1.0.20260702 was built from it
    base   1.0.20260601  17 B  kept   web 1.0.20260602 was built from it
    web    1.0.20260702  16 B  kept   candidate names it
    web    1.0.20260602  16 B  kept   candidate can go back to it

    nothing to prune
    exit code 0
    ");
    assert_eq!(site.stored("base").len(), 5);
    let version = base[1].to_string();
    // It was never marked, for a version of `web` is built from it.
    insta::assert_snapshot!(site.told(first, &["prune", "base", "--undo", &version]), @"
    image  version       size  bytes  why
    base   1.0.20260701  17 B  kept   it was not marked

    nothing to prune
    exit code 0
    ");

    // Nobody uses the third any more; a new version of `web` is built upon another.
    site.uses("nothing of ours");
    site.publish("web", "2026-11-02", &[("base", base[4])]).await;
    site.publish("web", "2026-11-03", &[("base", base[4])]).await;
    let second = "2026-11-20T00:00:00Z";
    insta::assert_snapshot!(site.told(second, &["prune", "--yes"]), @"
    image  version       size  bytes   why
    base   1.0.20261001  17 B  kept    candidate names it
    base   1.0.20260901  17 B  kept    candidate can go back to it
    base   1.0.20260801  17 B  marked  nobody needs it; goes after 2026-11-27 00:01 UTC
    base   1.0.20260701  17 B  marked  nobody needs it; goes after 2026-11-27 00:01 UTC
    base   1.0.20260601  17 B  marked  nobody needs it; goes after 2026-11-27 00:01 UTC
    web    1.0.20261103  16 B  kept    candidate names it
    web    1.0.20261102  16 B  kept    candidate can go back to it
    web    1.0.20260702  16 B  marked  nobody needs it; goes after 2026-11-27 00:01 UTC
    web    1.0.20260602  16 B  marked  nobody needs it; goes after 2026-11-27 00:01 UTC

    5 versions marked (83 B)
    note: base 1.0.20260801 is marked: its bytes go after 2026-11-27 00:01 UTC
    note: base 1.0.20260701 is marked: its bytes go after 2026-11-27 00:01 UTC
    note: base 1.0.20260601 is marked: its bytes go after 2026-11-27 00:01 UTC
    note: web 1.0.20260702 is marked: its bytes go after 2026-11-27 00:01 UTC
    note: web 1.0.20260602 is marked: its bytes go after 2026-11-27 00:01 UTC
    exit code 0
    ");
    let undo = base[0].to_string();
    insta::assert_snapshot!(site.told(second, &["prune", "base", "--undo", &undo]), @"
    image  version       size  bytes     why
    base   1.0.20260601  17 B  unmarked  somebody wants it

    nothing to prune
    exit code 0
    ");
    let third = "2026-12-24T00:00:00Z";
    insta::assert_snapshot!(site.told(third, &["prune", "--yes"]), @"
    image  version       size  bytes   why
    base   1.0.20261001  17 B  kept    candidate names it
    base   1.0.20260901  17 B  kept    candidate can go back to it
    base   1.0.20260801  17 B  pruned  nobody needed it
    base   1.0.20260701  17 B  pruned  nobody needed it
    base   1.0.20260601  17 B  marked  nobody needs it; goes after 2026-12-31 00:01 UTC
    web    1.0.20261103  16 B  kept    candidate names it
    web    1.0.20261102  16 B  kept    candidate can go back to it
    web    1.0.20260702  16 B  pruned  nobody needed it
    web    1.0.20260602  16 B  pruned  nobody needed it

    4 versions pruned (66 B), 1 version marked (17 B)
    note: base 1.0.20260801 is removed: /site/store/base/1.0.20260801
    note: base 1.0.20260701 is removed: /site/store/base/1.0.20260701
    note: base 1.0.20260601 is marked: its bytes go after 2026-12-31 00:01 UTC
    note: web 1.0.20260702 is removed: /site/store/web/1.0.20260702
    note: web 1.0.20260602 is removed: /site/store/web/1.0.20260602
    exit code 0
    ");
    insta::assert_snapshot!(site.stored("base").join(" "), @"1.0.20260601 1.0.20260901 1.0.20261001");
    insta::assert_snapshot!(site.told(third, &["prune", "--yes"]), @"
    image  version       size  bytes    why
    base   1.0.20261001  17 B  kept     candidate names it
    base   1.0.20260901  17 B  kept     candidate can go back to it
    base   1.0.20260601  17 B  waiting  nobody needs it; goes after 2026-12-31 00:01 UTC
    web    1.0.20261103  16 B  kept     candidate names it
    web    1.0.20261102  16 B  kept     candidate can go back to it

    nothing to prune
    exit code 0
    ");
    let (marked, pruned) = (base[0].to_string(), base[1].to_string());
    insta::assert_snapshot!(site.told(third, &["pin", "base", "stable", &marked]), @"
    error: the bytes of version 1.0.20260601 of `base` go after 2026-12-31T00:01:00Z: nobody needed them
      hint: `goldsmith prune IMAGE --undo VERSION` keeps them
    exit code 2
    ");
    insta::assert_snapshot!(site.told(third, &["pin", "base", "stable", &pruned]), @"
    error: the bytes of version 1.0.20260701 of `base` are gone: it was pruned
      hint: `goldsmith versions IMAGE` lists those that are there
    exit code 2
    ");
    insta::assert_snapshot!(site.told(third, &["show", &format!("base@{pruned}")]), @"
    base 1.0.20260701
      published  2026-07-01 10:00 UTC
      PRUNED     2026-12-24 00:00 UTC: its files are gone
      file       base-v1.0.20260701.qcow2, 17 B
                 sha256:da20096d8dc5fc031533dfea8c5d21bc1a8c8793b9ff20d394e7acdb2224e55d
                 file:///site/store/base/1.0.20260701/base-v1.0.20260701.qcow2
    exit code 0
    ");
    insta::assert_snapshot!(site.told(third, &["show", &format!("base@{marked}")]), @"
    base 1.0.20260601
      published  2026-06-01 10:00 UTC
      marked     its files go after 2026-12-31 00:01 UTC: `goldsmith prune base --undo 1.0.20260601` keeps them
      file       base-v1.0.20260601.qcow2, 17 B
                 sha256:5a1d419e3b00f60716c48c1b844842b5a255e28d52d30bece6fd7c6d303ab8bc
                 file:///site/store/base/1.0.20260601/base-v1.0.20260601.qcow2
    exit code 0
    ");
    insta::assert_snapshot!(site.told(third, &["versions", "base"]), @"
    version       published         channels   state   size  why
    1.0.20261001  2026-10-01 10:00  candidate  good    17 B  
    1.0.20260901  2026-09-01 10:00             good    17 B  
    1.0.20260801  2026-08-01 10:00             pruned  17 B  
    1.0.20260701  2026-07-01 10:00             pruned  17 B  
    1.0.20260601  2026-06-01 10:00             marked  17 B  
    exit code 0
    ");
    insta::assert_snapshot!(site.told(third, &["registry", "check", "--bytes"]), @"
    /site/registry is as it should be: 2 images, 42 records, 2 blobs, 5 files in stores
    exit code 0
    ");
    fs_err::remove_dir_all(site.path("store/base").join(base[4].to_string())).unwrap();
    insta::assert_snapshot!(site.told(third, &["registry", "check", "--bytes"]), @"
    broken: file:///site/store/base/1.0.20261001/base-v1.0.20261001.qcow2 of 1.0.20261001 is missing
      bring it back from another place, or revoke the version and build another
    /site/registry has 1 flaw: 2 images, 42 records, 2 blobs, 5 files in stores
    exit code 5
    ");
}

#[tokio::test]
async fn nothing_is_pruned_while_nobody_can_say_what_is_in_use() {
    let site = Site::new();
    let old = site.publish("base", "2026-06-01", &[]).await;
    for day in ["2026-07-01", "2026-08-01"] {
        site.publish("base", day, &[]).await;
    }
    let now = "2026-11-01T00:00:00Z";
    fs_err::remove_file(site.path("terraform.tfstate")).unwrap();
    insta::assert_snapshot!(site.told(now, &["prune", "--yes"]), @"
    error: what is in use cannot be read from `/site/terraform.tfstate`: failed to open file `/site/terraform.tfstate`: No such file or directory (os error 2)
      hint: nothing is pruned while nobody can say what is in use
    exit code 2
    ");
    fs_err::write(site.path("terraform.tfstate"), "{\"version\": 4}").unwrap();
    insta::assert_snapshot!(site.told(now, &["prune", "--yes"]), @"
    error: what is in use cannot be read from `/site/terraform.tfstate`: it is no state of format 4
      hint: nothing is pruned while nobody can say what is in use
    exit code 2
    ");
    let with = |source: &str| {
        let text = IMAGES_YML.replace("terraform: terraform.tfstate", source);
        fs_err::write(site.path("images.yml"), text).unwrap();
    };
    with("run: \"echo base; exit 3\"");
    insta::assert_snapshot!(site.told(now, &["prune", "--yes"]), @"
    error: failed to ask what is in use: exit status 3: base
      hint: nothing is pruned while nobody can say what is in use
    exit code 2
    ");
    let registry = site.registry().await;
    let log = registry.log(&"base".parse().unwrap(), 0).await.unwrap();
    assert!(!log.iter().any(|entry| matches!(entry.entry, goldsmith::model::Entry::Marked { .. })));
    with(&format!("run: \"echo base/{old}\""));
    insta::assert_snapshot!(site.told(now, &["prune", "--yes"]), @"
    image  version       size  bytes  why
    base   1.0.20260801  17 B  kept   candidate names it
    base   1.0.20260701  17 B  kept   candidate can go back to it
    base   1.0.20260601  17 B  kept   it is in use, says `echo base/1.0.20260601`

    nothing to prune
    exit code 0
    ");
}
