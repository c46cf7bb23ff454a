//! The fastf1 document of the sessions that lie recorded in `../shared`, against FastF1's own.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, Utc};
use f1_ingest_component::client::Client;
use f1_ingest_component::fastf1;
use f1_ingest_component::options::{Command, Job, parse};
use f1_ingest_component::runtime::{Clock, Request, Response, SendError, Transport};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

/// Answers from recordings; what was not recorded is 404.
struct Replay {
    files: HashMap<String, (StatusCode, PathBuf)>,
}

impl Replay {
    fn of(folders: &[PathBuf]) -> Replay {
        let mut files = HashMap::new();
        for folder in folders {
            let index = std::fs::read(folder.join("index.json")).expect("a recording has an index");
            let index: HashMap<String, Value> = serde_json::from_slice(&index).expect("the index is JSON");
            for (url, entry) in index {
                let status = entry["status"].as_u64().and_then(|status| u16::try_from(status).ok());
                let status = StatusCode::from_u16(status.expect("an entry has a status")).expect("a status");
                let file = folder.join(entry["file"].as_str().expect("an entry has a file"));
                files.entry(url).or_insert((status, file));
            }
        }
        Replay { files }
    }
}

impl Transport for &Replay {
    async fn send(&self, request: &Request<'_>) -> Result<Response, SendError> {
        let (status, body) = match self.files.get(&request.url.to_string()) {
            Some((status, file)) => (*status, std::fs::read(file).expect("a recorded file can be read")),
            None => (StatusCode::NOT_FOUND, b"Not Found".to_vec()),
        };
        Ok(Response { status, headers: HeaderMap::new(), body })
    }
}

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

fn shared() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("F1_SHARED").map_or_else(beside, PathBuf::from);
    if !shared.join("recordings").is_dir() {
        eprintln!("skipped: there are no recordings at {}", shared.display());
        return None;
    }
    Some(shared)
}

fn job(arguments: &[&str]) -> Job {
    let base = ["--bucket", "lake", "--dry-run", "--include-fastf1", "--requests-per-second", "0"];
    let arguments: Vec<String> = base.iter().chain(arguments).map(|argument| argument.to_string()).collect();
    match parse(&arguments, |_| None) {
        Ok(Command::Ingest(job)) => *job,
        other => panic!("{other:?}"),
    }
}

/// How many cells agree, of how many; a missing row or column, or another order, is a difference.
fn agreement(expected: &Value, actual: &Value) -> (usize, usize) {
    let (Value::Array(expected), Value::Array(actual)) = (expected, actual) else {
        return (usize::from(expected == actual), 1);
    };
    let (mut good, mut total) = (0, 0);
    for at in 0..expected.len().max(actual.len()) {
        let empty = serde_json::Map::new();
        let row = |rows: &[Value]| rows.get(at).and_then(Value::as_object).cloned().unwrap_or(empty.clone());
        let (expected, actual) = (row(expected), row(actual));
        let columns = expected.len().max(actual.len());
        let same = expected.iter().zip(&actual).filter(|((k, v), (l, w))| k == l && same(v, w)).count();
        (good, total) = (good + same, total + columns);
    }
    (good, total)
}

fn same(a: &Value, b: &Value) -> bool {
    a == b || (a.is_number() && b.is_number() && a.as_f64() == b.as_f64())
}

#[test]
fn every_cell_is_fastf1s() {
    let Some(shared) = shared() else { return };
    let recordings = ["derived", "base", "telemetry"].map(|folder| shared.join("recordings").join(folder));
    let replay = Replay::of(&recordings);
    let mut sessions: Vec<PathBuf> =
        std::fs::read_dir(shared.join("expected")).expect("expected/").flatten().map(|e| e.path()).collect();
    sessions.sort();
    assert!(sessions.len() >= 10, "{sessions:?}");
    let mut differing = Vec::new();
    for folder in sessions {
        let name = folder.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        let info: Value =
            serde_json::from_slice(&std::fs::read(folder.join("info.json")).expect("info")).expect("JSON");
        let (season, session) = (&name[..4], name.rsplit('-').next().expect("a session"));
        let round = info["round"].to_string();
        let job = job(&["--season", season, "--round", &round, "--session", session]);
        let document = pollster::block_on(fastf1::fetch(&Client::new(&replay, &job), &job)).expect(&name);
        let expected: Value =
            serde_json::from_slice(&std::fs::read(folder.join("fastf1.json")).expect("tables"))
                .expect("JSON");
        let actual: Value = serde_json::from_slice(&document.body).expect("the document is JSON");
        for table in ["laps", "weather", "results"] {
            let (good, total) = agreement(&expected[table], &actual[table]);
            eprintln!("{name} {table}: {good} of {total} cells, {:.3} %", 100.0 * good as f64 / total as f64);
            if good != total {
                differing.push(format!("{name} {table}"));
            }
        }
    }
    assert!(differing.is_empty(), "{differing:?}");
}
