//! What `collect.sh` leaves in its parts.

use jiff::Timestamp;

use crate::model::Severity;

/// The longest text that is taken from a guest, in bytes.
const LONGEST: usize = 1024;
/// The most records that are kept of a part.
const MOST: usize = 20_000;

/// An update that a guest could have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The package, or the title of an update of Windows.
    pub package: String,
    /// The version that is installed; empty if none is, or nobody says.
    pub installed: String,
    /// The version that there is.
    pub available: String,
    /// How bad it is not to have it, as the package manager says: `security`, `Important`.
    pub severity: Option<String>,
    /// Since when there is the update, where the package manager says it.
    pub since: Option<Timestamp>,
}

impl Pending {
    /// Its severity in the words of findings; unknown where none is meant, or no single one.
    pub fn severity(&self) -> Severity {
        match self.severity.as_deref().map(str::to_ascii_lowercase).as_deref() {
            Some("critical") => Severity::Critical,
            Some("important" | "high") => Severity::High,
            Some("moderate" | "medium") => Severity::Medium,
            Some("low") => Severity::Low,
            _ => Severity::Unknown,
        }
    }
}

/// Reads the part `pending-updates`: a line each, of four fields with tabs between. Other lines are
/// none.
pub fn pending(text: &str) -> Vec<Pending> {
    let read = text.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let mut next = || fields.next().map(cut);
        let (package, installed, available, severity) = (next()?, next()?, next()?, next()?);
        let severity = Some(severity).filter(|it| !it.is_empty());
        let named = !package.is_empty();
        named.then_some(Pending { package, installed, available, severity, since: None })
    });
    read.take(MOST).collect()
}

/// How old the lists of packages are that a package manager has looked into for updates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lists {
    /// Fetched for this question.
    Fresh,
    /// Those of the image: as old as they may be.
    Image,
    /// There are none, or nobody says.
    #[default]
    None,
}

/// How the guest came to know its updates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Updates {
    /// The package manager that was asked.
    pub manager: Option<String>,
    /// What that has looked into.
    pub lists: Lists,
    /// With which code it ended.
    pub exit: Option<i32>,
    /// Whether it has answered. If not, that there are no updates means nothing.
    pub answered: bool,
    /// Why not.
    pub why: Option<String>,
}

/// Reads the part `tool`.
pub fn updates(text: &str) -> Updates {
    let mut updates = Updates::default();
    for (key, value) in text.lines().take(MOST).filter_map(|line| line.split_once(' ')) {
        match key {
            "manager" => updates.manager = Some(cut(value)),
            "lists" if value == "fresh" => updates.lists = Lists::Fresh,
            "lists" if value == "image" => updates.lists = Lists::Image,
            "exit" => updates.exit = value.parse().ok(),
            "answered" => updates.answered = value == "yes",
            "why" => updates.why = Some(cut(value)),
            _ => {}
        }
    }
    updates
}

/// Something that was not collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Why: `is larger than 64 MiB`.
    pub why: String,
    /// What: a path, as the guest names it.
    pub path: String,
}

/// Reads the part `left-out`: records that end with a NUL byte, of two fields with a tab between.
pub fn left_out(bytes: &[u8]) -> Vec<LeftOut> {
    let read = records(bytes).map(|record| {
        let record = String::from_utf8_lossy(record);
        let (why, path) = record.split_once('\t').unwrap_or(("is not understood", &record));
        LeftOut { why: cut(why), path: cut(path) }
    });
    read.take(MOST).collect()
}

/// A file of the guest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// What it is.
    pub kind: Kind,
    /// Permissions with set-user-ID, set-group-ID and the sticky bit.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Absolute; any bytes but NUL.
    pub path: &'a [u8],
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the seven of Unix")]
pub enum Kind {
    File,
    Folder,
    Link,
    BlockDevice,
    CharacterDevice,
    Pipe,
    Socket,
}

/// Reads the part `files.tsv`: records that end with a NUL byte, of six fields with tabs between. None
/// for a record that is not understood: the last one may be cut off.
pub fn files(bytes: &[u8]) -> impl Iterator<Item = Option<Listed<'_>>> {
    records(bytes).map(listed)
}

fn listed(record: &[u8]) -> Option<Listed<'_>> {
    let mut fields = record.splitn(6, |byte| *byte == b'\t');
    let kind = fields.next().and_then(kind)?;
    let mut next = || std::str::from_utf8(fields.next()?).ok();
    let mode = u32::from_str_radix(next()?, 8).ok().filter(|mode| *mode <= 0o7777)?;
    let (uid, gid) = (next()?.parse().ok()?, next()?.parse().ok()?);
    let size = next()?.parse().ok()?;
    let path = fields.next().filter(|path| path.starts_with(b"/"))?;
    Some(Listed { kind, mode, uid, gid, size, path })
}

