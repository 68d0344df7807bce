//! `goldsmith registry`.

use clap::{Args, Subcommand};

use super::Format;

/// `goldsmith registry`.
#[derive(Debug, Args)]
pub struct Registry {
    /// What to do.
    #[command(subcommand)]
    pub act: RegistryAct,
}

/// What to do with a registry.
#[derive(Debug, Subcommand)]
pub enum RegistryAct {
    /// Look whether it is what it should be; exit code 5 if something is lost, or told wrongly
    Check(RegistryCheck),
    /// Make again, from the logs, what is made from them; no log is touched, and nothing is removed
    Repair(RegistryRepair),
}

/// `goldsmith registry check`.
#[derive(Debug, Args)]
pub struct RegistryCheck {
    /// Images to look at, by name or glob; everything when none is named
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Read all inventories and reports too, and look for the files of published versions in their stores
    #[arg(long)]
    pub bytes: bool,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith registry repair`.
#[derive(Debug, Args)]
pub struct RegistryRepair {
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
