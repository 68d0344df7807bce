//! What a scan of stored inventories says.

use std::fmt::Write as _;

use jiff::Timestamp;

use serde::Serialize;

use super::revoked::Revoked;
use super::untrusted::one_line;
use crate::model::{
    Advice, AdviceKind, ChannelName, ExitCode, Finding, ImageName, Reason, Tool, Version,
};

/// What all published versions are worth by today's advisories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rescan {
    /// When it was done.
    pub at: Timestamp,
    /// When the advisories were made.
    pub advisories_updated_at: Timestamp,
    /// Which demonstration data they are, if they are.
    pub fixture: Option<String>,
    /// The scanner.
    pub scanner: Tool,
    /// The versions, by image, oldest first.
    pub versions: Vec<WatchedVersion>,
    /// What people should hear.
    pub advice: Vec<Advice>,
    /// What was withdrawn for it, if somebody has asked for that.
    pub revoked: Vec<RevokedBecause>,
    /// How much work it was.
    pub work: RescanWork,
}

/// A version that was withdrawn because it would not pass any more, and what was built from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RevokedBecause {
    /// Why, as it is recorded.
    pub because: String,
    /// What became of it.
    #[serde(flatten)]
    pub revoked: Revoked,
}

/// How much work it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RescanWork {
    /// Different inventories.
    pub inventories: usize,
    /// Different packages in them.
    pub packages: usize,
    /// How often the scanner was asked.
    pub asked: usize,
    /// How many answers were there already: this database was asked the same before.
    pub kept: usize,
    /// How many entries were written.
    pub recorded: usize,
}

/// A published version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedVersion {
    /// The image.
    pub image: ImageName,
    /// The version.
    pub version: Version,
    /// The channels that name it.
    pub channels: Vec<ChannelName>,
    /// Whether it is the newest of its image.
    pub newest: bool,
    /// Whether it is judged by the defaults, since `images.yml` does not have its image.
    pub by_defaults: bool,
    /// What it is worth.
    pub state: WatchState,
}

/// What a version is worth by today's advisories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchState {
    /// It would pass.
    Clean,
    /// It would not pass.
    Blocked {
        /// What would block it, gravest first; of very many, the first.
        findings: Vec<Finding>,
        /// How many more there are.
        more: usize,
    },
    /// Nothing is proven: why.
    Untrusted(Vec<Reason>),
    /// There is nothing to match, or nothing to match it against: why.
    Unwatched(String),
}

impl WatchState {
    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Blocked { .. } => "blocked",
            Self::Untrusted(_) => "untrusted",
            Self::Unwatched(_) => "unwatched",
        }
    }

    /// Why it is withdrawn, if it would not pass.
    pub fn blocked_because(&self) -> Option<String> {
        match self {
            Self::Blocked { findings, more } => {
                Some(format!("it would not pass the gate any more: {}", named(findings, *more)))
            }
            _ => None,
        }
    }
}

impl WatchedVersion {
    /// Whether somebody may be using it now: a channel names it, or it is the newest.
    pub fn is_in_use(&self) -> bool {
        self.newest || !self.channels.is_empty()
    }
}

impl Rescan {
    /// 4 if nothing was proven about a version that is in use, 1 if one would not pass, else 0.
    pub fn exit_code(&self) -> ExitCode {
        let in_use = self.versions.iter().filter(|version| version.is_in_use());
        let codes = in_use.map(|version| match version.state {
            WatchState::Untrusted(_) => ExitCode::Untrusted,
            WatchState::Blocked { .. } => ExitCode::Blocked,
            WatchState::Clean | WatchState::Unwatched(_) => ExitCode::Done,
        });
        codes.fold(ExitCode::Done, ExitCode::graver)
    }

    /// How many versions are in a state.
    pub fn count(&self, state: &str) -> usize {
        self.versions.iter().filter(|version| version.state.as_str() == state).count()
    }

    /// Whether other advice says the same to people: what would block by now has got its fix.
    fn is_said_already(&self, advice: &Advice) -> bool {
        let known = |it: &&Advice| {
            it.kind == AdviceKind::BecameBad && it.is_about(&advice.image, advice.version)
        };
        advice.kind == AdviceKind::NewlyFixable
            && self.advice.iter().find(known).is_some_and(|it| {
                advice.findings.iter().all(|finding| it.findings.contains(finding))
            })
    }

