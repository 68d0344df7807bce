//! Text with placeholders that a run fills in: `${version}`, `${parents.debian-12.path}`.

use std::fmt;

use serde::Serialize;

use super::ImageName;

/// Text, some pieces of which are known only in a run.
///
/// Displays as it is written in `images.yml`, placeholders unexpanded: so it can be part of a
/// definition digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(into = "String")]
pub struct Text(Vec<Piece>);

/// A piece of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Text as it stands.
    Literal(String),
    /// What a run knows.
    Placeholder(Placeholder),
}

/// Something that only a run knows (design §4, "Substitution").
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Placeholder {
    /// `${version}`: the version that is being built.
    Version,
    /// `${date}`: the day of the version, `20261123`.
    Date,
    /// `${git.sha}`: the commit that is built from.
    GitSha,
    /// `${image}`: the name of the image.
    Image,
    /// `${scratch_name}`: a name that nothing else has.
    ScratchName,
    /// `${output_dir}`: where the artifact goes.
    OutputDir,
    /// `${vmid}`: the id of the virtual machine, on Proxmox VE.
    Vmid,
    /// `${parents.NAME.…}`: something of the parent's version that is built upon.
    Parent {
        /// The parent, one of the image's `parents`.
        image: ImageName,
        /// What of it.
        what: ParentFact,
    },
    /// `${env.NAME}`: an environment variable that `env` of the image lists.
    Env(String),
}

/// What of a parent a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParentFact {
    /// Its version.
    Version,
    /// Where its disk lies on this machine.
    Path,
    /// The digest of its disk, as hexadecimal digits.
    Digest,
    /// The id of its template, on Proxmox VE.
    Vmid,
}

impl ParentFact {
    /// Every fact with its word.
    pub const ALL: [(&'static str, Self); 4] = [
        ("version", Self::Version),
        ("path", Self::Path),
        ("digest", Self::Digest),
        ("vmid", Self::Vmid),
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, fact)| *fact == self).map_or("", |(word, _)| word)
    }
}

impl Text {
    /// Text of these pieces.
    pub fn new(pieces: Vec<Piece>) -> Self {
        Self(pieces)
    }

    /// The placeholders, in the order of the text.
    pub fn placeholders(&self) -> impl Iterator<Item = &Placeholder> {
        self.0.iter().filter_map(|piece| match piece {
            Piece::Literal(_) => None,
            Piece::Placeholder(placeholder) => Some(placeholder),
        })
    }

    /// The text with its placeholders filled in by `value`; its first error if it has one.
    pub fn fill<E>(
        &self,
        mut value: impl FnMut(&Placeholder) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut filled = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => filled.push_str(text),
                Piece::Placeholder(placeholder) => filled.push_str(&value(placeholder)?),
            }
        }
        Ok(filled)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        match text {
            "" => Self::default(),
            text => Self(vec![Piece::Literal(text.to_owned())]),
        }
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.to_string()
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => f.write_str(text)?,
                Piece::Placeholder(placeholder) => write!(f, "{placeholder}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => f.write_str("${version}"),
            Self::Date => f.write_str("${date}"),
            Self::GitSha => f.write_str("${git.sha}"),
            Self::Image => f.write_str("${image}"),
            Self::ScratchName => f.write_str("${scratch_name}"),
            Self::OutputDir => f.write_str("${output_dir}"),
            Self::Vmid => f.write_str("${vmid}"),
            Self::Parent { image, what } => write!(f, "${{parents.{image}.{}}}", what.as_str()),
            Self::Env(name) => write!(f, "${{env.{name}}}"),
        }
    }
}
