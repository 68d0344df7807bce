//! Reading and appending.

use super::Subject;
use super::fixtures::{
    assert_legal, assert_up_to_date, author, channel, image, in_threads, promote, publish, record,
    reservation, version,
};
use crate::model::{Digest, Entry, History};
use crate::registry::{RegistryError, read_channel};

pub(crate) async fn an_empty_registry_has_no_past(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    assert_eq!(registry.images().await.unwrap(), []);
    assert_eq!(registry.history(&image()).await.unwrap(), History::default());
    let nothing = read_channel(&*registry, &image(), &channel()).await.unwrap();
    assert_eq!(nothing, None);
    let missing = registry.blob(&Digest::of(b"")).await.unwrap_err();
    assert!(matches!(missing, RegistryError::BlobMissing { .. }));
}

pub(crate) async fn an_entry_is_read_as_it_was_written(subject: &impl Subject) {
    let writer = subject.open().await.unwrap();
    let run = author("r1");
    let version = publish(&*writer, "r1").await;
    promote(&*writer, "r1", None, version).await.unwrap();
    let reader = subject.open().await.unwrap();
    assert_eq!(reader.images().await.unwrap(), [image()]);
    let log = reader.log(&image(), 0).await.unwrap();
    assert_legal(&log);
    assert_eq!(log[1].entry, Entry::Published(Box::new(record(version))));
    assert_eq!(log[1].run, run.run);
    let history = reader.history(&image()).await.unwrap();
    assert_eq!(history.head, 3);
    assert_eq!(history.channels[&channel()], version);
    assert_up_to_date(&*reader).await;
}

pub(crate) async fn a_place_in_the_log_is_given_once(subject: &impl Subject) {
    let (one, other) = (subject.open().await.unwrap(), subject.open().await.unwrap());
    one.append(&reservation(1, "r1")).await.unwrap();
    let conflict = other.append(&reservation(1, "r2")).await.unwrap_err();
    assert!(matches!(conflict, RegistryError::Conflict { seq: 1, .. }));
    let log = other.log(&image(), 0).await.unwrap();
    assert_eq!(log, [reservation(1, "r1")]);
}

pub(crate) async fn a_log_reads_on_from_any_entry(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    for seq in 1..=3 {
        registry.append(&reservation(seq, "r1")).await.unwrap();
    }
    for after in 0..=3 {
        let log = registry.log(&image(), after).await.unwrap();
        let seqs: Vec<u64> = log.iter().map(|entry| entry.seq).collect();
        assert_eq!(seqs, (after + 1..=3).collect::<Vec<_>>());
    }
    let shrunk = registry.log(&image(), 4).await.unwrap_err();
    assert!(matches!(shrunk, RegistryError::Gap { .. }));
}

pub(crate) async fn a_reader_never_sees_half_an_entry(subject: &impl Subject) {
    let (reader, writer) = (subject.open().await.unwrap(), subject.open().await.unwrap());
    let mut big = record(version("1.0.20261123"));
    big.artifacts = std::iter::repeat_n(big.artifacts.remove(0), 2_000).collect();
    let last = 20;
    in_threads(2, |number| {
        let (reader, writer, big) = (&*reader, &*writer, &big);
        async move {
            if number == 0 {
                for seq in 1..=last {
                    let mut entry = reservation(seq, "r1");
                    entry.entry = Entry::Published(Box::new(big.clone()));
                    writer.append(&entry).await.unwrap();
                }
            } else {
                let mut seen = 0;
                while seen < last {
                    let log = reader.log(&image(), seen).await.unwrap();
                    for entry in log {
                        seen += 1;
                        assert_eq!(entry.seq, seen);
                        assert_eq!(entry.entry, Entry::Published(Box::new(big.clone())));
                    }
                }
            }
        }
    });
}
