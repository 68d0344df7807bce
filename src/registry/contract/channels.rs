//! How channels move.

use super::Subject;
use super::fixtures::{
    assert_legal, assert_up_to_date, author, channel, image, in_threads, promote, publish, record,
    take,
};
use crate::model::History;
use crate::registry::{Entered, RegistryError, Steered, enter, read_channel};

pub(crate) async fn a_channel_moves_from_what_its_mover_expects(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let (first, second) = (publish(&*registry, "r1").await, publish(&*registry, "r2").await);
    let changed = |from| Steered { from, changed: true };
    let go = |run, from, to| promote(&*registry, run, from, to);
    assert_eq!(go("r1", None, first).await.unwrap(), changed(None));
    assert_eq!(go("r1", None, first).await.unwrap(), changed(None), "the answer was lost");
    let error = go("r2", None, second).await.unwrap_err();
    let RegistryError::ChannelMoved { expected, found, .. } = error else { panic!("{error}") };
    assert_eq!((expected, found), (None, Some(first)));
    assert_eq!(go("r2", Some(first), second).await.unwrap(), changed(Some(first)));
    let again = go("r3", Some(second), second).await.unwrap();
    assert_eq!(again, Steered { from: Some(second), changed: false });
    assert_eq!(registry.log(&image(), 0).await.unwrap().len(), 6);
    let file = read_channel(&*registry, &image(), &channel()).await;
    let file = file.unwrap().unwrap();
    assert_eq!((file.version, file.previous), (second, Some(first)));
    assert_eq!(file.artifacts, record(second).artifacts);
}

pub(crate) async fn a_channel_never_goes_back_in_passing(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let (first, second) = (publish(&*registry, "r1").await, publish(&*registry, "r2").await);
    let run = author("r3");
    let entered = enter(&*registry, &run, &image(), &channel(), second).await;
    assert_eq!(entered.unwrap(), Entered::Entered { from: None });
    let late = enter(&*registry, &run, &image(), &channel(), first).await;
    assert_eq!(late.unwrap(), Entered::Outrun { by: second });
    let history = registry.history(&image()).await.unwrap();
    assert_eq!(history.channels[&channel()], second);
    assert_eq!(history.head, 5);
}

pub(crate) async fn a_channel_names_published_versions_only(subject: &impl Subject) {
    let registry = subject.open().await.unwrap();
    let run = author("r1");
    let reserved = take(&*registry, "r1").await.unwrap();
    let refused = promote(&*registry, "r1", None, reserved).await;
    assert!(matches!(refused, Err(RegistryError::NotPublished { .. })));
    let refused = enter(&*registry, &run, &image(), &channel(), reserved).await;
    assert!(matches!(refused, Err(RegistryError::NotPublished { .. })));
}

pub(crate) async fn concurrent_moves_leave_the_newest_version(subject: &impl Subject) {
    let handles = [subject.open().await.unwrap(), subject.open().await.unwrap()];
    in_threads(8, |number| {
        let registry = &*handles[number % 2];
        async move {
            let run = format!("r{number}");
            let version = publish(registry, &run).await;
            enter(registry, &author(&run), &image(), &channel(), version).await.unwrap();
        }
    });
    let log = handles[0].log(&image(), 0).await.unwrap();
    assert_legal(&log);
    let history = History::of(&log);
    assert_eq!(history.published.len(), 8);
    assert_eq!(history.channels[&channel()], history.newest().unwrap());
    assert_up_to_date(&*handles[1]).await;
}
