//! The main path: the real component in the real host, real HTTP, a store that verifies signatures.

use f1_ingest_tests::binary::{Run, command, run, run_in};
use f1_ingest_tests::shared::shared;
use f1_ingest_tests::store::{BUCKET, SECRET_KEY, Store, environment, keys};
use f1_ingest_tests::upstream::{Reply, Upstream};
use sha2::{Digest, Sha256};

const RESULTS: &str = r#"{"MRData": {"total": "1", "RaceTable": {"Races": [{"round": "1"}]}}}"#;

/// Runs the job against `upstream` and the environment's store.
fn ingest(upstream: &Upstream, environment: &[(String, String)], arguments: &[&str]) -> Run {
    let url = upstream.url("/ergast/f1/current/last/results.json");
    let all: Vec<&str> = ["run", "--jolpica-url", &url].iter().chain(arguments).copied().collect();
    let run = run_in(&all, environment);
    assert!(
        !run.stderr.contains(SECRET_KEY) && !run.stdout.contains(SECRET_KEY),
        "the secret shows:\n{run:?}"
    );
    run
}

#[test]
fn the_upstreams_bytes_are_stored_untouched_with_their_metadata() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let run = ingest(&upstream, &store.environment(), &[]).expect(0);
    let [key] = run.keys()[..] else { panic!("one line is one key: {:?}", run.stdout) };
    let parts: Vec<&str> = key.split('/').collect();
    let ["raw", date, "jolpica", name] = parts[..] else { panic!("{key}") };
    let seconds: i64 = name.strip_suffix(".json").unwrap().parse().unwrap();
    let day = chrono::DateTime::from_timestamp(seconds, 0).unwrap().format("%Y-%m-%d").to_string();
    assert_eq!(date, day);
    assert_eq!(store.keys(), [key]);
    assert_eq!(store.object(key), RESULTS.as_bytes());

    let sha256 = hex::encode(Sha256::digest(RESULTS));
    let metadata = store.metadata(key);
    for value in
        ["\"source\":\"jolpica\"", &format!("\"ingest_time_utc\":\"{seconds}\""), &sha256, "application/json"]
    {
        assert!(metadata.contains(value), "{value} is not in {metadata}");
    }
    let asked = &upstream.asked()[0];
    assert_eq!(asked.line, "GET /ergast/f1/current/last/results.json HTTP/1.1");
    assert_eq!(asked.header("accept-encoding"), Some("gzip"));
    assert!(asked.header("user-agent").unwrap().starts_with("f1-ingest/"), "{asked:?}");
}

#[test]
fn a_replayed_recording_is_stored_byte_for_byte_in_the_embedded_store() {
    let Some(recording) = shared("recordings/base") else { return };
    let folder = tempfile::tempdir().unwrap();
    let arguments =
        ["run", "--replay", recording.to_str().unwrap(), "--store", folder.path().to_str().unwrap()];
    let run = run(&arguments, &[]).expect(0);
    let bucket = folder.path().join("f1-data");
    assert_eq!(run.keys().len(), 1, "{}", run.stdout);
    assert_eq!(keys(&bucket), run.keys());
    let index = std::fs::read_to_string(recording.join("index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&index).unwrap();
    let entry = &index["https://api.jolpi.ca/ergast/f1/current/last/results.json"];
    let recorded = std::fs::read(recording.join(entry["file"].as_str().unwrap())).unwrap();
    let stored = std::fs::read(bucket.join(run.keys()[0])).unwrap();
    assert_eq!(Sha256::digest(&stored), Sha256::digest(&recorded));
}

#[test]
fn what_is_recorded_replays_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let gzip = {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(RESULTS.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let upstream = Upstream::start([Reply::json(gzip).with("content-encoding", "gzip")]);
    let url = upstream.url("/results.json?limit=100");
    run(&["run", "--jolpica-url", &url, "--record", &path("tape"), "--store", &path("one")], &[]).expect(0);
    run(&["run", "--jolpica-url", &url, "--replay", &path("tape"), "--store", &path("two")], &[]).expect(0);
    assert_eq!(upstream.asked().len(), 1, "a replay asks nobody");
    for store in ["one", "two"] {
        let bucket = folder.path().join(store).join("f1-data");
        let [key] = &keys(&bucket)[..] else { panic!("{store} has not one object") };
        assert_eq!(std::fs::read(bucket.join(key)).unwrap(), RESULTS.as_bytes());
    }
}

#[test]
fn a_mock_file_is_stored_and_nothing_is_fetched() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("mock.json");
    std::fs::write(&file, " {\"any\": [1, 2]}\n").unwrap();
    let run = ingest(&upstream, &store.environment(), &["--mock-file", file.to_str().unwrap()]).expect(0);
    assert!(run.stdout.contains("/mock/"), "{}", run.stdout);
    assert_eq!(store.object(run.keys()[0]), b" {\"any\": [1, 2]}\n");
    assert!(upstream.asked().is_empty());

    std::fs::write(&file, "not JSON").unwrap();
    ingest(&upstream, &store.environment(), &["--mock-file", file.to_str().unwrap()])
        .expect(2)
        .says(&["mock.json", "JSON"]);
    ingest(&upstream, &store.environment(), &["--mock-file", "absent.json"]).expect(2).says(&["absent.json"]);
    assert_eq!(store.keys().len(), 1);
}

#[test]
fn a_mock_file_with_a_relative_path_is_found() {
    let store = Store::start();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mock.json"), "{}").unwrap();
    let variables = store.environment();
    let mut command = command(&["run", "--mock-file", "mock.json"], &[]);
    let run: Run = command.envs(variables).current_dir(folder.path()).output().unwrap().into();
    assert_eq!(run.expect(0).keys(), store.keys());
}

#[test]
fn a_dry_run_fetches_and_stores_nothing() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let run = ingest(&upstream, &store.environment(), &["--dry-run"]).expect(0);
    run.says(&["would store", &RESULTS.len().to_string(), BUCKET]);
    assert_eq!(run.stdout, "");
    assert!(store.keys().is_empty());
    assert_eq!(upstream.asked().len(), 1);
}

#[test]
fn two_runs_in_the_same_second_keep_both_objects() {
    let store = Store::start();
    let runs: Vec<_> = (0..6)
        .map(|n| {
            let body = RESULTS.replace(r#""round": "1""#, &format!(r#""round": "{n}""#));
            let (upstream, environment) = (Upstream::start([Reply::json(body)]), store.environment());
            std::thread::spawn(move || ingest(&upstream, &environment, &[]).expect(0).stdout)
        })
        .collect();
    let mut printed: Vec<String> =
        runs.into_iter().map(|run| run.join().unwrap().trim().to_owned()).collect();
    printed.sort();
    assert_eq!(printed, store.keys(), "every printed key is an object of its own");
    let mut bodies: Vec<_> = printed.iter().map(|key| store.object(key)).collect();
    bodies.sort();
    bodies.dedup();
    assert_eq!(bodies.len(), 6, "no object was overwritten");
}

#[test]
fn an_answer_that_got_lost_stores_nothing_twice() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let proxy = Upstream::start([
        Reply::Forward(store.address),
        Reply::ForwardAndHangup(store.address),
        Reply::Forward(store.address),
    ]);
    let run = ingest(&upstream, &environment(&proxy.url("")), &[]).expect(0);
    assert_eq!(store.keys(), run.keys());
    let methods: Vec<String> = proxy.asked().iter().map(|asked| asked.line[..4].trim().to_owned()).collect();
    assert_eq!(methods, ["HEAD", "PUT", "HEAD", "PUT", "HEAD"]);
}
