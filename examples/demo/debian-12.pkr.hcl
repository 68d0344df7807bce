# A golden Debian 12 image from the disk that prepare.sh makes.

packer {
  required_plugins {
    qemu = {
      version = "~> 1.0.9"
      source  = "github.com/hashicorp/qemu"
    }
  }
}

# goldsmith sets these four; the defaults serve a plain `packer build .`.

variable "goldsmith_image" {
  type    = string
  default = "debian-12"
}

variable "goldsmith_version" {
  type    = string
  default = "0.0.0"
}

variable "goldsmith_scratch_name" {
  type    = string
  default = "debian-12"
}

variable "goldsmith_output_dir" {
  type    = string
  default = "output"
}

variable "cpus" {
  type        = number
  default     = 0
  description = "0: two with KVM; one without, where a second costs more than it gives."
}

variable "memory" {
  type        = number
  default     = 1024
  description = "MiB"
}

variable "packages" {
  type    = list(string)
  default = ["htop", "nano"]
}

variable "compress" {
  type        = bool
  default     = true
  description = "Compress the clusters of the finished disk; readers need QEMU 5.1 or newer."
}

variable "console_log" {
  type        = string
  default     = ""
  description = "File for the machine's serial console; none if empty. Not in the output directory."
}

local "password" {
  expression = uuidv4()
  sensitive  = true
}

locals {
  base = "${path.root}/base"

  # Without a base the template can still be validated.
  accelerator = try(trimspace(file("${local.base}/accelerator")), "tcg")
  cmdline     = try(trimspace(file("${local.base}/cmdline")), "")

  # Off during the build only. First what would write to the disk after the
  # reset: journal, random seed, login records, clock. Then what the build has
  # no use for; without hardware acceleration it costs a third of its time.
  masked = [
    "systemd-journal-flush.service",
    "systemd-random-seed.service",
    "systemd-update-utmp.service",
    "systemd-timesyncd.service",
    "cloud-config.service",
    "cloud-final.service",
    "dbus.service",
    "dbus.socket",
    "systemd-logind.service",
    "user@.service",
    "modprobe@.service",
    "systemd-binfmt.service",
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "serial-getty@ttyS0.service",
  ]
}

source "qemu" "debian" {
  output_directory = var.goldsmith_output_dir
  vm_name          = "${var.goldsmith_scratch_name}.qcow2"

  disk_image       = true
  iso_url          = "${local.base}/debian-12.qcow2"
  iso_checksum     = "none"
  skip_resize_disk = true
  format           = "qcow2"
  disk_interface   = "virtio"
  disk_cache       = "unsafe"
  disk_discard     = "unmap"
  disk_compression = var.compress

  # zstd takes two seconds, where the default takes fourteen.
  qemu_img_args {
    convert = ["-m", "8", "-W", "-o", "compression_type=zstd"]
  }

  accelerator = local.accelerator
  cpu_model   = local.accelerator == "kvm" ? "host" : "qemu64"
  cpus        = var.cpus > 0 ? var.cpus : local.accelerator == "kvm" ? 2 : 1
  memory      = var.memory
  net_device  = "virtio-net"
  headless    = true
  disable_vnc = true

  # Straight into the kernel: the firmware and the boot loader are only needed
  # by the finished disk.
  qemuargs = [
    ["-kernel", "${local.base}/vmlinuz"],
    ["-initrd", "${local.base}/initrd.img"],
    ["-append", join(" ", concat(
      [local.cmdline, "quiet", "audit=0", "mitigations=off", "ci.ds=NoCloud", "network-config=disabled"],
      [for unit in local.masked : "systemd.mask=${unit}"],
    ))],
    ["-nodefaults"],
    ["-display", "none"],
    ["-vnc", "none"],
    ["-serial", var.console_log == "" ? "null" : "file:${var.console_log}"],
    ["-device", "virtio-rng-pci"],
  ]

  # The builder exists in this build only: its password is random, and the
  # shutdown command removes it.
  cd_label = "cidata"
  cd_content = {
    "meta-data" = "instance-id: packer-${uuidv4()}\n"
    "user-data" = "#cloud-config\n${yamlencode({
      users = [{
        name        = "builder"
        shell       = "/bin/sh"
        sudo        = "ALL=(ALL) NOPASSWD:ALL"
        lock_passwd = false
        passwd      = bcrypt(local.password, 4)
      }]
      ssh_genkeytypes    = ["ed25519"]
      cloud_init_modules = ["users-groups", "ssh"]
    })}"
  }

  ssh_username                 = "builder"
  ssh_password                 = local.password
  ssh_timeout                  = "10m"
  ssh_handshake_attempts       = 50
  ssh_disable_agent_forwarding = true

  # Nothing looks at the exit status of this command: if a step fails, the
  # machine stays up and the build fails by the timeout.
  shutdown_command = "sudo /bin/sh /run/finish"
  shutdown_timeout = "2m"
}

