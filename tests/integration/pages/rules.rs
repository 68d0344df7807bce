//! `docs/rules/`: a table of the golden rules, and a page for each.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use camino::Utf8Path;
use goldsmith::model::{GOLDEN_RULES, GoldenRule, Level};

use super::{compare, generated};

const FROM: &str = "`src/model/golden_rules.rs` and `tests/integration/pages/rules.rs`";

#[test]
fn every_rule_has_its_page_and_every_page_its_rule() {
    let mut table = generated(FROM);
    table.push_str(
        "# Golden rules\n\nWhat an image must not carry of its maker, and what it should have. [The gate](../gate.md#golden-rules) says how they are judged, and how a level is changed. \
         `block`: the image is not published; `warn`: it is said in the report.\n",
    );
    section(&mut table, "By default", |rule| rule.profile.is_none());
    section(&mut table, "With `hardening: cis-debian`", |rule| rule.profile.is_some());
    table.push_str("\nItems of the CIS Debian Linux 12 Benchmark, version 1.1.0, by its numbers. Those are ten that files alone decide; the benchmark has many more.\n");
    compare("docs/rules/README.md", &table);
    for rule in GOLDEN_RULES {
        compare(&format!("docs/rules/{}.md", rule.name), &page(rule));
    }
    let folder = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules");
    let there: BTreeSet<String> =
        folder.read_dir_utf8().unwrap().map(|it| it.unwrap().file_name().to_owned()).collect();
    let rules = GOLDEN_RULES.iter().map(|rule| format!("{}.md", rule.name));
    assert_eq!(there, rules.chain(["README.md".to_owned()]).collect());
}

fn section(table: &mut String, heading: &str, is_in: impl Fn(&GoldenRule) -> bool) {
    write!(table, "\n## {heading}\n\n| rule | level | asks for |\n|---|---|---|\n").unwrap();
    for rule in GOLDEN_RULES.iter().filter(|rule| is_in(rule)) {
        let GoldenRule { name, title, own, .. } = rule;
        writeln!(table, "| [`{name}`]({name}.md) | {} | {title} |", level(*own)).unwrap();
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Block => "block",
        Level::Warn => "warn",
        Level::Off => "off",
    }
}

fn page(rule: &GoldenRule) -> String {
    let GoldenRule { name, title, why, help, own, profile } = rule;
    let mut page = generated(FROM);
    let only = if profile.is_some() { ", with `hardening: cis-debian` only" } else { "" };
    write!(page, "# {name}\n\n{title}. Level: {}{only}.\n\n", level(*own)).unwrap();
    let looks_at = looks_at(name);
    write!(page, "**What it looks at.** {looks_at}\n\n**Why.** {}.\n\n", capital(why)).unwrap();
    writeln!(page, "**How to fix it.** {}.", capital(help)).unwrap();
    if let Some(commands) = commands(name) {
        page.push_str("\n```hcl\nprovisioner \"shell\" {\n  execute_command = \"sudo sh -eu {{ .Path }}\"\n  inline = [\n");
        for command in commands {
            let literal = serde_json::to_string(command).unwrap();
            writeln!(page, "    {literal},").unwrap();
        }
        page.push_str("  ]\n}\n```\n");
    }
    let other = if *own == Level::Block { "warn" } else { "off" };
    write!(page, "\n**An exception**, for one image, in `images.yml`:\n\n```yaml\n    gate: {{ generalize: {{ {name}: {other} }} }}\n```\n").unwrap();
    page
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    first + letters.as_str()
}

