//! fstab(5): what a system mounts.

/// Lines that are looked at.
const LINES: usize = 256;
/// File systems that hold no files of the disk.
const VIRTUAL: &[&str] = &[
    "swap",
    "proc",
    "sysfs",
    "tmpfs",
    "devtmpfs",
    "devpts",
    "efivarfs",
    "securityfs",
    "cgroup",
    "cgroup2",
    "debugfs",
    "tracefs",
    "configfs",
    "hugetlbfs",
    "mqueue",
    "bpf",
    "ramfs",
    "none",
    "overlay",
    "9p",
    "virtiofs",
    "vboxsf",
];

/// A line that mounts files, or says that something else does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) device: String,
    pub(super) path: String,
    pub(super) kind: String,
    pub(super) options: Vec<String>,
}

/// What a line mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mounts {
    /// A file system of a disk.
    Device,
    /// A folder of the same system.
    Folder,
    /// Nothing that is on a disk, or nothing at boot.
    Nothing,
}

impl Line {
    /// The value of an option: `subvol`.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|option| option == name)
    }

    pub(super) fn mounts(&self) -> Mounts {
        let on_access = self.has("x-systemd.automount") || self.has("comment=systemd.automount");
        let running = ["/dev/", "/proc/", "/run/", "/sys/"];
        if self.has("noauto") && !on_access {
            Mounts::Nothing
        } else if self.has("bind") || self.has("rbind") {
            let made = running.iter().any(|folder| self.device.starts_with(folder));
            if made { Mounts::Nothing } else { Mounts::Folder }
        } else if VIRTUAL.contains(&self.kind.as_str()) || self.kind.starts_with("fuse") {
            Mounts::Nothing
        } else {
            Mounts::Device
        }
    }
}

/// The lines for all places but `/`; mount points before what is mounted in them.
pub(super) fn parse(text: &[u8]) -> Vec<Line> {
    let text = String::from_utf8_lossy(text);
    let mut lines: Vec<Line> = text.lines().filter_map(line).take(LINES).collect();
    // Stable: of two lines for one place the last is what is seen.
    lines.sort_by_key(|line| line.path.matches('/').count());
    lines
}

fn line(text: &str) -> Option<Line> {
    let mut fields = text.split_ascii_whitespace();
    let device = fields.next().filter(|device| !device.starts_with('#'))?;
    let (path, kind) = (unescape(fields.next()?), fields.next()?);
    let options = fields.next().unwrap_or_default().split(',').map(str::to_owned).collect();
    if !path.starts_with('/') || path.trim_matches('/').is_empty() {
        return None;
    }
    Some(Line { device: unquote(&unescape(device)), path, kind: kind.to_owned(), options })
}

/// `LABEL="a b"`, as libmount has it.
fn unquote(device: &str) -> String {
    device.replace(['"', '\''], "")
}

/// `\040` is a space.
fn unescape(field: &str) -> String {
    let mut parts = field.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|code| u8::from_str_radix(code, 8).ok());
        match code {
            Some(code) if code.is_ascii() => {
                text.push(code.into());
                text.push_str(&part[3..]);
            }
            _ => {
                text.push('\\');
                text.push_str(part);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_the_order_of_mounting_with_what_they_mount() {
        let text = b"# comment\nUUID=1 / ext4 defaults 0 1\nLABEL=\"a\\040b\" /var/log\\040s xfs defaults\n\
            /dev/vg/var /var ext4\nUUID=2 /x btrfs subvol=@x,noatime\ntmpfs /tmp tmpfs\n/a /b none bind\n\
            /run/a /c none rbind\nPARTLABEL=u /usr erofs noauto\nUUID=3 none swap sw\n\
            UUID=4 /srv xfs noauto,x-systemd.automount\n";
        let lines = parse(text);
        let told = lines.iter().map(|line| {
            format!("{} at {}: {:?} {:?}", line.device, line.path, line.mounts(), line.options)
        });
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
        /dev/vg/var at /var: Device [""]
        UUID=2 at /x: Device ["subvol=@x", "noatime"]
        tmpfs at /tmp: Nothing [""]
        /a at /b: Folder ["bind"]
        /run/a at /c: Nothing ["rbind"]
        PARTLABEL=u at /usr: Nothing ["noauto"]
        UUID=4 at /srv: Device ["noauto", "x-systemd.automount"]
        LABEL=a b at /var/log s: Device ["defaults"]
        "#);
        assert_eq!(lines[1].option("subvol"), Some("@x"));
    }
}
