//! The same component in every runtime that there is: each stores the same object. A runtime that is not
//! installed is skipped and said so; `tests/run` installs them all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use f1_ingest_tests::beside::Beside;
use f1_ingest_tests::binary::{Run, f1_ingest, root, run};
use f1_ingest_tests::installed::{installed, python};
use f1_ingest_tests::jolpica::Jolpica;
use f1_ingest_tests::jolpica::history::History;
use f1_ingest_tests::lake::Lake;
use f1_ingest_tests::server::{Says, Server};
use f1_ingest_tests::store::Store;
use serde_json::{Value, json};

/// How a runtime is made to run the component.
enum Door {
    /// As a command: what goes before the component and its arguments. WASI 0.2 knows the exit codes 0 and 1.
    Cli(Vec<String>),
    /// On `POST /ingest`.
    Http(Vec<String>),
    /// Our host, which has the component in it.
    Ours,
}

struct Runtime {
    name: &'static str,
    version: String,
    door: Door,
    component: PathBuf,
}

fn program(path: &str) -> Option<String> {
    installed(path).map(|program| program.to_str().unwrap().to_owned())
}

/// The first line that a command prints.
fn version(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()
}

fn words(program: &str, words: &[&str]) -> Vec<String> {
    [&[program], words].concat().into_iter().map(str::to_owned).collect()
}

/// Every runtime that is installed, with the component as our host writes it into `folder`.
fn runtimes(folder: &Path, environment: &[(String, String)]) -> Vec<Runtime> {
    let component = folder.join("f1-ingest.wasm");
    let compiled = folder.join("f1-ingest.cwasm");
    run(&["component", "--output", component.to_str().unwrap()], &[]).expect(0);
    run(&["component", "--precompiled", "--output", compiled.to_str().unwrap()], &[]).expect(0);
    let ours = version(f1_ingest().to_str().unwrap(), &["--version"]);
    let runtime = |name, version, door| Runtime { name, version, door, component: component.clone() };

    let mut runtimes = vec![runtime("f1-ingest run", ours, Door::Ours)];
    if let Some(wasmtime) = program("wasmtime-cli/bin/wasmtime") {
        let version = version(&wasmtime, &["--version"]);
        // wasmtime shows a component no variable that it is not told to.
        let shown: Vec<&str> = environment.iter().flat_map(|(name, _)| ["--env", name.as_str()]).collect();
        let run = [&["run", "-S", "http"], &shown[..]].concat();
        // The allocator that it takes by default is not in what `tests/run` builds.
        let serve =
            [&["serve", "-S", "cli", "-O", "pooling-allocator=n", "--addr", "127.0.0.1:0"], &shown[..]]
                .concat();
        let cli = Door::Cli(words(&wasmtime, &run));
        runtimes.push(runtime("wasmtime run", version.clone(), cli));
        let allowed =
            [&run[..], &["-S", "p3=n", "-W", "concurrency-support=n", "--allow-precompiled"]].concat();
        let cli = Door::Cli(words(&wasmtime, &allowed));
        let precompiled =
            Runtime { component: compiled, ..runtime("wasmtime run, compiled", version.clone(), cli) };
        runtimes.push(precompiled);
        runtimes.push(runtime("wasmtime serve", version, Door::Http(words(&wasmtime, &serve))));
    }
    if let Some(jco) = program("runtimes/node_modules/.bin/jco") {
        let version =
            format!("jco {} on Node {}", version(&jco, &["--version"]), version("node", &["--version"]));
        runtimes.push(runtime("jco run", version, Door::Cli(words(&jco, &["run"]))));
    }
    if let Some(python) = program("python/bin/python") {
        let print = "import importlib.metadata, sys; print('wasmtime', importlib.metadata.version('wasmtime'), 'on Python', sys.version.split()[0])";
        let version = version(&python, &["-c", print]);
        let script = root().join("tests/runtimes/run.py");
        let cli = Door::Cli(words(&python, &[script.to_str().unwrap()]));
        runtimes.push(runtime("Python", version, cli));
    }
    runtimes
}

