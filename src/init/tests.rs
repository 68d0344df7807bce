//! Sample repositories, and what is written for them.

use camino::Utf8Path;
use proptest::prelude::*;

use super::*;
use crate::config;
use crate::diagnostics::Style;
use crate::template::MemoryTree;

/// What is written for a repository in `/repo`, and accepted, without the head that is the same for all.
fn written(tree: &MemoryTree) -> String {
    let discovery = discover(tree, "/repo".into());
    let text = images_yml(&discovery);
    if !discovery.images.is_empty() {
        let checked = config::read(Utf8Path::new("/repo/images.yml"), text.as_bytes());
        let checked =
            checked.unwrap_or_else(|problems| panic!("{}", problems.render(Style::Plain)));
        assert!(checked.later.images.is_empty() && checked.warnings.is_empty());
    }
    let (_, text) = text.split_once("images:\n").unwrap();
    text.to_owned()
}

/// A QEMU template for what `url` delivers.
fn qemu(name: &str, url: &str) -> String {
    format!(
        "source \"qemu\" \"{name}\" {{\n  iso_url = \"{url}\"\n  output_directory = \"output\"\n}}\n\
         build {{\n  sources = [\"source.qemu.{name}\"]\n  provisioner \"shell\" {{\n    script = \"scripts/setup.sh\"\n  }}\n}}\n"
    )
}

