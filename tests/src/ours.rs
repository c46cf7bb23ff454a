//! Our own documents of a recorded session, made by the component's library without a network.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use f1_ingest_component::fastf1::{self, Wanted};
use f1_ingest_component::http::client::Client;
use f1_ingest_component::http::transport::{Clock, Request, Response, SendError, Transport};
use f1_ingest_component::job::Job;
use f1_ingest_component::options::{Command, parse};
use f1_ingest_component::schedule::session_asked_for;
use f1_ingest_component::source::{Item, Source};
use futures_util::TryStreamExt;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, HeaderMap};

use crate::compare::{Agreement, Value, compare};
use crate::synthetic::recording::Session;

/// Answers from recordings, the first that has the URL; what none has is 404.
pub struct Replay(HashMap<String, (StatusCode, PathBuf)>);

impl Replay {
    /// Reads the indexes of these recording folders.
    pub fn of(folders: &[&Path]) -> Replay {
        let mut files = HashMap::new();
        for folder in folders {
            let index = fs::read(folder.join("index.json")).expect("a recording has an index");
            let index: HashMap<String, serde_json::Value> =
                serde_json::from_slice(&index).expect("an index is JSON");
            for (url, entry) in index {
                let status =
                    entry["status"].as_u64().and_then(|status| StatusCode::from_u16(status as u16).ok());
                let file = folder.join(entry["file"].as_str().expect("an entry has a file"));
                files.entry(url).or_insert((status.expect("an entry has a status"), file));
            }
        }
        Replay(files)
    }
}

impl Transport for &Replay {
    async fn send(&self, request: &Request<'_>) -> Result<Response, SendError> {
        let (status, body) = match self.0.get(&request.url.to_string()) {
            Some((status, file)) => (*status, fs::read(file).expect("a recorded body")),
            None => (StatusCode::NOT_FOUND, b"Not Found".to_vec()),
        };
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, body.len().into())]);
        Ok(Response { status, headers, body })
    }
}

/// A clock that stands still: nothing waits.
impl Clock for &Replay {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_521_600, 0).expect("November 2026")
    }

    fn uptime(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}

    fn random(&self) -> u64 {
        0
    }
}

/// A document of the session that these options choose, or why there is none.
pub fn document(replay: &Replay, source: Source, choice: &[String]) -> Result<Value, String> {
    let job = job(source, choice);
    let client = Client::new(replay, job.http(0));
    let body = async {
        let request = job.items.first().and_then(Item::session).expect("the source needs one");
        let session = session_asked_for(&client, &job.upstreams, request).await?;
        let wanted = Wanted { tables: source == Source::Fastf1, telemetry: source == Source::Telemetry };
        let data = fastf1::load(&client, &job.upstreams, &session, wanted).await?;
        let document = if wanted.tables { data.tables()? } else { data.telemetry()? };
        document.body.try_concat().await
    };
    let body = pollster::block_on(body).map_err(|e| e.message)?;
    serde_json::from_slice(&body).map_err(|e| format!("the document is not JSON: {e}"))
}

fn job(source: Source, choice: &[String]) -> Job {
    let base = ["--bucket", "lake", "--dry-run", "--sources", source.name(), "--requests-per-second", "0"];
    match parse(&[&base.map(str::to_owned), choice].concat(), |_| None) {
        Ok(Command::Ingest(job)) => *job,
        other => panic!("{other:?}"),
    }
}

/// Our documents of a recording beside FastF1's in its golden file, by name.
pub fn beside(
    folder: &Path,
    session: &Session,
    golden: &Value,
) -> Vec<(&'static str, Result<Agreement, String>)> {
    let replay = Replay::of(&[folder]);
    let ours = |source| document(&replay, source, &session.choice());
    let mut agreements =
        vec![("fastf1", ours(Source::Fastf1).map(|ours| compare(golden.get("fastf1"), &ours)))];
    if golden.get("telemetry") != &Value::Null {
        let ours = ours(Source::Telemetry);
        agreements.push(("telemetry", ours.map(|ours| compare(golden.get("telemetry"), &ours))));
    }
    agreements
}
