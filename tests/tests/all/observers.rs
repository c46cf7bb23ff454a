//! Who hears of a run besides its caller, and that none of them can make it fail.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use f1_ingest_tests::binary::{Run, Running, command, f1_ingest, run};
use f1_ingest_tests::installed::python;
use f1_ingest_tests::store::Store;
use f1_ingest_tests::synthetic::{CATALOGUE, recording};
use f1_ingest_tests::upstream::{Asked, Gate, RESULTS, Reply, Upstream};
use serde_json::Value;

/// A run that fetches from an upstream of these replies and stores in `store`.
fn ingest(store: &Store, reply: Reply, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let upstream = Upstream::start([reply]);
    let url = upstream.url("/results.json");
    let all = [&["run", "--retries", "1", "--jolpica-url", &url], arguments].concat();
    command(&all, variables).envs(store.environment()).output().unwrap().into()
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn text(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap()
}

fn paths(asked: &[Asked]) -> Vec<&str> {
    asked.iter().map(|asked| asked.line.as_str()).collect()
}

#[test]
fn one_id_names_a_run_in_its_log_its_metadata_its_summary_and_its_trace() {
    let (store, folder) = (Store::start(), tempfile::tempdir().unwrap());
    let collector = Upstream::start([Reply::json("{}")]);
    let (summary, endpoint) = (folder.path().join("summary.json"), collector.url("/otlp/"));
    let arguments = ["--log-format", "json", "--summary", summary.to_str().unwrap()];
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-team=data%20lake"),
        ("OTEL_SERVICE_NAME", "nightly"),
    ];
    let run = ingest(&store, Reply::json(RESULTS), &arguments, &variables).expect(0);

    let summary = json(&summary);
    let id = summary["run_id"].as_str().unwrap();
    assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    assert!(!run.stderr.is_empty());
    for line in run.stderr.lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert_eq!(line["run_id"], id, "{line}");
    }
    assert_eq!((&summary["exit_code"], &summary["stored"][0]["key"]), (&0.into(), &run.keys()[0].into()));
    assert!(summary["seconds"].as_f64().unwrap() > 0.0 && summary["started"].as_f64().unwrap() > 1.6e9);
    let metadata = store.metadata(run.keys()[0]);
    assert!(metadata.contains(id), "{id} is not in {metadata}");

    let [asked] = &collector.asked()[..] else { panic!("{:?}", collector.asked()) };
    assert_eq!(asked.line, "POST /otlp/v1/traces HTTP/1.1");
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("x-team"), Some("data lake"));
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    let traced = &body["resourceSpans"][0];
    assert_eq!(traced["resource"]["attributes"][0]["value"]["stringValue"], "nightly");
    let span = &traced["scopeSpans"][0]["spans"][0];
    assert_eq!((&span["traceId"], &span["spanId"]), (&id.into(), &id[..16].into()));
    let nanoseconds = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
    assert!(nanoseconds("startTimeUnixNano") < nanoseconds("endTimeUnixNano"));
    assert_eq!((&span["status"]["code"], &span["events"][0]["name"]), (&1.into(), &"stored".into()));
}

#[test]
fn lines_of_json_have_fields_beside_their_message() {
    let (store, upstream) = (Store::start(), Upstream::start([Reply::new(503, ""), Reply::json(RESULTS)]));
    let url = upstream.url("/results.json");
    let arguments = ["run", "--log-format", "json", "--jolpica-url", &url];
    let run: Run = command(&arguments, &[]).envs(store.environment()).output().unwrap().into();
    let key = run.expect(0);
    let lines: Vec<Value> = key.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [busy, .., stored] = &lines[..] else { panic!("{lines:?}") };
    let fields =
        |line: &Value, names: &[&str]| names.iter().map(|name| line[name].clone()).collect::<Value>();
    let names = ["level", "source", "url", "status", "attempt"];
    assert_eq!(fields(busy, &names), serde_json::json!(["warn", "jolpica", url, 503, 1]));
    let names = ["level", "source", "item", "key", "bytes"];
    let expected = serde_json::json!(["info", "jolpica", "jolpica", key.keys()[0], RESULTS.len()]);
    assert_eq!(fields(stored, &names), expected);

    let run = ingest(&store, Reply::new(404, ""), &["--log-format", "json"], &[]).expect(1);
    let last: Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
    let names = ["level", "source", "item", "status", "attempt"];
    assert_eq!(fields(&last, &names), serde_json::json!(["error", "jolpica", "jolpica", 404, 1]));
}

