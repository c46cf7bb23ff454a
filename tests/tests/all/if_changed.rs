//! `--if-changed` of documents that are sent in parts: their hash goes ahead of them.

use std::fs;
use std::path::Path;

use f1_ingest_tests::binary::run;
use f1_ingest_tests::store::keys;
use f1_ingest_tests::synthetic::{FULL_LENGTH, Plan, recording};
use sha2::{Digest, Sha256};

const PART: u64 = 5 << 20;

/// The key that a run of `source` prints, of all that lies in `store`.
fn stored(source: &str, session: &recording::Session, recording: &Path, store: &Path) -> String {
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let choice = session.choice();
    let choice = choice.each_ref().map(String::as_str);
    let how = ["--if-changed", "--part-size", "5MiB", "--retries", "1"];
    let flag = format!("--include-{source}");
    let (recording, store) = (path(recording), path(store));
    let places = ["run", &flag, "--replay", &recording, "--store", &store];
    let run = run(&[&places[..], &choice, &how].concat(), &[]).expect(0);
    let key = run.keys().into_iter().find(|key| key.contains(source));
    key.expect("the run prints its keys").to_owned()
}

#[test]
fn ten_runs_store_what_is_sent_in_parts_once_and_once_more_when_it_has_changed() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    let plan = Plan { seed: 52, laps: 30, ..FULL_LENGTH };
    let session = recording::write(&plan, &recording).unwrap();
    for (source, feed) in [("telemetry", "Position.z"), ("livetiming", "WeatherData")] {
        let store = folder.path().join(source);
        let bucket = store.join("f1-data");
        let first = stored(source, &session, &recording, &store);
        assert!(fs::metadata(bucket.join(&first)).unwrap().len() > PART, "it is sent in parts");
        for _ in 1..10 {
            assert_eq!(stored(source, &session, &recording, &store), first);
        }
        assert_eq!(objects(&bucket, source), std::slice::from_ref(&first));

        cut(&recording.join("livetiming.formula1.com/static").join(&session.path), feed);
        let corrected = stored(source, &session, &recording, &store);
        assert_eq!(objects(&bucket, source), [first, corrected]);
    }
}

/// What is sent while it is made has no hash in its metadata; whoever has read it back knows it all the same.
#[test]
fn what_was_sent_while_it_was_made_is_compared_with_the_hash_that_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let recording = folder.path().join("recording");
    let plan = Plan { seed: 52, laps: 30, ..FULL_LENGTH };
    let session = recording::write(&plan, &recording).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let (store, recording) = (path(&folder.path().join("store")), path(&recording));
    let choice = session.choice();
    let run_with = |more: &[&str]| {
        let places = ["run", "--sources", "telemetry", "--replay", &recording, "--store", &store];
        let choice = choice.each_ref().map(String::as_str);
        run(&[&places[..], &choice, &["--part-size", "5MiB"], more].concat(), &[]).expect(0)
    };
    let first = run_with(&[]).keys()[0].to_owned();
    let document = fs::read(folder.path().join("store/f1-data").join(&first)).unwrap();
    let hash = hex::encode(Sha256::digest(&document));
    let again = run_with(&["--if-changed-from", &format!("{first}:{hash}")]);
    assert_eq!(again.keys(), [&first]);
    again.says(&["has not changed since"]);
    let other = run_with(&["--if-changed-from", &format!("{first}:{}", "0".repeat(64))]);
    assert_ne!(other.keys(), [&first]);
}

fn objects(bucket: &Path, source: &str) -> Vec<String> {
    let mut keys = keys(bucket);
    keys.retain(|key| key.contains(source));
    keys
}

/// Takes the last line of a feed away.
fn cut(session: &Path, feed: &str) {
    let path = session.join(format!("{feed}.jsonStream"));
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive("\r\n").collect();
    fs::write(&path, lines[..lines.len() - 1].concat()).unwrap();
}
