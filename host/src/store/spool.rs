//! Bodies, read before their requests take a turn in the folder, however slowly they come: short ones into memory, the
//! others into files without names, which end with whoever wrote them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use s3s::dto::StreamingBlob;
use s3s::{S3Result, s3_error};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::refusal::unusable;

/// The longest body that is held in memory, in bytes.
const SHORT: u32 = 16 << 20;
/// How many bytes of bodies are held in memory at once.
const ROOM: usize = 128 << 20;
/// How much of a file is read at once.
const PIECE: usize = 256 << 10;

/// Where bodies wait.
pub struct Spool {
    folder: PathBuf,
    room: Arc<Semaphore>,
}

impl Spool {
    /// Files lie in `folder`.
    pub fn new(folder: &Path) -> Spool {
        Spool { folder: folder.to_owned(), room: Arc::new(Semaphore::new(ROOM)) }
    }

    /// Reads a body, which says that it has this length, to its end. Fails if it breaks off, is not what was signed, or
    /// finds no room.
    pub async fn read(&self, mut body: StreamingBlob, length: Option<i64>) -> S3Result<Spooled> {
        let length = length.and_then(|length| u32::try_from(length).ok()).filter(|length| *length <= SHORT);
        let room = length.and_then(|length| self.room.clone().try_acquire_many_owned(length).ok());
        let Some(room) = room else { return self.read_into_file(body).await.map(Spooled::Long) };
        let mut pieces = Vec::new();
        while let Some(piece) = body.next().await {
            pieces.push(piece.map_err(broken_off)?);
        }
        Ok(Spooled::Short(pieces, room))
    }

    async fn read_into_file(&self, mut body: StreamingBlob) -> S3Result<StreamingBlob> {
        let written = self.write(&mut body).await;
        if written.is_err() {
            // A client that still sends would see a closed connection instead of the reason.
            while let Some(Ok(_)) = body.next().await {}
        }
        Ok(StreamingBlob::wrap(stream::try_unfold(written?, |mut file| async {
            let mut piece = Vec::with_capacity(PIECE);
            let read = (&mut file).take(PIECE as u64).read_to_end(&mut piece).await?;
            Ok::<_, io::Error>((read > 0).then(|| (Bytes::from(piece), file)))
        })))
    }

    async fn write(&self, body: &mut StreamingBlob) -> S3Result<File> {
        let mut file = File::from_std(tempfile::tempfile_in(&self.folder).map_err(unusable)?);
        while let Some(piece) = body.next().await {
            file.write_all(&piece.map_err(broken_off)?).await.map_err(unusable)?;
        }
        file.flush().await.map_err(unusable)?;
        file.rewind().await.map_err(unusable)?;
        Ok(file)
    }
}

/// A body that was read to its end.
pub enum Spooled {
    /// Its pieces, and the room that they take.
    Short(Vec<Bytes>, OwnedSemaphorePermit),
    Long(StreamingBlob),
}

impl Spooled {
    pub fn into_body(self) -> StreamingBlob {
        match self {
            Spooled::Long(body) => body,
            Spooled::Short(pieces, room) => StreamingBlob::wrap(stream::iter(pieces).map(move |piece| {
                let _held = &room;
                Ok::<_, io::Error>(piece)
            })),
        }
    }
}

/// The answer to a body that ends too early.
pub fn broken_off(error: s3s::StdError) -> s3s::S3Error {
    s3_error!(IncompleteBody, "the body broke off, or is not what was signed: {}", error)
}
