//! The findings of a build, as the registry keeps them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Finding;

/// All findings of one scan of one inventory, unjudged: policies change, what was found does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingsDocument {
    /// The version of this format.
    pub schema: u32,
    /// When the advisories were made that it was matched against, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advisories_updated_at: Option<Timestamp>,
    /// The findings, in a fixed order.
    pub findings: Vec<Finding>,
}

impl FindingsDocument {
    /// The version of the format that this binary writes.
    pub const SCHEMA: u32 = 1;

    /// Of these findings, sorted: equal bytes for equal findings.
    pub fn of(mut findings: Vec<Finding>, advisories_updated_at: Option<Timestamp>) -> Self {
        findings.sort_by(|a, b| {
            let key = |f: &Finding| {
                (f.source.clone(), f.id.clone(), f.package.clone(), f.installed.clone())
            };
            key(a).cmp(&key(b))
        });
        Self { schema: Self::SCHEMA, advisories_updated_at, findings }
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("findings are plain data")
    }
}
