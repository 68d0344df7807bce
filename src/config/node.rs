//! A YAML document as a tree in which everything knows where it stands.

use crate::diagnostics::Span;

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Where it is written. A block mapping or block list has the empty place of its start.
    pub(super) span: Span,
    /// Where it is used, if that is an alias (`*name`) of a value written elsewhere. Boxed: a large
    /// file has hundreds of thousands of nodes, and few of them are.
    pub(super) alias: Option<Box<Span>>,
    /// What is written there.
    pub(super) value: Value,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Nothing, `null` or `~`.
    Null,
    /// Text, a number, `true`: YAML's guess at a type is not made.
    Scalar(Scalar),
    /// A list.
    Sequence(Vec<Node>),
    /// Keys and values in the order of the file, with every duplicate.
    Mapping(Vec<Entry>),
}

/// A scalar as it is written: `1.10` is `1.10`, `007` is `007`, `no` is `no`.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    /// The text; quotes, escapes and folded lines are resolved.
    pub(super) text: String,
    /// Whether it is written without quotes and not as a block.
    pub(super) plain: bool,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The key: in this format always text, in YAML anything.
    pub(super) key: Node,
    /// The value.
    pub(super) value: Node,
}

/// How much a node holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// About how many bytes of memory.
    pub(super) bytes: usize,
    /// How deep it is nested; 1 for a scalar.
    pub(super) height: usize,
}

impl Node {
    /// How much the node holds, with all that is in it.
    pub(super) fn extent(&self) -> Extent {
        let inside: Vec<&Node> = match &self.value {
            Value::Null | Value::Scalar(_) => Vec::new(),
            Value::Sequence(items) => items.iter().collect(),
            Value::Mapping(entries) => entries.iter().flat_map(|e| [&e.key, &e.value]).collect(),
        };
        let text = match &self.value {
            Value::Scalar(scalar) => scalar.text.len(),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => 0,
        };
        inside.into_iter().map(Self::extent).fold(
            Extent { bytes: size_of::<Self>() + text, height: 1 },
            |sum, child| Extent {
                bytes: sum.bytes + child.bytes,
                height: sum.height.max(child.height + 1),
            },
        )
    }
}
