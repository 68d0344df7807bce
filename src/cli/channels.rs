//! The verbs for channels and published versions.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::{Advisories, Format};
use crate::model::{ChannelName, ImageName, Version};

/// `goldsmith promote`.
#[derive(Debug, Args)]
pub struct Promote {
    /// The image
    #[arg(required_unless_present = "due")]
    pub image: Option<ImageName>,
    /// The version, or a channel that names it
    #[arg(value_name = "VERSION", required_unless_present_any = ["swap", "due"])]
    pub version: Option<String>,
    /// The channel that is to name it
    #[arg(value_name = "CHANNEL", required_unless_present_any = ["swap", "due"])]
    pub channel: Option<ChannelName>,
    /// Have two channels take each other's version, in one step
    #[arg(long, num_args = 2, value_names = ["A", "B"], conflicts_with_all = ["version", "channel", "expect"])]
    pub swap: Vec<ChannelName>,
    /// Promote what the image matrix says and what has been in its channel for long enough, of this image
    /// or of all
    #[arg(long, conflicts_with_all = ["version", "channel", "swap", "expect", "because"])]
    pub due: bool,
    /// Only if the channel names this version now
    #[arg(long, value_name = "VERSION")]
    pub expect: Option<Version>,
    /// Do it although something stands against it, and record why
    #[arg(long, value_name = "WHY")]
    pub because: Option<String>,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// What to judge by.
    #[command(flatten)]
    pub advisories: Advisories,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The image
    pub image: ImageName,
    /// The channel
    pub channel: ChannelName,
    /// The version to go back to; the one that the channel named before when left out
    #[arg(long, value_name = "VERSION")]
    pub to: Option<Version>,
    /// Why, for whoever reads the history; lets it go back to a revoked version
    #[arg(long, value_name = "WHY")]
    pub because: Option<String>,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith pin`.
#[derive(Debug, Args)]
pub struct Pin {
    /// The image
    pub image: ImageName,
    /// The channel
    pub channel: ChannelName,
    /// The version; the one that the channel names when left out
    #[arg(value_name = "VERSION")]
    pub version: Option<Version>,
    /// Why, for whoever reads the history; lets a revoked version be pinned
    #[arg(long, value_name = "WHY")]
    pub because: Option<String>,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith unpin`.
#[derive(Debug, Args)]
pub struct Unpin {
    /// The image
    pub image: ImageName,
    /// The channel
    pub channel: ChannelName,
    /// Why, for whoever reads the history
    #[arg(long, value_name = "WHY")]
    pub because: Option<String>,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith revoke`.
#[derive(Debug, Args)]
pub struct Revoke {
    /// The image
    pub image: ImageName,
    /// The version, or a channel that names it
    pub version: String,
    /// Why, for whoever uses it
    #[arg(long, value_name = "WHY")]
    pub because: String,
    /// From when on: `2026-12-31T00:00:00Z`; at once when left out
    #[arg(long, value_name = "RFC3339", conflicts_with = "undo")]
    pub at: Option<Timestamp>,
    /// Also the versions of other images that were built from it
    #[arg(long)]
    pub descendants: bool,
    /// Let it be used again
    #[arg(long)]
    pub undo: bool,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith versions`.
#[derive(Debug, Args)]
pub struct Versions {
    /// The image
    pub image: ImageName,
    /// What has become of its channels instead: when, by whom, why
    #[arg(long)]
    pub history: bool,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// The form of what `show` tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ShowFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: JSON, version 1.
    Json,
    /// For a shell: variables.
    Env,
    /// For OpenTofu and Terraform: the variable `images`, for a `*.auto.tfvars.json`.
    Tfvars,
}

/// `goldsmith show`.
#[derive(Debug, Args)]
pub struct Show {
    /// An image, and perhaps a channel or a version of it: `debian-12@stable`; the newest when left out
    #[arg(value_name = "IMAGE[@CHANNEL]", required = true)]
    pub images: Vec<String>,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: ShowFormat,
}

/// `goldsmith pull`.
#[derive(Debug, Args)]
pub struct Pull {
    /// An image, and perhaps a channel or a version of it: `debian-12@stable`; the newest when left out
    #[arg(value_name = "IMAGE[@CHANNEL]")]
    pub image: String,
    /// Put it there instead of into the cache: a folder, or a file where the version is one
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<Utf8PathBuf>,
    /// Also the documents beside the bytes: inventory, report, provenance, SHA256SUMS
    #[arg(long, requires = "output")]
    pub documents: bool,
    /// Keep fetched files there instead of in `~/.cache/goldsmith/images`
    #[arg(long, value_name = "DIR")]
    pub cache: Option<Utf8PathBuf>,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// A store, and how it is reached, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub store: Vec<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith verify`.
#[derive(Debug, Args)]
pub struct Verify {
    /// An image, and perhaps a channel or a version of it: `debian-12@stable`; the newest when left out
    #[arg(value_name = "IMAGE[@CHANNEL]")]
    pub image: String,
    /// A public key of minisign: every place must have a signature by it
    #[arg(long, value_name = "FILE")]
    pub key: Option<Utf8PathBuf>,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// A store, and how it is reached, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub store: Vec<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
