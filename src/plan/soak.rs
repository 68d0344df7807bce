//! Which versions move on to another channel by themselves, and when.

use std::cmp::Reverse;

use jiff::Timestamp;

use crate::model::{History, Image, Soak, Soaking, Version};

/// The versions of `image` that its rules are about at `now`, whether they have been where they are for
/// long enough or not yet.
///
/// A rule is about what its first channel names, if that is newer than what the other one names, was not
/// withdrawn, and nobody holds the other one. Of several that could enter one channel now, it is about
/// the newest. In the order in which they move.
pub fn soaking(image: &Image, history: &History, now: Timestamp) -> Vec<Soaking> {
    if !image.enabled {
        return Vec::new();
    }
    let all = image.promote.iter().filter_map(|rule| about(image, rule, history, now));
    let all: Vec<Soaking> = all.collect();
    let rank = |index: usize, it: &Soaking| (place(history, it.version), Reverse(index));
    let is_outdone = |index, it: &Soaking| {
        let others = all.iter().enumerate().filter(|(_, other)| other.rule.to == it.rule.to);
        let mut ripe = others.filter(|(_, other)| other.is_ripe(now));
        ripe.any(|(place, other)| rank(place, other) > rank(index, it))
    };
    let left = all.iter().enumerate().filter(|(index, it)| !is_outdone(*index, it));
    in_order(left.map(|(_, it)| it.clone()).collect())
}

/// The end of a chain first: what enters a channel must not take the place of what is to leave it.
fn in_order(mut left: Vec<Soaking>) -> Vec<Soaking> {
    let mut order = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let leads_on = |it: &Soaking| left.iter().any(|other| other.rule.from == it.rule.to);
        // In a circle, anybody begins.
        let last = left.iter().position(|it| !leads_on(it)).unwrap_or(0);
        order.push(left.remove(last));
    }
    order
}

fn about(image: &Image, rule: &Soak, history: &History, now: Timestamp) -> Option<Soaking> {
    let version = *history.channels.get(&rule.from)?;
    let since = *history.since.get(&rule.from)?;
    let instead_of = history.channels.get(&rule.to).copied();
    let is_newer = place(history, version) > instead_of.and_then(|it| place(history, it));
    if !is_newer || history.held.contains(&rule.to) || history.revocation(version, now).is_some() {
        return None;
    }
    let until = since.checked_add(rule.after).ok()?;
    let (image, rule) = (image.name.clone(), rule.clone());
    Some(Soaking { image, version, rule, since, until, instead_of })
}

