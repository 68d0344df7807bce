//! Each rule broken and kept, by facts.

use std::collections::BTreeSet;

use super::*;
use crate::model::samples::{evidence, policy};
use crate::model::{
    Account, AuthorizedKey, Before, BuildAccess, CloudInit, Digest, Evidence, Expected, Facts,
    GateLists, GatePolicy, Hardening, ImageRelease, MachineId, Os, Package, Password, PasswordHash,
    SecretFact, Sizes, Source,
};

/// glibc's hash of `packer`, with few rounds.
const PACKER: &str = "$5$rounds=1000$abcdefgh$5E5Ljj6jbhqT6z7KHBzL4vkLSJ1iN7ofz0M4ns95SqD";
/// One of a password that nobody knows.
const UNKNOWN: &str = "$5$rounds=1000$abcdefgh$0000000000000000000000000000000000000000000";

fn account(name: &str, uid: u32, password: Password) -> Account {
    let home = if uid == 0 { "/root".to_owned() } else { format!("/home/{name}") };
    Account { name: name.into(), uid, home, shell: "/bin/bash".into(), password: Some(password) }
}

fn hashed(hash: &str) -> Password {
    Password::Hashed { method: "5".into(), hash: PasswordHash(hash.into()) }
}

fn file(path: &str) -> FileFact {
    FileFact { path: path.into(), size: 20 << 20, mode: "0644".into() }
}

fn text(path: &str, text: &str) -> Line {
    Line { path: path.into(), line: 7, text: text.into() }
}

fn key(path: &str) -> AuthorizedKey {
    let (kind, comment) = ("ssh-ed25519".into(), String::new());
    AuthorizedKey { path: path.into(), kind, fingerprint: "SHA256:abc".into(), comment }
}

fn secret(path: &str, rule: &str, category: &str) -> SecretFact {
    let (rule, category) = (rule.into(), category.into());
    SecretFact { path: path.into(), line: 3, rule, category, title: "Something secret".into() }
}

const SSHD: &str = "/etc/ssh/sshd_config";

/// An image that keeps all rules, those of the profile too.
fn clean() -> (Evidence, Expected) {
    let stamp = ImageRelease { id: "debian-12".into(), version: "1.0.20261123".into() };
    let mut evidence = evidence();
    let package = |name: &str| Package {
        name: name.into(),
        version: "1".into(),
        arch: "amd64".into(),
        source: name.into(),
    };
    evidence.inventory.packages.extend(["qemu-guest-agent", "cloud-init"].map(package));
    let sshd =
        ["PermitRootLogin no", "MaxAuthTries 4", "LoginGraceTime 1m", "PasswordAuthentication yes"];
    evidence.facts = Facts {
        release: Some(stamp.clone()),
        machine_id: Some(MachineId::Empty),
        dbus_machine_id: Some(MachineId::Link),
        host_keys: Some(Vec::new()),
        authorized_keys: Some(Vec::new()),
        accounts: Some(vec![
            account("root", 0, Password::Locked),
            account("builder", 1000, Password::Locked),
            account("somebody", 1001, hashed(UNKNOWN)),
        ]),
        sudo: Some(vec![text("/etc/sudoers", "Defaults env_reset, use_pty")]),
        sshd: Some(sshd.map(|line| text(SSHD, line)).into()),
        cloud_init: Some(CloudInit {
            installed: true,
            disabled: false,
            instances: Vec::new(),
            seed: false,
            deletes_host_keys: true,
        }),
        logs: Some(Vec::new()),
        histories: Some(Vec::new()),
        leftovers: Some(Vec::new()),
        caches: Some(Vec::new()),
        services: Some(vec!["cloud-init.service".into()]),
        set_id: Some(vec![file("/usr/bin/sudo")]),
        world_writable: Some(vec![file("/srv/shared")]),
        credentials: Some(Vec::new()),
        secrets_left_out: false,
        secrets: Some(Vec::new()),
        fstab: Some(vec![text("/etc/fstab", "UUID=1234 / ext4 defaults 0 1")]),
        login_defs: Some(vec![
            text("/etc/login.defs", "PASS_MAX_DAYS 365"),
            text("/etc/login.defs", "ENCRYPT_METHOD YESCRYPT"),
        ]),
        issue: Some(vec![text("/etc/issue", "Authorized users only")]),
        sizes: Some(Sizes { files: 0, bytes: 0, folders: Vec::new() }),
    };
    let mut expected = Expected::os(Os { family: "debian".into(), release: "12".into() });
    expected.source = Some(Source::CloudImage);
    expected.stamp = Some(stamp);
    (expected.max_size, expected.size) = (Some(2 << 30), Some(1 << 30));
    expected.access = BuildAccess {
        users: BTreeSet::from(["builder".to_owned()]),
        passwords: BTreeSet::from(["of the template".to_owned()]),
    };
    (evidence, expected)
}

