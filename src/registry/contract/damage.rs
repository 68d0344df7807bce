//! What others did to the registry behind its back.

use super::Subject;
use super::fixtures::{image, reservation, take, version};
use crate::model::Entry;
use crate::registry::{RegistryError, layout};

pub(crate) async fn foreign_files_are_not_entries(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    registry.append(&reservation(1, "r1")).await.unwrap();
    for name in [
        "README",
        ".DS_Store",
        "1.json",
        "00000002.json.tmp",
        "00000002.json~",
        "00000000.json",
        "backup/00000002.json",
        "00000003.json/x",
        "Ä ö%2F.json",
    ] {
        let path = format!("{}/{name}", layout::log_folder(&image()));
        subject.plant(&path, b"torn").await;
    }
    subject.plant("images/Not An Image/log/00000001.json", b"").await;
    subject.plant("images/README", b"").await;
    assert_eq!(registry.images().await.unwrap(), [image()]);
    let log = registry.log(&image(), 0).await.unwrap();
    assert_eq!(log, [reservation(1, "r1")]);
}

pub(crate) async fn a_torn_entry_is_damage(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    registry.append(&reservation(1, "r1")).await.unwrap();
    let whole = serde_json::to_vec(&reservation(2, "r1")).unwrap();
    for torn in [&whole[..0], &whole[..whole.len() / 2], b"[]", b"\0\0\0\0"] {
        subject.plant(&layout::entry(&image(), 2), torn).await;
        let error = registry.log(&image(), 0).await.unwrap_err();
        assert!(matches!(error, RegistryError::Damaged { .. }), "{error}");
    }
}

pub(crate) async fn a_missing_entry_is_damage(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    for seq in 1..=3 {
        registry.append(&reservation(seq, "r1")).await.unwrap();
    }
    subject.remove(&layout::entry(&image(), 2)).await;
    let assert_missing = async || {
        let error = registry.log(&image(), 0).await.unwrap_err();
        assert!(matches!(&error, RegistryError::Gap { path } if path.ends_with("00000002.json")));
    };
    assert_missing().await;
    let below = format!("{}/a-folder-is-no-entry", layout::entry(&image(), 2));
    subject.plant(&below, b"{}").await;
    assert_missing().await;
    // Nobody looks for all the entries that should be before this one.
    subject.plant(&layout::entry(&image(), u64::MAX), b"{}").await;
    assert_missing().await;
    let reserved = take(&*registry, "r2").await;
    assert!(reserved.is_err(), "nothing is written to such a log");
}

pub(crate) async fn an_entry_in_the_wrong_place_is_refused(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let mut foreign = reservation(1, "r1");
    foreign.image = "other".parse().unwrap();
    for claimed in [foreign, reservation(2, "r1")] {
        let content = serde_json::to_vec(&claimed).unwrap();
        subject.plant(&layout::entry(&image(), 1), &content).await;
        let error = registry.log(&image(), 0).await.unwrap_err();
        assert!(matches!(error, RegistryError::Misplaced { .. }), "{error}");
    }
    let mut hostile = serde_json::to_value(reservation(1, "r1")).unwrap();
    hostile["image"] = "../../etc".into();
    subject.plant(&layout::entry(&image(), 1), hostile.to_string().as_bytes()).await;
    assert!(registry.log(&image(), 0).await.is_err());
}

pub(crate) async fn an_unknown_kind_of_entry_is_read_over(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    registry.append(&reservation(1, "r1")).await.unwrap();
    let mut held = serde_json::to_value(reservation(2, "r2")).unwrap();
    held["entry"] = "held".into();
    held["because"] = serde_json::json!({"nested": [1, 2, 3]});
    subject.plant(&layout::entry(&image(), 2), held.to_string().as_bytes()).await;
    let next = take(&*registry, "r3").await;
    assert_eq!(next.unwrap(), version("1.0.20261123.2"));
    let log = registry.log(&image(), 0).await.unwrap();
    assert_eq!(log[1].entry, Entry::Unknown);
    assert_eq!(log[2].seq, 3);
}

pub(crate) async fn an_entry_of_a_later_schema_is_refused(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    registry.append(&reservation(1, "r1")).await.unwrap();
    subject.plant(&layout::entry(&image(), 2), br#"{"schema": 2, "number": 2}"#).await;
    let error = registry.log(&image(), 0).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooNew { schema: 2, .. }));
}

pub(crate) async fn a_registry_of_a_later_schema_is_refused(subject: &impl Subject) {
    let early = subject.open().await.unwrap();
    subject.plant(layout::SCHEMA_FILE, br#"{"schema": 2}"#).await;
    let error = subject.open().await.err().unwrap();
    assert!(matches!(error, RegistryError::TooNew { schema: 2, .. }));
    let error = early.append(&reservation(1, "r1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::TooNew { schema: 2, .. }));
}
