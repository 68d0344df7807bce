use proptest::prelude::*;

use super::*;
use crate::config::yaml;
use crate::diagnostics::Style;

const DAY: u64 = 86_400;

fn look(text: &str) -> (Option<Vec<Waiver>>, String) {
    let names: Vec<ImageName> =
        ["debian-12", "debian-13", "web"].map(|name| name.parse().unwrap()).into();
    let limits = [90, 30, 90].map(|days| Duration::from_secs(days * DAY));
    let checks = WaiverChecks {
        images: names.iter().zip(limits).collect(),
        today: "2026-11-23".parse().unwrap(),
    };
    let problems = Problems::new(Sources::default());
    let (waivers, problems) =
        look_at_waivers("waivers.yml".into(), text.as_bytes(), &checks, problems);
    (waivers, problems.excerpts(Style::Plain))
}

#[test]
fn every_key_is_read_and_what_has_ended_is_no_problem() {
    let text = "\
# Reviewed on Mondays.
- id: CVE-2026-1234
  images: [debian-*, web]
  packages: [openssl, 'libssl*']
  reason: >
    The module is not loaded:
    we looked.
  until: 2026-12-23
  by: Ann
- { id: GHSA-aaaa-bbbb-cccc, reason: \"${not} a placeholder\", until: 2020-02-29 }
";
    let (waivers, problems) = look(text);
    assert_eq!(problems, "");
    insta::assert_debug_snapshot!(waivers.unwrap(), @r#"
    [
        Waiver {
            id: "CVE-2026-1234",
            images: [
                "debian-*",
                "web",
            ],
            packages: [
                "openssl",
                "libssl*",
            ],
            reason: "The module is not loaded: we looked.",
            until: 2026-12-23,
            by: Some(
                "Ann",
            ),
            line: 2,
        },
        Waiver {
            id: "GHSA-aaaa-bbbb-cccc",
            images: [],
            packages: [],
            reason: "${not} a placeholder",
            until: 2020-02-29,
            by: None,
            line: 10,
        },
    ]
    "#);
}

#[test]
fn a_file_without_waivers_is_right() {
    for text in ["", "# none\n", "[]\n", "---\n...\n"] {
        assert_eq!(look(text), (Some(Vec::new()), String::new()), "{text:?}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let text = "\
- id: cve-2026-1234
  images: [debain-12, 'debian-[12', web]
  package: [openssl]
  reason: ' '
  until: 2026-02-30
- id: CVE-2026-*
  images: []
  expired_at: 2026-12-31
- { id: CVE-2026-5678, reason: x, until: 2026-12-31, images: [web, 'debian-*'] }
- { id: CVE-2026-9999, reason: x, until: 2026-12-23, packages: [a, b], images: [debian-13] }
- { id: CVE-2026-9999, reason: y, until: 2026-12-22, packages: [b, a], images: [debian-13, debian-13] }
- just text
";
    let (waivers, problems) = look(text);
    assert_eq!(waivers, None);
    insta::assert_snapshot!(problems, @"
    error[bad-advisory]: `cve-2026-1234` is not the id of an advisory
     --> waivers.yml:1:7
      |
    1 | - id: cve-2026-1234
      |       ^^^^^^^^^^^^^ did you mean `CVE-2026-1234`?

    error[bad-pattern]: `debian-[12` is not a pattern of names
     --> waivers.yml:2:23
      |
    2 |   images: [debain-12, 'debian-[12', web]
      |                       ^^^^^^^^^^^^ `*`, `?`, `[ab]` and `{a,b}` are possible

    error[unknown-key]: unknown key `package` in a waiver
     --> waivers.yml:3:3
      |
    3 |   package: [openssl]
      |   ^^^^^^^ did you mean `packages`?

    error[wrong-type]: `reason`: expected a reason, found the text ` `
     --> waivers.yml:4:11
      |
    4 |   reason: ' '
      |           ^^^ expected a reason
      |
      = help: for example `reason: the vulnerable module is not loaded`

    error[bad-date]: `2026-02-30` is not a day
     --> waivers.yml:5:10
      |
    5 |   until: 2026-02-30
      |          ^^^^^^^^^^ expected a day such as `2026-12-31`

    error[missing-key]: `reason` and `until` are missing in a waiver
     --> waivers.yml:6:3
      |
    6 | - id: CVE-2026-*
      |   ^ required here
      |
      = help: `reason` is a sentence that a reviewer can judge
      = help: `until` is the last day on which it holds: `until: 2026-12-31`

    error[bad-advisory]: `CVE-2026-*` is not the id of an advisory
     --> waivers.yml:6:7
      |
    6 | - id: CVE-2026-*
      |       ^^^^^^^^^^ a pattern would permit what nobody has looked at

    error[empty-list]: `images` is empty
     --> waivers.yml:7:11
      |
    7 |   images: []
      |           ^^ names nothing
      |
      = help: leave `images` out to mean all

    error[misplaced-key]: `expired_at` is not possible in a waiver
     --> waivers.yml:8:3
      |
    8 |   expired_at: 2026-12-31
      |   ^^^^^^^^^^ belongs to ignore files of Trivy: it is called `until` here

    error[waiver-too-long]: `CVE-2026-5678` is waived until 2026-12-31, and that is too far away
     --> waivers.yml:9:42
      |
    9 | - { id: CVE-2026-5678, reason: x, until: 2026-12-31, images: [web, 'debian-*'] }
      |                                          ^^^^^^^^^^ at most until 2026-12-23 by now
      |
      = help: `max_waiver` of image `debian-13` is 30 days: look at it again then

    error[duplicate-waiver]: `CVE-2026-9999` is waived twice for the same
      --> waivers.yml:11:9
       |
    10 | - { id: CVE-2026-9999, reason: x, until: 2026-12-23, packages: [a, b], images: [debian-13] }
       |         ------------- first here
    11 | - { id: CVE-2026-9999, reason: y, until: 2026-12-22, packages: [b, a], images: [debian-13, debian-13] }
       |         ^^^^^^^^^^^^^ again here

    error[wrong-type]: `waivers.yml`: expected a waiver, found `just text`
      --> waivers.yml:12:3
       |
    12 | - just text
       |   ^^^^^^^^^ expected a waiver
       |
       = help: for example:
               - id: CVE-2026-1234
                 images: [debian-*]
                 reason: the vulnerable module is not loaded
                 until: 2026-12-31
    ");
}

#[test]
fn what_is_no_list_is_told_with_an_example() {
    insta::assert_snapshot!(look("waivers:\n- id: CVE-2026-1234\n").1, @"
    error[wrong-type]: `waivers.yml`: expected a list of waivers, found a mapping
     --> waivers.yml:1:1
      |
    1 | waivers:
      | ^ this is a mapping
      |
      = help: for example:
              - id: CVE-2026-1234
                images: [debian-*]
                reason: the vulnerable module is not loaded
                until: 2026-12-31
    ");
}

#[test]
fn pruning_takes_lines_out_and_leaves_every_comment() {
    let text = "\
# What we live with.

# The kernel's.
- id: CVE-2026-1111   # asked upstream
  # until they answer
  reason: |
    x

  until: 2026-12-31

# Not ours.
- { id: CVE-2026-2222, reason: x, until: 2026-12-31 }
-
  id: CVE-2026-3333
  reason: 'a # no comment
    at all'
  until: 2026-12-31 # the end
";
    insta::assert_snapshot!(without_waivers(text, &[0, 2].into()).unwrap(), @"
    # What we live with.

    # The kernel's.
    # asked upstream
      # until they answer

    # Not ours.
    - { id: CVE-2026-2222, reason: x, until: 2026-12-31 }
    # the end
    ");
}

#[test]
fn what_others_are_written_by_way_of_stays() {
    let entangled = "- &a { id: CVE-2026-1111, reason: &r x, until: 2026-12-31 }\n\
                     - { id: CVE-2026-2222, reason: *r, until: 2026-12-31 }\n";
    assert_eq!(without_waivers(entangled, &[0].into()), Err(NotPruned::Entangled));
    let other = without_waivers(entangled, &[1].into()).unwrap();
    assert_eq!(other, entangled.lines().next().unwrap().to_owned() + "\n");
    let flow = "[{ id: CVE-2026-1111, reason: x, until: 2026-12-31 }]\n";
    assert_eq!(without_waivers(flow, &[0].into()), Err(NotPruned::InBrackets));
    assert_eq!(without_waivers("- id: x\n", &[0].into()), Err(NotPruned::Unreadable));
}

/// An entry in one of the ways in which people write it, with comments and blanks around it.
fn entry() -> impl Strategy<Value = String> {
    let id = "CVE-2026-[1-9][0-9]{3,4}";
    let reason = prop_oneof![
        "[a-z]{1,9}",
        "'[a-z #]{1,9}x\n    y'",
        "\"a # [a-z]{1,5}\"",
        "[|>][-+]?\n      a # b\n\n      [a-z]{1,9}",
    ];
    let comment = prop_oneof![Just(String::new()), "( |  )# [a-z:' -]{0,9}"];
    let lines = prop_oneof![Just(String::new()), "(  )?# [a-z]{0,5}\n", "\n"];
    (id, reason, comment, lines, 0..4, any::<bool>()).prop_map(
        |(id, reason, comment, lines, form, by)| {
            let block = reason.starts_with(['|', '>']);
            let of_flow = if block { "x" } else { &reason };
            let by = if by { "\n  by: 'é'" } else { "" };
            match form {
                0 => format!(
                    "- {{ id: {id}, reason: {of_flow}, until: 2026-12-31 }}{comment}\n{lines}"
                ),
                1 => format!(
                    "- id: {id}{comment}\n{lines}  images: [a*, b]\n  until: 2026-12-31{by}\n  reason: {reason}\n{lines}"
                ),
                2 => format!(
                    "-{comment}\n  reason: {reason}\n  packages:\n  - a\n  -   b\n  id: {id}{by}\n  until: 2026-12-31{comment}\n{lines}"
                ),
                _ => format!("-   reason: {reason}\n    id: {id}\n    until: 2026-12-31{comment}\n"),
            }
        },
    )
}

fn comments(text: &str) -> Vec<&str> {
    yaml::comments(text).unwrap().into_iter().map(|place| text[place].trim_end()).collect()
}

proptest! {
    #[test]
    fn what_is_left_is_what_was_to_stay_with_all_comments(
        entries in prop::collection::vec((entry(), any::<bool>()), 0..6),
        crlf in any::<bool>(), head in "(# [a-z]{0,5}\n)?(---\n)?", tail in "(# [a-z]{0,5})?",
    ) {
        let mut text = head;
        text.extend(entries.iter().map(|(text, _)| text.as_str()));
        text.push_str(&tail);
        let text = if crlf { text.replace('\n', "\r\n") } else { text };
        let Some(before) = waivers_of(&text) else {
            // The same finding twice is refused.
            return Ok(());
        };
        prop_assume!(!before.is_empty());
        let gone = entries.iter().enumerate().filter(|(_, (_, goes))| *goes);
        let gone: BTreeSet<usize> = gone.map(|(index, _)| index).collect();
        let left = without_waivers(&text, &gone);
        prop_assert!(left.is_ok(), "{left:?} of {text}");
        let left = left.unwrap();
        let ids = |waivers: Vec<Waiver>| waivers.into_iter().map(|waiver| (waiver.id, waiver.reason));
        let stay = ids(before).enumerate().filter(|(index, _)| !gone.contains(index));
        let stay: Vec<_> = stay.map(|(_, waiver)| waiver).collect();
        prop_assert_eq!(ids(waivers_of(&left).unwrap()).collect::<Vec<_>>(), stay);
        prop_assert_eq!(comments(&left), comments(&text), "{} of {}", left, text);
        // Every line that stays was there, in the same order.
        let mut lines = text.split('\n');
        for line in left.split('\n').filter(|line| !line.trim_start().starts_with('#')) {
            prop_assert!(lines.any(|there| there == line), "{} of {}", left, text);
        }
        if gone.is_empty() {
            prop_assert_eq!(left, text);
        }
    }

    #[test]
    fn whatever_the_file_holds_there_is_an_answer(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        text in "[a-zA-Z0-9:\\-#'\"\\{\\}\\[\\]&*| \n,.é]{0,200}",
        some in "(- id: CVE-2026-1111\n|  reason: x\n|  until: 2026-12-31\n|# x\n|- \\{|\\}|&a |\\*a|,|\n){0,12}",
    ) {
        fuzz(&bytes);
        fuzz(text.as_bytes());
        fuzz(some.as_bytes());
    }
}
