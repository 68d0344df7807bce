//! A value under the key at which it stands, and the simple types that it can have.

use std::collections::HashMap;
use std::str::FromStr;

use super::context::Context;
use super::node::{Node, Value};
use super::placeholder;
use crate::diagnostics::{Diagnostic, quoted};
use crate::model::InvalidName;

/// A value under the key at which it stands. An entry of a list stands at the key of the list.
///
/// Readers turn it into a type. They return `None` after they have told the context why.
#[derive(Clone, Copy)]
pub(super) struct Field<'n> {
    /// The key.
    pub(super) key: &'n str,
    /// The value.
    pub(super) node: &'n Node,
}

impl<'n> Field<'n> {
    /// An error at this value.
    pub(super) fn error(
        self,
        id: &'static str,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Diagnostic {
        self.place(Diagnostic::error(id, message), label)
    }

    /// A warning at this value.
    pub(super) fn warning(
        self,
        id: &'static str,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Diagnostic {
        self.place(Diagnostic::warning(id, message), label)
    }

    /// `problem` at this value.
    pub(super) fn place(self, problem: Diagnostic, label: impl Into<String>) -> Diagnostic {
        let problem = problem.at(self.node.span, label);
        match &self.node.alias {
            Some(alias) => problem.context(**alias, "used here"),
            None => problem,
        }
    }

    /// Says that the value has the wrong type. `example` is how the value of the key could look.
    pub(super) fn wrong_type(self, expected: &str, example: &str, context: &mut Context) {
        // A key can be any text.
        let key = quoted(self.key);
        let key = key.trim_matches('`');
        let help = if example.starts_with('\n') {
            format!("for example:\n{key}:{example}")
        } else {
            format!("for example `{key}: {example}`")
        };
        context.push(self.mismatch(expected).help(help));
    }

    /// A diagnostic: the value has the wrong type.
    pub(super) fn mismatch(self, expected: &str) -> Diagnostic {
        let found = match &self.node.value {
            Value::Null => "nothing".to_owned(),
            Value::Scalar(scalar) if scalar.text.is_empty() => "empty text".to_owned(),
            Value::Scalar(scalar) if scalar.plain => quoted(&scalar.text),
            Value::Scalar(scalar) => format!("the text {}", quoted(&scalar.text)),
            Value::Sequence(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        };
        let label = match &self.node.value {
            Value::Null | Value::Scalar(_) => format!("expected {expected}"),
            Value::Sequence(_) | Value::Mapping(_) => format!("this is {found}"),
        };
        let message = format!("{}: expected {expected}, found {found}", quoted(self.key));
        self.error("wrong-type", message, label)
    }

    /// A command for a shell: `${…}` is the shell's own, but for what belongs to a matrix.
    pub(super) fn command(
        self,
        expected: &str,
        example: &str,
        context: &mut Context,
    ) -> Option<&'n str> {
        let text = self.written(expected, example, context)?;
        (!placeholder::left_in_command(self, text, context)).then_some(text)
    }

