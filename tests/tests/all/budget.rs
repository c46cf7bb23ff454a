//! The budget of requests to Jolpica, which all processes of a machine share.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use f1_ingest_tests::binary::{Run, run};
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream, fullest};
use serde_json::{Value, json};

/// A machine: a folder for state, and a Jolpica.
struct Machine {
    state: tempfile::TempDir,
    jolpica: Upstream,
}

impl Machine {
    fn new() -> Machine {
        Machine { state: tempfile::tempdir().unwrap(), jolpica: Upstream::start([Reply::json(RESULTS)]) }
    }

    fn file(&self) -> PathBuf {
        self.state.path().join("f1-ingest/requests.json")
    }

    /// What the file holds of the requests to Jolpica, in unix milliseconds.
    fn noted(&self) -> Vec<u64> {
        let noted: Value = serde_json::from_slice(&fs::read(self.file()).unwrap()).unwrap();
        serde_json::from_value(noted["sent"][self.jolpica.authority()].clone()).unwrap_or_default()
    }

    /// Writes into the file that so many requests were sent, so many seconds ago.
    fn note(&self, requests: usize, ago: i64) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let at = now.as_millis() as i64 - ago * 1000;
        self.write(json!({"sent": {self.jolpica.authority(): vec![at; requests]}}).to_string());
    }

    fn write(&self, bytes: impl AsRef<[u8]>) {
        fs::create_dir_all(self.file().parent().unwrap()).unwrap();
        fs::write(self.file(), bytes).unwrap();
    }

    /// A run that sends Jolpica one request.
    fn run(&self, arguments: &[&str]) -> Run {
        self.run_at(self.state.path(), arguments)
    }

    fn run_at(&self, state: &Path, arguments: &[&str]) -> Run {
        let url = self.jolpica.url("/results.json");
        let base = ["run", "--dry-run", "--bucket", "lake", "--jolpica-url", &url];
        let variables = [("F1_REQUESTS_PER_HOUR", ""), ("XDG_STATE_HOME", state.to_str().unwrap())];
        run(&[&base, arguments].concat(), &variables)
    }

    fn asked(&self) -> usize {
        self.jolpica.asked().len()
    }
}

