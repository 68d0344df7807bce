//! Sending one file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::future::ready;
use std::panic::resume_unwind;

use ::object_store::multipart::PartId;
use ::object_store::path::Path;
use ::object_store::{Error, PutMode, PutMultipartOptions, PutPayload};
use bytes::Bytes;
use fs_err::File;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use md5::{Digest as _, Md5};
use tokio::sync::mpsc;

use crate::model::{ArtifactFile, Digest, Hasher};
use crate::objects::{Act, answer};

use super::super::StoreError;
use super::super::fill;
use super::super::manifest::ManifestFile;
use super::contents::{Contents, carrying};
use super::journal::{Keeper, Part, Upload};
use super::parts::{part_size, read, read_part};

/// Parts of a file that are sent at a time. With one that waits and one that is being read, so many
/// and two are in memory.
const AT_ONCE: usize = 4;

/// How often a file is begun because the store has forgotten what it was sent.
const BEGINNINGS: usize = 3;

/// Brings a file of the artifact to `path`, unless it is there. It must still be what the build
/// left.
pub(super) async fn bring(
    contents: &Contents,
    journal: &Keeper<'_>,
    path: &str,
    source: &ArtifactFile,
    listed: &ManifestFile,
) -> Result<(), StoreError> {
    if let Some(there) = contents.look(path).await?
        && there.size == listed.size
        && (there.sha256 == Some(listed.sha256)
            || contents.difference(path, listed).await?.is_none())
    {
        return Ok(());
    }
    if listed.size <= contents.least_part() {
        whole(contents, path, source).await?;
    } else {
        for _ in 0..BEGINNINGS {
            let sent = in_parts(contents, journal, path, source, listed).await?;
            journal.set(&listed.name, None).await?;
            // It is there also when somebody else has completed the same upload.
            if matches!(sent, Sent::Whole) || contents.difference(path, listed).await?.is_none() {
                break;
            }
        }
    }
    match contents.difference(path, listed).await? {
        None => Ok(()),
        Some(difference) => {
            Err(StoreError::Damaged { path: contents.place(path).into(), difference })
        }
    }
}

/// Sends a small file in one request.
async fn whole(contents: &Contents, path: &str, source: &ArtifactFile) -> Result<(), StoreError> {
    let opened = source.clone();
    let content = blocking(move || {
        let mut file = fill::open(&opened)?;
        let mut hasher = Hasher::default();
        let content = read_part(&mut file, opened.size + 1, &mut hasher);
        let content = content.map_err(|source| StoreError::ArtifactUnreadable { source })?;
        fill::confirm_digest(&opened, hasher.finish())?;
        Ok(content)
    })
    .await?;
    contents.send(path, content, source.digest, PutMode::Overwrite).await.map(drop)
}

/// What came of sending a file in parts.
enum Sent {
    /// It is there.
    Whole,
    /// The store knows nothing of the upload, or not of all of its parts: it has lasted too long, or
    /// somebody has removed or completed it.
    Forgotten,
}

/// A part that the store has.
struct Arrived {
    /// How the store calls it.
    id: String,
    /// The MD5 of what was sent.
    md5: String,
}

/// The number of a part that the store has with another content than was sent, as far as it tells.
///
/// What S3 and its like call a part is its MD5, unless it is encrypted with a key of the user's;
/// then that is so of no part at all. (That the signature of a request covers the SHA-256 of its
/// body, and that the store refuses another, is the first guard; this is what the answer says.)
fn garbled(parts: &[Arrived]) -> Option<usize> {
    let agrees = |part: &Arrived| part.id.contains(&part.md5);
    parts.iter().any(agrees).then(|| parts.iter().position(|part| !agrees(part)))?
}

/// The MD5 of `bytes`, in hexadecimal digits.
pub(super) fn md5_of(bytes: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Md5::digest(bytes) {
        write!(hex, "{byte:02x}").expect("writing to memory does not fail");
    }
    hex
}

