//! The rules of a log: what may follow upon what. A model of what transactions do, made once more and
//! apart from them, for checks.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::model::{Act, ChannelName, Entry, ImageName, LogEntry, Move, RunId, Version};

/// How far an entry may be dated before the one that it follows: the clocks of two machines differ.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_hours(24);

/// What is wrong with an entry of a log that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    /// The entry.
    pub(super) seq: u64,
    /// What is wrong, in words that follow upon `entry 7`.
    pub(super) what: String,
}

/// What is wrong with `log`, which begins with its first entry and has no gaps.
///
/// An entry that only a newer goldsmith knows may have done anything: what is after it is not judged.
pub(super) fn breaches(log: &[LogEntry]) -> Vec<Breach> {
    let mut past = Past::default();
    let mut breaches = Vec::new();
    let mut before: Option<&LogEntry> = None;
    for entry in log {
        if entry.entry == Entry::Unknown {
            break;
        }
        let mut wrong = past.follow(entry);
        if let Some(before) = before
            && before.at.duration_since(entry.at) > CLOCKS_DIFFER
        {
            wrong.push(format!("is dated {}, long before the entry that it follows", entry.at));
        }
        breaches.extend(wrong.into_iter().map(|what| Breach { seq: entry.seq, what }));
        before = Some(entry);
    }
    breaches
}

/// Whether all of `log` can be judged: no entry is of a kind that only a newer goldsmith knows.
pub(super) fn first_unknown(log: &[LogEntry]) -> Option<u64> {
    log.iter().find(|entry| entry.entry == Entry::Unknown).map(|entry| entry.seq)
}

/// What is known after some entries.
#[derive(Default)]
struct Past<'a> {
    image: Option<&'a ImageName>,
    reserved: BTreeSet<Version>,
    runs: BTreeSet<&'a RunId>,
    /// With the place in the order of publication.
    published: BTreeMap<Version, usize>,
    /// Rejected, or failed.
    ended: BTreeSet<Version>,
    abandoned: BTreeSet<Version>,
    revoked: BTreeSet<Version>,
    marked: BTreeSet<Version>,
    pruned: BTreeSet<Version>,
    channels: BTreeMap<&'a ChannelName, Version>,
    held: BTreeSet<&'a ChannelName>,
}

