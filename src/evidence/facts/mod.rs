//! What the rules about generalization ask for, out of what was collected.

mod accounts;
mod cloud_init;
mod identity;
mod ssh;

use super::collector::Collected;
use super::source::printable;
use crate::model::{Facts, Line};

/// The facts of a system whose files all passed.
pub(super) fn of(collected: &Collected) -> Facts {
    let census = &collected.census;
    let facts = Facts {
        host_keys: Some(census.host_keys.clone()),
        logs: Some(census.logs.clone()),
        histories: Some(census.histories.clone()),
        leftovers: Some(census.leftovers.clone()),
        caches: Some(census.caches.clone()),
        services: Some(census.services()),
        set_id: Some(census.set_id.clone()),
        world_writable: Some(census.world_writable.clone()),
        credentials: Some(census.credentials.clone()),
        sizes: Some(census.sizes()),
        secrets_left_out: collected.secrets_left_out,
        ..of_files(collected)
    };
    Facts { cloud_init: Some(cloud_init::read(collected)), ..facts }
}

/// The facts that files alone tell, whatever passed besides.
pub(super) fn of_files(collected: &Collected) -> Facts {
    Facts {
        release: identity::release(collected),
        machine_id: Some(identity::machine_id(collected, "/etc/machine-id")),
        dbus_machine_id: Some(identity::machine_id(collected, "/var/lib/dbus/machine-id")),
        authorized_keys: Some(ssh::authorized_keys(collected)),
        accounts: accounts::read(collected),
        sudo: Some(lines(collected, &["/etc/sudoers", "/etc/sudoers.d/"])),
        sshd: Some(lines(
            collected,
            &["/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/", "/usr/etc/ssh/sshd_config"],
        )),
        fstab: Some(lines(collected, &["/etc/fstab"])),
        login_defs: Some(lines(collected, &["/etc/login.defs"])),
        issue: Some(lines(collected, &["/etc/issue"])),
        ..Facts::default()
    }
}

/// Lines that are told.
const LINES: usize = 2000;

/// The lines of files, or of all files in folders, that are neither empty nor comments.
fn lines(collected: &Collected, places: &[&str]) -> Vec<Line> {
    let files = places.iter().flat_map(|place| {
        collected
            .within(place)
            .filter(move |path| place.ends_with('/') || *path == place.as_bytes())
    });
    let mut lines = Vec::new();
    for path in files {
        let Some(text) = std::str::from_utf8(path).ok().and_then(|path| collected.text(path))
        else {
            continue;
        };
        let said = text.lines().enumerate().filter(|(_, line)| {
            let line = line.trim_start();
            // sudo includes by `#include`; everything else after it is a comment.
            !line.is_empty() && (!line.starts_with('#') || line.starts_with("#include"))
        });
        lines.extend(said.take(LINES.saturating_sub(lines.len())).map(|(number, line)| Line {
            path: printable(path),
            line: number + 1,
            text: printable(line.split_whitespace().collect::<Vec<_>>().join(" ").as_bytes()),
        }));
    }
    lines
}
