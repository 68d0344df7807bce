//! The system itself.

use super::{Case, Check, Outcome, count, is_machine, line, none_of};
use crate::model::FileFact;

pub(super) const CHECKS: &[(&str, Check)] = &[
    ("world-writable", world_writable),
    ("unexpected-setuid", unexpected_setuid),
    ("fstab-device", fstab_device),
    ("image-size", image_size),
];

/// Where the system's own files lie.
const SYSTEM: [&str; 9] =
    ["/bin/", "/boot/", "/etc/", "/lib", "/opt/", "/root/", "/sbin/", "/usr/", "/var/"];

/// Programs that distributions give the rights of their owner or group, by name.
const USUAL: &[&str] = &[
    "Xorg.wrap",
    "arping",
    "at",
    "bbsuid",
    "bsd-write",
    "chage",
    "chfn",
    "chrome-sandbox",
    "chsh",
    "cockpit-session",
    "crontab",
    "dbus-daemon-launch-helper",
    "doas",
    "dotlockfile",
    "exim4",
    "expiry",
    "fusermount",
    "fusermount3",
    "gpasswd",
    "grub2-set-bootflag",
    "ksu",
    "lockdev",
    "locate",
    "mlocate",
    "mount",
    "mount.cifs",
    "mount.nfs",
    "mount.nfs4",
    "mtr-packet",
    "netreport",
    "newgidmap",
    "newgrp",
    "newuidmap",
    "ntfs-3g",
    "pam_extrausers_chkpwd",
    "pam_timestamp_check",
    "passwd",
    "ping",
    "ping6",
    "pkexec",
    "plocate",
    "polkit-agent-helper-1",
    "postdrop",
    "postqueue",
    "pppd",
    "sg",
    "snap-confine",
    "ssh-agent",
    "ssh-keysign",
    "staprun",
    "su",
    "sudo",
    "sudoedit",
    "suexec",
    "traceroute6.iputils",
    "umount",
    "umount.nfs",
    "umount.nfs4",
    "unix2_chkpwd",
    "unix_chkpwd",
    "userhelper",
    "usernetctl",
    "utempter",
    "vmware-user-suid-wrapper",
    "wall",
    "write",
    "write.ul",
];

fn world_writable(case: &Case<'_>) -> Outcome {
    let ours = |file: &&FileFact| {
        let path = &file.path;
        SYSTEM.iter().any(|place| path.starts_with(place)) && !path.starts_with("/var/tmp")
    };
    let found = case.evidence.facts.world_writable.as_ref();
    none_of(found.map(|found| found.iter().filter(ours)), |number, first| {
        format!("everybody can write to {} of the system: {first}", count(number, "file"))
    })
}

fn unexpected_setuid(case: &Case<'_>) -> Outcome {
    let usual = |path: &str| {
        let places = ["/bin/", "/sbin/", "/usr/", "/lib"];
        let (folder, name) = path.rsplit_once('/').unwrap_or_default();
        places.iter().any(|place| path.starts_with(place))
            && !folder.starts_with("/usr/local")
            && USUAL.contains(&name)
    };
    // Snaps bring a whole system each, of which nothing outside can be reached.
    let unusual = |file: &&FileFact| !usual(&file.path) && !file.path.starts_with("/snap/");
    let found = case.evidence.facts.set_id.as_ref();
    none_of(found.map(|found| found.iter().filter(unusual)), |number, first| {
        let verb = if number == 1 { "has" } else { "have" };
        format!("{} {verb} the rights of owner or group: {first}", count(number, "unusual program"))
    })
}

/// Whether the kernel chose this name of a disk.
fn is_device_name(device: &str) -> bool {
    let Some(name) = device.strip_prefix("/dev/") else { return false };
    ["sd", "vd", "xvd", "hd"].iter().any(|kind| {
        name.strip_prefix(kind)
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
    }) || name.starts_with("nvme")
        || name.starts_with("mmcblk")
}

fn fstab_device(case: &Case<'_>) -> Outcome {
    if !is_machine(case) {
        return Outcome::Kept;
    }
    let Some(lines) = &case.evidence.facts.fstab else { return Outcome::Unchecked };
    let found = lines.iter().find_map(|entry| {
        let device = entry.text.split(' ').next().filter(|device| is_device_name(device))?;
        Some((entry, device))
    });
    found.map_or(Outcome::Kept, |(entry, device)| {
        line(entry, format!("a file system is mounted by the name of its device: `{device}`"))
    })
}

fn image_size(case: &Case<'_>) -> Outcome {
    // Without a budget there is none to keep.
    let Some(most) = case.expected.max_size else { return Outcome::Kept };
    match case.expected.size {
        None => Outcome::Unchecked,
        Some(size) if size <= most => Outcome::Kept,
        Some(size) => Outcome::Broken {
            message: format!(
                "the image has {} MiB, {} MiB more than `max_size`",
                size >> 20,
                (size - most).div_ceil(1 << 20)
            ),
            places: Vec::new(),
        },
    }
}
