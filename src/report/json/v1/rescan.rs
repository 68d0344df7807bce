//! The answer of `rescan`.

use jiff::Timestamp;
use serde::Serialize;

use crate::model::{self, AdviceKind, ChannelName, ImageName, Severity, Version};
use crate::report::rescan::{self, RevokedBecause, WatchState, advice_sentence};

/// The answer of `rescan`.
#[derive(Debug, Serialize)]
pub struct Rescan<'a> {
    /// When it was done.
    pub at: Timestamp,
    /// When the advisories were made.
    pub advisories_updated_at: Timestamp,
    /// Which demonstration data they are, if they are.
    pub fixture: Option<&'a str>,
    /// The number that the process ends with.
    pub exit_code: u8,
    /// How much work it was.
    pub work: RescanWork,
    /// What people should hear.
    pub advice: Vec<Advice<'a>>,
    /// With `--revoke`: what was withdrawn, with why (`because`), from when on, and what was built from it.
    pub revoked: &'a [RevokedBecause],
    /// The versions, by image, oldest first.
    pub versions: Vec<Watched<'a>>,
}

/// How much work it was.
#[derive(Debug, Serialize)]
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

impl RescanWork {
    fn of(work: rescan::RescanWork) -> Self {
        let rescan::RescanWork { inventories, packages, asked, kept, recorded } = work;
        Self { inventories, packages, asked, kept, recorded }
    }
}

/// Something that has changed about a published version.
#[derive(Debug, Serialize)]
pub struct Advice<'a> {
    /// The image.
    pub image: &'a ImageName,
    /// The version.
    pub version: Version,
    /// The channels that name it.
    pub channels: &'a [ChannelName],
    /// `became-bad`, `newly-fixable` or `clean-again`.
    pub kind: AdviceKind,
    /// The same in English.
    pub text: String,
    /// The findings that it is about; of very many, the first.
    pub findings: Vec<RescanFinding<'a>>,
    /// How many more there are.
    pub more: usize,
}

/// A published version.
#[derive(Debug, Serialize)]
pub struct Watched<'a> {
    /// The image.
    pub image: &'a ImageName,
    /// The version.
    pub version: Version,
    /// The channels that name it.
    pub channels: &'a [ChannelName],
    /// Whether it is the newest of its image.
    pub newest: bool,
    /// Whether it is judged by the defaults, since `images.yml` does not have its image.
    pub by_defaults: bool,
    /// `clean`, `blocked`, `untrusted` or `unwatched`.
    pub state: &'static str,
    /// Why it is untrusted or unwatched, a sentence each.
    pub reasons: Vec<&'a str>,
    /// What would block it; of very many, the first.
    pub findings: Vec<RescanFinding<'a>>,
    /// How many more there are.
    pub more: usize,
}

/// A finding of a published version: an advisory in a source package.
#[derive(Debug, Serialize)]
pub struct RescanFinding<'a> {
    /// Advisory id.
    pub id: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// An installed (binary) package that was built from it; there may be more.
    pub package: &'a str,
    /// The source package.
    pub source: &'a str,
    /// Installed version.
    pub installed: &'a str,
    /// Version that has the fix.
    pub fixed: Option<&'a str>,
    /// One line for people; may be empty.
    pub title: &'a str,
    /// Link to the advisory.
    pub url: Option<&'a str>,
}

impl<'a> Rescan<'a> {
    pub(super) fn of(rescan: &'a rescan::Rescan) -> Self {
        Self {
            at: rescan.at,
            advisories_updated_at: rescan.advisories_updated_at,
            fixture: rescan.fixture.as_deref(),
            exit_code: rescan.exit_code().code(),
            work: RescanWork::of(rescan.work),
            revoked: &rescan.revoked,
            advice: rescan.advice.iter().map(Advice::of).collect(),
            versions: rescan.versions.iter().map(Watched::of).collect(),
        }
    }
}

impl<'a> Advice<'a> {
    fn of(advice: &'a model::Advice) -> Self {
        Self {
            image: &advice.image,
            version: advice.version,
            channels: &advice.channels,
            kind: advice.kind,
            text: advice_sentence(advice),
            findings: advice.findings.iter().map(RescanFinding::of).collect(),
            more: advice.more,
        }
    }
}

impl<'a> Watched<'a> {
    fn of(version: &'a rescan::WatchedVersion) -> Self {
        let (reasons, (findings, more)) = match &version.state {
            WatchState::Clean => (Vec::new(), (&[][..], 0)),
            WatchState::Blocked { findings, more } => (Vec::new(), (findings.as_slice(), *more)),
            WatchState::Untrusted(reasons) => {
                (reasons.iter().map(|reason| reason.message.as_str()).collect(), (&[][..], 0))
            }
            WatchState::Unwatched(why) => (vec![why.as_str()], (&[][..], 0)),
        };
        Self {
            image: &version.image,
            version: version.version,
            channels: &version.channels,
            newest: version.newest,
            by_defaults: version.by_defaults,
            state: version.state.as_str(),
            reasons,
            findings: findings.iter().map(RescanFinding::of).collect(),
            more,
        }
    }
}

impl<'a> RescanFinding<'a> {
    pub(super) fn of(finding: &'a model::Finding) -> Self {
        Self {
            id: &finding.id,
            severity: finding.severity,
            package: &finding.package,
            source: &finding.source,
            installed: &finding.installed,
            fixed: finding.fixed.as_deref(),
            title: &finding.title,
            url: finding.url.as_deref(),
        }
    }
}
