//! How a build went, from all that Packer said and how it ended. Success needs every proof; whatever
//! is not proven is a failure.

use std::time::Duration;

use super::failure::BuildFailure;
use super::problem::ProblemLevel;
use super::transcript::{Progress, ReportedBuild, Transcript};
use crate::process::{Cause, Outcome};

/// How the Packer process ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// Its status. Zero also when its core was killed.
    pub outcome: Outcome,
    /// Who wished it to stop.
    pub cancelled: Option<Cause>,
    /// The limit, if its time was up.
    pub timed_out: Option<Duration>,
    /// The end of what it wrote outside of the protocol.
    pub stderr: String,
}

/// Tells what the build left, or why there is nothing that can be trusted. `wanted` is the build
/// that is the image; without it there must be just one.
pub fn conclude(
    mut transcript: Transcript,
    ending: &Ending,
    wanted: Option<&str>,
) -> Result<ReportedBuild, BuildFailure> {
    if let Some(cause) = ending.cancelled {
        return Err(BuildFailure::Cancelled { cause });
    }
    let closed = transcript.waited && transcript.closed;
    if ending.outcome == Outcome::Exited(0) && closed && transcript.errors.is_empty() {
        return select(transcript, wanted);
    }
    if let Some(limit) = ending.timed_out {
        return Err(BuildFailure::TimedOut { limit });
    }
    let failed = wanted
        .and_then(|name| transcript.errors.remove_entry(name))
        .or_else(|| transcript.errors.pop_first());
    if let Some((build, error)) = failed {
        let progress = transcript.progress.remove(&build).unwrap_or_default();
        return Err(failed_build(build, error, progress));
    }
    if transcript.told_to_stop {
        return Err(BuildFailure::StoppedFromOutside);
    }
    if ending.outcome != Outcome::Exited(0) {
        if let Some(failure) = template(&transcript) {
            return Err(failure);
        }
        let said = transcript.refusals.pop();
        let said = said.or_else(|| refusal(&ending.stderr));
        if let Some(said) = said.filter(|_| !transcript.waited) {
            return Err(BuildFailure::Refused { said });
        }
    }
    Err(BuildFailure::Killed { outcome: ending.outcome, panic: panic(&ending.stderr) })
}

fn select(mut transcript: Transcript, wanted: Option<&str>) -> Result<ReportedBuild, BuildFailure> {
    let builds = &mut transcript.builds;
    let build = match wanted {
        Some(name) => builds.remove(name),
        None if builds.len() > 1 => {
            let builds = builds.keys().cloned().collect();
            return Err(BuildFailure::SeveralBuilds { builds });
        }
        None => builds.pop_first().map(|(_, build)| build),
    };
    let build =
        build.ok_or_else(|| BuildFailure::NoArtifact { build: wanted.map(str::to_owned) })?;
    if !build.is_complete() {
        return Err(BuildFailure::Killed { outcome: Outcome::Exited(0), panic: None });
    }
    if build.artifacts.values().all(|artifact| artifact.files.is_empty()) {
        let said = build.artifacts.into_values().map(|artifact| artifact.description);
        return Err(BuildFailure::NoFiles {
            build: build.name,
            said: said.collect::<Vec<_>>().join("; "),
        });
    }
    Ok(build)
}

/// A build that Packer itself reports as failed.
fn failed_build(build: String, error: String, progress: Progress) -> BuildFailure {
    let last_words = progress.last_words;
    // What the builders put before it only counts.
    if let Some((_, error)) = error.split_once("Post-processor failed: ") {
        return BuildFailure::PostProcessor {
            build,
            kind: progress.post_processor,
            status: exit_status(error),
            error: error.to_owned(),
            last_words,
        };
    }
    let script_failed = error.contains("Script exited with non-zero exit status");
    if progress.provisioning_failed || script_failed {
        let (kind, script) = progress
            .provisioner
            .map_or((None, None), |provisioner| (Some(provisioner.kind), provisioner.script));
        return BuildFailure::Provisioner {
            build,
            kind,
            script,
            status: exit_status(&error),
            error: if progress.timed_out { "its `timeout` has passed".to_owned() } else { error },
            last_words,
        };
    }
    BuildFailure::Builder { build, error }
}

