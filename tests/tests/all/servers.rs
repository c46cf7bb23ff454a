//! The host as a server: the HTTP trigger, a recording for other runtimes, the store for any S3 client.

use std::process::Command;

use f1_ingest_tests::binary::{root, run_in};
use f1_ingest_tests::installed::python;
use f1_ingest_tests::server::{Server, answer, eventually};
use f1_ingest_tests::store::Store;
use f1_ingest_tests::upstream::{Gate, RESULTS, Reply, Upstream};
use serde_json::Value;

/// The environment of a service that fetches from `upstream` and stores in `store`.
fn environment(upstream: &Upstream, store: &Store) -> Vec<(String, String)> {
    let mut variables = store.environment();
    variables.push(("JOLPICA_URL".into(), upstream.url("/results.json")));
    variables
}

const SERVE: [&str; 3] = ["serve", "--listen", "127.0.0.1:0"];

#[test]
fn post_ingest_runs_the_job_and_answers_with_its_report() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let server = Server::ours(&SERVE, &environment(&upstream, &store));

    assert_eq!(server.ask("GET", "/healthz", "").0, 200);
    assert!(upstream.asked().is_empty());

    let (status, report) = server.ask("POST", "/ingest", "");
    assert_eq!(status, 200, "{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["exit_code"], 0);
    assert_eq!(store.keys(), [report["stored"][0]["key"].as_str().unwrap()]);

    let (status, report) = server.ask("POST", "/ingest", r#"{"dry-run": true}"#);
    assert_eq!((status, store.keys().len()), (200, 1), "{report}");

    for body in [r#"{"bucket": "another"}"#, r#"{"endpoint-url": "http://127.0.0.1:9"}"#, "no JSON"] {
        let (status, why) = server.ask("POST", "/ingest", body);
        assert_eq!(status, 400, "{body}: {why}");
    }
    assert_eq!(server.ask("GET", "/ingest", "").0, 405);
    assert_eq!(server.ask("GET", "/", "").0, 404);
    assert_eq!(upstream.asked().len(), 2, "a refused request fetches nothing");
}

#[test]
fn one_run_at_a_time_whoever_goes_away_and_health_is_answered_meanwhile() {
    let gate = Gate::default();
    let held = Reply::Held(gate.clone(), Box::new(Reply::json(RESULTS)));
    let (upstream, store) = (Upstream::start([held]), Store::start());
    let server = Server::ours(&SERVE, &environment(&upstream, &store));

    let caller = server.send("POST", "/ingest", "", "");
    eventually("the upstream's request", || !upstream.asked().is_empty());
    // All are sent before the first answer is read.
    let checks: Vec<_> = (0..100).map(|_| server.send("GET", "/healthz", "", "")).collect();
    assert!(checks.into_iter().all(|check| answer(check).0 == 200));
    assert!(server.ask("GET", "/metrics", "").1.contains("\nf1_ingest_running 1\n"));

    let (status, why) = server.ask("POST", "/ingest", "");
    let why: Value = serde_json::from_str(&why).unwrap();
    assert_eq!(status, 409, "{why}");
    assert!(why["error"].is_string() && why["running_since"].as_u64().is_some(), "{why}");

    drop(caller);
    assert_eq!(server.ask("POST", "/ingest", "").0, 409, "the run goes on without its caller");
    gate.open();
    eventually("the object", || store.keys().len() == 1);
    eventually("the end of the run", || {
        let metrics = server.ask("GET", "/metrics", "").1;
        metrics.contains("f1_ingest_running 0\n")
            && metrics.contains("f1_ingest_runs_total{exit_code=\"0\"} 1\n")
    });
    assert_eq!(server.ask("POST", "/ingest", "").0, 200);
    assert_eq!(store.keys().len(), 2);
}

#[test]
fn told_to_stop_it_ends_the_run_under_way_and_begins_no_other() {
    let gate = Gate::default();
    let held = Reply::Held(gate.clone(), Box::new(Reply::json(RESULTS)));
    let (upstream, store) = (Upstream::start([held]), Store::start());
    let mut server = Server::ours(&SERVE, &environment(&upstream, &store));
    let caller = server.send("POST", "/ingest", "", "");
    eventually("the upstream's request", || !upstream.asked().is_empty());

    let id = server.process.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    eventually("the refusal", || server.ask("GET", "/healthz", "").0 == 503);
    assert_eq!(server.ask("POST", "/ingest", "").0, 503);

    gate.open();
    let (status, report) = answer(caller);
    assert_eq!((status, store.keys().len()), (200, 1), "{report}");
    assert_eq!(server.process.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_token_is_wanted_if_one_is_set_and_on_a_public_address() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let mut variables = environment(&upstream, &store);
    let public = ["serve", "--listen", "0.0.0.0:0"];
    run_in(&public, &variables).expect(2).says(&["F1_INGEST_TOKEN", "127.0.0.1"]);

    variables.push(("F1_INGEST_TOKEN".into(), "a-token-of-ours".into()));
    let server = Server::ours(&public, &variables);
    assert_eq!(server.ask("GET", "/healthz", "").0, 200);
    for headers in ["", "authorization: Bearer a-token-of-your\r\n", "authorization: a-token-of-ours\r\n"] {
        for (method, path) in [("POST", "/ingest"), ("GET", "/metrics")] {
            let (status, why) = answer(server.send(method, path, headers, ""));
            assert_eq!(status, 401, "{method} {path} {headers:?}");
            assert!(why.contains("F1_INGEST_TOKEN") && !why.contains("a-token"), "{why}");
        }
    }
    assert!(upstream.asked().is_empty(), "a caller without the token runs nothing");
    let right = "Authorization: Bearer a-token-of-ours\r\n";
    assert_eq!(answer(server.send("POST", "/ingest", right, "")).0, 200);
    assert_eq!(answer(server.send("GET", "/metrics", right, "")).0, 200);
}

#[test]
fn prometheus_reads_the_metrics() {
    let Some(python) = python() else { return };
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS), Reply::new(404, "")]), Store::start());
    let server = Server::ours(&SERVE, &environment(&upstream, &store));
    assert_eq!(server.ask("POST", "/ingest", "").0, 200);
    assert_eq!(server.ask("POST", "/ingest", "").0, 502);
    let script = "import sys; from prometheus_client.parser import text_string_to_metric_families as parse; \
        [print(s.name, *sorted(s.labels.items()), s.value) for f in parse(sys.argv[1]) for s in f.samples \
        if f.documentation and f.type != 'unknown']";
    let metrics = server.ask("GET", "/metrics", "").1;
    let output = Command::new(python).args(["-c", script, &metrics]).output().unwrap();
    let samples = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "f1_ingest_running 0",
        "f1_ingest_runs_total ('exit_code', '0') 1",
        "f1_ingest_runs_total ('exit_code', '1') 1",
        "f1_ingest_last_run_exit_code 1",
        "f1_ingest_last_run_failed ('kind', 'not-found') ('source', 'jolpica') 1",
        "f1_ingest_last_success_timestamp_seconds ",
    ] {
        assert!(samples.contains(expected), "{expected} is not in\n{samples}\n{metrics}");
    }
    assert_eq!(samples.lines().count(), metrics.lines().filter(|line| !line.starts_with('#')).count());
}

