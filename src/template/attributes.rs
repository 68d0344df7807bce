//! Which attributes name files of the machine that Packer runs on.
//!
//! They are relative to where Packer runs: plugins are started there and open what they are given.
//! What is no part of an image's definition is not here: base disks and ISOs (materials), keys for
//! logging in, and everything that names a place inside the machine that is built.

use super::glob::Dialect;

/// What a block is, as far as its attributes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder<'a> {
    /// A source, or a block in one.
    Source,
    /// A provisioner of this type, or a block in one.
    Provisioner(&'a str),
    /// A post-processor of this type, or a block in one.
    PostProcessor(&'a str),
    /// A data source, or a block in one.
    Data,
}

/// How an attribute names files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    /// Files or folders, one or a list.
    Paths,
    /// Files, folders or patterns.
    Patterns(Dialect),
    /// Playbooks of Ansible, which looks for more files beside them.
    Playbooks,
    /// Perhaps a file, after `file:`.
    Checksum,
    /// Commands for this machine: words in them can name files.
    Commands,
    /// Anything: words in it can name files.
    Words,
    /// The same, and folders.
    WordsForFolders,
}

impl Names {
    /// Whether single words of a text can be names.
    pub(super) fn are_words(self) -> bool {
        matches!(self, Self::Commands | Self::Words | Self::WordsForFolders)
    }
}

/// What Ansible looks for beside a playbook.
pub(super) const BESIDE_PLAYBOOK: [&str; 17] = [
    "action_plugins",
    "ansible.cfg",
    "callback_plugins",
    "collections",
    "connection_plugins",
    "files",
    "filter_plugins",
    "group_vars",
    "handlers",
    "host_vars",
    "library",
    "lookup_plugins",
    "module_utils",
    "roles",
    "tasks",
    "templates",
    "vars",
];

/// How `attribute` of a `holder` names files, if it does.
pub(super) fn names(holder: Holder<'_>, attribute: &str) -> Option<Names> {
    match holder {
        Holder::Source => of_source(attribute),
        Holder::Provisioner(kind) => of_provisioner(kind, attribute),
        Holder::PostProcessor(kind) => match (kind, attribute) {
            ("vagrant", "include" | "vagrantfile_template") | (_, "script" | "scripts") => {
                Some(Names::Paths)
            }
            ("shell-local", "command" | "inline") => Some(Names::Commands),
            ("shell-local", "env" | "environment_vars") => Some(Names::Words),
            // What others name are mostly the files that they write.
            _ => None,
        },
        Holder::Data if attribute == "program" => Some(Names::Commands),
        Holder::Data => Some(Names::Words),
    }
}

/// Beginnings of the names of attributes that say what happens in the machine that is built, how to
/// log in to it, or where something is written.
const ELSEWHERE: [&str; 11] = [
    "destination",
    "elevated_",
    "env",
    "execute_command",
    "guest_",
    "inline",
    "output",
    "remote_",
    "shutdown_",
    "ssh_",
    "winrm_",
];

fn is_elsewhere(attribute: &str) -> bool {
    ELSEWHERE.iter().any(|start| attribute.starts_with(start))
}

fn of_source(attribute: &str) -> Option<Names> {
    match attribute {
        "cd_files" | "floppy_files" => Some(Names::Patterns(Dialect::Go)),
        "custom_data_file"
        | "floppy_dirs"
        | "http_directory"
        | "metadata_files"
        | "startup_script_file"
        | "user_data_file"
        | "userdata_file" => Some(Names::Paths),
        "iso_checksum" => Some(Names::Checksum),
        // Disks and installers are materials; keys that are typed name nothing.
        "boot_command" | "iso_target_path" | "iso_url" | "iso_urls" | "source_path" => None,
        _ if is_elsewhere(attribute) => None,
        _ => Some(Names::Words),
    }
}

fn of_provisioner(kind: &str, attribute: &str) -> Option<Names> {
    let paths: &[&str] = match kind {
        "file" => &["source", "sources"],
        "ansible" | "ansible-local" if attribute.starts_with("playbook_file") => {
            return Some(Names::Playbooks);
        }
        "ansible" | "ansible-local" => &[
            "collection_paths",
            "galaxy_file",
            "group_vars",
            "host_vars",
            "inventory_directory",
            "inventory_file",
            "playbook_dir",
            "playbook_paths",
            "role_paths",
        ],
        "puppet-masterless" => {
            &["hiera_config_path", "manifest_dir", "manifest_file", "module_paths"]
        }
        "salt-masterless" => {
            &["grains_file", "local_pillar_roots", "local_state_tree", "minion_config"]
        }
        "chef-client" | "chef-solo" => &[
            "config_template",
            "cookbook_paths",
            "data_bags_path",
            "environments_path",
            "roles_path",
        ],
        "inspec" => &["attributes", "profile"],
        "goss" => &["goss_file", "tests", "vars_file"],
        _ => &[],
    };
    match (kind, attribute) {
        (_, "script" | "scripts") => Some(Names::Paths),
        _ if paths.contains(&attribute) => Some(Names::Paths),
        ("shell-local", "command" | "inline") => Some(Names::Commands),
        ("shell-local", "env" | "environment_vars") => Some(Names::Words),
        ("file" | "hcp-sbom" | "powershell" | "shell" | "windows-shell", _) => None,
        _ if is_elsewhere(attribute) => None,
        _ => Some(Names::WordsForFolders),
    }
}
