//! A volume group: its text, and what that says of each logical volume.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::mapped::{Mapped, Run};
use super::text::{self, Section, Value};
use crate::source::Shared;
use crate::unreadable::{Unreadable, What, Why};
use crate::volume::Volume;

/// Bytes of a sector, in which LVM2 counts.
const SECTOR: u64 = 512;
/// Volumes of a group that are looked at.
const VOLUMES: usize = 256;
/// Runs that a volume may consist of.
const SEGMENTS: u64 = 65_536;

/// A volume group.
pub(super) struct Group {
    pub(super) id: String,
    /// Counts changes.
    pub(super) sequence: u64,
    name: String,
    section: Section,
}

/// A physical volume, as the group knows it.
struct Member {
    id: String,
    /// First byte of its first extent.
    start: u64,
}

impl Group {
    /// Reads a group from its text.
    pub(super) fn read(text: &str) -> Result<Self, Why> {
        let damaged = || Why::Damaged("its metadata cannot be understood".to_owned());
        let all = text::parse(text).ok_or_else(damaged)?;
        let (name, section) = all
            .into_iter()
            .find_map(|(key, value)| match value {
                Value::Section(section) => Some((key, section)),
                _ => None,
            })
            .ok_or_else(damaged)?;
        Ok(Self {
            id: string(&section, "id").ok_or_else(damaged)?.to_owned(),
            sequence: number(&section, "seqno").ok_or_else(damaged)?,
            name,
            section,
        })
    }

    /// Its visible logical volumes. `disks` are the physical volumes, by their ids without hyphens.
    pub(super) fn volumes(&self, disks: &BTreeMap<String, Shared>) -> Vec<Volume> {
        let members = self.members();
        let nothing = Section::new();
        let volumes = sub(&self.section, "logical_volumes").unwrap_or(&nothing);
        let cow = copies_on_write(volumes);
        let visible = volumes.iter().filter_map(|(name, value)| Some((name, value.section()?)));
        visible
            .filter(|(_, volume)| status(volume).any(|word| word == "VISIBLE"))
            .take(VOLUMES)
            .map(|(name, volume)| {
                let full = format!("{}/{name}", self.name);
                let mapped = match cow.get(name.as_str()) {
                    Some(kind) => Err(Why::Feature((*kind).to_owned())),
                    None => self.map(volume, &members, disks),
                };
                let bytes = mapped.map(|mapped| Arc::new(mapped) as Shared).map_err(|why| {
                    Unreadable::new(format!("logical volume {full}"), What::LvmVolume, why)
                });
                Volume { name: full, bytes }
            })
            .collect()
    }

    fn members(&self) -> HashMap<&str, Member> {
        let members = sub(&self.section, "physical_volumes").into_iter().flatten();
        members
            .filter_map(|(key, value)| {
                let member = value.section()?;
                let id = string(member, "id")?.replace('-', "");
                let start = number(member, "pe_start")?.checked_mul(SECTOR)?;
                Some((key.as_str(), Member { id, start }))
            })
            .collect()
    }

    /// The runs of a volume, in its own order.
    fn map(
        &self,
        volume: &Section,
        members: &HashMap<&str, Member>,
        disks: &BTreeMap<String, Shared>,
    ) -> Result<Mapped, Why> {
        let damaged = || Why::Damaged("its metadata do not fit together".to_owned());
        let extent = number(&self.section, "extent_size")
            .and_then(|sectors| sectors.checked_mul(SECTOR))
            .filter(|extent| *extent > 0)
            .ok_or_else(damaged)?;
        let count = number(volume, "segment_count").ok_or_else(damaged)?;
        if count > SEGMENTS {
            return Err(Why::TooLarge(format!("{count} segments")));
        }
        let mut runs = Vec::new();
        for index in 1..=count {
            let segment = sub(volume, &format!("segment{index}")).ok_or_else(damaged)?;
            linear(segment)?;
            let stripes = segment.get("stripes").map_or(&[][..], Value::list);
            let [Value::Text(member), Value::Number(at)] = stripes else { return Err(damaged()) };
            let member = members.get(member.as_str()).ok_or_else(damaged)?;
            let disk = disks.get(&member.id).ok_or_else(|| {
                Why::Incomplete(format!("the physical volume {}", member.id.escape_debug()))
            })?;
            let bytes =
                |extents: Option<u64>| extents.and_then(|extents| extents.checked_mul(extent));
            let at = bytes(u64::try_from(*at).ok()).and_then(|at| at.checked_add(member.start));
            runs.push(Run {
                start: bytes(number(segment, "start_extent")).ok_or_else(damaged)?,
                size: bytes(number(segment, "extent_count")).ok_or_else(damaged)?,
                disk: Arc::clone(disk),
                at: at.ok_or_else(damaged)?,
            });
        }
        Mapped::new(runs).ok_or_else(damaged)
    }
}

