//! Values of a file inside messages.

use std::borrow::Cow;

/// Longest part of a value that a message repeats, in characters.
const MAX_SHOWN: usize = 60;

/// `value` in backticks: shortened, and with its control and direction characters escaped, so that
/// a file cannot break a message apart or speak to a terminal.
pub fn quoted(value: &str) -> String {
    let shown = escaped(value.chars().take(MAX_SHOWN));
    match value.chars().nth(MAX_SHOWN) {
        None => format!("`{shown}`"),
        Some(_) => format!("`{shown}…`"),
    }
}

fn escaped(text: impl Iterator<Item = char>) -> String {
    let mut shown = String::new();
    for character in text {
        if is_hidden(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// `text` with its hidden characters escaped, so that it stays on its line and does not speak to a
/// terminal.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    if text.contains(is_hidden) { Cow::Owned(escaped(text.chars())) } else { Cow::Borrowed(text) }
}

/// Whether a character would act on a terminal or change the order of text instead of showing.
pub(super) fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_values_are_shown_and_not_obeyed() {
        assert_eq!(quoted("a\n\u{1b}[31m\u{202e}é"), "`a\\n\\u{1b}[31m\\u{202e}é`");
        assert_eq!(quoted(&"x".repeat(61)), format!("`{}…`", "x".repeat(60)));
        assert_eq!(quoted(""), "``");
    }
}
