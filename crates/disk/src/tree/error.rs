//! Why a file could not be read.

use crate::unreadable::Why;

/// Why a file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "`path` is what its name says")]
pub enum TreeError {
    /// There is no such file.
    #[error("there is no `{}`", printable(path))]
    NotFound { path: Vec<u8> },
    /// A folder was expected.
    #[error("`{}` is no folder", printable(path))]
    NotAFolder { path: Vec<u8> },
    /// A regular file was expected.
    #[error("`{}` is no regular file", printable(path))]
    NotAFile { path: Vec<u8> },
    /// A symbolic link was expected.
    #[error("`{}` is no link", printable(path))]
    NotALink { path: Vec<u8> },
    /// Links lead to links.
    #[error("too many links on the way to `{}`", printable(path))]
    TooManyLinks { path: Vec<u8> },
    /// Folders lie in folders, perhaps in a circle.
    #[error("`{}` lies too deep", printable(path))]
    TooDeep { path: Vec<u8> },
    /// There are more files than may be looked at.
    #[error("more than {limit} files: the rest was not looked at")]
    TooManyFiles { limit: u64 },
    /// The file is larger than what was asked for.
    #[error("`{}` has {size} bytes, more than {limit}", printable(path))]
    TooLarge { path: Vec<u8>, size: u64, limit: u64 },
    /// Something should be mounted here that was not found or cannot be read.
    #[error("`{}` is not part of what was read: {why}", printable(path))]
    NotMounted { path: Vec<u8>, why: String },
    /// The file system cannot be read here.
    #[error("`{}` {why}", printable(path))]
    Unreadable { path: Vec<u8>, why: Why },
}

impl TreeError {
    pub(super) fn unreadable(path: &[u8], why: Why) -> Self {
        Self::Unreadable { path: path.to_vec(), why }
    }

    /// Is nothing there? Every other error means that something may be there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::NotAFolder { .. })
    }
}

/// A path for people: what is no printable UTF-8 is escaped.
fn printable(path: &[u8]) -> String {
    path.utf8_chunks()
        .flat_map(|chunk| {
            let valid = chunk.valid().chars().flat_map(char::escape_debug).collect::<String>();
            let invalid = chunk.invalid().iter().map(|byte| format!("\\x{byte:02x}"));
            std::iter::once(valid).chain(invalid).collect::<Vec<_>>()
        })
        .collect()
}
