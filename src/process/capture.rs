//! What is kept of a child's output: everything in a file, the end in memory.

use std::collections::VecDeque;
use std::fmt;
use std::io;

use super::Log;
use super::lines::{Line, Splitter, Stream};
use super::redaction::{Masked, Redaction};

/// How much of the end of a stream stays in memory.
const KEPT: usize = 64 * 1024;

/// The last 64 KiB of a stream.
#[derive(Clone, Default)]
pub struct Tail {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        let new = &bytes[bytes.len().saturating_sub(KEPT)..];
        let excess = (self.bytes.len() + new.len()).saturating_sub(KEPT);
        self.cut |= excess > 0 || new.len() < bytes.len();
        self.bytes.drain(..excess);
        self.bytes.extend(new);
    }

    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        self.bytes.iter().copied().collect()
    }

    /// The text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Whether the beginning is missing.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The last line that is not blank.
    pub fn last_line(&self) -> Option<String> {
        self.text().lines().map(str::trim).rfind(|line| !line.is_empty()).map(str::to_owned)
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Takes both streams of a child, without secrets: into the log, into the tails, and on as lines.
pub(super) struct Recorder<F> {
    log: Kept,
    stdout: Channel,
    stderr: Channel,
    on_line: F,
}

/// A full disk ends the log, not the child: the first error is kept.
#[derive(Default)]
struct Kept {
    log: Option<Log>,
    error: Option<io::Error>,
}

impl Kept {
    fn push(&mut self, bytes: &[u8]) {
        if let Some(log) = &self.log
            && let Err(error) = log.push(bytes)
        {
            self.error = Some(error);
            self.log = None;
        }
    }
}

struct Channel {
    masked: Masked,
    splitter: Splitter,
    tail: Tail,
}

/// What is left when both streams have ended.
pub(super) struct Recorded {
    pub(super) stdout: Tail,
    pub(super) stderr: Tail,
    pub(super) log_error: Option<io::Error>,
}

impl<F: FnMut(Line<'_>)> Recorder<F> {
    /// Opens the log, if there is to be one, for appending.
    pub(super) fn new(log: Option<&Log>, redaction: &Redaction, on_line: F) -> io::Result<Self> {
        log.map(Log::open).transpose()?;
        let channel = |stream| Channel {
            masked: redaction.stream(),
            splitter: Splitter::new(stream),
            tail: Tail::default(),
        };
        Ok(Self {
            log: Kept { log: log.cloned(), error: None },
            stdout: channel(Stream::Stdout),
            stderr: channel(Stream::Stderr),
            on_line,
        })
    }

    /// Takes the next bytes of a stream.
    pub(super) fn push(&mut self, stream: Stream, bytes: &[u8]) {
        let channel = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let Channel { masked, splitter, tail } = channel;
        masked.push(bytes, |bytes| {
            self.log.push(bytes);
            tail.push(bytes);
            splitter.push(bytes, &mut self.on_line);
        });
    }

    /// Hands over unfinished lines.
    pub(super) fn finish(mut self) -> Recorded {
        for Channel { masked, splitter, tail } in [&mut self.stdout, &mut self.stderr] {
            masked.finish(|bytes| {
                self.log.push(bytes);
                tail.push(bytes);
                splitter.push(bytes, &mut self.on_line);
            });
            splitter.finish(&mut self.on_line);
        }
        Recorded { stdout: self.stdout.tail, stderr: self.stderr.tail, log_error: self.log.error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tail_keeps_the_end_and_says_that_it_is_cut() {
        let mut tail = Tail::default();
        tail.push(b"first\nlast \n\n");
        assert_eq!(tail.last_line().as_deref(), Some("last"));
        assert!(!tail.is_cut());

        tail.push(&vec![b'x'; KEPT - 1]);
        assert!(tail.is_cut());
        assert_eq!(tail.bytes().len(), KEPT);
        assert!(tail.text().starts_with("\nx"));

        tail.push(&vec![b'y'; 3 * KEPT]);
        assert_eq!(tail.bytes(), vec![b'y'; KEPT]);
    }
}
