//! Plans from histories that could be real.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::{Candidate, ParentNow, PlanInputs, Selection, plan};
use crate::model::samples::{Past, definition, image, moved};
use crate::model::{
    Cadence, Change, Decision, Definition, GateLists, History, Image, ImageName, MaxAge, Parent,
    ParentRecord, Plan,
};

mod properties;

/// Definition `text`: one part.
fn define(text: &str) -> Definition {
    definition("file:debian.pkr.hcl", text)
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn name(text: &str) -> ImageName {
    text.parse().unwrap()
}

fn built_upon(mut image: Image, parent: &str, channel: Option<&str>) -> Image {
    let channel = channel.map(|channel| channel.parse().unwrap());
    image.parents.push(Parent { image: name(parent), channel });
    image
}

/// Images, parents first, each with its definition and its past.
struct World {
    images: Vec<(Image, Definition, Past)>,
    selection: Selection,
    advisories_at: Timestamp,
}

impl World {
    fn of(images: impl IntoIterator<Item = Image>) -> Self {
        let image = |image: Image| (image, define("a"), Past::default());
        Self {
            images: images.into_iter().map(image).collect(),
            selection: Selection::default(),
            advisories_at: Timestamp::UNIX_EPOCH,
        }
    }

    /// One image: `debian-12`, monthly.
    fn one() -> Self {
        Self::of([image("debian-12")])
    }

    fn past(&mut self, name: &str) -> &mut Past {
        &mut self.images.iter_mut().find(|(image, ..)| image.name.as_str() == name).unwrap().2
    }

    fn image(&self, name: &ImageName) -> &Image {
        &self.images.iter().find(|(image, ..)| image.name == *name).unwrap().0
    }

    fn plan(&self, now: &str) -> Plan {
        self.plan_at(at(now))
    }

    fn plan_at(&self, now: Timestamp) -> Plan {
        let histories = self.histories();
        let candidates = self.images.iter().map(|(image, definition, _)| Candidate {
            image,
            definition,
            history: &histories[&image.name],
            waivers: GateLists::default().waivers_digest(),
            parents: self.parents(image, &histories),
        });
        let inputs = PlanInputs {
            candidates: candidates.collect(),
            selection: self.selection.clone(),
            retry_limit: 3,
            advisories_at: self.advisories_at,
        };
        plan(&inputs, now).unwrap()
    }

    fn histories(&self) -> BTreeMap<&ImageName, History> {
        self.images.iter().map(|(image, _, past)| (&image.name, past.history())).collect()
    }

    fn parents<'a>(
        &'a self,
        image: &'a Image,
        histories: &BTreeMap<&ImageName, History>,
    ) -> Vec<ParentNow<'a>> {
        let now = |parent: &'a Parent| {
            let (above, ..) = self.images.iter().find(|(i, ..)| i.name == parent.image).unwrap();
            let channel = parent.follows(above);
            let version = histories[&parent.image].channels.get(channel).copied();
            ParentNow { image: &parent.image, channel, version }
        };
        image.parents.iter().map(now).collect()
    }

    /// What the plan says about each image, a line each.
    fn says(&self, now: &str) -> String {
        says(&self.plan(now))
    }
}

fn says(plan: &Plan) -> String {
    let json = |why: serde_json::Result<String>| why.unwrap().replace('"', "");
    let mut lines = Vec::new();
    for planned in &plan.build {
        let (image, wave, version) = (&planned.image, planned.wave, planned.version);
        lines.push(format!(
            "{wave} {image} {version} {}",
            json(serde_json::to_string(&planned.why))
        ));
    }
    for skipped in &plan.skip {
        lines.push(format!("- {} {}", skipped.image, json(serde_json::to_string(&skipped.why))));
    }
    lines.join("\n")
}

