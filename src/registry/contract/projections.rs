//! Files that are made from a log.

use std::sync::Mutex;

use async_trait::async_trait;

use super::Subject;
use super::fixtures::{assert_up_to_date, author, channel, image, promote, publish, record};
use super::meddled::{Call, Meddled, Meddler};
use crate::model::Version;
use crate::registry::{
    Projection, Registry, RegistryError, enter, layout, read_channel, read_version, rebuild,
};

/// Somebody who moves the channel on before the first write of a projection arrives.
struct Faster<'a> {
    registry: &'a dyn Registry,
    to: Mutex<Option<Version>>,
}

#[async_trait]
impl Meddler for Faster<'_> {
    async fn before(&self, call: Call<'_>) {
        let Call::WriteProjection = call else { return };
        let to = self.to.lock().unwrap().take();
        if let Some(to) = to {
            enter(self.registry, &author("r3"), &image(), &channel(), to).await.unwrap();
        }
    }
}

pub(crate) async fn a_projection_that_was_overtaken_is_made_again(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let (first, second) = (publish(&*registry, "r1").await, publish(&*registry, "r2").await);
    let meddler = Faster { registry: &*registry, to: Mutex::new(Some(second)) };
    let overtaken = Meddled { registry: &*registry, meddler };
    promote(&overtaken, "r1", None, first).await.unwrap();
    if overtaken.meddler.to.lock().unwrap().is_some() {
        // Entry and projection were one: there is no moment between them.
        return assert_up_to_date(&*registry).await;
    }
    assert_up_to_date(&*registry).await;
    let file = read_channel(&*registry, &image(), &channel()).await;
    let file = file.unwrap().unwrap();
    assert_eq!((file.version, file.previous), (second, Some(first)));
}

pub(crate) async fn projections_are_made_from_the_log(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let version = publish(&*registry, "r1").await;
    promote(&*registry, "r1", None, version).await.unwrap();
    assert_eq!(rebuild(&*registry, &image()).await.unwrap(), []);
    let (lost, torn) =
        (Projection::Version(image(), version), Projection::Channel(image(), channel()));
    subject.remove(&layout::projection(&lost)).await;
    subject.plant(&layout::projection(&torn), b"{\"schema\":1,").await;
    let damaged = read_channel(&*registry, &image(), &channel()).await;
    assert!(matches!(damaged, Err(RegistryError::Damaged { .. })));
    assert_eq!(rebuild(&*registry, &image()).await.unwrap(), [lost, torn]);
    assert_up_to_date(&*registry).await;
    let file = read_version(&*registry, &image(), version).await.unwrap();
    assert_eq!(file.unwrap().record, record(version));
}

pub(crate) async fn a_projection_of_something_else_is_refused(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let version = publish(&*registry, "r1").await;
    promote(&*registry, "r1", None, version).await.unwrap();
    let real = Projection::Channel(image(), channel());
    let other = Projection::Channel(image(), "stable".parse().unwrap());
    let content = registry.projection(&real).await.unwrap().unwrap();
    subject.plant(&layout::projection(&other), &content).await;
    let refused = read_channel(&*registry, &image(), &"stable".parse().unwrap()).await;
    assert!(matches!(refused, Err(RegistryError::Misplaced { .. })));
}
