//! A JSON file of the user's, stored instead of anything that an upstream says.

use std::fs::File;
use std::io::{BufReader, Read};

use futures_util::stream::{StreamExt, iter};
use serde::de::IgnoredAny;
use sha2::{Digest, Sha256};

use crate::document::Document;
use crate::error::{Error, Kind, Result};

/// How much of the file is in memory.
const CHUNK: usize = 64 << 10;

/// Reads `path`; it has to be JSON, and is stored as it is. It is read twice, never as a whole: once to see
/// that it is JSON and to take its hash, once to be sent.
pub fn read(path: &str) -> Result<Document<'_>> {
    let usage = move |e: &dyn std::fmt::Display| Error::usage(format!("--mock-file {path}: {e}"));
    let open = || File::open(path).map_err(|e| usage(&e));
    let mut hashed = Hashed { file: open()?, sha256: Sha256::new() };
    serde_json::from_reader::<_, IgnoredAny>(BufReader::with_capacity(CHUNK, &mut hashed)).map_err(|e| {
        match e.is_io() {
            true => usage(&e),
            false => usage(&format!("is not JSON: {e}")),
        }
    })?;
    let mut file = open()?;
    let pieces = std::iter::from_fn(move || {
        let mut piece = vec![0; CHUNK];
        match file.read(&mut piece) {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some(Ok(piece))
            }
            // By now something may have been sent.
            Err(e) => Some(Err(Error::new(Kind::Unavailable, format!("--mock-file {path}: {e}")))),
        }
    });
    let sha256 = Some(hex::encode(hashed.sha256.finalize()));
    Ok(Document { sha256, ..Document::streamed(iter(pieces).boxed_local()) })
}

/// A file, and the hash of what was read of it.
struct Hashed {
    file: File,
    sha256: Sha256,
}

impl Read for Hashed {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.sha256.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}
