//! Calendar slots of a cadence (design §4, "Cadence").
//!
//! Slots, not ages: a daily run that starts a minute earlier than yesterday's must not skip a day,
//! and a build on the 30th must not push the next one to the 30th.

use std::str::FromStr as _;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use thiserror::Error;

use crate::model::Cadence;

/// Why a cadence has no slots. The user's fault; a validated catalog has none of these.
#[derive(Debug, Error)]
pub enum SlotError {
    /// The time zone is not in the zone database.
    #[error("`{0}` is not a time zone of the IANA database")]
    TimeZone(String),
    /// The cron expression cannot be read.
    #[error("`{0}` is not a cron expression with five fields")]
    Cron(String),
}

/// The slots of one image.
pub struct Slots {
    /// Absent for a cadence without slots.
    cron: Option<Cron>,
    zone: TimeZone,
}

impl Slots {
    /// The slots of `cadence` in the zone with the IANA name `zone`.
    pub fn new(cadence: &Cadence, zone: &str) -> Result<Self, SlotError> {
        let expression = match cadence {
            Cadence::Weekly => Some("0 2 * * 1"),
            Cadence::Monthly => Some("0 2 1 * *"),
            Cadence::Quarterly => Some("0 3 1 */3 *"),
            // The day after a second Tuesday is a Wednesday between the 9th and the 15th.
            Cadence::PatchTuesday => Some("0 2 9-15 * +WED"),
            Cadence::Cron(expression) => Some(expression.as_str()),
            Cadence::Never => None,
        };
        let cron = expression
            .map(|text| Cron::from_str(text).map_err(|_| SlotError::Cron(text.to_owned())))
            .transpose()?;
        let zone = TimeZone::get(zone).map_err(|_| SlotError::TimeZone(zone.to_owned()))?;
        Ok(Self { cron, zone })
    }

    /// The slot that `now` lies in: the latest that has begun.
    pub fn latest(&self, now: Timestamp) -> Option<Timestamp> {
        let now = self.local(now);
        let slot = self.cron.as_ref()?.find_previous_occurrence(&now, true);
        slot.ok().map(|slot| slot.timestamp())
    }

    /// The slot before the slot `slot`.
    pub fn before(&self, slot: Timestamp) -> Option<Timestamp> {
        let slot = self.local(slot);
        let before = self.cron.as_ref()?.find_previous_occurrence(&slot, false);
        before.ok().map(|before| before.timestamp())
    }

    /// The slot after `now`.
    pub fn next(&self, now: Timestamp) -> Option<Timestamp> {
        let now = self.local(now);
        let slot = self.cron.as_ref()?.find_next_occurrence(&now, false);
        slot.ok().map(|slot| slot.timestamp())
    }

    /// `at` as people in the zone would say it.
    pub fn local(&self, at: Timestamp) -> Zoned {
        at.to_zoned(self.zone.clone())
    }

