//! The evidence of a build that nobody can gather again, as the registry keeps it.

use serde::{Deserialize, Serialize};

use super::{Digest, Evidence, Scope, Verdict, Violation};

/// What a guest has told at the end of its build. The guest is gone, so a kept artifact is judged
/// again by this.
///
/// The hash of a password is in no document: rules that need one cannot be checked again, and what
/// they have objected to goes on counting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceDocument {
    /// The version of this format.
    pub schema: u32,
    /// How much was looked at.
    pub scope: Scope,
    /// The evidence, without the document of its inventory, which is a blob of its own.
    pub evidence: Evidence,
    /// The rules that were broken.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub violations: Vec<Violation>,
}

impl EvidenceDocument {
    /// The version of the format that this binary writes.
    pub const SCHEMA: u32 = 1;

    /// Of evidence for which so much was looked at, and of what came of it.
    pub fn of(evidence: &Evidence, scope: Scope, verdict: &Verdict) -> Self {
        let mut evidence = evidence.clone();
        evidence.inventory.document.clear();
        Self { schema: Self::SCHEMA, scope, evidence, violations: verdict.violations.clone() }
    }

    /// As JSON.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("evidence is plain data")
    }

    /// The evidence as it was, if it can be read and is about `subject`, and as much was looked at as
    /// `scope` asks for.
    pub fn read(json: &[u8], inventory: String, subject: &Digest, scope: Scope) -> Option<Self> {
        let mut document: Self = serde_json::from_slice(json).ok()?;
        let enough = document.scope == scope || document.scope == Scope::Full;
        let usable = document.schema == Self::SCHEMA && document.evidence.subject == *subject;
        document.evidence.inventory.document = inventory;
        (usable && enough).then_some(document)
    }
}