    /// For people: what is new, what is wrong with what is in use, and counts of the rest.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for advice in self.advice.iter().filter(|advice| !self.is_said_already(advice)) {
            line(&mut text, &advice_sentence(advice));
        }
        let news = |version: &&WatchedVersion| {
            let kind = AdviceKind::BecameBad;
            self.advice
                .iter()
                .any(|it| it.kind == kind && it.is_about(&version.image, version.version))
        };
        let in_use = self.versions.iter().filter(|version| version.is_in_use());
        for version in in_use.filter(|version| version.by_defaults || !news(version)) {
            if let Some(sentence) = state_sentence(version) {
                line(&mut text, &sentence);
            }
        }
        for RevokedBecause { because, revoked } in &self.revoked {
            text.push_str(&revoked.text());
            line(&mut text, &format!("  because {because}"));
        }
        let others = self.versions.iter().filter(|version| !version.is_in_use()).count();
        let RescanWork { inventories, packages, asked, kept, recorded } = self.work;
        let counts = ["clean", "blocked", "untrusted", "unwatched"]
            .map(|state| (self.count(state), state))
            .into_iter()
            .filter(|(count, state)| *count > 0 || *state == "clean");
        let counts: Vec<String> = counts.map(|(count, state)| format!("{count} {state}")).collect();
        line(
            &mut text,
            &format!(
                "{}: {} ({others} that no channel names)",
                plural(self.versions.len(), "version", "versions"),
                counts.join(", "),
            ),
        );
        let made = self.advisories_updated_at.strftime("%Y-%m-%d %H:%M UTC");
        line(
            &mut text,
            &format!(
                "{} in {}, advisories of {made}; {} of {} new, {kept} known; {} written",
                plural(packages, "package", "packages"),
                plural(inventories, "inventory", "inventories"),
                plural(asked, "answer", "answers"),
                self.scanner.name,
                plural(recorded, "entry", "entries"),
            ),
        );
        if let Some(fixture) = &self.fixture {
            line(&mut text, &format!("judged by demonstration data ({fixture})"));
        }
        text
    }
}

fn line(text: &mut String, sentence: &str) {
    // Writing to a String does not fail.
    let _ = writeln!(text, "{}", one_line(sentence));
}

/// What people should hear, in a sentence.
pub fn advice_sentence(advice: &Advice) -> String {
    let Advice { image, version, channels, findings, more, .. } = advice;
    let named = named(findings, *more);
    let version = format!("{version} ({})", place(channels));
    match advice.kind {
        AdviceKind::BecameBad => {
            format!("{image} {version} would not pass the gate any more: {named}")
        }
        AdviceKind::NewlyFixable => format!("{image} {version}: there is a fix now: {named}"),
        AdviceKind::CleanAgain => format!("{image} {version} would pass the gate again"),
    }
}

fn state_sentence(version: &WatchedVersion) -> Option<String> {
    let WatchedVersion { image, version: of, channels, by_defaults, .. } = version;
    let place = place(channels);
    let what = match &version.state {
        WatchState::Clean => return None,
        WatchState::Blocked { findings, more } => format!("blocked: {}", named(findings, *more)),
        WatchState::Untrusted(reasons) => {
            let first = reasons.first().map_or("nothing was proven", |reason| &reason.message);
            format!("untrusted: {first}")
        }
        WatchState::Unwatched(why) => format!("not watched: {why}"),
    };
    let by = if *by_defaults { " (judged by the defaults: not in images.yml)" } else { "" };
    Some(format!("{image} {of} ({place}) {what}{by}"))
}

fn place(channels: &[ChannelName]) -> String {
    let channels: Vec<&str> = channels.iter().map(ChannelName::as_str).collect();
    if channels.is_empty() { "in no channel".to_owned() } else { channels.join(", ") }
}

/// How many findings a sentence names.
const NAMED: usize = 3;

