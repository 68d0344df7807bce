//! What an image is judged by, apart from what it is.

use camino::Utf8PathBuf;

use super::{ChannelName, Check, EvidencePolicy, GatePolicy, Image};

/// Everything in an entry of `images.yml` that decides whether a build of it passes: on a pull request
/// it is that of the base branch, so that no change permits itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judging {
    /// What blocks.
    pub gate: GatePolicy,
    /// Where the gate looks.
    pub evidence: EvidencePolicy,
    /// The file with the waivers, absolute, if one is named.
    pub waivers: Option<Utf8PathBuf>,
    /// The file with advisories that are known to be exploited, absolute.
    pub kev: Option<Utf8PathBuf>,
    /// Further checkers.
    pub checks: Vec<Check>,
    /// How many bytes the files of an artifact may have together.
    pub max_size: Option<u64>,
    /// The channel of which the version is out that a change is held against.
    pub channel: ChannelName,
}

impl Default for Judging {
    /// What holds where nothing is said.
    fn default() -> Self {
        Self {
            gate: GatePolicy::default(),
            evidence: EvidencePolicy::AUTO,
            waivers: None,
            kev: None,
            checks: Vec::new(),
            max_size: None,
            channel: ChannelName::candidate(),
        }
    }
}

impl Image {
    /// What it is judged by.
    pub fn judging(&self) -> Judging {
        Judging {
            gate: self.gate.clone(),
            evidence: self.evidence.clone(),
            waivers: self.waivers.clone(),
            kev: self.kev.clone(),
            checks: self.checks.clone(),
            max_size: self.max_size,
            channel: self.channel.clone(),
        }
    }

    /// Has it judged by something else.
    pub fn judge_by(&mut self, judging: Judging) {
        let Judging { gate, evidence, waivers, kev, checks, max_size, channel } = judging;
        (self.gate, self.evidence, self.waivers, self.kev) = (gate, evidence, waivers, kev);
        (self.checks, self.max_size, self.channel) = (checks, max_size, channel);
    }
}
