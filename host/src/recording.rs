//! Recordings of upstream responses: a folder of bodies, and an `index.json` that maps a URL to status, file and
//! headers. Any web server can serve such a folder too.

mod recorder;
mod recordings;

pub use recorder::Recorder;
pub use recordings::Recordings;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The name of the index in a recording's folder.
const INDEX: &str = "index.json";

/// Entries by URL.
type Index = BTreeMap<String, Entry>;

/// What the index knows of a URL.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Entry {
    status: u16,
    /// The path of the body, relative to the folder.
    file: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// Remarks such as `exact` and `alias`.
    #[serde(flatten)]
    remarks: serde_json::Map<String, serde_json::Value>,
}

fn read_index<E: DeserializeOwned>(folder: &Path) -> Result<BTreeMap<String, E>> {
    let path = folder.join(INDEX);
    let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is not the index of a recording", path.display()))
}

/// A URL as recordings compare it: percent-decoded, because there is more than one way to encode it.
fn decoded(url: &str) -> String {
    percent_decode_str(url).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::{HeaderMap, Response, StatusCode};
    use http_body_util::BodyExt;

    use super::recordings::Replayed;
    use super::*;

    async fn text(response: Response<Replayed>) -> String {
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
    fn recorders_at_once_keep_every_entry() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..8 {
                // A recorder of its own each, as in runs at once.
                let recorder = Recorder::open(folder.path()).unwrap();
                scope.spawn(move || {
                    for entry in 0..10 {
                        record(&recorder, &format!("https://a.example/{writer}/{entry}"), "body");
                    }
                });
            }
        });
        assert_eq!(read_index::<Entry>(folder.path()).unwrap().len(), 80);
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
