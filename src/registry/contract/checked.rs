//! Looking whether a registry is what it should be, and repairing it.

use jiff::Timestamp;

use super::Subject;
use super::fixtures::{
    author, channel, failure, image, promote, publish, record, rejection, reservation, take,
};
use super::index::neighbour;
use crate::model::{Digest, Entry, Flaw, ImageName, LogEntry, Revocation, Version, VersionBase};
use crate::registry::{
    Checked, Depth, Lease, Projection, Registry, Rescanned, Shard, abandon, check, enter, failed,
    layout, published, rejected, remember, repair, rescanned, reserve, restore, revoke, swap,
    unpin,
};

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

/// All blobs that the records of tests name.
async fn put_blobs(registry: &dyn Registry) {
    for content in [&b"inventory"[..], b"report", b"findings"] {
        registry.put_blob(content).await.unwrap();
    }
}

async fn looked(registry: &dyn Registry) -> Checked {
    check(registry, None, Depth::Contents, now()).await.unwrap()
}

/// Flaws as people read them, with paths as they are on every backend.
fn told(registry: &dyn Registry, flaws: &[Flaw]) -> String {
    let line = |flaw: &Flaw| {
        let Flaw { gravity, place, what, cure, image: _ } = flaw;
        let place = place.replace(registry.location(), "");
        let cure = cure.as_ref().map_or_else(String::new, |cure| format!(" [{cure}]"));
        format!("{gravity:?}: {place} {what}{cure}")
    };
    flaws.iter().map(line).collect::<Vec<_>>().join("\n")
}

pub(crate) async fn what_goldsmith_writes_is_sound(subject: &impl Subject) {
    let registry = &*subject.open().await.unwrap();
    assert_eq!(looked(registry).await, Checked::default());
    put_blobs(registry).await;
    let (first, second) = (publish(registry, "r1").await, publish(registry, "r2").await);
    let run = &author("r3");
    enter(registry, run, &image(), &channel(), first).await.unwrap();
    promote(registry, "r4", Some(first), second).await.unwrap();
    let stable = "stable".parse().unwrap();
    enter(registry, run, &image(), &stable, first).await.unwrap();
    swap(registry, run, &image(), [&channel(), &stable], [second, first], None).await.unwrap();
    unpin(registry, run, &image(), &stable, None).await.unwrap();
    let revocation = Revocation { reason: "leaked key".to_owned(), from: now(), with: None };
    revoke(registry, run, &image(), first, &revocation).await.unwrap();
    restore(registry, run, &image(), first, "it was another").await.unwrap();
    revoke(registry, run, &image(), second, &revocation).await.unwrap();
    let rescan = Rescanned {
        version: second,
        blocking: Vec::new(),
        advisories_updated_at: now(),
        findings: Digest::of(b"findings"),
    };
    rescanned(registry, run, &image(), &rescan).await.unwrap();
    let version = take(registry, "r5").await.unwrap();
    rejected(registry, &author("r5"), &image(), rejection(version)).await.unwrap();
    let version = take(registry, "r6").await.unwrap();
    failed(registry, &author("r6"), &image(), failure(version)).await.unwrap();
    take(registry, "r7").await.unwrap();
    abandon(registry, run, &image(), &"r7".parse().unwrap()).await.unwrap();
    let Checked { images, entries, blobs, flaws } = looked(&*subject.open().await.unwrap()).await;
    assert_eq!(told(registry, &flaws), "");
    assert_eq!((images, entries, blobs), (1, 18, 3));
}

/// A version of another image, which is published, and which a channel names.
async fn another(registry: &dyn Registry, image: &ImageName) -> Version {
    let run = author("another");
    let day = "2026-11-23".parse().unwrap();
    let version = reserve(registry, &run, image, VersionBase::default(), day).await.unwrap();
    published(registry, &run, image, record(version)).await.unwrap();
    enter(registry, &run, image, &channel(), version).await.unwrap();
    version
}

