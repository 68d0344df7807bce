//! What can go wrong with a run, how grave it is, and the exit code that says so.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

/// The exit codes: a documented interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum ExitCode {
    /// Done; also when nothing was due.
    Done,
    /// The gate blocked an image, or `lint` found errors.
    Blocked,
    /// Usage, configuration, or a missing tool or plugin.
    Usage,
    /// A build failed; also template errors.
    BuildFailed,
    /// The scan could not be trusted.
    Untrusted,
    /// Publishing or the registry failed.
    PublishFailed,
    /// The report could not be delivered.
    ReportFailed,
    /// Cancelled by an interrupt (Ctrl-C).
    Interrupted,
    /// Cancelled by a request to terminate.
    Terminated,
}

impl ExitCode {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Blocked => 1,
            Self::Usage => 2,
            Self::BuildFailed => 3,
            Self::Untrusted => 4,
            Self::PublishFailed => 5,
            Self::ReportFailed => 6,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// How grave it is beside other images' codes. A cancelled run is cancelled, whatever else
    /// happened; then 5 > 4 > 3 > 2 > 1 > 6 > 0.
    fn gravity(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::ReportFailed => 1,
            Self::Blocked => 2,
            Self::Usage => 3,
            Self::BuildFailed => 4,
            Self::Untrusted => 5,
            Self::PublishFailed => 6,
            Self::Interrupted => 7,
            Self::Terminated => 8,
        }
    }

    /// The graver of two.
    #[must_use]
    pub fn graver(self, other: Self) -> Self {
        if other.gravity() > self.gravity() { other } else { self }
    }

    /// The `failure_reason` output of the action.
    pub fn failure_reason(self) -> &'static str {
        match self {
            Self::Done => "none",
            Self::Blocked => "gate_blocked",
            Self::Usage => "config_invalid",
            Self::BuildFailed => "build_failed",
            Self::Untrusted => "scan_untrusted",
            Self::PublishFailed => "publish_failed",
            Self::ReportFailed => "report_failed",
            Self::Interrupted | Self::Terminated => "cancelled",
        }
    }
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> Self {
        code.code()
    }
}

impl TryFrom<u8> for ExitCode {
    type Error = String;

    fn try_from(code: u8) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|known| known.code() == code)
            .ok_or_else(|| format!("{code} is no exit code of goldsmith"))
    }
}

impl ExitCode {
    /// Every exit code.
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Blocked,
        Self::Usage,
        Self::BuildFailed,
        Self::Untrusted,
        Self::PublishFailed,
        Self::ReportFailed,
        Self::Interrupted,
        Self::Terminated,
    ];
}

/// What kind of failure it is: decides the exit code and what a retry could change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The command line does not make sense.
    Usage,
    /// A configuration file has problems.
    Config,
    /// An external program is missing, too old or refused.
    ToolMissing,
    /// A Packer plugin is missing.
    PluginMissing,
    /// The template has errors.
    Template,
    /// The prepare step failed.
    Prepare,
    /// A provisioner failed inside the guest.
    Provisioner,
    /// A server wants fewer requests.
    RateLimited,
    /// The network, or a server, did not play its part.
    Network,
    /// What the template downloads is not there any more.
    SourceGone,
    /// What was downloaded is not what the template expects.
    ChecksumMismatch,
    /// The guest did not answer.
    GuestSilent,
    /// There is no room left on the disk.
    DiskFull,
    /// The build took too long.
    Timeout,
    /// Packer was killed, or ended without saying how the build went.
    Killed,
    /// Packer said that all is well and left no artifact.
    NoArtifact,
    /// The build failed for another reason.
    Build,
    /// The gate objects.
    Blocked,
    /// Nothing was proven.
    Untrusted,
    /// The evidence could not be gathered, or the scanner failed.
    Scan,
    /// A test failed.
    TestFailed,
    /// The artifact changed after the build.
    ArtifactChanged,
    /// A store failed.
    Publish,
    /// The registry failed.
    Registry,
    /// The report could not be delivered.
    Report,
    /// A person or the runner stopped the run with an interrupt.
    Interrupted,
    /// A person or the runner stopped the run with a request to terminate.
    Terminated,
}

impl FailureClass {
    /// Every class.
    pub const ALL: [Self; 27] = [
        Self::Usage,
        Self::Config,
        Self::ToolMissing,
        Self::PluginMissing,
        Self::Template,
        Self::Prepare,
        Self::Provisioner,
        Self::RateLimited,
        Self::Network,
        Self::SourceGone,
        Self::ChecksumMismatch,
        Self::GuestSilent,
        Self::DiskFull,
        Self::Timeout,
        Self::Killed,
        Self::NoArtifact,
        Self::Build,
        Self::Blocked,
        Self::Untrusted,
        Self::Scan,
        Self::TestFailed,
        Self::ArtifactChanged,
        Self::Publish,
        Self::Registry,
        Self::Report,
        Self::Interrupted,
        Self::Terminated,
    ];