/// What a rule looks at, and what it cannot see.
fn looks_at(name: &str) -> &'static str {
    match name {
        "builder-password" => {
            "The users that the template's `ssh_username` or `winrm_username` names, in `/etc/passwd` and `/etc/shadow`. Not checked if only Packer can tell the name, and with `evidence: guest`, where the user is still there."
        }
        "builder-key" => {
            "`.ssh/authorized_keys` of the users that the template's `ssh_username` names. Not checked if only Packer can tell the name, and with `evidence: guest`."
        }
        "default-password" => {
            "Hashes in `/etc/shadow` (MD5, SHA-256, SHA-512, bcrypt, yescrypt), compared with the passwords that stand in the template (`ssh_password`, `winrm_password`), the users' own names and a short list of defaults. A hash that would take long to compare is not checked."
        }
        "empty-password" => {
            "Users with a shell and an empty password, and whether sshd lets them in (`PermitEmptyPasswords`, `PasswordAuthentication`)."
        }
        "empty-password-local" => "Users with a shell and an empty password. Not for containers.",
        "authorized-keys" => {
            "`.ssh/authorized_keys` of root and of all homes, but for the builder's, which have [a rule of their own](builder-key.md)."
        }
        "root-login" => {
            "`PermitRootLogin` in sshd's configuration, with everything that it includes."
        }
        "machine-id" => "`/etc/machine-id`: may be missing, empty or `uninitialized`.",
        "dbus-machine-id" => "`/var/lib/dbus/machine-id`: may be missing, empty or a link.",
        "version-stamp" => {
            "`IMAGE_ID` and `IMAGE_VERSION` in `/etc/image-release` (Windows: the registry), where this build was stamped. Not checked for artifacts that were handed in, for `scan`, and for templates without a communicator."
        }
        "ssh-host-keys" => {
            "`/etc/ssh/ssh_host_*_key`, where cloud-init makes new ones at the first boot."
        }
        "ssh-host-keys-kept" => {
            "`/etc/ssh/ssh_host_*_key`, where cloud-init is missing, disabled, or told `ssh_deletekeys: false`."
        }
        "random-seed" => "`random-seed` of systemd and of older systems.",
        "private-key" => {
            "Files that are called as private keys are (`id_ed25519`, `*.pem`, `*.key`) and begin as such, and what the scanner finds in small text files. SSH host keys have rules of their own."
        }
        "cloud-credentials" => {
            "Files such as `.aws/credentials`, and what the scanner finds in small text files: settings, profiles, histories, user-data."
        }
        "token" => {
            "Files such as `.netrc`, `.git-credentials`, `.docker/config.json`, and what the scanner finds in small text files: settings, profiles, histories, user-data."
        }
        "cloud-init-state" => "`/var/lib/cloud/instances` and `/var/lib/cloud/seed`.",
        "cloud-init" => {
            "Images with `source: cloud-image`: the program, `/etc/cloud/cloud-init.disabled`, enabled services."
        }
        "guest-agent" => {
            "Images with `source: cloud-image`, `iso` or `image`: the package; on Alpine also the runlevels (elsewhere udev starts it)."
        }
        "dhcp-lease" => "Leases below `/var/lib` of dhclient, dhcpcd and NetworkManager.",
        "persistent-net" => "`70-persistent-net.rules` and its generator.",
        "shell-history" => "Histories of shells and of database clients in all homes.",
        "logs" => "Files below `/var/log`: more than 16 MiB together.",
        "package-cache" => {
            "Caches and lists of apt, dnf, zypper, apk and pacman: more than 1 MiB together."
        }
        "build-leftovers" => {
            "Files in `/tmp` and `/var/tmp`, Packer's scripts, answers to installers (`anaconda-ks.cfg`, `preseed.cfg`)."
        }
        "world-writable" => {
            "Files and folders of the system that everybody may write to; not those with the sticky bit."
        }
        "unexpected-setuid" => {
            "Programs with set-user-ID or set-group-ID that no distribution has so."
        }
        "fstab-device" => "`/etc/fstab`: `/dev/sda1`, `/dev/vda1`, `/dev/nvme0n1p1`.",
        "image-size" => {
            "The files of the artifact together. Without `max_size` there is no budget."
        }
        "superseded-kernels" => {
            "Packages of kernels (Debian's `linux-image-*`, RPM's `kernel-core` and its like), newest by the package manager's order, for each flavour. Findings of the others block as all findings do, and are told as one reason."
        }
        "cis-1.6.2" => "`/etc/issue`.",
        "cis-5.2.2" => "`/etc/sudoers` and `/etc/sudoers.d`.",
        "cis-5.4.1.1" | "cis-5.4.1.4" => "`/etc/login.defs`.",
        "cis-5.4.2.1" => "`/etc/passwd`.",
        "cis-7.2.2" => "`/etc/shadow`.",
        name if name.starts_with("cis-5.1.") => {
            "sshd's configuration, with everything that it includes. What stands in `Match` blocks is not looked at."
        }
        name => panic!("nothing says what `{name}` looks at"),
    }
}

/// What a provisioner does about it, where commands alone do it.
fn commands(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "builder-password" => &["passwd --lock builder"],
        "builder-key" => &["rm -f /home/builder/.ssh/authorized_keys"],
        "default-password" | "empty-password" | "empty-password-local" | "cis-7.2.2" => {
            &["passwd --lock somebody"]
        }
        "authorized-keys" => &["rm -f /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys"],
        "root-login" | "cis-5.1.20" => {
            &["echo 'PermitRootLogin no' >/etc/ssh/sshd_config.d/10-root.conf"]
        }
        "machine-id" => &["truncate -s 0 /etc/machine-id"],
        "dbus-machine-id" => &["ln -sf /etc/machine-id /var/lib/dbus/machine-id"],
        "ssh-host-keys" | "ssh-host-keys-kept" => &["rm -f /etc/ssh/ssh_host_*"],
        "random-seed" => &["rm -f /var/lib/systemd/random-seed"],
        "token" => &["rm -f /root/.netrc /root/.git-credentials"],
        "cloud-init-state" => &["cloud-init clean --logs --seed"],
        "guest-agent" => &["apt-get install -y qemu-guest-agent"],
        "dhcp-lease" => &["rm -f /var/lib/dhcp/*"],
        "persistent-net" => &["rm -f /etc/udev/rules.d/70-persistent-net.rules"],
        "shell-history" => &["rm -f /root/.bash_history /home/*/.bash_history"],
        "logs" => &["find /var/log -type f -exec truncate -s 0 {} +"],
        "package-cache" => &["apt-get clean", "rm -rf /var/lib/apt/lists/*"],
        "build-leftovers" => &["find /tmp /var/tmp -mindepth 1 -delete"],
        "superseded-kernels" => &["apt-get autoremove --purge -y"],
        "cis-1.6.2" => &["echo 'Authorized users only.' >/etc/issue"],
        "cis-5.1.10" => &["echo 'HostbasedAuthentication no' >/etc/ssh/sshd_config.d/10-cis.conf"],
        "cis-5.1.13" => &["echo 'LoginGraceTime 60' >/etc/ssh/sshd_config.d/10-cis.conf"],
        "cis-5.1.16" => &["echo 'MaxAuthTries 4' >/etc/ssh/sshd_config.d/10-cis.conf"],
        "cis-5.2.2" => &["echo 'Defaults use_pty' >/etc/sudoers.d/10-cis"],
        "cis-5.4.1.1" => &["sed -i 's/^PASS_MAX_DAYS.*/PASS_MAX_DAYS 365/' /etc/login.defs"],
        "cis-5.4.1.4" => &["sed -i 's/^ENCRYPT_METHOD.*/ENCRYPT_METHOD YESCRYPT/' /etc/login.defs"],
        _ => return None,
    })
}
