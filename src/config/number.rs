//! Whole numbers.

use super::context::Context;
use super::field::Field;
use crate::diagnostics::quoted;

/// Reads a whole number between `least` and `most`.
pub(super) fn read(
    field: Field<'_>,
    (least, most): (u32, u32),
    context: &mut Context,
) -> Option<u32> {
    let text = field.text("a whole number", &least.to_string(), context)?;
    let number = text.parse().ok().filter(|number| {
        (least..=most).contains(number) && text.bytes().all(|byte| byte.is_ascii_digit())
    });
    if number.is_none() {
        let message = format!("{}: {} is not possible", quoted(field.key), quoted(text));
        let label = format!("expected a whole number from {least} to {most}");
        context.push(field.error("bad-number", message, label));
    }
    number
}
