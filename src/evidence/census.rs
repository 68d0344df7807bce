//! What can be told of a system's files by their names, sizes and modes alone, while they pass.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Kind, Met, printable};
use crate::model::{FileFact, FolderSize, Sizes};

/// Files of a kind that are told one by one.
const TOLD: usize = 1000;

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Census {
    files: u64,
    bytes: u64,
    folders: BTreeMap<Vec<u8>, u64>,
    pub(super) set_id: Vec<FileFact>,
    pub(super) world_writable: Vec<FileFact>,
    pub(super) host_keys: Vec<FileFact>,
    pub(super) logs: Vec<FileFact>,
    pub(super) histories: Vec<FileFact>,
    pub(super) leftovers: Vec<FileFact>,
    pub(super) caches: Vec<FileFact>,
    pub(super) credentials: Vec<FileFact>,
    /// Units of systemd that are enabled.
    units: BTreeSet<String>,
    /// Scripts of System V or OpenRC that are.
    scripts: BTreeSet<String>,
    pub(super) cloud_instances: Vec<String>,
    pub(super) cloud_init: bool,
    pub(super) cloud_seed: bool,
}

/// Names of histories, in any home.
const HISTORIES: &[&str] = &[
    ".bash_history",
    ".zsh_history",
    ".ash_history",
    ".sh_history",
    ".history",
    ".python_history",
    ".mysql_history",
    ".psql_history",
    ".lesshst",
    ".viminfo",
    ".wget-hsts",
    "fish_history",
    "ConsoleHost_history.txt",
];

/// Names of files that hold credentials, in any home.
const CREDENTIALS: &[&str] = &[
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "id_ecdsa_sk",
    "id_ed25519_sk",
    ".netrc",
    ".pgpass",
    ".git-credentials",
    ".vault-token",
    "credentials.json",
    "accessTokens.json",
    "application_default_credentials.json",
];

/// Ends of paths of files that hold credentials.
const CREDENTIAL_PATHS: &[&str] = &[
    "/.aws/credentials",
    "/.docker/config.json",
    "/.kube/config",
    "/.config/gh/hosts.yml",
    "/.config/gcloud/credentials.db",
    "/.azure/msal_token_cache.json",
    "/etc/kubernetes/admin.conf",
];

/// Beginnings of private keys (RFC 7468, PROTOCOL.key of OpenSSH).
const PRIVATE_KEY: &[u8] = b"-----BEGIN ";

impl Census {
    /// Counts a file.
    pub(super) fn count(&mut self, file: &Met<'_>) {
        let Met { path, kind, mode, size } = *file;
        self.files += 1;
        if kind == Kind::Regular {
            self.bytes += size;
            let top = path.iter().skip(1).position(|byte| *byte == b'/').map_or(0, |at| at + 1);
            if let Some(bytes) = self.folders.get_mut(&path[..top]) {
                *bytes += size;
            } else if self.folders.len() < TOLD {
                self.folders.insert(path[..top].to_vec(), size);
            }
        }
        let at = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        let (folder, name) = (&path[..at], path.get(at + 1..).unwrap_or_default());
        if kind == Kind::Regular && mode & 0o6000 != 0 && mode & 0o111 != 0 {
            tell(&mut self.set_id, file);
        }
        let sticky = kind == Kind::Folder && mode & 0o1000 != 0;
        if matches!(kind, Kind::Regular | Kind::Folder) && mode & 0o002 != 0 && !sticky {
            tell(&mut self.world_writable, file);
        }
        match kind {
            Kind::Regular if size > 0 => self.regular(file, folder, name),
            Kind::Regular | Kind::Link => {}
            Kind::Folder => {
                if folder == b"/var/lib/cloud/instances" && self.cloud_instances.len() < TOLD {
                    self.cloud_instances.push(printable(name));
                }
                return;
            }
            Kind::Other => return,
        }
        let starts =
            is_below(folder, "/etc/systemd/system") || is_below(folder, "/etc/systemd/user");
        let wanted = [&b".wants"[..], b".requires"].iter().any(|end| folder.ends_with(end));
        if starts && wanted && self.units.len() < TOLD {
            self.units.insert(printable(name));
        }
        let rc = folder.starts_with(b"/etc/rc") && folder.ends_with(b".d");
        // S, two digits, and the name of the script.
        let started = rc && name.first() == Some(&b'S') && name.len() > 3;
        let script = if started { &name[3..] } else { name };
        if (started || is_below(folder, "/etc/runlevels")) && self.scripts.len() < TOLD {
            self.scripts.insert(printable(script));
        }
        if kind == Kind::Link && folder == b"/var/lib/cloud" && name == b"instance" {
            self.cloud_instances.push("instance".to_owned());
        }
        self.cloud_init |= matches!(path, b"/usr/bin/cloud-init" | b"/usr/local/bin/cloud-init");
    }

