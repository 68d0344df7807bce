//! What is wrong with a registry, and what was put right: the answers of `registry check` and
//! `registry repair`.

use std::fmt::Write as _;

use serde::Serialize;

use super::quantity::count;
use super::untrusted::one_line;
use crate::model::{ExitCode, Flaw, Gravity};

/// What was looked at, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckedRegistry {
    /// The registry.
    pub registry: String,
    /// How many images were looked at.
    pub images: usize,
    /// How many entries of their logs.
    pub entries: usize,
    /// How many inventories, findings and reports they name.
    pub blobs: usize,
    /// How many files in stores; `null` if nobody looked there.
    pub files: Option<usize>,
    /// The flaws, the gravest first.
    pub flaws: Vec<Flaw>,
}

/// What was made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RepairedRegistry {
    /// The registry.
    pub registry: String,
    /// Whether it is only said what would be done.
    pub dry_run: bool,
    /// The flaws that are no more, or would be.
    pub done: Vec<Flaw>,
    /// Those that nothing here can put right.
    pub left: Vec<Flaw>,
}

/// 5 if something is lost, or told wrongly.
fn exit_code(flaws: &[Flaw]) -> ExitCode {
    if flaws.iter().any(|flaw| flaw.gravity == Gravity::Broken) {
        ExitCode::PublishFailed
    } else {
        ExitCode::Done
    }
}

impl CheckedRegistry {
    /// How `registry check` ends.
    pub fn exit_code(&self) -> ExitCode {
        exit_code(&self.flaws)
    }

    /// For people.
    pub fn text(&self) -> String {
        let Self { registry, images, entries, blobs, files, flaws } = self;
        let mut text = String::new();
        for flaw in flaws {
            flaw.tell(&mut text);
        }
        let of = |gravity| flaws.iter().filter(|flaw| flaw.gravity == gravity).count();
        let state = match (of(Gravity::Broken), of(Gravity::Stale)) {
            (0, 0) => "is as it should be".to_owned(),
            (0, stale) => format!("is sound, and {} behind", are(stale, "file")),
            (broken, _) => format!("has {}", count(broken, "flaw")),
        };
        let files =
            files.map_or_else(String::new, |files| format!(", {} in stores", count(files, "file")));
        let _ = writeln!(
            text,
            "{registry} {state}: {}, {}, {}{files}",
            count(*images, "image"),
            count(*entries, "record"),
            count(*blobs, "blob"),
        );
        text
    }
}

impl RepairedRegistry {
    /// How `registry repair` ends.
    pub fn exit_code(&self) -> ExitCode {
        exit_code(&self.left)
    }

    /// For people.
    pub fn text(&self) -> String {
        let Self { registry, dry_run, done, left } = self;
        let mut text = String::new();
        for Flaw { place, what, .. } in done {
            let done = if *dry_run { "would be made again" } else { "is made again" };
            let _ = writeln!(text, "{} {done}: it {}", one_line(place), one_line(what));
        }
        for flaw in left {
            flaw.tell(&mut text);
        }
        let made = if *dry_run { "to be made again" } else { "made again" };
        let _ = match (done.len(), left.len()) {
            (0, 0) => writeln!(text, "{registry} is as it should be"),
            (done, 0) => writeln!(text, "{registry}: {} {made}", count(done, "file")),
            (done, left) => writeln!(
                text,
                "{registry}: {} {made}, {} left",
                count(done, "file"),
                count(left, "flaw")
            ),
        };
        text
    }
}

/// `1 file is`, `2 files are`.
fn are(number: usize, noun: &str) -> String {
    format!("{} {}", count(number, noun), if number == 1 { "is" } else { "are" })
}

impl Flaw {
    fn tell(&self, text: &mut String) {
        let Self { gravity, place, what, cure, image: _ } = self;
        let word = match gravity {
            Gravity::Notice => "note",
            Gravity::Stale => "behind",
            Gravity::Broken => "broken",
        };
        let _ = writeln!(text, "{word}: {} {}", one_line(place), one_line(what));
        if let Some(cure) = cure {
            let _ = writeln!(text, "  {}", one_line(cure));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaw(gravity: Gravity, place: &str, what: &str, cure: Option<&str>) -> Flaw {
        Flaw {
            gravity,
            image: Some("base".parse().unwrap()),
            place: format!("/srv/registry/{place}"),
            what: what.to_owned(),
            cure: cure.map(str::to_owned),
        }
    }

    #[test]
    fn it_is_said_what_is_wrong_and_what_to_do() {
        let broken = flaw(
            Gravity::Broken,
            "images/base/log/00000002.json",
            "is missing",
            Some("restore it from a backup"),
        );
        let stale = flaw(
            Gravity::Stale,
            "images/base/channels/stable.json",
            "is as of entry 5, and the log has 6",
            Some("`goldsmith registry repair` makes it again from the log"),
        );
        let note = flaw(Gravity::Notice, "READ\nME", "is not goldsmith's", None);
        let checked = |flaws: &[&Flaw], files| CheckedRegistry {
            registry: "/srv/registry".to_owned(),
            images: 1,
            entries: 6,
            blobs: 2,
            files,
            flaws: flaws.iter().map(|flaw| (*flaw).clone()).collect(),
        };
        let all = [
            checked(&[&broken, &stale, &note], Some(4)),
            checked(&[&stale], None),
            checked(&[&note], None),
        ];
        assert_eq!(all.clone().map(|it| it.exit_code().code()), [5, 0, 0]);
        insta::assert_snapshot!(all.map(|it| it.text()).join("---\n"), @"
        broken: /srv/registry/images/base/log/00000002.json is missing
          restore it from a backup
        behind: /srv/registry/images/base/channels/stable.json is as of entry 5, and the log has 6
          `goldsmith registry repair` makes it again from the log
        note: /srv/registry/READ ME is not goldsmith's
        /srv/registry has 1 flaw: 1 image, 6 records, 2 blobs, 4 files in stores
        ---
        behind: /srv/registry/images/base/channels/stable.json is as of entry 5, and the log has 6
          `goldsmith registry repair` makes it again from the log
        /srv/registry is sound, and 1 file is behind: 1 image, 6 records, 2 blobs
        ---
        note: /srv/registry/READ ME is not goldsmith's
        /srv/registry is as it should be: 1 image, 6 records, 2 blobs
        ");
        let repaired = |dry_run, done: &[&Flaw], left: &[&Flaw]| RepairedRegistry {
            registry: "/srv/registry".to_owned(),
            dry_run,
            done: done.iter().map(|flaw| (*flaw).clone()).collect(),
            left: left.iter().map(|flaw| (*flaw).clone()).collect(),
        };
        let all = [
            repaired(true, &[&stale], &[]),
            repaired(false, &[&stale], &[&broken]),
            repaired(false, &[], &[]),
        ];
        assert_eq!(all.clone().map(|it| it.exit_code().code()), [0, 5, 0]);
        insta::assert_snapshot!(all.map(|it| it.text()).join("---\n"), @"
        /srv/registry/images/base/channels/stable.json would be made again: it is as of entry 5, and the log has 6
        /srv/registry: 1 file to be made again
        ---
        /srv/registry/images/base/channels/stable.json is made again: it is as of entry 5, and the log has 6
        broken: /srv/registry/images/base/log/00000002.json is missing
          restore it from a backup
        /srv/registry: 1 file made again, 1 flaw left
        ---
        /srv/registry is as it should be
        ");
    }
}