#[test]
fn a_dry_run_is_no_success_and_says_what_it_would_store_and_whether_it_has_changed() {
    let (store, folder) = (Store::start(), tempfile::tempdir().unwrap());
    let monitor = Upstream::start([Reply::new(200, "OK")]);
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (summary, metrics, ping) = (path("summary.json"), path("metrics.prom"), monitor.url("/ping"));
    let told = ["--summary", &summary, "--metrics-file", &metrics, "--ping-url", &ping];
    let other = r#"{"MRData": {"total": "1", "more": 1}}"#;
    let planned = |body: &str, arguments: &[&str]| {
        let arguments = [&["--dry-run"], arguments, &told].concat();
        ingest(&store, Reply::json(body), &arguments, &[]).expect(0);
        assert!(!text(Path::new(&metrics)).contains("last_success_timestamp_seconds "));
        let report = json(Path::new(&summary));
        let [planned] = &report["would_store"].as_array().unwrap()[..] else { panic!("{report}") };
        assert_eq!((&planned["source"], &planned["size"]), (&"jolpica".into(), &body.len().into()));
        assert_eq!((&report["dry_run"], &report["stored"]), (&true.into(), &serde_json::json!([])));
        planned["changed"].clone()
    };
    assert_eq!(planned(RESULTS, &[]), Value::Null);
    assert_eq!(planned(RESULTS, &["--if-changed"]), true);
    ingest(&store, Reply::json(RESULTS), &[], &[]).expect(0);
    assert_eq!(planned(RESULTS, &["--if-changed"]), false);
    assert_eq!(planned(other, &["--if-changed"]), true);
    assert_eq!(planned(RESULTS, &["--if-changed", "--bucket", "no-such-bucket"]), Value::Null);
    assert!(monitor.asked().is_empty());
    assert_eq!(store.keys().len(), 1);
}

#[test]
fn the_host_logs_as_the_job_does() {
    let (store, folder) = (Store::start(), tempfile::tempdir().unwrap());
    let summary = folder.path().join("summary.json");
    let arguments = ["--log-format", "json", "--timeout", "1", "--summary", summary.to_str().unwrap()];
    let run = ingest(&store, Reply::Silence, &arguments, &[]).expect(1);
    let last: Value = serde_json::from_str(run.stderr.lines().last().unwrap()).unwrap();
    assert!(last["message"].as_str().unwrap().contains("--timeout"), "{last}");
    let summary = json(&summary);
    assert_eq!((&summary["exit_code"], &summary["failed"][0]["kind"]), (&1.into(), &"stopped".into()));
    assert_eq!(summary["run_id"], last["run_id"]);
}

#[test]
fn a_metrics_file_is_whole_and_remembers_the_last_success() {
    let (store, folder) = (Store::start(), tempfile::tempdir().unwrap());
    let file = folder.path().join("f1_ingest.prom");
    let arguments = ["--metrics-file", file.to_str().unwrap()];
    ingest(&store, Reply::json(RESULTS), &arguments, &[]).expect(0);
    let first = text(&file);
    let stored = format!("f1_ingest_last_run_stored_bytes{{source=\"jolpica\"}} {}", RESULTS.len());
    for line in ["f1_ingest_last_run_exit_code 0", &stored] {
        assert!(first.lines().any(|known| known == line), "{line} is not in\n{first}");
    }
    let success = |text: &str| {
        let line = text.lines().find(|line| line.starts_with("f1_ingest_last_success_timestamp_seconds "));
        line.map(str::to_owned).unwrap_or_else(|| panic!("no last success in\n{text}"))
    };
    ingest(&store, Reply::new(404, ""), &arguments, &[]).expect(1);
    let second = text(&file);
    assert!(
        second.contains("f1_ingest_last_run_failed{source=\"jolpica\",kind=\"not-found\"} 1\n"),
        "{second}"
    );
    assert_eq!(success(&first), success(&second));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left in the folder");
}

