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
    /// A strategy that reads files, with settings.
    Look(Look),
    /// An inventory from elsewhere.
    Inventory(Inventory),
    /// A scanner of one's own.
    Scanner(Scanner),
    /// Nothing.
    Skip(Skipped),
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
    /// Asks the guest at the end of the build.
    Guest,
    /// Reads a container image.
    Container,
    /// Reads a root file system: a folder or a tar archive.
    Rootfs,
}

/// A strategy that reads files, with settings.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Look {
    /// The way to look inside.
    #[schemars(example = &"disk", extend("default" = "auto"))]
    from: Option<Or<Strategy>>,
    /// How much is looked at.
    #[schemars(example = &"os", extend("default" = "os"))]
    scope: Option<Or<Scope>>,
}

/// An inventory from elsewhere.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Inventory {
    /// An inventory (CycloneDX or SPDX in JSON) that the maker of the image has published: an address
    /// (which needs `sha256`), an absolute path in the image, or the path of a file, as seen from this
    /// one.
    #[schemars(example = &"sbom/talos.spdx.json")]
    sbom: Text,
    /// The SHA-256 digest of that inventory.
    #[schemars(example = &"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    sha256: Option<Text>,
}

/// A scanner of one's own.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Scanner {
    /// A command whose output (Trivy's JSON, CycloneDX with vulnerabilities, or SARIF) is judged.
    #[schemars(example = &"./scan.sh")]
    scanner: Command,
}

/// Nothing is looked at.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Skipped {
    /// Publishes without looking; every report says so.
    #[schemars(example = json!({ "reason": "not ours to judge", "until": "2026-12-31" }))]
    skip: Skip,
}

/// How much is looked at.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
enum Scope {
    /// The packages of the operating system.
    Os,
    /// Libraries of languages too.
    Full,
}

/// Publishes without looking.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Skip {
    /// A reason that a reviewer can judge.
    #[schemars(example = &"not ours to judge")]
    reason: Text,
    /// The last day on which this holds, in UTC.
    #[schemars(example = &"2026-12-31")]
    until: Day,
}
