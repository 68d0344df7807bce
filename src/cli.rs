//! The command line.

mod channels;
mod prune;
mod registry;

use std::time::Duration;

use camino::Utf8PathBuf;
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

pub use self::channels::{
    Pin, Promote, Pull, Revoke, Rollback, Show, ShowFormat, Unpin, Verify, Versions,
};
pub use self::prune::Prune;
pub use self::registry::{Registry, RegistryAct, RegistryCheck, RegistryRepair};
use crate::commands::child;
use crate::config;
use crate::model::{Arch, Budget, ImageName, Os, Platform};

/// Builds golden machine images through Packer, gates them on Trivy and publishes what can be
/// trusted.
#[derive(Debug, Parser)]
#[command(name = "goldsmith", version, max_term_width = 100, disable_help_subcommand = true)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
#[command(next_display_order = 100)]
pub struct Global {
    /// Run as if started in DIR
    #[arg(short = 'C', value_name = "DIR", global = true)]
    pub directory: Option<Utf8PathBuf>,
    /// The image matrix
    #[arg(long, value_name = "FILE", default_value = "images.yml", global = true)]
    pub config: Utf8PathBuf,
    /// Show what child processes print
    #[arg(short, long, global = true)]
    pub verbose: bool,
    /// Show the result only
    #[arg(short, long, conflicts_with = "verbose", global = true)]
    pub quiet: bool,
    /// Colour the output
    #[arg(long, default_value_t, value_name = "WHEN", global = true)]
    pub color: ColorChoice,
    /// Do not draw a live table
    #[arg(long, global = true)]
    pub no_progress: bool,
    /// Take this for the time (tests only; refused on a forge's runner)
    #[arg(long, value_name = "RFC3339", hide = true, global = true)]
    pub now: Option<Timestamp>,
}

/// The form of a plan.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: JSON, version 1.
    Json,
    /// For `strategy.matrix` of a workflow: waves of jobs as JSON in one line.
    GithubMatrix,
    /// The graph of the images, for whatever shows Mermaid.
    Mermaid,
}

/// The form of a command's result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: JSON, version 1.
    Json,
}

/// The form of what `lint` found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum LintFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: JSON, version 1.
    Json,
    /// For code scanning: SARIF 2.1.0.
    Sarif,
    /// For the log of a forge's job, whose runner makes annotations of it.
    Github,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write an image matrix and a workflow for the Packer templates that are here
    Init(Init),
    /// Show what would be built, and why
    Plan(Plan),
    /// Build what is due: plan, build, look inside, judge, publish, record, report
    Run(Run),
    /// Look inside an existing artifact and judge it
    Scan(Scan),
    /// Judge builds again that did not pass and were kept aside, and publish what passes by now; build
    /// nothing
    Regate(Regate),
    /// Match the inventories of all published versions against today's advisories: nothing is built
    /// or booted
    Rescan(Rescan),
    /// List the published versions of an image, or what has become of its channels
    Versions(Versions),
    /// Show what consumers need to know of a version; exit code 1 if one is revoked
    Show(Show),
    /// Fetch the files of a version to this machine, and print where they lie; verified, cached, and
    /// gone on with where it broke off
    Pull(Pull),
    /// Read all that is stored of a version, wherever it lies, and compare it with what is recorded
    Verify(Verify),
    /// Have a channel name a version, if it would pass the gate today and nothing stands against it
    Promote(Promote),
    /// Take a channel back to what it named before, and hold it there
    Rollback(Rollback),
    /// Have a channel stay where it is, whatever is published
    Pin(Pin),
    /// Let a channel go on that was pinned or taken back
    Unpin(Unpin),
    /// Withdraw a version: nobody should use it any more
    Revoke(Revoke),
    /// Remove the bytes of versions that nobody needs: first they are marked, later they go
    Prune(Prune),
    /// Show what has changed between two published versions
    Diff(Diff),
    /// Clean up after runs that were killed: here, and in the registry of the image matrix
    Reap(Reap),
    /// Check the record of versions, and make again what follows from its logs
    Registry(Registry),
    /// Tell all problems of the image matrix
    Lint(Lint),
    /// Install the Packer plugins that templates require, and lock them in goldsmith.lock
    Plugins(Plugins),
    /// Show the waivers, which of them end, and which nobody needs any more
    Waivers(Waivers),
    /// Print the JSON Schema of the image matrix, for editors
    Schema,
    /// Do what the inputs of a forge's action say
    #[command(hide = true)]
    Action,
    /// Watch over one child process
    #[command(name = "__child", hide = true)]
    Child(child::Arguments),
}