pub(crate) async fn what_is_wrong_is_told_and_what_follows_from_the_logs_is_made_again(
    subject: &impl Subject,
) {
    let registry = &*subject.open().await.unwrap();
    put_blobs(registry).await;
    let (first, second) = (publish(registry, "r1").await, publish(registry, "r2").await);
    promote(registry, "r3", None, first).await.unwrap();
    let file = |projection: &Projection| layout::projection(projection);
    let of_channel = Projection::Channel(image(), channel());
    let behind = registry.projection(&of_channel).await.unwrap().unwrap();
    promote(registry, "r4", Some(first), second).await.unwrap();
    let other = neighbour();
    another(registry, &other).await;

    // A writer that was stopped before it had brought the file of the channel up to date.
    subject.plant(&file(&of_channel), &behind).await;
    subject.remove(&file(&Projection::Version(image(), first))).await;
    let wrong = String::from_utf8(behind).unwrap();
    let wrong = wrong.replace("debian-12-v1.0.20261123.qcow2", "evil.qcow2");
    let of_other = Projection::Channel(other.clone(), channel());
    subject.plant(&file(&of_other), wrong.as_bytes()).await;
    let unfounded = Projection::Channel(image(), "made-up".parse().unwrap());
    subject.plant(&file(&unfounded), wrong.as_bytes()).await;
    let torn = Projection::Version(image(), second);
    subject.plant(&file(&torn), b"{\"schema\": 1").await;
    subject.plant(&layout::blob(&Digest::of(b"report")), b"torn").await;
    let shard = layout::shard(Shard::of(&image()));
    subject.plant(&shard, b"{").await;
    subject.plant("images/debian-12/log/notes.txt", b"mine").await;
    subject.plant("README", b"mine").await;
    let early = "2026-11-23T09:00:00Z".parse().unwrap();
    let lease = Lease::new("dead".parse().unwrap(), None, "here".to_owned(), early, Vec::new());
    let content = serde_json::to_vec(&lease).unwrap();
    registry.write_lease(&lease.run, &content).await.unwrap();
    let registry = &*subject.open().await.unwrap();
    let found = looked(registry).await;
    assert!(!found.is_sound());
    insta::allow_duplicates! {
        insta::assert_snapshot!(told(registry, &found.flaws), @"
        Broken: /blobs/845e91831319e89c4d656bdb80c278ac09a7230d61e5dfd2e1b1fbb436ac8917.zst is damaged: Unknown frame descriptor; entry 2 names it [nothing else says what stood there: restore the file from a backup of the registry]
        Broken: /images/debian-12/channels/made-up.json is there, and the log says nothing of it: whoever reads it is told what is not so [remove it]
        Broken: /images/debian-12/versions/1.0.20261123.2.json is damaged: EOF while parsing an object at line 1 column 12 [`goldsmith registry repair` makes it again from the log]
        Broken: /images/image-34/channels/candidate.json does not say what the log says: whoever reads it is told what is not so [`goldsmith registry repair` makes it again from the log]
        Stale: /images/debian-12/channels/candidate.json is as of entry 5, and the log has 6 [`goldsmith registry repair` makes it again from the log]
        Stale: /images/debian-12/versions/1.0.20261123.json is missing [`goldsmith registry repair` makes it again from the log]
        Notice: /README is not goldsmith's, and is left alone
        Notice: /blobs holds 1 blobs that no entry names: of runs that were stopped, or are at work
        Notice: /images/debian-12/log/notes.txt is not goldsmith's, and is left alone
        Notice: /index is behind for 2 of 2 images: their logs are read instead, which takes longer
        Notice: /runs/dead.json was not renewed since 2026-11-23T09:00:00Z: its run is dead [`goldsmith reap` cleans up after it]
        ");
    }

    let planned = repair(registry, true, now()).await.unwrap();
    assert_eq!(looked(registry).await, found, "a dry run changes nothing");
    let repaired = repair(registry, false, now()).await.unwrap();
    assert_eq!(repaired.done, planned.done);
    assert_eq!(repaired.left, planned.left);
    insta::allow_duplicates! {
        insta::assert_snapshot!(told(registry, &repaired.done), @"
    Broken: /images/debian-12/versions/1.0.20261123.2.json is damaged: EOF while parsing an object at line 1 column 12 [`goldsmith registry repair` makes it again from the log]
    Broken: /images/image-34/channels/candidate.json does not say what the log says: whoever reads it is told what is not so [`goldsmith registry repair` makes it again from the log]
    Stale: /images/debian-12/channels/candidate.json is as of entry 5, and the log has 6 [`goldsmith registry repair` makes it again from the log]
    Stale: /images/debian-12/versions/1.0.20261123.json is missing [`goldsmith registry repair` makes it again from the log]
    ");
    }
    let registry = &*subject.open().await.unwrap();
    let after = looked(registry).await;
    insta::allow_duplicates! {
        insta::assert_snapshot!(told(registry, &after.flaws), @"
    Broken: /blobs/845e91831319e89c4d656bdb80c278ac09a7230d61e5dfd2e1b1fbb436ac8917.zst is damaged: Unknown frame descriptor; entry 2 names it [nothing else says what stood there: restore the file from a backup of the registry]
    Broken: /images/debian-12/channels/made-up.json is there, and the log says nothing of it: whoever reads it is told what is not so [remove it]
    Notice: /README is not goldsmith's, and is left alone
    Notice: /blobs holds 1 blobs that no entry names: of runs that were stopped, or are at work
    Notice: /images/debian-12/log/notes.txt is not goldsmith's, and is left alone
    Notice: /runs/dead.json was not renewed since 2026-11-23T09:00:00Z: its run is dead [`goldsmith reap` cleans up after it]
    ");
    }
}

pub(crate) async fn a_log_that_cannot_be_read_hides_no_other(subject: &impl Subject) {
    let registry = &*subject.open().await.unwrap();
    let other = neighbour();
    let entry = |seq, image: &ImageName, entry| LogEntry {
        image: image.clone(),
        entry,
        ..reservation(seq, &format!("r{seq}"))
    };
    let reserved = |version: &str| Entry::Reserved { version: version.parse().unwrap() };
    for seq in 1..=9 {
        let day = format!("1.0.2026110{seq}");
        registry.append(&entry(seq, &image(), reserved(&day))).await.unwrap();
    }
    for (seq, version) in [(1, "1.0.20261123"), (2, "1.0.20261123"), (3, "1.0.20261124")] {
        registry.append(&entry(seq, &other, reserved(version))).await.unwrap();
    }
    let history = registry.history(&other).await.unwrap();
    remember(registry, [(&other, &history)]).await.unwrap();
    registry.settle_index().await.unwrap();
    subject.plant(&layout::entry(&image(), 2), b"torn").await;
    let misplaced = serde_json::to_vec(&reservation(1, "r1")).unwrap();
    subject.plant(&layout::entry(&image(), 3), &misplaced).await;
    for seq in [5, 6] {
        subject.remove(&layout::entry(&image(), seq)).await;
    }
    let mut later = serde_json::to_value(reservation(8, "r8")).unwrap();
    later["schema"] = 2.into();
    subject.plant(&layout::entry(&image(), 8), later.to_string().as_bytes()).await;
    let registry = &*subject.open().await.unwrap();
    let told = told(registry, &looked(registry).await.flaws);
    insta::allow_duplicates! {
        insta::assert_snapshot!(told, @"
        Broken: /images/debian-12/log/00000002.json is damaged: expected ident at line 1 column 2 [nothing else says what stood there: restore the file from a backup of the registry]
        Broken: /images/debian-12/log/00000003.json says that it is entry 1 of `debian-12` [nothing else says what stood there: restore the file from a backup of the registry]
        Broken: /images/debian-12/log/00000005.json is missing, and so is all up to entry 6 [nothing else says what stood there: restore the file from a backup of the registry]
        Broken: /images/debian-12/log/00000008.json has schema 2, and this goldsmith knows up to 1 [check it with the goldsmith that wrote it]
        Broken: /images/image-34/log/00000002.json reserves 1.0.20261123 once more [somebody has written it past goldsmith: restore the log from a backup]
        ");
    }
    let only = check(registry, Some(&[other]), Depth::Names, now()).await.unwrap();
    assert_eq!((only.images, only.flaws.len()), (1, 1));
}
