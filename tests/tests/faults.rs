//! A thousand runs whose requests are delayed, cut, doubled, refused and lost on their way to a real S3 server:
//! what was printed is stored, whole, and once; what failed was not printed; and nobody is asked more often than
//! the README says.
//!
//! `F1_FAULT_SEEDS=1-5000` carries out more plans, `F1_FAULT_SEEDS=17` one again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use f1_ingest_tests::binary::{self, root};
use f1_ingest_tests::faults::Proxy;
use f1_ingest_tests::faults::objects::objects;
use f1_ingest_tests::faults::plan::{PART, PLENTY, Plan, Rules, Run};
use f1_ingest_tests::faults::run::{End, bucket, run};
use f1_ingest_tests::faults::verdict::wrongs;
use f1_ingest_tests::store::{BUCKET, Store, grow_old, unfinished};

/// The runs mostly wait: for the next attempt, or for an answer that never comes.
const AT_ONCE: usize = 64;

#[test]
fn a_thousand_runs_lose_and_corrupt_nothing() {
    // The host keeps what it compiles; not all of them at once.
    let json = root().join("tests/runtimes/package.json");
    let dry = ["run", "--dry-run", "--bucket", BUCKET, "--mock-file", json.to_str().unwrap()];
    binary::run(&dry, &[]).expect(0);
    let mut plans: Vec<Plan> = seeds().into_iter().map(Plan::new).collect();
    plans.sort_by_key(|plan| plan.runs.iter().map(Run::weight).max());
    let at_once = AT_ONCE.min(plans.len());
    let (plans, wrong, tally) = (Mutex::new(plans), Mutex::new(Vec::new()), Mutex::new(Tally::default()));
    thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                let store = Store::start();
                let next = || plans.lock().unwrap().pop();
                while let Some(plan) = next() {
                    let (ends, wrongs) = carry_out(&plan, &store);
                    tally.lock().unwrap().add(&ends);
                    if !wrongs.is_empty() {
                        wrong.lock().unwrap().push(report(&plan, &ends, &wrongs));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    eprintln!("{:#?}", tally.into_inner().unwrap());
    assert!(wrong.is_empty(), "{} seeds went wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn seeds() -> Vec<u64> {
    let wanted = std::env::var("F1_FAULT_SEEDS").unwrap_or_else(|_| "1-1000".into());
    let number = |text: &str| text.parse::<u64>().expect("F1_FAULT_SEEDS is like 17 or 1-1000 or 3,17,20-30");
    let range = |text: &str| {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        number(first)..=number(last)
    };
    wanted.split(',').flat_map(range).collect()
}

/// Carries out the runs of a plan, and says what is wrong with them.
fn carry_out(plan: &Plan, store: &Store) -> (Vec<End>, Vec<String>) {
    let bucket = store.bucket().with_file_name(bucket(plan.seed));
    fs::create_dir(&bucket).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut failed = Vec::new();
    let mut undisturbed = |number, one: &Run| {
        let end = run(plan.seed, number, one, &store.endpoint(), folder.path());
        failed.extend((end.code != 0).then_some(end.stderr));
    };
    if plan.is_stored {
        undisturbed(0, &plan.runs[0]);
    }
    let ends = thread::scope(|scope| {
        let folder = folder.path();
        let disturbed = |number: usize| {
            let one = &plan.runs[number];
            let proxy = Proxy::start(store.address, one.rules.clone());
            let end = run(plan.seed, number, one, &proxy.url(), folder);
            End { met: proxy.settled(), ..end }
        };
        let runs: Vec<_> =
            (0..plan.runs.len()).map(|number| scope.spawn(move || disturbed(number))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect::<Vec<_>>()
    });
    clear(store);
    let mut wrongs = wrongs(plan, &ends, &objects(&bucket));
    // What is left of uploads, a run that sends in parts ends once they are older than any run may be.
    if !unfinished(store.folder()).is_empty() {
        grow_old(store.folder());
        let next = Run {
            length: PART + 1,
            options: Vec::new(),
            attempts: 1,
            limit: PLENTY,
            rules: Rules::default(),
        };
        undisturbed(plan.runs.len(), &next);
        wrongs.extend(unfinished(store.folder()).into_iter().map(|file| format!("{file} stays")));
    }
    wrongs.extend(failed.into_iter().map(|stderr| format!("an undisturbed run failed: {stderr}")));
    fs::remove_dir_all(bucket).unwrap();
    (ends, wrongs)
}

/// Asks the store anything: it clears away what was broken off when the next request comes.
fn clear(store: &Store) {
    let mut stream = TcpStream::connect(store.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

#[derive(Debug, Default)]
struct Tally {
    stored: usize,
    failed: usize,
    longest: Duration,
    in_all: Duration,
    /// By name: how many requests met it.
    faults: BTreeMap<String, usize>,
}

impl Tally {
    fn add(&mut self, ends: &[End]) {
        for end in ends {
            self.stored += usize::from(end.code == 0);
            self.failed += usize::from(end.code != 0);
            self.longest = self.longest.max(end.took);
            self.in_all += end.took;
            for fault in end.met.iter().filter_map(|met| met.fault) {
                let name = format!("{fault:?}").split(['(', ' ']).next().unwrap_or_default().to_owned();
                *self.faults.entry(name).or_default() += 1;
            }
        }
    }
}

/// A seed's plan and what became of it.
fn report(plan: &Plan, ends: &[End], wrongs: &[String]) -> String {
    let mut text = format!("\nF1_FAULT_SEEDS={}\n{}\n{plan:#?}\n", plan.seed, wrongs.join("\n"));
    for (number, End { code, stdout, stderr, took, met, .. }) in ends.iter().enumerate() {
        let _ = writeln!(text, "run {number}: exit code {code} after {took:?}, {stdout:?}\n{stderr}");
        for one in met {
            let after = (one.at - met[0].at).as_millis();
            let _ = writeln!(text, "{after:>6} ms {:?} {}", one.fault, one.line);
        }
    }
    text
}
