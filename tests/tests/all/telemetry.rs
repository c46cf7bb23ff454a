//! Telemetry end to end: cell for cell what FastF1 makes of it, in bounded memory.

use std::fs;
use std::path::{Path, PathBuf};

use f1_ingest_tests::binary::{Run, run};
use f1_ingest_tests::compare::{Value, compare, compare_written};
use f1_ingest_tests::golden;
use f1_ingest_tests::shared::{sessions, shared};
use f1_ingest_tests::store::keys;
use f1_ingest_tests::synthetic::{CATALOGUE, FULL_LENGTH, Kind, Plan, recording};
use serde::de::IgnoredAny;

/// A run and the documents that it stored, by source.
struct Stored {
    run: Run,
    documents: Vec<(String, Vec<u8>)>,
}

impl Stored {
    fn by(recordings: &[&Path], arguments: &[&str]) -> Stored {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = folder.path().to_str().expect("UTF-8");
        let mut all = vec!["run", "--retries", "1", "--include-telemetry", "--store", store];
        for recording in recordings {
            all.extend(["--replay", recording.to_str().expect("UTF-8")]);
        }
        all.extend(arguments);
        let run = run(&all, &[]);
        let bucket = folder.path().join("f1-data");
        let document = |key: String| {
            let source = key.split('/').nth(2).expect("a key names its source").to_owned();
            (source, fs::read(bucket.join(key)).expect("an object is a file"))
        };
        Stored { run, documents: keys(&bucket).into_iter().map(document).collect() }
    }

    /// The document of a synthetic session.
    fn of(plan: &Plan, recording: &Path, arguments: &[&str]) -> Stored {
        let session = recording::write(plan, recording).expect("a recording");
        let choice = session.choice();
        let choice = choice.each_ref().map(String::as_str);
        Stored::by(&[recording], &[&choice, arguments].concat())
    }

    fn bytes(&self, source: &str) -> Option<&[u8]> {
        self.documents.iter().find(|(name, _)| name == source).map(|(_, body)| body.as_slice())
    }

    #[track_caller]
    fn document(&self, source: &str) -> Value {
        let body = self.bytes(source).unwrap_or_else(|| panic!("no {source}:\n{}", self.run.stderr));
        serde_json::from_slice(body).expect("a stored document is JSON")
    }
}

/// The drivers of a document's tables, in its order.
fn drivers(document: &Value) -> Vec<&str> {
    let Value::Object(tables) = document.get("car_data") else { return Vec::new() };
    tables.iter().map(|(number, _)| number.as_str()).collect()
}

#[test]
fn every_cell_of_the_recorded_session_is_fastf1s() {
    let (Some(expected), Some(recordings)) = (shared("expected/2024-chinese-SQ"), shared("recordings"))
    else {
        return;
    };
    let (base, telemetry) = (recordings.join("base"), recordings.join("telemetry"));
    let session = ["--season", "2024", "--round", "5", "--session", "SQ", "--include-fastf1"];
    let stored = Stored::by(&[&base, &telemetry], &[&session[..], &["--progress", "always"]].concat());
    for source in ["fastf1", "telemetry"] {
        let expected = fs::read(expected.join(format!("{source}.json"))).expect("FastF1's document");
        let expected: Value = serde_json::from_slice(&expected).expect("JSON");
        let actual = stored.document(source);
        let agreement = compare(&expected, &actual);
        println!("2024-chinese-SQ {source}: {agreement}");
        assert!(agreement.is_complete(), "{source}: {agreement}");
        assert_eq!(drivers(&actual), drivers(&expected));
    }
    for topic in ["CarData.z", "Position.z"] {
        let asked = stored.run.stderr.lines().filter(|line| line.contains("GET") && line.contains(topic));
        let asked: Vec<_> = asked.collect();
        assert_eq!(asked.len(), 1, "both documents are made of one download: {asked:?}");
    }
}

#[test]
fn every_cell_of_a_qualifying_of_full_length_is_fastf1s() {
    let Some(sessions) = sessions() else { return };
    let session = sessions.iter().find(|session| session.name == "2025-mexico-Q").expect("it is recorded");
    let Some(expected) = session.telemetry_by_fastf1() else { return };
    let recordings: Vec<_> = session.recordings.iter().map(PathBuf::as_path).collect();
    let stored = Stored::by(&recordings, &session.choice.each_ref().map(String::as_str));
    let actual = stored.bytes("telemetry").unwrap_or_else(|| panic!("{}", stored.run.stderr));
    let agreement = compare_written(&expected, str::from_utf8(actual).expect("JSON is UTF-8"));
    println!("{}: {agreement}", session.name);
    assert!(agreement.total > 6_300_000 && agreement.is_complete(), "{agreement}");
}

#[test]
fn every_cell_of_the_synthetic_sessions_is_fastf1s() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut compared = Vec::new();
    for (name, plan) in CATALOGUE.iter().filter(|(_, plan)| plan.telemetry_hz > 0) {
        let stored = Stored::of(plan, &folder.path().join(name), &[]);
        let golden = golden::read(&golden::folder(), name);
        let (expected, actual) = (golden.get("telemetry"), stored.document("telemetry"));
        let agreement = compare(expected, &actual);
        println!("{name}: {agreement}");
        assert!(agreement.is_complete(), "{name}: {agreement}");
        assert_eq!(drivers(&actual), drivers(expected), "{name}");
        assert!(stored.bytes("fastf1").is_none(), "{name}: nobody asked for the tables");
        for topic in plan.missing.iter().filter(|topic| topic.ends_with(".z")) {
            stored.run.says(&["telemetry: ", topic, "is missing"]);
        }
        compared.push(plan);
    }
    assert!(compared.iter().any(|plan| plan.kind == Kind::Race));
    assert!(compared.iter().any(|plan| plan.kind == Kind::SprintQualifying));
    assert!(compared.iter().any(|plan| plan.missing.contains(&"Position.z")));
    assert!(compared.iter().any(|plan| plan.empty.contains(&"Position.z")));
}

#[test]
fn a_session_without_telemetry_is_an_error_that_says_so() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plan = Plan { seed: 3, laps: 3, cars: 3, ..Plan::BASE };
    let stored = Stored::of(&plan, folder.path(), &["--include-fastf1"]);
    stored.run.says(&["telemetry: ", "has no telemetry of", "CarData.z", "404"]);
    assert!(stored.bytes("telemetry").is_none());
    assert!(stored.bytes("fastf1").is_some(), "the tables do without");
    assert_eq!(stored.run.code, 1);
}

#[test]
fn a_race_of_full_length_takes_64_bytes_a_sample_at_most() {
    const LIMIT: usize = 48 << 20;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let stored = Stored::of(&FULL_LENGTH, folder.path(), &["--max-memory", "48MiB"]);
    let body = stored.bytes("telemetry").unwrap_or_else(|| panic!("{}", stored.run.stderr));
    serde_json::from_slice::<IgnoredAny>(body).expect("the document is JSON");
    let samples = body.windows(14).filter(|window| window == b"\"SessionTime\":").count();
    println!("{samples} samples, {} bytes", body.len());
    assert!(LIMIT <= (32 << 20) + 64 * samples, "{samples} samples allow for less memory");
}