/// All rules, those of the profile too.
fn all() -> GatePolicy {
    let mut policy = policy();
    policy.rules.hardening.insert(Hardening::CisDebian, Level::Warn);
    policy
}

fn inspection(evidence: &Evidence, expected: &Expected, policy: &GatePolicy) -> Inspection {
    inspect(&Case {
        subject: Digest::of(b"disk"),
        expected,
        evidence,
        scan: None,
        policy,
        lists: &GateLists::default(),
        before: &Before::default(),
        now: "2026-11-23T12:00:00Z".parse().unwrap(),
    })
}

fn names(violations: &[Violation]) -> Vec<&str> {
    violations.iter().map(|violation| violation.rule.as_str()).collect()
}

type Spoil = fn(&mut Facts, &mut Expected);

/// What breaks each rule, and no other.
const SPOILS: &[(&str, Spoil)] = &[
    ("builder-password", |f, _| {
        f.accounts.as_mut().unwrap()[1].password = Some(hashed(UNKNOWN));
    }),
    ("builder-key", |f, _| {
        f.authorized_keys = Some(vec![key("/home/builder/.ssh/authorized_keys")]);
    }),
    ("default-password", |f, _| f.accounts.as_mut().unwrap()[2].password = Some(hashed(PACKER))),
    ("authorized-keys", |f, _| f.authorized_keys = Some(vec![key("/root/.ssh/authorized_keys")])),
    ("machine-id", |f, _| f.machine_id = Some(MachineId::Set)),
    ("dbus-machine-id", |f, _| f.dbus_machine_id = Some(MachineId::Set)),
    ("version-stamp", |f, _| f.release = None),
    ("version-stamp", |f, _| f.release.as_mut().unwrap().version = "1.0.20261122".into()),
    ("ssh-host-keys", |f, _| f.host_keys = Some(vec![file("/etc/ssh/ssh_host_rsa_key")])),
    ("ssh-host-keys-kept", |f, _| {
        f.host_keys = Some(vec![file("/etc/ssh/ssh_host_rsa_key")]);
        f.cloud_init.as_mut().unwrap().deletes_host_keys = false;
    }),
    ("random-seed", |f, _| f.leftovers = Some(vec![file("/var/lib/systemd/random-seed")])),
    ("private-key", |f, _| f.credentials = Some(vec![file("/home/a/.ssh/id_ed25519")])),
    ("private-key", |f, _| {
        f.secrets = Some(vec![secret("/etc/app.conf", "private-key", "AsymmetricPrivateKey")]);
    }),
    ("cloud-credentials", |f, _| f.credentials = Some(vec![file("/root/.aws/credentials")])),
    ("cloud-credentials", |f, _| {
        f.secrets = Some(vec![secret("/etc/environment", "aws-access-key-id", "AWS")]);
    }),
    ("token", |f, _| f.credentials = Some(vec![file("/root/.netrc")])),
    ("token", |f, _| f.secrets = Some(vec![secret("/root/.bashrc", "github-pat", "GitHub")])),
    ("cloud-init-state", |f, _| f.cloud_init.as_mut().unwrap().instances.push("i-1".into())),
    ("cloud-init-state", |f, _| f.cloud_init.as_mut().unwrap().seed = true),
    ("cloud-init", |f, _| f.cloud_init.as_mut().unwrap().installed = false),
    ("cloud-init", |f, _| f.services = Some(vec!["ssh.service".into()])),
    ("dhcp-lease", |f, _| f.leftovers = Some(vec![file("/var/lib/dhcp/dhclient.eth0.leases")])),
    ("persistent-net", |f, _| {
        f.leftovers = Some(vec![file("/etc/udev/rules.d/70-persistent-net.rules")]);
    }),
    ("build-leftovers", |f, _| f.leftovers = Some(vec![file("/root/anaconda-ks.cfg")])),
    ("shell-history", |f, _| f.histories = Some(vec![file("/root/.bash_history")])),
    ("logs", |f, _| f.logs = Some(vec![file("/var/log/syslog")])),
    ("package-cache", |f, _| f.caches = Some(vec![file("/var/cache/apt/pkgcache.bin")])),
    ("world-writable", |f, _| f.world_writable = Some(vec![file("/etc/cron.d/job")])),
    ("unexpected-setuid", |f, _| f.set_id = Some(vec![file("/usr/local/bin/sudo")])),
    ("unexpected-setuid", |f, _| f.set_id = Some(vec![file("/usr/bin/python3.11")])),
    ("fstab-device", |f, _| f.fstab = Some(vec![text("/etc/fstab", "/dev/vda1 / ext4 x 0 1")])),
    ("image-size", |_, e| e.size = Some(3 << 30)),
    ("cis-1.6.2", |f, _| f.issue = Some(vec![text("/etc/issue", r"Debian GNU/Linux 12 \n \l")])),
    ("cis-5.1.10", |f, _| set(f, "HostbasedAuthentication yes")),
    ("cis-5.1.13", |f, _| set(f, "LoginGraceTime 2m")),
    ("cis-5.1.16", |f, _| set(f, "MaxAuthTries 6")),
    ("cis-5.1.20", |f, _| set(f, "PermitRootLogin prohibit-password")),
    ("cis-5.2.2", |f, _| f.sudo = Some(vec![text("/etc/sudoers", "Defaults !use_pty")])),
    ("cis-5.4.1.1", |f, _| f.login_defs.as_mut().unwrap()[0].text = "PASS_MAX_DAYS 99999".into()),
    ("cis-5.4.1.4", |f, _| f.login_defs.as_mut().unwrap()[1].text = "ENCRYPT_METHOD MD5".into()),
    ("cis-5.4.2.1", |f, _| f.accounts.as_mut().unwrap()[2].uid = 0),
];