/// Is a segment one run on one physical volume? Says what it is otherwise.
fn linear(segment: &Section) -> Result<(), Why> {
    let kind = string(segment, "type").unwrap_or("no type");
    let stripes = number(segment, "stripe_count").unwrap_or(1);
    match kind {
        "linear" => Ok(()),
        "striped" if stripes == 1 => Ok(()),
        "striped" => Err(Why::Feature(format!("striping over {stripes} physical volumes"))),
        "thin" | "thin-pool" => Err(Why::Feature("thin provisioning".to_owned())),
        "cache" | "cache-pool" | "writecache" => Err(Why::Feature("a cache".to_owned())),
        "snapshot" => Err(Why::Feature("snapshots".to_owned())),
        "mirror" | "raid1" => Err(Why::Feature("mirroring".to_owned())),
        raid if raid.starts_with("raid") => Err(Why::Feature("RAID".to_owned())),
        "vdo" | "vdo-pool" => Err(Why::Feature("deduplication (VDO)".to_owned())),
        other => Err(Why::Feature(format!("segments of type `{}`", other.escape_debug()))),
    }
}

/// Volumes that hold the changed blocks of a snapshot, and look like ordinary ones.
fn copies_on_write(volumes: &Section) -> HashMap<&str, &'static str> {
    let segments = volumes
        .values()
        .filter_map(Value::section)
        .flat_map(Section::values)
        .filter_map(Value::section);
    segments.filter_map(|segment| Some((string(segment, "cow_store")?, "snapshots"))).collect()
}

fn status(volume: &Section) -> impl Iterator<Item = &str> {
    volume.get("status").map_or(&[][..], Value::list).iter().filter_map(Value::text)
}

fn sub<'s>(section: &'s Section, key: &str) -> Option<&'s Section> {
    section.get(key)?.section()
}

fn string<'s>(section: &'s Section, key: &str) -> Option<&'s str> {
    section.get(key)?.text()
}

