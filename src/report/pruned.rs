//! Which versions keep their bytes, and which do not: the answer of `prune`.

use std::fmt::Write as _;

use anstyle::Style;
use jiff::Timestamp;
use serde::Serialize;

use super::quantity::{count, size};
use super::style;
use super::table::{Cell, Column, Table};
use super::untrusted::one_line;
use crate::model::{ExitCode, ImageName, Version};

/// The versions whose bytes were there, and what becomes of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Whether it is only said what would be done.
    pub dry_run: bool,
    /// The versions, by image, the newest first.
    pub versions: Vec<PrunedVersion>,
}

/// A version, and what becomes of its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrunedVersion {
    /// The image.
    pub image: ImageName,
    /// The version.
    pub version: Version,
    /// What its files come to, in bytes.
    pub size: u64,
    /// What becomes of them.
    pub fate: Fate,
    /// Why, or what is the matter.
    pub why: String,
    /// From when on they may go, if they are to.
    pub after: Option<Timestamp>,
    /// Where bytes still lie that were to go, and why, a sentence each.
    pub left: Vec<String>,
}

/// What becomes of the bytes of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// They stay.
    Kept,
    /// They stay, although they were to go.
    Unmarked,
    /// They are to go, since now.
    Marked,
    /// They are to go, and it is not time yet.
    Waiting,
    /// They are gone.
    Pruned,
}

impl Fate {
    fn cell(self) -> Cell {
        match self {
            Self::Kept => Cell::new("kept", Style::new()),
            Self::Unmarked => Cell::new("unmarked", style::GOOD),
            Self::Marked => Cell::new("marked", style::WARNING),
            Self::Waiting => Cell::new("waiting", style::WARNING),
            Self::Pruned => Cell::new("pruned", style::BAD),
        }
    }
}

impl Pruned {
    /// 5 if bytes still lie where they were to go.
    pub fn exit_code(&self) -> ExitCode {
        if self.versions.iter().any(|version| !version.left.is_empty()) {
            ExitCode::PublishFailed
        } else {
            ExitCode::Done
        }
    }

    /// For people, in lines of about so many columns.
    pub fn text(&self, width: usize) -> String {
        let mut text = String::new();
        let mut table = Table::new([
            Column::left("image"),
            Column::left("version"),
            Column::right("size").spare(1),
            Column::left("bytes"),
            Column::left("why"),
        ]);
        for version in &self.versions {
            let after = version
                .after
                .map(|after| format!("; goes after {}", after.strftime("%F %H:%M UTC")));
            table.row([
                Cell::plain(version.image.to_string()),
                Cell::plain(version.version.to_string()),
                Cell::plain(size(version.size)),
                version.fate.cell(),
                Cell::plain(one_line(&format!("{}{}", version.why, after.unwrap_or_default()))),
            ]);
        }
        if !self.versions.is_empty() {
            text.push_str(&table.render("", width));
            text.push('\n');
        }
        for version in &self.versions {
            for left in &version.left {
                let PrunedVersion { image, version, .. } = version;
                let _ = writeln!(text, "left of {image} {version}: {}", one_line(left));
            }
        }
        let of = |fate| self.versions.iter().filter(move |version| version.fate == fate);
        let told = |fate| {
            let bytes = of(fate).map(|version| version.size).sum();
            (of(fate).count(), size(bytes))
        };
        let (pruned, freed) = told(Fate::Pruned);
        let (marked, marked_size) = told(Fate::Marked);
        let would = if self.dry_run { "would be " } else { "" };
        let mut said = Vec::new();
        if pruned > 0 {
            said.push(format!("{} {would}pruned ({freed})", count(pruned, "version")));
        }
        if marked > 0 {
            said.push(format!("{} {would}marked ({marked_size})", count(marked, "version")));
        }
        if said.is_empty() {
            said.push("nothing to prune".to_owned());
        }
        let _ = writeln!(text, "{}", said.join(", "));
        if self.dry_run && pruned + marked > 0 {
            let _ = writeln!(text, "nothing was done: `--yes` does it");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_what_goes_and_why_the_rest_stays() {
        let version = |day: &str, fate, why: &str| PrunedVersion {
            image: "debian-12".parse().unwrap(),
            version: format!("1.0.{day}").parse().unwrap(),
            size: 700 << 20,
            fate,
            why: why.to_owned(),
            after: None,
            left: Vec::new(),
        };
        let after = Some("2026-11-30T10:00:00Z".parse().unwrap());
        let mut pruned = Pruned {
            dry_run: true,
            versions: vec![
                version("20261123", Fate::Kept, "stable names it"),
                version("20260901", Fate::Unmarked, "web 1.0.20261101 was built from it"),
                PrunedVersion { after, ..version("20260801", Fate::Marked, "nobody needs it") },
                PrunedVersion { after, ..version("20260701", Fate::Waiting, "nobody needs it") },
                version("20260601", Fate::Pruned, "nobody needed it"),
            ],
        };
        assert_eq!(pruned.exit_code(), ExitCode::Done);
        let dry = pruned.text(100);
        pruned.dry_run = false;
        pruned.versions[4].left.push("s3://bucket/x: the network is unreachable".to_owned());
        assert_eq!(pruned.exit_code(), ExitCode::PublishFailed);
        let done = pruned.text(100);
        let nothing = Pruned { dry_run: false, versions: Vec::new() }.text(100);
        insta::assert_snapshot!(anstream::adapter::strip_str(&[dry, done, nothing].join("---\n")).to_string(), @"
        image      version            size  bytes     why
        debian-12  1.0.20261123  700.0 MiB  kept      stable names it
        debian-12  1.0.20260901  700.0 MiB  unmarked  web 1.0.20261101 was built from it
        debian-12  1.0.20260801  700.0 MiB  marked    nobody needs it; goes after 2026-11-30 10:00 UTC
        debian-12  1.0.20260701  700.0 MiB  waiting   nobody needs it; goes after 2026-11-30 10:00 UTC
        debian-12  1.0.20260601  700.0 MiB  pruned    nobody needed it

        1 version would be pruned (700.0 MiB), 1 version would be marked (700.0 MiB)
        nothing was done: `--yes` does it
        ---
        image      version            size  bytes     why
        debian-12  1.0.20261123  700.0 MiB  kept      stable names it
        debian-12  1.0.20260901  700.0 MiB  unmarked  web 1.0.20261101 was built from it
        debian-12  1.0.20260801  700.0 MiB  marked    nobody needs it; goes after 2026-11-30 10:00 UTC
        debian-12  1.0.20260701  700.0 MiB  waiting   nobody needs it; goes after 2026-11-30 10:00 UTC
        debian-12  1.0.20260601  700.0 MiB  pruned    nobody needed it

        left of debian-12 1.0.20260601: s3://bucket/x: the network is unreachable
        1 version pruned (700.0 MiB), 1 version marked (700.0 MiB)
        ---
        nothing to prune
        ");
    }
}
