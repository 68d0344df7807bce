//! How the system in an image is set up, as far as the registry keeps it: what two versions are
//! compared by.
//!
//! Only what decides what a machine is and does. Not where a scanner has seen secrets or what a build
//! left behind, nor comments of keys: a registry is read by more people than an image.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Account, AuthorizedKey, CloudInit, Facts, FileFact, Line, Password};

/// How a system is set up, by subject: `accounts`, `sshd`. A subject that nobody could look at is not
/// there, one without anything in it is empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Configuration {
    /// The version of this format.
    pub schema: u32,
    /// Of each subject, what there is and what is said of it.
    pub subjects: BTreeMap<String, Settings>,
}

/// What there is, by name, and what is said of it; empty where there is nothing to say.
pub type Settings = BTreeMap<String, String>;

/// Something that is set up in another way.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SettingChange {
    /// The subject.
    pub subject: String,
    /// What it is.
    pub name: String,
    /// What was said of it, if it was there.
    pub from: Option<String>,
    /// What is said of it, if it is there.
    pub to: Option<String>,
}

impl Configuration {
    /// The version of the format that this binary writes.
    pub const SCHEMA: u32 = 1;

    /// As these facts say; none if they say nothing.
    pub fn of(facts: &Facts) -> Option<Self> {
        let subjects = [
            ("accounts", facts.accounts.as_deref().map(|it| settings(it, account))),
            ("authorized keys", facts.authorized_keys.as_deref().map(|it| settings(it, key))),
            ("cloud-init", facts.cloud_init.as_ref().map(cloud_init)),
            ("fstab", facts.fstab.as_deref().map(|it| settings(it, mount))),
            ("login.defs", facts.login_defs.as_deref().map(|it| settings(it, definition))),
            ("services", facts.services.as_deref().map(|it| settings(it, |unit| service(unit)))),
            ("set-id programs", facts.set_id.as_deref().map(|it| settings(it, program))),
            ("sshd", facts.sshd.as_deref().map(|it| settings(it, line))),
            ("sudo", facts.sudo.as_deref().map(|it| settings(it, line))),
        ];
        let known = subjects.into_iter().filter_map(|(name, it)| Some((name.to_owned(), it?)));
        let subjects: BTreeMap<String, Settings> = known.collect();
        (!subjects.is_empty()).then_some(Self { schema: Self::SCHEMA, subjects })
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("settings are plain text")
    }

    /// What is another way in `self` than it was `before`, in the subjects that are known of both.
    pub fn since(&self, before: &Self) -> Vec<SettingChange> {
        let mut changes = Vec::new();
        for (subject, now) in &self.subjects {
            let Some(then) = before.subjects.get(subject) else { continue };
            let names = then.keys().chain(now.keys().filter(|name| !then.contains_key(*name)));
            let change = |name: &String| SettingChange {
                subject: subject.clone(),
                name: name.clone(),
                from: then.get(name).cloned(),
                to: now.get(name).cloned(),
            };
            changes.extend(names.map(change).filter(|change| change.from != change.to));
        }
        changes.sort();
        changes
    }
}

/// Of several with one name, all that is said.
fn settings<T>(facts: &[T], say: impl Fn(&T) -> (String, String)) -> Settings {
    let mut settings = Settings::new();
    for (name, said) in facts.iter().map(say) {
        let known = settings.entry(name).or_default();
        if !known.is_empty() && !said.is_empty() {
            known.push_str("; ");
        }
        known.push_str(&said);
    }
    settings
}

fn account(account: &Account) -> (String, String) {
    let Account { name, uid, home, shell, password } = account;
    let password = match password {
        None => "not known".to_owned(),
        Some(Password::Locked) => "locked".to_owned(),
        Some(Password::Empty) => "empty".to_owned(),
        Some(Password::Hashed { method, .. }) => format!("set (${method}$)"),
    };
    (name.clone(), format!("uid {uid}, {home}, {shell}, password {password}"))
}

fn key(key: &AuthorizedKey) -> (String, String) {
    (format!("{} {}", key.path, key.fingerprint), key.kind.clone())
}

fn program(file: &FileFact) -> (String, String) {
    (file.path.clone(), file.mode.clone())
}

fn service(unit: &str) -> (String, String) {
    (unit.to_owned(), String::new())
}

/// A line stands for itself, wherever in its file it is.
fn line(line: &Line) -> (String, String) {
    let words: Vec<&str> = line.text.split_whitespace().collect();
    (format!("{}: {}", line.path, words.join(" ")), String::new())
}

/// A file with a value for each name.
fn definition(line: &Line) -> (String, String) {
    let (name, value) = line.text.split_once(char::is_whitespace).unwrap_or((&line.text, ""));
    (name.to_owned(), value.trim().to_owned())
}

