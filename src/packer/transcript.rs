//! What Packer has said so far, as far as it decides how the build went. Memory stays small,
//! however much is said.

use std::collections::BTreeMap;

use super::problem::Problem;
use super::protocol::{ArtifactField, Level, Message, Text};

/// How many problems and refusals are kept; the log has them all.
const KEPT: usize = 50;

/// What Packer has said so far.
#[derive(Debug, Default)]
pub struct Transcript {
    /// Packer said that it waited for all builds.
    pub(super) waited: bool,
    /// Packer said the last words that it has: about artifacts.
    pub(super) closed: bool,
    /// Packer received a signal to stop.
    pub(super) told_to_stop: bool,
    /// Problems of the template.
    pub(super) problems: Vec<Problem>,
    /// Errors before any build began that are no problems of the template.
    pub(super) refusals: Vec<String>,
    /// How far each build got.
    pub(super) progress: BTreeMap<String, Progress>,
    /// Why builds failed.
    pub(super) errors: BTreeMap<String, String>,
    /// What successful builds left.
    pub(super) builds: BTreeMap<String, ReportedBuild>,
}

/// How far a build got.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The provisioner that runs or ran last, with its script.
    pub(super) provisioner: Option<Provisioner>,
    /// The post-processor that runs or ran last.
    pub(super) post_processor: Option<String>,
    /// A provisioner failed; what is said from here on is about cleaning up.
    pub(super) provisioning_failed: bool,
    /// Packer stopped the provisioner because its own timeout had passed.
    pub(super) timed_out: bool,
    /// The last line of output.
    pub(super) last_words: Option<String>,
}

/// A provisioner, as far as its announcement tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Provisioner {
    pub(super) kind: &'static str,
    /// Its script; nothing for an inline one, which lies in a temporary file.
    pub(super) script: Option<String>,
}

/// What a successful build left, as Packer reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedBuild {
    /// The build: `qemu.debian`.
    pub name: String,
    /// Its artifacts, by number: the builder's and those of post-processors.
    pub artifacts: BTreeMap<usize, ReportedArtifact>,
    /// How many there should be.
    pub(super) expected: usize,
}

/// An artifact, as Packer reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReportedArtifact {
    /// What made it: `transcend.qemu`.
    pub builder: String,
    /// Its id in the builder's own terms.
    pub id: String,
    /// A sentence about it.
    pub description: String,
    /// Its files, relative to where Packer ran, or absolute.
    pub files: Vec<String>,
    pub(super) expected_files: usize,
    pub(super) complete: bool,
}

impl ReportedBuild {
    /// Whether Packer said all that it wanted to say about it.
    pub(super) fn is_complete(&self) -> bool {
        self.artifacts.len() == self.expected
            && self.artifacts.values().all(|artifact| {
                artifact.complete && artifact.files.len() == artifact.expected_files
            })
    }
}

impl Transcript {
    /// Takes the next message.
    pub fn read(&mut self, message: &Message<'_>) {
        match message {
            Message::Ui { level, text } => self.hear(*level, *text),
            Message::Error { build, text } => {
                let why = text.lines().join("\n");
                self.errors.insert(build.to_string(), why);
            }
            Message::ArtifactCount { build, count } => self.build(build).expected = *count,
            Message::Artifact { build, index, field } => {
                let artifact = self.build(build).artifacts.entry(*index).or_default();
                match field {
                    ArtifactField::BuilderId(id) => artifact.builder = id.to_string(),
                    ArtifactField::Id(id) => artifact.id = id.to_string(),
                    ArtifactField::Description(text) => {
                        artifact.description = text.lines().join(" ");
                    }
                    ArtifactField::FilesCount(count) => artifact.expected_files = *count,
                    ArtifactField::File(path) => artifact.files.push(path.to_string()),
                    ArtifactField::Nil => {}
                    ArtifactField::End => artifact.complete = true,
                }
            }
            Message::ErrorCount(_) | Message::Version(_) | Message::Other => {}
        }
    }

    fn build(&mut self, name: &str) -> &mut ReportedBuild {
        let build = self.builds.entry(name.to_owned()).or_default();
        name.clone_into(&mut build.name);
        build
    }

