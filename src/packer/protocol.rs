//! Packer's machine-readable lines: `timestamp,target,type,data…`, one message a line.
//!
//! Format: `packer/ui.go` (MachineReadableUi). In the data, a comma is written `%!(PACKER_COMMA)`, a
//! line feed `\n` and a carriage return `\r` (two characters each). Backslashes are not escaped, so
//! decoding `\n` is a guess: good enough to show, never to compare.

use std::borrow::Cow;

const COMMA: &str = "%!(PACKER_COMMA)";

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// What people would see. `target` is always empty; the build stands in the text. Error level
    /// is no failure: a guest's standard error arrives so.
    Ui {
        /// How it was said.
        level: Level,
        /// What was said.
        text: Text<'a>,
    },
    /// How many builds failed. Only at the end, only if some did.
    ErrorCount(usize),
    /// A build failed. Only at the end.
    Error {
        /// The build.
        build: Cow<'a, str>,
        /// Why.
        text: Text<'a>,
    },
    /// How many artifacts a successful build has. Only at the end.
    ArtifactCount {
        /// The build.
        build: Cow<'a, str>,
        /// How many.
        count: usize,
    },
    /// One fact about an artifact.
    Artifact {
        /// The build.
        build: Cow<'a, str>,
        /// Which of its artifacts, from zero.
        index: usize,
        /// The fact.
        field: ArtifactField<'a>,
    },
    /// The version of Packer: `packer version`.
    Version(Cow<'a, str>),
    /// A message that nothing here depends on.
    Other,
}

/// How a text was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Said by Packer.
    Say,
    /// Said by a plugin, before Packer 1.13.
    Message,
    /// Said on standard error.
    Error,
}

/// One fact about an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArtifactField<'a> {
    /// What made it: `transcend.qemu`.
    BuilderId(Cow<'a, str>),
    /// Its id, in the builder's own terms.
    Id(Cow<'a, str>),
    /// A sentence about it.
    Description(Text<'a>),
    /// How many files it has.
    FilesCount(usize),
    /// One of its files.
    File(Cow<'a, str>),
    /// There is no artifact after all.
    Nil,
    /// All has been said about it.
    End,
}

/// A text as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// The text with its commas: what may be compared.
    pub fn matchable(self) -> Cow<'a, str> {
        field(self.0)
    }

    /// The text in lines, for people: where it had line feeds, and by mistake where it had a
    /// backslash and an `n`.
    pub fn lines(self) -> Vec<String> {
        self.matchable()
            .split(r"\n")
            .map(|line| line.strip_suffix(r"\r").unwrap_or(line).to_owned())
            .collect()
    }
}

fn field(data: &str) -> Cow<'_, str> {
    if data.contains(COMMA) { Cow::Owned(data.replace(COMMA, ",")) } else { Cow::Borrowed(data) }
}

impl<'a> Message<'a> {
    /// Reads one line; nothing if it is no machine-readable line at all.
    pub fn parse(line: &'a str) -> Option<Self> {
        let mut parts = line.splitn(4, ',');
        let timestamp = parts.next()?;
        if timestamp.is_empty() || !timestamp.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let target = parts.next()?;
        let kind = parts.next()?;
        let data: Vec<&str> = parts.next().map_or(Vec::new(), |rest| rest.split(',').collect());
        Some(Self::of(target, kind, &data).unwrap_or(Self::Other))
    }

    fn of(target: &'a str, kind: &str, data: &[&'a str]) -> Option<Self> {
        let build = field(target);
        Some(match (kind, data) {
            ("ui", [level, text]) => Self::Ui {
                level: match *level {
                    "say" => Level::Say,
                    "message" => Level::Message,
                    "error" => Level::Error,
                    _ => return None,
                },
                text: Text(text),
            },
            ("error-count", [count]) => Self::ErrorCount(count.parse().ok()?),
            ("error", [text]) => Self::Error { build, text: Text(text) },
            ("artifact-count", [count]) => {
                Self::ArtifactCount { build, count: count.parse().ok()? }
            }
            ("artifact", [index, rest @ ..]) => Self::Artifact {
                build,
                index: index.parse().ok()?,
                field: ArtifactField::of(rest)?,
            },
            ("version", [version]) => Self::Version(field(version)),
            _ => return None,
        })
    }
}