fn named(findings: &[Finding], more: usize) -> String {
    let first = findings.iter().take(NAMED).map(|finding| {
        let Finding { id, severity, source, .. } = finding;
        match &finding.fixed {
            Some(fixed) => format!("{id} ({severity}) in {source} has a fix, {fixed}"),
            None => format!("{id} ({severity}) in {source}"),
        }
    });
    let first: Vec<String> = first.collect();
    match findings.len().saturating_sub(NAMED) + more {
        0 => first.join("; "),
        more => format!("{}; and {more} more", first.join("; ")),
    }
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::finding;
    use crate::model::{ReasonId, Severity};
    use crate::report::revoked::RevokedVersion;

    fn version(number: u32, channels: &[&str], state: WatchState) -> WatchedVersion {
        WatchedVersion {
            image: "debian-12".parse().unwrap(),
            version: format!("1.0.202611{number:02}").parse().unwrap(),
            channels: channels.iter().map(|channel| channel.parse().unwrap()).collect(),
            newest: false,
            by_defaults: false,
            state,
        }
    }

    fn advice(kind: AdviceKind, of: &WatchedVersion, findings: Vec<Finding>) -> Advice {
        let WatchedVersion { image, version, channels, .. } = of.clone();
        Advice { image, version, channels, kind, findings, more: 0 }
    }

    fn revoked(bad: &WatchedVersion) -> RevokedBecause {
        let out = |image: &str, channels: &[ChannelName], changed| RevokedVersion {
            image: image.parse().unwrap(),
            version: bad.version,
            changed,
            channels: channels.to_vec(),
        };
        RevokedBecause {
            because: bad.state.blocked_because().unwrap(),
            revoked: Revoked {
                undone: false,
                from: Some("2026-11-30T12:00:00Z".parse().unwrap()),
                versions: vec![out("debian-12", &bad.channels[1..], true)],
                left: vec![out("web", &[], false)],
            },
        }
    }

    #[test]
    fn people_read_what_is_new_once_and_what_is_wrong_with_what_is_in_use() {
        let openssl = || finding("CVE-2026-1", "openssl", Severity::High, Some("3.0.18"));
        let zlib = || finding("CVE-2026-2", "zlib", Severity::Medium, Some("1.4"));
        let blocked = || WatchState::Blocked { findings: vec![openssl()], more: 4 };
        let doubt = Reason {
            id: ReasonId::OldAdvisories,
            message: "the advisory database is 3 days old".to_owned(),
            help: "refresh it".to_owned(),
        };
        let bad = version(1, &["candidate", "stable"], blocked());
        let foreign = WatchedVersion {
            newest: true,
            by_defaults: true,
            ..version(3, &[], WatchState::Untrusted(vec![doubt]))
        };
        let clean = version(2, &["edge"], WatchState::Clean);
        let rescan = Rescan {
            at: "2026-11-23T12:00:00Z".parse().unwrap(),
            advisories_updated_at: "2026-11-23T06:00:00Z".parse().unwrap(),
            fixture: None,
            scanner: Tool {
                name: "trivy".to_owned(),
                path: "/usr/bin/trivy".into(),
                version: "0.74.0".to_owned(),
            },
            revoked: vec![revoked(&bad)],
            advice: vec![
                advice(AdviceKind::BecameBad, &bad, vec![openssl()]),
                // The same fix that makes it bad is no second piece of news to people.
                advice(AdviceKind::NewlyFixable, &bad, vec![openssl()]),
                advice(AdviceKind::NewlyFixable, &clean, vec![zlib()]),
                advice(AdviceKind::CleanAgain, &clean, Vec::new()),
            ],
            versions: vec![version(4, &[], blocked()), bad, clean, foreign],
            work: RescanWork { inventories: 4, packages: 500, asked: 1, kept: 0, recorded: 2 },
        };
        insta::assert_snapshot!(rescan.text(), @"
        debian-12 1.0.20261101 (candidate, stable) would not pass the gate any more: CVE-2026-1 (HIGH) in openssl has a fix, 3.0.18
        debian-12 1.0.20261102 (edge): there is a fix now: CVE-2026-2 (MEDIUM) in zlib has a fix, 1.4
        debian-12 1.0.20261102 (edge) would pass the gate again
        debian-12 1.0.20261103 (in no channel) untrusted: the advisory database is 3 days old (judged by the defaults: not in images.yml)
        debian-12 1.0.20261101 is revoked from 2026-11-30T12:00:00Z on
          stable still names it: `goldsmith rollback debian-12 stable` takes it back
        web 1.0.20261101 was built from it, and stays as it was
          with `--descendants`, what was built from it goes along
          because it would not pass the gate any more: CVE-2026-1 (HIGH) in openssl has a fix, 3.0.18; and 4 more
        4 versions: 1 clean, 2 blocked, 1 untrusted (1 that no channel names)
        500 packages in 4 inventories, advisories of 2026-11-23 06:00 UTC; 1 answer of trivy new, 0 known; 2 entries written
        ");
        assert_eq!(rescan.exit_code(), ExitCode::Untrusted);
    }
}
