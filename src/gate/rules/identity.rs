//! Whether the image is a machine already, and which image it says it is.

use super::{Case, Check, Outcome, looked, none_of};
use crate::model::{FileFact, ImageRelease, MachineId};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("machine-id", machine_id),
    ("dbus-machine-id", dbus_machine_id),
    ("version-stamp", version_stamp),
    ("ssh-host-keys", ssh_host_keys),
    ("ssh-host-keys-kept", ssh_host_keys_kept),
    ("random-seed", random_seed),
];

fn id(state: Option<MachineId>, path: &str, message: &str) -> Outcome {
    match state {
        None => Outcome::Unchecked,
        // A link leads to the other file, which is looked at by itself.
        Some(MachineId::Absent | MachineId::Empty | MachineId::Uninitialized | MachineId::Link) => {
            Outcome::Kept
        }
        Some(MachineId::Set) => {
            Outcome::Broken { message: message.to_owned(), places: vec![path.to_owned()] }
        }
    }
}

fn machine_id(case: &Case<'_>) -> Outcome {
    let facts = &case.evidence.facts;
    let message = "the image has a machine id, which every machine made from it would have";
    let outcome = id(facts.machine_id, "/etc/machine-id", message);
    // Two links in a circle, or one to D-Bus' file, which has one.
    match (facts.machine_id, facts.dbus_machine_id) {
        (Some(MachineId::Link), Some(MachineId::Set)) => {
            id(Some(MachineId::Set), "/var/lib/dbus/machine-id", message)
        }
        _ => outcome,
    }
}

fn dbus_machine_id(case: &Case<'_>) -> Outcome {
    let message = "D-Bus has a copy of a machine id, which stays when the other is made anew";
    id(case.evidence.facts.dbus_machine_id, "/var/lib/dbus/machine-id", message)
}

fn version_stamp(case: &Case<'_>) -> Outcome {
    let Some(stamp) = case.expected.stamp.as_ref().filter(|_| looked(case)) else {
        return Outcome::Unchecked;
    };
    let told = |stamp: &ImageRelease| format!("`{}` `{}`", stamp.id, stamp.version);
    let message = match &case.evidence.facts.release {
        Some(found) if found == stamp => return Outcome::Kept,
        Some(found) => {
            format!("the image says that it is {} instead of {}", told(found), told(stamp))
        }
        None => format!("the image does not say that it is {}", told(stamp)),
    };
    Outcome::Broken { message, places: vec!["/etc/image-release".to_owned()] }
}

fn keys(number: usize) -> String {
    match number {
        1 => "an SSH host key is".to_owned(),
        number => format!("{number} SSH host keys are"),
    }
}

/// Those that cloud-init removes at the first boot; or of which nobody knows it.
fn ssh_host_keys(case: &Case<'_>) -> Outcome {
    let facts = &case.evidence.facts;
    if facts.cloud_init.as_ref().is_some_and(|state| !state.replaces_host_keys())
        && facts.host_keys.is_some()
    {
        return Outcome::Kept;
    }
    none_of(facts.host_keys.as_ref(), |number, _| {
        format!("{} in the image until its first boot", keys(number))
    })
}

/// Those that stay.
fn ssh_host_keys_kept(case: &Case<'_>) -> Outcome {
    let facts = &case.evidence.facts;
    match (&facts.host_keys, &facts.cloud_init) {
        (Some(found), _) if found.is_empty() => Outcome::Kept,
        (None, _) | (_, None) => Outcome::Unchecked,
        (Some(_), Some(state)) if state.replaces_host_keys() => Outcome::Kept,
        (found, _) => none_of(found.as_ref(), |number, _| {
            format!("{} in the image, and nothing makes new ones at the first boot", keys(number))
        }),
    }
}

fn random_seed(case: &Case<'_>) -> Outcome {
    let seed = |file: &&FileFact| file.path.ends_with("/random-seed");
    let found = case.evidence.facts.leftovers.as_ref();
    none_of(found.map(|found| found.iter().filter(seed)), |_, _| {
        "the image has a seed for random numbers".to_owned()
    })
}