fn template(transcript: &Transcript) -> Option<BuildFailure> {
    let problems: Vec<_> = transcript
        .problems
        .iter()
        .filter(|problem| problem.level == ProblemLevel::Error)
        .cloned()
        .collect();
    if problems.is_empty() {
        return None;
    }
    let plugins: Option<Vec<_>> =
        problems.iter().map(|problem| missing_plugins(&problem.summary, &problem.detail)).collect();
    Some(match plugins {
        Some(plugins) => BuildFailure::PluginMissing { plugins: plugins.concat() },
        None => BuildFailure::Template {
            problems,
            builds: transcript.problems.iter().find_map(|problem| build_names(&problem.detail)),
        },
    })
}

/// The plugins that a problem is about, if it is about missing plugins: by source and version from
/// `required_plugins`, or by what they would have brought.
pub(super) fn missing_plugins(summary: &str, detail: &str) -> Option<Vec<String>> {
    if summary == "Missing plugins" {
        let list = detail.split_once("* ")?.1;
        let list = list.split_once(" Did you run").map_or(list, |(list, _)| list);
        return Some(list.split(" * ").map(|plugin| format!("`{}`", plugin.trim())).collect());
    }
    let unknown = summary.strip_prefix("Unknown ")?;
    let (what, name) = unknown.split_once(" type ")?;
    detail
        .contains("part of a plugin that is not installed")
        .then(|| vec![format!("the one with {what} `{}`", name.trim_matches('"'))])
}

/// `Possible build names: [a, b].` from the warning about `-only`.
fn build_names(detail: &str) -> Option<Vec<String>> {
    let (_, rest) = detail.split_once("Possible build names: [")?;
    let (names, _) = rest.split_once(']')?;
    let names = names.split([',', ' ']).filter(|name| !name.is_empty());
    Some(names.map(str::to_owned).collect())
}

