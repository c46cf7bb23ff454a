//! The host as a server: the HTTP trigger, a recording for other runtimes, the store for any S3 client.

use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use f1_ingest_tests::binary::{Run, Running, command, root};
use f1_ingest_tests::python::python;
use f1_ingest_tests::store::{ACCESS_KEY, BUCKET, SECRET_KEY, Store};
use f1_ingest_tests::upstream::{Gate, Reply, Upstream};
use serde_json::Value;

const RESULTS: &str = r#"{"MRData": {"total": "1"}}"#;

/// A server of ours, the `host:port` that it says it listens on, and what it says after that.
fn server(arguments: &[&str], variables: &[(String, String)]) -> (Running, String, Lines<Box<dyn BufRead>>) {
    let mut command = command(arguments, &[]);
    command.envs(variables.iter().cloned()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let running = Running(child);
    let lines: Box<dyn BufRead> = match arguments[0] {
        "serve" => Box::new(BufReader::new(stderr)),
        _ => Box::new(BufReader::new(stdout)),
    };
    let mut lines = lines.lines();
    let address = |line: String| Some(line.split("http://").nth(1)?.split(['/', ' ']).next()?.to_owned());
    let address = lines.by_ref().map_while(Result::ok).find_map(address);
    (running, address.expect("the server says where it is"), lines)
}

/// Sends a request with these extra header lines, and does not wait for the answer.
fn send(address: &str, method: &str, path: &str, headers: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

/// Status and body of an answer.
fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn ask(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    answer(send(address, method, path, "", body))
}

/// Waits for what must come; how long it takes does not matter.
fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("{what} never came");
}

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
    let (_server, address, _) = server(&SERVE, &environment(&upstream, &store));

    assert_eq!(ask(&address, "GET", "/healthz", "").0, 200);
    assert!(upstream.asked().is_empty());

    let (status, report) = ask(&address, "POST", "/ingest", "");
    assert_eq!(status, 200, "{report}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["exit_code"], 0);
    assert_eq!(store.keys(), [report["stored"][0]["key"].as_str().unwrap()]);

    let (status, report) = ask(&address, "POST", "/ingest", r#"{"dry-run": true}"#);
    assert_eq!((status, store.keys().len()), (200, 1), "{report}");

    for body in [r#"{"bucket": "another"}"#, r#"{"endpoint-url": "http://127.0.0.1:9"}"#, "no JSON"] {
        let (status, why) = ask(&address, "POST", "/ingest", body);
        assert_eq!(status, 400, "{body}: {why}");
    }
    assert_eq!(ask(&address, "GET", "/ingest", "").0, 405);
    assert_eq!(ask(&address, "GET", "/", "").0, 404);
    assert_eq!(upstream.asked().len(), 2, "a refused request fetches nothing");
}

#[test]
fn one_run_at_a_time_whoever_goes_away_and_health_is_answered_meanwhile() {
    let gate = Gate::default();
    let held = Reply::Held(gate.clone(), Box::new(Reply::json(RESULTS)));
    let (upstream, store) = (Upstream::start([held]), Store::start());
    let (_server, address, _) = server(&SERVE, &environment(&upstream, &store));

    let caller = send(&address, "POST", "/ingest", "", "");
    eventually("the upstream's request", || !upstream.asked().is_empty());
    // All are sent before the first answer is read.
    let checks: Vec<_> = (0..100).map(|_| send(&address, "GET", "/healthz", "", "")).collect();
    assert!(checks.into_iter().all(|check| answer(check).0 == 200));
    assert!(ask(&address, "GET", "/metrics", "").1.contains("\nf1_ingest_running 1\n"));

    let (status, why) = ask(&address, "POST", "/ingest", "");
    let why: Value = serde_json::from_str(&why).unwrap();
    assert_eq!(status, 409, "{why}");
    assert!(why["error"].is_string() && why["running_since"].as_u64().is_some(), "{why}");

    drop(caller);
    assert_eq!(ask(&address, "POST", "/ingest", "").0, 409, "the run goes on without its caller");
    gate.open();
    eventually("the object", || store.keys().len() == 1);
    eventually("the end of the run", || {
        let metrics = ask(&address, "GET", "/metrics", "").1;
        metrics.contains("f1_ingest_running 0\n")
            && metrics.contains("f1_ingest_runs_total{exit_code=\"0\"} 1\n")
    });
    assert_eq!(ask(&address, "POST", "/ingest", "").0, 200);
    assert_eq!(store.keys().len(), 2);
}

#[test]
fn told_to_stop_it_ends_the_run_under_way_and_begins_no_other() {
    let gate = Gate::default();
    let held = Reply::Held(gate.clone(), Box::new(Reply::json(RESULTS)));
    let (upstream, store) = (Upstream::start([held]), Store::start());
    let (mut server, address, _) = server(&SERVE, &environment(&upstream, &store));
    let caller = send(&address, "POST", "/ingest", "", "");
    eventually("the upstream's request", || !upstream.asked().is_empty());

    let id = server.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    eventually("the refusal", || ask(&address, "GET", "/healthz", "").0 == 503);
    assert_eq!(ask(&address, "POST", "/ingest", "").0, 503);

    gate.open();
    let (status, report) = answer(caller);
    assert_eq!((status, store.keys().len()), (200, 1), "{report}");
    assert_eq!(server.0.wait().unwrap().code(), Some(0));
}

#[test]
fn a_token_is_wanted_where_one_is_set_and_on_a_public_address() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let mut variables = environment(&upstream, &store);
    let public = ["serve", "--listen", "0.0.0.0:0"];
    let refused: Run = command(&public, &[]).envs(variables.clone()).output().unwrap().into();
    refused.expect(2).says(&["F1_INGEST_TOKEN", "127.0.0.1"]);

    variables.push(("F1_INGEST_TOKEN".into(), "a-token-of-ours".into()));
    let (_server, address, _) = server(&public, &variables);
    let address = address.replace("0.0.0.0", "127.0.0.1");
    assert_eq!(ask(&address, "GET", "/healthz", "").0, 200);
    for headers in ["", "authorization: Bearer a-token-of-your\r\n", "authorization: a-token-of-ours\r\n"] {
        for (method, path) in [("POST", "/ingest"), ("GET", "/metrics")] {
            let (status, why) = answer(send(&address, method, path, headers, ""));
            assert_eq!(status, 401, "{method} {path} {headers:?}");
            assert!(why.contains("F1_INGEST_TOKEN") && !why.contains("a-token"), "{why}");
        }
    }
    assert!(upstream.asked().is_empty(), "a caller without the token runs nothing");
    let right = "Authorization: Bearer a-token-of-ours\r\n";
    assert_eq!(answer(send(&address, "POST", "/ingest", right, "")).0, 200);
    assert_eq!(answer(send(&address, "GET", "/metrics", right, "")).0, 200);
}

#[test]
fn prometheus_reads_the_metrics() {
    let Some(python) = python() else { return };
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS), Reply::new(404, "")]), Store::start());
    let (_server, address, _) = server(&SERVE, &environment(&upstream, &store));
    assert_eq!(ask(&address, "POST", "/ingest", "").0, 200);
    assert_eq!(ask(&address, "POST", "/ingest", "").0, 502);
    let script = "import sys; from prometheus_client.parser import text_string_to_metric_families as parse; \
        [print(s.name, *sorted(s.labels.items()), s.value) for f in parse(sys.argv[1]) for s in f.samples \
        if f.documentation and f.type != 'unknown']";
    let metrics = ask(&address, "GET", "/metrics", "").1;
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
        let (_server, _, mut says) = server(&arguments, &variables);
        let said = says.by_ref().map_while(Result::ok).find(|line| line.contains("missed")).unwrap();
        assert!(said.contains("2025-01-01T00:00:00Z"), "{said}");
        says.map_while(Result::ok).find(|line| line.contains("the next run is at")).unwrap();
        assert_eq!(store.keys().len(), 1);
    }
    let noted = std::fs::read_to_string(&state).unwrap();
    assert!(!noted.starts_with("2024"), "{noted}");
    let (_server, _, mut says) = server(&arguments, &variables);
    let said = says.next().unwrap().unwrap();
    assert!(said.contains("the next run is at"), "nothing was missed: {said}");

    for (wrong, named) in [
        (&["--schedule", "noon"][..], "--schedule"),
        (&["--state", "x"], "--schedule"),
        (&["--schedule", "0 12 * * *", "--state", "/no/such/folder/x"], "--state"),
    ] {
        let all = [&SERVE[..], wrong].concat();
        let run: Run = command(&all, &[]).envs(variables.clone()).output().unwrap().into();
        run.expect(2).says(&[named]);
    }
}

