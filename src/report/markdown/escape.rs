//! Untrusted text in GitHub-flavoured Markdown, as text and nothing else.
//!
//! Some of GitHub's features (mentions, references, emoji) look at the rendered text, where
//! escapes are gone: a zero-width space keeps them from matching. Both functions expect to stand
//! after other text on a line, so that block markers mean nothing.

use std::fmt::Write as _;

use crate::model::PACKER_INSTALL;

use super::super::untrusted::{one_line, shorten};

/// Addresses that our own messages name. Each is a link, whoever wrote it: it leads nowhere else.
const OURS: [&str; 1] = [PACKER_INSTALL];

/// Longer texts are cut: nobody reads them here.
const MAX_LENGTH: usize = 400;

/// Keeps what follows from being read together with what precedes.
const ZERO_WIDTH_SPACE: char = '\u{200b}';

/// An identifier, a version, a path: literally, in a code span. A vertical bar becomes a broken
/// one, since no code span in a table can hold it on every forge.
pub(super) fn code(text: &str) -> String {
    let line = one_line(text).trim().replace('|', "¦");
    let line = shorten(&line, MAX_LENGTH);
    if line.is_empty() {
        return String::new();
    }
    let longest_run = line.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest_run + 1);
    let padding = if line.starts_with('`') || line.ends_with('`') { " " } else { "" };
    format!("{fence}{padding}{line}{padding}{fence}")
}

/// A sentence. Pairs of backticks set code, as in all our messages; all else is literal.
pub(super) fn prose(text: &str) -> String {
    let line = one_line(text);
    let line = shorten(line.trim(), MAX_LENGTH);
    let parts: Vec<&str> = line.split('`').collect();
    let paired = parts.len() % 2 == 1;
    if !paired {
        return literal(&line);
    }
    parts
        .into_iter()
        .enumerate()
        .map(|(index, part)| match index % 2 {
            0 => literal(part),
            _ => code(part),
        })
        .collect()
}

fn literal(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((start, address)) = first_of_ours(rest) {
        escaped.push_str(&escape(&rest[..start]));
        let _ = write!(escaped, "<{address}>");
        rest = &rest[start + address.len()..];
    }
    escaped.push_str(&escape(rest));
    escaped
}

/// The first of our addresses in `text` that stands there by itself, and where.
fn first_of_ours(text: &str) -> Option<(usize, &'static str)> {
    let apart = |c: char| c.is_whitespace() || "(),".contains(c);
    let alone = |start: usize, address: &str| {
        text[..start].chars().next_back().is_none_or(apart)
            && text[start + address.len()..].chars().next().is_none_or(apart)
    };
    OURS.into_iter()
        .flat_map(|address| text.match_indices(address).map(move |(start, _)| (start, address)))
        .filter(|(start, address)| alone(*start, address))
        .min_by_key(|(start, _)| *start)
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied().unwrap_or(' ');
        match c {
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '$'
            | '!' | '#' | '@' | '^' | '=' => {
                let _ = write!(escaped, "&#{};", u32::from(c));
            }
            _ => escaped.push(c),
        }
        let joins = match c {
            '@' | '#' => true,
            // `https://`, `mailto:`, `:emoji:`, `::error::`; and not the epoch in `1:1.2.13`.
            ':' => next == '/' || next == ':' || next == '+' || next.is_alphabetic(),
            'w' | 'W' => next == '.' && ends_with_www(&escaped),
            _ => false,
        };
        if joins {
            escaped.push(ZERO_WIDTH_SPACE);
        }
    }
    escaped
}

/// Where an address without a scheme begins.
fn ends_with_www(text: &str) -> bool {
    let end = text.len().saturating_sub(3);
    text.as_bytes()[end..].eq_ignore_ascii_case(b"www")
}

