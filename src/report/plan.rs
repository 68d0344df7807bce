//! The plan as text: what would be built and why, what not and when next.

use std::fmt::Write as _;

use anstyle::Style;

use crate::model::{NotDue, Plan, Planned};

use super::item::{has_room, item};
use super::quantity::count;
use super::sentence;
use super::style::{self, paint};
use super::table::wrap;

/// The plan, `width` columns wide. Styled; strip it where colour is not wanted.
pub fn text(plan: &Plan, width: usize) -> String {
    let mut text = String::new();
    let all = plan.build.len() + plan.skip.len();
    let headline = match plan.build.len() {
        0 => sentence::idle(&plan.skip).to_owned(),
        1 => format!("1 of {} is due", count(all, "image")),
        due => format!("{due} of {} are due", count(all, "image")),
    };
    let _ = writeln!(text, "{}", paint(style::STRONG, &headline));
    let names = plan.build.iter().map(|planned| &planned.image);
    let names = names.chain(plan.skip.iter().map(|skipped| &skipped.image));
    let name = names.map(|image| image.as_str().len()).max().unwrap_or(0);
    let version =
        plan.build.iter().map(|planned| planned.version.to_string().len()).max().unwrap_or(0);
    let waves: Vec<_> = plan.build.chunk_by(|one, next| one.wave == next.wave).collect();
    for wave in &waves {
        text.push('\n');
        if waves.len() > 1 {
            let _ =
                writeln!(text, "{}", paint(style::QUIET, &format!("wave {}", wave[0].wave + 1)));
        }
        for planned in *wave {
            text.push_str(&due(planned, name, version, width));
        }
    }
    let (others, not_due): (Vec<_>, Vec<_>) =
        plan.skip.iter().partition(|skipped| skipped.why == NotDue::NotSelected);
    if !not_due.is_empty() {
        text.push('\n');
    }
    for skipped in not_due {
        let padded = if has_room(name + 4, width) { name } else { 0 };
        let label = format!("- {:<padded$}  ", skipped.image);
        let said = format!("not due: {}", sentence::not_due(&skipped.why));
        text.push_str(&item(&label, name + 4, &said, Style::new(), width));
    }
    if !plan.soaking.is_empty() {
        let _ = writeln!(text, "\nChannels that move by themselves");
    }
    for soaking in &plan.soaking {
        let said = format!("{}: {}", soaking.image, sentence::soaking(soaking, plan.at));
        let mark = if soaking.is_ripe(plan.at) { "+ " } else { "- " };
        text.push_str(&item(mark, 2, &said, Style::new(), width));
    }
    if !plan.untracked.is_empty() {
        let said = "Not tracked: a change of what these name goes unnoticed";
        let _ = writeln!(text, "\n{}", wrap(said, width).join("\n"));
    }
    for untracked in &plan.untracked {
        text.push_str(&item("- ", 2, untracked, Style::new(), width));
    }
    if !plan.edits.is_empty() {
        let said = "What builds change in copies of their templates";
        let _ = writeln!(text, "\n{}", wrap(said, width).join("\n"));
    }
    for edit in &plan.edits {
        text.push_str(&item("- ", 2, edit, Style::new(), width));
    }
    if !plan.upstream.is_empty() {
        let _ = writeln!(text, "\nUpstream has changed, or does not answer");
    }
    for change in &plan.upstream {
        let said = sentence::upstream(change);
        text.push_str(&item("! ", 2, &said, Style::new(), width));
    }
    if !others.is_empty() {
        let said = format!("\n- {} not selected", count(others.len(), "image"));
        let _ = writeln!(text, "{}", paint(style::QUIET, &said));
    }
    text
}