    fn regular(&mut self, file: &Met<'_>, folder: &[u8], name: &[u8]) {
        let is = |known: &&str| name == known.as_bytes();
        if folder == b"/etc/ssh" && name.starts_with(b"ssh_host_") && name.ends_with(b"_key") {
            tell(&mut self.host_keys, file);
        }
        if is_below(folder, "/var/log") {
            tell(&mut self.logs, file);
        }
        if in_a_home(folder) && HISTORIES.iter().any(is) {
            tell(&mut self.histories, file);
        }
        if is_leftover(file.path, folder, name) {
            tell(&mut self.leftovers, file);
        }
        if is_cache(file.path, folder, name) {
            tell(&mut self.caches, file);
        }
        if is_credential(file.path, folder, name) {
            tell(&mut self.credentials, file);
        }
        self.cloud_seed |= is_below(folder, "/var/lib/cloud/seed");
    }

    /// Whether the beginning of a file has to be looked at: a private key can have any name.
    pub(super) fn is_of_interest(&self, file: &Met<'_>) -> bool {
        let Met { path, kind, size, .. } = *file;
        let key = || path.ends_with(b".pem") || path.ends_with(b".key");
        let place = || {
            [&b"/root/"[..], b"/home/", b"/etc/", b"/srv/", b"/opt/"]
                .iter()
                .any(|at| path.starts_with(at))
        };
        let host_key = || path.starts_with(b"/etc/ssh/ssh_host_");
        kind == Kind::Regular
            && (32..64 << 10).contains(&size)
            && self.credentials.len() < TOLD
            && key()
            && place()
            && !host_key()
    }

    /// Looks at the beginning of a file.
    pub(super) fn look_at(&mut self, file: &Met<'_>, beginning: &[u8]) {
        let line =
            beginning.split(|byte| *byte == b'\n').find(|line| line.starts_with(PRIVATE_KEY));
        let private = |line: &[u8]| line.windows(12).any(|part| part == b"PRIVATE KEY-");
        if line.is_some_and(private)
            && !self.credentials.iter().any(|known| known.path == printable(file.path))
        {
            tell(&mut self.credentials, file);
        }
    }

    /// What starts by itself: systemd passes over scripts where it has units.
    pub(super) fn services(&self) -> Vec<String> {
        let started = if self.units.is_empty() { &self.scripts } else { &self.units };
        started.iter().cloned().collect()
    }

    /// How much there is.
    pub(super) fn sizes(&self) -> Sizes {
        let mut folders: Vec<FolderSize> = self
            .folders
            .iter()
            .map(|(path, bytes)| {
                let path = if path.is_empty() { "/".to_owned() } else { printable(path) };
                FolderSize { path, bytes: *bytes }
            })
            .collect();
        folders.sort_by(|a, b| (b.bytes, &a.path).cmp(&(a.bytes, &b.path)));
        Sizes { files: self.files, bytes: self.bytes, folders }
    }
}

fn tell(told: &mut Vec<FileFact>, file: &Met<'_>) {
    if told.len() < TOLD {
        let mode = format!("{:04o}", file.mode);
        told.push(FileFact { path: printable(file.path), size: file.size, mode });
    }
}

/// Whether a folder is this one or lies in it.
fn is_below(folder: &[u8], top: &str) -> bool {
    folder
        .strip_prefix(top.as_bytes())
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
}

fn in_a_home(folder: &[u8]) -> bool {
    let homes = ["/root", "/home", "/var/home", "/var/roothome"];
    homes.iter().any(|home| is_below(folder, home)) || folder.is_empty()
}

fn is_credential(path: &[u8], folder: &[u8], name: &[u8]) -> bool {
    in_a_home(folder) && CREDENTIALS.iter().any(|known| name == known.as_bytes())
        || CREDENTIAL_PATHS.iter().any(|end| path.ends_with(end.as_bytes()))
}

/// What a build, or the first boot of the build's machine, leaves.
fn is_leftover(path: &[u8], folder: &[u8], name: &[u8]) -> bool {
    let temporary = is_below(folder, "/tmp") || is_below(folder, "/var/tmp");
    let leases =
        ["/var/lib/dhcp", "/var/lib/dhclient", "/var/lib/dhcpcd", "/var/lib/NetworkManager"];
    let lease = leases.iter().any(|top| is_below(folder, top))
        && (name.windows(5).any(|part| part == b"lease") || name.ends_with(b".lease"));
    temporary
        || lease
        || matches!(
            path,
            b"/var/lib/systemd/random-seed"
                | b"/var/lib/urandom/random-seed"
                | b"/etc/udev/rules.d/70-persistent-net.rules"
                | b"/etc/udev/rules.d/75-persistent-net-generator.rules"
                | b"/root/anaconda-ks.cfg"
                | b"/root/original-ks.cfg"
                | b"/root/install.log"
                | b"/preseed.cfg"
        )
        || name.starts_with(b"packer-shell")
        || is_below(folder, "/var/lib/systemd/credential.secret")
}

/// What package managers keep of their downloads.
fn is_cache(path: &[u8], folder: &[u8], name: &[u8]) -> bool {
    let places = ["/var/cache/dnf", "/var/cache/yum", "/var/cache/zypp", "/var/cache/apk"];
    let packed = name.ends_with(b".deb") && is_below(folder, "/var/cache/apt/archives")
        || is_below(folder, "/var/cache/pacman/pkg");
    let lists = is_below(folder, "/var/lib/apt/lists") && name != b"lock";
    let apt = path.starts_with(b"/var/cache/apt/") && name.ends_with(b"pkgcache.bin");
    packed || lists || apt || places.iter().any(|top| is_below(folder, top))
}