/// A link with a text of our own or a checked one, if the address is harmless.
pub(super) fn link(id: &str, url: Option<&str>) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let address = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#=&%+".contains(c);
    match url {
        Some(url)
            if url.starts_with("https://")
                && url.len() < 300
                && url.chars().all(address)
                && !id.is_empty()
                && id.chars().all(plain) =>
        {
            format!("[{id}]({url})")
        }
        _ => code(id),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use comrak::nodes::NodeValue;
    use comrak::{Arena, Options, parse_document};
    use proptest::prelude::*;

    use super::*;

    /// GitHub's dialect.
    pub(in crate::report::markdown) fn github() -> Options<'static> {
        let mut options = Options::default();
        options.extension.strikethrough = true;
        options.extension.table = true;
        options.extension.autolink = true;
        options.extension.tasklist = true;
        options.extension.footnotes = true;
        options.extension.alerts = true;
        options.extension.math_dollars = true;
        options.extension.math_code = true;
        options.extension.superscript = true;
        options
    }

    /// What a reader sees of a table cell: its text, with code in ‹›. Anything else is a forgery.
    fn read(cell: &str) -> String {
        let arena = Arena::new();
        let page = format!("| a | b |\n|---|---|\n| x {cell} y | last |\n");
        let root = parse_document(&arena, &page, &github());
        let mut text = String::new();
        let mut cells = 0;
        for node in root.descendants() {
            match &node.data.borrow().value {
                NodeValue::TableCell => cells += 1,
                NodeValue::Text(part) if cells == 3 => text.push_str(part),
                NodeValue::Document
                | NodeValue::Table(_)
                | NodeValue::TableRow(_)
                | NodeValue::Text(_) => {}
                NodeValue::Code(code) => {
                    let _ = write!(text, "‹{}›", code.literal);
                }
                other => panic!("{cell:?} forged {other:?}"),
            }
        }
        assert_eq!(cells, 4, "{cell:?} forged a cell");
        let text = text.strip_prefix("x ").unwrap().strip_suffix(" y").unwrap();
        text.to_owned()
    }

    #[test]
    fn attacks_are_read_as_text() {
        let attacks = [
            "**bold** _em_ ~~gone~~ $x^2$",
            "@admin and #12 and owner/repo#3",
            "[click](https://evil) ![x](//evil) <https://evil>",
            "see https://evil.example, www.evil.example or mail@evil.example",
            "<script>alert(1)</script><!-- goldsmith --></details>",
            "a | b | c",
            "one ` tick and `two | @x` ticks",
            "&lt;b&gt; \\*not\\*",
            "[ ] task ^1 [^1] :tada: ::error::x",
            "epoch 1:1.2.13-1 stays whole",
        ];
        let shown: Vec<String> =
            attacks.iter().map(|attack| read(&prose(attack)).replace('\u{200b}', "·")).collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        **bold** _em_ ~~gone~~ $x^2$
        @·admin and #·12 and owner/repo#·3
        [click](https:·//evil) ![x](//evil) <https:·//evil>
        see https:·//evil.example, www·.evil.example or mail@·evil.example
        <script>alert(1)</script><!-- goldsmith --></details>
        a | b | c
        one ` tick and `two | @·x` ticks
        &lt;b&gt; \*not\*
        [ ] task ^1 [^1] :·tada: :·:·error:·:·x
        epoch 1:1.2.13-1 stays whole
        ");
    }

    #[test]
    fn our_own_addresses_are_links_and_nothing_that_looks_like_them() {
        let told = [
            format!("install Packer ({PACKER_INSTALL}) and *more*"),
            format!("{PACKER_INSTALL}, {PACKER_INSTALL}"),
            format!("{PACKER_INSTALL}/../evil or {PACKER_INSTALL}@evil.example"),
            format!("`{PACKER_INSTALL}` and https://evil.example?{PACKER_INSTALL}"),
        ];
        let shown = told.map(|told| prose(&told).replace(ZERO_WIDTH_SPACE, "·")).join("\n");
        insta::assert_snapshot!(shown, @"
        install Packer (<https://developer.hashicorp.com/packer/install>) and &#42;more&#42;
        <https://developer.hashicorp.com/packer/install>, <https://developer.hashicorp.com/packer/install>
        https:·//developer.hashicorp.com/packer/install/../evil or https:·//developer.hashicorp.com/packer/install&#64;·evil.example
        `https://developer.hashicorp.com/packer/install` and https:·//evil.example?https:·//developer.hashicorp.com/packer/install
        ");
    }

    #[test]
    fn only_plain_addresses_become_links() {
        let url = "https://avd.aquasec.com/nvd/cve-2026-1";
        assert_eq!(link("CVE-2026-1", Some(url)), format!("[CVE-2026-1]({url})"));
        for (id, url) in [
            ("CVE-2026-1", "javascript:alert(1)"),
            ("CVE-2026-1", "https://a) [b](https://c"),
            ("](https://evil", url),
        ] {
            assert_eq!(link(id, Some(url)), code(id));
        }
    }

    /// Text rich in what Markdown reacts to.
    const RICH: &str = r"([ a-c1.:/@#&;|`*_~<>!\[\]()\\$^={}+-]|www|http|https://|&#64;|\PC){0,30}";

    proptest! {
        #[test]
        fn prose_is_never_more_than_text_and_code(text in RICH) {
            let read = read(&prose(&text)).replace('\u{200b}', "");
            let squeeze = |text: &str| {
                text.replace(['‹', '›', '`', '|', '¦'], "")
                    .replace(char::is_whitespace, "")
            };
            prop_assert_eq!(squeeze(&read), squeeze(&one_line(&text)));
        }

        #[test]
        fn code_is_one_code_span(text in RICH) {
            let line = one_line(&text).trim().replace('|', "¦");
            let read = read(&code(&text));
            if line.is_empty() {
                prop_assert_eq!(read, "");
            } else {
                let literal = read.strip_prefix('‹').unwrap().strip_suffix('›').unwrap();
                prop_assert_eq!(literal.trim(), line);
            }
        }

        #[test]
        fn nothing_is_mentioned_or_referred_to(text in RICH) {
            // GitHub looks at rendered text outside code.
            let read = read(&prose(&text));
            let outside: String = read
                .split('‹')
                .map(|part| part.split_once('›').map_or(part, |(_, after)| after))
                .collect();
            for (position, c) in outside.char_indices() {
                if c == '@' || c == '#' {
                    let next = outside[position + 1..].chars().next();
                    prop_assert!(next.is_none_or(|next| next == '\u{200b}'), "{outside:?}");
                }
            }
        }
    }
}
