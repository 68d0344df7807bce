//! What sets up a machine at its first boot, and what lets its host talk to it.

use super::{Case, Check, Outcome, is_machine, looked};
use crate::model::Source;

pub(super) const CHECKS: &[(&str, Check)] =
    &[("cloud-init-state", state), ("cloud-init", cloud_init), ("guest-agent", guest_agent)];

fn broken(message: impl Into<String>, place: &str) -> Outcome {
    let places = if place.is_empty() { Vec::new() } else { vec![place.to_owned()] };
    Outcome::Broken { message: message.into(), places }
}

fn state(case: &Case<'_>) -> Outcome {
    let Some(state) = &case.evidence.facts.cloud_init else { return Outcome::Unchecked };
    if !state.instances.is_empty() {
        return broken("cloud-init has set up a machine already", "/var/lib/cloud/instances");
    }
    if state.seed {
        return broken("the seed that the build gave to cloud-init is left", "/var/lib/cloud/seed");
    }
    Outcome::Kept
}

/// Cloud images are set up by it; what is built upon them, and what an installer makes, need not be.
fn cloud_init(case: &Case<'_>) -> Outcome {
    let facts = &case.evidence.facts;
    match case.expected.source {
        None => return Outcome::Unchecked,
        Some(Source::CloudImage) if is_machine(case) => {}
        Some(_) => return Outcome::Kept,
    }
    let Some(state) = &facts.cloud_init else { return Outcome::Unchecked };
    if !state.installed {
        return broken("cloud-init is not installed", "");
    }
    if state.disabled {
        return broken("cloud-init is told not to run", "/etc/cloud/cloud-init.disabled");
    }
    match &facts.services {
        None => Outcome::Unchecked,
        Some(services) if services.iter().any(|name| name.starts_with("cloud-init")) => {
            Outcome::Kept
        }
        Some(_) => broken("cloud-init is installed and not enabled", ""),
    }
}

/// Every machine of a hypervisor wants it; what a factory delivers brings its own.
fn guest_agent(case: &Case<'_>) -> Outcome {
    match case.expected.source {
        None => return Outcome::Unchecked,
        Some(Source::CloudImage | Source::Iso | Source::Image) if is_machine(case) => {}
        Some(_) => return Outcome::Kept,
    }
    if !looked(case) {
        return Outcome::Unchecked;
    }
    let windows = case.expected.os.family.starts_with("windows");
    let names = ["qemu-guest-agent", "qemu-ga", "QEMU guest agent"];
    let packages = &case.evidence.inventory.packages;
    if !packages.iter().any(|package| names.contains(&&*package.name)) {
        return broken("the QEMU guest agent is not installed", "");
    }
    // Under systemd, udev starts it as soon as there is a host to talk to: no unit is enabled. OpenRC
    // starts what is in a runlevel.
    let openrc = case.expected.os.family == "alpine" && !windows;
    match &case.evidence.facts.services {
        Some(services) if openrc && !services.iter().any(|name| names.contains(&&**name)) => {
            broken("the QEMU guest agent is installed and not enabled", "")
        }
        None if openrc => Outcome::Unchecked,
        _ => Outcome::Kept,
    }
}
