//! The cache of what all logs say.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::Subject;
use super::fixtures::{DAY, author, channel, image, publish, reservation};
use super::meddled::{Call, Meddled, Meddler};
use crate::model::{HISTORY_FORMAT, History, ImageName, VersionBase};
use crate::registry::{Registry, Shard, enter, layout, remember, reserve};

/// An image in the same shard as [`image`].
pub(crate) fn neighbour() -> ImageName {
    let names = (0..).map(|number| format!("image-{number}").parse().unwrap());
    names.into_iter().find(|name| Shard::of(name) == Shard::of(&image())).unwrap()
}

fn shard() -> String {
    layout::shard(Shard::of(&image()))
}

async fn take(registry: &dyn Registry, image: &ImageName, run: &str) {
    reserve(registry, &author(run), image, VersionBase::default(), DAY).await.unwrap();
}

/// Somebody who keeps the logs to himself.
struct NoLogs;

#[async_trait]
impl Meddler for NoLogs {
    async fn before(&self, call: Call<'_>) {
        assert!(!matches!(call, Call::Read), "a log is read");
    }
}

/// What the registry says of `images`, which must be what the logs say.
async fn told(registry: &dyn Registry, images: &[ImageName]) -> BTreeMap<ImageName, History> {
    let histories = registry.histories(images).await.unwrap();
    for image in images {
        assert_eq!(histories[image], registry.history(image).await.unwrap(), "{image}");
    }
    assert_eq!(histories.len(), images.len());
    histories
}

/// Like [`told`], from the index alone.
async fn told_by_index(registry: &dyn Registry, images: &[ImageName]) {
    let without = Meddled { registry, meddler: NoLogs };
    let histories = without.histories(images).await.unwrap();
    assert_eq!(histories, told(registry, images).await);
}

pub(crate) async fn the_index_spares_the_logs(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    // More than one thread reads.
    let mut images: Vec<ImageName> =
        (0..40).map(|number| format!("image-{number}").parse().unwrap()).collect();
    told_by_index(&*registry, &images).await;
    for image in &images {
        take(&*registry, image, "r1").await;
    }
    let version = publish(&*registry, "r2").await;
    enter(&*registry, &author("r2"), &image(), &channel(), version).await.unwrap();
    images.extend([image(), "never-built".parse().unwrap()]);
    told_by_index(&*subject.open().await.unwrap(), &images).await;
    assert_eq!(remember(&*registry, &told(&*registry, &images).await).await.unwrap(), 0);
    let twice = registry.histories(&[image(), image()]).await.unwrap();
    assert_eq!(twice, told(&*registry, &[image()]).await);
}

pub(crate) async fn a_shard_that_is_not_right_is_not_believed(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let content = async || {
        let shards = registry.shards(&[Shard::of(&image())]).await;
        String::from_utf8(shards.into_iter().next().unwrap().unwrap()).unwrap()
    };
    publish(&*registry, "r1").await;
    let behind = content().await;
    publish(&*registry, "r2").await;
    let good = content().await;
    let ahead = good.replace(r#""head":4"#, r#""head":5"#);
    let empty = good.replace(r#""head":4"#, r#""head":0"#);
    let format = format!(r#""format":{HISTORY_FORMAT},"#);
    let foreign = good.replace(&format, r#""format":0,"#);
    let elsewhere = good.replace("debian-12", "debian-13");
    let no_format = good.replace(&format, "");
    let no_number = good.replace(&format, r#""format":"1","#);
    for wrong in [&ahead, &empty, &foreign, &elsewhere, &no_format, &no_number] {
        assert_ne!(*wrong, good);
    }
    let half = good[..good.len() / 2].to_owned();
    let wrong = [behind, ahead, empty, foreign, elsewhere, no_format, no_number, half];
    let bad_name = format!(r#"{{{format}"images":{{"a/b":{{}}}}}}"#);
    let torn = ["", "\0\0\0\0", "[]", "{}", "null", &bad_name];
    for (number, wrong) in wrong.iter().map(String::as_str).chain(torn).enumerate() {
        subject.plant(&shard(), wrong.as_bytes()).await;
        told(&*registry, &[image(), neighbour()]).await;
        // Whoever writes next makes it good.
        take(&*registry, &image(), &format!("next-{number}")).await;
        told_by_index(&*registry, &[image(), neighbour()]).await;
    }
}

pub(crate) async fn an_index_of_a_later_format_is_left_alone(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    take(&*registry, &image(), "r1").await;
    let later = format!(r#"{{"format": {}, "pasts": []}}"#, HISTORY_FORMAT + 1);
    subject.plant(&shard(), later.as_bytes()).await;
    told(&*registry, &[image()]).await;
    take(&*registry, &image(), "r2").await;
    told(&*registry, &[image()]).await;
    assert_eq!(registry.shards(&[Shard::of(&image())]).await, [Some(later.into_bytes())]);
}

/// Somebody who writes the same shard just before, once.
struct Faster<'a>(Mutex<Option<&'a dyn Registry>>);

#[async_trait]
impl Meddler for Faster<'_> {
    async fn before(&self, call: Call<'_>) {
        let Call::WriteShard = call else { return };
        if let Some(registry) = self.0.lock().await.take() {
            take(registry, &neighbour(), "r2").await;
        }
    }
}

pub(crate) async fn an_update_of_the_index_that_is_lost_is_no_loss(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    take(&*registry, &neighbour(), "r1").await;
    let meddler = Faster(Mutex::new(Some(&*registry)));
    let slow = Meddled { registry: &*registry, meddler };
    take(&slow, &image(), "r1").await;
    let images = [image(), neighbour()];
    if slow.meddler.0.lock().await.is_some() {
        // Entry and index were one: there is no moment between them.
        return told_by_index(&*registry, &images).await;
    }
    let histories = told(&*registry, &images).await;
    assert_eq!(histories[&neighbour()].head, 2);
    assert_eq!(remember(&*registry, &histories).await.unwrap(), 1, "it was lost");
    told_by_index(&*registry, &images).await;
}

pub(crate) async fn a_log_that_was_made_anew_is_not_what_the_index_knows(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    publish(&*registry, "r1").await;
    subject.remove(&layout::entry(&image(), 2)).await;
    told(&*registry, &[image()]).await;
    let other = serde_json::to_vec(&reservation(2, "r2")).unwrap();
    subject.plant(&layout::entry(&image(), 2), &other).await;
    told(&*registry, &[image()]).await;
    subject.plant(&layout::entry(&image(), 2), b"torn").await;
    assert!(registry.histories(&[image()]).await.is_err());
}

pub(crate) async fn an_index_that_was_deleted_can_be_made_again(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let other: ImageName = "ubuntu-2404".parse().unwrap();
    let images = [image(), neighbour(), other.clone()];
    for image in &images {
        take(&*registry, image, "r1").await;
    }
    let before = told(&*registry, &images).await;
    for shard in [Shard::of(&image()), Shard::of(&other)] {
        subject.remove(&layout::shard(shard)).await;
    }
    assert_eq!(told(&*registry, &images).await, before);
    assert_eq!(remember(&*registry, &before).await.unwrap(), 2);
    told_by_index(&*registry, &images).await;
    assert_eq!(remember(&*registry, &before).await.unwrap(), 0);
}
