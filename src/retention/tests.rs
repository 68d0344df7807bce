use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::{ArtifactRecord, Digest, samples};

const DAY: u64 = 86_400;

fn now() -> Timestamp {
    "2026-11-30T00:00:00Z".parse().unwrap()
}

fn image(number: usize) -> ImageName {
    format!("image-{number}").parse().unwrap()
}

/// The version of a day of November.
fn version(day: usize) -> Version {
    format!("1.0.202611{day:02}").parse().unwrap()
}

fn retain(last: u32, days: u64) -> Retain {
    Retain { last, within: Duration::from_secs(days * DAY), ..Retain::default() }
}

/// Days, parents, moves of channels, `last`, and days of `within`.
type Generated = (Vec<(bool, bool)>, Vec<(usize, usize)>, Vec<Vec<usize>>, u32, u64);

/// An image whose versions are of days of November; parents are of images before it.
fn past() -> impl Strategy<Value = Generated> {
    (
        // For each day: whether it is revoked, and whether its bytes are gone.
        prop::collection::vec((any::<bool>(), prop::bool::weighted(0.2)), 1..8),
        prop::collection::vec((0..3_usize, 0..8_usize), 0..8),
        prop::collection::vec(prop::collection::vec(0..8_usize, 0..5), 0..3),
        1..4_u32,
        0..6_u64,
    )
}

proptest! {
    #[test]
    fn a_version_is_kept_exactly_for_the_reasons_that_there_are(
        images in prop::collection::vec(past(), 1..4),
        used in prop::collection::btree_set((0..4_usize, 0..8_usize), 0..4),
    ) {
        let count = images.len();
        let pasts: Vec<Past> = images.iter().enumerate().map(|(number, (days, parents, channels, last, within))| {
            let lived = days.iter().enumerate().filter(|(_, (_, gone))| !gone);
            let versions = lived.map(|(day, (revoked, _))| Lived {
                version: version(day + 1),
                published_at: format!("2026-11-{:02}T12:00:00Z", 23 + day).parse().unwrap(),
                revoked: *revoked,
                parents: parents
                    .iter()
                    .filter(|(of, parent)| *of != number && *of < count && (*parent + *of + day) % 2 == 0)
                    .map(|(of, parent)| ParentRecord { image: image(*of), version: version(parent + 1) })
                    .collect(),
            });
            let mut named = BTreeMap::new();
            for (index, moves) in channels.iter().enumerate() {
                let mut moves: Vec<Version> = moves.iter().map(|day| version(day % days.len() + 1)).collect();
                moves.dedup();
                if !moves.is_empty() {
                    named.insert(format!("channel-{index}").parse().unwrap(), moves);
                }
            }
            Past { image: image(number), retain: Some(retain(*last, *within)), versions: versions.collect(), channels: named }
        }).collect();
        let in_use: BTreeMap<_, _> = used
            .iter()
            .map(|(of, day)| ((image(*of), version(day + 1)), "list".to_owned()))
            .collect();
        let kept = keep(&pasts, &in_use, now());
        for past in &pasts {
            for lived in &past.versions {
                let expected = is_needed(&pasts, &in_use, past, lived, &mut Vec::new());
                let found = kept.contains_key(&(past.image.clone(), lived.version));
                prop_assert_eq!(found, expected, "{} {}", past.image, lived.version);
            }
        }
    }
}