build {
  sources = ["source.qemu.debian"]

  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} /bin/sh -eu {{ .Path }}"
    remote_folder   = "/dev/shm"
    skip_clean      = true
    environment_vars = [
      "DEBIAN_FRONTEND=noninteractive",
      "IMAGE_ID=${var.goldsmith_image}",
      "IMAGE_VERSION=${var.goldsmith_version}",
      "PACKAGES=${join(" ", var.packages)}",
    ]
    inline = [<<-EOT
      # cloud-init's later stages are off: it is done when its unit is.
      until systemctl -q is-active cloud-init.service; do
        if systemctl -q is-failed cloud-init.service; then exit 1; fi
        sleep 0.5
      done

      printf 'IMAGE_ID=%s\nIMAGE_VERSION=%s\n' "$IMAGE_ID" "$IMAGE_VERSION" >/etc/image-release

      # The base has package indexes. Reading new ones takes a fifth of the
      # build, and is left out if these are of the last hour, and work.
      if [ -z "$(find /var/cache/apt/pkgcache.bin -mmin -60)" ]; then
        apt-get -q update
      fi
      apt-get -q -y --no-install-recommends dist-upgrade $PACKAGES || {
        apt-get -q update
        apt-get -q -y --no-install-recommends dist-upgrade $PACKAGES
      }
    EOT
    ]
  }

  # The image must know nothing of the machine it was made on.
  provisioner "shell" {
    execute_command = "sudo env {{ .Vars }} /bin/sh -eu {{ .Path }}"
    remote_folder   = "/dev/shm"
    skip_clean      = true
    inline = [<<-EOT
      cloud-init clean --logs --seed
      truncate -s 0 /etc/machine-id
      rm -f /var/lib/dbus/machine-id
      ln -s /etc/machine-id /var/lib/dbus/machine-id
      rm -f /etc/ssh/ssh_host_*
      echo 'PasswordAuthentication no' >/etc/ssh/sshd_config.d/60-keys-only.conf

      apt-get clean
      rm -rf /var/lib/apt/lists/*
      rm -f /var/cache/apt/*.bin /var/cache/debconf/*-old /var/lib/dpkg/*-old
      rm -rf /var/log/journal/* /var/log/apt/*
      find /var/log -type f -exec truncate -s 0 {} +
      find /tmp /var/tmp -mindepth 1 -delete
      rm -f /var/lib/systemd/random-seed /boot/efi/loader/random-seed
      rm -f /var/lib/systemd/timesync/clock
      rm -rf /root/.ssh /root/.bash_history

      cat >/run/finish <<'EOF'
      set -eu
      userdel --force --remove builder
      rm -f /etc/sudoers.d/90-cloud-init-users
      rm -f /etc/passwd- /etc/shadow- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid-
      sync
      fstrim /
      systemctl --force --no-wall poweroff
      EOF
      sync
    EOT
    ]
  }
}