impl<'a> Past<'a> {
    /// Goes on by `entry`, and says what of it cannot be.
    fn follow(&mut self, entry: &'a LogEntry) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut check = |holds: bool, what: String| {
            if !holds {
                wrong.push(what);
            }
        };
        check(
            self.image.is_none_or(|image| *image == entry.image),
            "is of another image".to_owned(),
        );
        self.image = Some(&entry.image);
        match &entry.entry {
            Entry::Reserved { version } => {
                check(self.reserved.insert(*version), format!("reserves {version} once more"));
                check(
                    self.runs.insert(&entry.run),
                    format!("is a second reservation of the run {}", entry.run),
                );
            }
            Entry::Published(record) => {
                let version = record.version;
                check(self.reserved.contains(&version), unreserved("publishes", version));
                check(
                    !self.abandoned.contains(&version),
                    format!("publishes {version}, which was given up"),
                );
                let place = self.published.len();
                check(
                    self.published.insert(version, place).is_none(),
                    format!("publishes {version} once more"),
                );
            }
            Entry::Rejected(record) => {
                wrong.extend(self.unpublished("rejects", record.version));
                self.ended.insert(record.version);
            }
            Entry::Failed(record) => {
                wrong.extend(self.unpublished("fails", record.version));
                self.ended.insert(record.version);
            }
            Entry::Abandoned { version } => {
                let version = *version;
                check(
                    !self.ended.contains(&version),
                    format!("gives up {version}, which had come to its end"),
                );
                wrong.extend(self.unpublished("gives up", version));
                self.abandoned.insert(version);
            }
            Entry::Verified(record) => {
                check(self.is_published(record.version), unpublished("verifies", record.version));
            }
            Entry::Revoked { version, .. } => {
                check(self.is_published(*version), unpublished("revokes", *version));
                self.revoked.insert(*version);
            }
            Entry::Restored { version, .. } => {
                check(
                    self.revoked.remove(version),
                    format!("restores {version}, which was not revoked"),
                );
            }
            Entry::Marked { version, .. } => {
                let version = *version;
                check(self.is_published(version), unpublished("marks", version));
                check(!self.pruned.contains(&version), gone("marks", version));
                check(self.marked.insert(version), format!("marks {version} once more"));
                check(!self.names(version), format!("marks {version}, which a channel names"));
            }
            Entry::Unmarked { version, .. } => {
                let was_marked = self.marked.remove(version);
                check(was_marked, format!("unmarks {version}, which was not marked"));
            }
            Entry::Pruned { version, .. } => {
                let version = *version;
                let was_marked = self.marked.remove(&version);
                check(
                    was_marked | !self.pruned.insert(version),
                    format!("prunes {version}, which was not marked"),
                );
                check(!self.names(version), format!("prunes {version}, which a channel names"));
            }
            Entry::Rescanned { version, .. } => {
                check(self.is_published(*version), unpublished("judges", *version));
            }
            Entry::Moved { .. } | Entry::Swapped { .. } => wrong.extend(self.moves(&entry.entry)),
            Entry::Unknown => {}
        }
        wrong
    }

    /// Whether a channel names `version`.
    fn names(&self, version: Version) -> bool {
        self.channels.values().any(|named| *named == version)
    }

    fn is_published(&self, version: Version) -> bool {
        self.published.contains_key(&version)
    }

    /// What is wrong with an end of `version` that is no publication.
    fn unpublished(&self, does: &str, version: Version) -> Vec<String> {
        let mut wrong = Vec::new();
        if !self.reserved.contains(&version) {
            wrong.push(unreserved(does, version));
        }
        if self.is_published(version) {
            wrong.push(format!("{does} {version}, which is published"));
        }
        if self.abandoned.contains(&version) {
            wrong.push(format!("{does} {version}, which was given up"));
        }
        wrong
    }

    fn moves(&mut self, entry: &'a Entry) -> Vec<String> {
        let mut wrong = Vec::new();
        if let Entry::Swapped { channels: [one, other], .. } = entry
            && one.channel == other.channel
        {
            wrong.push(format!("swaps channel `{}` with itself", one.channel));
        }
        let before = self.channels.clone();
        for Move { channel, from, to, act, held, .. } in entry.moves() {
            let named = before.get(channel).copied();
            if named != from {
                wrong.push(format!(
                    "moves channel `{channel}` from {}, and it named {}",
                    or_nothing(from),
                    or_nothing(named)
                ));
            }
            if !self.is_published(to) {
                wrong.push(unpublished(&format!("has channel `{channel}` name"), to));
            }
            if self.pruned.contains(&to) && named != Some(to) {
                wrong.push(gone(&format!("has channel `{channel}` name"), to));
            }
            let was_held = self.held.contains(channel);
            match act {
                Act::Entered => {
                    let place = |version| self.published.get(&version);
                    if was_held {
                        wrong.push(format!("has {to} enter channel `{channel}`, which was held"));
                    }
                    if from.is_some_and(|from| place(from) >= place(to)) {
                        wrong.push(format!("has {to} enter channel `{channel}` after a later one"));
                    }
                }
                Act::Unpinned if !was_held || named != Some(to) || held => {
                    wrong.push(format!("lets channel `{channel}` go, which was not held there"));
                }
                _ => {}
            }
            self.channels.insert(channel, to);
            if held {
                self.held.insert(channel);
            } else {
                self.held.remove(channel);
            }
        }
        wrong
    }
}

fn unreserved(does: &str, version: Version) -> String {
    format!("{does} {version}, which nobody had reserved")
}

fn unpublished(does: &str, version: Version) -> String {
    format!("{does} {version}, which is not published")
}

fn gone(does: &str, version: Version) -> String {
    format!("{does} {version}, whose bytes are gone")
}

