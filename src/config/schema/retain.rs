//! What is kept of versions.

use schemars::JsonSchema;
use serde_json::json;

use super::scalars::{Command, Duration, Number, Path};

/// Which versions keep their bytes when `goldsmith prune` removes what nobody needs: those that any of
/// these keys asks for, and whatever a channel names or named before, what such a version was built
/// from, and what is in use.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Retain {
    /// So many versions that may be used, the newest.
    #[schemars(example = 4, extend("default" = 4))]
    last: Option<Number<1, 1000>>,
    /// All versions that are younger.
    #[schemars(example = &"120d", extend("default" = "120d"))]
    within: Option<Duration>,
    /// How long bytes that nobody needs are kept after that was said, so that somebody can take it back.
    #[schemars(example = &"7d", extend("default" = "7d"))]
    delay: Option<Duration>,
    /// So many builds that did not pass: one, the last.
    #[schemars(example = 1, extend("default" = 1))]
    rejected: Option<Number<1, 1>>,
    /// Where it stands which versions are in use. What cannot be read stops `prune`.
    #[schemars(example = json!([{ "terraform": "terraform.tfstate" }, { "run": "./list.sh" }]))]
    in_use: Option<Vec<InUse>>,
}

/// Where it stands which versions are in use.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum InUse {
    /// A state of Terraform or OpenTofu.
    Terraform(InState),
    /// A list.
    File(InFile),
    /// A command that prints a list.
    Run(InCommand),
}

/// A state of Terraform or OpenTofu, of format 4.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct InState {
    /// The file. A version is in use that is named in any attribute.
    #[schemars(example = &"terraform.tfstate")]
    terraform: Path,
}

/// A list.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct InFile {
    /// The file, with a version, digest, place or file name in each line.
    #[schemars(example = &"in-use.txt")]
    file: Path,
}

/// A command that prints a list.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct InCommand {
    /// A command line for `/bin/sh -c`, in the folder of this file.
    #[schemars(example = &"./list.sh")]
    run: Command,
}