    /// The exit code of a run in which this is the gravest failure.
    pub fn exit_code(self) -> ExitCode {
        match self {
            Self::Usage | Self::Config | Self::ToolMissing | Self::PluginMissing => ExitCode::Usage,
            Self::Template
            | Self::Prepare
            | Self::Provisioner
            | Self::RateLimited
            | Self::Network
            | Self::SourceGone
            | Self::ChecksumMismatch
            | Self::GuestSilent
            | Self::DiskFull
            | Self::Timeout
            | Self::Killed
            | Self::NoArtifact
            | Self::Build
            | Self::TestFailed => ExitCode::BuildFailed,
            Self::Blocked => ExitCode::Blocked,
            Self::Untrusted | Self::Scan => ExitCode::Untrusted,
            Self::ArtifactChanged | Self::Publish | Self::Registry => ExitCode::PublishFailed,
            Self::Report => ExitCode::ReportFailed,
            Self::Interrupted => ExitCode::Interrupted,
            Self::Terminated => ExitCode::Terminated,
        }
    }

    /// Whether the same might go well in a while, although nobody has changed anything.
    pub fn is_transient(self) -> bool {
        matches!(self, Self::RateLimited | Self::Network | Self::GuestSilent)
    }

    /// The `failure_reason` output of the action: finer than the exit code where people act
    /// differently.
    pub fn failure_reason(self) -> &'static str {
        match self {
            Self::ToolMissing | Self::PluginMissing => "tool_missing",
            other => other.exit_code().failure_reason(),
        }
    }
}

/// A failure as it is told: what, why, what to do, where to read more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Its kind.
    pub class: FailureClass,
    /// What failed and why, in one line.
    pub reason: String,
    /// The single things that are wrong, a line each, where they were told one by one already: for
    /// those who see only the failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<String>,
    /// What to do about it.
    pub hints: Vec<String>,
    /// The full log, if there is one.
    pub log: Option<Utf8PathBuf>,
}

impl Failure {
    /// A failure without hints.
    pub fn new(class: FailureClass, reason: impl Into<String>) -> Self {
        Self { class, reason: reason.into(), details: Vec::new(), hints: Vec::new(), log: None }
    }

    /// A failure from an error and its causes, in one line.
    pub fn caused_by(class: FailureClass, error: &dyn std::error::Error) -> Self {
        let mut reason = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !reason.contains(&text) {
                reason = format!("{reason}: {text}");
            }
            source = cause.source();
        }
        Self::new(class, reason)
    }

    /// Adds one of the things that are wrong.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Names the full log.
    #[must_use]
    pub fn log(mut self, log: impl Into<Utf8PathBuf>) -> Self {
        self.log = Some(log.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_failure_decides_the_exit_code() {
        let worst = |codes: &[ExitCode]| {
            codes.iter().fold(ExitCode::Done, |worst, code| worst.graver(*code)).code()
        };
        assert_eq!(worst(&[]), 0);
        assert_eq!(worst(&[ExitCode::Blocked, ExitCode::Done]), 1);
        assert_eq!(worst(&[ExitCode::Blocked, ExitCode::BuildFailed]), 3);
        assert_eq!(worst(&[ExitCode::Untrusted, ExitCode::BuildFailed]), 4);
        assert_eq!(worst(&[ExitCode::PublishFailed, ExitCode::Untrusted]), 5);
        assert_eq!(worst(&[ExitCode::Interrupted, ExitCode::PublishFailed]), 130);
    }

    #[test]
    fn exit_codes_and_failure_reasons_are_the_documented_ones() {
        let table: Vec<String> = FailureClass::ALL
            .iter()
            .map(|class| {
                let name = serde_json::to_value(class).unwrap();
                let (code, reason) = (class.exit_code().code(), class.failure_reason());
                format!("{} {code} {reason}", name.as_str().unwrap())
            })
            .collect();
        let table = table.join("\n");
        insta::assert_snapshot!(table, @"
        usage 2 config_invalid
        config 2 config_invalid
        tool-missing 2 tool_missing
        plugin-missing 2 tool_missing
        template 3 build_failed
        prepare 3 build_failed
        provisioner 3 build_failed
        rate-limited 3 build_failed
        network 3 build_failed
        source-gone 3 build_failed
        checksum-mismatch 3 build_failed
        guest-silent 3 build_failed
        disk-full 3 build_failed
        timeout 3 build_failed
        killed 3 build_failed
        no-artifact 3 build_failed
        build 3 build_failed
        blocked 1 gate_blocked
        untrusted 4 scan_untrusted
        scan 4 scan_untrusted
        test-failed 3 build_failed
        artifact-changed 5 publish_failed
        publish 5 publish_failed
        registry 5 publish_failed
        report 6 report_failed
        interrupted 130 cancelled
        terminated 143 cancelled
        ");
    }
}
