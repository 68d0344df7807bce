//! `evidence`.

use schemars::JsonSchema;
use serde_json::json;

use super::scalars::{Command, Day, Or, Text};

/// Where the gate looks.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub(super) enum Evidence {
    /// A strategy.
    Strategy(Or<Strategy>),
    /// A strategy with settings.
    Form(EvidenceForm),
}

/// A way to look inside an artifact.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
pub(super) enum Strategy {
    /// As fits the artifact.
    Auto,
    /// Reads the disk.
    Disk,
    /// Not available yet. Asks the guest agent of a throw-away copy.
    Clone,
    /// Not available yet. Asks the guest at the end of the build.
    Guest,
    /// Not available yet. Reads a container image.
    Container,
    /// Not available yet. Reads a root file system.
    Rootfs,
}

/// Where the gate looks, with settings.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct EvidenceForm {
    /// The way to look inside.
    #[schemars(example = &"disk", extend("default" = "auto"))]
    from: Option<Or<Strategy>>,
    /// How much is looked at.
    #[schemars(example = &"os", extend("default" = "os"))]
    scope: Option<Or<Scope>>,
    /// Not available yet. The address of an inventory (CycloneDX or SPDX) that its maker has
    /// published.
    #[schemars(example = &"https://example.org/talos.spdx.json")]
    sbom: Option<Text>,
    /// Not available yet. The digest of that inventory.
    #[schemars(example = &"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    sha256: Option<Text>,
    /// Not available yet. A command whose output (Trivy's JSON, CycloneDX or SARIF) is judged.
    #[schemars(example = &"./scan.sh")]
    scanner: Option<Command>,
    /// Not available yet. Publishes without looking; every report says so.
    #[schemars(example = json!({ "reason": "not ours to judge", "until": "2026-12-31" }))]
    skip: Option<Skip>,
}

/// How much is looked at.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Scope {
    /// The packages of the operating system.
    Os,
    /// Not available yet. Everything.
    Full,
}

/// Publishes without looking.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Skip {
    /// A reason that a reviewer can judge.
    #[schemars(example = &"not ours to judge")]
    reason: Text,
    /// The last day on which this holds.
    #[schemars(example = &"2026-12-31")]
    until: Day,
}
