//! JSON as a tree that knows its places: what `serde_json` accepts, with the places of everything in
//! the text.

use super::syntax::{Expr, ExprKind, Word};
use crate::diagnostics::{SourceId, Span};

/// Why a text is no JSON.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct JsonError {
    /// What was expected.
    pub(super) message: String,
    /// Where, in bytes.
    pub(super) at: usize,
}

/// Reads a text. Keys of objects are texts.
pub(super) fn parse(text: &str, source: SourceId) -> Result<Expr, JsonError> {
    // It says what is wrong.
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        let line = text.split_inclusive('\n').take(error.line().saturating_sub(1));
        let before: usize = line.map(str::len).sum();
        let at = (before + error.column().saturating_sub(1)).min(text.len());
        let whole = error.to_string();
        let message = whole.split(" at line ").next().unwrap_or(&whole).to_owned();
        return Err(JsonError { message, at: text.floor_char_boundary(at) });
    }
    let mut reader = Reader { text, source, at: 0, depth: 0 };
    let message = "it nests deeper than templates do";
    reader.value().ok_or_else(|| JsonError {
        message: message.to_owned(),
        at: text.floor_char_boundary(reader.at),
    })
}

/// How deep things may nest: bounds the stack, also of those who go through the tree.
const MAX_DEPTH: u32 = 64;

/// `text` as a literal.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Goes through a text that is known to be JSON.
struct Reader<'t> {
    text: &'t str,
    source: SourceId,
    at: usize,
    depth: u32,
}

impl Reader<'_> {
    fn value(&mut self) -> Option<Expr> {
        self.space();
        let start = self.at;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let kind = match self.text.as_bytes().get(start)? {
            b'{' => {
                let mut entries = Vec::new();
                self.at += 1;
                while !self.ends(b'}')? {
                    let key = self.value()?;
                    self.expect(b':')?;
                    entries.push((key, self.value()?));
                }
                ExprKind::Object(entries)
            }
            b'[' => {
                let mut elements = Vec::new();
                self.at += 1;
                while !self.ends(b']')? {
                    elements.push(self.value()?);
                }
                ExprKind::List(elements)
            }
            b'"' => ExprKind::Text(self.string()?),
            _ => self.word()?,
        };
        self.depth -= 1;
        Some(Expr { kind, span: self.since(start) })
    }

    /// Steps over a comma, or over what ends a list or an object.
    fn ends(&mut self, end: u8) -> Option<bool> {
        self.space();
        let next = *self.text.as_bytes().get(self.at)?;
        if next == end || next == b',' {
            self.at += 1;
        }
        Some(next == end)
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.space();
        (*self.text.as_bytes().get(self.at)? == byte).then(|| self.at += 1)
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        self.at += 1;
        loop {
            match bytes.get(self.at)? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }

    fn word(&mut self) -> Option<ExprKind> {
        let rest = self.text.get(self.at..)?;
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, ',' | ']' | '}');
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += word.len();
        Some(match word {
            "" => return None,
            "null" => ExprKind::Null,
            "true" => ExprKind::Bool(true),
            "false" => ExprKind::Bool(false),
            number => ExprKind::Number(number.to_owned()),
        })
    }

    fn space(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let white = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        self.at += rest.iter().take_while(white).count();
    }

    fn since(&self, start: usize) -> Span {
        Span { source: self.source, start, end: self.at }
    }
}

/// A text as a word, where it is one.
pub(super) fn word(expr: &Expr) -> Option<Word> {
    Some(Word { text: expr.as_text()?.to_owned(), span: expr.span })
}
