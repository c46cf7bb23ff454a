//! The recipe for Airflow, carried out by Airflow itself: its scheduler and its workers on this machine, f1-ingest as it is
//! built, a made-up Jolpica.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use f1_ingest_tests::binary::{f1_ingest, root, run};
use f1_ingest_tests::installed::installed;
use f1_ingest_tests::jolpica::Jolpica;
use f1_ingest_tests::jolpica::history::History;
use f1_ingest_tests::store::keys;
use serde_json::{Value, json};
use tempfile::TempDir;

/// How long Airflow may take for anything.
const PATIENCE: Duration = Duration::from_secs(300);

/// An hour of Jolpica's, in seconds.
const HOUR: &str = "10";

/// Airflow, all of it, in a folder of its own.
struct Airflow {
    program: PathBuf,
    folder: TempDir,
    environment: Vec<(String, OsString)>,
    running: Child,
}

impl Airflow {
    fn start(program: PathBuf, variables: &[(&str, &str)]) -> Airflow {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        symlink(f1_ingest(), bin.join("f1-ingest")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let own = program.parent().unwrap().to_str().unwrap();
        let settings = [
            ("PATH", format!("{}:{own}:/usr/local/bin:/usr/bin:/bin", bin.display())),
            ("HOME", folder.path().display().to_string()),
            ("AIRFLOW_HOME", folder.path().join("airflow").display().to_string()),
            ("AIRFLOW__CORE__DAGS_FOLDER", root().join("host/deploy/airflow").display().to_string()),
            ("AIRFLOW__CORE__LOAD_EXAMPLES", "False".into()),
            ("AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION", "False".into()),
            ("AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY", "2".into()),
            ("AIRFLOW__CORE__PARALLELISM", "4".into()),
            ("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", format!("http://127.0.0.1:{port}/execution/")),
            ("AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE", "False".into()),
            ("AIRFLOW__API__HOST", "127.0.0.1".into()),
            ("AIRFLOW__API__PORT", port.to_string()),
            ("AIRFLOW__API__WORKERS", "1".into()),
            ("PYTHONDONTWRITEBYTECODE", "1".into()),
            ("NO_PROXY", "127.0.0.1".into()),
        ];
        let given = variables.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let environment: Vec<(String, OsString)> =
            settings.into_iter().chain(given).map(|(name, value)| (name.to_owned(), value.into())).collect();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let running = Command::new(&program)
            .arg("standalone")
            .env_clear()
            .envs(environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        Airflow { program, folder, environment, running }
    }

    /// What one of its commands prints; none if it fails.
    fn says(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .env_clear()
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// The runs of the recipe, or the tasks of one.
    fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let text = self.says(&[arguments, &["--output", "json"]].concat()).unwrap_or_default();
        let list = text.lines().find(|line| line.starts_with('[')).unwrap_or("[]");
        serde_json::from_str(list).unwrap_or_default()
    }

    /// Asks until there is an answer.
    fn wait<T>(&self, what: &str, ask: impl Fn() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            assert!(began.elapsed() < PATIENCE, "{what} did not happen:\n{}", self.logs());
            sleep(Duration::from_millis(100));
        }
    }

    fn logs(&self) -> String {
        let of = |file: &Path| fs::read_to_string(file).unwrap_or_default();
        let all = [self.folder.path().join("log")].into_iter().chain(self.task_logs());
        all.map(|file| format!("{}:\n{}\n", file.display(), of(&file))).collect()
    }

    /// The tasks' own logs: `logs/dag_id=…/run_id=…/task_id=…/map_index=…/attempt=….log`.
    fn task_logs(&self) -> Vec<PathBuf> {
        let logs = self.folder.path().join("airflow/logs/dag_id=f1_history");
        let mut found = vec![logs];
        for _ in 0..4 {
            let below = |folder: &PathBuf| fs::read_dir(folder).ok();
            let entries = found.iter().flat_map(below).flatten().flatten().map(|entry| entry.path());
            found = entries.collect();
        }
        found
    }
}

impl Drop for Airflow {
    fn drop(&mut self) {
        let group = self.running.id();
        let _ = Command::new("kill").args(["-s", "TERM", &group.to_string()]).status();
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until && self.running.try_wait().is_ok_and(|ended| ended.is_none()) {
            sleep(Duration::from_millis(100));
        }
        let _ = Command::new("kill").args(["-s", "KILL", "--", &format!("-{group}")]).status();
        let _ = self.running.wait();
    }
}

/// The process of ours that has all these words on its command line.
fn process(words: &[&str]) -> Option<String> {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let mut numbers = all.map(|entry| entry.path()).filter(|path| path.join("cmdline").exists());
    let found = numbers.find(|path| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        let given: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
        given.first().is_some_and(|program| program.ends_with("f1-ingest"))
            && words.iter().all(|word| given.iter().any(|given| given == word))
    })?;
    Some(found.file_name()?.to_str()?.to_owned())
}

