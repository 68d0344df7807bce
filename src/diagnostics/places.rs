//! Where the values of something stand, for problems that are found only later: in the files that
//! they name.

use std::collections::HashMap;

use super::Span;

/// Where the values of one entry of a file stand.
#[derive(Debug, Clone)]
pub struct Places {
    /// Its key.
    pub name: Span,
    /// Its values, by what stands before them: `template`, `vars.disk_size`, `var_files.0`.
    pub values: HashMap<String, Span>,
}

impl Places {
    /// Where a value stands. Of what is not written, the entry's key.
    pub fn of(&self, key: &str) -> Span {
        self.values.get(key).copied().unwrap_or(self.name)
    }
}
