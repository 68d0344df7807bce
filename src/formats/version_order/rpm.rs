//! The order of RPM (rpm-version(7)).

use std::cmp::Ordering;

use super::segments::{Parts, numbers, run};

/// Epoch, version, release; no release comes before any.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (Parts::of(one), Parts::of(other));
    let release = || match (one.release, other.release) {
        (Some(one), Some(other)) => part(one.as_bytes(), other.as_bytes()),
        (one, other) => one.is_some().cmp(&other.is_some()),
    };
    numbers(one.epoch.as_bytes(), other.epoch.as_bytes())
        .then_with(|| part(one.version.as_bytes(), other.version.as_bytes()))
        .then_with(release)
}

/// What a segment begins with, in ascending order: `1.0~rc1` < `1.0` < `1.0^git1` < `1.0.a` < `1.0.1`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Tilde,
    End,
    Caret,
    Letters,
    Digits,
}

/// Segments of letters or digits; all else only keeps them apart.
fn part(mut one: &[u8], mut other: &[u8]) -> Ordering {
    loop {
        let (one_kind, one_segment, one_rest) = segment(one);
        let (other_kind, other_segment, other_rest) = segment(other);
        let order = one_kind.cmp(&other_kind).then_with(|| match one_kind {
            Kind::Digits => numbers(one_segment, other_segment),
            _ => one_segment.cmp(other_segment),
        });
        if order.is_ne() || one_kind == Kind::End {
            return order;
        }
        (one, other) = (one_rest, other_rest);
    }
}

fn segment(text: &[u8]) -> (Kind, &[u8], &[u8]) {
    let (_, text) = run(text, |byte| !byte.is_ascii_alphanumeric() && !b"~^".contains(&byte));
    match text.first() {
        None => (Kind::End, &[], &[]),
        Some(b'~') => (Kind::Tilde, &[], &text[1..]),
        Some(b'^') => (Kind::Caret, &[], &text[1..]),
        Some(first) if first.is_ascii_digit() => {
            let (segment, rest) = run(text, |byte| byte.is_ascii_digit());
            (Kind::Digits, segment, rest)
        }
        Some(_) => {
            let (segment, rest) = run(text, |byte| byte.is_ascii_alphabetic());
            (Kind::Letters, segment, rest)
        }
    }
}