#[test]
fn a_monitor_hears_of_start_success_and_failure() {
    let (store, monitor) = (Store::start(), Upstream::start([Reply::new(200, "OK")]));
    let url = monitor.url("/ping/a-secret-check/");
    ingest(&store, Reply::json(RESULTS), &["--ping-url", &url], &[]).expect(0);
    ingest(&store, Reply::new(404, ""), &[], &[("F1_PING_URL", &url)]).expect(1);
    let asked = monitor.asked();
    let check = "POST /ping/a-secret-check";
    assert_eq!(
        paths(&asked),
        [
            format!("{check}/start HTTP/1.1"),
            format!("{check} HTTP/1.1"),
            format!("{check}/start HTTP/1.1"),
            format!("{check}/fail HTTP/1.1")
        ]
    );
    let body = |n: usize| String::from_utf8_lossy(&asked[n].body).into_owned();
    assert!(body(1).contains("raw/") && body(3).contains("not-found"), "{asked:?}");
}

#[test]
fn no_observer_makes_a_run_fail() {
    let (store, folder) = (Store::start(), tempfile::tempdir().unwrap());
    let broken = Upstream::start([Reply::new(500, "")]);
    let nobody = "http://127.0.0.1:9";
    // A folder, which cannot be written as a file.
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    let taken = taken.to_str().unwrap();
    for url in [broken.url("/ping/a-secret-check"), format!("{nobody}/a-secret-check")] {
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", nobody), ("GITHUB_STEP_SUMMARY", taken)];
        let arguments = ["--ping-url", &url, "--summary", taken, "--metrics-file", taken];
        let run = ingest(&store, Reply::json(RESULTS), &arguments, &variables).expect(0);
        for who in ["the monitor", "OTEL_EXPORTER_OTLP_ENDPOINT", "GITHUB_STEP_SUMMARY", "--summary"] {
            run.says(&[who, "did not hear"]);
        }
        assert!(!run.stderr.contains("a-secret-check"), "{}", run.stderr);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing unfinished is left");
    }
    for wrong in [
        ["--ping-url", "ftp://example.org"],
        ["--summary", "/no/such/folder/x"],
        ["--metrics-file", "/no/such/folder/x"],
    ] {
        ingest(&store, Reply::json(RESULTS), &wrong, &[]).expect(2).says(&[wrong[0]]);
    }
}

#[test]
fn the_page_of_a_ci_run_says_what_was_stored_and_what_failed() {
    let (store, folder) = (Store::start(), tempfile::tempdir().unwrap());
    let page = folder.path().join("page.md");
    std::fs::write(&page, "Another step's.\n").unwrap();
    let variables = [("GITHUB_STEP_SUMMARY", page.to_str().unwrap())];
    let run = ingest(&store, Reply::json(RESULTS), &[], &variables).expect(0);
    ingest(&store, Reply::new(404, ""), &[], &variables).expect(1);
    let page = text(&page);
    assert!(page.starts_with("Another step's.\n"), "{page}");
    let row = format!("| jolpica | `{}` | {} |", run.keys()[0], RESULTS.len());
    for line in [row.as_str(), "### f1-ingest: exit code 1", "- jolpica not-found: `"] {
        assert!(page.contains(line), "{line} is not in\n{page}");
    }
}