impl Runtime {
    /// Runs the job once, in `folder`, and returns its exit code (0 or 1, for all runtimes know these) and
    /// what it said.
    fn ingest(&self, folder: &Path, environment: &[(String, String)]) -> Run {
        let command = |words: &[String], arguments: &[&str]| {
            let mut command = Command::new(&words[0]);
            command.args(&words[1..]).arg(&self.component).args(arguments).current_dir(folder);
            command.envs(environment.iter().cloned());
            command
        };
        match &self.door {
            Door::Ours => {
                let mut command = f1_ingest_tests::binary::command(&["run", "--retries", "1"], &[]);
                command.envs(environment.iter().cloned()).output().unwrap().into()
            }
            Door::Cli(words) => command(words, &["--retries", "1"]).output().unwrap().into(),
            Door::Http(words) => {
                let server = Server::start(command(words, &[]), Says::OnStderr);
                assert_eq!(server.ask("GET", "/healthz", "").0, 200, "{}", self.name);
                let (status, body) = server.ask("POST", "/ingest", r#"{"retries": 1}"#);
                let report: Value = serde_json::from_str(&body).unwrap_or_else(|e| panic!("{body}: {e}"));
                let keys =
                    report["stored"].as_array().unwrap().iter().map(|stored| stored["key"].as_str().unwrap());
                Run {
                    code: i32::from(status != 200),
                    stdout: keys.collect::<Vec<_>>().join("\n"),
                    stderr: body,
                }
            }
        }
    }
}

/// A document that no pipe or buffer holds at once, so that a runtime has to read and write in turns.
fn document() -> String {
    let rows: Vec<Value> =
        (0..60_000).map(|n| json!({"position": n, "driver": "de\u{301}ja\u{300} vu"})).collect();
    json!({"MRData": {"total": "60000", "RaceTable": {"Races": rows}}}).to_string()
}

/// A recording of one document, for a replay server.
fn record(folder: &Path, document: &str) {
    std::fs::write(folder.join("results.json"), document).unwrap();
    let entry =
        json!({"status": 200, "file": "results.json", "headers": {"content-type": "application/json"}});
    let index = json!({"https://api.example/f1/results.json": entry});
    std::fs::write(folder.join("index.json"), index.to_string()).unwrap();
}

#[test]
fn every_runtime_stores_the_same_object_and_fails_at_the_same_thing() {
    let folder = tempfile::tempdir().unwrap();
    let document = document();
    record(folder.path(), &document);
    let replay = Server::ours(&["replay", folder.path().to_str().unwrap(), "--listen", "127.0.0.1:0"], &[]);
    let store = Store::start();
    let url = |name: &str| format!("http://{}/api.example/f1/{name}", replay.address);
    let with = |url: String| [store.environment(), vec![("JOLPICA_URL".to_owned(), url)]].concat();
    let environment = with(url("results.json"));

    let mut objects = Vec::new();
    for runtime in runtimes(folder.path(), &environment) {
        println!("{}: {}", runtime.name, runtime.version);
        let run = runtime.ingest(folder.path(), &environment);
        assert_eq!(run.code, 0, "{}: {run:?}", runtime.name);
        let [key] = run.keys()[..] else { panic!("{}: one object is one key: {run:?}", runtime.name) };
        assert!(store.object(key) == document.as_bytes(), "{}: the bytes differ", runtime.name);

        let mut metadata: Value = serde_json::from_str(&store.metadata(key)).unwrap();
        let seconds = key.rsplit('/').next().unwrap().trim_end_matches(".json");
        assert_eq!(metadata["user_metadata"]["ingest_time_utc"], seconds, "{}", runtime.name);
        // What tells one run from another.
        for name in ["ingest_time_utc", "run-id"] {
            assert!(metadata["user_metadata"].as_object_mut().unwrap().remove(name).is_some(), "{name}");
        }
        objects.push((runtime.name, metadata));

        let failed = runtime.ingest(folder.path(), &with(url("no-such.json")));
        assert_eq!(failed.code, 1, "{}: {failed:?}", runtime.name);
        assert!(
            failed.stderr.contains("no-such.json") && failed.stdout.is_empty(),
            "{}: {failed:?}",
            runtime.name
        );
    }
    let (_, ours) = &objects[0];
    assert_eq!(ours["user_metadata"]["source"], "jolpica");
    for (name, metadata) in &objects {
        assert_eq!(metadata, ours, "{name}");
    }
    assert_eq!(store.keys().len(), objects.len());
}

/// What the component's `plan` gives in Python's wasmtime: a list of items, or a failure.
fn plan_in_python(python: &Path, component: &Path, selection: &Value, lake: &Lake) -> Value {
    let script = root().join("tests/runtimes/plan.py");
    let mut command = Command::new(python);
    command.arg(script).arg(component).arg(selection.to_string()).args(["--bucket", "lake"]);
    let output = command.args(lake.upstreams()).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {output:?}"))
}

#[test]
fn a_plan_is_the_same_through_the_typed_interface_of_another_runtime() {
    let Some(python) = python() else { return };
    let history = History::new(1);
    let lake = Lake::new(Jolpica::start(history.clone())).with(Beside::start(&history, &[]));
    let component = lake.path().join("f1-ingest.wasm");
    run(&["component", "--output", component.to_str().unwrap()], &[]).expect(0);
    let selection = json!({
        "seasons": "2016..2018", "rounds": "2..5", "sessions": "R,Q", "sources": "jolpica,fastf1",
        "endpoints": "drivers,results,qualifying,pitstops,laps",
    });
    let plan = plan_in_python(&python, &component, &selection, &lake);

    let options: Vec<String> = selection
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(name, value)| [format!("--{name}"), value.as_str().unwrap().to_owned()])
        .collect();
    let options: Vec<&str> = options.iter().map(String::as_str).chain(["--plan"]).collect();
    let ours = lake.json("backfill", &options);
    type About = (Value, BTreeMap<String, u64>);
    let ours: BTreeMap<&str, About> = ours["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let requests = serde_json::from_value(item["requests"].clone()).unwrap();
            (item["item"].as_str().unwrap(), (item["since"].clone(), requests))
        })
        .collect();
    let host = |upstream: &str| match upstream {
        "jolpica" => lake.jolpica.authority(),
        _ => lake.beside.as_ref().unwrap().authority(),
    };
    let theirs: BTreeMap<&str, About> = plan
        .as_array()
        .unwrap_or_else(|| panic!("{plan}"))
        .iter()
        .map(|item| {
            let mut requests = BTreeMap::new();
            for cost in item["costs"].as_array().unwrap() {
                let host = host(cost["upstream"].as_str().unwrap());
                *requests.entry(host).or_default() += cost["requests"].as_u64().unwrap();
            }
            (item["item"].as_str().unwrap(), (item["since"].clone(), requests))
        })
        .collect();
    assert_eq!(theirs, ours);
    assert_eq!(theirs.len(), 1 + 3 * (2 + 4 * 2) + 4 * 2, "{:?}", theirs.keys());

    let refused = plan_in_python(&python, &component, &json!({"seasons": "1949"}), &lake);
    assert_eq!(refused["kind"], "usage", "{refused}");
    assert!(refused["message"].as_str().unwrap().contains("--seasons"), "{refused}");
}
