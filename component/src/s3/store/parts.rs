//! A document cut into the parts that it is sent in: about two are in memory, one that is sent and one that is made.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures_lite::future::yield_now;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use crate::document::Body;
use crate::error::{Error, Kind, Result};

/// How much of a piece is compressed at once.
const CHUNK: usize = 64 << 10;

/// What a buffer may hold beyond a part: the rest of a piece. A piece that is longer makes it grow.
const REST: usize = 4 * CHUNK;

/// The room of a part of the usual size.
const USUAL: usize = (8 << 20) + REST;

/// On telemetry within 5 % of level 6, the usual one, at four times its speed.
const LEVEL: Compression = Compression::new(3);

/// The bytes of a document as they are sent, part by part.
pub struct Parts<'a> {
    body: Body<'a>,
    ended: bool,
    /// Bytes that a part has; the last one has what is left.
    part_size: usize,
    /// What is to be sent and was not taken yet.
    buffer: Vec<u8>,
    gzip: Option<GzEncoder<Vec<u8>>>,
    /// Of the document as it is restored, before compression. None where it is as long to compute it later, if at all.
    sha256: Option<Sha256>,
    /// Bytes of the document that were read, before compression.
    read: u64,
}

impl<'a> Parts<'a> {
    /// A document that is compressed, or whose hash `is_announced`, is hashed while it is read.
    pub fn new(body: Body<'a>, part_size: usize, gzip: bool, is_announced: bool) -> Self {
        Parts {
            body,
            ended: false,
            part_size,
            buffer: Vec::new(),
            gzip: gzip.then(|| GzEncoder::new(Vec::new(), LEVEL)),
            sha256: (gzip || is_announced).then(Sha256::new),
            read: 0,
        }
    }

    /// The next part, made as far as it was not yet; empty at the end of the document. Lets others go on after each
    /// piece.
    pub async fn next(&mut self) -> Result<&[u8]> {
        while self.buffer.len() < self.part_size && !self.ended {
            match self.body.next().await {
                Some(piece) => self.add(&piece?).map_err(not_compressed)?,
                None => self.end().map_err(not_compressed)?,
            }
            yield_now().await;
        }
        Ok(&self.buffer[..self.part_size.min(self.buffer.len())])
    }

    /// Takes the part that [`Parts::next`] gave, and makes the one after it in the room of one that was `sent`.
    pub fn take(&mut self, mut sent: Vec<u8>) -> Vec<u8> {
        sent.clear();
        sent.extend_from_slice(self.buffer.get(self.part_size..).unwrap_or_default());
        self.buffer.truncate(self.part_size);
        std::mem::replace(&mut self.buffer, sent)
    }

    /// Whether everything that is left fits into less than a part.
    pub fn is_last(&self) -> bool {
        self.ended && self.buffer.len() < self.part_size
    }

    /// Bytes of the document that were read so far, before compression.
    pub fn size(&self) -> u64 {
        self.read
    }

    /// The SHA-256, in lower-case hex, of what was read so far, before compression; None where it was not computed on
    /// the way and some of it is gone.
    pub fn sha256(&self) -> Option<String> {
        match &self.sha256 {
            Some(sha256) => Some(hex::encode(sha256.clone().finalize())),
            None => {
                (self.read == self.buffer.len() as u64).then(|| hex::encode(Sha256::digest(&self.buffer)))
            }
        }
    }

    fn add(&mut self, piece: &[u8]) -> std::io::Result<()> {
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(piece);
        }
        self.read += piece.len() as u64;
        match &mut self.gzip {
            None => append(&mut self.buffer, piece, self.part_size),
            Some(encoder) => {
                for chunk in piece.chunks(CHUNK) {
                    encoder.write_all(chunk)?;
                    append(&mut self.buffer, encoder.get_ref(), self.part_size);
                    encoder.get_mut().clear();
                }
            }
        }
        Ok(())
    }

    fn end(&mut self) -> std::io::Result<()> {
        self.ended = true;
        if let Some(encoder) = self.gzip.take() {
            append(&mut self.buffer, &encoder.finish()?, self.part_size);
        }
        Ok(())
    }
}

/// Appends to a buffer that holds about a part. A `Vec` left alone would double to two of them, and leave as much in
/// holes where it was smaller; room that is not written costs nothing.
fn append(buffer: &mut Vec<u8>, bytes: &[u8], part_size: usize) {
    if buffer.capacity() - buffer.len() < bytes.len() {
        let room = match buffer.len() {
            0 => 0,
            length => (2 * length).max(USUAL).min(part_size + REST),
        };
        buffer.reserve_exact(room.saturating_sub(buffer.len()).max(bytes.len()));
    }
    buffer.extend_from_slice(bytes);
}

fn not_compressed(error: std::io::Error) -> Error {
    Error::new(Kind::StoreRefused, format!("the document cannot be compressed: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use futures_util::stream::iter;
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: &[Vec<u8>], part_size: usize, gzip: bool) -> (Vec<Vec<u8>>, u64, Option<String>) {
        let body = iter(pieces.iter().cloned().map(Ok)).boxed_local();
        let mut parts = Parts::new(body, part_size, gzip, true);
        let mut sent = Vec::new();
        pollster::block_on(async {
            while !parts.next().await.unwrap().is_empty() {
                sent.push(parts.take(b"sent before".to_vec()));
            }
        });
        (sent, parts.size(), parts.sha256())
    }

    proptest! {
        #[test]
        fn parts_are_the_document_however_it_came(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..20),
            part_size in 1usize..200,
        ) {
            let whole = pieces.concat();
            for gzip in [false, true] {
                let (sent, read, sha256) = cut(&pieces, part_size, gzip);
                if let Some((last, full)) = sent.split_last() {
                    prop_assert!(full.iter().all(|part| part.len() == part_size));
                    prop_assert!(last.len() <= part_size);
                }
                let mut restored = sent.concat();
                if gzip {
                    let compressed = std::mem::take(&mut restored);
                    flate2::read::GzDecoder::new(&compressed[..]).read_to_end(&mut restored).unwrap();
                }
                prop_assert_eq!(&restored, &whole);
                prop_assert_eq!((read, sha256), (whole.len() as u64, Some(hex::encode(Sha256::digest(&whole)))));
            }
        }
    }

    #[test]
    fn a_buffer_holds_hardly_more_than_a_part() {
        let pieces = (0..1000).map(|_| Ok(vec![7; CHUNK]));
        let mut parts = Parts::new(iter(pieces).boxed_local(), 20 * CHUNK + 1, false, false);
        let mut sent = Vec::new();
        pollster::block_on(async {
            assert!(parts.sha256().is_some(), "all of nothing");
            while !parts.next().await.unwrap().is_empty() {
                sent = parts.take(sent.split_off(0));
                assert!(sent.capacity() <= 25 * CHUNK, "{}", sent.capacity());
            }
        });
        assert_eq!(parts.sha256(), None);
    }
}