#[test]
fn a_monitor_hears_of_a_command_line_that_is_refused() {
    let monitor = Upstream::start([Reply::new(200, "OK")]);
    let url = monitor.url("/ping/a-secret-check");
    let glued = format!("--ping-url={url}");
    let variable = [("F1_PING_URL", url.as_str())];
    for (arguments, variables, why) in [
        (&["run", "--ping-url", &url][..], &[][..], "--bucket"),
        (&["run", &glued, "--summary", "/no/such/folder/x"], &[("F1_S3_BUCKET", "my-lake")], "--summary"),
        (&["run", "--timeout", "soon"], &variable, "--timeout"),
        (&["serve", "--schedule", "noon"], &variable, "--schedule"),
    ] {
        let asked = monitor.asked().len();
        let run = run(arguments, variables).expect(2);
        assert!(!run.stderr.contains("a-secret-check"), "{}", run.stderr);
        let asked = &monitor.asked()[asked..];
        assert_eq!(paths(asked), ["POST /ping/a-secret-check/fail HTTP/1.1"], "{arguments:?}");
        let body = String::from_utf8_lossy(&asked[0].body);
        assert!(
            body.starts_with("exit code 2: ") && body.contains(why) && body.lines().count() == 1,
            "{body}"
        );
    }
    run(&["run", "--ping-url", "http://127.0.0.1:9/x"], &[]).expect(2).says(&["the monitor", "did not hear"]);
}

/// A run whose standard output and error are a terminal.
fn on_a_terminal(python: &Path, arguments: &[&str]) -> Command {
    let script = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let mut command = Command::new(python);
    command.args(["-c", script]).arg(f1_ingest()).arg("run").args(arguments).stdin(Stdio::null());
    command
}

#[test]
fn on_a_terminal_each_source_has_a_line_and_elsewhere_none() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (_, plan) = CATALOGUE.iter().find(|(_, plan)| plan.telemetry_hz > 0).unwrap();
    let session = recording::write(plan, folder.path()).unwrap();
    let (recording, choice) = (folder.path(), session.choice());
    let (store, another) = (folder.path().join("store"), folder.path().join("another"));
    let arguments = |store: &'_ Path| {
        let options = ["--replay", recording.to_str().unwrap(), "--store", store.to_str().unwrap()];
        let choice = choice.each_ref().map(String::as_str);
        let documents = ["--include-fastf1", "--include-telemetry", "--include-livetiming"];
        [&options[..], &choice, &documents].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    let all = arguments(&store);
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let output = on_a_terminal(&python, &all).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    for source in ["jolpica", "fastf1", "telemetry", "livetiming"] {
        let line = format!(" {source:<10}  ");
        let rate =
            shown.split(&line).skip(1).any(|rest| rest.chars().take(30).collect::<String>().contains("B/s"));
        assert!(rate, "no line of {source} in {shown:?}");
        assert!(shown.contains(&format!("/{source}/")), "the key is printed beside: {shown:?}");
    }

    let all = arguments(&another);
    let elsewhere = command(&["run"], &[]).args(all).output().map(Run::from).unwrap().expect(0);
    for shown in ["B/s", "GET", "\u{1b}"] {
        assert!(!elsewhere.stderr.contains(shown), "{}", elsewhere.stderr);
    }
}

#[test]
fn a_line_tells_how_long_it_takes_if_a_length_is_known() {
    let Some(python) = python() else { return };
    let gate = Gate::default();
    let driver = "0".repeat(99_945);
    let body =
        format!(r#"{{"MRData":{{"total":"1","DriverTable":{{"Drivers":["{driver}"]}}}}}}"#).into_bytes();
    let (store, upstream) = (Store::start(), Upstream::start([Reply::Halfway(gate.clone(), body)]));
    let mut run = on_a_terminal(&python, &["--jolpica-url", &upstream.url("/results.json")]);
    let mut run = Running(run.envs(store.environment()).stdout(Stdio::piped()).spawn().unwrap());
    let mut terminal = run.0.stdout.take().unwrap();
    let (mut shown, mut some) = (Vec::new(), [0; 4096]);
    let has = |shown: &[u8], text: &str| String::from_utf8_lossy(shown).contains(text);
    while !has(&shown, "50.00 kB") {
        let length = terminal.read(&mut some).unwrap();
        assert!(length > 0, "no half of it is shown: {:?}", String::from_utf8_lossy(&shown));
        shown.extend(&some[..length]);
    }
    assert!(has(&shown, "of 100.00 kB, ") && has(&shown, " left"), "{:?}", String::from_utf8_lossy(&shown));
    gate.open();
    terminal.read_to_end(&mut shown).unwrap();
    let shown = String::from_utf8_lossy(&shown);
    assert!(run.0.wait().unwrap().success() && shown.contains("/jolpica/"), "{shown:?}");
}
