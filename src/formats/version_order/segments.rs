//! What several orders share: epochs, runs of characters, numbers of any length.

use std::cmp::Ordering;

/// `EPOCH:VERSION-RELEASE`. What is missing is empty, or none.
pub(super) struct Parts<'a> {
    pub(super) epoch: &'a str,
    pub(super) version: &'a str,
    pub(super) release: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// An epoch is a number; what else stands before a colon is part of the version.
    pub(super) fn of(text: &'a str) -> Self {
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) if epoch.bytes().all(|b| b.is_ascii_digit()) => (epoch, rest),
            _ => ("", text),
        };
        match rest.rsplit_once('-') {
            Some((version, release)) => Self { epoch, version, release: Some(release) },
            None => Self { epoch, version: rest, release: None },
        }
    }
}

/// The leading bytes for which `inside` holds, and the rest.
pub(super) fn run(text: &[u8], inside: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|byte| !inside(*byte)).unwrap_or(text.len()))
}

/// The order of two runs of digits as numbers; an empty one is 0.
pub(super) fn numbers(one: &[u8], other: &[u8]) -> Ordering {
    let (_, one) = run(one, |byte| byte == b'0');
    let (_, other) = run(other, |byte| byte == b'0');
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}