#[test]
fn a_folder_an_image_wherever_packer_is_meant_to_run() {
    let iso = "https://example.org/debian-12.11.0-amd64-netinst.iso";
    let tree = MemoryTree::default()
        // Runs in its own folder.
        .file("/repo/debian-12/debian.pkr.hcl", qemu("debian", iso))
        .file("/repo/debian-12/scripts/setup.sh", "")
        .file("/repo/debian-12/http/preseed.ks.hcl", "not Packer's")
        .file("/repo/debian-12/http/user-data.pkrtpl.hcl", "not Packer's ${either}")
        // Runs in the folder above.
        .file("/repo/linux/rocky9/main.pkr.hcl", qemu("vm", "iso/Rocky-9-latest-x86_64-boot.iso"))
        .file("/repo/linux/scripts/setup.sh", "")
        // Runs in the root.
        .file(
            "/repo/packer/ubuntu/24.04/image.pkr.hcl",
            qemu("this", "noble-server-cloudimg-arm64.img"),
        )
        .file("/repo/scripts/setup.sh", "");
    insta::assert_snapshot!(written(&tree), @r#"
    # the template sets `output_directory` itself: see the template contract
    debian-12:
      template: debian-12
      os: { family: debian, release: "12" }
      source: iso

    # the template sets `output_directory` itself: see the template contract
    rocky9:
      template: linux/rocky9
      workdir: linux
      os: { family: rocky, release: "9" }
      source: iso

    # the template sets `output_directory` itself: see the template contract
    ubuntu-24.04:
      template: packer/ubuntu/24.04
      workdir: "."
      os: { family: ubuntu, release: "24.04" }
      source: cloud-image
      arch: arm64
    "#);
}

#[test]
fn the_name_of_a_file_tells_the_release_where_the_folder_does_not() {
    let tree = MemoryTree::default()
        .file("/repo/ubuntu/ubuntu-24.04.pkr.hcl", qemu("vm", "x.iso"))
        .file("/repo/ubuntu/variables.pkr.hcl", "variable \"memory\" {\n  default = 1\n}\n");
    insta::assert_snapshot!(written(&tree), @r#"
    # the template sets `output_directory` itself: see the template contract
    ubuntu:
      template: ubuntu
      os: { family: ubuntu, release: "24.04" }
      source: iso
    "#);
}

#[test]
fn files_that_declare_the_same_are_images_of_their_own() {
    let file = |name: &str, url: &str| {
        format!("variable \"memory\" {{ default = 1024 }}\n{}", qemu(name, url))
    };
    let tree = MemoryTree::default()
        .file("/repo/packer/debian-12.pkr.hcl", file("vm", "debian.iso"))
        .file("/repo/packer/alpine-3.20.pkr.hcl", file("vm", "alpine-virt-3.20.3-x86_64.iso"))
        .file("/repo/packer/alpine-3.20.pkrvars.hcl", "memory = 512\n")
        .file("/repo/packer/common.pkrvars.hcl", "memory = 2048\n")
        .file("/repo/packer/shared.pkr.hcl", "variable \"memory\" {}\n")
        .file("/repo/packer/scripts/setup.sh", "");
    insta::assert_snapshot!(written(&tree), @r#"
      # the template sets `output_directory` itself: see the template contract
      alpine-3.20:
        template: packer/alpine-3.20.pkr.hcl
        os: { family: alpine, release: "3.20" }
        source: iso
        var_files: [packer/common.pkrvars.hcl, packer/alpine-3.20.pkrvars.hcl]

      # the template sets `output_directory` itself: see the template contract
      debian-12:
        template: packer/debian-12.pkr.hcl
        os: { family: debian, release: "12" }
        source: iso
        var_files: [packer/common.pkrvars.hcl]

    # Left out:
    # - packer/shared.pkr.hcl: nothing is built in it, and files beside it declare the same: each stands for itself
    "#);
}

#[test]
fn one_template_with_files_of_variables_is_an_image_each() {
    let template = r#"
        variable "os_name" {}
        variable "os_version" {}
        variable "iso_url" {}
        variable "cpus" { default = 2 }
        variable "site" { default = "" }
        variable "proxmox_token" { sensitive = true }
        variable "url" { default = env("PROXMOX_URL") }
        variable "home" { default = env("HOME") }
        variable "node" {}
        source "qemu" "vm" {
          iso_url          = var.iso_url
          output_directory = var.goldsmith_output_dir
        }
        source "virtualbox-iso" "vm" { iso_url = var.iso_url }
        build { sources = ["virtualbox-iso.vm", "qemu.vm"] }
    "#;
    let variables = |name: &str, version: &str| {
        format!(
            "os_name = \"{name}\"\nos_version = \"{version}\"\niso_url = \"https://example.org/a.iso\"\n"
        )
    };
    let tree = MemoryTree::default()
        .file("/repo/packer_templates/pkr-builder.pkr.hcl", template)
        .file("/repo/os/common.pkrvars.hcl", "cpus = 4\n")
        .file("/repo/os/debian/common.pkrvars.hcl", "cpus = 8\n")
        .file("/repo/os/debian/12.pkrvars.hcl", variables("debian", "12"))
        .file("/repo/os/debian/13-aarch64.pkrvars.hcl", variables("debian", "13"))
        .file("/repo/os/fedora/fedora-41.pkrvars.hcl", variables("fedora", "41"))
        .file("/repo/os/other/mystery.pkrvars.hcl", variables("mystery", "1"))
        .file("/repo/os/example.pkrvars.hcl", variables("example", "1"))
        .file("/repo/sites/a.pkrvars.hcl", "site = \"a\"\n")
        .file("/repo/sites/b.pkrvars.hcl", "site = \"b\"\n")
        .file("/repo/unrelated.pkrvars.hcl", "other = 1\n");
    insta::assert_snapshot!(written(&tree), @r#"
    # perhaps one of these goes along: sites/a.pkrvars.hcl, sites/b.pkrvars.hcl
    # without a value, so that the environment has to give it: node
    # other builds of the template: virtualbox-iso.vm
    debian-12:
      template: packer_templates
      build: qemu.vm
      os: { family: debian, release: "12" }
      source: iso
      var_files: [os/common.pkrvars.hcl, os/debian/common.pkrvars.hcl, os/debian/12.pkrvars.hcl]
      env: [PROXMOX_URL, PKR_VAR_proxmox_token, PKR_VAR_node]

    # perhaps one of these goes along: sites/a.pkrvars.hcl, sites/b.pkrvars.hcl
    # without a value, so that the environment has to give it: node
    # other builds of the template: virtualbox-iso.vm
    debian-13-aarch64:
      template: packer_templates
      build: qemu.vm
      os: { family: debian, release: "13" }
      source: iso
      arch: arm64
      var_files: [os/common.pkrvars.hcl, os/debian/common.pkrvars.hcl, os/debian/13-aarch64.pkrvars.hcl]
      env: [PROXMOX_URL, PKR_VAR_proxmox_token, PKR_VAR_node]

    # perhaps one of these goes along: sites/a.pkrvars.hcl, sites/b.pkrvars.hcl
    # without a value, so that the environment has to give it: node
    # other builds of the template: virtualbox-iso.vm
    fedora-41:
      template: packer_templates
      build: qemu.vm
      os: { family: fedora, release: "41" }
      source: iso
      var_files: [os/common.pkrvars.hcl, os/fedora/fedora-41.pkrvars.hcl]
      env: [PROXMOX_URL, PKR_VAR_proxmox_token, PKR_VAR_node]

    # Not complete: packer_templates: no name tells the operating system
    # perhaps one of these goes along: sites/a.pkrvars.hcl, sites/b.pkrvars.hcl
    # without a value, so that the environment has to give it: node
    # other builds of the template: virtualbox-iso.vm
    # mystery:
    #   template: packer_templates
    #   build: qemu.vm
    #   os: { family: …, release: "…" }
    #   source: iso
    #   var_files: [os/common.pkrvars.hcl, os/other/mystery.pkrvars.hcl]
    #   env: [PROXMOX_URL, PKR_VAR_proxmox_token, PKR_VAR_node]
    "#);
}

#[test]
fn images_of_one_folder_are_told_apart_by_their_builds_and_steps_are_none() {
    let tree = MemoryTree::default()
        .file(
            "/repo/images/ubuntu/sources.pkr.hcl",
            r#"
            source "null" "fetch" { communicator = "none" }
            source "file" "seed" {}
            source "qemu" "cloudimg" {
              disk_image = true
              iso_url    = "https://example.org/noble-server-cloudimg-amd64.img"
            }
            source "qemu" "lvm" { iso_url = "https://example.org/ubuntu-24.04.1-live-server-amd64.iso" }
            source "amazon-ebs" "lvm" {}
            "#,
        )
        .file(
            "/repo/images/ubuntu/build.pkr.hcl",
            r#"
            build { sources = ["null.fetch", "file.seed"] }
            build {
              name    = "base"
              sources = ["qemu.cloudimg", "qemu.lvm", "amazon-ebs.lvm"]
            }
            "#,
        )
        .file(
            "/repo/windows/win2025/win.pkr.hcl",
            r#"
            source "proxmox-iso" "win" { template_name = "win2025" }
            build { sources = ["proxmox-iso.win"] }
            "#,
        )
        .file("/repo/steps/only.pkr.hcl", "source \"null\" \"a\" {}\nbuild { sources = [\"null.a\"] }\n");
    insta::assert_snapshot!(written(&tree), @r#"
      # steps of the template, and no images: null.fetch, file.seed
      # the template sets no `output_directory`: see the template contract
      ubuntu-cloudimg:
        template: images/ubuntu
        build: base.qemu.cloudimg
        os: { family: ubuntu, release: "24.04" }
        source: cloud-image

      # steps of the template, and no images: null.fetch, file.seed
      # the template sets no `output_directory`: see the template contract
      ubuntu-lvm-qemu:
        template: images/ubuntu
        build: base.qemu.lvm
        os: { family: ubuntu, release: "24.04" }
        source: iso

      # Not complete: amazon-ebs leaves its image with a cloud: goldsmith cannot look inside
      # steps of the template, and no images: null.fetch, file.seed
      # ubuntu-lvm-amazon-ebs:
      #   template: images/ubuntu
      #   build: base.amazon-ebs.lvm
      #   os: { family: …, release: "…" }
      #   source: iso

      win2025:
        template: windows/win2025
        os: { family: windows, release: "2025" }
        source: iso

    # Left out:
    # - steps: it has steps only, and no image
    "#);
}

#[test]
fn shared_files_are_no_images_and_links_to_them_count() {
    let source = |iso: &str| {
        format!(
            "source \"qemu\" \"vm\" {{\n  iso_url = \"{iso}\"\n  disk_size = var.disk_size\n}}\n"
        )
    };
    let tree = MemoryTree::default()
        .file("/repo/common/variables.pkr.hcl", "variable \"disk_size\" { default = \"8G\" }\n")
        .file("/repo/shared/build.pkr.hcl", "build { sources = [\"qemu.vm\"] }\n")
        .file("/repo/debian/source.pkr.hcl", source("debian-12-genericcloud-amd64.qcow2"))
        .link("/repo/debian/variables.pkr.hcl", "/repo/common/variables.pkr.hcl")
        .link("/repo/debian/build.pkr.hcl", "/repo/shared/build.pkr.hcl")
        .file("/repo/alma/source.pkr.hcl", source("AlmaLinux-9-latest-x86_64-dvd.iso"))
        .link("/repo/alma/variables.pkr.hcl", "/repo/common/variables.pkr.hcl")
        .link("/repo/alma/build.pkr.hcl", "/repo/shared/build.pkr.hcl")
        .link("/repo/latest", "/repo/debian")
        .file("/repo/.cache/debian/a.pkr.hcl", "build {}\n");
    insta::assert_snapshot!(written(&tree), @r#"
      # the template sets no `output_directory`: see the template contract
      alma:
        template: alma
        os: { family: alma, release: "9" }
        source: iso

      # the template sets no `output_directory`: see the template contract
      debian:
        template: debian
        os: { family: debian, release: "12" }
        source: cloud-image

    # Left out:
    # - common: nothing is built there: fragments of other templates
    # - shared: its sources are declared elsewhere: a fragment of other templates
    "#);
}

#[test]
fn parents_are_seen_where_one_takes_what_another_makes() {
    let tree = MemoryTree::default()
        .file("/repo/debian-12/base.pkr.hcl", qemu("debian", "debian-12.iso"))
        .file("/repo/debian-12/scripts/setup.sh", "")
        .file(
            "/repo/k8s/k8s.pkr.hcl",
            r#"
            variable "base" { default = "../debian-12/output/packer-debian" }
            source "qemu" "k8s" {
              disk_image       = true
              iso_url          = var.base
              output_directory = "output"
            }
            build { sources = ["qemu.k8s"] }
            "#,
        )
        .file(
            "/repo/k8s-gpu/gpu.pkr.hcl",
            r#"
            source "qemu" "gpu" {
              disk_image       = true
              iso_url          = "file://../k8s/output/packer-k8s"
              output_directory = "gpu"
            }
            build { sources = ["qemu.gpu"] }
            "#,
        )
        .file(
            "/repo/rocky9-base/a.pkr.hcl",
            "source \"proxmox-iso\" \"a\" { template_name = \"tpl\" }\nbuild { sources = [\"proxmox-iso.a\"] }\n",
        )
        .file(
            "/repo/rocky9-app/a.pkr.hcl",
            "source \"proxmox-clone\" \"a\" { clone_vm = \"tpl\" }\nbuild { sources = [\"proxmox-clone.a\"] }\n",
        );
    insta::assert_snapshot!(written(&tree), @r#"
    # the template sets `output_directory` itself: see the template contract
    debian-12:
      template: debian-12
      os: { family: debian, release: "12" }
      source: iso

    # the template sets `output_directory` itself: see the template contract
    k8s:
      template: k8s
      os: { family: debian, release: "12" }
      source: image
      parents: [{ image: debian-12 }]
      vars: { base: "${parents.debian-12.path}" }

    # the template sets `output_directory` itself: see the template contract
    # it starts from what k8s makes: a variable has to take `${parents.k8s.path}`
    k8s-gpu:
      template: k8s-gpu
      os: { family: debian, release: "12" }
      source: image
      parents: [{ image: k8s }]

    # it starts from what rocky9-base makes: a variable has to take `${parents.rocky9-base.vmid}`
    rocky9-app:
      template: rocky9-app
      os: { family: rocky, release: "9" }
      source: image
      parents: [{ image: rocky9-base }]

    rocky9-base:
      template: rocky9-base
      os: { family: rocky, release: "9" }
      source: iso
    "#);
}

#[test]
fn what_is_not_complete_is_a_comment_with_the_reason() {
    let tree = MemoryTree::default()
        .file(
            "/repo/broken/debian-12/a.pkr.hcl",
            "source \"qemu\" \"a\" {\n  iso_url = oops oops\n}\n",
        )
        .file("/repo/app/a.pkr.hcl", qemu("a", "base.iso"))
        .file("/repo/open/a.pkr.hcl", "build {\n  sources = var.sources\n}\n")
        .file("/repo/nothing/a.pkr.hcl", "build {\n}\n")
        .file("/repo/old/debian.json", r#"{ "builders": [{ "type": "qemu" }] }"#)
        .file("/repo/old/data.json", r#"{ "builders": "none" }"#)
        .file("/repo/newer/a.pkr.json", "{}")
        .file("/repo/evil\nimages:\n  x/debian-12.pkr.hcl", qemu("a", "base.iso"))
        .file("/repo/odd ${x} name/debian-12/a.pkr.hcl", qemu("a", "base.iso"));
    insta::assert_snapshot!(written(&tree), @r#"
      # Not complete: app: no name tells the operating system
      # the template sets `output_directory` itself: see the template contract
      # app:
      #   template: app
      #   os: { family: …, release: "…" }
      #   source: iso

      # Not complete: broken/debian-12/a.pkr.hcl:2: the file cannot be read as HCL: expected newline or eof
      # debian-12:
      #   template: broken/debian-12
      #   os: { family: …, release: "…" }
      #   source: iso

      # Not complete: `evil\nimages:\n  x` is not a path
      # the template sets `output_directory` itself: see the template contract
      # evil-images-x:
      #   template: "evil\U0000000aimages:\U0000000a  x"
      #   os: { family: debian, release: "12" }
      #   source: iso

      # Not complete: `template`: unknown placeholder `${x}`
      # the template sets `output_directory` itself: see the template contract
      # debian-12-2:
      #   template: "odd ${x} name/debian-12"
      #   os: { family: debian, release: "12" }
      #   source: iso

      # Not complete: the names of its builds are known only to Packer
      # open:
      #   template: open
      #   os: { family: …, release: "…" }
      #   source: iso

      # No image above is complete. Complete one, and remove this entry.
      to-be-completed:
        enabled: false
        template: app
        os: { family: debian, release: "12" }
        source: iso

    # Left out:
    # - newer/a.pkr.json: it is HCL written as JSON, which goldsmith does not read
    # - nothing: it builds nothing
    # - old/debian.json: it is a JSON template: `packer hcl2_upgrade` makes HCL of it
    "#);
    let nothing = MemoryTree::default().file("/repo/README.md", "");
    assert_eq!(discover(&nothing, "/repo".into()).images, []);
}

#[test]
fn a_comment_that_is_completed_and_loses_its_marks_is_an_image() {
    let tree = MemoryTree::default()
        .file("/repo/app/a.pkr.hcl", qemu("a", "base.iso"))
        .file("/repo/debian-12/a.pkr.hcl", qemu("a", "base.iso"));
    let text = images_yml(&discover(&tree, "/repo".into()));
    let of_the_entry = |line: &&str| *line == "  # app:" || line.starts_with("  #   ");
    let lines: Vec<String> = text
        .lines()
        .map(|line| match Some(line).filter(of_the_entry) {
            Some(line) => line.replacen("# ", "", 1).replace("family: …", "family: debian"),
            None => line.to_owned(),
        })
        .collect();
    let text = lines.join("\n").replace("release: \"…\"", "release: \"12\"");
    let checked = config::read(Utf8Path::new("/repo/images.yml"), text.as_bytes());
    let catalog =
        checked.unwrap_or_else(|problems| panic!("{}", problems.render(Style::Plain))).catalog;
    let names: Vec<&str> = catalog.images.keys().map(crate::model::ImageName::as_str).collect();
    assert_eq!(names, ["app", "debian-12"]);
}

#[test]
fn a_template_in_the_root_is_its_file_or_the_root() {
    let root = |tree: MemoryTree| written(&tree.file("/repo/scripts/setup.sh", ""));
    let one = MemoryTree::default().file("/repo/debian.pkr.hcl", qemu("vm", "debian-12.iso"));
    let two = one.clone().file("/repo/variables.pkr.hcl", "variable \"a\" {}\n");
    insta::assert_snapshot!(root(one), @r#"
    # the template sets `output_directory` itself: see the template contract
    debian:
      template: debian.pkr.hcl
      os: { family: debian, release: "12" }
      source: iso
    "#);
    insta::assert_snapshot!(root(two), @r#"
    # without a value, so that the environment has to give it: a
    # the template sets `output_directory` itself: see the template contract
    debian-12:
      template: "."
      os: { family: debian, release: "12" }
      source: iso
      env: [PKR_VAR_a]
    "#);
}

#[test]
fn a_workflow_hands_over_what_templates_want() {
    let template = "variable \"token\" {}\nvariable \"url\" { default = env(\"PROXMOX_URL\") }\n";
    let tree = MemoryTree::default()
        .file("/repo/debian-12/a.pkr.hcl", format!("{template}{}", qemu("a", "a.iso")))
        .file("/repo/.forgejo/CODEOWNERS", "");
    let discovery = discover(&tree, "/repo".into());
    assert_eq!(workflow_path(&tree, "/repo".into()), ".forgejo/workflows/images.yml");
    assert_eq!(workflow_path(&tree, "/other".into()), ".github/workflows/images.yml");
    let text = workflow(&discovery, "images/images.yml".into());
    let (_, environment) = text.split_once("        env:\n").unwrap();
    insta::assert_snapshot!(environment, @r#"
    INPUT_COMMAND: run
    INPUT_IMAGES: ${{ inputs.images }}
    INPUT_FORCE: ${{ inputs.force }}
    INPUT_DRY_RUN: ${{ inputs.dry_run }}
    INPUT_CONFIG: "images/images.yml"
    # What templates want; set them in the repository's settings.
    PKR_VAR_token: ${{ secrets.PKR_VAR_TOKEN }}
    PROXMOX_URL: ${{ vars.PROXMOX_URL }}
    "#);
    assert!(text.starts_with("# Builds the images that are due"));
    assert_eq!(text.matches("\nname: ").count(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_a_repository_holds_the_file_is_accepted(
        files in proptest::collection::vec(
            (
                r"(/[ -~é\n]{1,12}){0,2}/(debian-12|a|[ -~\n]{1,8})(\.pkr\.hcl|\.pkrvars\.hcl|\.json)",
                prop_oneof![
                    Just(qemu("a", "debian-12.iso")),
                    Just("variable \"a\" {}\nbuild { sources = [\"qemu.a\"] }\n".to_owned()),
                    Just("a = 1\n".to_owned()),
                    "[ -~\n]{0,40}",
                ],
            ),
            0..8,
        ),
    ) {
        let mut tree = MemoryTree::default().file("/repo/debian-12/ok.pkr.hcl", qemu("a", "a.iso"));
        for (path, content) in files {
            tree = tree.file(format!("/repo{path}"), content);
        }
        written(&tree);
    }
}
