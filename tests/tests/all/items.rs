//! Which documents a run makes, and what their keys, metadata and reports say of them.

use std::fs;
use std::path::Path;

use f1_ingest_tests::binary::{Run, command, run};
use f1_ingest_tests::store::{Store, keys};
use f1_ingest_tests::synthetic::{CATALOGUE, Kind, Plan, recording};
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};
use serde_json::Value;

/// A made-up race with telemetry, recorded in `folder`.
fn race(folder: &Path) -> recording::Session {
    let is_race = |plan: &Plan| plan.kind == Kind::Race && plan.telemetry_hz > 0 && plan.missing.is_empty();
    let (_, plan) = CATALOGUE.iter().find(|(_, plan)| is_race(plan)).unwrap();
    recording::write(plan, folder).unwrap()
}

/// `fastf1/2024/05/Q` of a key, whatever its date and second.
fn item(key: &str) -> String {
    let parts: Vec<&str> = key.split('/').collect();
    assert!(parts.len() > 3 && parts[0] == "raw", "{key}");
    parts[2..parts.len() - 1].join("/")
}

fn items(run: &Run) -> Vec<String> {
    run.keys().into_iter().map(item).collect()
}

fn json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
}

#[test]
fn a_list_of_sources_is_all_that_is_stored_and_its_keys_say_which_session() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (recording, store, summary) = (path("recording"), path("store"), path("summary.json"));
    let choice = race(Path::new(&recording)).choice();
    let [_, season, _, round, _, session] = choice.each_ref();
    let of = format!("{season}/{:02}/{session}", round.parse::<u32>().unwrap());
    let places = ["run", "--replay", &recording, "--store", &store, "--summary", &summary, "--retries", "1"];
    let with =
        |more: &[&str]| run(&[&places[..], &choice.each_ref().map(String::as_str), more].concat(), &[]);

    let stored = with(&["--sources", "livetiming,fastf1,telemetry"]).expect(0);
    let named = |source: &str| format!("{source}/{of}");
    assert_eq!(items(&stored), ["fastf1", "telemetry", "livetiming"].map(named));
    let report = json(Path::new(&summary));
    for (object, source) in report["stored"].as_array().unwrap().iter().zip(["fastf1", "telemetry"]) {
        assert_eq!(object["source"], source);
        assert_eq!(object["session"]["season"].to_string(), *season);
        assert_eq!(object["session"]["round"].to_string(), *round);
        assert_eq!(object["session"]["name"], **session);
    }

    let again = with(&["--sources", "fastf1", "--if-changed"]).expect(0);
    assert_eq!(items(&again), [named("fastf1")]);
    assert_eq!(again.keys(), stored.keys()[..1], "the newest object of the same item is looked at");
    let report = json(Path::new(&summary));
    assert_eq!(
        (&report["stored"], &report["unchanged"][0]["key"]),
        (&Value::Array(vec![]), &again.keys()[0].into())
    );

    with(&["--include-fastf1"])
        .says(&["jolpica: stored"])
        .says(&["fastf1: stored", &format!("/{}/", named("fastf1"))]);
    let bucket = folder.path().join("store/f1-data");
    let jolpica = keys(&bucket).into_iter().filter(|key| key.contains("jolpica")).count();
    assert_eq!(jolpica, 1, "the old switch means Jolpica and this");
}

#[test]
fn a_plain_run_keeps_the_old_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (recording, store) = (path("recording"), path("store"));
    let race = race(Path::new(&recording));
    let day = race.path.split('/').nth(1).and_then(|event| event.split('_').next()).unwrap();
    let instant = format!("{day}T23:59:59Z");
    let arguments =
        ["run", "--replay", &recording, "--store", &store, "--sources", "fastf1", "--as-of", &instant];
    let run = run(&arguments, &[]).expect(0);
    assert_eq!(items(&run), ["fastf1"]);
}

#[test]
fn without_a_source_that_needs_a_session_jolpicas_document_is_chosen() {
    let upstream = Upstream::start([Reply::json(RESULTS)]);
    let api = upstream.url("/ergast/f1/current/last/results.json");
    for (session, document) in [("R", "results"), ("Q", "qualifying"), ("S", "sprint")] {
        let store = Store::start();
        let arguments =
            ["run", "--jolpica-url", &api, "--season", "1994", "--round", "5", "--session", session];
        let run: Run = command(&arguments, &[]).envs(store.environment()).output().unwrap().into();
        let run = run.expect(0);
        assert_eq!(items(&run), [format!("jolpica/1994/05/{document}")]);
        let asked = upstream.asked().pop().unwrap().line;
        assert_eq!(asked, format!("GET /ergast/f1/1994/5/{document}.json HTTP/1.1"));
        let metadata = store.metadata(run.keys()[0]);
        for said in ["\"season\":\"1994\"", "\"round\":\"5\"", &format!("\"session\":\"{session}\"")] {
            assert!(metadata.replace(' ', "").contains(said), "{said} is not in {metadata}");
        }
    }
}

