//! The index beside the logs.

use std::collections::BTreeMap;

use super::Seen;
use super::cure::REPAIR;
use crate::model::{Flaw, History, ImageName};
use crate::registry::index::{Standing, standing};
use crate::registry::{End, Registry, Shard, layout};

/// Looks at the shards of the images that were seen.
pub(super) async fn check(registry: &dyn Registry, seen: &[Seen]) -> Vec<Flaw> {
    let known = seen.iter().filter_map(|seen| Some((&seen.image, seen.history.as_ref()?)));
    let known: Vec<(&ImageName, &History)> =
        known.filter(|(_, history)| history.head > 0).collect();
    let ends =
        known.iter().map(|(image, history)| End { image: (*image).clone(), seq: history.head });
    let ends: Vec<End> = ends.collect();
    let sizes = registry.sizes_of_last(&ends).await;
    let mut by_shard = BTreeMap::<Shard, Vec<(&ImageName, &History, Option<u64>)>>::new();
    for ((image, history), size) in known.into_iter().zip(sizes) {
        // Where the log has moved on since it was read, the shard may have done so too.
        if size.is_some() {
            by_shard.entry(Shard::of(image)).or_default().push((image, history, size));
        }
    }
    let names: Vec<Shard> = by_shard.keys().copied().collect();
    let contents = registry.shards(&names).await;
    let mut flaws = Vec::new();
    let (mut behind, mut all) = (0, 0);
    for ((shard, images), content) in by_shard.into_iter().zip(contents) {
        all += images.len();
        let place = layout::place(registry.location(), &layout::shard(shard));
        let count = images.len();
        let Some(standings) = content.and_then(|content| standing(&content, images)) else {
            behind += count;
            continue;
        };
        for (image, standing) in standings {
            match standing {
                Standing::Right => {}
                Standing::Behind => behind += 1,
                Standing::Wrong => {
                    let what = "does not say what the log says, and is believed";
                    flaws.push(Flaw::broken(place.clone(), what).of(image).cured_by(REPAIR));
                }
            }
        }
    }
    if behind > 0 {
        let what = format!(
            "is behind for {behind} of {all} images: their logs are read instead, which takes longer"
        );
        flaws.push(Flaw::notice(layout::place(registry.location(), "index"), what));
    }
    flaws
}
