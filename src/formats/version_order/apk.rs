//! Alpine's order (apk-package(5), "Package version"):
//! `NUMBER{.NUMBER}[LETTER]{_SUFFIX[NUMBER]}[~HASH][-rNUMBER]`.

use std::cmp::Ordering;

use super::segments::{numbers, run};

/// Suffixes in ascending order. The first four are of versions before the one without a suffix.
const SUFFIXES: [&[u8]; 9] =
    [b"alpha", b"beta", b"pre", b"rc", b"cvs", b"svn", b"git", b"hg", b"p"];

/// How many of them are of earlier versions.
const EARLIER: usize = 4;

/// A piece of a version, in the order in which versions end: one that ends before has less.
#[derive(PartialEq, Eq)]
enum Piece<'a> {
    Number { digits: &'a [u8], first: bool },
    Letter(u8),
    Suffix(usize),
    SuffixNumber(&'a [u8]),
    Hash(&'a [u8]),
    Revision(&'a [u8]),
}

/// None if one of them is no version.
pub(super) fn compare(one: &str, other: &str) -> Option<Ordering> {
    let (one, other) = (pieces(one.as_bytes())?, pieces(other.as_bytes())?);
    let mut pairs = one.iter().zip(&other);
    let order = pairs.find_map(|(one, other)| {
        let order = if rank(one) == rank(other) { same(one, other) } else { kinds(one, other) };
        order.is_ne().then_some(order)
    });
    Some(order.unwrap_or_else(|| match (one.get(other.len()), other.get(one.len())) {
        (Some(more), _) => beside_nothing(more),
        (_, Some(more)) => beside_nothing(more).reverse(),
        (None, None) => Ordering::Equal,
    }))
}

/// What a version is beside one that ends here.
fn beside_nothing(more: &Piece<'_>) -> Ordering {
    if is_earlier(more) { Ordering::Less } else { Ordering::Greater }
}

fn is_earlier(piece: &Piece<'_>) -> bool {
    matches!(piece, Piece::Suffix(suffix) if *suffix < EARLIER)
}

fn rank(piece: &Piece<'_>) -> u8 {
    match piece {
        Piece::Number { .. } => 0,
        Piece::Letter(_) => 1,
        Piece::Suffix(_) => 2,
        Piece::SuffixNumber(_) => 3,
        Piece::Hash(_) => 4,
        Piece::Revision(_) => 5,
    }
}

/// Pieces of different kinds: `1.0.1` has more than `1.0a`, and that more than `1.0_p1`.
fn kinds(one: &Piece<'_>, other: &Piece<'_>) -> Ordering {
    match (is_earlier(one), is_earlier(other)) {
        (true, _) => Ordering::Less,
        (_, true) => Ordering::Greater,
        _ => rank(other).cmp(&rank(one)),
    }
}

fn same(one: &Piece<'_>, other: &Piece<'_>) -> Ordering {
    match (one, other) {
        // After the first, a leading zero makes a fraction of a number.
        (Piece::Number { digits: one, first: false }, Piece::Number { digits: other, .. })
            if one.first() == Some(&b'0') || other.first() == Some(&b'0') =>
        {
            one.cmp(other)
        }
        (Piece::Number { digits: one, .. }, Piece::Number { digits: other, .. })
        | (Piece::SuffixNumber(one), Piece::SuffixNumber(other))
        | (Piece::Revision(one), Piece::Revision(other)) => numbers(one, other),
        (Piece::Letter(one), Piece::Letter(other)) => one.cmp(other),
        (Piece::Suffix(one), Piece::Suffix(other)) => one.cmp(other),
        (Piece::Hash(one), Piece::Hash(other)) => one.cmp(other),
        _ => Ordering::Equal,
    }
}

fn pieces(text: &[u8]) -> Option<Vec<Piece<'_>>> {
    let digits = |text| {
        let (digits, rest) = run(text, |byte| byte.is_ascii_digit());
        (!digits.is_empty()).then_some((digits, rest))
    };
    let (first, mut rest) = digits(text)?;
    let mut pieces = vec![Piece::Number { digits: first, first: true }];
    while let [b'.', after @ ..] = rest {
        let (number, after) = digits(after)?;
        pieces.push(Piece::Number { digits: number, first: false });
        rest = after;
    }
    if let [letter @ b'a'..=b'z', after @ ..] = rest {
        pieces.push(Piece::Letter(*letter));
        rest = after;
    }
    while let [b'_', after @ ..] = rest {
        let (suffix, after) = run(after, |byte| byte.is_ascii_lowercase());
        pieces.push(Piece::Suffix(SUFFIXES.iter().position(|known| *known == suffix)?));
        rest = after;
        if let Some((number, after)) = digits(rest) {
            pieces.push(Piece::SuffixNumber(number));
            rest = after;
        }
    }
    if let [b'~', after @ ..] = rest {
        let (hash, after) = run(after, |byte| byte.is_ascii_hexdigit());
        pieces.push(Piece::Hash(hash));
        rest = after;
    }
    if let [b'-', b'r', after @ ..] = rest {
        let (number, after) = digits(after)?;
        pieces.push(Piece::Revision(number));
        rest = after;
    }
    rest.is_empty().then_some(pieces)
}
