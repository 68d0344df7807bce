//! Versions of an image: `1.0.20251118`, and `1.0.20251118.2` for the second of the same day.

use std::fmt;
use std::iter;
use std::str::FromStr;

use jiff::civil::Date;
use thiserror::Error;

use super::as_text::serde_as_text;

/// Why a text is not a version or a version base. The user's fault, or a damaged registry's.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseVersionError {
    /// Not of the form `MAJOR.MINOR`.
    #[error("`{0}` is not a version base: expected two numbers, such as `1.0`")]
    Base(String),
    /// Not of the form `MAJOR.MINOR.YYYYMMDD[.N]`.
    #[error(
        "`{0}` is not a version: expected `MAJOR.MINOR.YYYYMMDD`, and `.N` from the second of a day on"
    )]
    Version(String),
}

/// The part of a version that people choose: `1.0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionBase {
    major: u32,
    minor: u32,
}

impl Default for VersionBase {
    fn default() -> Self {
        Self { major: 1, minor: 0 }
    }
}

/// A number without sign or leading zero, so that every version has one spelling.
fn number(text: &str) -> Option<u32> {
    let canonical = text == "0" || (!text.starts_with('0') && !text.starts_with('+'));
    canonical.then(|| text.parse().ok()).flatten()
}

/// The parts between dots. What looks for a character takes longer to make ready than to look through
/// a text as short as these.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let text = rest?;
        let dot = text.bytes().position(|byte| byte == b'.');
        rest = dot.map(|dot| &text[dot + 1..]);
        Some(&text[..dot.unwrap_or(text.len())])
    })
}

/// A day of eight digits, without a format to interpret: a plan reads a hundred thousand of them.
fn day(text: &str) -> Option<Date> {
    let digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let number: i32 = digits.then(|| text.parse().ok()).flatten()?;
    let (year, month, day) = (number / 10_000, number / 100 % 100, number % 100);
    Date::new(year.try_into().ok()?, month.try_into().ok()?, day.try_into().ok()?).ok()
}

impl FromStr for VersionBase {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        let (major, minor) = text
            .split_once('.')
            .and_then(|(major, minor)| Some((number(major)?, number(minor)?)))
            .ok_or_else(|| ParseVersionError::Base(text.to_owned()))?;
        Ok(Self { major, minor })
    }
}

serde_as_text!(VersionBase);

impl fmt::Display for VersionBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// An immutable, published build of an image.
///
/// The order is base, then day, then the count within the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    base: VersionBase,
    day: Date,
    /// 1 for the first of a day, which is not written out.
    count: u32,
}

impl Version {
    /// The first version of `base` on `day`.
    pub fn first_of(base: VersionBase, day: Date) -> Self {
        Self { base, day, count: 1 }
    }

    /// The version that follows all of `taken` that have the same base and day. Gaps stay gaps.
    #[must_use]
    pub fn next(base: VersionBase, day: Date, taken: &[Self]) -> Self {
        let same_day = taken.iter().filter(|other| (other.base, other.day) == (base, day));
        same_day.max().map_or(Self::first_of(base, day), |last| last.next_of_day())
    }

    /// The day that it is of.
    pub fn day(self) -> Date {
        self.day
    }

    /// The next version of the same base and day.
    #[must_use]
    pub fn next_of_day(self) -> Self {
        Self { count: self.count + 1, ..self }
    }
}

impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, ParseVersionError> {
        let parse = || {
            let mut parts = parts(text);
            let major = number(parts.next()?)?;
            let minor = number(parts.next()?)?;
            let day = day(parts.next()?)?;
            let count = match parts.next() {
                None => 1,
                Some(count) => number(count).filter(|count| *count >= 2)?,
            };
            parts.next().is_none().then_some(Self {
                base: VersionBase { major, minor },
                day,
                count,
            })
        };
        parse().ok_or_else(|| ParseVersionError::Version(text.to_owned()))
    }
}

serde_as_text!(Version);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = (self.day.year(), self.day.month(), self.day.day());
        write!(f, "{}.{year:04}{month:02}{day:02}", self.base)?;
        if self.count > 1 {
            write!(f, ".{}", self.count)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_order_by_base_day_and_count() {
        let ordered = [
            "1.0.20251118",
            "1.0.20251118.2",
            "1.0.20251118.10",
            "1.0.20251119",
            "1.1.20251101",
            "1.10.20250101",
            "2.0.20240101",
        ];
        let versions: Vec<Version> = ordered.iter().map(|text| text.parse().unwrap()).collect();
        assert!(versions.is_sorted(), "{versions:?}");
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "1.0",
            "1.0.2025118",
            "1.0.20251318",
            "1.0.20251118.1",
            "1.0.20251118.02",
            "01.0.20251118",
            "1.0.20251118.2.3",
            "1.0.20251118.",
            "1.0.+2025111",
            "1.0.2025 118",
            "v1.0.20251118",
            "1..20251118",
            "+1.0.20251118",
            "4294967296.0.20251118",
            "",
        ] {
            assert!(text.parse::<Version>().is_err(), "{text:?}");
        }
    }

    prop_compose! {
        fn versions()(
            major in 0u32..3, minor in 0u32..12, days in 0i32..40, count in 1u32..12,
        ) -> Version {
            let day = jiff::civil::date(2025, 11, 18) + jiff::Span::new().days(days);
            Version { base: VersionBase { major, minor }, day, count }
        }
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_the_numbers(one in versions(), other in versions()) {
            let numbers = |version: Version| {
                let text = version.to_string();
                let mut parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap()).collect();
                parts.resize(4, 1);
                parts
            };
            prop_assert_eq!(one.cmp(&other), numbers(one).cmp(&numbers(other)), "{} {}", one, other);
        }

        #[test]
        fn the_next_version_is_free_and_the_newest_of_its_day(
            taken in prop::collection::vec(versions(), 0..40), of in versions(),
        ) {
            let next = Version::next(of.base, of.day, &taken);
            prop_assert_eq!((next.base, next.day), (of.base, of.day));
            let same = |other: &&Version| (other.base, other.day) == (of.base, of.day);
            prop_assert!(taken.iter().filter(same).all(|other| *other < next));
        }

        #[test]
        fn text_and_value_are_one_to_one(
            major in 0u32..50, minor in 0u32..50, days in 0i32..40_000, count in 1u32..200,
        ) {
            let day = jiff::civil::date(1990, 1, 1) + jiff::Span::new().days(days);
            let version = Version { base: VersionBase { major, minor }, day, count };
            prop_assert_eq!(version.to_string().parse::<Version>().unwrap(), version);
        }
    }
}
