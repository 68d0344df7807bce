//! What defines an image, piece by piece, so that people can be told what has changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{DefinitionParts, Digest, Hasher};

/// The definition of an image as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Digest of all of it: decides whether it has changed.
    pub digest: Digest,
    /// The image's own keys, sorted, each with its value.
    keys: Vec<(String, String)>,
    files: Arc<DefinitionFiles>,
}

/// The files of a definition. Images of one template share them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefinitionFiles {
    digest: Digest,
    parts: DefinitionParts,
}

impl DefinitionFiles {
    /// The files with these names of parts, each with what it is.
    pub fn of(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let files: BTreeMap<String, String> = files.into_iter().collect();
        let digest = Digest::of(&serde_json::to_vec(&files).expect("names are plain text"));
        Self { digest, parts: parts(&files).collect() }
    }

    /// The names of the parts, and the beginnings of their digests.
    pub fn parts(&self) -> &DefinitionParts {
        &self.parts
    }
}

fn parts<'a>(
    content: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> impl Iterator<Item = (String, String)> {
    let parts = content.into_iter();
    parts.map(|(name, content)| (name.clone(), Digest::of(content.as_bytes()).short()))
}

impl Definition {
    /// A definition of these keys of the image, each with its value, and of these files.
    pub fn of(mut keys: Vec<(String, String)>, files: Arc<DefinitionFiles>) -> Self {
        keys.sort_unstable();
        let mut hasher = Hasher::default();
        hasher.update(files.digest.bytes());
        for text in keys.iter().flat_map(|(name, value)| [name, value]) {
            hasher.update(&(text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Self { digest: hasher.finish(), keys, files }
    }

    /// What it consists of: tells what has changed.
    pub fn parts(&self) -> DefinitionParts {
        let keys = self.keys.iter().map(|(name, value)| (name, value));
        let files = self.files.parts.iter();
        let files = files.map(|(name, digest)| (name.to_owned(), digest.to_owned()));
        parts(keys).chain(files).collect()
    }

    /// The names of the parts that are new, gone or different since `before`, sorted. Empty if
    /// nothing is known of the parts before.
    pub fn changed_since(&self, before: &DefinitionParts) -> Vec<String> {
        if before.is_empty() {
            return Vec::new();
        }
        let parts = self.parts();
        let (before, now): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (before.iter().collect(), parts.iter().collect());
        let names: BTreeSet<&str> = before.keys().chain(now.keys()).copied().collect();
        let changed = names.into_iter().filter(|name| before.get(name) != now.get(name));
        changed.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_gone_or_different_has_changed() {
        let of = |keys: &[(&str, &str)], files: &[(&str, &str)]| {
            let part = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
            let files = DefinitionFiles::of(files.iter().map(part));
            Definition::of(keys.iter().map(part).collect(), Arc::new(files))
        };
        let before = of(&[("vars.size", "8G")], &[("file:a", "1"), ("file:b", "1")]);
        let after = of(&[("vars.size", "9G")], &[("file:c", "1"), ("file:b", "1")]);
        assert_ne!(before.digest, after.digest);
        assert_eq!(after.changed_since(&before.parts()), ["file:a", "file:c", "vars.size"]);
        assert_eq!(after.changed_since(&DefinitionParts::new()), [""; 0], "nobody knows");
    }
}