#[test]
fn a_choice_that_chooses_nothing_is_wrong_usage() {
    let upstream = Upstream::start([Reply::json(RESULTS)]);
    let (store, api) = (Store::start(), upstream.url("/f1/x.json"));
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), "{}").unwrap();
    let mock = ["--mock-file", file.path().to_str().unwrap()];
    let table: &[(&[&str], &[&str])] = &[
        (&["--session", "FP1"], &["--session FP1", "R, Q and S", "--sources"]),
        (&["--season", "2024", "--round", "5", "--session", "SQ"], &["--session SQ"]),
        (&[mock[0], mock[1], "--season", "2024"], &["--season", "--mock-file"]),
        (&[mock[0], mock[1], "--as-of", "2024-05-05"], &["--as-of", "--mock-file"]),
        (&[mock[0], mock[1], "--sources", "jolpica"], &["--mock-file", "--sources"]),
        (&["--sources", "fastf1", "--include-telemetry"], &["--sources", "--include-telemetry"]),
        (&["--sources", "fastf2"], &["--sources", "\"fastf2\"", "jolpica, fastf1, telemetry, livetiming"]),
        (&["--sources", "fastf1", "--season", "1994"], &["--season 1994", "2018"]),
    ];
    for (options, words) in table {
        let arguments = [&["run", "--jolpica-url", &api], *options].concat();
        let run: Run = command(&arguments, &[]).envs(store.environment()).output().unwrap().into();
        run.expect(2).says(words);
    }
    assert!(upstream.asked().is_empty() && store.keys().is_empty());
}

#[test]
fn what_is_unchanged_is_told_apart_from_what_is_stored() {
    let upstream = Upstream::start([Reply::json(RESULTS)]);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (store, metrics, api) = (path("store"), path("metrics.prom"), upstream.url("/x.json"));
    let arguments =
        ["run", "--jolpica-url", &api, "--store", &store, "--if-changed", "--metrics-file", &metrics];
    let first = run(&arguments, &[]).expect(0);
    assert!(fs::read_to_string(&metrics).unwrap().contains("last_run_stored_bytes{source=\"jolpica\"}"));
    let page = path("page.md");
    let second = run(&arguments, &[("GITHUB_STEP_SUMMARY", &page)]).expect(0);
    assert_eq!(second.keys(), first.keys(), "its key is printed all the same");
    second.says(&["jolpica: has not changed since", first.keys()[0]]);
    assert!(!second.stderr.contains("stored"), "{}", second.stderr);
    let metrics = fs::read_to_string(&metrics).unwrap();
    assert!(metrics.contains("last_run_unchanged{source=\"jolpica\"} 1"), "{metrics}");
    assert!(!metrics.contains("last_run_stored_bytes"), "{metrics}");
    let page = fs::read_to_string(&page).unwrap();
    assert!(page.contains(&format!("| jolpica | `{}` | unchanged |", first.keys()[0])), "{page}");
}

#[test]
fn check_looks_at_the_upstreams_of_every_source_with_the_session_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (recording, store) = (path("recording"), path("store"));
    let choice = race(Path::new(&recording)).choice();
    let choice = choice.each_ref().map(String::as_str);
    let places = ["check", "--replay", &recording, "--store", &store];
    for sources in ["fastf1", "telemetry", "livetiming", "jolpica,telemetry"] {
        let check = run(&[&places[..], &choice, &["--sources", sources]].concat(), &[]).expect(0);
        for what in ["schedule", "jolpica", "livetiming"] {
            assert!(check.stdout.contains(&format!("ok      {what}")), "{sources}:\n{}", check.stdout);
        }
        assert!(check.stdout.contains(&format!("the session is {} round {}", choice[1], choice[3])));
    }
    let other = ["--season", choice[1], "--round", "99", "--sources", "telemetry"];
    let check = run(&[&places[..], &other].concat(), &[]).expect(1);
    assert!(
        check.stdout.contains("FAILED  schedule") && check.stdout.contains("has no round 99"),
        "{}",
        check.stdout
    );
}
