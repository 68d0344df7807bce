//! The golden rules: their names, what breaking them leads to, and why. What each of them looks at is
//! in `gate/rules/`.

use super::{Hardening, Level};

/// A golden rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GoldenRule {
    /// Its name: `machine-id`.
    pub name: &'static str,
    /// What breaking it leads to unless somebody says otherwise.
    pub own: Level,
    /// What it asks for, in a line.
    pub title: &'static str,
    /// Why, in a line.
    pub why: &'static str,
    /// What to do where it is broken.
    pub help: &'static str,
    /// The profile that it belongs to; none for those that hold without one.
    pub profile: Option<Hardening>,
}

impl GoldenRule {
    /// The rule of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        GOLDEN_RULES.iter().find(|rule| rule.name == name)
    }
}

const fn rule(
    name: &'static str,
    own: Level,
    title: &'static str,
    why: &'static str,
    help: &'static str,
) -> GoldenRule {
    GoldenRule { name, own, title, why, help, profile: None }
}

const fn cis(
    name: &'static str,
    title: &'static str,
    why: &'static str,
    help: &'static str,
) -> GoldenRule {
    let profile = Some(Hardening::CisDebian);
    GoldenRule { name, own: Level::Warn, title, why, help, profile }
}

/// All rules, by subject.
pub const GOLDEN_RULES: &[GoldenRule] = &[
    // Access.
    rule(
        "builder-password",
        Level::Block,
        "The user that the build logged in as has no usable password",
        "whoever knows how the image was built can log in to every machine made from it",
        "remove the user, or lock its password, in the last step of the build: `passwd --lock USER`",
    ),
    rule(
        "builder-key",
        Level::Block,
        "The user that the build logged in as has no key that opens a login",
        "the private half lies on the machine that built the image, or in its repository",
        "remove `authorized_keys` in the last step of the build, or set `ssh_clear_authorized_keys = true`",
    ),
    rule(
        "default-password",
        Level::Block,
        "No password is a known default, or one that stands in the template",
        "such a password is public",
        "lock the password (`passwd --lock USER`), or make a random one for each build",
    ),
    rule(
        "empty-password",
        Level::Block,
        "Nobody can log in from afar without a password",
        "sshd lets in whoever names the user",
        "lock the password (`passwd --lock USER`), and leave `PermitEmptyPasswords` at `no`",
    ),
    rule(
        "empty-password-local",
        Level::Warn,
        "No user has an empty password",
        "whoever sees the console of a machine is logged in",
        "lock the password: `passwd --lock USER`",
    ),
    rule(
        "authorized-keys",
        Level::Warn,
        "No key opens a login",
        "the same key opens every machine made from the image, for ever",
        "leave keys to cloud-init, or whatever else sets up machines",
    ),
    rule(
        "root-login",
        Level::Warn,
        "sshd does not let root in with a password",
        "root is the name that everybody tries",
        "set `PermitRootLogin no`, or leave it at `prohibit-password`",
    ),
    // Identity.
    rule(
        "machine-id",
        Level::Block,
        "The image has no machine id",
        "machines with one id get the same address by DHCP and cannot be told apart",
        "`truncate -s 0 /etc/machine-id` in the last step of the build",
    ),
    rule(
        "dbus-machine-id",
        Level::Warn,
        "D-Bus has no machine id of its own",
        "a copy stays what it is when the other one is made anew",
        "`ln -sf /etc/machine-id /var/lib/dbus/machine-id` in the last step of the build",
    ),
    rule(
        "version-stamp",
        Level::Block,
        "The image says which version of which image it is",
        "an image that says something else is not the one that was built",
        "leave `/etc/image-release` as goldsmith's first provisioner has written it",
    ),
    rule(
        "ssh-host-keys",
        Level::Warn,
        "The image has no SSH host keys",
        "until the first boot has replaced them, all machines have the same",
        "`rm -f /etc/ssh/ssh_host_*` in the last step of the build",
    ),
    rule(
        "ssh-host-keys-kept",
        Level::Block,
        "No SSH host keys stay in the image after its first boot",
        "whoever has one machine can pass itself off as any other",
        "`rm -f /etc/ssh/ssh_host_*` in the last step of the build, and have them made at the first boot",
    ),
    rule(
        "random-seed",
        Level::Warn,
        "The image has no seed for random numbers",
        "machines that begin with the same seed can come to the same keys",
        "`rm -f /var/lib/systemd/random-seed` in the last step of the build",
    ),
    // Credentials.
    rule(
        "private-key",
        Level::Block,
        "The image has no private keys",
        "everybody who has the image has the key",
        "remove it in the build, and make it anew wherever it was used",
    ),
    rule(
        "cloud-credentials",
        Level::Block,
        "The image has no credentials for a cloud",
        "everybody who has the image can use them",
        "remove them in the build, and withdraw them",
    ),
    rule(
        "token",
        Level::Block,
        "The image has no tokens or stored passwords",
        "everybody who has the image can use them",
        "remove it in the build, and withdraw it",
    ),
    // cloud-init and agents.
    rule(
        "cloud-init-state",
        Level::Warn,
        "cloud-init has not run yet",
        "what it has done for the machine of the build it may not do again",
        "`cloud-init clean --logs --seed` in the last step of the build",
    ),
    rule(
        "cloud-init",
        Level::Warn,
        "cloud-init is there and starts by itself",
        "without it, machines know neither their names nor who may log in",
        "install cloud-init, and leave it enabled",
    ),
    rule(
        "guest-agent",
        Level::Warn,
        "The QEMU guest agent is there and starts by itself",
        "without it, the host learns no addresses and makes no consistent snapshots",
        "install qemu-guest-agent, and leave it enabled",
    ),
    // Leftovers.
    rule(
        "dhcp-lease",
        Level::Warn,
        "No leases of addresses are left",
        "a machine asks for the address of the one that was built",
        "remove `/var/lib/dhcp/*` in the last step of the build",
    ),
    rule(
        "persistent-net",
        Level::Warn,
        "No names are kept for network cards of the build",
        "the card of another machine gets another name, and no configuration",
        "remove `/etc/udev/rules.d/70-persistent-net.rules` in the last step of the build",
    ),
    rule(
        "shell-history",
        Level::Warn,
        "No histories of shells are left",
        "they tell what was typed, passwords among it",
        "remove `.bash_history` and its like in the last step of the build",
    ),
    rule(
        "logs",
        Level::Warn,
        "The logs of the build are not large",
        "they are of a machine that is no more, and every copy carries them",
        "`find /var/log -type f -exec truncate -s 0 {} +` in the last step of the build",
    ),
    rule(
        "package-cache",
        Level::Warn,
        "Package managers keep no downloads",
        "they are old at the first boot, and every copy carries them",
        "`apt-get clean && rm -rf /var/lib/apt/lists/*`, or `dnf clean all`, in the last step of the build",
    ),
    rule(
        "build-leftovers",
        Level::Warn,
        "Nothing else of the build is left",
        "scripts and answers to installers say how the image was made, and often with which passwords",
        "remove temporary files and what the installer wrote in the last step of the build",
    ),
    // The system.
    rule(
        "world-writable",
        Level::Warn,
        "Not everybody can change files of the system",
        "any program can put its own there",
        "`chmod o-w` what is named",
    ),
    rule(
        "unexpected-setuid",
        Level::Warn,
        "No unusual program has the rights of its owner or group",
        "a mistake in one gives its rights to anybody",
        "`chmod ug-s` what is named, unless it has to be so",
    ),
    rule(
        "fstab-device",
        Level::Warn,
        "File systems are mounted by UUID or label",
        "disks are called otherwise on other hosts, and the machine does not boot",
        "write `UUID=…` or `LABEL=…` into `/etc/fstab`",
    ),
    rule(
        "image-size",
        Level::Warn,
        "The image is within its budget, `max_size`",
        "it is stored and copied many times",
        "remove what is not needed, compress the disk, or raise `max_size`",
    ),
    rule(
        "superseded-kernels",
        Level::Warn,
        "No kernel is installed but the newest",
        "findings of the others stay findings, although nothing boots them",
        "reboot into the newest kernel during the build and remove the others: `apt-get autoremove --purge`",
    ),
    // CIS Debian Linux 12 Benchmark, version 1.1.0.
    cis(
        "cis-1.6.2",
        "Local login warning banner: `/etc/issue` does not describe the system",
        "the name and the version of a system tell what it is vulnerable to",
        "write a banner without `\\m`, `\\r`, `\\s`, `\\v` and the name of the system into `/etc/issue`",
    ),
    cis(
        "cis-5.1.10",
        "sshd `HostbasedAuthentication` is disabled",
        "it trusts whatever another host says",
        "set `HostbasedAuthentication no`",
    ),
    cis(
        "cis-5.1.13",
        "sshd `LoginGraceTime` is a minute or less",
        "connections that never log in take the places of others",
        "set `LoginGraceTime 60`",
    ),
    cis(
        "cis-5.1.16",
        "sshd `MaxAuthTries` is 4 or less",
        "it slows down who guesses passwords",
        "set `MaxAuthTries 4`",
    ),
    cis(
        "cis-5.1.20",
        "sshd `PermitRootLogin` is disabled",
        "who logs in as root cannot be told from others who do",
        "set `PermitRootLogin no`",
    ),
    cis(
        "cis-5.2.2",
        "sudo runs commands on a terminal of their own",
        "what a command leaves running could go on writing to the user's terminal",
        "write `Defaults use_pty` into a file in `/etc/sudoers.d`",
    ),
    cis(
        "cis-5.4.1.1",
        "Passwords expire after a year or less",
        "a password that was lost is lost for ever otherwise",
        "set `PASS_MAX_DAYS 365` in `/etc/login.defs`",
    ),
    cis(
        "cis-5.4.1.4",
        "Passwords are hashed by SHA-512 or yescrypt",
        "hashes of other methods are found out too fast",
        "set `ENCRYPT_METHOD YESCRYPT` in `/etc/login.defs`",
    ),
    cis(
        "cis-5.4.2.1",
        "root is the only user with UID 0",
        "another one is root under a name that nobody looks for",
        "remove the user, or give it another UID",
    ),
    cis(
        "cis-7.2.2",
        "No password field in `/etc/shadow` is empty",
        "anybody can become a user who needs no password",
        "lock the password: `passwd --lock USER`",
    ),
];
