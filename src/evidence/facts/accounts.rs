//! Users and the state of their passwords (passwd(5), shadow(5)).

use std::collections::HashMap;

use super::super::collector::Collected;
use super::super::source::printable;
use crate::model::{Account, Password, PasswordHash};

/// Users that are told.
const ACCOUNTS: usize = 10_000;

/// The users of the system; `None` without `/etc/passwd`.
pub(super) fn read(collected: &Collected) -> Option<Vec<Account>> {
    let passwd = collected.text("/etc/passwd")?;
    let shadow = collected.text("/etc/shadow");
    // Of some it is not known then, and those may be the ones that matter.
    if passwd.lines().count() > ACCOUNTS {
        return None;
    }
    Some(accounts(&passwd, shadow.as_deref()))
}

fn accounts(passwd: &str, shadow: Option<&str>) -> Vec<Account> {
    let fields = |line: &'_ str| line.split(':').map(str::to_owned).collect::<Vec<_>>();
    let hashes: Option<HashMap<String, String>> = shadow.map(|shadow| {
        let mut hashes = HashMap::new();
        for (name, rest) in shadow.lines().filter_map(|line| line.split_once(':')) {
            let hash = rest.split(':').next().unwrap_or_default();
            // Of several lines the first counts, as it does where people log in (getspnam(3)).
            hashes.entry(name.to_owned()).or_insert_with(|| hash.to_owned());
        }
        hashes
    });
    let mut accounts = Vec::new();
    for line in passwd.lines().take(ACCOUNTS) {
        let fields = fields(line);
        let [name, hash, uid, _, _, home, shell, ..] = fields.as_slice() else { continue };
        let Ok(uid) = uid.parse() else { continue };
        let text = |field: &String| printable(field.as_bytes());
        let password = match (hash.as_str(), &hashes) {
            ("x", None) => None,
            // Who stands in shadow without a line there cannot log in.
            ("x", Some(hashes)) => Some(hashes.get(name).map_or(Password::Locked, |it| state(it))),
            (hash, _) => Some(state(hash)),
        };
        accounts.push(Account {
            name: text(name),
            uid,
            home: text(home),
            shell: text(shell),
            password,
        });
    }
    accounts
}

/// The state of a password by its field.
fn state(field: &str) -> Password {
    if field.is_empty() {
        return Password::Empty;
    }
    let method = field.strip_prefix('$').and_then(|rest| rest.split_once('$')).map(|(it, _)| it);
    let locked = field.starts_with(['!', '*']) || field.len() < 13 && method.is_none();
    if locked {
        return Password::Locked;
    }
    Password::Hashed {
        method: printable(method.unwrap_or_default().as_bytes()),
        hash: PasswordHash(field.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
open::1000:1000::/home/open:/bin/sh
old:ab0123456789.:1001:1001::/home/old:/bin/sh
nobody
";

    #[test]
    fn passwords_are_told_by_their_state_and_never_written() {
        // Of two lines the first counts.
        let shadow =
            "root:$y$j9T$abc$def:19000:0:99999:7:::\ndaemon:*:19000::::::\nroot:*:19000::::::\n";
        let accounts = accounts(PASSWD, Some(shadow));
        assert_eq!(
            accounts[0].password,
            Some(Password::Hashed {
                method: "y".to_owned(),
                hash: PasswordHash("$y$j9T$abc$def".to_owned())
            })
        );
        let told = serde_json::to_string(&accounts).unwrap() + &format!("{accounts:?}");
        assert!(!told.contains("j9T") && !told.contains("ab01234"), "{told}");
        let states: Vec<_> = accounts
            .iter()
            .map(|account| {
                format!("{} {}", account.name, serde_json::to_value(&account.password).unwrap())
            })
            .collect();
        insta::assert_snapshot!(states.join("\n"), @r#"
        root {"method":"y","state":"hashed"}
        daemon {"state":"locked"}
        open {"state":"empty"}
        old {"method":"","state":"hashed"}
        "#);
    }

    #[test]
    fn without_shadow_nothing_is_said_about_what_stands_there() {
        let states: Vec<_> =
            accounts(PASSWD, None).into_iter().map(|it| it.password.is_some()).collect();
        assert_eq!(states, [false, false, true, true]);
    }
}
