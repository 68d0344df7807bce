//! What two boots of one image say about it. Pure.

use serde::Deserialize;

use crate::model::TestCase;

use super::super::{MAX_MESSAGE, begin};
use super::report::Facts;

/// What became of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Booted {
    /// What it reported.
    pub(super) facts: Facts,
    /// Whether its guest agent answered; nothing if it was not asked, having none.
    pub(super) agent: Option<Result<(), String>>,
}

/// The cases of two boots. `builder` is who has built the image, as far as its template tells.
pub(super) fn judge([one, other]: &[Booted; 2], builder: Option<&str>) -> Vec<TestCase> {
    vec![
        cloud_init([one, other]),
        machine_id(&one.facts, &other.facts),
        host_keys(&one.facts, &other.facts),
        guest_agent([one, other]),
        failed_units([one, other]),
        builders_login(&one.facts, builder),
    ]
}

/// `/run/cloud-init/result.json`.
#[derive(Deserialize)]
struct CloudInitResult {
    v1: CloudInitStages,
}

#[derive(Deserialize)]
struct CloudInitStages {
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

/// Status 2 is cloud-init's word for "done, with warnings": a deprecated key, mostly.
fn cloud_init(booted: [&Booted; 2]) -> TestCase {
    const NAME: &str = "cloud-init finishes without error";
    let mut message = String::new();
    for Booted { facts, .. } in booted {
        let result: Option<CloudInitResult> =
            facts.get("cloud-init-result").and_then(|text| serde_json::from_str(text).ok());
        let Some(result) = result else {
            return TestCase::failed(NAME, "it left no result: it did not come to its end");
        };
        if !result.v1.errors.is_empty() {
            let errors = result.v1.errors.iter().map(|error| match error {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            let text = errors.collect::<Vec<_>>().join("; ");
            return TestCase::failed(NAME, begin(&text, MAX_MESSAGE));
        }
        match facts.get("cloud-init-status") {
            Some("0") => {}
            Some("2") => "it warns: see `cloud-init status --long`".clone_into(&mut message),
            status => {
                let status = begin(status.unwrap_or("nothing"), 20);
                let text = format!("`cloud-init status --wait` ended with {status}");
                return TestCase::failed(NAME, text);
            }
        }
    }
    TestCase::passed(NAME, message)
}

fn machine_id(one: &Facts, other: &Facts) -> TestCase {
    const NAME: &str = "every machine gets a machine-id of its own";
    let ids = [one, other].map(|facts| facts.get("machine-id").unwrap_or_default());
    let valid = |id: &str| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    match ids {
        ["", ""] => TestCase::skipped(NAME, "there is no /etc/machine-id"),
        [one, other] if !valid(one) || !valid(other) => {
            let bad = if valid(one) { other } else { one };
            TestCase::failed(NAME, format!("/etc/machine-id is `{}`", begin(bad, 50)))
        }
        [one, other] if one == other => TestCase::failed(
            NAME,
            format!("two machines have {one}: the template has to empty /etc/machine-id"),
        ),
        _ => TestCase::passed(NAME, ""),
    }
}

fn host_keys(one: &Facts, other: &Facts) -> TestCase {
    const NAME: &str = "every machine gets SSH host keys of its own";
    let (Some(one), Some(other)) = (one.get("host-keys"), other.get("host-keys")) else {
        return TestCase::skipped(NAME, "there is no SSH server");
    };
    if one.is_empty() || other.is_empty() {
        return TestCase::failed(NAME, "there is an SSH server, and no host key");
    }
    let shared = one.lines().find(|key| other.lines().any(|other| other == *key));
    match shared {
        Some(key) => {
            let kind = begin(key.split(' ').next().unwrap_or_default(), 50);
            let help = "the template has to remove /etc/ssh/ssh_host_*";
            TestCase::failed(NAME, format!("two machines have the same {kind} key: {help}"))
        }
        None => TestCase::passed(NAME, ""),
    }
}

fn guest_agent(booted: [&Booted; 2]) -> TestCase {
    const NAME: &str = "the guest agent answers";
    let mut asked = booted.iter().filter_map(|booted| booted.agent.as_ref()).peekable();
    if asked.peek().is_none() {
        return TestCase::skipped(NAME, "qemu-guest-agent is not installed");
    }
    match asked.find_map(|answer| answer.as_ref().err()) {
        Some(why) => TestCase::failed(NAME, begin(why, MAX_MESSAGE)),
        None => TestCase::passed(NAME, ""),
    }
}

fn failed_units(booted: [&Booted; 2]) -> TestCase {
    const NAME: &str = "no systemd unit has failed";
    let mut failed: Vec<&str> = Vec::new();
    for Booted { facts, .. } in booted {
        match (facts.get("system"), facts.get("failed-units")) {
            (None, None) => return TestCase::skipped(NAME, "there is no systemd"),
            (_, units) => failed.extend(units.unwrap_or_default().lines().map(str::trim)),
        }
    }
    failed.sort_unstable();
    failed.dedup();
    failed.retain(|unit| !unit.is_empty());
    if !failed.is_empty() {
        return TestCase::failed(NAME, begin(&failed.join(", "), MAX_MESSAGE));
    }
    let starting = booted.iter().any(|booted| booted.facts.get("system") == Some("starting"));
    if starting {
        return TestCase::failed(NAME, "the system is still starting after 5 minutes");
    }
    TestCase::passed(NAME, "")
}

/// Whether whoever has built the image could still log in. What cannot log in by a password or a key
/// of the build cannot log in at all: the test gives nobody a new one.
fn builders_login(facts: &Facts, builder: Option<&str>) -> TestCase {
    const NAME: &str = "the builder's login is refused";
    let (Some(builder), Some(account)) = (builder, facts.get("builder")) else {
        return TestCase::skipped(NAME, "the template does not tell its `ssh_username`");
    };
    let mut lines = account.lines();
    let password = lines.next().unwrap_or_default();
    let rest: Vec<&str> = lines.collect();
    let sshd = |key: &str| {
        facts.get("sshd")?.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
    };
    if password == "absent" {
        return TestCase::passed(NAME, format!("there is no account `{builder}`"));
    }
    if rest.iter().any(|shell| shell.ends_with("/nologin") || shell.ends_with("/false")) {
        return TestCase::passed(NAME, format!("`{builder}` has no shell"));
    }
    if rest.contains(&"keys") {
        let text = format!("`{builder}` still has keys that may log in (~/.ssh/authorized_keys)");
        return TestCase::failed(NAME, text);
    }
    match password {
        "locked" => TestCase::passed(NAME, format!("the password of `{builder}` is locked")),
        "empty" => TestCase::failed(NAME, format!("`{builder}` needs no password")),
        "password" => {
            let off = |key| sshd(key) == Some("no");
            let by_password =
                !(off("passwordauthentication") && off("kbdinteractiveauthentication"));
            let root = builder == "root" && sshd("permitrootlogin") != Some("yes");
            if facts.get("host-keys").is_none() || !by_password || root {
                let text = format!("`{builder}` has a password, and SSH takes none");
                TestCase::passed(NAME, text)
            } else {
                let text = format!("`{builder}` still has a password, and SSH takes it");
                TestCase::failed(NAME, text)
            }
        }
        _ => TestCase::failed(NAME, format!("nobody knows whether `{builder}` may log in")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DONE: &str = r#"{"v1": {"datasource": "DataSourceNoCloud", "errors": []}}"#;
    const ID: [&str; 2] = ["0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"];

    /// A machine in good order.
    fn good(number: usize) -> Booted {
        let keys = ["ssh-ed25519 AAAA1\nssh-rsa AAAA2", "ssh-ed25519 BBBB1\nssh-rsa BBBB2"];
        Booted {
            facts: Facts::of([
                ("cloud-init-status", "0"),
                ("cloud-init-result", DONE),
                ("system", "running"),
                ("failed-units", ""),
                ("machine-id", ID[number]),
                ("host-keys", keys[number]),
                ("sshd", "passwordauthentication yes\npermitrootlogin without-password"),
                ("builder", "absent"),
            ]),
            agent: Some(Ok(())),
        }
    }

    /// What is said of machines in good order, the second of which was changed so.
    fn said(change: impl Fn(&mut Vec<(String, String)>, &mut Booted)) -> String {
        let mut booted = [good(0), good(1)];
        let mut facts = Vec::new();
        change(&mut facts, &mut booted[1]);
        for booted in &mut booted {
            for (name, value) in &facts {
                booted.facts.set(name, value);
            }
        }
        let cases = judge(&booted, Some("packer"));
        let odd = cases.iter().filter(|case| {
            case.outcome != crate::model::CaseOutcome::Passed || !case.message.is_empty()
        });
        odd.map(|case| format!("{:?} {}: {}", case.outcome, case.name, case.message))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// The same of two machines that both report this.
    fn told(facts: &[(&str, &str)]) -> String {
        said(|all, _| {
            all.extend(facts.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        })
    }

    #[test]
    fn an_image_in_good_order_passes() {
        insta::assert_snapshot!(told(&[]), @"Passed the builder's login is refused: there is no account `packer`");
    }

    #[test]
    fn what_machines_share_or_lack_has_failed() {
        insta::assert_snapshot!(told(&[
            ("machine-id", ID[0]),
            ("host-keys", "ssh-ed25519 AAAA"),
            ("failed-units", "a.service\nb.service\na.service"),
            ("cloud-init-result", r#"{"v1": {"errors": ["('runcmd', no)"]}}"#),
            ("builder", "password\n/bin/bash\nkeys"),
        ]), @"
        Failed cloud-init finishes without error: ('runcmd', no)
        Failed every machine gets a machine-id of its own: two machines have 0123456789abcdef0123456789abcdef: the template has to empty /etc/machine-id
        Failed every machine gets SSH host keys of its own: two machines have the same ssh-ed25519 key: the template has to remove /etc/ssh/ssh_host_*
        Failed no systemd unit has failed: a.service, b.service
        Failed the builder's login is refused: `packer` still has keys that may log in (~/.ssh/authorized_keys)
        ");
        insta::assert_snapshot!(told(&[
            ("machine-id", "uninitialized"),
            ("host-keys", ""),
            ("system", "starting"),
            ("cloud-init-status", "1"),
            ("builder", "empty\n/bin/sh"),
        ]), @"
        Failed cloud-init finishes without error: `cloud-init status --wait` ended with 1
        Failed every machine gets a machine-id of its own: /etc/machine-id is `uninitialized`
        Failed every machine gets SSH host keys of its own: there is an SSH server, and no host key
        Failed no systemd unit has failed: the system is still starting after 5 minutes
        Failed the builder's login is refused: `packer` needs no password
        ");
        insta::assert_snapshot!(said(|_, other| {
            other.agent = Some(Err("no answer after 30s".into()));
            other.facts.set("cloud-init-result", "");
        }), @"
        Failed cloud-init finishes without error: it left no result: it did not come to its end
        Failed the guest agent answers: no answer after 30s
        Passed the builder's login is refused: there is no account `packer`
        ");
    }

    #[test]
    fn what_nobody_looked_at_is_never_passed() {
        let bare = || Booted {
            facts: Facts::of([("cloud-init-status", "2"), ("cloud-init-result", DONE)]),
            agent: None,
        };
        let cases = judge(&[bare(), bare()], None);
        let told = cases.iter().map(|case| format!("{:?} {}", case.outcome, case.message));
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
        Passed it warns: see `cloud-init status --long`
        Skipped there is no /etc/machine-id
        Skipped there is no SSH server
        Skipped qemu-guest-agent is not installed
        Skipped there is no systemd
        Skipped the template does not tell its `ssh_username`
        ");
    }

    #[test]
    fn a_login_is_refused_by_the_account_or_by_the_server() {
        let login = |account: &str, sshd: &str| told(&[("builder", account), ("sshd", sshd)]);
        let off = "passwordauthentication no\nkbdinteractiveauthentication no";
        insta::assert_snapshot!([
            login("locked\n/bin/bash", ""),
            login("password\n/usr/sbin/nologin", ""),
            login("password\n/bin/bash", off),
            login("password\n/bin/bash", "passwordauthentication no\nkbdinteractiveauthentication yes"),
            login("locked\n/bin/bash\nkeys", off),
            login("", off),
        ].join("\n"), @"
        Passed the builder's login is refused: the password of `packer` is locked
        Passed the builder's login is refused: `packer` has no shell
        Passed the builder's login is refused: `packer` has a password, and SSH takes none
        Failed the builder's login is refused: `packer` still has a password, and SSH takes it
        Failed the builder's login is refused: `packer` still has keys that may log in (~/.ssh/authorized_keys)
        Failed the builder's login is refused: nobody knows whether `packer` may log in
        ");
    }
}
