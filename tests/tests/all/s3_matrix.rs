//! The job against S3 servers that nobody here wrote; what was seen stands in `s3-matrix.md`.

use std::fmt::Write;
use std::ops::Deref;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use chrono::DateTime;
use f1_ingest_tests::binary::{Run, command, root};
use f1_ingest_tests::s3_servers::{Object, Server};
use f1_ingest_tests::store::BUCKET;
use f1_ingest_tests::upstream::{Gate, Reply, Upstream};
use sha2::{Digest, Sha256};

/// Not ASCII, so that a server that meddles with the bytes is caught.
const RESULTS: &str = r#"{"MRData": {"total": "1", "RaceTable": {"Races": [{"raceName": "São Paulo"}]}}}"#;

/// What a server does in one case: a word or two for the table, or None if it lacks what the case needs.
/// What must hold everywhere is asserted.
type Case = (&'static str, fn(&Visit) -> Option<String>);

/// A server, and every key that a run printed.
struct Visit {
    server: Server,
    printed: Mutex<Vec<String>>,
}

impl Deref for Visit {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

const CASES: &[Case] = &[
    ("boto3 reads the same bytes", bytes),
    ("boto3 reads type and metadata", metadata),
    ("six runs in one second keep six objects", conditional),
    ("own metadata, storage class", wishes),
    ("--tag", |server| optional(server, RESULTS, &["--tag", "cost=f1 and more"])),
    ("--sse AES256", |server| optional(server, RESULTS, &["--sse", "AES256"])),
    ("--checksum crc32", |server| checksum(server, "crc32")),
    ("--checksum crc32c", |server| checksum(server, "crc32c")),
    ("--checksum crc64nvme", |server| checksum(server, "crc64nvme")),
    ("--checksum sha256", |server| checksum(server, "sha256")),
    ("in parts", in_parts),
    ("in parts with --checksum crc32", in_parts_with_checksum),
    ("in parts, to a key that is taken meanwhile", in_parts_to_a_taken_key),
    ("--if-changed stores each version once", if_changed),
    ("session token", session_token),
    ("session token that is wrong", wrong_token),
    ("access key that is unknown", unknown_key),
    ("secret that is wrong", wrong_secret),
    ("region that is wrong", wrong_region),
    ("bucket that is not there", no_bucket),
    ("no permission", no_permission),
];

#[test]
fn the_job_works_with_every_server() {
    let servers = Server::all();
    let is_complete = servers.iter().all(Option::is_some);
    let visit = |server| Visit { server, printed: Mutex::default() };
    let servers: Vec<Visit> = servers.into_iter().flatten().map(visit).collect();
    let mut table = String::from(
        "# S3 servers\n\nWhat `tests/tests/all/s3_matrix.rs` sees; with `F1_WRITE=1` it writes this file. \
         A dash: the server does not have it.\n\n|",
    );
    for server in &servers {
        write!(table, " | {}", server.offer.name).unwrap();
    }
    writeln!(table, " |\n|---|{}", "---|".repeat(servers.len())).unwrap();
    for (name, case) in CASES {
        write!(table, "| {name}").unwrap();
        for server in &servers {
            eprintln!("{}: {name}", server.offer.name);
            write!(table, " | {}", case(server).as_deref().unwrap_or("-")).unwrap();
        }
        table.push_str(" |\n");
    }
    if is_complete {
        compare_or_write(&table);
    }
    for server in &servers {
        let mut printed = server.printed.lock().unwrap().clone();
        printed.sort();
        printed.dedup();
        let stored: Vec<String> = server.objects().into_keys().collect();
        assert_eq!(stored, printed, "{}: what is stored was printed", server.offer.name);
    }
}

/// Holds what was seen against `s3-matrix.md`, or writes it there if the environment says `F1_WRITE=1`.
fn compare_or_write(table: &str) {
    let file = root().join("tests/s3-matrix.md");
    if std::env::var("F1_WRITE").is_ok_and(|write| write == "1") {
        std::fs::write(file, table).unwrap();
        return;
    }
    let known = std::fs::read_to_string(file).unwrap();
    let differing: Vec<_> = table.lines().zip(known.lines()).filter(|(seen, known)| seen != known).collect();
    assert!(
        table == known,
        "tests/s3-matrix.md says something else (seen, known): {differing:#?}\n\
         if that is right, F1_WRITE=1 cargo test --release -p f1-ingest-tests --test all s3_matrix writes it anew"
    );
}

/// One run of the default job as `user`, `changed` variables replaced.
fn ingest(server: &Visit, user: &str, changed: &[(&str, &str)]) -> Option<Run> {
    send(server, user, changed, RESULTS, &[])
}

/// As [`ingest`], of this document and with these arguments.
fn send(
    server: &Visit,
    user: &str,
    changed: &[(&str, &str)],
    document: &str,
    arguments: &[&str],
) -> Option<Run> {
    let upstream = Upstream::start([Reply::json(document)]);
    let url = upstream.url("/");
    let mut job = command(&[&["run", "--retries", "1", "--jolpica-url", &url], arguments].concat(), &[]);
    job.envs(server.environment(user)?).envs(changed.iter().copied());
    let run = Run::from(job.output().unwrap());
    server.printed.lock().unwrap().extend(run.stdout.lines().map(str::to_owned));
    for keys in server.offer.users.values() {
        assert!(!run.stderr.contains(&keys.secret), "the secret shows:\n{}", run.stderr);
    }
    Some(run)
}

/// The one object that a run stored, and its key.
fn stored(server: &Visit, run: Run) -> (String, Object) {
    let run = run.expect(0);
    let [key] = run.keys()[..] else { panic!("one line is one key: {:?}", run.stdout) };
    let object = server.objects().remove(key).unwrap_or_else(|| panic!("boto3 does not find {key}"));
    (key.to_owned(), object)
}

/// Asserts that a run failed as something that no second attempt can change, nothing stored, and gives the
/// store's own code for it.
fn refused(server: &Visit, user: &str, changed: &[(&str, &str)], remedy: &str) -> Option<String> {
    let run = ingest(server, user, changed)?.expect(1);
    run.says(&["was refused", remedy]);
    assert!(!run.stderr.contains("retry 1"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    let code = run.stderr.split("was refused: ").nth(1)?.split_whitespace().next()?;
    Some(code.to_owned())
}

fn yes() -> Option<String> {
    Some("yes".into())
}

fn bytes(server: &Visit) -> Option<String> {
    let (_, object) = stored(server, ingest(server, "writer", &[])?);
    assert_eq!(object.bytes(), RESULTS.as_bytes());
    yes()
}

fn metadata(server: &Visit) -> Option<String> {
    let (key, object) = stored(server, ingest(server, "writer", &[])?);
    let seconds = key.rsplit('/').next()?.strip_suffix(".json")?;
    let date = DateTime::from_timestamp(seconds.parse().ok()?, 0)?.format("%Y-%m-%d");
    assert_eq!(key, format!("raw/{date}/jolpica/{seconds}.json"));
    let sha256 = hex::encode(Sha256::digest(RESULTS));
    assert_eq!(object.content_type, "application/json");
    // Ceph before 17: https://tracker.ceph.com/issues/48716
    let is_renamed = server.offer.name.starts_with("Ceph 16");
    let time = if is_renamed { "ingest-time-utc" } else { "ingest_time_utc" };
    for (name, value) in [("source", "jolpica"), (time, seconds), ("sha256", &sha256)] {
        assert_eq!(object.metadata.get(name).map(String::as_str), Some(value), "{name}");
    }
    if is_renamed { Some("yes, `_` in a name is `-`".into()) } else { yes() }
}

fn conditional(server: &Visit) -> Option<String> {
    let mut keys: Vec<String> = thread::scope(|scope| {
        let runs: Vec<_> = (0..6).map(|_| scope.spawn(|| ingest(server, "writer", &[]))).collect();
        let finished = runs.into_iter().filter_map(|run| run.join().unwrap());
        finished.map(|run| run.expect(0).stdout.trim().to_owned()).collect()
    });
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 6, "no key was printed twice");
    yes()
}

fn wishes(server: &Visit) -> Option<String> {
    let wishes = ["--metadata", "team=data", "--metadata", "why=a b", "--storage-class", "STANDARD"];
    let (_, object) = stored(server, send(server, "writer", &[], RESULTS, &wishes)?);
    assert_eq!(object.metadata.get("team").map(String::as_str), Some("data"));
    assert_eq!(object.metadata.get("why").map(String::as_str), Some("a b"));
    assert_eq!(object.metadata.get("source").map(String::as_str), Some("jolpica"));
    yes()
}

/// What a store need not have: then it says so, and keeps nothing.
fn optional(server: &Visit, document: &str, arguments: &[&str]) -> Option<String> {
    let run = send(server, "writer", &[], document, arguments)?;
    if run.code != 0 {
        run.says(&["was refused"]);
        assert_eq!(run.stdout, "");
        return Some("refused".into());
    }
    assert!(stored(server, run).1.bytes() == document.as_bytes());
    yes()
}

fn checksum(server: &Visit, name: &str) -> Option<String> {
    optional(server, RESULTS, &["--checksum", name])
}

/// Longer than S3's shortest part.
fn long() -> String {
    RESULTS.replace("Paulo", &"Paulo ".repeat(1 << 20))
}

fn in_parts(server: &Visit) -> Option<String> {
    let document = long();
    let run = send(server, "writer", &[], &document, &["--part-size", "5MiB"])?;
    let (_, object) = stored(server, run);
    assert!(object.bytes() == document.as_bytes());
    assert_eq!(object.metadata.get("source").map(String::as_str), Some("jolpica"));
    yes()
}

fn in_parts_with_checksum(server: &Visit) -> Option<String> {
    optional(server, &long(), &["--part-size", "5MiB", "--checksum", "crc32"])
}

fn in_parts_to_a_taken_key(server: &Visit) -> Option<String> {
    let store = server.offer.endpoint.strip_prefix("http://")?.parse().ok()?;
    let gate = Gate::default();
    // A look at the key, the beginning, the list of what is open, the first part; the second one has to wait.
    let mut replies = vec![Reply::Forward(store); 4];
    replies.push(Reply::Held(gate.clone(), Box::new(Reply::Forward(store))));
    replies.push(Reply::Forward(store));
    let proxy = Upstream::start(replies);
    let (url, document) = (proxy.url(""), long());
    let run = thread::scope(|scope| {
        let changed = [("AWS_ENDPOINT_URL_S3", url.as_str())];
        let run = scope.spawn(move || send(server, "writer", &changed, &document, &["--part-size", "5MiB"]));
        while proxy.asked().len() < 5 && !run.is_finished() {
            thread::sleep(Duration::from_millis(10));
        }
        let begun = proxy.asked().swap_remove(1).line;
        let key = begun.strip_prefix(&format!("POST /{BUCKET}/")).and_then(|rest| rest.split('?').next());
        let key = key.unwrap_or_else(|| panic!("{begun} begins no upload")).to_owned();
        server.put(&key, "another");
        server.printed.lock().unwrap().push(key.clone());
        gate.open();
        // Another run was quicker: not now.
        let run = run.join().unwrap()?.expect(75);
        assert_eq!(server.objects()[&key].bytes(), b"another");
        Some(run)
    })?;
    run.says(&["while", "was under way"]);
    assert_eq!(run.stdout, "");
    yes()
}

fn if_changed(server: &Visit) -> Option<String> {
    let run = |document: &str| {
        send(server, "writer", &[], document, &["--if-changed"]).map(|run| run.expect(0).stdout)
    };
    let corrected = RESULTS.replace("Paulo", "Paolo");
    let (first, again) = (run(&corrected)?, run(&corrected)?);
    assert_eq!(first, again, "the same bytes are stored once");
    let back = run(RESULTS)?;
    assert!(back != first, "a version that came back is new");
    assert_eq!(run(RESULTS)?, back);
    yes()
}

fn session_token(server: &Visit) -> Option<String> {
    let (_, object) = stored(server, ingest(server, "session", &[])?);
    assert_eq!(object.bytes(), RESULTS.as_bytes());
    yes()
}

fn wrong_token(server: &Visit) -> Option<String> {
    refused(server, "session", &[("AWS_SESSION_TOKEN", "wrong")], "AWS_SESSION_TOKEN")
}

fn unknown_key(server: &Visit) -> Option<String> {
    refused(server, "writer", &[("AWS_ACCESS_KEY_ID", "AKIAUNKNOWN")], "AWS_ACCESS_KEY_ID")
}

fn wrong_secret(server: &Visit) -> Option<String> {
    refused(server, "writer", &[("AWS_SECRET_ACCESS_KEY", "wrong")], "AWS_SECRET_ACCESS_KEY")
}

fn wrong_region(server: &Visit) -> Option<String> {
    if ["moto", "Ceph"].iter().any(|name| server.offer.name.starts_with(name)) {
        // Takes any.
        return None;
    }
    refused(server, "writer", &[("AWS_REGION", "mars-north-1")], "--region")
}

fn no_bucket(server: &Visit) -> Option<String> {
    refused(server, "writer", &[("F1_S3_BUCKET", "no-such-bucket")], "--bucket")
}

fn no_permission(server: &Visit) -> Option<String> {
    refused(server, "stranger", &[], "s3:PutObject")
}
