//! Sizes: `512M`, `8G`.

use super::context::Context;
use super::field::Field;
use crate::diagnostics::quoted;

/// Units, as powers of 1024.
const UNITS: [(char, u32); 4] = [('K', 1), ('M', 2), ('G', 3), ('T', 4)];

/// Reads a size in bytes.
pub(super) fn read(field: Field<'_>, context: &mut Context) -> Option<u64> {
    let text = field.text("a size", "8G", context)?;
    let size = parse(text);
    if size.is_none() {
        let message = format!("{} is not a size", quoted(text));
        let label = "expected a whole number and a unit: `K`, `M`, `G` or `T`, such as `8G`";
        context.push(field.error("bad-size", message, label));
    }
    size
}

/// The size in bytes that `text` says.
pub(super) fn parse(text: &str) -> Option<u64> {
    let unit = text.chars().next_back()?;
    let (_, power) = UNITS.iter().find(|(known, _)| *known == unit)?;
    let number: u64 = text.strip_suffix(unit)?.parse().ok()?;
    // `parse` admits a sign.
    let digits = text.bytes().next().is_some_and(|byte| byte.is_ascii_digit());
    number.checked_mul(1024_u64.pow(*power)).filter(|size| *size > 0 && digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_form() {
        assert_eq!(parse("8G"), Some(8 << 30));
        assert_eq!(parse("512M"), Some(512 << 20));
        for text in ["", "G", "8", "8g", "8GB", "8 G", "-8G", "+8G", "1.5G", "0G", "99999999999T"] {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
