//! Until when a build is as fresh as its image is to be.

use std::time::Duration;

use jiff::Timestamp;

use super::calendar::Calendars;
use super::{SlotError, Slots};
use crate::model::{Image, MaxAge};

/// The run that finds a build too old comes a day later at most, and builds.
const A_DAY: Duration = Duration::from_hours(24);

/// The moment from which a build of `image` that started at `started_at` shows that nothing is built
/// any more: there would have been a newer one long before. None for what is built when somebody asks
/// for it, and for what may become as old as it likes.
pub fn fresh_until(image: &Image, started_at: Timestamp) -> Result<Option<Timestamp>, SlotError> {
    let max_age = image.rebuild.max_age;
    let limit = Calendars::at(started_at).of(image)?.limit(max_age);
    let slots = Slots::new(&image.rebuild.every, &image.version.timezone)?;
    let Some(limit) = limit else { return Ok(None) };
    let until = started_at.checked_add(limit).ok();
    let next = slots.next(started_at);
    // Where it is built again for its age, that happens just after this moment.
    let by_age = matches!(max_age, MaxAge::After(_)) && until <= next.or(until);
    let room = if by_age { A_DAY } else { Duration::ZERO };
    Ok(until.and_then(|until| until.checked_add(room).ok()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Cadence;
    use crate::model::samples::image;

    #[test]
    fn a_build_is_fresh_until_the_next_one_is_long_overdue() {
        let of = |every: Cadence, max_age: MaxAge| {
            let mut image = image("debian-12");
            image.rebuild.every = every;
            image.rebuild.max_age = max_age;
            let until = fresh_until(&image, "2026-11-01T02:10:00Z".parse().unwrap()).unwrap();
            until.map_or_else(|| "-".to_owned(), |until| until.to_string())
        };
        let days = |days: u64| MaxAge::After(Duration::from_hours(days * 24));
        let told = [
            of(Cadence::Monthly, MaxAge::Auto),
            of(Cadence::Weekly, MaxAge::Auto),
            of(Cadence::Monthly, days(60)),
            // Built again on the day after the 21st of November.
            of(Cadence::Monthly, days(20)),
            of(Cadence::Never, days(20)),
            of(Cadence::Never, MaxAge::Auto),
            of(Cadence::Monthly, MaxAge::Unlimited),
            of(Cadence::Monthly, MaxAge::After(Duration::MAX)),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        2026-12-16T02:10:00Z
        2026-11-11T14:10:00Z
        2026-12-31T02:10:00Z
        2026-11-22T02:10:00Z
        2026-11-22T02:10:00Z
        -
        -
        -
        ");
    }
}
