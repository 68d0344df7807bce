//! Content by digest.

use super::Subject;
use super::fixtures::reservation;
use crate::model::Digest;
use crate::registry::{RegistryError, layout};

pub(crate) async fn a_blob_is_what_its_digest_says(subject: &impl Subject) {
    let (one, other) = (subject.open().await.unwrap(), subject.open().await.unwrap());
    let content = b"inventory ".repeat(100_000);
    let digest = one.put_blob(&content).await.unwrap();
    assert_eq!(digest, Digest::of(&content));
    assert_eq!(one.blob(&digest).await.unwrap(), content);
    one.append(&reservation(1, "r1")).await.unwrap();
    assert_eq!(
        other.blob(&digest).await.unwrap(),
        content,
        "it is there with the entry at the latest"
    );
    assert_eq!(other.put_blob(&content).await.unwrap(), digest);
    assert_eq!(other.blob(&digest).await.unwrap(), content);

    let planted = zstd::encode_all(&b"something else"[..], 0).unwrap();
    subject.plant(&layout::blob(&digest), &planted).await;
    let error = one.blob(&digest).await.unwrap_err();
    let RegistryError::BlobChanged { found, .. } = error else { panic!("{error}") };
    assert_eq!(found, Digest::of(b"something else"));
}

pub(crate) async fn a_damaged_blob_is_made_good(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let digest = registry.put_blob(b"inventory").await.unwrap();
    registry.append(&reservation(1, "r1")).await.unwrap();
    subject.plant(&layout::blob(&digest), b"torn").await;
    let damaged = registry.blob(&digest).await.unwrap_err();
    assert!(matches!(damaged, RegistryError::Damaged { .. }));
    registry.put_blob(b"inventory").await.unwrap();
    registry.append(&reservation(2, "r1")).await.unwrap();
    assert_eq!(subject.open().await.unwrap().blob(&digest).await.unwrap(), b"inventory");
    assert_eq!(registry.blob(&digest).await.unwrap(), b"inventory");
}
