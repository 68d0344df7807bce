//! Text from packages, guests, templates and logs, made fit for one line of a terminal.

use std::borrow::Cow;

use unicode_width::UnicodeWidthChar as _;

/// The text without terminal escapes, and with everything else that could move the cursor, break
/// the line or reorder what is read replaced by a space.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(misleads) {
        return Cow::Borrowed(text);
    }
    let stripped = anstream::adapter::strip_str(text).to_string();
    let line: String = stripped.chars().map(|c| if misleads(c) { ' ' } else { c }).collect();
    Cow::Owned(line.trim().to_owned())
}

/// Control characters, line separators, and the invisible ones that change direction or join words.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{2069}'
                | '\u{feff}'
        )
}

/// The text, cut to this many columns with an ellipsis when it is longer.
pub fn shorten(text: &str, columns: usize) -> Cow<'_, str> {
    let mut used = 0;
    let mut cut = 0;
    for (index, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > columns {
            return Cow::Owned(format!("{}…", text[..cut].trim_end()));
        }
        // The ellipsis needs a column of its own.
        if used < columns {
            cut = index + c.len_utf8();
        }
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr as _;

    use super::*;

    #[test]
    fn escapes_and_line_breaks_do_not_get_through() {
        let shown = [
            "plain text, ünïcode ok",
            "\u{1b}[31mred\u{1b}[0m and \u{1b}]0;title\u{7}done",
            "two\r\nlines\tand a tab",
            "reads \u{202e}sdrawkcab\u{202c} here",
            "\u{9b}31m eight-bit",
        ]
        .map(one_line);
        insta::assert_snapshot!(shown.join("\n"), @"
        plain text, ünïcode ok
        red and done
        two  lines and a tab
        reads  sdrawkcab  here
        31m eight-bit
        ");
    }

    proptest! {
        #[test]
        fn a_shortened_line_fits_and_keeps_its_beginning(text in "\\PC{0,40}", columns in 1usize..30) {
            let text = one_line(&text);
            let short = shorten(&text, columns);
            prop_assert!(short.width() <= columns.max(1), "{short:?}");
            prop_assert!(text.starts_with(short.trim_end_matches('…')));
        }

        #[test]
        fn nothing_that_misleads_is_left(text in ".{0,60}") {
            prop_assert!(!one_line(&text).chars().any(misleads));
        }
    }
}