async fn in_parts(
    contents: &Contents,
    journal: &Keeper<'_>,
    path: &str,
    source: &ArtifactFile,
    listed: &ManifestFile,
) -> Result<Sent, StoreError> {
    let (key, name) = (contents.path(path)?, &listed.name);
    let size = part_size(listed.size, contents.least_part());
    let upload = match journal.upload(name) {
        Some(upload) if upload.part_size == size => upload,
        _ => {
            let id = begin(contents, path, &key, listed.sha256).await?;
            let upload = Upload { id, part_size: size, parts: BTreeMap::new() };
            journal.set(name, Some(upload.clone())).await?;
            upload
        }
    };
    let (sender, receiver) = mpsc::channel(1);
    let opened = source.clone();
    let reader = blocking(move || {
        let mut file: File = fill::open(&opened)?;
        read(&mut file, size, &sender).map_err(|source| StoreError::ArtifactUnreadable { source })
    });
    let parts = stream::unfold(receiver, |mut receiver: mpsc::Receiver<(usize, Bytes)>| async {
        Some((receiver.recv().await?, receiver))
    });
    let sent = parts
        .map(|(number, content)| {
            let (upload, key) = (&upload, &key);
            async move {
                let hashed = content.clone();
                let (sha256, md5) =
                    blocking(move || Ok((Digest::of(&hashed), md5_of(&hashed)))).await?;
                let sent = |id| (number, Some(Arrived { id, md5 }));
                if let Some(there) = upload.parts.get(&number)
                    && there.sha256 == sha256
                {
                    return Ok(sent(there.id.clone()));
                }
                let content = PutPayload::from_bytes(content);
                match contents.store().put_part(key, &upload.id, number, content).await {
                    Ok(PartId { content_id: id }) => {
                        journal.part(name, number, Part { id: id.clone(), sha256 }).await?;
                        Ok(sent(id))
                    }
                    Err(error) if is_forgotten(&error) => Ok((number, None)),
                    Err(error) => Err(contents.refused(Act::Write, path, &error)),
                }
            }
        })
        .buffer_unordered(AT_ONCE)
        .try_take_while(|(_, arrived)| ready(Ok(arrived.is_some())))
        .try_collect::<BTreeMap<usize, Option<Arrived>>>();
    let (sent, read) = tokio::join!(sent, reader);
    let (sent, Some(digest)) = (sent?, read?) else {
        return Ok(Sent::Forgotten);
    };
    fill::confirm_digest(source, digest)?;
    let count = listed.size.div_ceil(size);
    if sent.len() as u64 != count {
        return Ok(Sent::Forgotten);
    }
    let sent: Vec<Arrived> = sent.into_values().flatten().collect();
    if let Some(number) = garbled(&sent) {
        let difference = format!("part {} did not arrive as it was sent", number + 1);
        return Err(StoreError::Damaged { path: contents.place(path).into(), difference });
    }
    let ids = sent.into_iter().map(|part| PartId { content_id: part.id }).collect();
    match contents.store().complete_multipart(&key, &upload.id, ids).await {
        Ok(_) => Ok(Sent::Whole),
        Err(error) if is_forgotten(&error) => Ok(Sent::Forgotten),
        Err(error) => Err(contents.refused(Act::Write, path, &error)),
    }
}

/// Begins an upload, which will carry the digest, where the store can do that.
async fn begin(
    contents: &Contents,
    path: &str,
    key: &Path,
    sha256: Digest,
) -> Result<String, StoreError> {
    let options = PutMultipartOptions { attributes: carrying(sha256), ..Default::default() };
    let begun = match contents.store().create_multipart_opts(key, options).await {
        Err(Error::NotSupported { .. }) => contents.store().create_multipart(key).await,
        begun => begun,
    };
    begun.map_err(|error| contents.refused(Act::Write, path, &error))
}

/// Whether the store knows nothing of an upload or a part that it was asked for.
pub(super) fn is_forgotten(error: &Error) -> bool {
    match answer(error) {
        Some(answer) => match answer.code.as_str() {
            "NoSuchUpload" | "InvalidPart" | "InvalidBlockList" => true,
            "NoSuchBucket" | "ContainerNotFound" => false,
            _ => answer.status == 404,
        },
        None => matches!(error, Error::NotFound { .. }),
    }
}

/// Does `work` on a thread that may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(_) => Err(StoreError::Cancelled),
    }
}
