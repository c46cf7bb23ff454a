//! A store that takes `If-None-Match` and ignores it, as some do.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;

use f1_ingest_tests::binary::{Run, run_in};
use f1_ingest_tests::store::{Store, environment};
use f1_ingest_tests::upstream::{Asked, RESULTS, Reply, Upstream};

/// A store that overwrites: in front of a real one, it clears away what a conditional write would meet.
#[derive(Clone)]
struct Overwriting {
    store: SocketAddr,
    bucket: PathBuf,
    /// One request at a time: nobody sees the gap.
    turn: Arc<Mutex<()>>,
}

impl Overwriting {
    fn new(store: &Store) -> Overwriting {
        Overwriting { store: store.address, bucket: store.bucket(), turn: Arc::default() }
    }

    fn answer(&self, asked: &Asked) -> Reply {
        let _turn = self.turn.lock().unwrap();
        if asked.header("if-none-match").is_some() {
            let _ = fs::remove_file(self.bucket.join(key(asked)));
        }
        asked.forward(self.store).map_or(Reply::Hangup, Reply::Raw)
    }
}

fn key(asked: &Asked) -> &str {
    let path = asked.line.split([' ', '?']).nth(1).unwrap_or_default();
    path.trim_start_matches("/lake/")
}

/// One run through `proxy`, with these arguments.
fn ingest(proxy: &Upstream, arguments: &[&str]) -> Run {
    run_in(&[&["run"], arguments].concat(), &environment(&proxy.url("")))
}

#[test]
fn that_it_overwrites_is_in_the_log_and_in_the_report() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let overwriting = Overwriting::new(&store);
    let proxy = Upstream::start([Reply::by(move |asked| overwriting.answer(asked))]);
    let folder = tempfile::tempdir().unwrap();
    let summary = folder.path().join("summary.json");
    let arguments = ["--jolpica-url", &upstream.url("/"), "--summary", summary.to_str().unwrap()];
    let run = ingest(&proxy, &arguments).expect(0);
    run.says(&["jolpica", "ignores If-None-Match", "before and after"]);
    assert_eq!(store.keys(), run.keys());
    let summary = fs::read_to_string(summary).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let warning = summary["warnings"][0].as_str().unwrap();
    assert!(warning.contains("ignores If-None-Match"), "{summary}");
}

/// Lets the two runs of a race write to one key in the worst order: the second one, which has seen the key free,
/// writes when the first one has already written and made sure of what the store does.
#[derive(Default)]
struct Race {
    /// The writes that were answered, by run.
    written: Mutex<HashMap<String, usize>>,
    changed: Condvar,
}

impl Race {
    fn answer(&self, overwriting: &Overwriting, asked: &Asked) -> Reply {
        let Some(run) = asked.header("x-amz-meta-run-id").filter(|_| asked.line.starts_with("PUT ")) else {
            return overwriting.answer(asked);
        };
        let written = self.written.lock().unwrap();
        let is_early = |written: &mut HashMap<String, usize>| {
            let is_second = !written.contains_key(run) && !written.is_empty();
            is_second && written.values().all(|writes| *writes < 2)
        };
        let mut written = self.changed.wait_while(written, is_early).unwrap();
        let answer = overwriting.answer(asked);
        *written.entry(run.to_owned()).or_default() += 1;
        self.changed.notify_all();
        answer
    }
}

#[test]
fn two_runs_that_saw_the_same_key_free_keep_two_objects() {
    for _ in 0..5 {
        let store = Store::start();
        let (race, overwriting) = (Race::default(), Overwriting::new(&store));
        let proxy = Upstream::start([Reply::by(move |asked| race.answer(&overwriting, asked))]);
        let bodies = [RESULTS.to_owned(), format!("{RESULTS}\n")];
        let runs: Vec<Run> = thread::scope(|scope| {
            let run = |body: &String| {
                let upstream = Upstream::start([Reply::json(body.as_str())]);
                let proxy = &proxy;
                scope.spawn(move || ingest(proxy, &["--jolpica-url", &upstream.url("/")]).expect(0))
            };
            let running: Vec<_> = bodies.iter().map(run).collect();
            running.into_iter().map(|run| run.join().unwrap()).collect()
        });
        let mut printed: Vec<&str> = runs.iter().flat_map(Run::keys).collect();
        printed.sort();
        assert_eq!(printed, store.keys(), "both keys are printed");
        let mut stored: Vec<_> = printed.iter().map(|key| store.object(key)).collect();
        stored.sort();
        assert_eq!(stored, bodies.each_ref().map(|body| body.as_bytes()), "nothing was overwritten");

        let asked = proxy.asked();
        let mut first = HashMap::new();
        for asked in asked.iter().filter(|asked| asked.line.starts_with("PUT ")) {
            first.entry(asked.header("x-amz-meta-run-id")).or_insert(key(asked));
        }
        let keys: Vec<_> = first.values().collect();
        // Runs of two seconds do not meet.
        if keys[0] == keys[1] {
            let warned = runs.iter().filter(|run| run.stderr.contains("in the same moment")).count();
            assert_eq!(warned, 1, "one run yields");
            return;
        }
    }
    panic!("no two runs met in one second");
}

/// A JSON file that is sent in two parts.
fn long(folder: &Path) -> PathBuf {
    let path = folder.join("mock.json");
    fs::write(&path, format!("[\"{}\"]", "x".repeat(6 << 20))).unwrap();
    path
}

/// Makes the object at `key`, with what the store keeps beside it, look like another run's.
fn overtake(bucket: &Path, key: &str, run_id: &str) {
    fs::write(bucket.join(key), ANOTHERS).unwrap();
    for file in fs::read_dir(bucket.parent().unwrap()).unwrap() {
        let path = file.unwrap().path();
        if let Ok(text) = fs::read_to_string(&path) {
            fs::write(&path, text.replace(run_id, "another")).unwrap();
        }
    }
}

const ANOTHERS: &[u8] = b"another run's";

#[test]
fn an_upload_in_parts_that_another_run_overtook_is_made_anew() {
    let store = Store::start();
    let folder = tempfile::tempdir().unwrap();
    let file = long(folder.path());
    let (overwriting, bucket) = (Overwriting::new(&store), store.bucket());
    let (run_id, overtaken) = (OnceLock::new(), OnceLock::new());
    let proxy = Upstream::start([Reply::by(move |asked| {
        let answer = overwriting.answer(asked);
        if let Some(id) = asked.header("x-amz-meta-run-id") {
            run_id.get_or_init(|| id.to_owned());
        }
        if asked.line.starts_with("POST ") && asked.line.contains("uploadId=") {
            overtaken.get_or_init(|| overtake(&bucket, key(asked), run_id.get().unwrap()));
        }
        answer
    })]);
    let arguments = ["--mock-file", file.to_str().unwrap(), "--part-size", "5MiB"];
    let run = ingest(&proxy, &arguments).expect(0);
    run.says(&["another run wrote", "mock/"]).says(&["attempt 1 of 3 failed"]);
    let [other, ours] = &store.keys()[..] else { panic!("{:?}", store.keys()) };
    assert_eq!(run.keys(), [ours]);
    assert_eq!(store.object(other), ANOTHERS);
    assert!(store.object(ours) == fs::read(&file).unwrap());
}
