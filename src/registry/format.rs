//! What the files of a registry hold, as bytes: the same on every backend.

use std::io::Read as _;

use serde::{Deserialize, Serialize};

use crate::model::{Digest, ImageName, LogEntry, SCHEMA};

use super::RegistryError;

/// More bytes than any inventory or report has; a blob that unpacks to more is an attack.
pub(super) const MAX_BLOB: u64 = 256 << 20;

/// More bytes than any file has that is read as JSON.
pub(super) const MAX_FILE: u64 = 16 << 20;

/// `schema.json`.
#[derive(Serialize, Deserialize)]
struct Schema {
    /// Version of layout and formats.
    schema: u64,
}

/// JSON for people and machines: indented, with a newline at the end.
pub(super) fn json<T: Serialize>(value: &T) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(value)
        .expect("the types of the registry have string keys and no failing serializers");
    bytes.push(b'\n');
    bytes
}

/// The content of `schema.json`.
pub(super) fn schema() -> Vec<u8> {
    json(&Schema { schema: SCHEMA.into() })
}

/// Refuses JSON that a later goldsmith wrote. Looks at nothing else, since everything else may have
/// changed its meaning.
pub(super) fn check_schema(bytes: &[u8], path: &str) -> Result<(), RegistryError> {
    let Schema { schema } =
        serde_json::from_slice(bytes).map_err(|why| RegistryError::damaged(path, why))?;
    if schema > SCHEMA.into() {
        return Err(RegistryError::TooNew { path: path.to_owned(), schema, known: SCHEMA });
    }
    Ok(())
}

/// Reads a log entry, which must be the one that its path says.
pub(super) fn entry(
    bytes: &[u8],
    image: &ImageName,
    seq: u64,
    path: &str,
) -> Result<LogEntry, RegistryError> {
    check_schema(bytes, path)?;
    let entry: LogEntry =
        serde_json::from_slice(bytes).map_err(|why| RegistryError::damaged(path, why))?;
    if (&entry.image, entry.seq) != (image, seq) {
        return Err(RegistryError::Misplaced {
            path: path.to_owned(),
            claim: format!("entry {} of `{}`", entry.seq, entry.image),
        });
    }
    Ok(entry)
}

/// Packs a blob.
pub(super) fn pack(content: &[u8], path: &str) -> Result<Vec<u8>, RegistryError> {
    if content.len() as u64 > MAX_BLOB {
        return Err(RegistryError::TooLarge {
            path: path.to_owned(),
            size: content.len() as u64,
            limit: MAX_BLOB,
        });
    }
    Ok(zstd::encode_all(content, zstd::DEFAULT_COMPRESSION_LEVEL)
        .expect("writing to memory does not fail"))
}

/// Unpacks a blob, which must have `digest`.
pub(super) fn unpack(packed: &[u8], digest: &Digest, path: &str) -> Result<Vec<u8>, RegistryError> {
    let mut content = Vec::new();
    zstd::Decoder::new(packed)
        .and_then(|decoder| decoder.take(MAX_BLOB + 1).read_to_end(&mut content))
        .map_err(|why| RegistryError::damaged(path, why))?;
    if content.len() as u64 > MAX_BLOB {
        let why = format!("it unpacks to more than {MAX_BLOB} bytes");
        return Err(RegistryError::damaged(path, why));
    }
    let found = Digest::of(&content);
    if found != *digest {
        return Err(RegistryError::BlobChanged { path: path.to_owned(), found });
    }
    Ok(content)
}