/// The rules once more, for one version, as the documentation has them.
fn is_needed(
    pasts: &[Past],
    in_use: &BTreeMap<(ImageName, Version), String>,
    past: &Past,
    lived: &Lived,
    seen: &mut Vec<(ImageName, Version)>,
) -> bool {
    let policy = past.retain.as_ref().unwrap();
    let own = (past.image.clone(), lived.version);
    let later = past.versions.iter().filter(|other| other.version > lived.version);
    let later_usable = later.clone().filter(|other| !other.revoked).count();
    let is_newest = later.count() == 0;
    let is_last = !lived.revoked && later_usable < policy.last as usize;
    let age = now().as_second() - lived.published_at.as_second();
    let is_young = age <= i64::try_from(policy.within.as_secs()).unwrap();
    let is_usable = |version: &Version| {
        past.versions.iter().any(|other| other.version == *version && !other.revoked)
    };
    let by_channel = past.channels.values().any(|named| {
        let current = *named.last().unwrap();
        let mut before: Vec<Version> = named[..named.len() - 1].to_vec();
        let first = named.iter().position(|version| *version == current).unwrap();
        let mut earlier: Vec<Version> = named[..first].to_vec();
        let mut ways = vec![current];
        for past in [&mut before, &mut earlier] {
            ways.extend(past.last());
            while past.last().is_some_and(|last| !is_usable(last)) {
                past.pop();
            }
            ways.extend(past.last());
        }
        ways.contains(&lived.version)
    });
    if is_newest || is_last || is_young || by_channel || in_use.contains_key(&own) {
        return true;
    }
    if seen.contains(&own) {
        return false;
    }
    seen.push(own);
    let needed = pasts.iter().any(|child| {
        child.versions.iter().any(|of_child| {
            let parent = ParentRecord { image: past.image.clone(), version: lived.version };
            of_child.parents.contains(&parent)
                && is_needed(pasts, in_use, child, of_child, &mut seen.clone())
        })
    });
    seen.pop();
    needed
}

#[test]
fn an_image_that_images_yml_does_not_know_is_kept() {
    let lived = |day| Lived {
        version: version(day),
        published_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        revoked: false,
        parents: Vec::new(),
    };
    let versions: Vec<Lived> = (1..=9).map(lived).collect();
    let past = |retain| Past {
        image: image(0),
        retain,
        versions: versions.clone(),
        channels: BTreeMap::new(),
    };
    let kept = |retain| keep(&[past(retain)], &BTreeMap::new(), now()).len();
    assert_eq!(kept(None), 9);
    assert_eq!(kept(Some(Retain::default())), 4);
}

#[test]
fn what_terraform_knows_is_in_use_however_it_says_so() {
    let mut record =
        samples::version_record(version(1), now(), &samples::definition("prepare", "d"), &[]);
    let name = format!("debian-12-v{}.qcow2", record.version);
    record.artifacts = vec![ArtifactRecord {
        locations: vec![format!("file:///srv/images/debian-12/{}/{name}", record.version)],
        name,
        size: 3,
        sha256: Digest::of(b"abc"),
    }];
    let image: ImageName = "debian-12".parse().unwrap();
    let file = &record.artifacts[0];
    let state = |text: &str| {
        let state = serde_json::json!({
            "version": 4,
            "terraform_version": "1.9.0",
            "resources": [{ "instances": [{ "attributes": { "disk": [{ "source": text }] } }] }],
        });
        of_state(state.to_string().as_bytes()).unwrap()
    };
    for text in [
        format!("{image}/{}", record.version),
        format!("{image}@{}", record.version),
        file.sha256.to_string(),
        file.sha256.hex(),
        format!("local:iso/{}", file.name),
        format!("/var/lib/libvirt/images/{}", file.name),
        file.locations[0].clone(),
    ] {
        assert!(state(&text).names(&image, &record), "{text}");
        assert!(of_list(&format!("# ours\n\n  {text}\n")).names(&image, &record), "{text}");
    }
    for text in ["", "debian-12", "debian-12/1.0.20261102", "# debian-12/1.0.20261101"] {
        assert!(!state(text).names(&image, &record), "{text}");
        assert!(!of_list(text).names(&image, &record), "{text}");
    }
    for refused in [
        &b"{"[..],
        b"[]",
        b"{\"version\": 3, \"resources\": []}",
        b"{\"version\": 4}",
        b"{\"encrypted_data\": \"x\", \"version\": 4, \"resources\": []}",
    ] {
        assert!(of_state(refused).is_err(), "{}", String::from_utf8_lossy(refused));
    }
}
