//! What is stored of a version, compared with what is recorded: the answer of `verify`.

use std::fmt::Write as _;

use serde::Serialize;

use super::untrusted::one_line;
use crate::model::{ChannelName, ExitCode, ImageName, Version};

/// A version that was read wherever it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// The image.
    pub image: ImageName,
    /// The channel that was asked for, if one was.
    pub channel: Option<ChannelName>,
    /// The version.
    pub version: Version,
    /// Why it is revoked, if it is by now.
    pub revoked: Option<String>,
    /// Whether all of it lies somewhere, and everything that was read is as it was published.
    pub good: bool,
    /// The places where it lies.
    pub places: Vec<VerifiedPlace>,
}

/// What was found in one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedPlace {
    /// Where the disk lies.
    pub location: String,
    /// The files and documents.
    pub files: Vec<VerifiedFile>,
}

/// One file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifiedFile {
    /// Its file name.
    pub name: String,
    /// What is wrong with it; nothing if it is as it was published.
    pub wrong: Option<String>,
    /// What else is to be said of it.
    pub note: Option<String>,
}

impl Verified {
    /// How the process ends: 5 if something is wrong with what is stored, else 1 if it is revoked.
    pub fn exit_code(&self) -> ExitCode {
        match (self.good, &self.revoked) {
            (false, _) => ExitCode::PublishFailed,
            (true, Some(_)) => ExitCode::Blocked,
            (true, None) => ExitCode::Done,
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = format!("{} {}\n", self.image, self.version);
        if self.places.is_empty() {
            text.push_str("  it lies nowhere: its bytes are not kept any more\n");
        }
        for VerifiedPlace { location, files } in &self.places {
            let _ = writeln!(text, "  {}", one_line(location));
            for VerifiedFile { name, wrong, note } in files {
                let sign = if wrong.is_some() { "✗" } else { "✓" };
                let _ = write!(text, "    {sign} {}", one_line(name));
                for said in wrong.iter().chain(note) {
                    let _ = write!(text, ": {}", one_line(said));
                }
                text.push('\n');
            }
        }
        if let Some(why) = &self.revoked {
            let _ = writeln!(text, "  REVOKED: {}", one_line(why));
        }
        text
    }
}
