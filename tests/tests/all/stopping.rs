//! How a run ends from outside: `--timeout` whatever it waits for, SIGTERM and Ctrl-C in order; and what it then says of
//! itself.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use f1_ingest_tests::binary::{Run, command};
use f1_ingest_tests::store::Store;
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};
use serde_json::Value;

/// What `--timeout 1` may take, with the start of the process on a busy machine.
const KEPT: Duration = Duration::from_millis(2_500);

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn mock(folder: &Path) -> String {
    let file = folder.join("m.json");
    fs::write(&file, "{}").unwrap();
    path(&file).to_owned()
}

/// Has the component compiled: the time for that is not a run's.
fn warm(folder: &Path) {
    let mock = mock(folder);
    Run::from(
        command(&["run", "--dry-run", "--bucket", "lake", "--mock-file", &mock], &[]).output().unwrap(),
    )
    .expect(0);
}

fn signal(run: &Child, name: &str) {
    let kill = Command::new("kill").args(["-s", name, &run.id().to_string()]).status().unwrap();
    assert!(kill.success());
}

/// Waits for something that comes soon.
fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_time_limit_holds_for_what_the_host_waits_for() {
    let folder = tempfile::tempdir().unwrap();
    warm(folder.path());
    let (mock, store) = (mock(folder.path()), folder.path().join("store"));
    fs::create_dir(&store).unwrap();
    let lock = File::create(store.join(".f1-ingest.lock")).unwrap();
    lock.lock().unwrap();
    let process = folder.path().join("process");
    fs::write(&process, "[default]\ncredential_process = sleep 30\n").unwrap();
    let pipe = folder.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let bucket = ["--bucket", "lake", "--region", "us-east-2", "--endpoint-url", "http://127.0.0.1:9"];
    let job = ["--mock-file", &mock, "--retries", "1", "--timeout", "1"];
    type Case<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)]);
    let secure = ["--bucket", "lake", "--region", "us-east-2", "--endpoint-url", "https://127.0.0.1:9"];
    let table: [Case; 6] = [
        ("the lock", &["--store", path(&store)], &[]),
        ("a process", &bucket, &[("AWS_CONFIG_FILE", path(&process)), ("PATH", "/usr/bin:/bin")]),
        ("certificates", &secure, &[("SSL_CERT_FILE", path(&pipe))]),
        ("certificates of AWS", &secure, &[("AWS_CA_BUNDLE", path(&pipe))]),
        ("a component", &["--dry-run", "--bucket", "lake", "--component", path(&pipe)], &[]),
        ("a summary that is a pipe", &["--dry-run", "--bucket", "lake", "--summary", path(&pipe)], &[]),
    ];
    for (what, arguments, variables) in table {
        let began = Instant::now();
        let all = [&["run"], arguments, &job].concat();
        let run = Run::from(command(&all, variables).output().unwrap());
        let is_late = what.starts_with("a summary");
        let limit = if is_late { KEPT + Duration::from_secs(3) } else { KEPT };
        assert!(began.elapsed() < limit, "{what}: {:?}", began.elapsed());
        if !is_late {
            run.expect(1).says(&["stopped", "--timeout"]);
        }
    }
    // botocore passes by what is not a file, and so does this: nobody waits for a pipe.
    for variable in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
        let began = Instant::now();
        let all = [&["run"][..], &bucket, &job].concat();
        Run::from(command(&all, &[(variable, path(&pipe))]).output().unwrap())
            .expect(2)
            .says(&["no credentials"]);
        assert!(began.elapsed() < KEPT, "{variable}: {:?}", began.elapsed());
    }
}