fn or_nothing(version: Option<Version>) -> String {
    version.map_or_else(|| "nothing".to_owned(), |version| version.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::contract::fixtures::{failure, record, rejection, reservation};
    use super::*;
    use crate::model::Named;

    fn version(text: &str) -> Version {
        format!("1.0.{text}").parse().unwrap()
    }

    fn channel(name: &str) -> ChannelName {
        name.parse().unwrap()
    }

    fn moved(name: &str, from: Option<&str>, to: &str, act: Act, held: bool) -> Entry {
        let (channel, to) = (channel(name), version(to));
        Entry::Moved { channel, from: from.map(version), to, act, held, because: None }
    }

    fn told(entries: Vec<Entry>) -> String {
        let entry =
            |(seq, entry): (u64, Entry)| LogEntry { entry, ..reservation(seq, &format!("r{seq}")) };
        let log: Vec<LogEntry> = (1..).zip(entries).map(entry).collect();
        let breaches = breaches(&log).into_iter();
        let lines = breaches.map(|Breach { seq, what }| format!("entry {seq} {what}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_no_writer_would_write_is_told() {
        let reserve = |day| Entry::Reserved { version: version(day) };
        let publish = |day| Entry::Published(Box::new(record(version(day))));
        let (one, two, three) = ("20261101", "20261102", "20261103");
        let named = |name, day| Named { channel: channel(name), version: version(day) };
        let versions = told(vec![
            reserve(one),
            reserve(one),
            publish(two),
            publish(one),
            publish(one),
            Entry::Failed(Box::new(failure(version(one)))),
            reserve(three),
            Entry::Rejected(Box::new(rejection(version(three)))),
            Entry::Abandoned { version: version(three) },
            publish(three),
            Entry::Restored { version: version(one), reason: "why".to_owned() },
            Entry::Revoked {
                version: version("20261104"),
                reason: "why".to_owned(),
                from: None,
                with: None,
            },
        ]);
        insta::assert_snapshot!(versions, @"
        entry 2 reserves 1.0.20261101 once more
        entry 3 publishes 1.0.20261102, which nobody had reserved
        entry 5 publishes 1.0.20261101 once more
        entry 6 fails 1.0.20261101, which is published
        entry 9 gives up 1.0.20261103, which had come to its end
        entry 10 publishes 1.0.20261103, which was given up
        entry 11 restores 1.0.20261101, which was not revoked
        entry 12 revokes 1.0.20261104, which is not published
        ");
        let channels = told(vec![
            reserve(one),
            publish(one),
            reserve(two),
            publish(two),
            moved("stable", None, two, Act::Entered, false),
            moved("stable", Some(two), one, Act::Entered, false),
            moved("stable", Some(two), two, Act::Pinned, true),
            moved("stable", Some(two), two, Act::Entered, false),
            moved("stable", Some(two), two, Act::Unpinned, false),
            moved("other", None, three, Act::Promoted, false),
            Entry::Swapped { channels: [named("stable", one), named("other", two)], because: None },
            Entry::Swapped { channels: [named("other", two), named("other", two)], because: None },
        ]);
        insta::assert_snapshot!(channels, @"
        entry 6 has 1.0.20261101 enter channel `stable` after a later one
        entry 7 moves channel `stable` from 1.0.20261102, and it named 1.0.20261101
        entry 8 has 1.0.20261102 enter channel `stable`, which was held
        entry 8 has 1.0.20261102 enter channel `stable` after a later one
        entry 9 lets channel `stable` go, which was not held there
        entry 10 has channel `other` name 1.0.20261103, which is not published
        entry 11 moves channel `other` from 1.0.20261101, and it named 1.0.20261103
        entry 12 swaps channel `other` with itself
        ");
    }

    #[test]
    fn what_is_after_an_unknown_entry_is_not_judged() {
        let unknown = vec![Entry::Unknown, moved("stable", None, "20261101", Act::Entered, false)];
        assert_eq!(told(unknown), "");
    }

    #[test]
    fn a_clock_that_goes_back_for_days_is_told() {
        let (mut first, mut second) = (reservation(1, "r1"), reservation(2, "r2"));
        second.entry = Entry::Reserved { version: version("20261124") };
        first.at = "2026-11-24T10:00:00Z".parse().unwrap();
        second.at = "2026-11-23T10:30:00Z".parse().unwrap();
        assert_eq!(breaches(&[first.clone(), second.clone()]), []);
        second.at = "2026-11-23T09:30:00Z".parse().unwrap();
        assert_eq!(breaches(&[first, second]).len(), 1);
    }
}