#[test]
fn airflow_keeps_a_history_in_shards_though_one_is_killed_and_the_hour_is_used_up() {
    let Some(program) = installed("airflow/bin/airflow") else { return };
    let jolpica = Jolpica::answering(History::new(1), |turn| {
        sleep(Duration::from_millis(50));
        turn.answer()
    });
    let lake = tempfile::tempdir().unwrap();
    let (store, url) = (lake.path().to_str().unwrap(), jolpica.url("current/last/results.json"));
    let state = lake.path().join("state");
    let state = state.to_str().unwrap();
    let variables = [
        ("JOLPICA_URL", url.as_str()),
        ("F1_REQUESTS_PER_SECOND", "0"),
        ("F1_REQUESTS_PER_HOUR", "40"),
        ("F1_BUDGET_HOUR", HOUR),
        ("XDG_STATE_HOME", state),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let airflow = Airflow::start(program, &variables);
    let options = format!("--seasons 2009..2012 --sources jolpica --store {store}");
    let conf = json!({"options": options, "shards": 3, "items": 10}).to_string();
    let trigger = ["dags", "trigger", "f1_history", "--run-id", "history", "--conf", &conf];
    airflow.wait("its start", || airflow.says(&trigger));
    let killed = airflow.wait("the first shard", || process(&["backfill", "--shard", "0/3", store]));
    assert!(Command::new("kill").args(["-s", "KILL", &killed]).status().unwrap().success());

    let of_run =
        |run: &Value| (run["run_id"] == "history").then(|| run["state"].as_str().unwrap().to_owned());
    let state = airflow.wait("the end", || {
        sleep(Duration::from_secs(2));
        let runs = airflow.json(&["dags", "list-runs", "f1_history"]);
        runs.iter().find_map(of_run).filter(|state| ["success", "failed"].contains(&state.as_str()))
    });
    let logs = airflow.logs();
    assert_eq!(state, "success", "{logs}");
    assert!(logs.contains("ended with -9"), "none was killed:\n{logs}");
    assert!(logs.contains("it goes on at"), "the hour was never used up:\n{logs}");
    drop(airflow);

    let given = ["--store", store, "--jolpica-url", &url, "--json"];
    let plan = run(&[&["backfill", "--seasons", "2009..2012", "--plan"], &given[..]].concat(), &[]).expect(0);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    assert_eq!(plan["items"], json!([]), "nothing is left");
    let mut items: BTreeMap<String, usize> = BTreeMap::new();
    for key in keys(&lake.path().join("f1-data")).iter().filter(|key| key.starts_with("raw/")) {
        let item: Vec<&str> = key.split('/').skip(2).collect();
        *items.entry(item[..item.len() - 1].join("/")).or_default() += 1;
    }
    assert_eq!(items.len() as u64, plan["kept"].as_u64().unwrap());
    assert!(items.values().all(|count| *count == 1), "{items:?}");
    let verify = run(&[&["verify"], &given[..]].concat(), &[]).expect(0);
    let verify: Value = serde_json::from_str(&verify.stdout).unwrap();
    assert_eq!(verify["whole"], items.len());
    assert_eq!(verify["unknown"], json!([]));
}
