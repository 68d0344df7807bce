//! Who can log in.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Check, Outcome, crypt, is_machine, line, some, sshd};
use crate::model::{Account, AuthorizedKey, Password, StrategyName};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("builder-password", builder_password),
    ("builder-key", builder_key),
    ("default-password", default_password),
    ("empty-password", empty_password),
    ("empty-password-local", empty_password_local),
    ("authorized-keys", authorized_keys),
    ("root-login", root_login),
];

/// Passwords that templates and installers of many people have.
const KNOWN: &[&str] = &[
    "packer",
    "vagrant",
    "builder",
    "ubuntu",
    "debian",
    "root",
    "admin",
    "password",
    "changeme",
    "toor",
    "test",
    "user",
    "cloud",
    "cloud-user",
    "ansible",
    "centos",
    "rocky",
    "almalinux",
    "fedora",
    "alpine",
    "arch",
    "linux",
    "installer",
    "template",
    "secret",
    "letmein",
    "insecure",
    "passw0rd",
    "Passw0rd",
    "Password1",
    "P@ssw0rd",
    "P@ssw0rd!",
    "123456",
    "12345678",
];

/// Work for all passwords of an image together, in microseconds of a usual machine.
const MOST_WORK: u64 = 4_000_000;

/// Whether somebody can log in as this user at all.
fn has_shell(account: &Account) -> bool {
    !["nologin", "false"].iter().any(|shell| account.shell.ends_with(shell))
}

fn is_builder(case: &Case<'_>, account: &Account) -> bool {
    case.expected.access.users.contains(&account.name)
}

/// While a guest is asked, its builder is still there.
fn before_the_end(case: &Case<'_>) -> bool {
    case.evidence.strategy == StrategyName::Guest
}

fn builder_password(case: &Case<'_>) -> Outcome {
    let Some(accounts) = &case.evidence.facts.accounts else { return Outcome::Unchecked };
    if case.expected.access.users.is_empty() || before_the_end(case) {
        return Outcome::Unchecked;
    }
    let mut unknown = false;
    for account in accounts.iter().filter(|it| is_builder(case, it) && has_shell(it)) {
        let how = match account.password {
            None => {
                unknown = true;
                continue;
            }
            Some(Password::Locked) => continue,
            Some(Password::Empty) => "needs no password",
            Some(Password::Hashed { .. }) => "has a password",
        };
        let message =
            format!("`{}`, the user that the build logged in as, still {how}", account.name);
        return Outcome::Broken { message, places: vec!["/etc/shadow".to_owned()] };
    }
    if unknown { Outcome::Unchecked } else { Outcome::Kept }
}

fn builder_key(case: &Case<'_>) -> Outcome {
    let facts = &case.evidence.facts;
    let (Some(keys), Some(accounts)) = (&facts.authorized_keys, &facts.accounts) else {
        return Outcome::Unchecked;
    };
    if case.expected.access.users.is_empty() {
        return Outcome::Unchecked;
    }
    for account in accounts.iter().filter(|it| is_builder(case, it) && has_shell(it)) {
        let found = of_account(keys, account);
        if let Some(first) = found.first() {
            let message = format!(
                "a key opens a login as `{}`, the user that the build logged in as: {} {}",
                account.name, first.kind, first.fingerprint
            );
            return Outcome::Broken { message, places: places(&found) };
        }
    }
    Outcome::Kept
}

fn of_account<'k>(keys: &'k [AuthorizedKey], account: &Account) -> Vec<&'k AuthorizedKey> {
    let folder = format!("{}/.ssh/", account.home.trim_end_matches('/'));
    keys.iter().filter(|key| key.path.starts_with(&folder)).collect()
}

fn places(keys: &[&AuthorizedKey]) -> Vec<String> {
    let paths: BTreeSet<&str> = keys.iter().map(|key| key.path.as_str()).collect();
    some(paths.into_iter().map(str::to_owned))
}