impl<'a> ArtifactField<'a> {
    fn of(data: &[&'a str]) -> Option<Self> {
        Some(match data {
            ["builder-id", id] => Self::BuilderId(field(id)),
            ["id", id] => Self::Id(field(id)),
            ["string", text] => Self::Description(Text(text)),
            ["files-count", count] => Self::FilesCount(count.parse().ok()?),
            ["file", _, path] => Self::File(field(path)),
            ["nil"] => Self::Nil,
            ["end"] => Self::End,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_is_read() {
        let read: Vec<_> = [
            "1795430916,,ui,say,==> file.disk: one%!(PACKER_COMMA) two",
            "1795430916,,ui,error,==> file.disk: err",
            "1795430917,,error-count,1",
            "1795430917,blk.null.n,error,Script exited with non-zero exit status: 3. Allowed exit codes are: [0]",
            "1795430916,file.disk,artifact-count,1",
            "1795430916,file.disk,artifact,0,builder-id,packer.file",
            "1795430916,file.disk,artifact,0,file,0,out/a%!(PACKER_COMMA)b.raw",
            "1795430916,file.disk,artifact,0,nil",
            "1795430916,file.disk,artifact,0,end",
            "1795433120,,version,1.16.0",
            "1795433120,,version-prelease,",
            "1795433120,,ui,whisper,x",
            "1795433120,file.disk,artifact,x,end",
            "panic: runtime error",
            "Error loading configuration: ",
            "",
        ]
        .iter()
        .map(|line| format!("{:?}", Message::parse(line)))
        .collect();
        insta::assert_snapshot!(read.join("\n"), @r#"
        Some(Ui { level: Say, text: Text("==> file.disk: one%!(PACKER_COMMA) two") })
        Some(Ui { level: Error, text: Text("==> file.disk: err") })
        Some(ErrorCount(1))
        Some(Error { build: "blk.null.n", text: Text("Script exited with non-zero exit status: 3. Allowed exit codes are: [0]") })
        Some(ArtifactCount { build: "file.disk", count: 1 })
        Some(Artifact { build: "file.disk", index: 0, field: BuilderId("packer.file") })
        Some(Artifact { build: "file.disk", index: 0, field: File("out/a,b.raw") })
        Some(Artifact { build: "file.disk", index: 0, field: Nil })
        Some(Artifact { build: "file.disk", index: 0, field: End })
        Some(Version("1.16.0"))
        Some(Other)
        Some(Other)
        Some(Other)
        None
        None
        None
        "#);
    }

    #[test]
    fn decoding_is_for_people_only() {
        let line = r"1,,ui,say,==> n: a%!(PACKER_COMMA) b\r\n==> n: C:\new\repo";
        let Some(Message::Ui { text, .. }) = Message::parse(line) else {
            panic!("a ui message");
        };
        assert_eq!(text.matchable(), r"==> n: a, b\r\n==> n: C:\new\repo");
        assert_eq!(text.lines(), ["==> n: a, b", "==> n: C:", r"ew\repo"]);
    }

    #[test]
    fn a_guest_cannot_speak_for_packer() {
        // A guest printed a whole protocol line, then a backslash and an `n` before the closing words.
        let line = r"1,,ui,say,==> n: 1%!(PACKER_COMMA)n%!(PACKER_COMMA)artifact-count%!(PACKER_COMMA)1\n==> Builds finished";
        assert!(matches!(Message::parse(line), Some(Message::Ui { .. })));
    }
}
