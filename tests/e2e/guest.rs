//! A machine that boots in some seconds, without KVM too, and has an SSH server.

/// A template that starts the machine and runs `script` in it as a provisioner. Its disk is the one
/// that lies in the project, of 64 MB. `settings` are further ones of the builder.
pub(crate) fn guest(script: &str, settings: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "no part of goldsmith: where the test finds it")]
    let folder = std::env::var("GOLDSMITH_TEST_GUEST")
        .expect("`tools/install --with guest` makes the guest, `tools/install --env` tells where");
    TEMPLATE.replace("GUEST", &folder).replace("SCRIPT", script).replace("SETTINGS", settings)
}

const TEMPLATE: &str = r#"
packer {
  required_plugins {
    qemu = {
      version = "~> 1.0"
      source  = "github.com/hashicorp/qemu"
    }
  }
}
variable "goldsmith_output_dir" { default = "output" }
variable "goldsmith_scratch_name" { default = "disk" }
source "qemu" "debian" {
  accelerator            = "tcg"
  disk_image             = true
  iso_url                = "../disk.raw"
  iso_checksum           = "none"
  disk_size              = "64M"
  format                 = "raw"
  headless               = true
  cpus                   = 1
  memory                 = 128
  output_directory       = var.goldsmith_output_dir
  vm_name                = "${var.goldsmith_scratch_name}.raw"
  SETTINGS
  boot_wait              = "-1s"
  ssh_username           = "root"
  ssh_password           = "guest"
  ssh_timeout            = "2m"
  shutdown_command       = "poweroff -f"
  qemuargs = [
    ["-kernel", "GUEST/vmlinuz"],
    ["-initrd", "GUEST/initrd.gz"],
    ["-append", "quiet panic=-1"],
  ]
}
build {
  sources = ["source.qemu.debian"]
  provisioner "shell" { inline = ["SCRIPT"] }
}
"#;