/// Sets something of sshd before everything else.
fn set(facts: &mut Facts, line: &str) {
    facts.sshd.as_mut().unwrap().insert(0, text(SSHD, line));
}

#[test]
fn every_rule_has_one_check_and_every_check_its_rule() {
    let mut rules: Vec<&str> = GOLDEN_RULES.iter().map(|rule| rule.name).collect();
    let mut checks: Vec<&str> = CHECKS.iter().copied().flatten().map(|(name, _)| *name).collect();
    rules.sort_unstable();
    checks.sort_unstable();
    assert_eq!(rules, checks);
    let distinct: BTreeSet<&str> = rules.iter().copied().collect();
    assert_eq!(distinct.len(), rules.len());
}

#[test]
fn an_image_without_anything_of_its_maker_keeps_every_rule() {
    let (evidence, expected) = clean();
    let told = inspection(&evidence, &expected, &all());
    assert_eq!((names(&told.violations), told.unchecked), (vec![], vec![]));
}

#[test]
fn each_rule_is_broken_by_what_it_is_about_and_by_nothing_else() {
    let alone =
        |name: &str| SPOILS.iter().filter(move |(rule, _)| *rule == name).collect::<Vec<_>>();
    for rule in GOLDEN_RULES {
        // These are broken together with others, below.
        let together = ["empty-password", "empty-password-local", "root-login", "cis-7.2.2"];
        let elsewhere = ["guest-agent", "superseded-kernels"];
        if together.contains(&rule.name) || elsewhere.contains(&rule.name) {
            continue;
        }
        let spoils = alone(rule.name);
        assert!(!spoils.is_empty(), "{} is never broken", rule.name);
        for (_, spoil) in spoils {
            let (mut evidence, mut expected) = clean();
            spoil(&mut evidence.facts, &mut expected);
            let told = inspection(&evidence, &expected, &all());
            assert_eq!(names(&told.violations), [rule.name]);
            assert_eq!(told.violations[0].level, rule.own, "{}", rule.name);
        }
    }
}

#[test]
fn a_machine_id_that_is_a_link_to_a_copy_is_one() {
    let (mut evidence, expected) = clean();
    let facts = &mut evidence.facts;
    (facts.machine_id, facts.dbus_machine_id) = (Some(MachineId::Link), Some(MachineId::Set));
    let told = inspection(&evidence, &expected, &policy());
    assert_eq!(names(&told.violations), ["machine-id", "dbus-machine-id"]);
}