/// An image to build, in columns as wide as `name` and `version` if there is room.
fn due(planned: &Planned, name: usize, version: usize, width: usize) -> String {
    let columns = name + version + 6;
    let (name, version) = if has_room(columns, width) { (name, version) } else { (0, 0) };
    let label = format!(
        "{} {}  {:<version$}  ",
        paint(style::GOOD, "+"),
        paint(style::STRONG, &format!("{:<name$}", planned.image)),
        planned.version.to_string(),
    );
    let said = format!("due: {}", sentence::due(&planned.why));
    item(&label, columns, &said, Style::new(), width)
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn plain(plan: &Plan, width: usize) -> String {
        anstream::adapter::strip_str(&text(plan, width)).to_string()
    }

    #[test]
    fn every_image_has_its_reason() {
        insta::assert_snapshot!(plain(&samples::plan(), 100), @"
        4 of 7 images are due

        wave 1
        + debian-12           1.0.20261123    due: never built
        + ubuntu-2404         1.0.20261123    due: the slot of 1 November 2026, 02:00 UTC has begun; newest
                                              is 1.0.20260801; overdue: 2 slots were missed: 1 October 2026,
                                              1 September 2026
        + rocky-9             2.1.20261123    due: asked for with `--force`

        wave 2
        + k8s-1.35-debian-12  1.0.20261123.2  due: its definition has changed since 1.0.20261123:
                                              k8s.pkr.hcl, vars.kubernetes

        - alpine-3            not due: built in this slot as 1.0.20261101 and its definition is unchanged;
                              next slot 1 December 2026, 02:00 UTC
        - talos-1.11          not due: built as 1.0.20260814 and its definition is unchanged; time alone
                              never makes it due

        Channels that move by themselves
        + debian-12: 1.0.20261120 is to be promoted to stable now, if it still passes: in candidate since 20
          November 2026, 02:30 UTC
        - ubuntu-2404: 1.0.20261120 will be promoted to stable in 40 h (25 November 2026, 02:30 UTC), if it
          still passes

        Not tracked: a change of what these name goes unnoticed
        - packer/debian.pkr.hcl:12: `${var.script}`: only a run knows the value

        What builds change in copies of their templates
        - packer/debian.pkr.hcl:7: `output_directory` of `qemu.debian` is overridden
        - packer/debian: `scripts/cis.sh` runs at the end of `qemu.debian`

        Upstream has changed, or does not answer
        ! rocky-9: `https://example.org/rocky-9.iso` is gone (404): a build will fail
        ! ubuntu-2404: `https://example.org/noble.img` has another checksum now, bbbbbbbbbbbb… instead of
          aaaaaaaaaaaa…, says `https://example.org/SHA256SUMS`: a build will fail until `iso_checksum` has
          it too

        - 1 image not selected
        ");
    }

    #[test]
    fn a_long_name_leaves_its_reason_a_line_of_its_own() {
        let mut plan = samples::plan();
        plan.build[0].image = "windows-server-2025-datacenter-core".repeat(2).parse().unwrap();
        plan.build.truncate(2);
        plan.skip.truncate(1);
        insta::assert_snapshot!(plain(&plan, 80), @"
        2 of 3 images are due

        + windows-server-2025-datacenter-corewindows-server-2025-datacenter-core  1.0.20261123
            due: never built
        + ubuntu-2404  1.0.20261123
            due: the slot of 1 November 2026, 02:00 UTC has begun; newest is
            1.0.20260801; overdue: 2 slots were missed: 1 October 2026, 1 September 2026

        - alpine-3
            not due: built in this slot as 1.0.20261101 and its definition is unchanged;
            next slot 1 December 2026, 02:00 UTC

        Channels that move by themselves
        + debian-12: 1.0.20261120 is to be promoted to stable now, if it still passes:
          in candidate since 20 November 2026, 02:30 UTC
        - ubuntu-2404: 1.0.20261120 will be promoted to stable in 40 h (25 November
          2026, 02:30 UTC), if it still passes

        Not tracked: a change of what these name goes unnoticed
        - packer/debian.pkr.hcl:12: `${var.script}`: only a run knows the value

        What builds change in copies of their templates
        - packer/debian.pkr.hcl:7: `output_directory` of `qemu.debian` is overridden
        - packer/debian: `scripts/cis.sh` runs at the end of `qemu.debian`

        Upstream has changed, or does not answer
        ! rocky-9: `https://example.org/rocky-9.iso` is gone (404): a build will fail
        ! ubuntu-2404: `https://example.org/noble.img` has another checksum now,
          bbbbbbbbbbbb… instead of aaaaaaaaaaaa…, says `https://example.org/SHA256SUMS`:
          a build will fail until `iso_checksum` has it too
        ");
        insta::assert_snapshot!(plain(&samples::plan(), 40), @"
        4 of 7 images are due

        wave 1
        + debian-12  1.0.20261123
            due: never built
        + ubuntu-2404  1.0.20261123
            due: the slot of 1 November 2026,
            02:00 UTC has begun; newest is
            1.0.20260801; overdue: 2 slots were
            missed: 1 October 2026, 1 September
            2026
        + rocky-9  2.1.20261123
            due: asked for with `--force`

        wave 2
        + k8s-1.35-debian-12  1.0.20261123.2
            due: its definition has changed
            since 1.0.20261123: k8s.pkr.hcl,
            vars.kubernetes

        - alpine-3
            not due: built in this slot as
            1.0.20261101 and its definition is
            unchanged; next slot 1 December
            2026, 02:00 UTC
        - talos-1.11
            not due: built as 1.0.20260814 and
            its definition is unchanged; time
            alone never makes it due

        Channels that move by themselves
        + debian-12: 1.0.20261120 is to be
          promoted to stable now, if it still
          passes: in candidate since 20 November
          2026, 02:30 UTC
        - ubuntu-2404: 1.0.20261120 will be
          promoted to stable in 40 h (25
          November 2026, 02:30 UTC), if it still
          passes

        Not tracked: a change of what these name
        goes unnoticed
        - packer/debian.pkr.hcl:12:
          `${var.script}`: only a run knows the
          value

        What builds change in copies of their
        templates
        - packer/debian.pkr.hcl:7:
          `output_directory` of `qemu.debian` is
          overridden
        - packer/debian: `scripts/cis.sh` runs
          at the end of `qemu.debian`

        Upstream has changed, or does not answer
        ! rocky-9:
          `https://example.org/rocky-9.iso` is
          gone (404): a build will fail
        ! ubuntu-2404:
          `https://example.org/noble.img` has
          another checksum now, bbbbbbbbbbbb…
          instead of aaaaaaaaaaaa…, says
          `https://example.org/SHA256SUMS`: a
          build will fail until `iso_checksum`
          has it too

        - 1 image not selected
        ");
    }

    #[test]
    fn where_nothing_is_selected_nothing_is_said_to_be_due_or_not() {
        let mut plan =
            Plan { build: Vec::new(), untracked: Vec::new(), edits: Vec::new(), ..samples::plan() };
        plan.skip.retain(|skipped| skipped.why == NotDue::NotSelected);
        insta::assert_snapshot!(plain(&plan, 80), @"
        No image was selected

        Channels that move by themselves
        + debian-12: 1.0.20261120 is to be promoted to stable now, if it still passes:
          in candidate since 20 November 2026, 02:30 UTC
        - ubuntu-2404: 1.0.20261120 will be promoted to stable in 40 h (25 November
          2026, 02:30 UTC), if it still passes

        Upstream has changed, or does not answer
        ! rocky-9: `https://example.org/rocky-9.iso` is gone (404): a build will fail
        ! ubuntu-2404: `https://example.org/noble.img` has another checksum now,
          bbbbbbbbbbbb… instead of aaaaaaaaaaaa…, says `https://example.org/SHA256SUMS`:
          a build will fail until `iso_checksum` has it too

        - 1 image not selected
        ");
        plan.skip.clear();
        insta::assert_snapshot!(plain(&plan, 80), @"
        No image was selected

        Channels that move by themselves
        + debian-12: 1.0.20261120 is to be promoted to stable now, if it still passes:
          in candidate since 20 November 2026, 02:30 UTC
        - ubuntu-2404: 1.0.20261120 will be promoted to stable in 40 h (25 November
          2026, 02:30 UTC), if it still passes

        Upstream has changed, or does not answer
        ! rocky-9: `https://example.org/rocky-9.iso` is gone (404): a build will fail
        ! ubuntu-2404: `https://example.org/noble.img` has another checksum now,
          bbbbbbbbbbbb… instead of aaaaaaaaaaaa…, says `https://example.org/SHA256SUMS`:
          a build will fail until `iso_checksum` has it too
        ");
    }

    #[test]
    fn nothing_due_says_when_next() {
        let plan = Plan { build: Vec::new(), ..samples::plan() };
        insta::assert_snapshot!(plain(&plan, 80), @"
        Nothing is due

        - alpine-3      not due: built in this slot as 1.0.20261101 and its definition
                        is unchanged; next slot 1 December 2026, 02:00 UTC
        - talos-1.11    not due: built as 1.0.20260814 and its definition is unchanged;
                        time alone never makes it due

        Channels that move by themselves
        + debian-12: 1.0.20261120 is to be promoted to stable now, if it still passes:
          in candidate since 20 November 2026, 02:30 UTC
        - ubuntu-2404: 1.0.20261120 will be promoted to stable in 40 h (25 November
          2026, 02:30 UTC), if it still passes

        Not tracked: a change of what these name goes unnoticed
        - packer/debian.pkr.hcl:12: `${var.script}`: only a run knows the value

        What builds change in copies of their templates
        - packer/debian.pkr.hcl:7: `output_directory` of `qemu.debian` is overridden
        - packer/debian: `scripts/cis.sh` runs at the end of `qemu.debian`

        Upstream has changed, or does not answer
        ! rocky-9: `https://example.org/rocky-9.iso` is gone (404): a build will fail
        ! ubuntu-2404: `https://example.org/noble.img` has another checksum now,
          bbbbbbbbbbbb… instead of aaaaaaaaaaaa…, says `https://example.org/SHA256SUMS`:
          a build will fail until `iso_checksum` has it too

        - 1 image not selected
        ");
    }
}
