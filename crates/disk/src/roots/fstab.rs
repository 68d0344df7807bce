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

/// A line that mounts files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) device: String,
    pub(super) path: String,
    pub(super) kind: String,
    pub(super) options: Vec<String>,
}

impl Line {
    /// The value of an option: `subvol`.
    pub(super) fn option(&self, name: &str) -> Option<&str> {
        self.options.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
    }
}

/// The lines that mount files at boot, besides `/`; mount points before what is mounted in them.
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
    let options: Vec<String> =
        fields.next().unwrap_or_default().split(',').map(str::to_owned).collect();
    let has = |name: &str| options.iter().any(|option| option == name);
    let virtual_files = VIRTUAL.contains(&kind) || kind.starts_with("fuse");
    let elsewhere = has("bind") || has("rbind") || has("noauto");
    if virtual_files || elsewhere || !path.starts_with('/') || path.trim_matches('/').is_empty() {
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
    fn lines_that_mount_files_are_kept_in_the_order_of_mounting() {
        let text = b"# comment\nUUID=1 / ext4 defaults 0 1\nLABEL=\"a\\040b\" /var/log\\040s xfs defaults\n\
            /dev/vg/var /var ext4\nUUID=2 /x btrfs subvol=@x,noatime\ntmpfs /tmp tmpfs\n/a /b none bind\n\
            PARTLABEL=u /usr erofs noauto\nUUID=3 none swap sw\n";
        insta::assert_debug_snapshot!(parse(text), @r#"
        [
            Line {
                device: "/dev/vg/var",
                path: "/var",
                kind: "ext4",
                options: [
                    "",
                ],
            },
            Line {
                device: "UUID=2",
                path: "/x",
                kind: "btrfs",
                options: [
                    "subvol=@x",
                    "noatime",
                ],
            },
            Line {
                device: "LABEL=a b",
                path: "/var/log s",
                kind: "xfs",
                options: [
                    "defaults",
                ],
            },
        ]
        "#);
    }
}