/// Tries the passwords that are known on every hash, those of the template first.
fn default_password(case: &Case<'_>) -> Outcome {
    let Some(accounts) = &case.evidence.facts.accounts else { return Outcome::Unchecked };
    let access = &case.expected.access;
    let mut work_left = MOST_WORK;
    let mut unknown = before_the_end(case);
    let (mut public, mut known) = (Vec::new(), Vec::new());
    let mut tried: BTreeMap<&str, Option<bool>> = BTreeMap::new();
    for account in accounts {
        // What the builder has while it builds says nothing about afterwards.
        if before_the_end(case) && is_builder(case, account) {
            continue;
        }
        let hash = match &account.password {
            None => {
                unknown = true;
                continue;
            }
            Some(Password::Locked | Password::Empty) => continue,
            Some(Password::Hashed { hash, .. }) => &*hash.0,
        };
        let Some(work) = crypt::work(hash) else {
            unknown = true;
            continue;
        };
        // The same hash again is the same password.
        let found = *tried.entry(hash).or_insert_with(|| {
            let mut is_of = |password: &str| {
                if work_left < work {
                    unknown = true;
                    return false;
                }
                work_left -= work;
                crypt::is_of(hash, password)
            };
            if access.passwords.iter().any(|password| is_of(password)) {
                return Some(true);
            }
            let users = access.users.iter().map(String::as_str);
            let mut candidates =
                [account.name.as_str()].into_iter().chain(users).chain(KNOWN.iter().copied());
            candidates.any(is_of).then_some(false)
        });
        match found {
            Some(true) => public.push(account),
            Some(false) => known.push(account),
            None => {}
        }
    }
    let named = |accounts: &[&Account]| {
        let names: Vec<String> =
            accounts.iter().take(3).map(|it| format!("`{}`", it.name)).collect();
        names.join(", ")
    };
    let message = match (public.as_slice(), known.as_slice()) {
        ([], []) if unknown => return Outcome::Unchecked,
        ([], []) => return Outcome::Kept,
        ([], known) => format!("a known default is the password of {}", named(known)),
        (public, _) => format!("what stands in the template is the password of {}", named(public)),
    };
    Outcome::Broken { message, places: vec!["/etc/shadow".to_owned()] }
}

/// The users with empty passwords who could log in; whether there is one of whom nobody knows it.
fn empty<'a>(case: &Case<'a>) -> Option<(Vec<&'a Account>, bool)> {
    let accounts = case.evidence.facts.accounts.as_ref()?;
    let accounts =
        accounts.iter().filter(|account| !(before_the_end(case) && is_builder(case, account)));
    let unknown = accounts.clone().any(|account| account.password.is_none());
    let empty = accounts
        .filter(|account| account.password == Some(Password::Empty) && has_shell(account))
        .collect();
    Some((empty, unknown || before_the_end(case)))
}

/// Whether sshd lets in who needs no password; none if nobody knows.
fn lets_in(case: &Case<'_>) -> Option<bool> {
    let sshd = case.evidence.facts.sshd.as_ref()?;
    Some(
        sshd::is(sshd, "PermitEmptyPasswords", "yes", "no")
            && !sshd::is(sshd, "PasswordAuthentication", "no", "yes"),
    )
}

fn empty_password(case: &Case<'_>) -> Outcome {
    match (empty(case), lets_in(case)) {
        (Some((empty, _)), Some(true)) if !empty.is_empty() => {
            needs_none(&empty, "sshd lets in without a password")
        }
        (None, _) | (_, None) | (Some((_, true)), Some(true)) => Outcome::Unchecked,
        (Some(_), Some(_)) => Outcome::Kept,
    }
}

fn empty_password_local(case: &Case<'_>) -> Outcome {
    // A container has no console.
    if !is_machine(case) {
        return Outcome::Kept;
    }
    match empty(case) {
        None => Outcome::Unchecked,
        Some((empty, unknown)) => match (empty.as_slice(), unknown) {
            ([], true) => Outcome::Unchecked,
            ([], false) => Outcome::Kept,
            (empty, _) => needs_none(empty, "no password is asked for at the console"),
        },
    }
}

fn needs_none(accounts: &[&Account], how: &str) -> Outcome {
    let names: Vec<String> = accounts.iter().take(3).map(|it| format!("`{}`", it.name)).collect();
    Outcome::Broken {
        message: format!("{how}: {}", names.join(", ")),
        places: vec!["/etc/shadow".to_owned()],
    }
}

/// Keys besides those of the builder, which have a rule of their own.
fn authorized_keys(case: &Case<'_>) -> Outcome {
    let facts = &case.evidence.facts;
    let Some(keys) = &facts.authorized_keys else { return Outcome::Unchecked };
    let accounts = facts.accounts.iter().flatten();
    let builders: Vec<&Account> =
        accounts.filter(|it| is_builder(case, it) && has_shell(it)).collect();
    let of_builder = |key: &&AuthorizedKey| {
        builders.iter().any(|it| !of_account(std::slice::from_ref(*key), it).is_empty())
    };
    let others: Vec<&AuthorizedKey> = keys.iter().filter(|key| !of_builder(key)).collect();
    let Some(first) = others.first() else { return Outcome::Kept };
    let what = match others.len() {
        1 => "a key opens a login".to_owned(),
        number => format!("{number} keys open logins"),
    };
    let message = format!("{what}: {} {}", first.kind, first.fingerprint);
    Outcome::Broken { message, places: places(&others) }
}

fn root_login(case: &Case<'_>) -> Outcome {
    let Some(sshd) = &case.evidence.facts.sshd else { return Outcome::Unchecked };
    match sshd::setting(sshd, "PermitRootLogin") {
        Some(set) if sshd::value(set).eq_ignore_ascii_case("yes") => {
            line(set, "sshd lets root in with a password (`PermitRootLogin yes`)".to_owned())
        }
        _ => Outcome::Kept,
    }
}
