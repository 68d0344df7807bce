//! What an expression of a template comes to, as far as it can be told without Packer.

use std::rc::Rc;

use indexmap::IndexMap;

/// Longest text that is put together. Paths are shorter; what is longer is a file's content.
pub(super) const MAX_TEXT: usize = 64 * 1024;

/// A value. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Nothing.
    Null,
    /// A truth value.
    Bool(bool),
    /// A number, as it is written.
    Number(Rc<str>),
    /// Text.
    Text(Rc<str>),
    /// A list, a set or a tuple.
    List(Rc<Vec<Value>>),
    /// A map or an object.
    Object(Rc<IndexMap<String, Value>>),
}

/// Why a value cannot be told: a clause for people, in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown(pub(super) String);

impl Unknown {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

impl Value {
    /// Text, unless it is too long.
    pub(super) fn text(text: impl AsRef<str> + Into<Rc<str>>) -> Result<Self, Unknown> {
        if text.as_ref().len() > MAX_TEXT {
            return Err(Unknown::because("the text is too long"));
        }
        Ok(Self::Text(text.into()))
    }

    /// A list.
    pub(super) fn list(elements: Vec<Self>) -> Self {
        Self::List(Rc::new(elements))
    }

    /// The value as it stands in a text.
    pub(super) fn in_text(&self) -> Result<Rc<str>, Unknown> {
        match self {
            Self::Text(text) | Self::Number(text) => Ok(text.clone()),
            Self::Bool(value) => Ok(value.to_string().into()),
            Self::Null => Err(Unknown::because("it is null")),
            Self::List(_) | Self::Object(_) => Err(Unknown::because("it is no text")),
        }
    }

    /// The elements of a list, a set or a tuple.
    pub(super) fn elements(&self) -> Result<&[Self], Unknown> {
        match self {
            Self::List(elements) => Ok(elements),
            _ => Err(Unknown::because("it is no list")),
        }
    }

    /// Keys and values, as a `for` goes through them: a list by position, an object by key.
    pub(super) fn entries(&self) -> Result<Vec<(Self, Self)>, Unknown> {
        match self {
            Self::List(elements) => Ok(elements
                .iter()
                .enumerate()
                .map(|(position, value)| (Self::Number(position.to_string().into()), value.clone()))
                .collect()),
            Self::Object(entries) => Ok(entries
                .iter()
                .map(|(key, value)| (Self::Text(key.as_str().into()), value.clone()))
                .collect()),
            _ => Err(Unknown::because("it is neither a list nor a map")),
        }
    }
}
