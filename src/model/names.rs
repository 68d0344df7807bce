//! Names that must not be mixed up, each with its own type.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use super::as_text::serde_as_text;

/// Longest accepted name. Version and file suffixes still fit into a 255-byte file name.
const MAX_NAME: usize = 100;

/// Why a name was refused. The user's fault: it stands in a file or on the command line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidName {
    /// The name has no characters.
    #[error("a name cannot be empty")]
    Empty,
    /// The name is longer than a file name can be.
    #[error("a name has at most {MAX_NAME} characters, this one has {0}")]
    TooLong(usize),
    /// The name has a character that is not safe in paths, URLs and tags.
    #[error("`{0}` is not allowed in a name: use a-z, 0-9, `.`, `_` and `-`")]
    Character(char),
    /// The name starts or ends with a character that is only allowed inside.
    #[error("a name starts and ends with a letter or a digit")]
    Edge,
    /// The name has `..`, which means the parent folder in a path.
    #[error("`..` is not allowed in a name")]
    DoubleDot,
}

fn check(text: &str) -> Result<(), InvalidName> {
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().next_back()) else {
        return Err(InvalidName::Empty);
    };
    if text.len() > MAX_NAME {
        return Err(InvalidName::TooLong(text.chars().count()));
    }
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
    if let Some(c) = text.chars().find(|c| !inside(*c)) {
        return Err(InvalidName::Character(c));
    }
    if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() {
        return Err(InvalidName::Edge);
    }
    if text.contains("..") {
        return Err(InvalidName::DoubleDot);
    }
    Ok(())
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $type(String);

        impl $type {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $type {
            type Err = InvalidName;

            fn from_str(text: &str) -> Result<Self, InvalidName> {
                check(text).map(|()| Self(text.to_owned()))
            }
        }

        serde_as_text!($type);

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// The name of an image in the catalog: `debian-12`. Safe as a path segment, a tag and a URL segment.
    ImageName
}

name! {
    /// The name of a channel: `candidate`, `stable`. Safe as a path segment, a tag and a URL segment.
    ChannelName
}

impl ChannelName {
    /// The channel that a version which passes enters where nothing is said.
    pub fn candidate() -> Self {
        Self("candidate".to_owned())
    }
}

name! {
    /// The identity of a run: its start in UTC and a random tail, `20261123t102646z-5f3a9c`.
    ///
    /// Sorts by start time, so that folders of runs list in order.
    RunId
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_paths_and_tags() {
        for good in ["debian-12", "k8s-1.34-debian-12", "a", "0", "talos_1.11"] {
            assert!(good.parse::<ImageName>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("", InvalidName::Empty),
            ("..", InvalidName::Edge),
            ("a..b", InvalidName::DoubleDot),
            ("a/b", InvalidName::Character('/')),
            ("Debian", InvalidName::Character('D')),
            ("-a", InvalidName::Edge),
            ("a.", InvalidName::Edge),
            ("a\0", InvalidName::Character('\0')),
        ] {
            assert_eq!(bad.parse::<ImageName>().unwrap_err(), why, "{bad:?}");
        }
        assert_eq!("a".repeat(101).parse::<ImageName>().unwrap_err(), InvalidName::TooLong(101));
    }
}
