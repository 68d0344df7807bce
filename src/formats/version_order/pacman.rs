//! Arch Linux's order (vercmp(8)): an early form of RPM's, in which separators count.

use std::cmp::Ordering;

use super::segments::{Parts, numbers, run};

/// Epoch, version, release; releases are compared only if both have one.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (Parts::of(one), Parts::of(other));
    let release = || match (one.release, other.release) {
        (Some(one), Some(other)) => part(one.as_bytes(), other.as_bytes()),
        _ => Ordering::Equal,
    };
    numbers(one.epoch.as_bytes(), other.epoch.as_bytes())
        .then_with(|| part(one.version.as_bytes(), other.version.as_bytes()))
        .then_with(release)
}

fn part(mut one: &[u8], mut other: &[u8]) -> Ordering {
    let separator = |byte: u8| !byte.is_ascii_alphanumeric();
    while !one.is_empty() && !other.is_empty() {
        let (one_gap, one_text) = run(one, separator);
        let (other_gap, other_text) = run(other, separator);
        if one_text.is_empty() || other_text.is_empty() {
            (one, other) = (one_text, other_text);
            break;
        }
        let is_number = one_text[0].is_ascii_digit();
        let inside = |byte: u8| {
            if is_number { byte.is_ascii_digit() } else { byte.is_ascii_alphabetic() }
        };
        let (one_segment, one_rest) = run(one_text, inside);
        let (other_segment, other_rest) = run(other_text, inside);
        let order = one_gap.len().cmp(&other_gap.len()).then_with(|| {
            match (other_segment.is_empty(), is_number) {
                // A number is newer than letters.
                (true, true) => Ordering::Greater,
                (true, false) => Ordering::Less,
                (false, true) => numbers(one_segment, other_segment),
                (false, false) => one_segment.cmp(other_segment),
            }
        });
        if order.is_ne() {
            return order;
        }
        (one, other) = (one_rest, other_rest);
    }
    // What is left makes a version newer, unless it is a word: `1.0rc` comes before `1.0`.
    let begins_with_letter = |text: &[u8]| text.first().is_some_and(u8::is_ascii_alphabetic);
    match (one.is_empty(), other.is_empty()) {
        (true, true) => Ordering::Equal,
        (true, false) if !begins_with_letter(other) => Ordering::Less,
        _ if begins_with_letter(one) => Ordering::Less,
        _ => Ordering::Greater,
    }
}
