//! Durations: `45m`, `2h`, `7d`, `1h30m`.

use std::time::Duration;

use thiserror::Error;

use super::context::Context;
use super::field::Field;
use crate::diagnostics::quoted;

/// Longest duration, in days. Longer ones are slips, and sums of times stay far from overflow.
const MAX_DAYS: u64 = 3650;

/// Why a text is not a duration. The user's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BadDuration {
    /// Not numbers with units.
    #[error("a duration is a whole number and a unit, such as `45m`, `2h`, `7d` or `1h30m`")]
    Form,
    /// A number alone.
    #[error("the unit is missing: `s`, `m`, `h` or `d`")]
    Unit,
    /// `30m1h`, `1h1h`.
    #[error("units go from large to small, each once: `1h30m`")]
    Order,
    /// Nothing.
    #[error("a duration cannot be zero")]
    Zero,
    /// More than [`MAX_DAYS`].
    #[error("a duration has at most {MAX_DAYS} days")]
    TooLong,
}

/// Units from large to small, in seconds.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// The duration that `text` says.
pub fn parse(text: &str) -> Result<Duration, BadDuration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadDuration::Unit);
    }
    let mut rest = text;
    let mut units = &UNITS[..];
    let mut seconds: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, tail) = rest.split_at(digits);
        let unit = tail.chars().next().ok_or(BadDuration::Form)?;
        if number.is_empty() || !UNITS.iter().any(|(known, _)| *known == unit) {
            return Err(BadDuration::Form);
        }
        let index = units.iter().position(|(known, _)| *known == unit);
        let index = index.ok_or(BadDuration::Order)?;
        let number: u64 = number.parse().map_err(|_| BadDuration::TooLong)?;
        seconds = number
            .checked_mul(units[index].1)
            .and_then(|more| seconds.checked_add(more))
            .filter(|seconds| *seconds <= MAX_DAYS * 86_400)
            .ok_or(BadDuration::TooLong)?;
        units = &units[index + 1..];
        rest = &tail[unit.len_utf8()..];
    }
    match (text.is_empty(), seconds) {
        (true, _) => Err(BadDuration::Form),
        (false, 0) => Err(BadDuration::Zero),
        (false, seconds) => Ok(Duration::from_secs(seconds)),
    }
}

/// Reads a duration.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<Duration> {
    let text = field.text("a duration", "45m", context)?;
    match parse(text) {
        Ok(duration) => Some(duration),
        Err(why) => {
            let message = format!("{} is not a duration", quoted(text));
            context.push(field.error("bad-duration", message, why.to_string()));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_have_one_form() {
        let seconds = |text| parse(text).map(|duration| duration.as_secs());
        assert_eq!(seconds("45m"), Ok(2_700));
        assert_eq!(seconds("2h"), Ok(7_200));
        assert_eq!(seconds("7d"), Ok(604_800));
        assert_eq!(seconds("1h30m"), Ok(5_400));
        assert_eq!(seconds("1d2h3m4s"), Ok(93_784));
        for (text, why) in [
            ("", BadDuration::Form),
            ("45", BadDuration::Unit),
            ("m", BadDuration::Form),
            ("1.5h", BadDuration::Form),
            ("-1h", BadDuration::Form),
            ("1 h", BadDuration::Form),
            ("1h 30m", BadDuration::Form),
            ("5min", BadDuration::Form),
            ("1h30", BadDuration::Form),
            ("1w", BadDuration::Form),
            ("30m1h", BadDuration::Order),
            ("1h1h", BadDuration::Order),
            ("0s", BadDuration::Zero),
            ("9999d", BadDuration::TooLong),
            ("99999999999999999999999d", BadDuration::TooLong),
            ("18446744073709551615d", BadDuration::TooLong),
        ] {
            assert_eq!(parse(text), Err(why), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9dhms é.]{0,12}") {
            if let Ok(duration) = parse(&text) {
                prop_assert!(duration.as_secs() <= MAX_DAYS * 86_400);
            }
        }
    }
}
