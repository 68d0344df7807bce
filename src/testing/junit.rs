//! JUnit XML, as test frameworks write it. Pure.
//!
//! There is no standard; read is what all dialects share: `testcase` with `name` and `classname`,
//! and in it `failure`, `error` or `skipped`, each with a `message` or text. Nothing that a document
//! type declares is expanded.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::model::{CaseOutcome, TestCase};

use super::{MAX_CASES, MAX_MESSAGE, MAX_NAME, begin};

/// Elements inside each other. Frameworks need five.
const MAX_DEPTH: usize = 100;

/// The cases of `text`; what is wrong with it, if it is no JUnit XML.
pub(super) fn read(text: &str) -> Result<Vec<TestCase>, String> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut report = Report::default();
    loop {
        match reader.read_event() {
            Ok(Event::Start(element)) => report.open(&element)?,
            Ok(Event::End(_)) => report.close(),
            Ok(Event::Text(text)) => report.text(&text.xml10_content()),
            Ok(Event::CData(text)) => report.text(&text.xml10_content()),
            Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                Ok(Some(character)) => report.text(character.encode_utf8(&mut [0; 4])),
                _ => report.text(resolve_predefined_entity(&reference).unwrap_or_default()),
            },
            Ok(Event::Eof) => return report.finish(),
            Ok(_) => {}
            Err(error) => return Err(format!("is no XML: {error}")),
        }
    }
}

/// What was read so far.
#[derive(Default)]
struct Report {
    depth: usize,
    begun: bool,
    cases: Vec<TestCase>,
    /// The case that is open, and how deep in the document it is.
    case: Option<(usize, TestCase)>,
    /// How deep the part of it is whose text tells more.
    telling: Option<usize>,
    /// How many failures the document says it has in all.
    said: usize,
}

impl Report {
    fn open(&mut self, element: &BytesStart<'_>) -> Result<(), String> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("has more than {MAX_DEPTH} elements inside each other"));
        }
        let name = element.local_name();
        let name: &str = name.as_ref();
        if !self.begun {
            self.begun = true;
            self.root(name, element)?;
        }
        let outcome = match name {
            "testcase" if self.case.is_none() => {
                self.case = Some((self.depth, TestCase::passed(case_name(element), "")));
                return Ok(());
            }
            "failure" | "error" => CaseOutcome::Failed,
            "skipped" => CaseOutcome::Skipped,
            _ => return Ok(()),
        };
        if let Some((_, case)) = &mut self.case {
            // A case that failed and says that it was skipped has failed.
            let graver = case.outcome == CaseOutcome::Passed
                || (case.outcome == CaseOutcome::Skipped && outcome == CaseOutcome::Failed);
            if graver {
                case.outcome = outcome;
                case.message = attribute(element, "message").unwrap_or_default();
                self.telling = case.message.trim().is_empty().then_some(self.depth);
            }
        }
        Ok(())
    }

    fn root(&mut self, name: &str, element: &BytesStart<'_>) -> Result<(), String> {
        if !matches!(name, "testsuites" | "testsuite") {
            return Err(format!("is no JUnit XML: it begins with `{}`", begin(name, 50)));
        }
        let count = |key| attribute(element, key).and_then(|text| text.trim().parse().ok());
        let (failures, errors): (Option<usize>, Option<usize>) =
            (count("failures"), count("errors"));
        self.said = failures.unwrap_or(0).saturating_add(errors.unwrap_or(0));
        Ok(())
    }

    fn close(&mut self) {
        self.telling = self.telling.filter(|depth| *depth < self.depth);
        if let Some((_, mut case)) = self.case.take_if(|(depth, _)| *depth == self.depth) {
            case.message = begin(&case.message, MAX_MESSAGE);
            if self.cases.len() <= MAX_CASES {
                self.cases.push(case);
            }
        }
        self.depth = self.depth.saturating_sub(1);
    }

    fn text(&mut self, text: &str) {
        if self.telling == Some(self.depth)
            && let Some((_, case)) = &mut self.case
            && case.message.len() < 4 * MAX_MESSAGE
        {
            case.message.push_str(text);
        }
    }

    fn finish(mut self) -> Result<Vec<TestCase>, String> {
        if !self.begun || self.depth > 0 {
            return Err("is no XML: it ends too early".to_owned());
        }
        let failed = self.cases.iter().filter(|case| case.outcome == CaseOutcome::Failed).count();
        if self.said > failed {
            let text = format!("{} failures are counted, and {failed} are told", self.said);
            self.cases.push(TestCase::failed("untold failures", text));
        }
        Ok(self.cases)
    }
}