/// The number behind the last `exit status`.
fn exit_status(error: &str) -> Option<i32> {
    let (_, rest) = error.rsplit_once("exit status")?;
    let rest = rest.trim_start_matches([':', ' ']);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Why Packer refused to begin, from what it wrote outside of the protocol.
fn refusal(stderr: &str) -> Option<String> {
    let lines: Vec<&str> = stderr.split_whitespace().collect();
    (!lines.is_empty() && panic(stderr).is_none()).then(|| lines.join(" "))
}

fn panic(stderr: &str) -> Option<String> {
    stderr
        .lines()
        .find(|line| line.starts_with("panic: ") || line.starts_with("fatal error: "))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packer::protocol::Message;

    /// The class, the reason and the hints of a recorded output of Packer 1.16.0 that ended so.
    fn told(recorded: &str, outcome: Outcome, wanted: Option<&str>) -> String {
        let ending = Ending { outcome, cancelled: None, timed_out: None, stderr: String::new() };
        told_of(recorded, &ending, wanted)
    }

    fn told_of(recorded: &str, ending: &Ending, wanted: Option<&str>) -> String {
        let mut transcript = Transcript::default();
        for line in recorded.lines() {
            if let Some(message) = Message::parse(line) {
                transcript.read(&message);
            }
        }
        match conclude(transcript, ending, wanted) {
            Ok(build) => format!("{build:#?}"),
            Err(failure) => {
                let failure = failure.failure();
                let hints: Vec<_> =
                    failure.hints.iter().map(|hint| format!("\n  {hint}")).collect();
                format!("{:?}: {}{}", failure.class, failure.reason, hints.concat())
            }
        }
    }

    const DONE: Outcome = Outcome::Exited(0);
    const FAILED: Outcome = Outcome::Exited(1);
    const SUCCESS: &str = include_str!("recorded/success");

    #[test]
    fn success_is_the_status_and_the_closing_words_and_the_artifact() {
        insta::assert_snapshot!(told(SUCCESS, DONE, None), @r#"
        ReportedBuild {
            name: "file.disk",
            artifacts: {
                0: ReportedArtifact {
                    builder: "packer.file",
                    id: "File",
                    description: "Stored file: out/disk.raw",
                    files: [
                        "out/disk.raw",
                    ],
                    expected_files: 1,
                    complete: true,
                },
            },
            expected: 1,
        }
        "#);
    }

    #[test]
    fn every_shortened_success_is_a_failure() {
        let lines: Vec<&str> = SUCCESS.lines().collect();
        let whole = lines.iter().position(|line| line.ends_with(",end")).unwrap() + 1;
        for end in 0..whole {
            let shortened = lines[..end].join("\n");
            let told = told(&shortened, DONE, None);
            assert!(told.starts_with("Killed") || told.starts_with("NoArtifact"), "{end}: {told}");
        }
        assert!(told(SUCCESS, FAILED, None).starts_with("Killed"));
        assert!(told(SUCCESS, Outcome::Signalled(9), None).starts_with("Killed"));
    }

    #[test]
    fn provisioners_are_named_with_status_and_last_words() {
        insta::assert_snapshot!(told(include_str!("recorded/provisioner_fails"), FAILED, None), @"Provisioner: provisioner `shell-local` of build `blk.null.n` failed: exit status 3 (last line: before)");
        insta::assert_snapshot!(told(include_str!("recorded/provisioner_fails_in_file_builder"), FAILED, None), @"Provisioner: provisioner `shell-local` of build `file.disk` failed: exit status 3");
        insta::assert_snapshot!(told(include_str!("recorded/provisioner_killed"), FAILED, None), @"
        Provisioner: provisioner `shell-local` of build `null.n` failed: exit status 137 (last line: Killed)
          status 137 is SIGKILL: most often the guest ran out of memory
        ");
        insta::assert_snapshot!(told(include_str!("recorded/provisioner_times_out"), FAILED, None), @"Provisioner: provisioner `shell-local` of build `null.n` failed: its `timeout` has passed");
        insta::assert_snapshot!(told(include_str!("recorded/post_processor_fails"), FAILED, None), @"
        Build: post-processor `shell-local` of build `file.disk` failed: exit status 3
          Packer deletes the artifact when a post-processor fails: what may fail belongs after the build
        ");
    }

    #[test]
    fn a_post_processor_that_was_killed_is_told_from_one_that_read_too_far() {
        let recorded = include_str!("recorded/post_processor_fails");
        let with = |error: &str| {
            let changed: Vec<String> = recorded
                .lines()
                .map(|line| match line.split_once("Post-processor failed: ") {
                    Some((before, _)) => format!("{before}Post-processor failed: {error}"),
                    None => line.to_owned(),
                })
                .collect();
            told(&changed.join("\n"), FAILED, None)
        };
        insta::assert_snapshot!(with("unexpected EOF"), @"
        Killed: post-processor `shell-local` of build `file.disk` failed: unexpected EOF
          a plugin of Packer died: look for the out-of-memory killer in the kernel log, `dmesg` or `journalctl -k`
        ");
        insta::assert_snapshot!(with("disk.gz: unexpected EOF"), @"
        Build: post-processor `shell-local` of build `file.disk` failed: disk.gz: unexpected EOF
          Packer deletes the artifact when a post-processor fails: what may fail belongs after the build
        ");
    }

    #[test]
    fn templates_are_told_with_file_and_line() {
        insta::assert_snapshot!(told(include_str!("recorded/syntax_error"), FAILED, None), @"Template: template error: t.pkr.hcl:4: Missing item separator: Expected a comma to mark the beginning of the next item.");
        insta::assert_snapshot!(told(include_str!("recorded/several_errors"), FAILED, None), @r#"
        Template: 2 template errors, the first: Unset variable "need": A used variable must be set or have a default value; see https://packer.io/docs/templates/hcl_templates/syntax for details.
          also: t.pkr.hcl:8: Unknown source type nonesuch: The source nonesuch is unknown by Packer, and is likely part of a plugin that is not installed. You may find the needed plugin along with installation instructions documented on the Packer integrations page. https://developer.hashicorp.com/packer/integrations?filter=nonesuch
        "#);
        insta::assert_snapshot!(told(include_str!("recorded/prepare_errors"), FAILED, None), @r#"
        Template: 2 template errors, the first: t.pkr.hcl:7: Failed preparing provisioner-block "shell-local" "": t.pkr.hcl:7,31-36: Unsupported argument; An argument named "inlin" is not expected here. Did you mean "inline"?
          also: t.pkr.hcl:2: target required
        "#);
        insta::assert_snapshot!(told(include_str!("recorded/no_match"), FAILED, None), @"
        Template: template error: No builds to run: A build command cannot run without at least one build to process. If the only or except flags have been specified at run time check that at least one build is selected for execution.
          `build:` of the image names none of the template's builds: `null.n`
        ");
    }

    #[test]
    fn missing_plugins_are_not_the_templates_fault() {
        insta::assert_snapshot!(told(include_str!("recorded/missing_plugin"), FAILED, None), @"
        PluginMissing: missing Packer plugin: `github.com/hashicorp/nonesuch >= 1.2.0`
          name it in `required_plugins` of the template, and goldsmith installs it; or install it yourself: `packer plugins install`
        ");
        insta::assert_snapshot!(told(include_str!("recorded/unknown_plugins"), FAILED, None), @"
        PluginMissing: missing Packer plugins: the one with provisioner `ansible`, the one with post-processor `vagrant`
          name it in `required_plugins` of the template, and goldsmith installs it; or install it yourself: `packer plugins install`
        ");
    }

    #[test]
    fn builders_fail_for_reasons_that_have_a_next_step() {
        insta::assert_snapshot!(told(include_str!("recorded/ssh_timeout"), FAILED, None), @"
        GuestSilent: build `qemu.disk` failed: Timeout waiting for SSH.
          the guest did not answer: look at its console, check user, password or key of the communicator, and that sshd starts at boot; `ssh_timeout` says how long Packer waits
        ");
        insta::assert_snapshot!(told(include_str!("recorded/checksum_mismatch"), FAILED, None), @"
        ChecksumMismatch: build `qemu.disk` failed: error downloading ISO: [Checksums did not match for /srv/packer/empty.qcow2. Expected: 0000000000000000000000000000000000000000000000000000000000000000 Got: 1b7af784841125887e688254229e282829e17245d0e47fe7280da9b68a30d9e1 *sha256.Digest]
          the download is not what the template expects: if the publisher changed it, change `iso_checksum`
        ");
        insta::assert_snapshot!(told(include_str!("recorded/iso_missing"), FAILED, None), @"
        Build: build `qemu.disk` failed: error downloading ISO: [source path error: stat /srv/packer/absent.qcow2: no such file or directory]
          a file that the template names is not there: did `prepare` make it?
        ");
    }

    #[test]
    fn the_image_is_one_build() {
        let two = include_str!("recorded/two_builds");
        insta::assert_snapshot!(told(two, DONE, None), @"
        Template: the template has several builds: both.file.a, both.file.b
          say with `build:` of the image which one it is
        ");
        insta::assert_snapshot!(told(two, DONE, Some("both.file.c")), @"
        NoArtifact: Packer was done and left no artifact of build `both.file.c`
          the source must write its files below `${var.goldsmith_output_dir}`
        ");
        assert!(told(two, DONE, Some("both.file.a")).contains("out/a.raw"));
        insta::assert_snapshot!(told(include_str!("recorded/no_artifact"), DONE, None), @"
        NoArtifact: the artifact of build `null.n` has no files (Did not export anything. This is the null builder)
          only builders that leave files (qemu, file) can be published to a directory
        ");
    }

    #[test]
    fn a_killed_packer_is_never_a_success() {
        insta::assert_snapshot!(told(include_str!("recorded/core_killed"), DONE, None), @"
        Killed: Packer's core was killed in the middle of the build
          look for the out-of-memory killer in the kernel log: `dmesg` or `journalctl -k`
        ");
        insta::assert_snapshot!(told(include_str!("recorded/cancelled"), FAILED, None), @"Killed: somebody told Packer to stop");
        insta::assert_snapshot!(told("", Outcome::Signalled(9), None), @"
        Killed: Packer was killed by SIGKILL in the middle of the build
          look for the out-of-memory killer in the kernel log: `dmesg` or `journalctl -k`
        ");

        let ending = |stderr: &str| Ending {
            outcome: Outcome::Exited(2),
            cancelled: None,
            timed_out: None,
            stderr: stderr.to_owned(),
        };
        let panic = "panic: runtime error: invalid memory address\n\ngoroutine 1 [running]:\n";
        insta::assert_snapshot!(told_of("", &ending(panic), None), @"Killed: Packer crashed (panic: runtime error: invalid memory address) in the middle of the build");
        let refused = "Error loading configuration: \n\nNo $HOME environment variable found\n";
        insta::assert_snapshot!(told_of("", &ending(refused), None), @"
        Build: Packer refused to build: Error loading configuration: No $HOME environment variable found
          set `HOME`: Packer looks there for its plugins
        ");
    }

    #[test]
    fn who_stopped_it_is_told_before_what_it_said_about_it() {
        let mut ending = Ending {
            outcome: FAILED,
            cancelled: Some(Cause::Terminated),
            timed_out: Some(Duration::from_secs(90)),
            stderr: String::new(),
        };
        let cancelled = include_str!("recorded/cancelled");
        insta::assert_snapshot!(told_of(cancelled, &ending, None), @"Terminated: the build was cancelled");
        ending.cancelled = None;
        insta::assert_snapshot!(told_of(cancelled, &ending, None), @"
        Timeout: the build was not done after 1m 30s
          `timeout: { build: … }` of the image gives it more time
        ");
        ending.outcome = DONE;
        assert!(
            told_of(SUCCESS, &ending, None).contains("out/disk.raw"),
            "done in the last moment"
        );
    }
}