/// What to look at.
#[derive(Debug, Args)]
pub struct Selection {
    /// Images to look at, by name or glob; all when none is named
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Of the images that are named, only those that are due
    #[arg(long)]
    pub due: bool,
    /// Only images with this label; one of them, if there are several
    #[arg(long = "label", value_name = "LABEL")]
    pub labels: Vec<String>,
    /// Only what has changed since the branch left REF, and what is built upon that
    #[arg(long, value_name = "REF")]
    pub changed_since: Option<String>,
    /// Only images whose last attempt failed or did not pass
    #[arg(long)]
    pub only_failed: bool,
    /// Build what is selected, due or not, and publish it also if it equals the newest version
    #[arg(long, conflicts_with = "due")]
    pub force: bool,
    /// Where versions and channels are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
}

/// `goldsmith init`.
#[derive(Debug, Args)]
pub struct Init {
    /// Write over files that exist
    #[arg(long)]
    pub force: bool,
}

/// `goldsmith plugins`.
#[derive(Debug, Args)]
pub struct Plugins {
    /// Take the newest versions that templates admit, instead of those that are locked
    #[arg(long)]
    pub update: bool,
    /// Change nothing: fail unless everything is locked and installed
    #[arg(long, conflicts_with = "update")]
    pub check: bool,
    /// Lock them for these machines too, from the mirror: `linux_arm64`
    #[arg(long = "platform", value_name = "OS_ARCH", conflicts_with = "check")]
    pub platforms: Vec<Platform>,
}

/// `goldsmith plan`.
#[derive(Debug, Args)]
pub struct Plan {
    /// What to look at.
    #[command(flatten)]
    pub selection: Selection,
    /// Advisory database that a run would be given: a Trivy cache folder with `db/trivy.db`
    #[arg(long, value_name = "DIR")]
    pub db: Option<Utf8PathBuf>,
    /// Ask publishers whether what templates download is still there and the same: uses the network
    #[arg(long)]
    pub check_upstream: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: PlanFormat,
}

/// Which advisories something is judged by.
#[derive(Debug, Clone, Args)]
pub struct Advisories {
    /// Advisory database: a Trivy cache folder with `db/trivy.db`; downloaded when left out
    #[arg(long, value_name = "DIR")]
    pub db: Option<Utf8PathBuf>,
    /// OCI repository to download it from, once for each that is tried, in this order; else those of
    /// `TRIVY_DB_REPOSITORY`, or Trivy's own
    #[arg(long, value_name = "REPOSITORY", conflicts_with = "db")]
    pub db_repository: Vec<String>,
}

