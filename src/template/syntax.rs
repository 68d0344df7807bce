//! HCL as a tree that knows its places: what is needed to understand it, and nothing for writing it
//! back. Edits are made on the original text.

use crate::diagnostics::Span;

/// A file, or what stands between the braces of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// Attributes and blocks, in order.
    pub items: Vec<Item>,
}

/// Something in a [`Body`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// `name = value`
    Attribute(Attribute),
    /// `name "label" { … }`
    Block(Block),
}

/// `name = value`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// The name.
    pub name: Word,
    /// The value.
    pub value: Expr,
    /// All of it.
    pub span: Span,
}

/// `name "label" { … }`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The name: what kind of block it is.
    pub name: Word,
    /// The labels, without quotes.
    pub labels: Vec<Word>,
    /// What stands between the braces.
    pub body: Body,
    /// All of it, braces included.
    pub span: Span,
}

/// A name, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The name.
    pub text: String,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// What an expression is. Parentheses leave no trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExprKind {
    /// `null`
    Null,
    /// `true`
    Bool(bool),
    /// `1.5`, as it is written.
    Number(String),
    /// Text without anything to fill in, escapes resolved.
    Text(String),
    /// Text with something to fill in: quoted, or a heredoc.
    Template(Vec<Piece>),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `{ a = b }`. A key that is a bare word is a text.
    Object(Vec<(Expr, Expr)>),
    /// `var`, or a variable of a `for`.
    Name(String),
    /// `var.list[0].name`
    Access(Box<Expr>, Vec<Step>),
    /// `file("a")`
    Call {
        /// The function: `file`, `core::length`.
        function: String,
        /// Its arguments.
        arguments: Vec<Expr>,
        /// Whether the last argument is spread with `...`.
        spread: bool,
    },
    /// `condition ? then : otherwise`
    Choice(Box<[Expr; 3]>),
    /// `!a`, `-a`
    Unary(&'static str, Box<Expr>),
    /// `a == b`
    Binary(&'static str, Box<[Expr; 2]>),
    /// `[for a in b : c]`, `{for a, b in c : d => e}`
    For(Box<For>),
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Text(String),
    /// `${…}`
    Value(Expr),
    /// `%{if …}` or `%{for …}`, with all expressions in it.
    Directive(Vec<Expr>),
}

/// A step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `.name`
    Attribute(String),
    /// `[index]`
    Index(Expr),
    /// `.*` or `[*]`
    Splat,
}

/// A `for` expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct For {
    /// The variable for keys or positions.
    pub key_name: Option<String>,
    /// The variable for values.
    pub value_name: String,
    /// What is gone through.
    pub collection: Expr,
    /// The key of an element, if an object is made.
    pub key: Option<Expr>,
    /// The element.
    pub value: Expr,
    /// Which elements are kept.
    pub condition: Option<Expr>,
    /// Whether elements of the same key are collected with `...`.
    pub grouping: bool,
}

impl Body {
    /// The attributes, in order.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.items.iter().filter_map(|item| match item {
            Item::Attribute(attribute) => Some(attribute),
            Item::Block(_) => None,
        })
    }

    /// The attribute `name`; HCL has no two of the same name in a body.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes().find(|attribute| attribute.name.text == name)
    }

    /// The blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.items.iter().filter_map(|item| match item {
            Item::Attribute(_) => None,
            Item::Block(block) => Some(block),
        })
    }

    /// The blocks called `name`, in order.
    pub fn blocks_named(&self, name: &str) -> impl Iterator<Item = &Block> {
        self.blocks().filter(move |block| block.name.text == name)
    }
}

impl Block {
    /// The text of the label at `position`, from 0.
    pub fn label(&self, position: usize) -> Option<&str> {
        self.labels.get(position).map(|label| label.text.as_str())
    }
}

impl Expr {
    /// The text, if it is one without anything to fill in.
    pub fn as_text(&self) -> Option<&str> {
        match &self.kind {
            ExprKind::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a literal that is one value: a text, a number, a truth value.
    pub fn literal(&self) -> Option<String> {
        match &self.kind {
            ExprKind::Text(text) | ExprKind::Number(text) => Some(text.clone()),
            ExprKind::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }

    /// The expressions directly inside of this one, in the order of the text.
    pub fn children(&self) -> Vec<&Self> {
        match &self.kind {
            ExprKind::Null
            | ExprKind::Bool(_)
            | ExprKind::Number(_)
            | ExprKind::Text(_)
            | ExprKind::Name(_) => Vec::new(),
            ExprKind::Template(pieces) => pieces
                .iter()
                .flat_map(|piece| match piece {
                    Piece::Text(_) => &[],
                    Piece::Value(value) => std::slice::from_ref(value),
                    Piece::Directive(inside) => inside.as_slice(),
                })
                .collect(),
            ExprKind::List(elements) => elements.iter().collect(),
            ExprKind::Object(entries) => {
                entries.iter().flat_map(|(key, value)| [key, value]).collect()
            }
            ExprKind::Access(value, steps) => std::iter::once(&**value)
                .chain(steps.iter().filter_map(|step| match step {
                    Step::Index(index) => Some(index),
                    Step::Attribute(_) | Step::Splat => None,
                }))
                .collect(),
            ExprKind::Call { arguments, .. } => arguments.iter().collect(),
            ExprKind::Choice(parts) => parts.iter().collect(),
            ExprKind::Unary(_, operand) => vec![operand],
            ExprKind::Binary(_, operands) => operands.iter().collect(),
            ExprKind::For(all) => {
                [Some(&all.collection), all.key.as_ref(), Some(&all.value), all.condition.as_ref()]
                    .into_iter()
                    .flatten()
                    .collect()
            }
        }
    }
}
