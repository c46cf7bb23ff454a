//! Our own documents of a recorded session, made by the component's library without a network.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use f1_ingest_component::client::Client;
use f1_ingest_component::fastf1;
use f1_ingest_component::options::{Command, Job, parse};
use f1_ingest_component::runtime::{Clock, Request, Response, SendError, Transport};
use http::{HeaderMap, StatusCode};

use crate::compare::Value;

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
        Ok(Response { status, headers: HeaderMap::new(), body })
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

/// The `fastf1` document of a session, or why there is none.
pub fn fastf1(replay: &Replay, season: i32, round: i64, session: &str) -> Result<Value, String> {
    let job = job(season, round, session);
    let document =
        pollster::block_on(fastf1::fetch(&Client::new(replay, &job), &job)).map_err(|e| e.message)?;
    serde_json::from_slice(&document.body).map_err(|e| format!("the document is no JSON: {e}"))
}

fn job(season: i32, round: i64, session: &str) -> Job {
    let (season, round) = (season.to_string(), round.to_string());
    let arguments = [
        "--bucket",
        "lake",
        "--dry-run",
        "--include-fastf1",
        "--requests-per-second",
        "0",
        "--season",
        &season,
        "--round",
        &round,
        "--session",
        session,
    ];
    match parse(&arguments.map(str::to_owned), |_| None) {
        Ok(Command::Ingest(job)) => *job,
        other => panic!("{other:?}"),
    }
}