/// As find has it, in a letter; or as stat, in words.
fn kind(text: &[u8]) -> Option<Kind> {
    match text {
        b"f" | b"regular file" | b"regular empty file" => Some(Kind::File),
        b"d" | b"directory" => Some(Kind::Folder),
        b"l" | b"symbolic link" => Some(Kind::Link),
        b"b" | b"block special file" => Some(Kind::BlockDevice),
        b"c" | b"character special file" => Some(Kind::CharacterDevice),
        b"p" | b"fifo" => Some(Kind::Pipe),
        b"s" | b"socket" => Some(Kind::Socket),
        _ => None,
    }
}

/// What ends with NUL bytes, and what stands behind the last of them.
fn records(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ended = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    ended.split(|byte| *byte == 0).filter(|record| !record.is_empty())
}

pub(super) fn cut(text: &str) -> String {
    text[..text.floor_char_boundary(LONGEST)].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn updates_are_read_with_how_they_are_known() {
        let text =
            "libc6\t2.36-9\t2.36-9+deb12u9\tsecurity\nlinux-image\t\t6.1\t\nnothing\n\t\t\t\n";
        insta::assert_debug_snapshot!(pending(text), @r#"
        [
            Pending {
                package: "libc6",
                installed: "2.36-9",
                available: "2.36-9+deb12u9",
                severity: Some(
                    "security",
                ),
                since: None,
            },
            Pending {
                package: "linux-image",
                installed: "",
                available: "6.1",
                severity: None,
                since: None,
            },
        ]
        "#);
        let text =
            "manager apt\nlists image\nexit 100\nanswered no\nwhy E: no network\nmore\nx y\n";
        insta::assert_debug_snapshot!(updates(text), @r#"
        Updates {
            manager: Some(
                "apt",
            ),
            lists: Image,
            exit: Some(
                100,
            ),
            answered: false,
            why: Some(
                "E: no network",
            ),
        }
        "#);
        let rated = ["Critical", "important", "security", ""].map(|severity| {
            let line = format!("a\t1\t2\t{severity}\n");
            pending(&line)[0].severity().as_str()
        });
        assert_eq!(rated, ["CRITICAL", "HIGH", "UNKNOWN", "UNKNOWN"]);
    }

    #[test]
    fn files_and_what_is_left_out_may_have_any_names() {
        let text = b"f\t4755\t0\t0\t70\t/usr/bin/a\nb\tc\0regular empty file\t644\t1\t2\t0\t/\xff\0f\t9\t0\t0\t0\t/x\0d\t755\t0\t0\t4096";
        let read: Vec<_> = files(text).collect();
        let file = |mode, (uid, gid), size, path| {
            Some(Listed { kind: Kind::File, mode, uid, gid, size, path })
        };
        assert_eq!(
            read,
            [
                file(0o4755, (0, 0), 70, b"/usr/bin/a\nb\tc"),
                file(0o644, (1, 2), 0, b"/\xff"),
                None,
                None,
            ]
        );
        let read = left_out(b"may not be read\t./etc/a\nb\0odd\0");
        let read: Vec<_> = read.iter().map(|it| (it.why.as_str(), it.path.as_str())).collect();
        assert_eq!(read, [("may not be read", "./etc/a\nb"), ("is not understood", "odd")]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_and_no_more_than_they_say(
            bytes in prop::collection::vec(
                prop_oneof![prop::sample::select(b"\0\t\n 0fd/".to_vec()), any::<u8>()], 0..300,
            ),
        ) {
            let text = String::from_utf8_lossy(&bytes);
            prop_assert!(pending(&text).len() <= text.lines().count());
            prop_assert!(files(&bytes).count() <= bytes.split(|byte| *byte == 0).count());
            let told: usize = left_out(&bytes).iter().map(|it| it.path.len()).sum();
            prop_assert!(told <= 3 * bytes.len());
            updates(&text);
        }
    }

    #[test]
    fn much_is_cut() {
        let long = "ü".repeat(LONGEST);
        let text = format!("{long}\t1\t2\t\n").repeat(2);
        assert_eq!(pending(&text)[0].package.len(), LONGEST);
        assert_eq!(pending(&"a\t1\t2\t\n".repeat(MOST + 1)).len(), MOST);
    }
}