#[test]
fn a_missed_run_of_the_schedule_is_made_up_for_once() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let variables = environment(&upstream, &store);
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("last-run");
    std::fs::write(&state, "2024-06-01T00:00:00Z\n").unwrap();
    // Two New Years have passed since then.
    let scheduled = ["--schedule", "0 0 1 1 *", "--state", state.to_str().unwrap()];
    let arguments = [&SERVE[..], &scheduled].concat();
    {
        let mut server = Server::ours(&arguments, &variables);
        let said = server.says.by_ref().map_while(Result::ok).find(|line| line.contains("missed")).unwrap();
        assert!(said.contains("2025-01-01T00:00:00Z"), "{said}");
        server.says.by_ref().map_while(Result::ok).find(|line| line.contains("the next run is at")).unwrap();
        assert_eq!(store.keys().len(), 1);
    }
    let noted = std::fs::read_to_string(&state).unwrap();
    assert!(!noted.starts_with("2024"), "{noted}");
    let mut server = Server::ours(&arguments, &variables);
    let said = server.says.next().unwrap().unwrap();
    assert!(said.contains("the next run is at"), "nothing was missed: {said}");

    for (wrong, named) in [
        (&["--schedule", "noon"][..], "--schedule"),
        (&["--state", "x"], "--schedule"),
        (&["--schedule", "0 12 * * *", "--state", "/no/such/folder/x"], "--state"),
    ] {
        let all = [&SERVE[..], wrong].concat();
        run_in(&all, &variables).expect(2).says(&[named]);
    }
}

