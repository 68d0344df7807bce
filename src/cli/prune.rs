//! `goldsmith prune`.

use clap::Args;

use super::Format;
use crate::model::Version;

/// `goldsmith prune`.
#[derive(Debug, Args)]
pub struct Prune {
    /// Images to look at, by name or glob; all that are recorded when none is named
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Do it. In a forge's action that is so anyway
    #[arg(long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// Only say what would be done. Without `--yes` that is so anyway, but in a forge's action
    #[arg(long)]
    pub dry_run: bool,
    /// Keep the bytes of this version of the one image that is named: it was marked, and is not gone yet
    #[arg(long, value_name = "VERSION", requires = "images", conflicts_with_all = ["yes", "dry_run", "in_use"])]
    pub undo: Option<Version>,
    /// A further list of what is in use: `IMAGE/VERSION`, digest, place or file name in each line, or a
    /// state of Terraform or OpenTofu; `-` for standard input
    #[arg(long, value_name = "FILE")]
    pub in_use: Vec<String>,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
