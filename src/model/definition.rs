//! What defines an image, piece by piece, so that people can be told what has changed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Digest;

/// The definition of an image as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Digest of all of it: decides whether it has changed.
    pub digest: Digest,
    /// What it consists of: tells what has changed.
    pub parts: DefinitionParts,
}

/// The parts of a definition, each with the beginning of its digest: keys of the image in
/// `images.yml` (`vars.disk_size`) and files (`file:debian.pkr.hcl`, relative to the template's
/// folder). Where there are very many files, a folder stands for all of its own (`file:ansible/`).
pub type DefinitionParts = BTreeMap<String, String>;

impl Definition {
    /// A definition of these parts, each with the digest of its content.
    pub fn of(parts: impl IntoIterator<Item = (String, Digest)>) -> Self {
        let parts: BTreeMap<String, Digest> = parts.into_iter().collect();
        let whole = serde_json::to_vec(&parts).expect("names and digests are plain text");
        Self {
            digest: Digest::of(&whole),
            parts: parts.into_iter().map(|(name, digest)| (name, digest.short())).collect(),
        }
    }

    /// The names of the parts that are new, gone or different since `before`, sorted. Empty if
    /// nothing is known of the parts before.
    pub fn changed_since(&self, before: &DefinitionParts) -> Vec<String> {
        if before.is_empty() {
            return Vec::new();
        }
        let gone = before.keys().filter(|name| !self.parts.contains_key(*name));
        let new = self.parts.iter().filter(|(name, digest)| before.get(*name) != Some(digest));
        let mut changed: Vec<String> = new.map(|(name, _)| name).chain(gone).cloned().collect();
        changed.sort();
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_gone_or_different_has_changed() {
        let of = |parts: &[(&str, &str)]| {
            let part =
                |(name, text): &(&str, &str)| ((*name).to_owned(), Digest::of(text.as_bytes()));
            Definition::of(parts.iter().map(part))
        };
        let before = of(&[("file:a", "1"), ("file:b", "1"), ("vars.size", "8G")]);
        let after = of(&[("file:c", "1"), ("file:b", "1"), ("vars.size", "9G")]);
        assert_ne!(before.digest, after.digest);
        assert_eq!(after.changed_since(&before.parts), ["file:a", "file:c", "vars.size"]);
        assert_eq!(after.changed_since(&DefinitionParts::new()), [""; 0], "nobody knows");
    }
}
