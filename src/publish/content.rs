//! What a store gives back: the content of a file, piece by piece.

use std::io::{self, Read as _, Seek as _, SeekFrom};

use bytes::Bytes;
use camino::Utf8Path;
use fs_err::File;
use futures_util::stream::{self, BoxStream, StreamExt as _, TryStreamExt as _};
use tokio::sync::mpsc;

use super::StoreError;

/// Bytes that are read of a file of this machine at a time.
const BLOCK: usize = 256 << 10;

/// Blocks that are read ahead.
const AHEAD: usize = 4;

/// The content of a stored file from some byte on.
pub struct Content {
    /// Size of the whole file in bytes, as the store says.
    pub size: u64,
    /// The pieces, in their order. Nothing of them is proven: a digest has to be taken.
    pub pieces: BoxStream<'static, Result<Bytes, StoreError>>,
}

impl Content {
    /// Nothing, of a file of `size` bytes: what there is from its end on.
    pub(super) fn at_end(size: u64) -> Self {
        Self { size, pieces: stream::empty().boxed() }
    }

    /// All of it in memory: for a file that is small. An error if it has more than `most` bytes.
    pub async fn whole(self, location: &str, most: u64) -> Result<Vec<u8>, StoreError> {
        let mut whole = Vec::new();
        let mut pieces = self.pieces;
        while let Some(piece) = pieces.try_next().await? {
            if (whole.len() + piece.len()) as u64 > most {
                let difference = format!("it has more than {most} bytes");
                return Err(StoreError::Damaged { path: location.into(), difference });
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }
}

/// The content of the file of this machine at `path`, which is called `location`. Blocks until it is
/// open.
pub(super) fn of_file(location: &str, path: &Utf8Path, from: u64) -> Result<Content, StoreError> {
    let missing = || StoreError::NotThere { location: location.to_owned() };
    // Whoever opens a pipe waits for somebody who writes into it.
    match fs_err::metadata(path) {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(missing()),
        Err(error) => {
            return Err(match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => missing(),
                _ => StoreError::Unreadable(error),
            });
        }
    }
    let mut file = File::open(path).map_err(StoreError::Unreadable)?;
    let size = file.metadata().map_err(StoreError::Unreadable)?.len();
    file.seek(SeekFrom::Start(from)).map_err(StoreError::Unreadable)?;
    let (sender, receiver) = mpsc::channel(AHEAD);
    // Ends when nobody wants the pieces any more.
    drop(tokio::task::spawn_blocking(move || read(file, &sender)));
    let next = |mut receiver: mpsc::Receiver<_>| async move {
        receiver.recv().await.map(|piece| (piece, receiver))
    };
    Ok(Content { size, pieces: stream::unfold(receiver, next).boxed() })
}

fn read(mut file: File, pieces: &mpsc::Sender<Result<Bytes, StoreError>>) {
    loop {
        let mut block = vec![0; BLOCK];
        let piece = match file.read(&mut block) {
            Ok(0) => return,
            Ok(read) => {
                block.truncate(read);
                Ok(block.into())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Err(StoreError::Unreadable(error)),
        };
        let is_last = piece.is_err();
        if pieces.blocking_send(piece).is_err() || is_last {
            return;
        }
    }
}
