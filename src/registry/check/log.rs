//! Reading a log of which some entries cannot be read.

use std::collections::BTreeSet;

use super::cure::BACKUP;
use crate::model::{Flaw, ImageName, LogEntry};
use crate::registry::{Registry, RegistryError, layout};

/// What could be read of a log.
pub(super) struct Read {
    /// The entries; not all of them, if something is wrong.
    pub(super) log: Vec<LogEntry>,
    pub(super) flaws: Vec<Flaw>,
    /// Whether the entries are all that there are.
    pub(super) is_whole: bool,
}

/// Reads the log of `image`, and says what of it cannot be read. `listed` are the entries that there
/// are.
pub(super) async fn read(
    registry: &dyn Registry,
    image: &ImageName,
    listed: Option<&BTreeSet<u64>>,
) -> Result<Read, RegistryError> {
    let mut read = Read { log: Vec::new(), flaws: Vec::new(), is_whole: true };
    let mut after = 0;
    loop {
        let error = match registry.log(image, after).await {
            Ok(more) => {
                read.log.extend(more);
                return Ok(read);
            }
            Err(error) => error,
        };
        read.is_whole = false;
        let Some(seq) = entry_of(&error).filter(|seq| *seq > after) else { return Err(error) };
        let (place, what) = told(registry, &error);
        let next = listed.and_then(|listed| listed.range(seq + 1..).next().copied());
        let flaw = match (&error, next) {
            (RegistryError::Gap { .. }, Some(next)) => {
                // A stray file with a large number is one gap.
                after = next - 1;
                let what = match next - seq {
                    1 => what,
                    _ => format!("is missing, and so is all up to entry {}", next - 1),
                };
                Flaw::broken(place, what).cured_by(BACKUP)
            }
            (RegistryError::TooNew { .. }, _) => {
                after = seq;
                Flaw::broken(place, what).cured_by("check it with the goldsmith that wrote it")
            }
            _ => {
                after = seq;
                Flaw::broken(place, what).cured_by(BACKUP)
            }
        };
        let is_gap_at_the_end = matches!(error, RegistryError::Gap { .. }) && next.is_none();
        read.flaws.push(flaw);
        if is_gap_at_the_end {
            return Ok(read);
        }
    }
}

/// The file that `error` is about, and what is the matter with it.
pub(super) fn told(registry: &dyn Registry, error: &RegistryError) -> (String, String) {
    match error {
        RegistryError::Damaged { path, source } => (path.clone(), format!("is damaged: {source}")),
        RegistryError::Gap { path } => {
            (path.clone(), "is missing, although there are later entries".to_owned())
        }
        RegistryError::Misplaced { path, claim } => {
            (path.clone(), format!("says that it is {claim}"))
        }
        RegistryError::TooNew { path, schema, known } => {
            (path.clone(), format!("has schema {schema}, and this goldsmith knows up to {known}"))
        }
        RegistryError::Access { path, source, .. } => {
            (path.clone(), format!("cannot be read: {source}"))
        }
        other => (registry.location().to_owned(), format!("is not right: {other}")),
    }
}

/// The number of the entry that `error` is about, if it is about one.
fn entry_of(error: &RegistryError) -> Option<u64> {
    let (RegistryError::Damaged { path, .. }
    | RegistryError::Gap { path }
    | RegistryError::Misplaced { path, .. }
    | RegistryError::TooNew { path, .. }
    | RegistryError::Access { path, .. }) = error
    else {
        return None;
    };
    layout::entry_seq(path.rsplit('/').next()?)
}
