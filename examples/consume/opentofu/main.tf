# Machines of golden images, with OpenTofu 1.6 or Terraform 1.6 and libvirt.
#
# Every machine has its version written down: a plan changes what somebody has changed here, and never
# what somebody else has promoted. A web server that gets another version is made anew, blue and green
# one after the other; the database keeps the disk that it was made with.

terraform {
  required_version = ">= 1.6"
  required_providers {
    libvirt = {
      source  = "dmacvicar/libvirt"
      version = "~> 0.8.3"
    }
  }
}

provider "libvirt" {
  uri = var.libvirt
}

variable "libvirt" {
  description = "Where machines run"
  type        = string
  default     = "qemu:///system"
}

variable "registry" {
  description = "The registry of goldsmith: a folder, or a checkout of its branch"
  type        = string
  default     = "/srv/golden/registry"
}

variable "web" {
  description = "The version that each web server is made of. To change one: write down what `stable` names for the colour that is not active, apply, look at it, then change `active`"
  type        = map(string)
  default = {
    blue  = "1.0.20261101"
    green = "1.0.20261127"
  }
}

variable "active" {
  description = "The colour that gets the traffic"
  type        = string
  default     = "blue"
}

variable "database" {
  description = "The version that the database was made of. What changes it later is its package manager, and not this"
  type        = string
  default     = "1.0.20261101"
}

locals {
  folder   = "${var.registry}/images/debian-12"
  stable   = jsondecode(file("${local.folder}/channels/stable.json"))
  pins     = toset(concat(values(var.web), [var.database]))
  versions = { for pin in local.pins : pin => jsondecode(file("${local.folder}/versions/${pin}.json")) }
}

# The images, one volume for each version that web servers are made of.
resource "libvirt_volume" "golden" {
  for_each = toset(values(var.web))
  name     = local.versions[each.key].artifacts[0].name
  source   = local.versions[each.key].artifacts[0].locations[0]
  format   = "qcow2"

  lifecycle {
    # A version may come to lie in another place; what it is never changes.
    ignore_changes = [source]
  }
}

resource "libvirt_volume" "web" {
  for_each       = var.web
  name           = "web-${each.key}.qcow2"
  base_volume_id = libvirt_volume.golden[each.value].id
}

resource "libvirt_domain" "web" {
  for_each = var.web
  name     = "web-${each.key}"
  memory   = 1024
  vcpu     = 1

  disk {
    volume_id = libvirt_volume.web[each.key].id
  }

  network_interface {
    network_name   = "default"
    wait_for_lease = true
  }
}

# A copy of its own, which needs no image beneath it, and which no plan replaces.
resource "libvirt_volume" "database" {
  name   = "database.qcow2"
  source = local.versions[var.database].artifacts[0].locations[0]
  format = "qcow2"

  lifecycle {
    ignore_changes  = [source]
    prevent_destroy = true
  }
}

resource "libvirt_domain" "database" {
  name   = "database"
  memory = 2048
  vcpu   = 2

  disk {
    volume_id = libvirt_volume.database.id
  }

  network_interface {
    network_name = "default"
  }
}

check "the_schedule_is_alive" {
  assert {
    # Nothing is compared where no schedule says how old a version may become.
    condition     = try(timecmp(plantimestamp(), local.stable.fresh_until) < 0, true)
    error_message = "`stable` has named ${local.stable.version} since ${local.stable.moved_at}, and by now there should be a newer one: is anything still built?"
  }
}

check "nothing_is_withdrawn" {
  assert {
    condition     = alltrue([for pin, version in local.versions : try(timecmp(plantimestamp(), version.revoked.from) < 0, true)])
    error_message = "Revoked: ${join(", ", [for pin, version in local.versions : "${pin} (${version.revoked.reason})" if can(version.revoked.from)])}"
  }
}

check "nothing_is_waiting" {
  assert {
    condition     = contains(values(var.web), local.stable.version)
    error_message = "`stable` names ${local.stable.version}, and no web server is made of it yet."
  }
}

output "active" {
  description = "Where traffic goes"
  value       = libvirt_domain.web[var.active].network_interface[0].addresses
}

output "waiting" {
  description = "What to write down for the colour that is not active"
  value       = local.stable.version
}
