//! What a machine reports about its first boot: lines of a marker, a name and a value in base64.
//! Pure.
//!
//! The marker is new for every boot, so that nothing else on a console looks like a report by
//! accident. A guest that wants to lie can: it is the image that is tested, not the guest's honesty.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Most bytes of a report that are looked at.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// A report that is complete.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Facts(BTreeMap<String, String>);

impl Facts {
    /// The report in `text`, if it is there to its end.
    pub(super) fn read(text: &str, marker: &str) -> Option<Self> {
        let mut facts = BTreeMap::new();
        for line in text.lines() {
            let Some(start) = line.find(marker) else {
                continue;
            };
            let mut parts = line[start + marker.len()..].split(':');
            // The last part is there only if the line came to its end.
            let (Some(""), Some(name), Some(value), Some(_)) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                continue;
            };
            if let Ok(value) = STANDARD.decode(value) {
                let value = String::from_utf8_lossy(&value).trim().to_owned();
                facts.insert(name.to_owned(), value);
            }
        }
        facts.contains_key("end").then_some(Self(facts))
    }

    /// The fact called `name`; nothing if the machine does not know of any.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

#[cfg(test)]
impl Facts {
    pub(super) fn of<const N: usize>(facts: [(&str, &str); N]) -> Self {
        Self(facts.map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_report_counts_when_its_end_has_come_whatever_stands_around_it() {
        let text =
            "[ 12.3] random: m:machine-id:YWJj\nm:machine-id:YWJj:\r\nm:sshd:###:\nx:end:eQ==:\n";
        assert_eq!(Facts::read(text, "m"), None);
        let facts = Facts::read(&format!("{text}getty m:end:eWVz:\n"), "m").unwrap();
        assert_eq!(facts, Facts::of([("machine-id", "abc"), ("end", "yes")]));
    }

    proptest! {
        #[test]
        fn any_console_is_read(text in "(m?:[a-z]{0,3}:?[a-zA-Z=]{0,4}:?\n?){0,20}") {
            Facts::read(&text, "m");
        }
    }
}
