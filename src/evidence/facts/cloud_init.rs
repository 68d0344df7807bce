//! The state of cloud-init (cloud-init documentation, "Configuration", "Set SSH").

use super::super::collector::Collected;
use crate::model::CloudInit;

/// What is known of it.
pub(super) fn read(collected: &Collected) -> CloudInit {
    let census = &collected.census;
    let configured = collected
        .within("/etc/cloud/")
        .filter(|path| path.ends_with(b".cfg"))
        .filter_map(|path| std::str::from_utf8(path).ok())
        .filter_map(|path| collected.text(path));
    // Later files count more.
    let kept = configured.filter_map(|text| setting(&text, "ssh_deletekeys")).last();
    let mut instances = census.cloud_instances.clone();
    instances.sort();
    instances.dedup();
    CloudInit {
        installed: census.cloud_init,
        disabled: collected.read("/etc/cloud/cloud-init.disabled", 0).is_some(),
        instances,
        seed: census.cloud_seed,
        deletes_host_keys: census.cloud_init && kept != Some(false),
    }
}

/// A switch at the top of a file.
fn setting(text: &str, name: &str) -> Option<bool> {
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let value =
        values.next_back()?.split('#').next()?.trim().trim_matches(['"', '\'']).to_lowercase();
    match value.as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_switch_counts_at_the_top_and_the_last_time() {
        assert_eq!(
            setting("ssh_deletekeys: true\nssh_deletekeys:  false # ours\n", "ssh_deletekeys"),
            Some(false)
        );
        assert_eq!(setting("  ssh_deletekeys: false\n", "ssh_deletekeys"), None);
        assert_eq!(setting("ssh_deletekeys: maybe\n", "ssh_deletekeys"), None);
    }
}