fn number(section: &Section, key: &str) -> Option<u64> {
    section.get(key)?.number()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A group on one disk of 16 sectors, in extents of one sector, with these segments of a volume.
    fn read(segments: &str) -> Vec<String> {
        let text = format!(
            "the-group {{ id = \"g\" seqno = 1 extent_size = 1\n\
             physical_volumes {{ pv0 {{ id = \"a-b\" pe_start = 2 }} pv1 {{ id = \"c\" pe_start = 2 }} }}\n\
             logical_volumes {{ root {{ status = [\"READ\", \"VISIBLE\"] {segments} }}\n\
             hidden {{ status = [\"READ\"] segment_count = 0 }} }} }}\nversion = 1\n"
        );
        let disk: Shared = Arc::new((0..16_u8).flat_map(|n| [n; 512]).collect::<Vec<u8>>());
        let disks = BTreeMap::from([("ab".to_owned(), disk)]);
        let group = Group::read(&text).unwrap();
        let told = group.volumes(&disks).into_iter().map(|volume| match volume.bytes {
            Ok(bytes) => {
                let mut all = vec![0; usize::try_from(bytes.size()).unwrap()];
                let read = bytes.read_at(0, &mut all);
                let sectors: Vec<_> = all.chunks(512).map(|sector| sector[0]).collect();
                format!("{}: {sectors:?} {:?}", volume.name, read.map_err(|error| error.kind()))
            }
            Err(unreadable) => unreadable.to_string(),
        });
        told.collect()
    }

    /// A segment of a volume.
    fn segment(number: u32, start: u64, count: u64, rest: &str) -> String {
        format!("segment{number} {{ start_extent = {start} extent_count = {count} {rest} }}")
    }

    #[test]
    fn volumes_are_put_together_or_named() {
        let striped =
            |stripes: &str| format!("type = \"striped\" stripe_count = 1 stripes = [{stripes}]");
        let of_type = |kind: &str| {
            format!("segment_count = 1 {}", segment(1, 0, 2, &format!("type = \"{kind}\"")))
        };
        let cases = [
            format!(
                "segment_count = 2 {} {}",
                segment(2, 2, 1, &striped("\"pv0\", 0")),
                segment(1, 0, 2, &striped("\"pv0\", 4"))
            ),
            format!("segment_count = 1 {}", segment(1, 0, 2, &striped("\"pv1\", 4"))),
            format!("segment_count = 1 {}", segment(1, 1, 2, &striped("\"pv0\", 4"))),
            format!("segment_count = 1 {}", segment(1, 0, 20, &striped("\"pv0\", 4"))),
            format!("segment_count = 1 {}", segment(1, 0, 1 << 62, &striped("\"pv0\", 4"))),
            format!(
                "segment_count = 1 {}",
                segment(
                    1,
                    0,
                    2,
                    "type = \"striped\" stripe_count = 2 stripes = [\"pv0\", 0, \"pv1\", 0]"
                )
            ),
            "segment_count = 9000000".to_owned(),
            "segment_count = 3".to_owned(),
            String::new(),
            of_type("thin"),
            of_type("thin-pool"),
            of_type("cache"),
            of_type("raid1"),
            of_type("raid5_ls"),
            of_type("snapshot"),
            of_type("vdo"),
            of_type("integrity"),
        ];
        let told: Vec<_> = cases.iter().flat_map(|case| read(case)).collect();
        insta::assert_snapshot!(told.join("\n"), @"
        the-group/root: [6, 7, 2] Ok(())
        logical volume the-group/root: the LVM2 volume is not complete: the physical volume c is not on this disk
        logical volume the-group/root: the LVM2 volume is damaged: its metadata do not fit together
        the-group/root: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] Err(UnexpectedEof)
        logical volume the-group/root: the LVM2 volume is damaged: its metadata do not fit together
        logical volume the-group/root: the LVM2 volume uses striping over 2 physical volumes, which goldsmith cannot read
        logical volume the-group/root: the LVM2 volume is larger than goldsmith accepts: 9000000 segments
        logical volume the-group/root: the LVM2 volume is damaged: its metadata do not fit together
        logical volume the-group/root: the LVM2 volume is damaged: its metadata do not fit together
        logical volume the-group/root: the LVM2 volume uses thin provisioning, which goldsmith cannot read
        logical volume the-group/root: the LVM2 volume uses thin provisioning, which goldsmith cannot read
        logical volume the-group/root: the LVM2 volume uses a cache, which goldsmith cannot read
        logical volume the-group/root: the LVM2 volume uses mirroring, which goldsmith cannot read
        logical volume the-group/root: the LVM2 volume uses RAID, which goldsmith cannot read
        logical volume the-group/root: the LVM2 volume uses snapshots, which goldsmith cannot read
        logical volume the-group/root: the LVM2 volume uses deduplication (VDO), which goldsmith cannot read
        logical volume the-group/root: the LVM2 volume uses segments of type `integrity`, which goldsmith cannot read
        ");
    }

    #[test]
    fn what_a_snapshot_has_copied_is_no_volume() {
        let text = "g { id = \"g\" seqno = 1 extent_size = 1 physical_volumes { } logical_volumes {\n\
            cow { status = [\"VISIBLE\"] segment_count = 0 }\n\
            snapshot0 { segment_count = 1 segment1 { type = \"snapshot\" origin = \"root\" cow_store = \"cow\" } } } }";
        let volumes = Group::read(text).unwrap().volumes(&BTreeMap::new());
        let told: Vec<_> = volumes.into_iter().filter_map(|volume| volume.bytes.err()).collect();
        insta::assert_debug_snapshot!(told.iter().map(ToString::to_string).collect::<Vec<_>>(), @r#"
        [
            "logical volume g/cow: the LVM2 volume uses snapshots, which goldsmith cannot read",
        ]
        "#);
    }
}
