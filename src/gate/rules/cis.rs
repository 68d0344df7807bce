//! Items of the CIS Debian Linux 12 Benchmark, version 1.1.0, that files alone decide.

use super::{Case, Check, Outcome, line, sshd};
use crate::model::{Line, Password};

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("cis-1.6.2", banner),
    ("cis-5.1.10", |case| sshd_is(case, "HostbasedAuthentication", "no", |value| value == "no")),
    ("cis-5.1.13", |case| {
        sshd_is(case, "LoginGraceTime", "120", |value| {
            seconds(value).is_some_and(|it| (1..=60).contains(&it))
        })
    }),
    ("cis-5.1.16", |case| {
        sshd_is(case, "MaxAuthTries", "6", |value| value.parse().is_ok_and(|it: u32| it <= 4))
    }),
    ("cis-5.1.20", |case| {
        sshd_is(case, "PermitRootLogin", "prohibit-password", |value| value == "no")
    }),
    ("cis-5.2.2", use_pty),
    ("cis-5.4.1.1", |case| {
        login_defs(case, "PASS_MAX_DAYS", "99999", |value| {
            value.parse().is_ok_and(|days: u32| (1..=365).contains(&days))
        })
    }),
    ("cis-5.4.1.4", |case| {
        login_defs(case, "ENCRYPT_METHOD", "DES", |value| {
            ["sha512", "yescrypt"].iter().any(|method| value.eq_ignore_ascii_case(method))
        })
    }),
    ("cis-5.4.2.1", only_root),
    ("cis-7.2.2", no_empty_field),
];

/// Whether a setting of sshd is as it should be, whoever set it.
fn sshd_is(case: &Case<'_>, keyword: &str, default: &str, good: fn(&str) -> bool) -> Outcome {
    let Some(lines) = &case.evidence.facts.sshd else { return Outcome::Unchecked };
    if lines.is_empty() {
        // There is no sshd.
        return Outcome::Kept;
    }
    let set = sshd::setting(lines, keyword);
    let value = set.map_or(default, sshd::value);
    if good(&value.to_ascii_lowercase()) {
        return Outcome::Kept;
    }
    match set {
        Some(set) => line(set, format!("`{keyword}` is `{value}`")),
        None => Outcome::Broken {
            message: format!("`{keyword}` is not set, which means `{default}`"),
            places: vec!["/etc/ssh/sshd_config".to_owned()],
        },
    }
}

/// Times of sshd (sshd_config(5), "TIME FORMATS").
fn seconds(value: &str) -> Option<u64> {
    let (mut sum, mut number) = (0_u64, String::new());
    for letter in value.chars() {
        if letter.is_ascii_digit() {
            number.push(letter);
            continue;
        }
        let unit = match letter.to_ascii_lowercase() {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        sum = sum.checked_add(number.parse::<u64>().ok()?.checked_mul(unit)?)?;
        number.clear();
    }
    if number.is_empty() {
        (!value.is_empty()).then_some(sum)
    } else {
        sum.checked_add(number.parse().ok()?)
    }
}

/// The last line counts (login.defs(5)).
fn login_defs(case: &Case<'_>, name: &str, default: &str, good: fn(&str) -> bool) -> Outcome {
    let Some(lines) = &case.evidence.facts.login_defs else { return Outcome::Unchecked };
    let set = lines.iter().rev().find_map(|line| {
        let (key, value) = line.text.split_once(' ')?;
        (key == name).then_some((line, value))
    });
    match set {
        Some((_, value)) if good(value) => Outcome::Kept,
        Some((set, value)) => line(set, format!("`{name}` is `{value}`")),
        None => Outcome::Broken {
            message: format!("`{name}` is not set, which means `{default}`"),
            places: vec!["/etc/login.defs".to_owned()],
        },
    }
}

fn banner(case: &Case<'_>) -> Outcome {
    let facts = &case.evidence.facts;
    let Some(lines) = &facts.issue else { return Outcome::Unchecked };
    let name = case.evidence.os.as_ref().map(|os| os.family.to_lowercase());
    let tells = |told: &&Line| {
        let text = told.text.to_lowercase();
        ["\\m", "\\r", "\\s", "\\v"].iter().any(|escape| told.text.contains(escape))
            || name.as_ref().is_some_and(|name| !name.is_empty() && text.contains(&**name))
    };
    lines.iter().find(tells).map_or(Outcome::Kept, |told| {
        line(told, "`/etc/issue` describes the system to whoever has not logged in".to_owned())
    })
}

fn use_pty(case: &Case<'_>) -> Outcome {
    let Some(lines) = &case.evidence.facts.sudo else { return Outcome::Unchecked };
    // The last of them counts.
    let set = lines.iter().rev().find_map(|told| {
        let rest = told.text.strip_prefix("Defaults ")?;
        let words = rest.split([',', ' ']).map(str::trim);
        words
            .rev()
            .find(|word| word.ends_with("use_pty"))
            .map(|word| (told, !word.starts_with('!')))
    });
    match set {
        Some((_, true)) => Outcome::Kept,
        Some((told, false)) => {
            line(told, "sudo is told not to use a terminal of its own".to_owned())
        }
        // There is no sudo.
        None if lines.is_empty() => Outcome::Kept,
        None => Outcome::Broken {
            message: "no line of sudoers sets `use_pty`".to_owned(),
            places: vec!["/etc/sudoers".to_owned()],
        },
    }
}

fn only_root(case: &Case<'_>) -> Outcome {
    let Some(accounts) = &case.evidence.facts.accounts else { return Outcome::Unchecked };
    let other = accounts.iter().find(|account| account.uid == 0 && account.name != "root");
    other.map_or(Outcome::Kept, |account| Outcome::Broken {
        message: format!("`{}` has UID 0", account.name),
        places: vec!["/etc/passwd".to_owned()],
    })
}

fn no_empty_field(case: &Case<'_>) -> Outcome {
    let Some(accounts) = &case.evidence.facts.accounts else { return Outcome::Unchecked };
    if let Some(account) = accounts.iter().find(|it| it.password == Some(Password::Empty)) {
        return Outcome::Broken {
            message: format!("`{}` needs no password", account.name),
            places: vec!["/etc/shadow".to_owned()],
        };
    }
    let unknown = accounts.iter().any(|account| account.password.is_none());
    if unknown { Outcome::Unchecked } else { Outcome::Kept }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn times_are_read_as_sshd_reads_them() {
        let read = ["60", "1m", "1m30s", "2h", "0", "", "x", "1m30", "9999999999999999999999w"]
            .map(seconds);
        let none = None;
        assert_eq!(
            read,
            [Some(60), Some(60), Some(90), Some(7200), Some(0), none, none, Some(90), none]
        );
    }
}
