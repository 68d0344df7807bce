//! Where the values of something stand, for problems that are found only later: in the files that
//! they name.

use std::sync::Arc;

use super::Span;

/// Where the values of one entry of a file stand.
#[derive(Debug, Clone)]
pub struct Places {
    /// Its key.
    pub name: Span,
    /// Its values, by what stands before them: `template`, `vars.disk_size`, `var_files.0`. A few,
    /// and looked up where something is wrong: a list is enough.
    pub values: Box<[(Arc<str>, Span)]>,
}

impl Places {
    /// Where a value stands. Of what is not written, the entry's key.
    pub fn of(&self, key: &str) -> Span {
        let found = self.values.iter().find(|(path, _)| **path == *key);
        found.map_or(self.name, |(_, span)| *span)
    }
}