#[test]
fn what_time_and_definition_demand() {
    let mut world = World::one();
    let mut told = vec![world.says("2026-11-23T10:00:00Z")];
    let past = world.past("debian-12");
    past.published(at("2026-11-23T10:00:00Z"), &define("a"), &[]);
    for now in [
        "2026-11-23T10:00:00Z",
        "2026-12-01T01:59:59Z",
        "2026-12-01T02:00:00Z",
        "2027-03-20T02:00:00Z",
        // Clocks of two machines differ a little, and not more than that.
        "2026-11-23T09:00:00Z",
        "2026-11-23T08:59:59Z",
    ] {
        told.push(format!("{now} {}", world.says(now)));
    }
    world.images[0].1 = define("b");
    told.push(world.says("2026-11-23T10:00:00Z"));
    world.past("debian-12").verified(at("2026-11-24T10:00:00Z"), &define("b"), &[]);
    told.push(world.says("2026-11-24T10:00:00Z"));
    insta::assert_snapshot!(told.join("\n"), @"
    0 debian-12 1.0.20261123 {reason:never-built}
    2026-11-23T10:00:00Z - debian-12 {reason:slot-satisfied,by:1.0.20261123,built_at:2026-11-23T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    2026-12-01T01:59:59Z - debian-12 {reason:slot-satisfied,by:1.0.20261123,built_at:2026-11-23T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    2026-12-01T02:00:00Z 0 debian-12 1.0.20261201 {reason:slot-began,slot:2026-12-01T02:00:00+00:00[UTC],since:1.0.20261123,missed:[]}
    2027-03-20T02:00:00Z 0 debian-12 1.0.20270320 {reason:slot-began,slot:2027-03-01T02:00:00+00:00[UTC],since:1.0.20261123,missed:[2027-02-01T02:00:00+00:00[UTC],2027-01-01T02:00:00+00:00[UTC],2026-12-01T02:00:00+00:00[UTC]]}
    2026-11-23T09:00:00Z - debian-12 {reason:slot-satisfied,by:1.0.20261123,built_at:2026-11-23T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    2026-11-23T08:59:59Z 0 debian-12 1.0.20261123.2 {reason:clock-was-wrong,since:1.0.20261123,built_at:2026-11-23T10:00:00Z}
    0 debian-12 1.0.20261123.2 {reason:definition-changed,since:1.0.20261123,changed:[file:debian.pkr.hcl]}
    - debian-12 {reason:slot-satisfied,by:1.0.20261123,built_at:2026-11-24T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    ");
}

#[test]
fn a_build_has_an_age_limit_also_without_slots() {
    let mut world = World::one();
    world.past("debian-12").published(at("2026-11-23T10:00:00Z"), &define("a"), &[]);
    let rebuild = &mut world.images[0].0.rebuild;
    rebuild.every = Cadence::Never;
    let mut told = vec![world.says("2036-11-23T10:00:00Z")];
    world.images[0].0.rebuild.max_age = MaxAge::After(Duration::from_hours(240));
    told.push(world.says("2026-12-03T10:00:00Z"));
    told.push(world.says("2026-12-03T10:00:01Z"));
    let past = world.past("debian-12");
    past.rejected(at("2026-12-03T11:00:00Z"), &define("a"), &[], Decision::Blocked);
    told.push(world.says("2026-12-13T11:00:00Z"));
    told.push(world.says("2026-12-13T11:00:01Z"));
    insta::assert_snapshot!(told.join("\n"), @"
    - debian-12 {reason:slot-satisfied,by:1.0.20261123,built_at:2026-11-23T10:00:00Z,next:null}
    - debian-12 {reason:slot-satisfied,by:1.0.20261123,built_at:2026-11-23T10:00:00Z,next:null}
    0 debian-12 1.0.20261203 {reason:too-old,limit:{secs:864000,nanos:0},since:1.0.20261123,built_at:2026-11-23T10:00:00Z}
    - debian-12 {reason:rejected,version:1.0.20261203,verdict:blocked,at:2026-12-03T11:00:00Z,next:null}
    0 debian-12 1.0.20261213 {reason:too-old,limit:{secs:864000,nanos:0},since:1.0.20261123,built_at:2026-11-23T10:00:00Z}
    ");
}

#[test]
fn a_build_that_fails_is_given_up_until_the_next_slot_or_another_definition() {
    let mut world = World::one();
    world.past("debian-12").published(at("2026-10-23T10:00:00Z"), &define("a"), &[]);
    let mut told = Vec::new();
    for now in ["2026-11-01T03:00:00Z", "2026-11-02T03:00:00Z", "2026-11-03T03:00:00Z"] {
        told.push(world.says(now));
        world.past("debian-12").failed(at(now), &define("a"), &[]);
    }
    told.push(world.says("2026-11-04T03:00:00Z"));
    told.push(world.says("2026-12-01T03:00:00Z"));
    world.images[0].1 = define("b");
    told.push(world.says("2026-11-04T03:00:00Z"));
    world.selection.force = true;
    told.push(world.says("2026-11-04T03:00:00Z"));
    insta::assert_snapshot!(told.join("\n"), @"
    0 debian-12 1.0.20261101 {reason:slot-began,slot:2026-11-01T02:00:00+00:00[UTC],since:1.0.20261023,missed:[]}
    0 debian-12 1.0.20261102 {reason:retry,attempt:2,of:3,last:script failed,why:{reason:slot-began,slot:2026-11-01T02:00:00+00:00[UTC],since:1.0.20261023,missed:[]}}
    0 debian-12 1.0.20261103 {reason:retry,attempt:3,of:3,last:script failed,why:{reason:slot-began,slot:2026-11-01T02:00:00+00:00[UTC],since:1.0.20261023,missed:[]}}
    - debian-12 {reason:gave-up,attempts:3,last:script failed,at:2026-11-03T03:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    0 debian-12 1.0.20261201 {reason:slot-began,slot:2026-12-01T02:00:00+00:00[UTC],since:1.0.20261023,missed:[]}
    0 debian-12 1.0.20261104 {reason:definition-changed,since:1.0.20261023,changed:[file:debian.pkr.hcl]}
    0 debian-12 1.0.20261104 {reason:forced}
    ");
}

#[test]
fn a_build_that_did_not_pass_is_judged_again_and_built_again_only_when_that_could_help() {
    let mut world = World::one();
    let past = world.past("debian-12");
    past.rejected(at("2026-11-02T10:00:00Z"), &define("a"), &[], Decision::Blocked);
    let mut told = vec![world.says("2026-11-03T10:00:00Z")];
    world.advisories_at = at("2026-11-02T10:00:00Z");
    told.push(world.says("2026-11-03T10:00:00Z"));
    world.advisories_at = at("2026-11-03T00:00:00Z");
    told.push(world.says("2026-11-03T10:00:00Z"));
    world.images[0].0.gate.ignore_unfixed = false;
    told.push(world.says("2026-11-03T10:00:00Z"));
    told.push(world.says("2026-12-01T02:00:00Z"));
    world.images[0].1 = define("b");
    told.push(world.says("2026-11-03T10:00:00Z"));
    insta::assert_snapshot!(told.join("\n"), @"
    - debian-12 {reason:rejected,version:1.0.20261102,verdict:blocked,at:2026-11-02T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    - debian-12 {reason:rejected,version:1.0.20261102,verdict:blocked,at:2026-11-02T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    0 debian-12 1.0.20261102 {reason:can-be-regated,version:1.0.20261102,why:advisories}
    0 debian-12 1.0.20261102 {reason:can-be-regated,version:1.0.20261102,why:policy}
    0 debian-12 1.0.20261201 {reason:never-built}
    0 debian-12 1.0.20261103 {reason:never-built}
    ");
}

#[test]
fn a_finding_demands_one_build_of_a_definition_for_each_fix() {
    let mut world = World::one();
    let day = |day: u32| format!("2026-11-{day:02}T10:00:00Z");
    let past = world.past("debian-12");
    past.published(at(&day(2)), &define("a"), &[]).rescanned(at(&day(3)), &["CVE-1"]);
    let mut told = vec![world.says(&day(4))];
    world.past("debian-12").failed(at(&day(4)), &define("a"), &[]);
    told.push(world.says(&day(5)));
    let past = world.past("debian-12");
    past.rejected(at(&day(5)), &define("a"), &[], Decision::Blocked);
    told.push(world.says(&day(6)));
    world.past("debian-12").rescanned(at(&day(7)), &["CVE-1", "CVE-2"]);
    told.push(world.says(&day(7)));
    let past = world.past("debian-12");
    past.published(at(&day(8)), &define("a"), &[]).rescanned(at(&day(9)), &["CVE-1", "CVE-2"]);
    told.push(world.says(&day(9)));
    insta::assert_snapshot!(told.join("\n"), @"
    0 debian-12 1.0.20261104 {reason:finding,version:1.0.20261102,findings:[{id:CVE-1,source:krb5,fixed:2}]}
    0 debian-12 1.0.20261105 {reason:retry,attempt:2,of:3,last:script failed,why:{reason:finding,version:1.0.20261102,findings:[{id:CVE-1,source:krb5,fixed:2}]}}
    - debian-12 {reason:slot-satisfied,by:1.0.20261102,built_at:2026-11-02T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    0 debian-12 1.0.20261107 {reason:finding,version:1.0.20261102,findings:[{id:CVE-2,source:krb5,fixed:2}]}
    - debian-12 {reason:slot-satisfied,by:1.0.20261108,built_at:2026-11-08T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    ");
}

#[test]
fn a_version_that_was_withdrawn_satisfies_nobody() {
    let mut world = World::one();
    let past = world.past("debian-12");
    past.published(at("2026-11-02T10:00:00Z"), &define("a"), &[]);
    past.revoked(at("2026-11-03T10:00:00Z"));
    let mut told = vec![world.says("2026-11-03T11:00:00Z")];
    let past = world.past("debian-12");
    past.rejected(at("2026-11-03T11:00:00Z"), &define("a"), &[], Decision::Untrusted);
    told.push(world.says("2026-11-03T12:00:00Z"));
    world.past("debian-12").published(at("2026-11-04T10:00:00Z"), &define("a"), &[]);
    told.push(world.says("2026-11-04T11:00:00Z"));
    insta::assert_snapshot!(told.join("\n"), @"
    0 debian-12 1.0.20261103 {reason:revoked,version:1.0.20261102,because:leaked key}
    - debian-12 {reason:rejected,version:1.0.20261103,verdict:untrusted,at:2026-11-03T11:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    - debian-12 {reason:slot-satisfied,by:1.0.20261104,built_at:2026-11-04T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    ");
}

/// `base`, and upon it `middle`, and upon that `top`, which follows another channel.
fn family() -> World {
    let middle = built_upon(image("middle"), "base", None);
    World::of([image("base"), middle, built_upon(image("top"), "middle", Some("stable"))])
}

#[test]
fn children_follow_their_parents() {
    let mut world = family();
    let mut told = vec!["nothing is there".into(), world.says("2026-11-02T10:00:00Z")];
    world.images[0].0.enabled = false;
    told.extend(["no base is to be had".into(), world.says("2026-11-02T10:00:00Z")]);
    world.images[0].0.enabled = true;

    let now = at("2026-11-02T10:00:00Z");
    world.past("base").published(now, &define("a"), &[]);
    let base = ParentRecord { image: name("base"), version: "1.0.20261102".parse().unwrap() };
    world.past("middle").published(now, &define("a"), std::slice::from_ref(&base));
    told.extend(["all is well".into(), world.says("2026-11-02T10:00:00Z")]);

    world.past("base").published(at("2026-11-03T10:00:00Z"), &define("a"), &[]);
    told.extend(["base has moved".into(), world.says("2026-11-03T10:00:00Z")]);
    let past = world.past("middle");
    past.rejected(at("2026-11-03T11:00:00Z"), &define("a"), &[base], Decision::Blocked);
    told.extend([
        "middle did not pass upon the old base".into(),
        world.says("2026-11-03T12:00:00Z"),
    ]);
    world.images[0].1 = define("b");
    world.past("middle").published(at("2026-11-03T12:00:00Z"), &define("a"), &[]);
    told.extend(["base is built".into(), world.says("2026-11-03T12:00:00Z")]);
    insta::assert_snapshot!(told.join("\n"), @"
    nothing is there
    0 base 1.0.20261102 {reason:never-built}
    1 middle 1.0.20261102 {reason:never-built}
    - top {reason:parent-missing,parent:middle,channel:stable}
    no base is to be had
    - base {reason:disabled}
    - middle {reason:parent-missing,parent:base,channel:candidate}
    - top {reason:parent-missing,parent:middle,channel:stable}
    all is well
    - base {reason:slot-satisfied,by:1.0.20261102,built_at:2026-11-02T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    - middle {reason:slot-satisfied,by:1.0.20261102,built_at:2026-11-02T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    - top {reason:parent-missing,parent:middle,channel:stable}
    base has moved
    0 middle 1.0.20261103 {reason:parent-moved,parent:base,from:1.0.20261102,to:1.0.20261103}
    - base {reason:slot-satisfied,by:1.0.20261103,built_at:2026-11-03T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    - top {reason:parent-missing,parent:middle,channel:stable}
    middle did not pass upon the old base
    0 middle 1.0.20261103.2 {reason:parent-moved,parent:base,from:1.0.20261102,to:1.0.20261103}
    - base {reason:slot-satisfied,by:1.0.20261103,built_at:2026-11-03T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    - top {reason:parent-missing,parent:middle,channel:stable}
    base is built
    0 base 1.0.20261103.2 {reason:definition-changed,since:1.0.20261103,changed:[file:debian.pkr.hcl]}
    1 middle 1.0.20261103.3 {reason:parent-built,parent:base}
    - top {reason:parent-missing,parent:middle,channel:stable}
    ");
}

#[test]
fn children_wait_only_for_parents_that_may_move_the_channel_that_they_follow() {
    let mut world = family();
    let past = world.past("middle").published(at("2026-10-02T10:00:00Z"), &define("a"), &[]);
    let (channel, to) = ("stable".parse().unwrap(), "1.0.20261002".parse().unwrap());
    past.push(at("2026-10-02T11:00:00Z"), moved(channel, None, to));
    let mut told = vec!["top follows another one".into(), world.says("2026-11-02T10:00:00Z")];

    let mut world = World::of([image("base"), built_upon(image("top"), "base", None)]);
    let past = world.past("base");
    past.rejected(at("2026-11-02T10:00:00Z"), &define("a"), &[], Decision::Blocked);
    told.extend(["base did not pass".into(), world.says("2026-11-03T10:00:00Z")]);
    world.advisories_at = at("2026-11-03T00:00:00Z");
    told.extend(["it is judged again".into(), world.says("2026-11-03T10:00:00Z")]);
    insta::assert_snapshot!(told.join("\n"), @"
    top follows another one
    0 base 1.0.20261102 {reason:never-built}
    0 top 1.0.20261102 {reason:never-built}
    1 middle 1.0.20261102 {reason:slot-began,slot:2026-11-01T02:00:00+00:00[UTC],since:1.0.20261002,missed:[]}
    base did not pass
    - base {reason:rejected,version:1.0.20261102,verdict:blocked,at:2026-11-02T10:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    - top {reason:parent-missing,parent:base,channel:candidate}
    it is judged again
    0 base 1.0.20261102 {reason:can-be-regated,version:1.0.20261102,why:advisories}
    1 top 1.0.20261103 {reason:never-built}
    ");
}

#[test]
fn what_is_selected_is_all_that_is_built() {
    let mut world = family();
    world.selection.names = Some([name("base")].into());
    let mut told = vec!["by name".into(), world.says("2026-11-02T10:00:00Z")];
    world.selection.names = Some(BTreeSet::new());
    world.selection.force = true;
    told.extend(["nothing, by force".into(), world.says("2026-11-02T10:00:00Z")]);

    world.selection = Selection { only_failed: true, ..Selection::default() };
    let now = at("2026-11-02T09:00:00Z");
    world.past("base").published(now, &define("a"), &[]);
    world.past("middle").failed(now, &define("a"), &[]);
    told.extend(["what failed".into(), world.says("2026-11-02T10:00:00Z")]);

    let changed = [
        (name("base"), Change::Paths(vec!["packer/debian.pkr.hcl".into()])),
        (name("middle"), Change::Parent(name("base"))),
    ];
    world.selection = Selection { changed: Some(changed.into()), ..Selection::default() };
    told.extend(["what a change touches".into(), world.says("2026-11-02T10:00:00Z")]);

    world.selection = Selection { by_name: true, ..Selection::default() };
    told.extend(["one by one".into(), world.says("2026-11-02T10:00:00Z")]);

    world.selection = Selection { given: [name("top")].into(), ..Selection::default() };
    told.extend(["what was handed in".into(), world.says("2026-11-02T10:00:00Z")]);
    insta::assert_snapshot!(told.join("\n"), @"
    by name
    0 base 1.0.20261102 {reason:never-built}
    - middle {reason:not-selected}
    - top {reason:not-selected}
    nothing, by force
    - base {reason:not-selected}
    - middle {reason:not-selected}
    - top {reason:not-selected}
    what failed
    0 middle 1.0.20261102.2 {reason:retry,attempt:2,of:3,last:script failed,why:{reason:never-built}}
    - base {reason:not-selected}
    - top {reason:not-selected}
    what a change touches
    0 base 1.0.20261102.2 {reason:changed-paths,paths:[packer/debian.pkr.hcl]}
    1 middle 1.0.20261102.2 {reason:parent-changed,parent:base}
    - top {reason:not-selected}
    one by one
    0 base 1.0.20261102.2 {reason:asked-for}
    1 middle 1.0.20261102.2 {reason:retry,attempt:2,of:3,last:script failed,why:{reason:never-built}}
    - top {reason:parent-missing,parent:middle,channel:stable}
    what was handed in
    0 middle 1.0.20261102.2 {reason:retry,attempt:2,of:3,last:script failed,why:{reason:never-built}}
    0 top 1.0.20261102 {reason:artifact-given}
    - base {reason:slot-satisfied,by:1.0.20261102,built_at:2026-11-02T09:00:00Z,next:2026-12-01T02:00:00+00:00[UTC]}
    ");
}
