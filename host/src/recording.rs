//! Recordings of upstream responses: a folder with the bodies and an `index.json` of URL to status,
//! file and headers, so that any web server can serve it too.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use f1_ingest_component::error::Error;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

/// Headers that say something about the body or when to ask again. None of them carries a secret.
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

type Index = BTreeMap<String, Entry>;

/// What the index knows of a URL.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    status: u16,
    /// Where the body lies, relative to the folder.
    file: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Remarks such as `exact` and `alias`.
    #[serde(flatten)]
    remarks: serde_json::Map<String, serde_json::Value>,
}

fn read_index(folder: &Path) -> Result<Index> {
    let path = folder.join("index.json");
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is no index of a recording", path.display()))
}

/// A URL as recordings compare it: however it was percent-encoded.
fn decoded(url: &str) -> String {
    percent_decode_str(url).decode_utf8_lossy().into_owned()
}

/// One or more recordings to answer from; the first that has a URL wins.
pub struct Recordings {
    answers: HashMap<String, (PathBuf, Entry)>,
}

impl Recordings {
    /// Reads the indices of these folders. A folder that is none is a usage error.
    pub fn open(folders: &[PathBuf]) -> Result<Recordings> {
        let mut answers = HashMap::new();
        for folder in folders {
            let index = read_index(folder).map_err(|error| Error::usage(format!("{error:#}")))?;
            for (url, entry) in index {
                if !stays_inside(&entry.file) {
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

    /// The recorded response to a URL; 404 where there is none.
    pub fn answer(&self, url: &str) -> Result<Response<Recorded>> {
        let Some((folder, entry)) = self.answers.get(&decoded(url)) else {
            let text = Bytes::from_static(b"not in the recording\n");
            return Ok(Response::builder().status(StatusCode::NOT_FOUND).body(Recorded::Text(text))?);
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
        let of_the_message = ["content-length", "transfer-encoding", "connection", "keep-alive"];
        for (name, value) in entry.headers.iter().filter(|(name, _)| !of_the_message.contains(&name.as_str()))
        {
            response = response.header(name, value);
        }
        Ok(response.body(Recorded::File { file, left: length })?)
    }
}

fn stays_inside(file: &str) -> bool {
    !file.is_empty() && Path::new(file).components().all(|part| matches!(part, Component::Normal(_)))
}

/// A recorded body, read as it is sent.
pub enum Recorded {
    Text(Bytes),
    File { file: File, left: u64 },
}

impl Body for Recorded {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        let chunk = match &mut *self {
            Recorded::Text(text) => Ok(std::mem::take(text)),
            Recorded::File { file, left } => {
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
            Recorded::Text(text) => text.len() as u64,
            Recorded::File { left, .. } => *left,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.size_hint().exact() == Some(0)
    }
}

/// Writes responses into a folder.
pub struct Recorder {
    folder: PathBuf,
    index: Mutex<()>,
}

impl Recorder {
    /// Makes the folder where it is missing; adds to a recording that is there.
    pub fn open(folder: &Path) -> Result<Arc<Recorder>> {
        let cannot = |error: anyhow::Error| Error::usage(format!("--record: {error:#}"));
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make {}", folder.display()))
            .map_err(cannot)?;
        if folder.join("index.json").exists() {
            read_index(folder).map_err(cannot)?;
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
    pub fn write(&mut self, data: &[u8]) -> Result<()> {
        self.body.write_all(data).context("cannot record")
    }

    /// Puts the body in its place and the URL into the index, each in one step.
    pub fn finish(mut self) -> Result<()> {
        let folder = &self.recorder.folder;
        let _one_at_a_time = self.recorder.index.lock().unwrap_or_else(PoisonError::into_inner);
        // `a` may be a body and `a/b` another one: the second gets a name of its own.
        while folder.join(&self.entry.file).is_dir()
            || fs::create_dir_all(folder.join(&self.entry.file).parent().unwrap_or(folder)).is_err()
        {
            if self.entry.file.starts_with("bodies/") {
                bail!("cannot record {} into {}", self.url, folder.display());
            }
            self.entry.file = format!("bodies/{}", self.entry.file.replace('/', "@"));
        }
        let path = folder.join(&self.entry.file);
        self.body.persist(&path).with_context(|| format!("cannot write {}", path.display()))?;

        let mut index = if folder.join("index.json").exists() { read_index(folder)? } else { Index::new() };
        index.insert(self.url, self.entry);
        let mut file = tempfile::Builder::new().prefix(".index-").tempfile_in(folder)?;
        serde_json::to_writer_pretty(&mut file, &index)?;
        file.persist(folder.join("index.json")).context("cannot write the recording's index.json")?;
        Ok(())
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
    use http_body_util::BodyExt;

    async fn text(response: Response<Recorded>) -> String {
        let body = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(body.to_vec()).unwrap()
    }

    fn record(recorder: &Arc<Recorder>, url: &str, body: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("etag", "\"1\"".parse().unwrap());
        headers.insert("set-cookie", "secret".parse().unwrap());
        let mut take = recorder.start(url, StatusCode::OK, &headers).unwrap();
        take.write(body.as_bytes()).unwrap();
        take.finish().unwrap();
    }

    #[tokio::test]
    async fn what_is_recorded_is_replayed() {
        let folder = tempfile::tempdir().unwrap();
        let recorder = Recorder::open(folder.path()).unwrap();
        record(&recorder, "https://a.example/f1/S%C3%A3o?x=1/2", "body");
        record(&recorder, "https://a.example/f1", "at a folder's name");
        drop(recorder.start("https://a.example/cut", StatusCode::OK, &HeaderMap::new()).unwrap());
        let index = fs::read_to_string(folder.path().join("index.json")).unwrap();
        assert!(!index.contains("secret") && !index.contains("cut"), "{index}");

        let recordings = Recordings::open(&[folder.path().to_owned()]).unwrap();
        let answer = recordings.answer("https://a.example/f1/São?x=1/2").unwrap();
        assert_eq!(answer.headers()["etag"], "\"1\"");
        assert_eq!(text(answer).await, "body");
        assert_eq!(text(recordings.answer("https://a.example/f1").unwrap()).await, "at a folder's name");
        assert_eq!(recordings.answer("https://a.example/cut").unwrap().status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn the_first_recording_that_has_a_url_answers() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        record(&Recorder::open(one.path()).unwrap(), "https://a.example/x", "one");
        record(&Recorder::open(two.path()).unwrap(), "https://a.example/x", "two");
        record(&Recorder::open(two.path()).unwrap(), "https://a.example/y", "two");
        let both = Recordings::open(&[one.path().to_owned(), two.path().to_owned()]).unwrap();
        assert_eq!(text(both.answer("https://a.example/x").unwrap()).await, "one");
        assert_eq!(text(both.answer("https://a.example/y").unwrap()).await, "two");
    }

    #[test]
    fn a_body_outside_the_recording_is_refused() {
        assert!(["", "..", "../x", "a/../../x", "/etc/passwd", "./a"].iter().all(|file| !stays_inside(file)));
        assert!(stays_inside("api.example/a..b/c.json"));
        assert_eq!(file_name("https://h/../%2e%2e/a"), "h/__/__/a");
        assert_eq!(file_name("https://h/a.json?limit=3"), "h/a.json@limit=3");
        assert_eq!(file_name("https://h/"), "h/index");
        assert_eq!(file_name("https://h:80"), "h_80/index");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_recording_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        record(&Recorder::open(folder.path()).unwrap(), "https://h/x", "body");
        fs::remove_file(folder.path().join("h/x")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("h/x")).unwrap();
        let recordings = Recordings::open(&[folder.path().to_owned()]).unwrap();
        assert!(recordings.answer("https://h/x").is_err());
    }
}
