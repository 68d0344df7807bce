//! Walks a folder as git would see it.

use std::fs::FileType;

use camino::{Utf8Path, Utf8PathBuf};
use ignore::WalkBuilder;

use super::DefinitionError;
use crate::template::COPIES;

/// Everything in `folder` that git would not ignore, except what `concerns` says no to and copies of
/// templates that goldsmith builds from, with what it is. Links are not followed.
///
/// What git would ignore is decided up to the root of the repository and no further, wherever it is
/// checked out; without one, by the folder itself.
pub(super) fn walk<C: Fn(&Utf8Path) -> bool + Send + Sync + 'static>(
    folder: &Utf8Path,
    concerns: C,
) -> impl Iterator<Item = Result<(Utf8PathBuf, FileType), DefinitionError>> + use<C> {
    let in_repository =
        folder.ancestors().any(|folder| folder.join(".git").symlink_metadata().is_ok());
    let walk = WalkBuilder::new(folder)
        .hidden(false)
        .ignore(false)
        .git_global(false)
        .git_exclude(false)
        .require_git(in_repository)
        .parents(in_repository)
        .follow_links(false)
        .filter_entry(move |entry| {
            entry.file_name() != ".git"
                && !entry.file_name().as_encoded_bytes().starts_with(COPIES.as_bytes())
                // What is not UTF-8 is told below, by name, where anybody is concerned.
                && concerns(Utf8Path::new(&entry.path().to_string_lossy()))
        })
        .build();
    walk.filter_map(|entry| {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => return Some(Err(error.into())),
        };
        // The standard input has no type; a folder is walked and it does not occur.
        let kind = entry.file_type()?;
        let path = Utf8PathBuf::try_from(entry.into_path())
            .map_err(|error| DefinitionError::NotUtf8(error.as_path().display().to_string()));
        Some(path.map(|path| (path, kind)))
    })
}