#[test]
fn the_time_limit_holds_if_nobody_reads_what_the_run_writes() {
    let folder = tempfile::tempdir().unwrap();
    warm(folder.path());
    let (mock, store) = (mock(folder.path()), folder.path().join("store"));
    for stream in ["stdout", "stderr"] {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let filler = writer.try_clone().unwrap();
        std::thread::spawn(move || {
            // Blocks when the pipe is full, until its reader goes.
            while writer.write(&[b'x'; 4096]).is_ok() {}
        });
        std::thread::sleep(Duration::from_millis(300));
        let summary = folder.path().join(stream);
        let arguments = ["run", "--store", path(&store), "--mock-file", &mock, "--retries", "1"];
        let more = ["--timeout", "1", "--summary", path(&summary)];
        let mut run = command(&[&arguments[..], &more].concat(), &[]);
        run.stdout(Stdio::null()).stderr(Stdio::null());
        match stream {
            "stdout" => run.stdout(filler),
            _ => run.stderr(filler),
        };
        let began = Instant::now();
        let status = run.status().unwrap();
        assert!(began.elapsed() < KEPT, "{stream}: {:?}", began.elapsed());
        assert_eq!(status.code(), Some(1), "{stream}");
        let summary: Value = serde_json::from_slice(&fs::read(&summary).unwrap()).unwrap();
        assert_eq!(summary["stored"][0]["source"], "mock", "{stream}: it is in the store");
        drop(reader);
    }
}

#[test]
fn what_was_stored_before_a_stop_is_reported() {
    for (how, code) in [("", 1), ("TERM", 143), ("INT", 130)] {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::start();
        let monitor = Upstream::start([Reply::new(200, "")]);
        let upstream = Upstream::start([Reply::json(RESULTS)]);
        let silent = Upstream::start([Reply::Silence]);
        let summary = folder.path().join("summary.json");
        let (results, nothing, ping) = (upstream.url("/x.json"), silent.url("/"), monitor.url("/ping"));
        let timeout = if how.is_empty() { "3" } else { "60" };
        let arguments = [
            "run",
            "--jolpica-url",
            &results,
            "--include-fastf1",
            "--season",
            "2024",
            "--round",
            "5",
            "--session",
            "SQ",
            "--schedule-url",
            &nothing,
            "--livetiming-url",
            &nothing,
            "--livetiming-mirror-url",
            &nothing,
            "--retries",
            "1",
            "--timeout",
            timeout,
            "--summary",
            path(&summary),
            "--ping-url",
            &ping,
        ];
        let mut run = command(&arguments, &[]);
        run.envs(store.environment()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let run = run.spawn().unwrap();
        until(|| (!silent.asked().is_empty()).then_some(()));
        if !how.is_empty() {
            signal(&run, how);
        }
        let run = Run::from(run.wait_with_output().unwrap()).expect(code);
        let [key] = run.keys()[..] else { panic!("{run:?}") };
        assert!(run.stderr.lines().last().unwrap().contains("stopped"), "{}", run.stderr);
        let summary: Value = serde_json::from_slice(&fs::read(&summary).unwrap()).unwrap();
        assert_eq!((&summary["stored"][0]["key"], &summary["exit_code"]), (&key.into(), &code.into()));
        assert_eq!(summary["stored"][0]["size"], RESULTS.len());
        assert_eq!(summary["failed"][0]["kind"], "stopped");
        let asked = monitor.asked();
        let last = String::from_utf8_lossy(&asked.last().unwrap().body).into_owned();
        assert!(last.contains(&format!("stored {key}")), "{last}");
    }
}

#[test]
fn a_stop_aborts_the_upload_that_is_under_way() {
    for (how, code) in [("", 1), ("TERM", 143)] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("long.json");
        fs::write(&file, format!("\"{}\"", "x".repeat(12 << 20))).unwrap();
        let store = Store::start();
        let address = store.address;
        let front = Upstream::start([Reply::by(move |asked| match asked.line.contains("partNumber=2") {
            true => Reply::Silence,
            false => Reply::Forward(address),
        })]);
        let timeout = if how.is_empty() { "3" } else { "60" };
        let arguments = [
            "run",
            "--mock-file",
            path(&file),
            "--part-size",
            "5MiB",
            "--retries",
            "1",
            "--timeout",
            timeout,
        ];
        let mut run = command(&arguments, &[]);
        run.envs(store.environment()).env("AWS_ENDPOINT_URL_S3", front.url(""));
        let run = run.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until(|| front.asked().iter().any(|asked| asked.line.contains("partNumber=2")).then_some(()));
        if !how.is_empty() {
            signal(&run, how);
        }
        Run::from(run.wait_with_output().unwrap()).expect(code);
        let asked = front.asked();
        let is_abort = |line: &str| line.starts_with("DELETE ") && line.contains("uploadId=");
        assert!(asked.iter().any(|asked| is_abort(&asked.line)), "{code}: nothing was aborted");
        assert!(
            !asked.iter().any(|asked| asked.line.starts_with("POST ") && asked.line.contains("uploadId="))
        );
    }
}