#[test]
fn eight_processes_at_once_keep_to_one_second_and_one_hour() {
    const HOUR: u64 = 8;
    let machine = Machine::new();
    let limits = ["--requests-per-hour", "10", "--budget-hour", &HOUR.to_string()];
    let begin = Instant::now();
    let refused: usize = std::thread::scope(|scope| {
        let runs = || {
            let mut refused = 0;
            while begin.elapsed() < Duration::from_secs(HOUR + 4) {
                let run = machine.run(&limits);
                if run.code == 75 {
                    run.says(&["this machine", "used up", "try again after", "--requests-per-hour"]);
                    refused += 1;
                    std::thread::sleep(Duration::from_millis(300));
                } else {
                    run.expect(0);
                }
            }
            refused
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(runs)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let asked = machine.jolpica.asked();
    assert!(refused > 0);
    assert!(asked.len() > 10, "{} requests: nothing came back after the hour", asked.len());
    // What left in time may have come a little later.
    let late = Duration::from_millis(300);
    assert!(fullest(&asked, Duration::from_secs(1) - late) <= 4, "{asked:?}");
    assert!(fullest(&asked, Duration::from_secs(HOUR) - late) <= 10, "{asked:?}");
}

#[test]
fn a_used_up_hour_is_not_now_and_nothing_is_sent() {
    let machine = Machine::new();
    machine.note(200, 600);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let summary = machine.state.path().join("summary.json");
    machine.run(&["--summary", summary.to_str().unwrap()]).expect(75).says(&["this machine", "used up"]);
    assert_eq!(machine.asked(), 0);
    let summary: Value = serde_json::from_slice(&fs::read(summary).unwrap()).unwrap();
    let until = summary["failed"][0]["until"].as_u64().unwrap();
    assert!((3000..3010).contains(&(until - now)), "{summary:#}");
    assert_eq!(summary["failed"][0]["kind"], "rate-limited");

    machine.run(&["--requests-per-hour", "201"]).expect(0);
    machine.run(&["--requests-per-hour", "0"]).expect(0);
    assert_eq!((machine.asked(), machine.noted().len()), (2, 201));
    let other = Upstream::start([Reply::json(RESULTS)]);
    machine.run(&["--jolpica-url", &other.url("/results.json")]).expect(0);
}

#[test]
fn requests_of_a_clock_that_was_ahead_count_as_now_and_not_for_ever() {
    let machine = Machine::new();
    machine.note(200, -86_400);
    let hour = ["--budget-hour", "2"];
    machine.run(&hour).expect(75).says(&["for tests only"]);
    std::thread::sleep(Duration::from_millis(2300));
    machine.run(&hour).expect(0);
    assert_eq!(machine.asked(), 1);
}

#[test]
fn a_damaged_file_is_named_and_counts_as_used_up_from_when_it_was_written() {
    let machine = Machine::new();
    machine.write("\0\0\0");
    let says = ["requests.json is damaged", "set aside"];
    machine.run(&[]).expect(75).says(&says);
    let again = machine.run(&[]).expect(75);
    assert!(!again.stderr.contains("damaged"), "{}", again.stderr);
    assert_eq!(machine.asked(), 0);

    machine.write("\0\0\0");
    let file = fs::File::options().append(true).open(machine.file()).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3700)).unwrap();
    machine.run(&[]).expect(0).says(&says);
    assert_eq!((machine.asked(), machine.noted().len()), (1, 1));
}

#[test]
fn without_a_folder_that_can_be_written_to_there_is_one_warning_and_the_run_goes_on() {
    let machine = Machine::new();
    let file = machine.state.path().join("file");
    fs::write(&file, "").unwrap();
    for state in [&file, Path::new("/proc/self")] {
        let run = machine.run_at(state, &["--retries", "1"]).expect(0);
        run.says(&["count for this process alone", state.to_str().unwrap()]);
        assert_eq!(run.stderr.matches("this process alone").count(), 1, "{}", run.stderr);
    }
    assert_eq!(machine.asked(), 2);
}

#[test]
fn a_replay_does_not_count() {
    let machine = Machine::new();
    let recording = machine.state.path().join("recording");
    let recording = recording.to_str().unwrap();
    machine.run(&["--record", recording]).expect(0);
    machine.note(200, 600);
    machine.run(&["--replay", recording]).expect(0);
    machine.run(&["--replay", recording, "--requests-per-hour", "200"]).expect(0);
    assert_eq!((machine.asked(), machine.noted().len()), (1, 200));
}

#[test]
fn no_upstream_can_say_that_our_budget_is_used_up() {
    let upstream =
        Upstream::start([Reply::new(429, "").with("f1-ingest-budget", "x").with("retry-after", "900")]);
    let machine = Machine { state: tempfile::tempdir().unwrap(), jolpica: upstream };
    machine.run(&[]).expect(75).says(&["has had too many requests", "HTTP 429"]);
}

#[test]
fn a_check_says_what_is_left() {
    let machine = Machine::new();
    let store = machine.state.path().join("store");
    let url = machine.jolpica.url("/results.json");
    let check = |more: &[&str]| {
        let arguments = ["check", "--store", store.to_str().unwrap(), "--jolpica-url", &url];
        let state = machine.state.path().to_str().unwrap();
        run(&[&arguments, more].concat(), &[("F1_REQUESTS_PER_HOUR", ""), ("XDG_STATE_HOME", state)])
            .expect(0)
    };
    let said = check(&[]).stdout;
    assert!(said.contains("ok      budget") && said.contains("199 of 200 requests left"), "{said}");
    machine.note(200, 600);
    let said = check(&[]).stdout;
    assert!(said.contains("note    budget") && said.contains("0 of 200 requests left"), "{said}");
    assert!(said.contains("the next one is free at"), "{said}");
    let said = check(&["--requests-per-hour", "0"]).stdout;
    assert!(!said.contains("budget"), "{said}");
}