/// The place of `version` in the order in which versions were published.
fn place(history: &History, version: Version) -> Option<usize> {
    history.published.iter().position(|published| *published == version)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::samples::{Past, definition, image, moved};
    use crate::model::{Act, Entry};

    const DAY: Duration = Duration::from_hours(24);

    fn at(text: &str) -> Timestamp {
        format!("2026-11-{text}:00Z").parse().unwrap()
    }

    fn rule(from: &str, to: &str, days: u32) -> Soak {
        Soak { from: from.parse().unwrap(), to: to.parse().unwrap(), after: DAY * days }
    }

    /// An image whose candidates become stable after three days, and after seven more long-lived.
    fn soaked() -> Image {
        let promote = vec![rule("candidate", "stable", 3), rule("stable", "lts", 7)];
        Image { promote, ..image("debian-12") }
    }

    fn says(image: &Image, past: &Past, now: &str) -> String {
        let told = soaking(image, &past.history(), at(now)).into_iter().map(|it| {
            let ripe = if it.is_ripe(at(now)) { "now" } else { "later" };
            let before = it.instead_of.map_or_else(|| "-".to_owned(), |it| it.to_string());
            let Soaking { version, rule, until, .. } = it;
            format!("{version} {} → {} ({before}) {ripe}: {until}", rule.from, rule.to)
        });
        told.collect::<Vec<_>>().join("\n")
    }

    fn build(past: &mut Past, when: &str) -> Version {
        past.published(at(when), &definition("file:debian.pkr.hcl", "a"), &[]);
        past.history().newest().unwrap()
    }

    fn go(past: &mut Past, when: &str, channel: &str, to: Version) {
        let channel = channel.parse().unwrap();
        let from = past.history().channels.get(&channel).copied();
        past.push(at(when), moved(channel, from, to));
    }

    #[test]
    fn a_version_goes_one_step_at_a_time_when_it_has_been_somewhere_for_long_enough() {
        let (image, mut past) = (soaked(), Past::default());
        let first = build(&mut past, "01T03:00");
        let mut told = vec![says(&image, &past, "02T03:00"), says(&image, &past, "04T03:00")];
        go(&mut past, "04T03:00", "stable", first);
        told.push(says(&image, &past, "04T03:00"));
        // The next one is in its way for `stable` only.
        build(&mut past, "08T03:00");
        told.extend([says(&image, &past, "10T03:00"), says(&image, &past, "11T03:00")]);
        // The end of the chain goes first, or `lts` would never get what `stable` names.
        insta::assert_snapshot!(told.join("\n\n"), @"
        1.0.20261101 candidate → stable (-) later: 2026-11-04T03:00:00Z

        1.0.20261101 candidate → stable (-) now: 2026-11-04T03:00:00Z

        1.0.20261101 stable → lts (-) later: 2026-11-11T03:00:00Z

        1.0.20261101 stable → lts (-) later: 2026-11-11T03:00:00Z
        1.0.20261108 candidate → stable (1.0.20261101) later: 2026-11-11T03:00:00Z

        1.0.20261101 stable → lts (-) now: 2026-11-11T03:00:00Z
        1.0.20261108 candidate → stable (1.0.20261101) now: 2026-11-11T03:00:00Z
        ");
    }

    #[test]
    fn what_is_held_withdrawn_older_or_switched_off_stays_where_it_is() {
        let (mut image, mut past) = (soaked(), Past::default());
        image.promote.truncate(1);
        let first = build(&mut past, "01T03:00");
        let second = build(&mut past, "02T03:00");
        let hold = |past: &mut Past, held| {
            let channel = "stable".parse().unwrap();
            let (from, to, because) = (Some(first), first, None);
            let act = if held { Act::Pinned } else { Act::Unpinned };
            past.push(at("03T03:00"), Entry::Moved { channel, from, to, act, held, because });
        };
        go(&mut past, "02T04:00", "stable", first);
        hold(&mut past, true);
        assert_eq!(says(&image, &past, "09T03:00"), "", "held");
        hold(&mut past, false);
        let ripe = says(&image, &past, "05T03:00");
        assert!(ripe.starts_with(&second.to_string()), "{ripe}");
        let off = Image { enabled: false, ..image.clone() };
        assert_eq!(says(&off, &past, "05T03:00"), "", "switched off");
        // Whoever takes `candidate` back begins anew, and to what is stable already.
        go(&mut past, "05T03:00", "candidate", first);
        assert_eq!(says(&image, &past, "08T03:00"), "", "the same version");
        go(&mut past, "08T03:00", "candidate", second);
        assert_eq!(says(&image, &past, "10T03:00").split(' ').nth(5), Some("later:"));
        past.revoked(at("10T03:00"));
        assert_eq!(says(&image, &past, "12T03:00"), "", "withdrawn");
    }

    #[test]
    fn of_two_rules_for_one_channel_the_newest_version_wins_that_is_ripe() {
        let mut image = soaked();
        image.promote = vec![rule("edge", "stable", 1), rule("candidate", "stable", 3)];
        let mut past = Past::default();
        let first = build(&mut past, "01T03:00");
        go(&mut past, "01T03:00", "edge", first);
        assert_eq!(says(&image, &past, "04T03:00").lines().count(), 1, "the same version, once");
        build(&mut past, "02T03:00");
        let mut told = vec![says(&image, &past, "03T03:00"), says(&image, &past, "05T03:00")];
        let second = past.history().newest().unwrap();
        go(&mut past, "05T03:00", "edge", second);
        told.push(says(&image, &past, "05T03:00"));
        insta::assert_snapshot!(told.join("\n\n"), @"
        1.0.20261101 edge → stable (-) now: 2026-11-02T03:00:00Z
        1.0.20261102 candidate → stable (-) later: 2026-11-05T03:00:00Z

        1.0.20261102 candidate → stable (-) now: 2026-11-05T03:00:00Z

        1.0.20261102 edge → stable (-) later: 2026-11-06T03:00:00Z
        1.0.20261102 candidate → stable (-) now: 2026-11-05T03:00:00Z
        ");
    }
}
