//! Sizes, durations, dates and counts as people read them.

use std::time::Duration;

use jiff::{Timestamp, Zoned};

/// A size in binary units, three digits or so: `612.4 MiB`.
#[expect(clippy::cast_precision_loss, reason = "one decimal is shown; 52 bits are plenty")]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut value = bytes as f64 / 1024.0;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    // 1023.95 would be shown as 1024.0.
    while value >= 1023.95 {
        let Some(next) = units.next() else { break };
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.1} {unit}")
}

/// A duration with as much detail as matters: `412 ms`, `4.1 s`, `41 s`, `3 min 12 s`, `1 h 4 min`.
pub fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let tenths = (milliseconds + 50) / 100;
    let seconds = (milliseconds + 500) / 1000;
    let minutes = (seconds + 30) / 60;
    if milliseconds < 1000 {
        format!("{milliseconds} ms")
    } else if tenths < 100 {
        format!("{}.{} s", tenths / 10, tenths % 10)
    } else if seconds < 60 {
        format!("{seconds} s")
    } else if seconds < 3600 {
        format!("{} min {} s", seconds / 60, seconds % 60)
    } else {
        format!("{} h {} min", minutes / 60, minutes % 60)
    }
}

/// A duration that was measured another time, no more precise than it is: `about 4 min`.
pub fn about(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let minutes = (seconds + 30) / 60;
    match seconds {
        0..=50 => format!("about {} s", seconds.div_ceil(10).max(1) * 10),
        51..3570 => format!("about {minutes} min"),
        _ => format!("about {} h {} min", minutes / 60, minutes % 60),
    }
}

/// A long duration, roughly: `36 h`, `45 days`.
pub fn span(duration: Duration) -> String {
    match duration.as_secs() {
        seconds @ 0..172_800 => format!("{} h", seconds / 3600),
        seconds => format!("{} days", seconds / 86_400),
    }
}

/// A point in time, in UTC so that it means the same to everyone: `1 December 2026, 02:00 UTC`.
pub fn moment(at: Timestamp) -> String {
    at.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

/// When a calendar slot begins, in the zone that it is of, by the name that `images.yml` has for it:
/// `1 December 2026, 02:00 Europe/Berlin`.
pub fn slot(at: &Zoned) -> String {
    at.strftime("%-d %B %Y, %H:%M %Q").to_string()
}

/// The day on which a calendar slot begins: `1 December 2026`.
pub fn day(at: &Zoned) -> String {
    at.strftime("%-d %B %Y").to_string()
}

/// How long before `now` something was: `8 h ago`, `3 days ago`.
pub fn age(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs();
    match seconds {
        ..0 => "in the future".to_owned(),
        0..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

/// A number and its noun, which takes an `s` unless the number is 1: `1 image`, `3 images`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short_and_never_overflow_their_unit() {
        let shown = [0, 1023, 1024, 642_187_264, 1_048_550, 1_048_575, 4 << 40, u64::MAX].map(size);
        insta::assert_snapshot!(shown.join("\n"), @"
        0 B
        1023 B
        1.0 KiB
        612.4 MiB
        1.0 MiB
        1.0 MiB
        4.0 TiB
        16384.0 PiB
        ");
    }

    #[test]
    fn durations_have_the_detail_that_matters() {
        let shown = [
            0, 3, 999, 1000, 4_149, 9_949, 9_950, 59_499, 59_500, 192_000, 3_599_499, 3_599_500,
            3_840_000, 7_199_999,
        ]
        .map(|milliseconds| duration(Duration::from_millis(milliseconds)));
        insta::assert_snapshot!(shown.join("\n"), @"
        0 ms
        3 ms
        999 ms
        1.0 s
        4.1 s
        9.9 s
        10 s
        59 s
        1 min 0 s
        3 min 12 s
        59 min 59 s
        1 h 0 min
        1 h 4 min
        2 h 0 min
        ");
    }

    #[test]
    fn what_was_measured_another_time_is_rounded() {
        let shown = [0, 1, 10, 51, 55, 89, 90, 247, 3_569, 3_570, 9_000]
            .map(|seconds| about(Duration::from_secs(seconds)));
        insta::assert_snapshot!(shown.join("\n"), @"
        about 10 s
        about 10 s
        about 10 s
        about 1 min
        about 1 min
        about 1 min
        about 2 min
        about 4 min
        about 59 min
        about 1 h 0 min
        about 2 h 30 min
        ");
    }

    #[test]
    fn moments_are_in_utc_slots_where_they_are_and_ages_are_coarse() {
        let now: Timestamp = "2026-11-23T10:26:46Z".parse().unwrap();
        let at: Timestamp = "2026-12-01T03:00:00+01:00".parse().unwrap();
        assert_eq!(moment(at), "1 December 2026, 02:00 UTC");
        let at: Timestamp = "2026-11-30T23:30:00Z".parse().unwrap();
        let at = at.in_tz("Europe/Berlin").unwrap();
        assert_eq!(slot(&at), "1 December 2026, 00:30 Europe/Berlin");
        assert_eq!(day(&at), "1 December 2026");
        let ago = |hours| age(now - jiff::SignedDuration::from_hours(hours), now);
        assert_eq!(
            [ago(-1), ago(0), ago(8), ago(47), ago(49)].join(", "),
            "in the future, 0 min ago, 8 h ago, 47 h ago, 2 days ago"
        );
    }
}
