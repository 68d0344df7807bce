//! The Test Anything Protocol, versions 12 to 14 (testanything.org), a line at a time. Pure.
//!
//! Subtests are not looked into: their result stands in the line after them.

use crate::model::{CaseOutcome, TestCase};

use super::{MAX_CASES, MAX_MESSAGE, MAX_NAME, begin};

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct Tap {
    announced: bool,
    plan: Option<usize>,
    all_skipped: Option<String>,
    bailed_out: Option<String>,
    cases: Vec<TestCase>,
    seen: usize,
}

impl Tap {
    /// Takes a line. One that is none of TAP's is passed over.
    pub(super) fn push(&mut self, line: &str) {
        let line = line.trim_end();
        if let Some(rest) = line.strip_prefix("ok").filter(|rest| ends_word(rest)) {
            self.case(CaseOutcome::Passed, rest);
        } else if let Some(rest) = line.strip_prefix("not ok").filter(|rest| ends_word(rest)) {
            self.case(CaseOutcome::Failed, rest);
        } else if let Some(rest) = line.strip_prefix("1..") {
            self.plan(rest);
        } else if line.starts_with("TAP version ") {
            self.announced = true;
        } else if let Some(why) = line.strip_prefix("Bail out!") {
            self.bailed_out.get_or_insert_with(|| begin(why, MAX_MESSAGE));
        } else if let Some(more) = line.strip_prefix('#') {
            self.diagnostic(more);
        }
    }

    /// Whether this is TAP, and not a program that says "ok" now and then.
    pub(super) fn is_there(&self) -> bool {
        self.announced || (self.plan.is_some() && (self.seen > 0 || self.all_skipped.is_some()))
    }

    /// The cases, and one more if something about them as a whole is wrong.
    pub(super) fn finish(mut self) -> Vec<TestCase> {
        if let Some(why) = self.bailed_out {
            self.cases.push(TestCase::failed("bail out", why));
        } else if let Some(why) = self.all_skipped.filter(|_| self.seen == 0) {
            self.cases.push(TestCase::skipped("all", why));
        } else if self.plan != Some(self.seen) {
            let text = match self.plan {
                Some(plan) => format!("{plan} were announced, and {} came", self.seen),
                None => "nobody said how many there are: the test may have ended early".to_owned(),
            };
            self.cases.push(TestCase::failed("plan", text));
        } else if self.seen > MAX_CASES {
            let text = format!("of {} cases only {MAX_CASES} are looked at", self.seen);
            self.cases.push(TestCase::failed("too many cases", text));
        }
        self.cases
    }

    fn plan(&mut self, rest: &str) {
        let (number, directive) = rest.split_once('#').unwrap_or((rest, ""));
        if let Ok(plan) = number.trim().parse() {
            self.plan = Some(plan);
            self.all_skipped = (plan == 0).then(|| begin(directive, MAX_MESSAGE));
        }
    }

    fn case(&mut self, outcome: CaseOutcome, rest: &str) {
        self.seen += 1;
        if self.cases.len() >= MAX_CASES {
            return;
        }
        let rest = rest.trim_start();
        let name = rest.trim_start_matches(|c: char| c.is_ascii_digit()).trim_start();
        let name = name.strip_prefix('-').unwrap_or(name);
        let (name, directive) = split_directive(name);
        let (word, why) = directive.split_once(char::is_whitespace).unwrap_or((directive, ""));
        // Of a case that is still to be done, a failure is no surprise.
        let excused = word.to_ascii_uppercase().starts_with("SKIP")
            || (word.eq_ignore_ascii_case("TODO") && outcome == CaseOutcome::Failed);
        let outcome = if excused { CaseOutcome::Skipped } else { outcome };
        let name = begin(name, MAX_NAME);
        let name = if name.is_empty() { format!("case {}", self.seen) } else { name };
        let why = if excused { begin(why, MAX_MESSAGE) } else { String::new() };
        self.cases.push(TestCase::new(outcome, name, why));
    }

    /// What follows a case that failed says why.
    fn diagnostic(&mut self, more: &str) {
        if let Some(case) = self.cases.last_mut()
            && case.outcome == CaseOutcome::Failed
            && case.message.chars().count() < MAX_MESSAGE
        {
            let gap = if case.message.is_empty() { "" } else { " " };
            case.message = begin(&format!("{}{gap}{}", case.message, more.trim()), MAX_MESSAGE);
        }
    }
}

fn ends_word(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with([' ', '\t'])
}

/// The description of a case and its directive, which begins at a `#` that no `\` precedes.
fn split_directive(text: &str) -> (&str, &str) {
    let start = text.match_indices('#').map(|(start, _)| start).find(|start| {
        let before = &text[..*start];
        !before.ends_with('\\') && (before.is_empty() || before.ends_with([' ', '\t']))
    });
    start.map_or((text, ""), |start| (&text[..start], text[start + 1..].trim()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        let mut tap = Tap::default();
        text.lines().for_each(|line| tap.push(line));
        let there = if tap.is_there() { "TAP" } else { "no TAP" };
        let cases = tap.finish().into_iter().map(|case| {
            format!("{:?} `{}` {}", case.outcome, case.name, case.message).trim_end().to_owned()
        });
        std::iter::once(there.to_owned()).chain(cases).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn cases_have_names_reasons_and_excuses() {
        insta::assert_snapshot!(read(
            "TAP version 13\nstarting\n1..6\nok 1 - boots\nnot ok 2 - serves \\#1\n# curl: (7)\n#  refused\n\
             ok 3 # SKIP no tpm\nnot ok 4 ipv6 # TODO later\n    not ok 1 inner\nok\nokay then\nnot ok\n"
        ), @r"
        TAP
        Passed `boots`
        Failed `serves \#1` curl: (7) refused
        Skipped `case 3` no tpm
        Skipped `ipv6` later
        Passed `case 5`
        Failed `case 6`
        ");
    }

    #[test]
    fn what_ends_early_or_bails_out_has_failed() {
        let told = ["1..3\nok\nok\n", "TAP version 14\nok 1\n", "1..2\nok\nBail out! no network\n"];
        insta::assert_snapshot!(told.map(read).join("\n"), @"
        TAP
        Passed `case 1`
        Passed `case 2`
        Failed `plan` 3 were announced, and 2 came
        TAP
        Passed `case 1`
        Failed `plan` nobody said how many there are: the test may have ended early
        TAP
        Passed `case 1`
        Failed `bail out` no network
        ");
    }

    #[test]
    fn a_whole_test_can_be_skipped_and_a_chatty_program_is_no_test() {
        insta::assert_snapshot!(read("1..0 # SKIP no kvm"), @"
        TAP
        Skipped `all` SKIP no kvm
        ");
        assert!(read("ok, let us see\nok\n").starts_with("no TAP"));
    }

    proptest! {
        #[test]
        fn any_lines_are_read(text in "((TAP version |1\\.\\.|ok|not ok|#|Bail out!)?[ 0-9#\\\\a-é-]{0,9}\n){0,20}") {
            read(&text);
        }
    }
}
