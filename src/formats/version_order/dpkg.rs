//! Debian's order (Debian Policy, §5.6.12; deb-version(7)).

use std::cmp::Ordering;

use super::segments::{Parts, numbers, run};

/// Epoch, upstream version, revision; no revision is as good as `0`.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (Parts::of(one), Parts::of(other));
    let release = |parts: &Parts<'_>| parts.release.unwrap_or_default().as_bytes().to_vec();
    numbers(one.epoch.as_bytes(), other.epoch.as_bytes())
        .then_with(|| part(one.version.as_bytes(), other.version.as_bytes()))
        .then_with(|| part(&release(&one), &release(&other)))
}

/// Text and numbers in turn.
fn part(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let (one_text, one_rest) = run(one, |byte| !byte.is_ascii_digit());
        let (other_text, other_rest) = run(other, |byte| !byte.is_ascii_digit());
        let (one_number, one_rest) = run(one_rest, |byte| byte.is_ascii_digit());
        let (other_number, other_rest) = run(other_rest, |byte| byte.is_ascii_digit());
        let order = text(one_text, other_text).then_with(|| numbers(one_number, other_number));
        if order.is_ne() {
            return order;
        }
        (one, other) = (one_rest, other_rest);
    }
    Ordering::Equal
}

/// Byte by byte: a tilde comes before the end, letters before everything else.
fn text(one: &[u8], other: &[u8]) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(other) => i32::from(*other) + 256,
    };
    let length = one.len().max(other.len());
    let orders = (0..length).map(|at| rank(one.get(at)).cmp(&rank(other.get(at))));
    orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}
