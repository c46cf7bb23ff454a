//! Answers from recordings.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use f1_ingest_component::error::Error;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use serde::Deserialize;

use super::{decoded, read_index};
use crate::files::is_inside;

/// Headers that belong to a message on the wire: a replayed one has its own.
const OF_THE_MESSAGE: [&str; 4] = ["content-length", "transfer-encoding", "connection", "keep-alive"];

/// One or more recordings to answer from; the first that has a URL wins.
pub struct Recordings {
    /// Folders and entries by decoded URL.
    answers: HashMap<String, (PathBuf, Entry)>,
}

/// What an answer needs of an entry; to keep its remarks takes longer than to read all the rest.
#[derive(Deserialize)]
struct Entry {
    status: u16,
    file: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

impl Recordings {
    /// Reads the indices of these folders. Fails, as wrong usage, if a folder has none or if an index names a file
    /// outside its folder.
    pub fn open(folders: &[PathBuf]) -> Result<Recordings> {
        let mut answers = HashMap::new();
        for folder in folders {
            let index: BTreeMap<String, Entry> =
                read_index(folder).map_err(|error| Error::usage(format!("{error:#}")))?;
            for (url, entry) in index {
                if !is_inside(Path::new(&entry.file)) {
                    bail!(Error::usage(format!(
                        "{}: the file {:?} of {url} lies outside the recording",
                        folder.display(),
                        entry.file
                    )));
                }
                answers.entry(decoded(&url)).or_insert((folder.clone(), entry));
            }
        }
        Ok(Recordings { answers })
    }

    /// The recorded response to a URL; 404 if there is none. Fails if its body cannot be read.
    pub fn answer(&self, url: &str) -> Result<Response<Replayed>> {
        let Some((folder, entry)) = self.answers.get(&decoded(url)) else {
            let text = Bytes::from_static(b"not in the recording\n");
            return Ok(Response::builder().status(StatusCode::NOT_FOUND).body(Replayed::Text(text))?);
        };
        let path = folder.join(&entry.file);
        // The index was checked, but a link in the folder may lead out of it.
        let real = path.canonicalize().with_context(|| format!("cannot read {}", path.display()))?;
        if !real.starts_with(folder.canonicalize()?) {
            bail!("{} lies outside the recording", path.display());
        }
        let file = File::open(&real).with_context(|| format!("cannot read {}", path.display()))?;
        let length = file.metadata()?.len();
        let mut response = Response::builder().status(entry.status).header("content-length", length);
        for (name, value) in entry.headers.iter().filter(|(name, _)| !OF_THE_MESSAGE.contains(&name.as_str()))
        {
            response = response.header(name, value);
        }
        Ok(response.body(Replayed::File { file, left: length })?)
    }
}

/// A recorded body, read as it is sent.
pub enum Replayed {
    Text(Bytes),
    /// `left` is how many bytes of the file are still to come.
    File {
        file: File,
        left: u64,
    },
}

impl Body for Replayed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let chunk = match &mut *self {
            Replayed::Text(text) => Ok(std::mem::take(text)),
            Replayed::File { file, left } => {
                let mut chunk = Vec::with_capacity((*left).min(64 << 10) as usize);
                let read = file.take(chunk.capacity() as u64).read_to_end(&mut chunk);
                read.map(|read| {
                    *left = left.saturating_sub(read as u64);
                    Bytes::from(chunk)
                })
            }
        };
        match chunk {
            Ok(chunk) if chunk.is_empty() => Poll::Ready(None),
            chunk => Poll::Ready(Some(chunk.map(Frame::data))),
        }
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(match self {
            Replayed::Text(text) => text.len() as u64,
            Replayed::File { left, .. } => *left,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }
}
