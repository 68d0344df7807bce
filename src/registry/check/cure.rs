//! What to do about what a check finds.

/// What [`repair`](crate::registry::repair) cures.
pub(super) const REPAIR: &str = "`goldsmith registry repair` makes it again from the log";

/// What nothing but an earlier copy cures.
pub(super) const BACKUP: &str =
    "nothing else says what stood there: restore the file from a backup of the registry";
