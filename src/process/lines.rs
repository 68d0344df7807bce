//! Output as lines of bounded length.

/// Which of its two outputs a child wrote to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A line of a child's output, or a piece of a very long one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Where it was written.
    pub stream: Stream,
    /// The bytes as they came, without the line feed.
    pub bytes: &'a [u8],
    /// Whether it goes on from the piece before: then it is no line of its own, and whoever
    /// controls the text also controls how this piece begins.
    pub continues: bool,
}

/// Longest piece. Memory stays flat, however long a line gets.
const LONGEST: usize = 64 * 1024;

/// Cuts a stream of bytes into lines: at line feeds only, because carriage returns, escape
/// sequences and half characters are the program's own business.
#[derive(Debug)]
pub(super) struct Splitter {
    stream: Stream,
    pending: Vec<u8>,
    continues: bool,
}

impl Splitter {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, pending: Vec::new(), continues: false }
    }

    /// Takes the next bytes and hands over every line that they complete.
    pub(super) fn push(&mut self, mut bytes: &[u8], on_line: &mut impl FnMut(Line<'_>)) {
        while !bytes.is_empty() {
            let room = LONGEST - self.pending.len();
            let window = &bytes[..bytes.len().min(room)];
            if let Some(end) = window.iter().position(|byte| *byte == b'\n') {
                self.pending.extend_from_slice(&window[..end]);
                bytes = &bytes[end + 1..];
                self.emit(on_line);
                self.continues = false;
            } else {
                self.pending.extend_from_slice(window);
                bytes = &bytes[window.len()..];
                if self.pending.len() == LONGEST {
                    self.emit(on_line);
                    self.continues = true;
                }
            }
        }
    }

    /// Hands over what came after the last line feed.
    pub(super) fn finish(&mut self, on_line: &mut impl FnMut(Line<'_>)) {
        if !self.pending.is_empty() {
            self.emit(on_line);
        }
    }

    fn emit(&mut self, on_line: &mut impl FnMut(Line<'_>)) {
        if self.pending.is_empty() && self.continues {
            return;
        }
        on_line(Line { stream: self.stream, bytes: &self.pending, continues: self.continues });
        self.pending.clear();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<(Vec<u8>, bool)> {
        let mut lines = Vec::new();
        let mut splitter = Splitter::new(Stream::Stdout);
        let mut collect = |line: Line<'_>| lines.push((line.bytes.to_vec(), line.continues));
        for chunk in chunks {
            splitter.push(chunk, &mut collect);
        }
        splitter.finish(&mut collect);
        lines
    }

    #[test]
    fn only_line_feeds_end_a_line() {
        let lines = split(&[b"one\r", b"two\n\n", b"thr", b"ee\xff\nrest"]);
        let lines: Vec<_> =
            lines.iter().map(|(bytes, _)| bytes.escape_ascii().to_string()).collect();
        assert_eq!(lines, ["one\\rtwo", "", "three\\xff", "rest"]);
    }

    #[test]
    fn a_megabyte_without_a_line_feed_comes_in_marked_pieces() {
        let mut long = vec![b'x'; 1024 * 1024];
        long.extend_from_slice(b"\nshort\n");
        let lines = split(&[&long]);
        let sizes: Vec<_> = lines.iter().map(|(bytes, _)| bytes.len()).collect();
        let mut expected = vec![LONGEST; 16];
        expected.push(5);
        assert_eq!(sizes, expected);
        let continued: Vec<_> = lines.iter().map(|(_, continues)| *continues).collect();
        assert!(!continued[0] && continued[1..16].iter().all(|continues| *continues));
        assert!(!continued[16], "a line feed begins a new line");
    }

    proptest! {
        #[test]
        fn how_the_bytes_arrive_does_not_matter(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'a'), any::<u8>()], 0..200),
            cut in 0usize..200,
        ) {
            let (head, tail) = text.split_at(cut.min(text.len()));
            prop_assert_eq!(split(&[head, tail]), split(&[&text]));
            let joined = split(&[&text]).into_iter().map(|(bytes, _)| bytes).collect::<Vec<_>>();
            let mut expected: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            if expected.last().is_some_and(Vec::is_empty) {
                expected.pop();
            }
            prop_assert_eq!(joined, expected);
        }
    }
}
