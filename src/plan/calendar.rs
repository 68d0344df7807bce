//! What the calendar says now, looked up once for all images with the same cadence and zone.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, Zoned};

use super::{SlotError, Slots};
use crate::model::{Cadence, Image, MaxAge};

/// How many missed slots are named.
const MISSED: usize = 24;

/// The slots of a cadence around a moment.
pub(super) struct Calendar {
    slots: Slots,
    /// The calendar day.
    pub(super) day: Date,
    /// The slot that has begun last.
    pub(super) latest: Option<Timestamp>,
    /// The slot that begins next, in the time of the zone.
    pub(super) next: Option<Zoned>,
    /// Slots before the latest, newest first, as far as anybody has asked.
    earlier: RefCell<Vec<Timestamp>>,
}

/// The calendars of a plan.
pub(super) struct Calendars<'a> {
    now: Timestamp,
    known: HashMap<(&'a Cadence, &'a str), Rc<Calendar>>,
}

impl<'a> Calendars<'a> {
    pub(super) fn at(now: Timestamp) -> Self {
        Self { now, known: HashMap::new() }
    }

    /// The calendar of `image`.
    pub(super) fn of(&mut self, image: &'a Image) -> Result<Rc<Calendar>, SlotError> {
        let key = (&image.rebuild.every, image.version.timezone.as_str());
        if let Some(known) = self.known.get(&key) {
            return Ok(Rc::clone(known));
        }
        let calendar = Rc::new(Calendar::of(Slots::new(key.0, key.1)?, self.now));
        self.known.insert(key, Rc::clone(&calendar));
        Ok(calendar)
    }
}

impl Calendar {
    fn of(slots: Slots, now: Timestamp) -> Self {
        Self {
            day: slots.day(now),
            latest: slots.latest(now),
            next: slots.next(now).map(|next| slots.local(next)),
            earlier: RefCell::default(),
            slots,
        }
    }

    /// `at` in the time of the zone.
    pub(super) fn local(&self, at: Timestamp) -> Zoned {
        self.slots.local(at)
    }

    /// The slots that began after `last` and before the latest, newest first, in the time of the
    /// zone. Of very many, the newest.
    pub(super) fn missed_since(&self, last: Timestamp) -> Vec<Zoned> {
        let mut earlier = self.earlier.borrow_mut();
        let mut oldest = earlier.last().copied().or(self.latest);
        while let Some(slot) = oldest
            && slot > last
            && earlier.len() < MISSED
        {
            oldest = self.slots.before(slot);
            earlier.extend(oldest);
        }
        let missed = earlier.iter().copied().take_while(|slot| *slot > last);
        missed.map(|slot| self.local(slot)).collect()
    }

    /// How old a build may become.
    pub(super) fn limit(&self, max_age: MaxAge) -> Option<Duration> {
        match (max_age, self.latest, &self.next) {
            (MaxAge::After(limit), _, _) => Some(limit),
            (MaxAge::Auto, Some(latest), Some(next)) => {
                Duration::try_from(next.timestamp().duration_since(latest))
                    .ok()
                    .map(|period| period * 3 / 2)
            }
            (MaxAge::Auto | MaxAge::Unlimited, _, _) => None,
        }
    }
}
