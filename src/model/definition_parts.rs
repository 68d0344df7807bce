//! The parts of a definition, as they are kept with versions: many small texts that hardly anybody
//! looks at, so they lie in one.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::{Serialize, Serializer};

/// The parts of a definition, each with the beginning of its digest: keys of the image in
/// `images.yml` (`vars.disk_size`) and files (`file:debian.pkr.hcl`, relative to the template's
/// folder). Where there are very many files, a folder stands for all of its own (`file:ansible/`).
///
/// Sorted by name, each name once.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DefinitionParts {
    /// Name, digest, name, digest…
    text: String,
    /// Where each of these ends.
    ends: Vec<u32>,
}

impl DefinitionParts {
    /// No parts: nobody wrote them down.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether nobody wrote them down.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The names of the parts, and the beginnings of their digests.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let text = |end: usize| {
            let start = end.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.text[start as usize..self.ends[end] as usize]
        };
        (0..self.ends.len() / 2).map(move |part| (text(2 * part), text(2 * part + 1)))
    }

    /// Adds a text; none where all of them are too long to be any definition.
    fn push(&mut self, text: &str) -> Option<()> {
        self.text.push_str(text);
        self.ends.push(u32::try_from(self.text.len()).ok()?);
        Some(())
    }

    fn is_sorted(&self) -> bool {
        self.iter().map(|(name, _)| name).is_sorted_by(|one, next| one < next)
    }
}

impl FromIterator<(String, String)> for DefinitionParts {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(parts: I) -> Self {
        let sorted: BTreeMap<String, String> = parts.into_iter().collect();
        let mut parts = Self::new();
        for text in sorted.iter().flat_map(|(name, digest)| [name, digest]) {
            parts.push(text).expect("parts and their names have no 4 GiB");
        }
        parts
    }
}

impl<const N: usize> From<[(String, String); N]> for DefinitionParts {
    fn from(parts: [(String, String); N]) -> Self {
        parts.into_iter().collect()
    }
}

impl fmt::Debug for DefinitionParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for DefinitionParts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for DefinitionParts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Map)
    }
}

struct Map;

impl<'de> Visitor<'de> for Map {
    type Value = DefinitionParts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of digests")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DefinitionParts, A::Error> {
        let mut parts = DefinitionParts::new();
        while map.next_key_seed(Next(&mut parts))?.is_some() {
            map.next_value_seed(Next(&mut parts))?;
        }
        if parts.is_sorted() {
            return Ok(parts);
        }
        let parts = parts.iter().map(|(name, digest)| (name.to_owned(), digest.to_owned()));
        Ok(parts.collect())
    }
}

/// Takes the next text.
struct Next<'a>(&'a mut DefinitionParts);

impl<'de> DeserializeSeed<'de> for Next<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Next<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.push(text).ok_or_else(|| E::custom("too many parts"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_a_map(parts in prop::collection::btree_map(".{0,4}", ".{0,4}", 0..6)) {
            let json = serde_json::to_string(&parts).unwrap();
            let known: DefinitionParts = parts.clone().into_iter().collect();
            let read: DefinitionParts = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&read, &known);
            prop_assert_eq!(serde_json::to_string(&read).unwrap(), json);
            let back = known.iter().map(|(name, digest)| (name.to_owned(), digest.to_owned()));
            prop_assert_eq!(back.collect::<BTreeMap<_, _>>(), parts);
        }
    }

    #[test]
    fn another_order_is_the_same() {
        let read: DefinitionParts =
            serde_json::from_str(r#"{"b": "2", "a\n": "1", "a": "0", "b": "3"}"#).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"{"a":"0","a\n":"1","b":"3"}"#);
    }
}
