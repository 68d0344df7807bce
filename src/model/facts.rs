//! What an image carries of its maker, and of itself: what the rules about generalization ask for.
//!
//! Every fact can be absent: a strategy that cannot see something says "not checked", which is
//! another answer than "nothing there".

use std::fmt;

use serde::{Deserialize, Serialize};

/// The facts of an image. `None`: not checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The version that is written down inside.
    pub release: Option<ImageRelease>,
    /// `/etc/machine-id` (systemd, machine-id(5)).
    pub machine_id: Option<MachineId>,
    /// `/var/lib/dbus/machine-id`.
    pub dbus_machine_id: Option<MachineId>,
    /// SSH host keys.
    pub host_keys: Option<Vec<FileFact>>,
    /// Keys that open a login.
    pub authorized_keys: Option<Vec<AuthorizedKey>>,
    /// Users of `/etc/passwd` with the state of their passwords.
    pub accounts: Option<Vec<Account>>,
    /// Lines of sudoers that say something.
    pub sudo: Option<Vec<Line>>,
    /// Lines of the SSH daemon's configuration that say something.
    pub sshd: Option<Vec<Line>>,
    /// cloud-init, if it is there.
    pub cloud_init: Option<CloudInit>,
    /// Logs that are not empty.
    pub logs: Option<Vec<FileFact>>,
    /// Histories of shells and other programs.
    pub histories: Option<Vec<FileFact>>,
    /// What a build left: scripts of Packer, temporary files, leases, seeds, rules for network cards.
    pub leftovers: Option<Vec<FileFact>>,
    /// What package managers keep of their downloads.
    pub caches: Option<Vec<FileFact>>,
    /// Units of systemd, or services of others, that start by themselves.
    pub services: Option<Vec<String>>,
    /// Programs that run with the rights of their owner or group.
    pub set_id: Option<Vec<FileFact>>,
    /// Files outside of the places for it that everybody may write to.
    pub world_writable: Option<Vec<FileFact>>,
    /// Private keys and files with credentials, by their names and beginnings.
    pub credentials: Option<Vec<FileFact>>,
    /// Tokens, keys and passwords in files, as the scanner knows them by their looks.
    pub secrets: Option<Vec<SecretFact>>,
    /// Whether there were more files that may hold some than are looked into.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secrets_left_out: bool,
    /// Lines of `/etc/fstab` that say something.
    pub fstab: Option<Vec<Line>>,
    /// Lines of `/etc/login.defs` that say something.
    pub login_defs: Option<Vec<Line>>,
    /// Lines of `/etc/issue`.
    pub issue: Option<Vec<Line>>,
    /// How much there is.
    pub sizes: Option<Sizes>,
}

/// What `/etc/image-release` says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRelease {
    /// `IMAGE_ID`; empty if it is missing.
    pub id: String,
    /// `IMAGE_VERSION`; empty if it is missing.
    pub version: String,
}

/// A file that holds a machine's identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MachineId {
    /// It is not there: made at the first boot.
    Absent,
    /// Empty: made at the first boot.
    Empty,
    /// `uninitialized`: made at the first boot, which counts as the first.
    Uninitialized,
    /// A link to the other file.
    Link,
    /// An identity that all copies would share.
    Set,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileFact {
    /// Its path; bytes that are no text are shown as `\x…`.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// Its mode in octal: `0644`, `4755`.
    pub mode: String,
}

/// A key that opens a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizedKey {
    /// The file.
    pub path: String,
    /// `ssh-ed25519`.
    pub kind: String,
    /// `SHA256:…`, as `ssh-keygen -l` has it.
    pub fingerprint: String,
    /// The rest of the line.
    pub comment: String,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Home folder.
    pub home: String,
    /// Login shell.
    pub shell: String,
    /// Its password; `None` if nobody could look at it.
    pub password: Option<Password>,
}

/// The state of a password (shadow(5)).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Password {
    /// None opens the account.
    Locked,
    /// No password is asked for.
    Empty,
    /// A password.
    Hashed {
        /// The method, as in `$6$`: `6`, `y`, `2b`; empty for DES.
        method: String,
        /// The field itself: never written anywhere.
        #[serde(skip)]
        hash: PasswordHash,
    },
}

/// The hash of a password. Cannot be printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl PasswordHash {
    /// Whether it is there to be compared with: it is not where the account was read from a document.
    pub fn is_known(&self) -> bool {
        !self.0.is_empty()
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Something in a file that looks like a secret. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecretFact {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// The scanner's rule: `github-pat`.
    pub rule: String,
    /// Whose secrets it looks for: `GitHub`, `AWS`, `AsymmetricPrivateKey`.
    pub category: String,
    /// What it looks for, in words.
    pub title: String,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The file.
    pub path: String,
    /// Its number, from 1.
    pub line: usize,
    /// What it says.
    pub text: String,
}

/// The state of cloud-init.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four facts that have nothing to do with each other"
)]
pub struct CloudInit {
    /// Whether it is installed.
    pub installed: bool,
    /// Whether it is told not to run.
    pub disabled: bool,
    /// Instances that it has seen: empty on a clean image.
    pub instances: Vec<String>,
    /// Whether a seed of the build machine is left.
    pub seed: bool,
    /// Whether it removes SSH host keys at the first boot (`ssh_deletekeys`, which is so unless
    /// something else is said).
    pub deletes_host_keys: bool,
}

impl CloudInit {
    /// Whether it makes new SSH host keys at the first boot: it is there, it runs, and is not told to
    /// leave them.
    pub fn replaces_host_keys(&self) -> bool {
        self.installed && !self.disabled && self.deletes_host_keys
    }
}

/// How much there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Files of all kinds.
    pub files: u64,
    /// Bytes of all of them.
    pub bytes: u64,
    /// Bytes of each folder at the top, the largest first.
    pub folders: Vec<FolderSize>,
}

/// How much a folder holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderSize {
    /// `/usr`.
    pub path: String,
    /// Bytes, of all that is below.
    pub bytes: u64,
}