    /// Text as it is written, whatever it is; not empty, without NUL.
    pub(super) fn written(
        self,
        expected: &str,
        example: &str,
        context: &mut Context,
    ) -> Option<&'n str> {
        let Value::Scalar(scalar) = &self.node.value else {
            self.wrong_type(expected, example, context);
            return None;
        };
        if scalar.text.trim().is_empty() {
            self.wrong_type(expected, example, context);
            return None;
        }
        if scalar.text.contains('\0') {
            let message = format!("{}: text cannot hold a NUL character", quoted(self.key));
            context.push(self.error("bad-text", message, "it is written as `\\0` here"));
            return None;
        }
        Some(&scalar.text)
    }

    /// Text as it is written; not empty, without NUL and `${…}`.
    pub(super) fn text(
        self,
        expected: &str,
        example: &str,
        context: &mut Context,
    ) -> Option<&'n str> {
        let text = self.written(expected, example, context)?;
        if text.contains("${") {
            placeholder::refuse(self, text, context);
            return None;
        }
        Some(text)
    }

    /// A name that `T` can parse. `what` is what it names: `a channel`.
    pub(super) fn name<T>(self, what: &str, example: &str, context: &mut Context) -> Option<T>
    where
        T: FromStr<Err = InvalidName>,
    {
        let text = self.text(&format!("the name of {what}"), example, context)?;
        self.parse_name(text, what, context)
    }

    /// Like [`Field::name`], of a text that stands here.
    pub(super) fn parse_name<T>(self, text: &str, what: &str, context: &mut Context) -> Option<T>
    where
        T: FromStr<Err = InvalidName>,
    {
        match text.parse() {
            Ok(value) => Some(value),
            Err(why) => {
                let message = format!("{} is not the name of {what}", quoted(text));
                let problem = self.error("bad-name", message, why.to_string());
                let good = |c: char| c.is_ascii_alphanumeric() || "._".contains(c);
                let simple = text.to_lowercase().replace(|c| !good(c), "-");
                context.push(if simple.parse::<T>().is_ok() {
                    problem.help(format!("for example `{simple}`"))
                } else {
                    problem
                });
                None
            }
        }
    }

    /// One of some words. `what` is what they are: `a source`.
    pub(super) fn choice<T: Copy>(
        self,
        what: &str,
        choices: &[(&'static str, T)],
        context: &mut Context,
    ) -> Option<T> {
        let example = choices.first().map_or("", |(word, _)| word);
        let text = self.text(what, example, context)?;
        let chosen = choices.iter().find(|(word, _)| *word == text);
        if chosen.is_none() {
            let words = choices.iter().map(|(word, _)| *word);
            let problem = self.not_a(text, what, words, context);
            context.push(problem);
        }
        chosen.map(|(_, value)| *value)
    }

    /// A diagnostic: `text` is none of the words that `what` can be.
    pub(super) fn not_a<'w>(
        self,
        text: &str,
        what: &str,
        words: impl IntoIterator<Item = &'w str> + Clone,
        context: &Context,
    ) -> Diagnostic {
        let label = context.did_you_mean(text, words.clone()).unwrap_or_default();
        let message = format!("{} is not {what}", quoted(text));
        let all: Vec<&str> = words.into_iter().collect();
        let problem = self.error("bad-choice", message, label);
        problem.help(format!("expected {}", names(&all, "or")))
    }

    /// `true` or `false`, without quotes.
    pub(super) fn boolean(self, context: &mut Context) -> Option<bool> {
        let written = match &self.node.value {
            Value::Scalar(scalar) if scalar.plain => scalar.text.as_str(),
            _ => "",
        };
        match written {
            "true" => Some(true),
            "false" => Some(false),
            _ => {
                let expected = "`true` or `false`";
                let meant = match written.to_lowercase().as_str() {
                    "true" | "yes" | "on" | "y" => Some("true"),
                    "false" | "no" | "off" | "n" => Some("false"),
                    _ => None,
                };
                match meant {
                    None => self.wrong_type(expected, "true", context),
                    Some(meant) => {
                        let help = format!("write `{}: {meant}`", self.key);
                        context.push(self.mismatch(expected).help(help));
                    }
                }
                None
            }
        }
    }

    /// The entries of a list.
    pub(super) fn list(
        self,
        expected: &str,
        example: &str,
        context: &mut Context,
    ) -> Option<Vec<Field<'n>>> {
        let Value::Sequence(items) = &self.node.value else {
            self.wrong_type(expected, example, context);
            return None;
        };
        let key = self.key;
        Some(items.iter().map(|node| Field { key, node }).collect())
    }

    /// The entries of a mapping, each under its own key. Tells of keys that are no text and of
    /// duplicates; of duplicates all are returned. `what` is what a key names: `variable`.
    pub(super) fn entries(
        self,
        what: &str,
        expected: &str,
        example: &str,
        context: &mut Context,
    ) -> Option<Vec<Named<'n>>> {
        let Value::Mapping(entries) = &self.node.value else {
            self.wrong_type(expected, example, context);
            return None;
        };
        let mut seen = HashMap::new();
        let mut named = Vec::new();
        for entry in entries {
            let key = Field { key: self.key, node: &entry.key };
            let Value::Scalar(name) = &entry.key.value else {
                let message = format!("{}: a name must be text", quoted(self.key));
                context.push(key.error("wrong-type", message, "this is no text"));
                continue;
            };
            let name = name.text.as_str();
            match seen.get(name) {
                None => {
                    seen.insert(name, entry.key.span);
                }
                Some(first) => context.push(
                    key.error(
                        "duplicate-key",
                        format!("duplicate {what} {}", quoted(name)),
                        "again here",
                    )
                    .context(*first, "first here"),
                ),
            }
            let value = Field { key: name, node: &entry.value };
            named.push(Named { key, value });
        }
        Some(named)
    }
}

/// Words that are listed; a file could have thousands.
const MAX_NAMES: usize = 50;

/// Words in backticks: `` `a`, `b` and `c` ``.
pub(super) fn names(words: &[&str], and: &str) -> String {
    let quoted = words.iter().take(MAX_NAMES).map(|word| format!("`{word}`"));
    let more = words.len().saturating_sub(MAX_NAMES);
    let words: Vec<String> = quoted.chain((more > 0).then(|| format!("{more} more"))).collect();
    match words.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} {and} {last}", first.join(", ")),
        _ => words.concat(),
    }
}

/// An entry of a mapping.
pub(super) struct Named<'n> {
    /// The key itself, as a place for problems. Its text is `value.key`.
    pub(super) key: Field<'n>,
    /// The value under its key.
    pub(super) value: Field<'n>,
}
