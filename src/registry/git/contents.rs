//! Reads what `git cat-file --batch` writes, in whatever pieces it comes.

/// An object that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Its content.
    Content(Vec<u8>),
    /// It has more bytes than are kept: so many.
    TooLarge(u64),
    /// It is not there.
    Missing,
    /// It is no file.
    NoFile,
}

/// All that were asked for, in their order.
pub(super) struct Contents {
    limit: u64,
    found: Vec<Found>,
    state: State,
}

enum State {
    /// In a line about the next object.
    Header(Vec<u8>),
    /// In an object, of which so many bytes are to come, its line feed with them.
    Object { rest: u64, size: u64, is_file: bool, content: Vec<u8> },
}

/// Longest line about an object. What is asked for is told again in it, so it is ours to bound.
const HEADER: usize = 4096;

impl Contents {
    /// For objects of at most `limit` bytes each.
    pub(super) fn new(limit: u64) -> Self {
        Self { limit, found: Vec::new(), state: State::Header(Vec::new()) }
    }

    /// Takes the next bytes.
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match &mut self.state {
                State::Header(line) => {
                    let end = bytes.iter().position(|byte| *byte == b'\n');
                    let part = &bytes[..end.unwrap_or(bytes.len())];
                    if line.len() + part.len() <= HEADER {
                        line.extend(part);
                    }
                    bytes = &bytes[end.map_or(bytes.len(), |end| end + 1)..];
                    if end.is_some() {
                        let line = String::from_utf8_lossy(line).into_owned();
                        self.begin(&line);
                    }
                }
                State::Object { rest, content, size, .. } => {
                    let part = usize::try_from(*rest).unwrap_or(usize::MAX).min(bytes.len());
                    if *size <= self.limit {
                        content.extend(&bytes[..part]);
                    }
                    *rest -= part as u64;
                    bytes = &bytes[part..];
                    if *rest == 0 {
                        self.end();
                    }
                }
            }
        }
    }

    fn begin(&mut self, line: &str) {
        let mut words = line.rsplit(' ');
        let (last, before) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if let Ok(size) = last.parse::<u64>() {
            let (is_file, content) = (before == "blob", Vec::new());
            self.state = State::Object { rest: size.saturating_add(1), size, is_file, content };
        } else {
            // `<name> missing`, `<name> ambiguous`.
            self.found.push(Found::Missing);
            self.state = State::Header(Vec::new());
        }
    }

    fn end(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Header(Vec::new()));
        let State::Object { size, is_file, mut content, .. } = state else { return };
        content.truncate(usize::try_from(size).unwrap_or(usize::MAX));
        self.found.push(if !is_file {
            Found::NoFile
        } else if size > self.limit {
            Found::TooLarge(size)
        } else {
            Found::Content(content)
        });
    }

    /// What was found. The line feed at the very end may have been lost.
    pub(super) fn finish(mut self) -> Vec<Found> {
        match &self.state {
            State::Object { rest: 1, .. } => self.end(),
            State::Header(line) if !line.is_empty() => {
                let line = String::from_utf8_lossy(line).into_owned();
                self.begin(&line);
            }
            _ => {}
        }
        self.found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(objects: &[Found]) -> Vec<u8> {
        let id = "ce013625030ba8dba906f756967f9e9ca394464a";
        let mut bytes = Vec::new();
        for object in objects {
            let (kind, content) = match object {
                Found::Content(content) => ("blob", content.clone()),
                Found::TooLarge(size) => ("blob", vec![b'x'; usize::try_from(*size).unwrap()]),
                Found::NoFile => ("tree", b"tree\n\n".to_vec()),
                Found::Missing => {
                    bytes.extend(b"1:images/a/log/00000001.json missing\n");
                    continue;
                }
            };
            bytes.extend(format!("{id} {kind} {}\n", content.len()).into_bytes());
            bytes.extend(content);
            bytes.push(b'\n');
        }
        bytes
    }

    fn object() -> impl Strategy<Value = Found> {
        prop_oneof![
            prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..20)
                .prop_map(Found::Content),
            (21u64..40).prop_map(Found::TooLarge),
            Just(Found::Missing),
            Just(Found::NoFile),
        ]
    }

    proptest! {
        #[test]
        fn how_it_comes_does_not_matter(
            objects in prop::collection::vec(object(), 0..6),
            piece in 1usize..30,
            cut in any::<bool>(),
        ) {
            let mut bytes = written(&objects);
            if cut {
                bytes.pop();
            }
            let mut contents = Contents::new(20);
            for piece in bytes.chunks(piece) {
                contents.push(piece);
            }
            prop_assert_eq!(contents.finish(), objects);
        }
    }
}