/// `goldsmith run`.
#[derive(Debug, Args)]
pub struct Run {
    /// What to look at.
    #[command(flatten)]
    pub selection: Selection,
    /// Enter after the build with an artifact that exists
    #[arg(
        long = "from-artifact",
        value_name = "IMAGE=PATH",
        value_parser = given,
        // They would leave out images whose artifact is handed in.
        conflicts_with_all = ["labels", "changed_since", "only_failed"]
    )]
    pub from_artifact: Vec<(ImageName, Utf8PathBuf)>,
    /// Where the bytes go, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub store: Vec<String>,
    /// What to judge by.
    #[command(flatten)]
    pub advisories: Advisories,
    /// Build and judge, but publish and record nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How long builds may take to clean up after themselves before they are killed: when they are
    /// out of time, or the run is to stop. A forge's runner waits 6 seconds for a job to stop
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = config::duration)]
    pub grace: Duration,
    /// What all builds together may take of the machine, in parts or whole:
    /// `cpus=4,memory=8G,disk=50G`; the rest is what is free
    #[arg(long, value_name = "BUDGET", default_value = "", hide_default_value = true, value_parser = budget)]
    pub budget: Budget,
    /// Publish although the work tree has changes that are in no commit
    #[arg(long)]
    pub allow_dirty: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith scan`.
#[derive(Debug, Args)]
pub struct Scan {
    /// The artifact: a disk (qcow2, raw), a container image (docker save, OCI layout), a root file
    /// system (folder, tar), or an inventory (CycloneDX, SPDX)
    pub path: Utf8PathBuf,
    /// Judge it as this image of images.yml; without it, by the defaults
    #[arg(long, value_name = "NAME")]
    pub image: Option<ImageName>,
    /// The operating system that must be found: `debian:12`
    #[arg(long, value_name = "FAMILY:RELEASE", value_parser = operating_system, conflicts_with = "image")]
    pub os: Option<Os>,
    /// Which image of several to look into, if there is one for each architecture
    #[arg(long, value_enum, conflicts_with = "image")]
    pub arch: Option<Arch>,
    /// How to look; told by the artifact when left out
    #[arg(long, value_enum)]
    pub evidence: Option<ScanStrategy>,
    /// Look at libraries of languages too, not only at packages of the operating system
    #[arg(long)]
    pub full: bool,
    /// Read backing files of the disk in this folder
    #[arg(long, value_name = "DIR")]
    pub backing: Vec<Utf8PathBuf>,
    /// What to judge by.
    #[command(flatten)]
    pub advisories: Advisories,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: ScanFormat,
}

/// How `goldsmith scan` looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScanStrategy {
    /// As fits the artifact.
    Auto,
    /// As a disk.
    Disk,
    /// As a container image.
    Container,
    /// As a root file system.
    Rootfs,
}

/// The form in which a scan is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ScanFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: version 1 of the JSON reports.
    Json,
    /// For code scanning: SARIF 2.1.0.
    Sarif,
}

/// `goldsmith regate`.
#[derive(Debug, Args)]
pub struct Regate {
    /// Images to look at, by name or glob; all when none is named
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Only images with this label; one of them, if there are several
    #[arg(long = "label", value_name = "LABEL")]
    pub labels: Vec<String>,
    /// Where versions and channels are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Where the bytes go, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub store: Vec<String>,
    /// What to judge by.
    #[command(flatten)]
    pub advisories: Advisories,
    /// Judge, but publish and record nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Publish although the work tree has changes that are in no commit
    #[arg(long)]
    pub allow_dirty: bool,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith rescan`.
#[derive(Debug, Args)]
pub struct Rescan {
    /// Images to look at, by name or glob; all that are recorded when none is named
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Withdraw versions that a channel names and that would not pass any more
    #[arg(long)]
    pub revoke: bool,
    /// Withdraw them only after this time, so that people can move on: `7d`
    #[arg(long, value_name = "TIME", requires = "revoke", value_parser = config::duration)]
    pub revoke_after: Option<Duration>,
    /// Withdraw also the versions of other images that were built from them
    #[arg(long, requires = "revoke")]
    pub descendants: bool,
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

/// `goldsmith diff`.
#[derive(Debug, Args)]
pub struct Diff {
    /// The image; or, with a channel or a version, what is compared: `debian-12@stable`
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// A version, or a channel that names one; the one before TO when left out. After `IMAGE@FROM` what
    /// that is compared with: `candidate`, `debian-13@stable`; the newest when left out
    #[arg(value_name = "FROM")]
    pub from: Option<String>,
    /// Another one; the newest when left out
    #[arg(value_name = "TO")]
    pub to: Option<String>,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith reap`.
#[derive(Debug, Args)]
pub struct Reap {
    /// Where leases are looked at, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith waivers`.
#[derive(Debug, Args)]
pub struct Waivers {
    /// Take out of their files what is stale; comments stay
    #[arg(long)]
    pub prune: bool,
    /// Where versions are recorded, instead of what images.yml says
    #[arg(long, value_name = "URL")]
    pub registry: Option<String>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `goldsmith lint`.
#[derive(Debug, Args)]
pub struct Lint {
    /// Form of the result
    #[arg(long, value_enum, default_value_t)]
    pub format: LintFormat,
}

fn budget(text: &str) -> Result<Budget, config::BadBudget> {
    if text.is_empty() { Ok(Budget::default()) } else { config::budget(text) }
}

fn operating_system(text: &str) -> Result<Os, String> {
    match text.split_once(':') {
        Some((family, release)) if !family.is_empty() && !release.is_empty() => {
            Ok(Os { family: family.to_lowercase(), release: release.to_owned() })
        }
        _ => Err("expected FAMILY:RELEASE, such as `debian:12`".to_owned()),
    }
}

fn given(text: &str) -> Result<(ImageName, Utf8PathBuf), String> {
    let (image, path) = text.split_once('=').ok_or("expected IMAGE=PATH")?;
    let image = image.parse().map_err(|error: crate::model::InvalidName| error.to_string())?;
    match path {
        "" => Err("expected IMAGE=PATH".to_owned()),
        path => Ok((image, path.into())),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
