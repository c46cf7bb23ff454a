//! The host as a server: the HTTP trigger, a recording for other runtimes, the store for any S3 client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use f1_ingest_tests::binary::{Running, command, root};
use f1_ingest_tests::store::{ACCESS_KEY, BUCKET, SECRET_KEY, Store};
use f1_ingest_tests::upstream::{Reply, Upstream};
use serde_json::Value;

const RESULTS: &str = r#"{"MRData": {"total": "1"}}"#;

/// A server of ours, and the `host:port` that it says it listens on.
fn server(arguments: &[&str], variables: &[(String, String)]) -> (Running, String) {
    let mut command = command(arguments, &[]);
    command.envs(variables.iter().cloned()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let running = Running(child);
    let lines: Box<dyn BufRead> = match arguments[0] {
        "serve" => Box::new(BufReader::new(stderr)),
        _ => Box::new(BufReader::new(stdout)),
    };
    let address = |line: String| Some(line.split("http://").nth(1)?.split(['/', ' ']).next()?.to_owned());
    let address = lines.lines().map_while(Result::ok).find_map(address).expect("the server says where it is");
    (running, address)
}

/// Status and body of one request.
fn ask(address: &str, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn post_ingest_runs_the_job_and_answers_with_its_report() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let mut variables = store.environment();
    variables.push(("JOLPICA_URL".into(), upstream.url("/results.json")));
    let (_server, address) = server(&["serve", "--listen", "127.0.0.1:0"], &variables);

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
fn a_recording_is_served_under_the_names_of_its_hosts() {
    let recording = root().join("host/demo");
    let (_server, address) = server(&["replay", recording.to_str().unwrap(), "--listen", "127.0.0.1:0"], &[]);
    let path = "api.jolpi.ca/ergast/f1/current/last/results.json";
    let (status, body) = ask(&address, "GET", &format!("/{path}"), "");
    assert_eq!((status, body), (200, std::fs::read_to_string(recording.join(path)).unwrap()));
    assert_eq!(ask(&address, "GET", "/api.jolpi.ca/not/recorded", "").0, 404);
}

#[test]
fn boto3_reads_what_was_stored_with_its_metadata() {
    let python = root().join("target/python/bin/python");
    if !python.exists() {
        eprintln!("skipped: there is no {}; tests/run makes it", python.display());
        return;
    }
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
