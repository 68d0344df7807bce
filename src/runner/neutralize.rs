//! Makes what children print safe to print again: it cannot command the runner, and it cannot play
//! tricks on a terminal.
//!
//! Switching commands off with `stop-commands` would not do: Forgejo's runner keeps that state for
//! the whole job, and runners that descend from act would print later secrets in clear.

use std::mem;

/// Bytes of a line. Longer ones are broken.
const MAX_LINE: usize = 16 * 1024;

/// What keeps a command from being one.
const BREAK: char = '\\';

/// The lines of `text` as they can be printed, whatever a child wrote.
///
/// No line is a command to any runner, nor becomes one if its colours are removed or something is
/// put before it. Control characters are gone, and so are escape sequences other than colours, which
/// end with their line.
pub fn neutralize(text: &str) -> Vec<String> {
    text.split('\n')
        // A progress line that was drawn again and again becomes a line each time.
        .flat_map(|line| line.trim_end_matches('\r').split('\r'))
        .flat_map(neutral_lines)
        .collect()
}

/// One line, in as many lines as its length asks for.
fn neutral_lines(line: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = Line::default();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if current.text.len() >= MAX_LINE {
            lines.push(mem::take(&mut current).finish());
        }
        rest = &rest[c.len_utf8()..];
        if c == '\x1b' {
            let sequence;
            (sequence, rest) = rest.split_at(escape_sequence(rest).unwrap_or(0));
            if is_colour(sequence) {
                current.colour(sequence);
            }
        } else if !is_unprintable(c) {
            current.push(c);
        }
    }
    lines.push(current.finish());
    lines
}

/// A line in the making.
#[derive(Default)]
struct Line {
    text: String,
    /// The last two of its printable ASCII characters, and how many there were.
    ///
    /// Only these count in recognising a command: GitHub's runner compares as its culture asks, to
    /// which spaces at the start and invisible characters are nothing.
    last: [char; 2],
    count: usize,
    coloured: bool,
}

impl Line {
    fn push(&mut self, c: char) {
        if c.is_ascii_graphic() {
            self.count += 1;
            // `::error::` at the start of a line, or `##[error]` anywhere in it.
            let starts_command = self.count == 2 && self.last[1] == ':' && c == ':';
            let starts_old_command = self.last == ['#', '#'] && c == '[';
            if starts_command || starts_old_command {
                self.text.push(BREAK);
            }
            self.last = [self.last[1], c];
        }
        self.text.push(c);
    }

    fn colour(&mut self, sequence: &str) {
        self.text.push('\x1b');
        self.text.push_str(sequence);
        self.coloured = !matches!(sequence, "[m" | "[0m");
    }

    fn finish(mut self) -> String {
        if self.coloured {
            self.colour("[0m");
        }
        self.text
    }
}

/// Whether an escape sequence only sets colours or weight.
fn is_colour(sequence: &str) -> bool {
    let parameters = sequence.strip_prefix('[').and_then(|sequence| sequence.strip_suffix('m'));
    parameters.is_some_and(|parameters| {
        let allowed = |b: u8| b.is_ascii_digit() || b == b';' || b == b':';
        parameters.len() < 32 && parameters.bytes().all(allowed)
    })
}

/// Length of the escape sequence whose escape character came right before `body`. One that does not
/// end has none: it loses its escape character only, so that it cannot hide what follows.
fn escape_sequence(body: &str) -> Option<usize> {
    match body.chars().next()? {
        '[' => control_sequence(body),
        // Commands to the terminal: titles, links, the clipboard.
        ']' | 'P' | 'X' | '^' | '_' => terminated_string(body),
        _ => two_characters(body),
    }
}

/// Length of `[`, parameters, and a final letter.
fn control_sequence(body: &str) -> Option<usize> {
    let end = body[1..].find(|c| !matches!(c, '\x20'..='\x3f'))? + 1;
    matches!(body[end..].chars().next()?, '\x40'..='\x7e').then_some(end + 1)
}

/// Length of a string that ends with a bell or with ESC and a backslash.
fn terminated_string(body: &str) -> Option<usize> {
    ["\x07", "\x1b\\"].into_iter().filter_map(|end| Some(body.find(end)? + end.len())).min()
}

/// Length of the remaining sequences: intermediate characters and a final one.
fn two_characters(body: &str) -> Option<usize> {
    let end = body.find(|c| !matches!(c, '\x20'..='\x2f'))?;
    matches!(body[end..].chars().next()?, '\x30'..='\x7e').then_some(end + 1)
}

