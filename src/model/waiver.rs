//! Permissions for single findings, and the other lists that people keep for the gate.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::civil;
use serde::{Deserialize, Serialize};

use super::Digest;

/// A reviewed, reasoned, expiring permission for one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiver {
    /// The advisory: `CVE-2026-1234`.
    pub id: String,
    /// Globs of the images that it holds for; empty: all.
    pub images: Vec<String>,
    /// Globs of the packages that it holds for, installed ones or their sources; empty: all.
    pub packages: Vec<String>,
    /// Why.
    pub reason: String,
    /// The last day on which it holds, in UTC.
    pub until: civil::Date,
    /// Who decided so.
    pub by: Option<String>,
    /// The line that it begins in, from 1. Where it stands decides nothing.
    #[serde(skip)]
    pub line: usize,
}

/// What people keep for the gate of an image in files of their own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateLists {
    /// The waivers that name the image, whether they still hold or not.
    pub waivers: Vec<Waiver>,
    /// Advisories that are known to be exploited: they have no grace.
    pub exploited: Arc<BTreeSet<String>>,
}

impl GateLists {
    /// A digest of the waivers: changes when something may be judged in another way.
    pub fn waivers_digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(&self.waivers).expect("waivers are plain data"))
    }
}