#[test]
fn an_empty_password_blocks_where_sshd_lets_it_in() {
    let broken = |lines: &[&str]| {
        let (mut evidence, expected) = clean();
        evidence.facts.accounts.as_mut().unwrap()[2].password = Some(Password::Empty);
        for line in lines {
            set(&mut evidence.facts, line);
        }
        let told = inspection(&evidence, &expected, &policy());
        told.violations.iter().map(|it| (it.rule.to_string(), it.level)).collect::<Vec<_>>()
    };
    let local = ("empty-password-local".to_owned(), Level::Warn);
    assert_eq!(broken(&[]), std::slice::from_ref(&local));
    let remote = ("empty-password".to_owned(), Level::Block);
    assert_eq!(broken(&["PermitEmptyPasswords yes"]), [remote, local.clone()]);
    assert_eq!(broken(&["PermitEmptyPasswords yes", "PasswordAuthentication no"]), [local]);
}

#[test]
fn other_rules_of_sshd_and_packages() {
    let (mut evidence, expected) = clean();
    set(&mut evidence.facts, "PermitRootLogin yes");
    evidence.inventory.packages.retain(|package| package.name != "qemu-guest-agent");
    let kernel = |number: u32| Package {
        name: format!("linux-image-6.1.0-{number}-amd64"),
        version: format!("6.1.{number}-1"),
        arch: "amd64".into(),
        source: "linux".into(),
    };
    evidence.inventory.packages.extend([27, 28].map(kernel));
    let told = inspection(&evidence, &expected, &policy());
    let told: Vec<String> = told
        .violations
        .iter()
        .map(|it| format!("{}: {} {:?}", it.rule, it.message, it.places))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    guest-agent: the QEMU guest agent is not installed []
    root-login: sshd lets root in with a password (`PermitRootLogin yes`) ["/etc/ssh/sshd_config:7"]
    superseded-kernels: a kernel is installed, and not the newest: linux-image-6.1.0-27-amd64 []
    "#);
}

#[test]
fn passwords_of_the_template_are_told_from_known_ones_and_neither_is_shown() {
    let message = |passwords: &[&str]| {
        let (mut evidence, mut expected) = clean();
        evidence.facts.accounts.as_mut().unwrap()[0].password = Some(hashed(PACKER));
        expected.access.passwords = passwords.iter().map(|it| (*it).to_owned()).collect();
        let told = inspection(&evidence, &expected, &policy());
        assert_eq!(names(&told.violations), ["default-password"]);
        told.violations[0].message.clone()
    };
    assert_eq!(message(&[]), "a known default is the password of `root`");
    assert_eq!(message(&["packer"]), "what stands in the template is the password of `root`");
}

#[test]
fn hashes_that_cost_too_much_are_not_said_to_be_of_good_passwords() {
    let (mut evidence, expected) = clean();
    evidence.facts.accounts.as_mut().unwrap()[2].password =
        Some(hashed("$6$rounds=90000000$abcdefgh$x"));
    let told = inspection(&evidence, &expected, &policy());
    assert_eq!(
        (names(&told.violations), told.unchecked),
        (vec![], vec!["default-password".into()])
    );
}

#[test]
fn what_nobody_has_looked_at_is_unchecked_and_never_kept() {
    let (mut evidence, mut expected) = clean();
    evidence.facts = Facts::default();
    evidence.basis = Basis::Document;
    evidence.inventory.packages.clear();
    expected.size = None;
    let told = inspection(&evidence, &expected, &all());
    let mut missing: Vec<&str> = GOLDEN_RULES.iter().map(|rule| rule.name).collect();
    // Packages are known, if only that there are none.
    missing.retain(|name| *name != "superseded-kernels");
    missing.sort_unstable();
    assert_eq!(told.unchecked.iter().map(RuleName::as_str).collect::<Vec<_>>(), missing);
    assert_eq!(names(&told.violations), [""; 0]);
}

#[test]
fn the_builder_of_a_guest_that_is_asked_is_still_there() {
    let (mut evidence, expected) = clean();
    evidence.strategy = StrategyName::Guest;
    evidence.facts.accounts.as_mut().unwrap()[1].password = Some(hashed(PACKER));
    let told = inspection(&evidence, &expected, &policy());
    assert_eq!(names(&told.violations), [""; 0]);
    let unchecked: Vec<&str> = told.unchecked.iter().map(RuleName::as_str).collect();
    for rule in ["builder-password", "default-password", "empty-password-local"] {
        assert!(unchecked.contains(&rule), "{unchecked:?}");
    }
}