#[test]
fn the_schedule_runs_what_the_command_line_says() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let every_second = ["--schedule", "* * * * * *", "--user-agent", "from the command line"];
    let (_server, _, _) = server(&[&SERVE[..], &every_second].concat(), &environment(&upstream, &store));
    eventually("a second run", || store.keys().len() >= 2);
    assert_eq!(upstream.asked()[0].header("user-agent"), Some("from the command line"));
}

#[test]
fn a_recording_is_served_under_the_names_of_its_hosts() {
    let recording = root().join("host/demo");
    let (_server, address, _) =
        server(&["replay", recording.to_str().unwrap(), "--listen", "127.0.0.1:0"], &[]);
    let path = "api.jolpi.ca/ergast/f1/current/last/results.json";
    let (status, body) = ask(&address, "GET", &format!("/{path}"), "");
    assert_eq!((status, body), (200, std::fs::read_to_string(recording.join(path)).unwrap()));
    assert_eq!(ask(&address, "GET", "/api.jolpi.ca/not/recorded", "").0, 404);
}

#[test]
fn boto3_reads_what_was_stored_with_its_metadata() {
    let Some(python) = python() else { return };
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let mut job = command(&["run", "--jolpica-url", &upstream.url("/")], &[]);
    let output = job.envs(store.environment()).output().unwrap();
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    let script = "import boto3, json, sys; o = boto3.client('s3').get_object(Bucket=sys.argv[1], Key=sys.argv[2]); \
        print(json.dumps([o['Body'].read().decode(), o['ContentType'], o['Metadata']]))";
    let output = Command::new(python)
        .args(["-c", script, BUCKET, &key])
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_ENDPOINT_URL_S3", store.endpoint())
        .env("AWS_REGION", "us-east-2")
        .env("AWS_DEFAULT_REGION", "us-east-2")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&read[0], &read[1]), (&Value::from(RESULTS), &Value::from("application/json")));
    assert_eq!(read[2]["source"], "jolpica");
    assert_eq!(read[2]["ingest_time_utc"], key.rsplit('/').next().unwrap().trim_end_matches(".json"));
}
