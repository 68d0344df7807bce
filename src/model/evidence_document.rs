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

    /// Of evidence for which so much was looked at, and of what came of it. If it was judged before, what
    /// was broken `before` is remembered too: a rule that is off today may count tomorrow, and cannot be
    /// checked again.
    pub fn of(evidence: &Evidence, scope: Scope, verdict: &Verdict, before: Option<&Self>) -> Self {
        let mut evidence = evidence.clone();
        evidence.inventory.document.clear();
        let mut violations = verdict.violations.clone();
        for earlier in before.into_iter().flat_map(|before| &before.violations) {
            if violations.iter().all(|violation| violation.rule != earlier.rule) {
                violations.push(earlier.clone());
            }
        }
        Self { schema: Self::SCHEMA, scope, evidence, violations }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::samples::evidence;
    use crate::model::{Decision, Level};

    #[test]
    fn what_was_broken_is_remembered_while_its_rule_is_off() {
        let violation = |rule: &str, message: &str| Violation {
            rule: rule.into(),
            level: Level::Block,
            message: message.to_owned(),
            help: String::new(),
            places: Vec::new(),
        };
        let verdict = |violations: Vec<Violation>| Verdict {
            decision: Decision::Blocked,
            reasons: Vec::new(),
            warnings: Vec::new(),
            findings: Vec::new(),
            violations,
            unchecked: Vec::new(),
        };
        let evidence = evidence();
        let of = |verdict: &Verdict, before: Option<&EvidenceDocument>| {
            EvidenceDocument::of(&evidence, Scope::Os, verdict, before)
        };
        let first = of(
            &verdict(vec![violation("default-password", "then"), violation("logs", "then")]),
            None,
        );
        let second = of(&verdict(vec![violation("logs", "now")]), Some(&first));
        let told: Vec<_> =
            second.violations.iter().map(|it| format!("{} {}", it.rule, it.message)).collect();
        assert_eq!(told, ["logs now", "default-password then"]);
        let read = EvidenceDocument::read(
            &second.to_json(),
            evidence.inventory.document.clone(),
            &evidence.subject,
            Scope::Os,
        );
        assert_eq!(read.unwrap().violations, second.violations);
    }
}
