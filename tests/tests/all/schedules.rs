//! Every event and session of the schedules recorded in `../shared`: do we choose what FastF1 chooses?

use std::collections::HashMap;
use std::process::Command;

use chrono::DateTime;
use f1_ingest_component::livetiming::{built_path, index};
use f1_ingest_component::schedule::{Round, SessionRequest, choose, f1schedule, jolpica};
use f1_ingest_component::session::{Event, SessionName};
use f1_ingest_tests::golden;
use f1_ingest_tests::shared::shared;
use serde_json::Value;

#[test]
fn every_choice_is_fastf1s() {
    let (Some(recording), Some(python)) = (shared("recordings/base"), golden::python()) else { return };
    let script = golden::folder().join("schedules.py");
    let output = Command::new(python).arg(script).arg(&recording).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let choices: Vec<(String, i32, Value, String, Option<String>)> =
        serde_json::from_slice(&output.stdout).expect("the choices are JSON");
    assert!(choices.len() > 1000, "{} choices", choices.len());

    let mut schedules: HashMap<(String, i32), Vec<Event>> = HashMap::new();
    let mut differing = Vec::new();
    for (backend, season, event, session, expected) in &choices {
        let events = schedules.entry((backend.clone(), *season)).or_insert_with(|| {
            let read = |path: String| std::fs::read(recording.join(path)).ok();
            let events = match backend.as_str() {
                "fastf1" => {
                    let folder = "raw.githubusercontent.com/theOehrly/f1schedule/master";
                    read(format!("{folder}/schedule_{season}.json")).map(|body| f1schedule::parse(&body))
                }
                "f1timing" => ["livetiming.formula1.com", "livetiming-mirror.fastf1.dev"]
                    .into_iter()
                    .find_map(|host| read(format!("{host}/static/{season}/Index.json")))
                    .map(|body| index::events(&body, *season)),
                _ => read(format!("api.jolpi.ca/ergast/f1/{season}.json"))
                    .map(|body| jolpica::parse(&body, *season)),
            };
            events.expect("FastF1 found it").expect("a schedule")
        });
        let request = SessionRequest {
            season: Some(*season),
            round: Some(match event {
                Value::String(name) => Round::Named(name.clone()),
                number => {
                    Round::Number(number.as_u64().and_then(|n| u32::try_from(n).ok()).expect("a round"))
                }
            }),
            session: Some(SessionName::parse(session).expect("a session")),
            as_of: None,
        };
        let chosen = choose(events, *season, &request, DateTime::UNIX_EPOCH).ok().flatten();
        let path = chosen.map(|session| format!("/static/{}", built_path(&session)));
        if path != *expected {
            differing.push(format!("{backend} {season} {event} {session}: {expected:?}, not {path:?}"));
        }
    }
    println!("{} of {} choices are FastF1's", choices.len() - differing.len(), choices.len());
    assert!(differing.is_empty(), "{differing:#?}");
}