/// A line of fstab(5), by where it is mounted. Options of network file systems may hold passwords.
fn mount(line: &Line) -> (String, String) {
    let mut fields = line.text.split_whitespace();
    let (device, place) = (fields.next().unwrap_or(""), fields.next().unwrap_or(""));
    let kind = fields.next().unwrap_or("");
    let options = fields.next().unwrap_or("").split(',').map(|option| {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let lower = name.to_ascii_lowercase();
        let is_secret = ["pass", "cred", "secret", "key"].iter().any(|it| lower.contains(it));
        if is_secret && !value.is_empty() { format!("{name}=…") } else { option.to_owned() }
    });
    let options: Vec<String> = options.collect();
    let device = device.split_once("://").map_or(device.to_owned(), |(scheme, rest)| {
        // An address may hold who asks, and their password.
        format!("{scheme}://{}", rest.rsplit_once('@').map_or(rest, |(_, rest)| rest))
    });
    (place.to_owned(), format!("{device} {kind} {}", options.join(",")))
}

fn cloud_init(found: &CloudInit) -> Settings {
    let flags = [
        ("installed", found.installed),
        ("disabled", found.disabled),
        ("removes host keys", found.deletes_host_keys),
    ];
    let yes = |flag| if flag { "yes" } else { "no" };
    flags.into_iter().map(|(name, flag)| (name.to_owned(), yes(flag).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::PasswordHash;

    fn lines(path: &str, texts: &[&str]) -> Vec<Line> {
        let line = |(index, text): (usize, &&str)| Line {
            path: path.to_owned(),
            line: index + 1,
            text: (*text).to_owned(),
        };
        texts.iter().enumerate().map(line).collect()
    }

    fn facts() -> Facts {
        let hash = PasswordHash("$y$j9T$hash".to_owned());
        Facts {
            accounts: Some(vec![Account {
                name: "root".to_owned(),
                uid: 0,
                home: "/root".to_owned(),
                shell: "/bin/bash".to_owned(),
                password: Some(Password::Hashed { method: "y".to_owned(), hash }),
            }]),
            authorized_keys: Some(vec![AuthorizedKey {
                path: "/root/.ssh/authorized_keys".to_owned(),
                kind: "ssh-ed25519".to_owned(),
                fingerprint: "SHA256:abc".to_owned(),
                comment: "ann@laptop".to_owned(),
            }]),
            sshd: Some(lines("/etc/ssh/sshd_config", &["PermitRootLogin  no"])),
            fstab: Some(lines(
                "/etc/fstab",
                &[
                    "UUID=1 / ext4 defaults 0 1",
                    "//nas/x /x cifs rw,username=a,password=geheim 0 0",
                ],
            )),
            login_defs: Some(lines("/etc/login.defs", &["UMASK\t022"])),
            services: Some(vec!["ssh.service".to_owned()]),
            logs: Some(Vec::new()),
            ..Facts::default()
        }
    }

    #[test]
    fn what_a_system_is_set_up_as_is_kept_without_secrets() {
        let kept = String::from_utf8(Configuration::of(&facts()).unwrap().to_json()).unwrap();
        for secret in ["hash", "geheim", "ann@laptop"] {
            assert!(!kept.contains(secret), "{kept}");
        }
        let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
        insta::assert_snapshot!(format!("{kept:#}"), @r#"
        {
          "schema": 1,
          "subjects": {
            "accounts": {
              "root": "uid 0, /root, /bin/bash, password set ($y$)"
            },
            "authorized keys": {
              "/root/.ssh/authorized_keys SHA256:abc": "ssh-ed25519"
            },
            "fstab": {
              "/": "UUID=1 ext4 defaults",
              "/x": "//nas/x cifs rw,username=a,password=…"
            },
            "login.defs": {
              "UMASK": "022"
            },
            "services": {
              "ssh.service": ""
            },
            "sshd": {
              "/etc/ssh/sshd_config: PermitRootLogin no": ""
            }
          }
        }
        "#);
        assert_eq!(Configuration::of(&Facts::default()), None);
    }

    #[test]
    fn what_is_another_way_is_told_where_both_are_known() {
        let before = Configuration::of(&facts()).unwrap();
        let mut facts = facts();
        facts.accounts.as_mut().unwrap()[0].password = Some(Password::Locked);
        facts.sshd =
            Some(lines("/etc/ssh/sshd_config", &["# nothing", "PermitRootLogin no", "UsePAM yes"]));
        facts.services = Some(Vec::new());
        facts.login_defs = None;
        facts.sudo = Some(lines("/etc/sudoers", &["%sudo ALL=(ALL:ALL) ALL"]));
        let now = Configuration::of(&facts).unwrap();
        let told = now.since(&before).into_iter().map(|it| {
            let SettingChange { subject, name, from, to } = it;
            format!("{subject}: {name}: {from:?} → {to:?}")
        });
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
        accounts: root: Some("uid 0, /root, /bin/bash, password set ($y$)") → Some("uid 0, /root, /bin/bash, password locked")
        services: ssh.service: Some("") → None
        sshd: /etc/ssh/sshd_config: # nothing: None → Some("")
        sshd: /etc/ssh/sshd_config: UsePAM yes: None → Some("")
        "#);
        assert_eq!(now.since(&now), []);
    }
}