#[test]
fn what_a_credential_process_says_is_for_stderr_only() {
    let folder = tempfile::tempdir().unwrap();
    let (mock, config) = (mock(folder.path()), folder.path().join("config"));
    let summary = folder.path().join("summary.json");
    let monitor = Upstream::start([Reply::new(200, "")]);
    let ping = monitor.url("/ping");
    let arguments = [
        "run",
        "--bucket",
        "lake",
        "--region",
        "us-east-2",
        "--endpoint-url",
        "http://127.0.0.1:9",
        "--mock-file",
        &mock,
        "--retries",
        "1",
        "--summary",
        path(&summary),
        "--ping-url",
        &ping,
    ];
    for (process, why) in [
        ("echo PROCESSSECRET >&2; exit 3", "exit status: 3"),
        ("echo PROCESSSECRET", "JSON"),
        ("echo PROCESSSECRET >&2; head -c 600000000 /dev/zero", "1 MiB"),
    ] {
        fs::write(&config, format!("[default]\ncredential_process = {process}\n")).unwrap();
        let variables = [("AWS_CONFIG_FILE", path(&config)), ("PATH", "/usr/bin:/bin")];
        let run = Run::from(command(&arguments, &variables).output().unwrap()).expect(1);
        run.says(&["credential_process", why]);
        assert_eq!(run.stderr.contains("PROCESSSECRET"), process.contains(">&2"), "{}", run.stderr);
        let told: Vec<u8> = monitor.asked().into_iter().flat_map(|asked| asked.body).collect();
        for text in [fs::read(&summary).unwrap(), told] {
            assert!(!String::from_utf8_lossy(&text).contains("PROCESSSECRET"), "{process}");
        }
    }
}

#[test]
fn an_instance_role_that_gives_no_answer_is_no_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let mock = mock(folder.path());
    let arguments = [
        "run",
        "--bucket",
        "lake",
        "--region",
        "us-east-2",
        "--endpoint-url",
        "http://127.0.0.1:9",
        "--mock-file",
        &mock,
        "--retries",
        "1",
    ];
    let long = Reply::new(200, vec![b'x'; 3 << 20]);
    for reply in [Reply::Silence, Reply::Hangup, Reply::new(503, ""), long] {
        let role = Upstream::start([reply]);
        let url = role.url("");
        let variables = [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &url)];
        Run::from(command(&arguments, &variables).output().unwrap()).expect(1).says(&["instance role"]);
    }
}

#[test]
fn passwords_in_the_urls_of_observers_are_sent_and_never_logged() {
    let folder = tempfile::tempdir().unwrap();
    let mock = mock(folder.path());
    let (monitor, collector) = (Upstream::start([Reply::new(200, "")]), Upstream::start([Reply::json("{}")]));
    let ping = format!("http://me:PINGSECRET@{}/ping", monitor.authority());
    let traces = format!("http://me:OTLPSECRET@{}", collector.authority());
    let store = folder.path().join("store");
    let arguments = ["run", "--store", store.to_str().unwrap(), "--mock-file", &mock, "--ping-url", &ping];
    let variables = [("RUST_LOG", "trace"), ("OTEL_EXPORTER_OTLP_ENDPOINT", &traces)];
    let mut run = command(&arguments, &variables);
    let mut run = run.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut log = String::new();
    run.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(run.wait().unwrap().success(), "{log}");
    assert!(!log.contains("PINGSECRET") && !log.contains("OTLPSECRET"), "{log}");
    for heard in [monitor, collector] {
        let authorization = heard.asked()[0].header("authorization").map(str::to_owned);
        assert!(authorization.is_some_and(|value| value.starts_with("Basic bWU6")));
    }
}
