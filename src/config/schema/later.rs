//! What `defaults` and an image can say and what comes later.

use schemars::JsonSchema;
use serde_json::json;

use super::scalars::{Command, EnvironmentName, Text, VmidRange};

/// Another checker.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Check {
    /// What runs it.
    #[schemars(example = &"./check.sh")]
    run: Command,
    /// The SARIF file that it writes, as seen from `workdir`.
    ///
    /// Default: what it prints on its standard output.
    #[schemars(example = &"results.sarif")]
    sarif: Option<Text>,
}

/// Where images are built and kept on Proxmox VE.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Proxmox {
    /// The environment variable that has the address of the interface.
    #[schemars(example = &"PROXMOX_URL")]
    url_env: EnvironmentName,
    /// The environment variable that has a token.
    #[schemars(example = &"PROXMOX_TOKEN")]
    token_env: Option<EnvironmentName>,
    /// The nodes that have the templates.
    #[schemars(example = json!(["pve1", "pve2"]))]
    nodes: Option<Vec<Text>>,
    /// Where disks lie.
    #[schemars(example = &"local-lvm")]
    storage: Option<Text>,
    /// The pool of the templates.
    #[schemars(example = &"golden")]
    pool: Option<Text>,
    /// The ids that templates may have.
    #[schemars(example = &"9100-9199")]
    vmid: Option<VmidRange>,
}
