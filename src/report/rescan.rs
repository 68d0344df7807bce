//! What a scan of stored inventories says.

use std::fmt::Write as _;

use jiff::Timestamp;

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
    /// How much work it was.
    pub work: RescanWork,
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

    /// For people: what is new, what is wrong with what is in use, and counts of the rest.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for advice in &self.advice {
            line(&mut text, &advice_sentence(advice));
        }
        for version in self.versions.iter().filter(|version| version.is_in_use()) {
            if let Some(sentence) = state_sentence(version) {
                line(&mut text, &sentence);
            }
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
                "{} in {}, advisories of {made}; {} {} new, {kept} known, {} written",
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
    let Advice { image, version, findings, more, .. } = advice;
    let named = named(findings, *more);
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
    let channels: Vec<&str> = channels.iter().map(ChannelName::as_str).collect();
    let place = if channels.is_empty() { "in no channel".to_owned() } else { channels.join(", ") };
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

/// How many findings a sentence names.
const NAMED: usize = 3;

fn named(findings: &[Finding], more: usize) -> String {
    let first = findings.iter().take(NAMED).map(|finding| {
        let Finding { id, severity, package, .. } = finding;
        match &finding.fixed {
            Some(fixed) => format!("{id} ({severity}) in {package} has a fix, {fixed}"),
            None => format!("{id} ({severity}) in {package}"),
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