#[test]
fn levels_are_of_one_rule_then_of_all_then_its_own() {
    let (mut evidence, expected) = clean();
    evidence.facts.machine_id = Some(MachineId::Set);
    evidence.facts.histories = Some(vec![file("/root/.bash_history")]);
    evidence.facts.accounts.as_mut().unwrap()[2].uid = 0;
    let told = |change: fn(&mut GatePolicy)| {
        let mut policy = policy();
        change(&mut policy);
        let told = inspection(&evidence, &expected, &policy);
        let told: Vec<String> =
            told.violations.iter().map(|it| format!("{} {:?}", it.rule, it.level)).collect();
        told.join(", ")
    };
    assert_eq!(told(|_| {}), "machine-id Block, shell-history Warn");
    assert_eq!(
        told(|it| it.rules.all = Some(Level::Block)),
        "machine-id Block, shell-history Block"
    );
    assert_eq!(
        told(|it| {
            it.rules.all = Some(Level::Off);
            it.rules.of.insert("machine-id".into(), Level::Warn);
            it.rules.hardening.insert(Hardening::CisDebian, Level::Block);
        }),
        "cis-5.4.2.1 Block, machine-id Warn"
    );
    assert_eq!(
        told(|it| {
            it.rules.of.insert("cis-5.4.2.1".into(), Level::Warn);
        }),
        "machine-id Block, cis-5.4.2.1 Warn, shell-history Warn"
    );
}

#[test]
fn results_of_other_checkers_are_judged_by_the_same_levels() {
    let (mut evidence, expected) = clean();
    let result = |rule: &str, level, place: &str| CheckResult {
        rule: rule.into(),
        level,
        message: format!("{rule} objects"),
        place: place.into(),
    };
    evidence.checks = vec![
        result("checkov/CKV_1", Level::Block, "main.tf:1"),
        result("checkov/CKV_1", Level::Block, "main.tf:9"),
        result("checkov/CKV_2", Level::Warn, ""),
        result("checkov/CKV_3", Level::Block, ""),
    ];
    let mut policy = policy();
    policy.rules.of.insert("checkov/CKV_3".into(), Level::Off);
    policy.rules.of.insert("checkov/CKV_2".into(), Level::Block);
    let told = inspection(&evidence, &expected, &policy).violations;
    assert_eq!(names(&told), ["checkov/CKV_1", "checkov/CKV_2"]);
    assert_eq!(told[0].places, ["main.tf:1", "main.tf:9"]);
}

/// What is left by `cloud-init clean --logs --seed`, an emptied machine id and a link for D-Bus: no
/// key of the builder, whom cloud-init has made without a password, and everything else as it was.
#[test]
fn the_reset_of_the_usual_guides_passes_with_warnings() {
    let (mut evidence, expected) = clean();
    let facts = &mut evidence.facts;
    facts.host_keys = Some(
        ["rsa", "ecdsa", "ed25519"]
            .map(|kind| file(&format!("/etc/ssh/ssh_host_{kind}_key")))
            .into(),
    );
    facts.histories = Some(vec![file("/home/builder/.bash_history")]);
    facts.logs =
        Some(vec![file("/var/log/journal/0123/system.journal"), file("/var/log/dpkg.log")]);
    facts.caches =
        Some(vec![file("/var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_InRelease")]);
    facts.leftovers = Some(vec![
        file("/var/lib/systemd/random-seed"),
        file("/var/lib/dhcp/dhclient.leases"),
        file("/tmp/packer-shell123"),
    ]);
    facts.sshd = Some(vec![text(SSHD, "Include /etc/ssh/sshd_config.d/*.conf")]);
    let told = inspection(&evidence, &expected, &policy());
    assert!(told.violations.iter().all(|violation| violation.level == Level::Warn));
    let told: Vec<String> = told
        .violations
        .iter()
        .map(|it| format!("{}: {}\n  {}", it.rule, it.message, it.places.join(", ")))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    build-leftovers: files of the build are left: /tmp/packer-shell123
      /tmp/packer-shell123
    dhcp-lease: leases of addresses are left: /var/lib/dhcp/dhclient.leases
      /var/lib/dhcp/dhclient.leases
    logs: logs of the build have 40 MiB
      /var/log/dpkg.log, /var/log/journal/0123/system.journal
    package-cache: downloads and lists of package managers have 20 MiB
      /var/lib/apt/lists/deb.debian.org_debian_dists_bookworm_InRelease
    random-seed: the image has a seed for random numbers
      /var/lib/systemd/random-seed
    shell-history: 1 file of what was typed is left: /home/builder/.bash_history
      /home/builder/.bash_history
    ssh-host-keys: 3 SSH host keys are in the image until its first boot
      /etc/ssh/ssh_host_rsa_key, /etc/ssh/ssh_host_ecdsa_key, /etc/ssh/ssh_host_ed25519_key
    ");
}
