//! Secrets taken out of what children say, before anybody sees it: logs, tails, lines.
//!
//! Packer masks `sensitive` variables in its own output only, releases before 1.15.1 not even there
//! with `-machine-readable`, and plugins and guests print what they like.

mod forms;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use aho_corasick::{AhoCorasick, Input, MatchKind};
use secrecy::{ExposeSecret, SecretString};

/// What stands in a secret's place, as on GitHub.
pub const MASK: &str = "***";
/// The shortest secret that is masked, in bytes. Shorter ones would garble everything and hide
/// nothing.
pub const SHORTEST: usize = 4;

/// The secrets that a child knows, in all forms in which it may print them. Clones share them.
#[derive(Clone, Default)]
pub struct Redaction(Option<Arc<Patterns>>);

struct Patterns {
    automaton: AhoCorasick,
    forms: Vec<Vec<u8>>,
    longest: usize,
}

impl Redaction {
    /// Masks all of `secrets`, except for those that are shorter than [`SHORTEST`].
    pub fn of<'a>(secrets: impl IntoIterator<Item = &'a SecretString>) -> Self {
        let secrets = secrets.into_iter().map(ExposeSecret::expose_secret);
        let forms = forms::of_all(secrets, SHORTEST);
        if forms.is_empty() {
            return Self::default();
        }
        let longest = forms.iter().map(Vec::len).max().unwrap_or_default();
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(&forms)
            .expect("secrets come from environment variables, which are far below 2 GiB");
        Self(Some(Arc::new(Patterns { automaton, forms, longest })))
    }

    /// `text` without secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match &self.0 {
            Some(patterns) if patterns.automaton.is_match(text) => {
                let mut masked = String::with_capacity(text.len());
                patterns.automaton.replace_all_with(text, &mut masked, |_, _, masked| {
                    masked.push_str(MASK);
                    true
                });
                Cow::Owned(masked)
            }
            _ => Cow::Borrowed(text),
        }
    }

    /// Everything that is masked, in clear: for whoever masks beside us, and nobody else. No form has
    /// a line feed.
    pub fn expose_forms(&self) -> impl Iterator<Item = &str> {
        let forms = self.0.iter().flat_map(|patterns| &patterns.forms);
        forms.filter_map(|form| std::str::from_utf8(form).ok())
    }

    /// One stream of bytes, from its beginning.
    pub(super) fn stream(&self) -> Masked {
        Masked { redaction: self.clone(), held: Vec::new() }
    }
}

impl fmt::Debug for Redaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forms = self.0.as_ref().map_or(0, |patterns| patterns.forms.len());
        write!(f, "Redaction({forms} forms)")
    }
}

impl Patterns {
    /// Where the longest end of `bytes[from..]` begins that may be the beginning of a secret.
    fn begun(&self, bytes: &[u8], from: usize) -> usize {
        let earliest = from.max(bytes.len().saturating_sub(self.longest - 1));
        let begins = |end: &[u8]| {
            let mut forms = self.forms.iter();
            forms.any(|form| form.len() > end.len() && form.starts_with(end))
        };
        (earliest..bytes.len()).find(|at| begins(&bytes[*at..])).unwrap_or(bytes.len())
    }
}

/// A stream whose secrets are masked, however its bytes arrive.
pub(super) struct Masked {
    redaction: Redaction,
    /// What may be the beginning of a secret.
    held: Vec<u8>,
}

impl Masked {
    /// Takes the next bytes, and hands on those that are certain.
    pub(super) fn push(&mut self, bytes: &[u8], mut on: impl FnMut(&[u8])) {
        let Some(patterns) = &self.redaction.0 else {
            return on(bytes);
        };
        self.held.extend_from_slice(bytes);
        let bytes = &self.held;
        let (mut at, mut begun) = (0, patterns.begun(bytes, 0));
        loop {
            match patterns.automaton.find(Input::new(bytes).range(at..)) {
                // One that begins no earlier than what is begun may turn out longer.
                Some(found) if found.start() < begun => {
                    on(&bytes[at..found.start()]);
                    on(MASK.as_bytes());
                    at = found.end();
                    if at > begun {
                        begun = patterns.begun(bytes, at);
                    }
                }
                _ => break,
            }
        }
        on(&bytes[at..begun]);
        self.held.drain(..begun);
    }

    /// The stream has ended: hands on the rest.
    pub(super) fn finish(&mut self, mut on: impl FnMut(&[u8])) {
        let Some(patterns) = &self.redaction.0 else {
            return;
        };
        let mut at = 0;
        for found in patterns.automaton.find_iter(&self.held) {
            on(&self.held[at..found.start()]);
            on(MASK.as_bytes());
            at = found.end();
        }
        on(&self.held[at..]);
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn redaction(secrets: &[&str]) -> Redaction {
        let secrets: Vec<SecretString> =
            secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        Redaction::of(&secrets)
    }

    fn streamed(redaction: &Redaction, chunks: &[&[u8]]) -> Vec<u8> {
        let (mut stream, mut said) = (redaction.stream(), Vec::new());
        for chunk in chunks {
            stream.push(chunk, |bytes| said.extend_from_slice(bytes));
        }
        stream.finish(|bytes| said.extend_from_slice(bytes));
        said
    }

    #[test]
    fn a_secret_that_comes_in_pieces_is_masked_and_nothing_else_waits() {
        let redaction = redaction(&["hunter2-hunter", "hunter2"]);
        let mut stream = redaction.stream();
        let mut said = |bytes: &[u8]| {
            let mut said = Vec::new();
            stream.push(bytes, |bytes| said.extend_from_slice(bytes));
            String::from_utf8(said).unwrap()
        };
        assert_eq!(said(b"password: "), "password: ");
        assert_eq!(said(b"hun"), "");
        assert_eq!(said(b"ter2"), "", "it may be the longer one");
        assert_eq!(said(b", and hunt"), "***, and ");
        assert_eq!(said(b"ing"), "hunting");
        assert_eq!(redaction.text("hunter2-hunter2"), "***2");
    }

    #[test]
    fn what_is_too_short_is_no_secret_and_debug_shows_none() {
        let redaction = redaction(&["", "abc", "long-enough"]);
        assert_eq!(redaction.text("abc long-enough"), "abc ***");
        assert!(!format!("{redaction:?}").contains("long"));
        assert_eq!(streamed(&Redaction::default(), &[b"any", b"thing"]), b"anything");
    }

    proptest! {
        #[test]
        fn how_the_bytes_arrive_does_not_matter(
            secrets in prop::collection::vec("[ab]{4,9}", 0..4),
            text in "[abc]{0,60}",
            cuts in prop::collection::vec(0usize..60, 0..6),
        ) {
            let redaction = redaction(&secrets.iter().map(String::as_str).collect::<Vec<_>>());
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> =
                cuts.windows(2).map(|pair| &text.as_bytes()[pair[0]..pair[1]]).collect();
            let said = String::from_utf8(streamed(&redaction, &chunks)).unwrap();
            prop_assert_eq!(&said, &redaction.text(&text));
            prop_assert!(secrets.iter().all(|secret| !said.contains(secret.as_str())));
        }
    }
}
