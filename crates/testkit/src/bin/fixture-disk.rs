//! Makes a disk image that looks like what a build leaves.

use std::io;

use camino::Utf8PathBuf;
use clap::{Parser, ValueEnum};
use goldsmith_testkit::disk::{DiskOptions, debian_disk, lvm_disk, zero_disk};
use goldsmith_testkit::rootfs::{Release, debian_packages};

/// Makes a raw disk image that looks like what a build leaves.
#[derive(Parser)]
struct Arguments {
    /// The file to write.
    disk: Utf8PathBuf,
    /// What is on the disk.
    #[arg(long, value_enum, default_value_t = Content::Debian)]
    content: Content,
    /// How many packages are installed.
    #[arg(long, default_value_t = 150)]
    packages: usize,
    /// `ID` of os-release.
    #[arg(long, default_value = "debian")]
    id: String,
    /// Version of the operating system.
    #[arg(long, default_value = "12.13")]
    version: String,
    /// Number of the root partition.
    #[arg(long, default_value_t = 1)]
    number: u32,
    /// Name of the root partition.
    #[arg(long, default_value = "")]
    name: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Content {
    Debian,
    Lvm,
    Zeros,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    match arguments.content {
        Content::Zeros => zero_disk(&arguments.disk),
        Content::Lvm => lvm_disk(&arguments.disk),
        Content::Debian => {
            let options = DiskOptions {
                release: Release { id: arguments.id, version: arguments.version },
                number: arguments.number,
                name: arguments.name,
                ..DiskOptions::default()
            };
            let packages = debian_packages(arguments.packages);
            debian_disk(&arguments.disk, &packages, &options)
        }
    }
}
