//! `goldsmith init` in a repository: what is written, and that the other commands accept it.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use camino::{Utf8Path, Utf8PathBuf};

const DEBIAN: &str = r#"
variable "goldsmith_output_dir" { default = "output" }
variable "token" { sensitive = true }
variable "mirror" {}

source "qemu" "debian" {
  iso_url          = "https://example.org/debian-12-genericcloud-amd64.qcow2"
  disk_image       = true
  output_directory = var.goldsmith_output_dir
}

source "null" "fetch" {
  communicator = "none"
}

build {
  sources = ["null.fetch", "qemu.debian"]
}
"#;

struct Repository(tempfile::TempDir);

impl Repository {
    fn new(files: &[(&str, &str)]) -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        for (name, content) in files {
            let path = repository.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, content).unwrap();
        }
        fs_err::create_dir_all(repository.path().join(".git")).unwrap();
        repository
    }

    fn path(&self) -> Utf8PathBuf {
        Utf8Path::from_path(self.0.path()).unwrap().to_owned()
    }

    fn goldsmith(&self, arguments: &[&str]) -> String {
        let path = self.path();
        let mut command = Command::new(env!("CARGO_BIN_EXE_goldsmith"));
        let command = command.args(arguments).current_dir(&path).env_clear().env("HOME", &path);
        let output = command.output().unwrap();
        let text =
            |bytes| String::from_utf8(bytes).unwrap().replace(self.path().as_str(), "REPOSITORY");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        format!("exit code {}\n{stdout}{stderr}", output.status.code().unwrap())
    }
}

#[test]
fn what_is_written_is_accepted_and_never_overwritten_unasked() {
    let repository = Repository::new(&[
        ("packer/debian-12/debian.pkr.hcl", DEBIAN),
        (
            "packer/app/app.pkr.hcl",
            "source \"qemu\" \"app\" {}\nbuild { sources = [\"qemu.app\"] }\n",
        ),
        ("packer/old/centos.json", r#"{ "builders": [{ "type": "qemu" }] }"#),
        (".gitignore", "generated/\n"),
        ("generated/copy.pkr.hcl", DEBIAN),
    ]);
    insta::assert_snapshot!(repository.goldsmith(&["init"]), @"
    exit code 0
    wrote images.yml
    wrote .github/workflows/images.yml

    1 image; `goldsmith plan` says what would be built

    as comments:
      app: packer/app: no name tells the operating system

    left out:
      packer/old/centos.json: it is a JSON template: `packer hcl2_upgrade` makes HCL of it
    ");
    let path = repository.path().join("images.yml");
    let written = fs_err::read_to_string(&path).unwrap();
    insta::assert_snapshot!(written, @r#"
    # The image matrix, as `goldsmith init` made it out of the templates of this repository. Read it and
    # put right what it got wrong: it is yours from here on. All keys are in goldsmith's
    # docs/reference/images.md.
    version: 1

    # Versions, channels and history. In a job this has to be a folder of the runner that outlives it: a
    # checkout wipes the workspace. To try things out, `./registry` will do.
    registry: file:///srv/golden/registry

    defaults:
      # Where the images go; the same holds.
      stores: [{ dir: { url: "file:///srv/golden/images" } }]

    images:
      # Not complete: packer/app: no name tells the operating system
      # the template sets no `output_directory`: see the template contract
      # app:
      #   template: packer/app
      #   os: { family: …, release: "…" }
      #   source: iso

      # steps of the template, and no images: null.fetch
      # without a value, so that the environment has to give it: mirror
      debian-12:
        template: packer/debian-12
        build: qemu.debian
        os: { family: debian, release: "12" }
        source: cloud-image
        env: [PKR_VAR_token, PKR_VAR_mirror]

    # Left out:
    # - packer/old/centos.json: it is a JSON template: `packer hcl2_upgrade` makes HCL of it
    "#);
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o600, 0o600);
    insta::assert_snapshot!(repository.goldsmith(&["lint"]), @"
    exit code 0
    no problems in images.yml
    warning: the templates are not checked by Packer: there is no `packer` on the search path
    ");

    insta::assert_snapshot!(repository.goldsmith(&["init"]), @"
    exit code 2
    error: `REPOSITORY/images.yml` exists already
      hint: `--force` writes it anew
    ");
    fs_err::write(&path, "mine").unwrap();
    assert!(repository.goldsmith(&["init"]).starts_with("exit code 2"));
    assert_eq!(fs_err::read_to_string(&path).unwrap(), "mine");
    assert!(repository.goldsmith(&["init", "--force"]).starts_with("exit code 0"));
    assert_eq!(fs_err::read_to_string(&path).unwrap(), written);
}

#[test]
fn a_folder_of_a_repository_has_its_workflow_where_the_forge_looks_for_it() {
    let repository = Repository::new(&[
        ("golden/debian-12/debian.pkr.hcl", DEBIAN),
        (".forgejo/workflows/images.yml", "theirs"),
    ]);
    insta::assert_snapshot!(repository.goldsmith(&["-C", "golden", "init"]), @"
    exit code 0
    wrote images.yml
    kept REPOSITORY/.forgejo/workflows/images.yml, which was there: `--force` writes it anew

    1 image; `goldsmith plan` says what would be built
    ");
    let workflow = repository.path().join(".forgejo/workflows/images.yml");
    assert_eq!(fs_err::read_to_string(&workflow).unwrap(), "theirs");
    repository.goldsmith(&["-C", "golden", "init", "--force"]);
    let workflow = fs_err::read_to_string(&workflow).unwrap();
    assert!(workflow.contains("INPUT_CONFIG: \"golden/images.yml\""), "{workflow}");
}

#[test]
fn where_no_template_is_nothing_is_written() {
    let repository =
        Repository::new(&[("old/centos.json", r#"{ "builders": [{ "type": "qemu" }] }"#)]);
    insta::assert_snapshot!(repository.goldsmith(&["init"]), @"
    exit code 2
    error: there is no Packer template for an image in `REPOSITORY`
      hint: templates are files that end in `.pkr.hcl`; name their folder with `-C DIR`
      hint: old/centos.json: it is a JSON template: `packer hcl2_upgrade` makes HCL of it
    ");
    assert!(!repository.path().join("images.yml").exists());
    assert!(!repository.path().join(".github").exists());
}
