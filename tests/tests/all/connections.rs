//! Clients that hold connections and send nothing, or not enough.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use f1_ingest_tests::binary::command;
use f1_ingest_tests::server::{Says, Server, eventually};
use f1_ingest_tests::store::Store;
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};

/// A service that may have so many files open, with a run each second.
fn limited(files: u32, more: &[&str], upstream: &Upstream, store: &Store) -> Server {
    let mut arguments =
        vec!["serve", "--listen", "127.0.0.1:0", "--schedule", "* * * * * *", "--retries", "1"];
    arguments.extend(more);
    let ours = command(&arguments, &[]);
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]);
    limited.arg(ours.get_program()).args(ours.get_args());
    for (name, value) in ours.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    limited.envs(store.environment()).env("JOLPICA_URL", upstream.url("/results.json"));
    Server::start(limited, Says::OnStderr)
}

/// Whether a server has closed a connection that sent nothing more.
fn is_closed(mut stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    !matches!(stream.read(&mut [0; 512]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

#[test]
fn two_hundred_idle_connections_keep_no_run_and_no_caller_waiting() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let server = limited(64, &[], &upstream, &store);
    eventually("a first run", || !store.keys().is_empty());
    let idle: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(&server.address).unwrap()).collect();
    let before = store.keys().len();
    for _ in 0..20 {
        assert_eq!(server.ask("GET", "/healthz", "").0, 200);
    }
    eventually("three runs more", || store.keys().len() >= before + 3);
    assert!(idle.iter().filter(|stream| is_closed(stream)).count() >= 150, "the oldest had to make room");
    assert!(!is_closed(idle.last().unwrap()), "the newest had not");
    let metrics = server.ask("GET", "/metrics", "").1;
    assert!(!metrics.contains("exit_code=\"1\""), "{metrics}");
}

#[test]
fn a_head_that_does_not_end_is_not_waited_for() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let server = limited(1024, &[], &upstream, &store);
    let (silent, mut slow) =
        (TcpStream::connect(&server.address).unwrap(), TcpStream::connect(&server.address).unwrap());
    let began = Instant::now();
    slow.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n").unwrap();
    eventually("its end", || {
        let _ = slow.write_all(b"x: y\r\n");
        is_closed(&slow) && is_closed(&silent)
    });
    assert!((20..50).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[test]
fn a_run_that_could_not_begin_is_told_of_and_stays_due() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let monitor = Upstream::start([Reply::new(200, "")]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (state, summary, metrics, mock) =
        (path("state"), path("summary"), path("metrics"), path("mock.json"));
    std::fs::write(&mock, "{}").unwrap();
    let more = ["--state", &state, "--summary", &summary, "--metrics-file", &metrics, "--mock-file", &mock];
    let url = monitor.url("/ping");
    let server = limited(256, &[&more[..], &["--ping-url", &url]].concat(), &upstream, &store);
    eventually("a first run", || !store.keys().is_empty());

    // What every run reads before it begins is gone.
    std::fs::remove_file(&mock).unwrap();
    let failed = |ping: &&f1_ingest_tests::upstream::Asked| ping.line.contains("/fail");
    let fails = || monitor.asked().iter().filter(failed).count();
    eventually("a ping", || fails() >= 1);
    let (noted, kept) = (std::fs::read_to_string(&state).unwrap(), store.keys().len());
    eventually("more pings", || fails() >= 3);
    assert_eq!(std::fs::read_to_string(&state).unwrap(), noted, "the run is still to be made up for");
    assert_eq!(store.keys().len(), kept);
    assert!(std::fs::read_to_string(&summary).unwrap().contains("mock.json"));
    assert!(std::fs::read_to_string(&metrics).unwrap().contains("f1_ingest_last_run_failed"));
    assert!(!server.ask("GET", "/metrics", "").1.contains("f1_ingest_last_run_exit_code 0\n"));

    std::fs::write(&mock, "{}").unwrap();
    eventually("a run again", || store.keys().len() > kept);
    eventually("its note", || std::fs::read_to_string(&state).unwrap() != noted);
}
