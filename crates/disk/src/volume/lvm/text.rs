//! The language of LVM2's metadata: `key = value`, `section { … }`, comments from `#` on.

use std::collections::BTreeMap;

/// Sections within sections; LVM2 uses three.
const DEPTH: usize = 8;
/// Values and sections of a text.
const NODES: usize = 200_000;

/// A section.
pub(super) type Section = BTreeMap<String, Value>;

/// What stands behind a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Number(i64),
    Text(String),
    List(Vec<Value>),
    Section(Section),
}

impl Value {
    pub(super) fn section(&self) -> Option<&Section> {
        if let Self::Section(section) = self { Some(section) } else { None }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(super) fn number(&self) -> Option<u64> {
        if let Self::Number(number) = self { u64::try_from(*number).ok() } else { None }
    }

    pub(super) fn list(&self) -> &[Value] {
        if let Self::List(list) = self { list } else { &[] }
    }
}

/// Reads a text. `None` if it breaks the rules.
pub(super) fn parse(text: &str) -> Option<Section> {
    let mut parser = Parser { rest: text.trim_end_matches('\0'), nodes: NODES };
    let section = parser.section(DEPTH)?;
    parser.space();
    parser.rest.is_empty().then_some(section)
}

struct Parser<'t> {
    rest: &'t str,
    nodes: usize,
}

impl<'t> Parser<'t> {
    fn space(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            let Some(comment) = self.rest.strip_prefix('#') else { return };
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        }
    }

    /// Takes this, if it comes next.
    fn take(&mut self, expected: char) -> bool {
        self.space();
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes what belongs to a word; it may be empty.
    fn word(&mut self) -> &'t str {
        self.space();
        let part = |c: char| c.is_ascii_alphanumeric() || "_-.+/@".contains(c);
        let end = self.rest.find(|c| !part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn count(&mut self) -> Option<()> {
        self.nodes = self.nodes.checked_sub(1)?;
        Some(())
    }

    /// The inside of a section, up to what does not belong to it.
    fn section(&mut self, depth: usize) -> Option<Section> {
        let mut section = Section::new();
        loop {
            let key = self.word();
            if key.is_empty() {
                return Some(section);
            }
            self.count()?;
            let value = if self.take('=') {
                self.value()?
            } else if self.take('{') {
                let inside = self.section(depth.checked_sub(1)?)?;
                self.take('}').then_some(Value::Section(inside))?
            } else {
                return None;
            };
            section.insert(key.to_owned(), value);
        }
    }

    fn value(&mut self) -> Option<Value> {
        if !self.take('[') {
            return self.scalar();
        }
        let mut list = Vec::new();
        while !self.take(']') {
            self.count()?;
            list.push(self.scalar()?);
            self.take(',');
        }
        Some(Value::List(list))
    }

    fn scalar(&mut self) -> Option<Value> {
        if !self.take('"') {
            return self.word().parse().ok().map(Value::Number);
        }
        let mut text = String::new();
        let mut letters = self.rest.char_indices();
        loop {
            match letters.next()?.1 {
                '"' => break,
                '\\' => text.push(letters.next()?.1),
                letter => text.push(letter),
            }
        }
        self.rest = letters.as_str();
        Some(Value::Text(text))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_becomes_sections() {
        let text = "vg { # comment\n id = \"a\\\"b\"\n seqno = 3\n list = [\"READ\", 7]\n x { y { } } }\ncontents = \"t\"\n\0";
        insta::assert_debug_snapshot!(parse(text), @r#"
        Some(
            {
                "contents": Text(
                    "t",
                ),
                "vg": Section(
                    {
                        "id": Text(
                            "a\"b",
                        ),
                        "list": List(
                            [
                                Text(
                                    "READ",
                                ),
                                Number(
                                    7,
                                ),
                            ],
                        ),
                        "seqno": Number(
                            3,
                        ),
                        "x": Section(
                            {
                                "y": Section(
                                    {},
                                ),
                            },
                        ),
                    },
                ),
            },
        )
        "#);
    }

    #[test]
    fn what_nests_too_deep_is_refused() {
        assert_eq!(parse(&"a {".repeat(100_000)), None);
        assert_eq!(parse(&format!("a = [{}]", "1,".repeat(NODES + 1))), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_fail(text in "[a-c{}=\\[\\]\"\\\\#, 0-9\n]{0,200}") {
            let _ = parse(&text);
        }
    }
}
