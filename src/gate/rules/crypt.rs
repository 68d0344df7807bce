//! Whether a hash of a password (crypt(5)) is one of a certain password.
//!
//! A hash says itself how much work it is. What would be too much is not tried, and whoever asks is
//! told so.

use bcrypt::verify as verify_bcrypt;
use md5::{Digest as _, Md5};
use sha_crypt::{PasswordVerifier as _, ShaCrypt};
use yescrypt::Yescrypt;

/// Work that is done for one password, in microseconds of a usual machine.
const MOST: u64 = 150_000;

/// The letters of crypt's own base 64.
const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// How much work it is to try one password, in microseconds of a usual machine; none if it is too much,
/// or a method that nobody uses any more.
pub(super) fn work(hash: &str) -> Option<u64> {
    let work = match method(hash) {
        "1" => 1_000,
        "5" | "6" => rounds(hash)? / 2,
        "y" => yescrypt_work(hash)?,
        "2a" | "2b" | "2y" => {
            let cost: u32 = hash.split('$').nth(2)?.parse().ok()?;
            60_u64.checked_mul(1_u64.checked_shl(cost)?)?
        }
        _ => return None,
    };
    (work <= MOST).then_some(work)
}

/// Whether `hash` is one of `password`. Whoever asks has looked at [`work`] before.
pub(super) fn is_of(hash: &str, password: &str) -> bool {
    let password = password.as_bytes();
    match method(hash) {
        "1" => md5_crypt(hash, password).is_some_and(|made| made == hash),
        "5" | "6" => ShaCrypt::default().verify_password(password, hash).is_ok(),
        "y" => Yescrypt::default().verify_password(password, hash).is_ok(),
        "2a" | "2b" | "2y" => verify_bcrypt(password, hash).unwrap_or_default(),
        _ => false,
    }
}

fn method(hash: &str) -> &str {
    let rest = hash.strip_prefix('$').unwrap_or_default();
    rest.split_once('$').map_or("", |(method, _)| method)
}

/// Rounds of SHA-crypt: 5000 if it does not say.
fn rounds(hash: &str) -> Option<u64> {
    match hash.split('$').nth(2)?.strip_prefix("rounds=") {
        None => Some(5000),
        Some(rounds) => rounds.parse().ok(),
    }
}

/// By the parameters in front of the salt: the flavour, N as a power of two, r.
fn yescrypt_work(hash: &str) -> Option<u64> {
    let parameters = hash.split('$').nth(2)?.as_bytes();
    // Others than these three are of no distribution. Large numbers have several letters.
    let [_, n, r] = parameters else { return None };
    let number = |letter: &u8| {
        let number = LETTERS.iter().position(|known| known == letter)?;
        (number < 48).then_some(number as u64 + 1)
    };
    let (n, r) = (number(n)?, number(r)?);
    1_u64.checked_shl(u32::try_from(n).ok()?)?.checked_mul(r).map(|blocks| blocks / 8)
}

/// The hash of `password` by the method of `hash`, which is `$1$` (Poul-Henning Kamp's, FreeBSD
/// 1994).
fn md5_crypt(hash: &str, password: &[u8]) -> Option<String> {
    let salt = hash.split('$').nth(2)?;
    let salt = salt.get(..salt.len().min(8))?;
    let digest = |parts: &[&[u8]]| {
        let mut digest = Md5::new();
        for part in parts {
            digest.update(part);
        }
        digest.finalize()
    };
    let other = digest(&[password, salt.as_bytes(), password]);
    let mut first = Md5::new();
    first.update(password);
    first.update(b"$1$");
    first.update(salt);
    let mut left = password.len();
    while left > 0 {
        first.update(&other[..left.min(16)]);
        left = left.saturating_sub(16);
    }
    let mut bits = password.len();
    while bits > 0 {
        first.update(if bits & 1 == 1 { &[0][..] } else { &password[..1] });
        bits >>= 1;
    }
    let mut made = first.finalize();
    for round in 0..1000 {
        let (a, b): (&[u8], &[u8]) =
            if round % 2 == 1 { (password, &made) } else { (&made, password) };
        let salt = if round % 3 == 0 { &[][..] } else { salt.as_bytes() };
        let more = if round % 7 == 0 { &[][..] } else { password };
        let next = digest(&[a, salt, more, b]);
        made = next;
    }
    let mut text = format!("$1${salt}$");
    let mut push = |mut value: u32, letters: usize| {
        for _ in 0..letters {
            text.push(char::from(LETTERS[(value & 63) as usize]));
            value >>= 6;
        }
    };
    let byte = |index: usize| u32::from(made[index]);
    for [a, b, c] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        push(byte(a) << 16 | byte(b) << 8 | byte(c), 4);
    }
    push(byte(11), 2);
    Some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hashes_are_told_apart_from_those_of_other_passwords() {
        // Made by glibc's crypt, but for yescrypt, which is of its author's own tests.
        for (hash, password) in [
            ("$1$abcdefgh$9dH7pnAbuvW3TR/m0..T50", "packer"),
            ("$5$rounds=1000$abcdefgh$5E5Ljj6jbhqT6z7KHBzL4vkLSJ1iN7ofz0M4ns95SqD", "packer"),
            (
                "$6$abcdefgh$uS.5JsQrOLNwiTC2mNX/qIgibADxM5IyZTFrHRPxM1kzQd05t0x1ssRH/OQt5KY3dY0KLrNHhcmF308P8EXOL0",
                "packer",
            ),
            ("$2b$04$abcdefghijklmnopqrstuuYOwkTTMkIr94lXd8vdf7.vCu8UYDEcO", "packer"),
            ("$y$j80$LdJMENpBABJJ3h2$ysXVVJwuaVlI1BWoEKt/Bz3WNDDmdOWz/8KTQaHL1cC", "pleaseletmein"),
        ] {
            assert!(work(hash).is_some(), "{hash}");
            assert!(is_of(hash, password), "{hash}");
            assert!(!is_of(hash, "another") && !is_of(hash, ""), "{hash}");
        }
    }

    #[test]
    fn what_would_be_too_much_work_is_known_before() {
        assert_eq!(work("$y$j9T$salt$hash"), Some(16_384), "Debian's own");
        for hash in [
            "$6$rounds=999999999$salt$hash",
            "$6$rounds=x$salt$hash",
            "$2b$31$salt",
            "$2b$99$salt",
            "$y$jTT$salt$hash",
            "$y$j9T1$salt$hash",
            "$y$$",
            "$7$CU..../....$hash",
            "ab0123456789.",
            "$",
            "",
        ] {
            assert_eq!(work(hash), None, "{hash}");
        }
    }

    proptest! {
        #[test]
        fn any_hash_is_looked_at(
            hash in r"\$(1|5|6|y|2b)\$(rounds=[0-9]{1,4}\$|0[0-9]\$|j[0-9][0-9]\$)?[ -~]{0,40}",
        ) {
            if work(&hash).is_some_and(|work| work < 5_000) {
                is_of(&hash, "packer");
            }
        }
    }
}