    /// Only the beginning of a text tells what it is: the rest can be a guest's.
    fn hear(&mut self, level: Level, text: Text<'_>) {
        let said = text.matchable();
        if said.starts_with(r"\n==> Wait completed after ") {
            self.waited = true;
        } else if said.starts_with(r"\n==> Builds finished") {
            self.closed = true;
        } else if said.starts_with("Cancelling build after receiving ") {
            self.told_to_stop = true;
        } else if let Some((build, said)) = of_build(&said) {
            self.progress.entry(build.to_owned()).or_default().hear(said);
        } else if Problem::begins(&said) {
            self.problems.extend(Problem::parse(&text.lines()));
            self.problems.truncate(KEPT);
        } else if level == Level::Error
            && !said.starts_with("Build '")
            && !self.waited
            && self.refusals.len() < KEPT
        {
            self.refusals.push(text.lines().join(" "));
        }
    }
}

impl Progress {
    fn hear(&mut self, said: &str) {
        if self.provisioning_failed {
            return;
        }
        if said.starts_with("Provisioning step had errors") {
            self.provisioning_failed = true;
        } else if let Some(rest) = said.strip_prefix("Running post-processor: ") {
            let kind = rest.split_once("(type ").map_or(rest, |(_, kind)| kind);
            self.post_processor = Some(kind.trim_end_matches(')').trim().to_owned());
            self.last_words = None;
        } else if said.starts_with("Cancelling provisioner after a timeout") {
            self.timed_out = true;
        } else if let Some(provisioner) = Provisioner::announced(said) {
            if self.post_processor.is_none() {
                self.provisioner = Some(provisioner);
            }
            self.last_words = None;
        } else if let Some(last) = said.rsplit(r"\n").find(|line| !line.trim().is_empty()) {
            let last = of_build(last).map_or(last, |(_, said)| said);
            self.last_words = Some(last.trim_end_matches(r"\r").to_owned());
        }
    }
}

impl Provisioner {
    /// Reads what provisioners say when they begin. The texts are those of Packer's own
    /// provisioners and of the Ansible plugin; a guest that prints one gets a misleading name into a
    /// failure message, no more.
    fn announced(said: &str) -> Option<Self> {
        let announcements = [
            ("Provisioning with shell script: ", "shell"),
            ("Running local shell script: ", "shell-local"),
            ("Provisioning with powershell script: ", "powershell"),
            ("Provisioning with Powershell...", "powershell"),
            ("Provisioning with windows-shell...", "windows-shell"),
            ("Uploading ", "file"),
            ("Downloading ", "file"),
            ("Restarting Machine", "windows-restart"),
            ("Executing Ansible: ", "ansible"),
            ("Provisioning with Ansible...", "ansible-local"),
        ];
        let (rest, kind) = announcements
            .iter()
            .find_map(|(begin, kind)| Some((said.strip_prefix(begin)?, *kind)))?;
        let script = matches!(kind, "shell" | "shell-local" | "powershell")
            .then(|| rest.trim().to_owned())
            .filter(|script| !script.is_empty() && !script.contains("packer-"));
        Some(Self { kind, script })
    }
}

/// The build that a text belongs to, and what was said: `==> NAME: …`, before Packer 1.13 also with
/// four spaces; a post-processor adds ` (TYPE)` to the name.
fn of_build(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("==> ").or_else(|| text.strip_prefix("    "))?;
    let (name, said) = match rest.split_once(": ") {
        Some(parts) => parts,
        None => (rest.strip_suffix(':')?, ""),
    };
    let name = match name.rsplit_once(" (") {
        Some((name, kind)) if kind.ends_with(')') => name,
        _ => name,
    };
    Some((name, said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_belongs_to_the_build_that_it_begins_with() {
        assert_eq!(of_build("==> qemu.disk: a: b"), Some(("qemu.disk", "a: b")));
        assert_eq!(of_build("    qemu.disk: old"), Some(("qemu.disk", "old")));
        assert_eq!(of_build("==> n (shell-local): x"), Some(("n", "x")));
        assert_eq!(of_build("==> n:"), Some(("n", "")));
        assert_eq!(of_build("--> n: artifact"), None);
        assert_eq!(of_build(r"\n==> Builds finished: x"), None);
    }

    #[test]
    fn provisioners_are_known_by_their_announcement() {
        let announced = |said| {
            Provisioner::announced(said)
                .map(|provisioner| (provisioner.kind, provisioner.script.unwrap_or_default()))
        };
        assert_eq!(
            announced("Provisioning with shell script: scripts/base.sh"),
            Some(("shell", "scripts/base.sh".to_owned()))
        );
        assert_eq!(
            announced("Running local shell script: /tmp/packer-shell175"),
            Some(("shell-local", String::new()))
        );
        assert_eq!(announced("one, two"), None);
    }
}