    /// The calendar day of `now` in the zone: the day in a version.
    pub fn day(&self, now: Timestamp) -> jiff::civil::Date {
        self.local(now).date()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn slots_begin_where_the_calendar_says() {
        let cases = [
            (
                Cadence::Monthly,
                "UTC",
                "2026-11-23T10:00:00Z",
                "2026-11-01T02:00:00Z",
                "2026-12-01T02:00:00Z",
            ),
            (
                Cadence::Monthly,
                "UTC",
                "2026-12-01T02:00:00Z",
                "2026-12-01T02:00:00Z",
                "2027-01-01T02:00:00Z",
            ),
            (
                Cadence::Monthly,
                "UTC",
                "2026-12-01T01:59:59Z",
                "2026-11-01T02:00:00Z",
                "2026-12-01T02:00:00Z",
            ),
            (
                Cadence::Monthly,
                "Europe/Berlin",
                "2026-07-15T00:00:00Z",
                "2026-07-01T00:00:00Z",
                "2026-08-01T00:00:00Z",
            ),
            (
                Cadence::Quarterly,
                "UTC",
                "2026-11-23T10:00:00Z",
                "2026-10-01T03:00:00Z",
                "2027-01-01T03:00:00Z",
            ),
            (
                Cadence::Weekly,
                "UTC",
                "2026-11-23T10:00:00Z",
                "2026-11-23T02:00:00Z",
                "2026-11-30T02:00:00Z",
            ),
            (
                Cadence::Cron("30 4 29 2 *".into()),
                "UTC",
                "2026-11-23T10:00:00Z",
                "2024-02-29T04:30:00Z",
                "2028-02-29T04:30:00Z",
            ),
        ];
        for (cadence, zone, now, latest, next) in cases {
            let slots = Slots::new(&cadence, zone).unwrap();
            assert_eq!(slots.latest(at(now)), Some(at(latest)), "{cadence:?} {zone} {now}");
            assert_eq!(slots.next(at(now)), Some(at(next)), "{cadence:?} {zone} {now}");
        }
    }

    #[test]
    fn a_slot_that_daylight_saving_skips_begins_once_all_the_same() {
        // 02:00 does not exist on 2026-03-29 in Berlin.
        let slots = Slots::new(&Cadence::Cron("0 2 29 3 *".into()), "Europe/Berlin").unwrap();
        let latest = slots.latest(at("2026-03-30T00:00:00Z")).unwrap();
        assert_eq!(latest, at("2026-03-29T01:00:00Z"));
    }

    #[test]
    fn never_has_no_slots() {
        let slots = Slots::new(&Cadence::Never, "UTC").unwrap();
        assert_eq!(slots.latest(at("2026-11-23T10:00:00Z")), None);
        assert_eq!(slots.next(at("2026-11-23T10:00:00Z")), None);
    }

    #[test]
    fn the_day_is_that_of_the_zone() {
        let slots = Slots::new(&Cadence::Never, "Pacific/Kiritimati").unwrap();
        let day = slots.day(at("2026-11-23T10:00:00Z"));
        assert_eq!(day, jiff::civil::date(2026, 11, 24));
    }

    #[test]
    fn an_hour_that_comes_twice_has_one_slot() {
        // On 2026-10-25, 02:30 comes twice in Berlin: at 00:30 and at 01:30 UTC.
        let slots = Slots::new(&Cadence::Cron("30 2 * * *".into()), "Europe/Berlin").unwrap();
        let slot = at("2026-10-25T00:30:00Z");
        for now in ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T23:00:00Z"] {
            assert_eq!(slots.latest(at(now)), Some(slot), "{now}");
            assert_eq!(slots.next(at(now)), Some(at("2026-10-26T01:30:00Z")), "{now}");
        }
    }

    #[test]
    fn patch_tuesday_is_the_day_after_the_second_tuesday() {
        let slots = Slots::new(&Cadence::PatchTuesday, "UTC").unwrap();
        let mut now = at("2026-01-01T00:00:00Z");
        let mut days = Vec::new();
        for _ in 0..12 {
            now = slots.next(now).unwrap();
            days.push(now.strftime("%m-%d").to_string());
        }
        let days = days.join(" ");
        assert_eq!(days, "01-14 02-11 03-11 04-15 05-13 06-10 07-15 08-12 09-09 10-14 11-11 12-09");
    }

    fn cadences() -> impl Strategy<Value = Cadence> {
        let crons =
            vec!["30 2 * * *", "*/20 * * * *", "15 0,1,2,3 * * *", "0 0 29 2 *", "59 23 * * 6"];
        prop_oneof![
            Just(Cadence::Weekly),
            Just(Cadence::Monthly),
            Just(Cadence::Quarterly),
            Just(Cadence::PatchTuesday),
            prop::sample::select(crons).prop_map(|text| Cadence::Cron(text.to_owned())),
        ]
    }

    proptest! {
        /// Around the change of the clocks as at any other time: going forward and going back, one
        /// comes upon the same slots.
        #[test]
        fn there_is_one_row_of_slots(
            cadence in cadences(),
            zone in prop::sample::select(vec![
                "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe",
                "America/St_Johns", "Africa/Casablanca", "Pacific/Apia", "Asia/Kathmandu",
            ]),
            second in 1_400_000_000i64..2_000_000_000,
        ) {
            let now = Timestamp::from_second(second).unwrap();
            let slots = Slots::new(&cadence, zone).unwrap();
            let (latest, next) = (slots.latest(now).unwrap(), slots.next(now).unwrap());
            prop_assert!(latest <= now && now < next, "{latest} {now} {next}");
            prop_assert_eq!(slots.latest(latest), Some(latest));
            prop_assert_eq!(slots.next(latest), Some(next));
            prop_assert_eq!(slots.before(next), Some(latest));
            prop_assert_eq!(slots.latest(next), Some(next));
        }
    }
}
