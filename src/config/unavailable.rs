//! What belongs to the format and not to this version of goldsmith.
//!
//! It is told apart from slips, so that nobody looks for one; and it is never ignored, so that
//! nobody relies on it.

use super::field::Field;
use crate::diagnostics::{Diagnostic, quoted};

const ID: &str = "not-available-yet";
const LABEL: &str = "part of the format; this version of goldsmith cannot do it";

/// A key.
pub(super) fn key(field: Field<'_>, name: &str) -> Diagnostic {
    field.error(ID, format!("`{name}` is not available yet"), LABEL)
}

/// A value.
pub(super) fn value(field: Field<'_>, value: &str) -> Diagnostic {
    let message = format!("{}: {} is not available yet", quoted(field.key), quoted(value));
    field.error(ID, message, LABEL)
}
