//! A plan, and the catalog that it was made from.

use std::time::Duration;

use indexmap::IndexMap;

use super::{nothing_due, slot, timestamp};
use crate::model::{
    Address, Catalog, Due, Image, ImageName, NotDue, Parent, Plan, Planned, Skipped, Soak, Soaking,
    Upstream, UpstreamChange,
};

/// The catalog that [`plan`] was made from.
pub(in crate::report) fn catalog() -> Catalog {
    let plan = plan();
    let names = plan.build.into_iter().map(|planned| planned.image);
    let names = names.chain(plan.skip.into_iter().map(|skipped| skipped.image));
    let of = |name: ImageName| (name.clone(), crate::model::samples::image(name.as_str()));
    let mut images: IndexMap<ImageName, Image> = names.map(of).collect();
    for image in images.values_mut() {
        match image.name.as_str() {
            "ubuntu-2404" => image.runs_on = vec!["self-hosted".to_owned(), "kvm".to_owned()],
            "windows-2025" => image.enabled = false,
            "k8s-1.35-debian-12" => {
                let stable = Some("stable".parse().unwrap());
                image.parents = vec![
                    Parent { image: "debian-12".parse().unwrap(), channel: None },
                    Parent { image: "alpine-3".parse().unwrap(), channel: stable },
                ];
            }
            _ => {}
        }
    }
    Catalog {
        path: "/repository/images.yml".into(),
        registry: Address::Directory("/srv/registry".into()),
        images,
        retry_limit: 3,
        plugin_mirror: None,
    }
}

/// Most reasons to build or not, an upstream that has changed, and what cannot be followed.
pub(in crate::report) fn plan() -> Plan {
    let planned = |image: &str, wave: u32, why: Due, version: &str| Planned {
        image: image.parse().unwrap(),
        why,
        wave,
        definition: crate::model::samples::definition("os", image),
        version: version.parse().unwrap(),
    };
    let soaking = |image: &str, days: u64| {
        let since = timestamp("2026-11-20T02:30:00Z");
        let after = Duration::from_hours(days * 24);
        let channel = |name: &str| name.parse().unwrap();
        Soaking {
            image: image.parse().unwrap(),
            version: "1.0.20261120".parse().unwrap(),
            rule: Soak { from: channel("candidate"), to: channel("stable"), after },
            since,
            until: since + after,
            instead_of: (days == 3).then(|| "1.0.20261101".parse().unwrap()),
        }
    };
    Plan {
        upstream: vec![
            UpstreamChange {
                image: "rocky-9".parse().unwrap(),
                url: "https://example.org/rocky-9.iso".to_owned(),
                what: Upstream::Gone { status: 404 },
            },
            UpstreamChange {
                image: "ubuntu-2404".parse().unwrap(),
                url: "https://example.org/noble.img".to_owned(),
                what: Upstream::Moved {
                    from: "a".repeat(64),
                    to: "b".repeat(64),
                    listed: "https://example.org/SHA256SUMS".to_owned(),
                },
            },
        ],
        untracked: vec![
            "packer/debian.pkr.hcl:12: `${var.script}`: only a run knows the value".to_owned(),
        ],
        soaking: vec![soaking("debian-12", 3), soaking("ubuntu-2404", 5)],
        edits: vec![
            "packer/debian.pkr.hcl:7: `output_directory` of `qemu.debian` is overridden".to_owned(),
            "packer/debian: `scripts/cis.sh` runs at the end of `qemu.debian`".to_owned(),
        ],
        at: timestamp("2026-11-23T10:26:46Z"),
        build: vec![
            planned("debian-12", 0, Due::NeverBuilt, "1.0.20261123"),
            planned(
                "ubuntu-2404",
                0,
                Due::SlotBegan {
                    slot: slot("2026-11-01T02:00:00Z"),
                    since: "1.0.20260801".parse().unwrap(),
                    missed: vec![slot("2026-10-01T02:00:00Z"), slot("2026-09-01T02:00:00Z")],
                },
                "1.0.20261123",
            ),
            planned("rocky-9", 0, Due::Forced, "2.1.20261123"),
            planned(
                "k8s-1.35-debian-12",
                1,
                Due::DefinitionChanged {
                    since: "1.0.20261123".parse().unwrap(),
                    changed: vec!["file:k8s.pkr.hcl".to_owned(), "vars.kubernetes".to_owned()],
                },
                "1.0.20261123.2",
            ),
        ],
        skip: nothing_due()
            .skipped
            .into_iter()
            .chain([Skipped { image: "windows-2025".parse().unwrap(), why: NotDue::NotSelected }])
            .collect(),
    }
}
