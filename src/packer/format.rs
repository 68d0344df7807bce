//! `packer fmt`: where files are not written as Packer would write them.
//!
//! It prints on standard output, whatever `-machine-readable` says: for each file its path, then with
//! `-diff` what the program `diff -u` says of it (hcl2template/formatter.go).

use camino::{Utf8Path, Utf8PathBuf};

use super::build::Packer;
use crate::process::{Cancellation, ChildEnvironment, Command, ProcessError};

/// Lines that Packer would write otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unformatted {
    /// The file, as Packer was given it or its folder.
    pub file: String,
    /// The first of the lines, from 1.
    pub line: usize,
    /// How many they are; 0 if something is missing before `line`.
    pub lines: usize,
    /// What would stand there.
    pub wanted: Vec<String>,
}

impl Packer {
    /// Where the files that Packer reads at `path` (a folder or a file, absolute) are not in its
    /// form. Files with errors are passed over.
    pub async fn unformatted(
        &self,
        path: &Utf8Path,
        cancellation: &Cancellation,
    ) -> Result<Vec<Unformatted>, ProcessError> {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
        let name = if path.is_dir() { "." } else { path.file_name().unwrap_or(".") };
        let name = if name.starts_with('-') { format!("./{name}") } else { name.to_owned() };
        let command = Command::new(&self.tool.path, format!("check the form of `{path}`"))
            .arguments(["fmt", "-check", "-diff", &name])
            .environment(
                ChildEnvironment::allowed(&self.environment)
                    .set("CHECKPOINT_DISABLE", "1")
                    .set("LC_ALL", "C"),
            )
            .directory(folder);
        let mut lines = Vec::new();
        let finished = self
            .launcher
            .run(&command, cancellation, |line| {
                if !line.continues && lines.len() < MAX_LINES {
                    lines.push(String::from_utf8_lossy(line.bytes).into_owned());
                }
            })
            .await?;
        match finished.success() {
            Err(error @ ProcessError::Cancelled { .. }) => Err(error),
            // Status 3 says that something was found; 1, that some file has errors.
            _ => Ok(parse(&lines).map(|found| found.below(folder)).collect()),
        }
    }
}

/// How much of a difference is read.
const MAX_LINES: usize = 20_000;

impl Unformatted {
    fn below(mut self, folder: &Utf8Path) -> Self {
        self.file = Utf8PathBuf::from(folder).join(&self.file).to_string();
        self
    }
}

/// Every change in a unified difference: runs of lines that are replaced.
fn parse(lines: &[String]) -> impl Iterator<Item = Unformatted> {
    let mut found: Vec<Unformatted> = Vec::new();
    let (mut file, mut line, mut open) = (None, 0, false);
    for text in lines {
        if let Some(path) = text.strip_prefix("--- old/") {
            (file, line, open) = (Some(path), 0, false);
            continue;
        }
        if text.starts_with("+++ new/") {
            continue;
        }
        if let Some(start) = hunk(text) {
            (line, open) = (start, false);
            continue;
        }
        let Some(file) = file.filter(|_| line > 0) else {
            continue;
        };
        let (removed, added) = (text.strip_prefix('-'), text.strip_prefix('+'));
        if removed.is_none() && added.is_none() {
            open = false;
            // A line without a mark is the path of the next file, and no part of this one.
            line += usize::from(text.starts_with(' '));
            continue;
        }
        if !open {
            found.push(Unformatted { file: file.to_owned(), line, lines: 0, wanted: Vec::new() });
            open = true;
        }
        let change = found.last_mut().expect("one has been pushed, or is open");
        change.wanted.extend(added.map(str::to_owned));
        change.lines += usize::from(removed.is_some());
        line += usize::from(removed.is_some());
    }
    found.into_iter()
}

/// The first old line of a hunk: `@@ -1,6 +1,6 @@`.
fn hunk(text: &str) -> Option<usize> {
    let old = text.strip_prefix("@@ -")?.split([' ', ',']).next()?;
    old.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_has_its_place() {
        let diff = "\
a.pkr.hcl
--- old/a.pkr.hcl
+++ new/a.pkr.hcl
@@ -1,6 +1,6 @@
 variable \"x\" {
-  default=\"a\"
- type = string
+  default = \"a\"
+  type    = string
 }
 source \"null\" \"n\" {
   communicator = \"none\"
@@ -9,7 +9,8 @@
 
 build {
+
   sources = [\"null.n\"]
-   provisioner \"shell-local\" {
+  provisioner \"shell-local\" {
   }
 }
v.pkrvars.hcl
--- old/v.pkrvars.hcl
+++ new/v.pkrvars.hcl
@@ -1 +1 @@
-x=\"y\"
+x = \"y\"
";
        let lines: Vec<String> = diff.lines().map(str::to_owned).collect();
        let told = parse(&lines).map(|found| {
            format!("{}:{}+{} {:?}", found.file, found.line, found.lines, found.wanted)
        });
        insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @r#"
        a.pkr.hcl:2+2 ["  default = \"a\"", "  type    = string"]
        a.pkr.hcl:11+0 [""]
        a.pkr.hcl:12+1 ["  provisioner \"shell-local\" {"]
        v.pkrvars.hcl:1+1 ["x = \"y\""]
        "#);
        let garbage =
            ["@@ -x", "--- old/f", "@@ -99999999999999999999 +1 @@", "-", "+++ new/", "+a"];
        assert_eq!(parse(&garbage.map(str::to_owned)).count(), 0);
    }
}