fn case_name(element: &BytesStart<'_>) -> String {
    let name = attribute(element, "name").unwrap_or_default();
    let class = attribute(element, "classname").unwrap_or_default();
    let name = match (class.trim(), name.trim()) {
        ("", "") => "a case without a name".to_owned(),
        ("", name) | (name, "") => name.to_owned(),
        (class, name) if name.starts_with(class) => name.to_owned(),
        (class, name) => format!("{class}: {name}"),
    };
    begin(&name, MAX_NAME)
}

fn attribute(element: &BytesStart<'_>, key: &str) -> Option<String> {
    let found = element.try_get_attribute(key).ok()??;
    let value = found.normalized_value(XmlVersion::Implicit1_0).ok()?;
    Some(value.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(text: &str) -> String {
        let case = |case: TestCase| {
            format!("{:?} `{}` {}", case.outcome, case.name, case.message).trim_end().to_owned()
        };
        match read(text) {
            Ok(cases) => cases.into_iter().map(case).collect::<Vec<_>>().join("\n"),
            Err(why) => why,
        }
    }

    #[test]
    fn the_dialects_share_cases_that_fail_are_skipped_or_are_all_right() {
        insta::assert_snapshot!(told(r#"<?xml version="1.0" encoding="UTF-8"?>
            <!DOCTYPE testsuites [<!ENTITY lol "lol">]>
            <testsuites tests="5" failures="1" errors="1"><testsuite name="smoke">
              <properties><property name="failure" value="x"/></properties>
              <testcase classname="tests.test_ssh" name="test_ssh[a &lt; b]" time="0.1"/>
              <testcase name="disk"><failure message="too &quot;small&quot;">trace</failure></testcase>
              <testcase name="net"><error type="X"><![CDATA[no <route>]]> &amp; no &lol;&#x68;ost</error>
                <system-out>much</system-out></testcase>
              <testcase name="tpm"><skipped/></testcase>
              <testcase><skipped>no vtpm</skipped></testcase>
            </testsuite></testsuites>"#), @r#"
        Passed `tests.test_ssh: test_ssh[a < b]`
        Failed `disk` too "small"
        Failed `net` no <route> & no host
        Skipped `tpm`
        Skipped `a case without a name` no vtpm
        "#);
    }

    #[test]
    fn what_is_no_report_or_hides_its_failures_has_failed() {
        let deep = format!("<testsuite>{}", "<a>".repeat(MAX_DEPTH));
        let texts = [
            "",
            "<testsuite><testcase>",
            "<html></html>",
            "<testsuite></a>",
            &deep,
            r#"<testsuite failures="2"><testcase name="a"><failure/></testcase></testsuite>"#,
        ];
        insta::assert_snapshot!(texts.map(told).join("\n"), @"
        is no XML: it ends too early
        is no XML: it ends too early
        is no JUnit XML: it begins with `html`
        is no XML: ill-formed document: expected `</testsuite>`, but `</a>` was found
        has more than 100 elements inside each other
        Failed `a`
        Failed `untold failures` 2 failures are counted, and 1 are told
        ");
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(</?(testsuites?|testcase|failure|skipped)( (name|message)=\"[a&;]{0,4}\")?/?>|&#x[0-9]{1,9};|[<>&a]){0,40}") {
            told(&format!("<testsuite>{text}"));
            told(&text);
        }
    }
}