/// Whether a character has no place in a log line: controls other than the tab, marks that turn the
/// direction of text around, line separators that only some programs know, the byte order mark.
fn is_unprintable(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::runner::reference::{act_command, github_command, reporter_command};

    /// A line as a program shows it that removes colours.
    fn without_colours(line: &str) -> String {
        let mut parts = line.split("\x1b[");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, after)| after))
    }

    const HOSTILE: &str = "(::|##\\[|#|\\[|\\]|:|error|set-env name=X|group|\x1b\\[3[0-9]m|\x1b\\[|\x1b\\]0;|\x07|\x1b|\r|\n|\t| |\u{a0}|\u{200b}|\u{feff}|\u{85}|\u{9b}|.){0,24}";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn no_line_is_a_command_and_none_has_controls(text in HOSTILE, before in "( |\t|::|#){0,2}") {
            for line in neutralize(&text) {
                for shown in [line.clone(), without_colours(&line)] {
                    prop_assert!(github_command(&shown).is_none(), "{shown:?}");
                    prop_assert!(act_command(&shown).is_none(), "{shown:?}");
                    prop_assert!(reporter_command(&shown).is_none(), "{shown:?}");
                    prop_assert!(!shown.contains("##["), "{shown:?}");
                }
                let prefixed = format!("debian-12 {before}│ {line}");
                prop_assert!(github_command(&prefixed).is_none(), "{prefixed:?}");
                let plain = without_colours(&line);
                prop_assert!(!plain.contains(|c: char| c.is_control() && c != '\t'), "{plain:?}");
            }
        }

        #[test]
        fn whatever_the_bytes_nothing_is_a_command_however_the_line_is_shown(
            bytes in prop::collection::vec(
                prop_oneof![
                    4 => prop::sample::select(b":#[]\x1b \r\n;m0=%".to_vec()),
                    2 => any::<u8>(),
                    1 => prop::sample::select("error\u{feff}\u{200b}\u{ad}\u{85}\u{2028}group".as_bytes().to_vec()),
                ],
                0..80,
            ),
            cut in 0usize..20,
        ) {
            let text = String::from_utf8_lossy(&bytes);
            for line in neutralize(&text) {
                let bare = anstream::adapter::strip_str(&line).to_string();
                // Marks that say what follows is UTF-8, spaces, and a beginning that is gone.
                let trimmed = bare.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
                let rest: String = trimmed.chars().skip_while(|c| c.is_alphanumeric()).collect();
                for shown in [&line, &bare, trimmed, &format!("{}{bare}", " ".repeat(cut)), &rest] {
                    prop_assert!(github_command(shown).is_none(), "{shown:?}");
                }
                for shown in [&line, &bare, trimmed] {
                    prop_assert!(act_command(shown).is_none(), "{shown:?}");
                    prop_assert!(reporter_command(shown).is_none(), "{shown:?}");
                }
            }
        }

        #[test]
        fn ordinary_text_stays_as_it_is(text in "[a-zA-Z0-9é .,()/=\t-]{0,60}") {
            prop_assert_eq!(neutralize(&text), [text]);
        }
    }

    #[test]
    fn commands_are_broken_and_everything_else_can_still_be_read() {
        let text = [
            "==> qemu.debian: std::fs and a::b stay, ##[error]x does not",
            "::error file=a,line=1::made up",
            "  \x1b[1;31m:\x1b[0m:set-env name=PATH::/evil",
            "\u{200b}\u{feff}::stop-commands::token",
            "##\x1b[0m[add-mask]x ##[]",
            "10%\r20%\r::warning::30%\r",
            "\x1b]0;title\x07\x1b[2J\x1b[1;32mgreen\x1b[0m\x1b(B \x08\x00done\u{202e}",
            "\x1b[31mred to the end",
            "\x1b]8;;https://evil",
            "",
        ]
        .join("\n");
        let shown = neutralize(&text).join("\n");
        let shown = shown.replace('\x1b', "ESC").replace('\u{200b}', "ZERO");
        insta::assert_snapshot!(shown, @r"
        ==> qemu.debian: std::fs and a::b stay, ##\[error]x does not
        :\:error file=a,line=1::made up
          ESC[1;31m:ESC[0m\:set-env name=PATH::/evil
        ZERO:\:stop-commands::token
        ##ESC[0m\[add-mask]x ##\[]
        10%
        20%
        :\:warning::30%
        ESC[1;32mgreenESC[0m done
        ESC[31mred to the endESC[0m
        ]8;;https://evil
        ");
    }

    #[test]
    fn a_long_line_is_broken_and_its_pieces_are_no_commands_either() {
        let text = format!("{}::error::x", "é".repeat(MAX_LINE / 2));
        let lines = neutralize(&text);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].len(), MAX_LINE);
        assert_eq!(lines[1], ":\\:error::x");
    }
}
