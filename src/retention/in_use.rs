//! What is in use, by lists and by states of Terraform and OpenTofu.

use std::collections::BTreeSet;

use serde_json::Value;
use thiserror::Error;
use url::Url;

use crate::model::{ImageName, VersionRecord};

/// The format of states that is known.
const STATE: u64 = 4;

/// Why a state cannot be read. Whoever keeps it, or a newer Terraform.
#[derive(Debug, Error)]
pub enum StateError {
    /// It is no JSON.
    #[error("it is no state: {0}")]
    Json(#[from] serde_json::Error),
    /// It is encrypted, as OpenTofu does.
    #[error("it is encrypted: hand over what `tofu state pull` prints")]
    Encrypted,
    /// It is of another format.
    #[error("it is no state of format {STATE}")]
    Format,
}

/// Whatever somebody says is in use: versions, digests, places, names of files.
#[derive(Debug, Clone, Default)]
pub struct Mentioned {
    said: BTreeSet<String>,
    /// What is last in each: the name of a file, where it is a path.
    names: BTreeSet<String>,
}

/// What stands in a list, a line each. Empty lines and those that begin with `#` say nothing.
pub fn of_list(text: &str) -> Mentioned {
    let lines = text.lines().map(str::trim);
    let said = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut mentioned = Mentioned::default();
    said.for_each(|text| mentioned.add(text.to_owned()));
    mentioned
}

/// All texts in a state of Terraform or OpenTofu, in whatever attribute they stand.
pub fn of_state(text: &[u8]) -> Result<Mentioned, StateError> {
    let state: Value = serde_json::from_slice(text)?;
    if state.get("encrypted_data").is_some() {
        return Err(StateError::Encrypted);
    }
    if state["version"] != STATE || !state["resources"].is_array() {
        return Err(StateError::Format);
    }
    let mut mentioned = Mentioned::default();
    let mut next = vec![state];
    while let Some(value) = next.pop() {
        match value {
            Value::String(text) => mentioned.add(text),
            Value::Array(values) => next.extend(values),
            Value::Object(values) => next.extend(values.into_iter().map(|(_, value)| value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    Ok(mentioned)
}

impl Mentioned {
    fn add(&mut self, text: String) {
        let name = text.rsplit(['/', ':', '#']).next().unwrap_or(&text);
        self.names.insert(name.to_owned());
        self.said.insert(text);
    }

    /// Whether the version of `record` is among it: as `IMAGE/VERSION` or `IMAGE@VERSION`, by the digest
    /// or the place of one of its files, or by the name of one, whatever folder or storage stands before.
    pub fn names(&self, image: &ImageName, record: &VersionRecord) -> bool {
        let version = record.version;
        let is_there = |text: &str| self.said.contains(text);
        if is_there(&format!("{image}/{version}")) || is_there(&format!("{image}@{version}")) {
            return true;
        }
        record.artifacts.iter().any(|file| {
            let path = |location: &String| {
                let path = Url::parse(location).ok()?.to_file_path().ok()?;
                path.into_os_string().into_string().ok()
            };
            is_there(&file.sha256.to_string())
                || is_there(&file.sha256.hex())
                || file.locations.iter().any(|location| is_there(location))
                || file.locations.iter().filter_map(path).any(|path| is_there(&path))
                || self.names.contains(&file.name)
        })
    }
}