#[test]
fn a_scheduled_run_that_was_not_now_is_tried_again_when_the_upstream_said() {
    // So many refusals are waited for within a run.
    let busy = (0..5).map(|_| Reply::new(429, "").with("retry-after", "1"));
    let gate = Gate::default();
    let held = Reply::Held(gate.clone(), Box::new(Reply::json(RESULTS)));
    let (upstream, store) = (Upstream::start(busy.chain([held])), Store::start());
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("last-run");
    std::fs::write(&state, "2024-06-01T00:00:00Z\n").unwrap();
    let scheduled = ["--schedule", "0 0 1 1 *", "--state", state.to_str().unwrap()];
    let mut server = Server::ours(&[&SERVE[..], &scheduled].concat(), &environment(&upstream, &store));
    let plans = ["the run is tried again at", "the next run is at"];
    let is_plan = |line: &String| plans.iter().any(|plan| line.contains(plan));
    let mut plan = || server.says.by_ref().map_while(Result::ok).find(is_plan).unwrap();
    let first = plan();
    assert!(first.contains("not now; the run is tried again at"), "{first}");
    eventually("the second run", || upstream.asked().len() == 6);
    let noted = std::fs::read_to_string(&state).unwrap();
    assert!(noted.starts_with("2024"), "a restart would make up for the run that is still due: {noted}");
    gate.open();
    let then = plan();
    assert!(then.contains("the next run is at"), "{then}");
    assert_eq!(store.keys().len(), 1);
    let noted = std::fs::read_to_string(&state).unwrap();
    assert!(!noted.starts_with("2024"), "{noted}");
}

#[test]
fn the_schedule_runs_what_the_command_line_says() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let every_second = ["--schedule", "* * * * * *", "--user-agent", "from the command line"];
    let _server = Server::ours(&[&SERVE[..], &every_second].concat(), &environment(&upstream, &store));
    eventually("a second run", || store.keys().len() >= 2);
    assert_eq!(upstream.asked()[0].header("user-agent"), Some("from the command line"));
}

#[test]
fn a_recording_is_served_under_the_names_of_its_hosts() {
    let recording = root().join("host/demo");
    let server = Server::ours(&["replay", recording.to_str().unwrap(), "--listen", "127.0.0.1:0"], &[]);
    let path = "api.jolpi.ca/ergast/f1/current/last/results.json";
    let (status, body) = server.ask("GET", &format!("/{path}"), "");
    assert_eq!((status, body), (200, std::fs::read_to_string(recording.join(path)).unwrap()));
    assert_eq!(server.ask("GET", "/api.jolpi.ca/not/recorded", "").0, 404);
}

#[test]
fn boto3_reads_what_was_stored_with_its_metadata() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let run = run_in(&["run", "--jolpica-url", &upstream.url("/")], &store.environment());
    let key = run.stdout.trim();
    let script = "o = s3.get_object(Bucket=sys.argv[1], Key=sys.argv[2])
print(json.dumps([o['Body'].read().decode(), o['ContentType'], o['Metadata']]))";
    let Some(read) = store.boto3(script, &[key]) else { return };
    assert_eq!((&read[0], &read[1]), (&Value::from(RESULTS), &Value::from("application/json")));
    assert_eq!(read[2]["source"], "jolpica");
    assert_eq!(read[2]["ingest_time_utc"], key.rsplit('/').next().unwrap().trim_end_matches(".json"));
}
