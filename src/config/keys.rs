//! Mappings with a fixed set of keys.

use std::collections::BTreeMap;

use super::context::Context;
use super::field::{Field, Named, names};
use super::{later, unavailable};
use crate::diagnostics::{Diagnostic, Span, quoted};

/// A mapping whose keys are asked for one by one. What nobody asked for is unknown.
pub(super) struct Keys<'n> {
    /// Where the keys are, in messages: `` in `gate` ``, `` in image `debian-12` ``.
    within: String,
    /// Where missing keys are reported.
    place: Span,
    entries: Vec<Named<'n>>,
    /// Keys that were asked for.
    known: Vec<&'static str>,
    /// Keys that the format has at another place.
    others: Vec<&'static str>,
    /// Required keys that are not there, each with what to write.
    missing: Vec<(&'static str, String)>,
}

impl<'n> Keys<'n> {
    /// The keys of the mapping `field`. `example` is one of its keys with a value.
    pub(super) fn of(
        field: Field<'n>,
        within: impl Into<String>,
        example: &str,
        context: &mut Context,
    ) -> Option<Self> {
        let example = format!("{{ {example} }}");
        let entries = field.entries("key", "a mapping", &example, context)?;
        Some(Self {
            within: within.into(),
            place: field.node.span,
            entries,
            known: Vec::new(),
            others: Vec::new(),
            missing: Vec::new(),
        })
    }

    /// Reports missing keys at `place`.
    pub(super) fn missing_at(mut self, place: Span) -> Self {
        self.place = place;
        self
    }

    /// The value of `key`, if it is there and `reader` accepts it.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        context: &mut Context,
        reader: impl FnOnce(Field<'n>, &mut Context) -> Option<T>,
    ) -> Option<T> {
        self.known.push(key);
        reader(self.entry(key)?.value, context)
    }

    /// The value of `key`. It is a problem if it is not there; `help` says what to write.
    pub(super) fn required<T>(
        &mut self,
        key: &'static str,
        help: impl Into<String>,
        context: &mut Context,
        reader: impl FnOnce(Field<'n>, &mut Context) -> Option<T>,
    ) -> Option<T> {
        if self.entry(key).is_none() {
            self.missing.push((key, help.into()));
        }
        self.read(key, context, reader)
    }

    /// Keys whose feature this version does not have yet: read and checked; what cannot be served
    /// comes back, by key.
    pub(super) fn later(
        &mut self,
        keys: &[&'static str],
        context: &mut Context,
    ) -> BTreeMap<&'static str, Option<Diagnostic>> {
        let mut found = BTreeMap::new();
        for key in keys {
            self.known.push(key);
            let Some(entry) = self.entry(key) else {
                continue;
            };
            let (place, value) = (entry.key, entry.value);
            let asks = later::read(key, value, context);
            found.insert(*key, asks.then(|| unavailable::key(place, key)));
        }
        found
    }

    /// Whether there is no key at all.
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Keys that are right and not read.
    pub(super) fn expect(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    /// Keys that the format has at another place.
    pub(super) fn misplaced(&mut self, keys: &[&'static str], place: &str, context: &mut Context) {
        for entry in keys.iter().filter_map(|key| self.entry(key)) {
            let message = format!("`{}` is not possible {}", entry.value.key, self.within);
            let label = format!("belongs {place}");
            context.push(entry.key.error("misplaced-key", message, label));
        }
        self.others.extend(keys);
    }

    /// Reports the keys that nobody asked for, and those that are missing.
    pub(super) fn finish(mut self, context: &mut Context) {
        for entry in &self.entries {
            let name = entry.value.key;
            if self.known.contains(&name) || self.others.contains(&name) {
                continue;
            }
            let message = format!("unknown key {} {}", quoted(name), self.within);
            let format = self.known.iter().chain(&self.others).copied();
            let meant = context.suggest(name, format);
            let problem = if let Some(meant) = meant {
                // The slip says it all: the key is not missing, it is misspelt.
                self.missing.retain(|(missing, _)| *missing != meant);
                let label = format!("did you mean `{meant}`?");
                entry.key.error("unknown-key", message, label)
            } else {
                let known = names(&self.known, "and");
                entry
                    .key
                    .error("unknown-key", message, "not a key of the format")
                    .help(format!("known {}: {known}", self.within))
            };
            context.push(problem);
        }
        let missing: Vec<&str> = self.missing.iter().map(|(key, _)| *key).collect();
        let verb = match missing.as_slice() {
            [] => return,
            [_] => "is",
            _ => "are",
        };
        let message = format!("{} {verb} missing {}", names(&missing, "and"), self.within);
        let problem = Diagnostic::error("missing-key", message).at(self.place, "required here");
        let helps = self.missing.into_iter().map(|(_, help)| help);
        context.push(helps.fold(problem, Diagnostic::help));
    }

    fn entry(&self, key: &str) -> Option<&Named<'n>> {
        self.entries.iter().find(|entry| entry.value.key == key)
    }
}
