//! Writes responses into a recording while they pass.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use f1_ingest_component::error::Error;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tempfile::NamedTempFile;
use wasmtime_wasi_http::Error as HttpError;

use super::{Entry, INDEX, Index, decoded, read_index};
use crate::pool::{ResponseBody, internal};

/// Headers that describe the body, or say when or where to ask again. None of them carries a secret.
const HEADERS_THAT_MATTER: &[&str] = &[
    "cache-control",
    "content-encoding",
    "content-type",
    "etag",
    "expires",
    "last-modified",
    "location",
    "retry-after",
];

/// The lock file of a recording's folder.
const LOCK: &str = ".f1-ingest.lock";

/// Writes responses into a folder.
pub struct Recorder {
    folder: PathBuf,
    /// Held while the index is read and written; the lock file does the same between processes.
    index: Mutex<()>,
}

impl Recorder {
    /// Makes the folder if it is missing; adds to a recording that is there. Fails, as wrong usage, if the folder
    /// cannot be made or its index cannot be read.
    pub fn open(folder: &Path) -> Result<Arc<Recorder>> {
        let cannot = |error: anyhow::Error| Error::usage(format!("--record: {error:#}"));
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))
            .map_err(cannot)?;
        if folder.join(INDEX).exists() {
            read_index::<Entry>(folder).map_err(cannot)?;
        }
        Ok(Arc::new(Recorder { folder: folder.to_owned(), index: Mutex::new(()) }))
    }

    /// Begins to record a response. Nothing shows in the recording before [`Take::finish`].
    pub fn start(self: &Arc<Self>, url: &str, status: StatusCode, headers: &HeaderMap) -> Result<Take> {
        let headers = HEADERS_THAT_MATTER
            .iter()
            .filter_map(|name| Some((name.to_string(), headers.get(*name)?.to_str().ok()?.to_owned())))
            .collect();
        let file = file_name(url);
        let entry = Entry { status: status.as_u16(), file, headers, remarks: Default::default() };
        let body = tempfile::Builder::new().prefix(".recording-").tempfile_in(&self.folder)?;
        Ok(Take { recorder: self.clone(), url: url.to_owned(), entry, body })
    }
}

/// A response being recorded. Dropped before it is finished, it leaves nothing behind.
pub struct Take {
    recorder: Arc<Recorder>,
    url: String,
    entry: Entry,
    body: NamedTempFile,
}

impl Take {
    /// Adds to the body.
    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        self.body.write_all(data).context("cannot record")
    }

    /// Puts the body in its place and the URL into the index, each in one step.
    pub fn finish(mut self) -> Result<()> {
        let folder = &self.recorder.folder;
        let _one_at_a_time = self.recorder.index.lock().unwrap_or_else(PoisonError::into_inner);
        let lock = File::create(folder.join(LOCK)).context("cannot lock the recording")?;
        lock.lock().context("cannot lock the recording")?;
        // `a` may be a body and `a/b` another one: the second gets a name of its own.
        while folder.join(&self.entry.file).is_dir()
            || fs::create_dir_all(folder.join(&self.entry.file).parent().unwrap_or(folder)).is_err()
        {
            if self.entry.file.starts_with("bodies/") {
                let url = self.url.split('?').next().unwrap_or_default();
                bail!("cannot record {url} into {}", folder.display());
            }
            self.entry.file = format!("bodies/{}", self.entry.file.replace('/', "@"));
        }
        let path = folder.join(&self.entry.file);
        self.body.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;

        let mut index = if folder.join(INDEX).exists() { read_index(folder)? } else { Index::new() };
        index.insert(self.url, self.entry);
        let mut file = tempfile::Builder::new().prefix(".index-").tempfile_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &index)?;
        file.persist(folder.join(INDEX)).context("cannot write the recording's index.json")?;
        Ok(())
    }

    /// The body, written into this take as it passes and finished at its end. A body that fails is not recorded; if
    /// it cannot be recorded, it fails.
    pub fn of(self, body: ResponseBody) -> Recorded {
        Recorded { body, take: Some(self) }
    }
}

/// The body of a response that is recorded on its way to the guest.
pub struct Recorded {
    body: ResponseBody,
    take: Option<Take>,
}

impl Body for Recorded {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else { return Poll::Pending };
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(take), Some(data)) = (&mut self.take, frame.data_ref())
                    && let Err(error) = take.write(data)
                {
                    return Poll::Ready(Some(Err(internal(format!("{error:#}")))));
                }
            }
            Some(Err(_)) => self.take = None,
            None => {}
        }
        // A reader may stop at the last byte without asking for the end.
        let at_the_end = frame.is_none() || self.body.is_end_stream();
        if at_the_end
            && let Some(take) = self.take.take()
            && let Err(error) = take.finish()
        {
            return Poll::Ready(Some(Err(internal(format!("{error:#}")))));
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.take.is_none() && self.body.is_end_stream()
    }
}

/// `<host>/<path>`, as a web server would look for it; `@` stands for the question mark of a query.
fn file_name(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    let mut name: Vec<String> = decoded(path)
        .split('/')
        .filter(|part| !part.is_empty())
        .map(|part| if part.chars().all(|c| c == '.') { part.replace('.', "_") } else { part.to_owned() })
        .map(|part| part.replace(['\0', '\\', ':'], "_"))
        .collect();
    if path.ends_with('/') || name.len() < 2 {
        name.push("index".into());
    }
    let query = query.map(|query| format!("@{}", query.replace(['/', '\0', '\\', ':'], "_")));
    name.join("/") + &query.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::is_inside;

    #[test]
    fn a_body_outside_the_recording_is_refused() {
        let stays_inside = |file: &str| is_inside(Path::new(file));
        assert!(["", "..", "../x", "a/../../x", "/etc/passwd", "./a"].iter().all(|file| !stays_inside(file)));
        assert!(stays_inside("api.example/a..b/c.json"));
        assert_eq!(file_name("https://h/../%2e%2e/a"), "h/__/__/a");
        assert_eq!(file_name("https://h/a.json?limit=3"), "h/a.json@limit=3");
        assert_eq!(file_name("https://h/"), "h/index");
        assert_eq!(file_name("https://h:80"), "h_80/index");
    }
}
