//! Makes a Trivy cache folder with a small advisory database.

use std::error::Error;

use camino::Utf8PathBuf;
use clap::Parser;
use goldsmith_testkit::advisory_db::{Advisories, Fix, Stamp, truncate};
use jiff::Timestamp;

/// Makes a Trivy cache folder with a small advisory database, marked as demonstration data.
#[derive(Parser)]
struct Arguments {
    /// Advisories in the buckets of Trivy's database, as JSON.
    advisories: Utf8PathBuf,
    /// The folder that gets `db/trivy.db` and `db/metadata.json`.
    cache: Utf8PathBuf,
    /// When the database says that it was made; the time of writing if not given.
    #[arg(long, value_name = "RFC3339")]
    updated_at: Option<Timestamp>,
    /// Gives a vulnerability that is in the advisories a fix and a severity. Repeatable.
    #[arg(long, value_name = "CVE=VERSION:SEVERITY")]
    fixable: Vec<Fix>,
    /// Leaves out every advisory of a release, `debian 12`. Repeatable.
    #[arg(long, value_name = "RELEASE")]
    without: Vec<String>,
    /// Cuts the database off in the middle.
    #[arg(long)]
    truncate: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut advisories = Advisories::read(&arguments.advisories)?;
    for release in &arguments.without {
        advisories.forget(release);
    }
    for fix in &arguments.fixable {
        advisories.fix(fix)?;
    }
    let stamp = Stamp {
        updated_at: arguments.updated_at.unwrap_or_else(Timestamp::now),
        fixture: Some(format!(
            "{} advisories of {}",
            advisories.len(),
            arguments.advisories.file_name().unwrap_or("a file")
        )),
    };
    advisories.write(&arguments.cache, &stamp)?;
    if arguments.truncate {
        truncate(&arguments.cache)?;
    }
    Ok(())
}
