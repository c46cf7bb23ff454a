//! For comparing with FastF1: builds the laps and weather of sessions out of recordings. Reads jobs, one JSON object a line:
//! {"recordings": [...], "season": 2018, "round": 4, "session": "Race", "api_path": "/static/...", "out": "file"}
use std::collections::HashMap;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use f1_ingest_component::fastf1::{drivers, ergast, laps, results, table, time::Timestamp, weather};
use f1_ingest_component::schedule::{Name, Session, Sort};
use serde_json::Value;

fn main() {
    for line in std::io::stdin().lock().lines() {
        let job: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let mut index = HashMap::new();
        for folder in job["recordings"].as_array().unwrap() {
            let folder = Path::new(folder.as_str().unwrap());
            let entries: serde_json::Map<String, Value> =
                serde_json::from_slice(&std::fs::read(folder.join("index.json")).unwrap()).unwrap();
            for (url, entry) in entries {
                if entry["status"].as_u64().unwrap() == 200 {
                    index.entry(url).or_insert_with(|| folder.join(entry["file"].as_str().unwrap()));
                }
            }
        }
        run(&job, &index);
    }
}

fn run(job: &Value, index: &HashMap<String, PathBuf>) {
    let text = |key: &str| job[key].as_str().unwrap();
    let get = |url: &str| index.get(url).map(|path| std::fs::read(path).unwrap());
    let topic = |topic: &str| {
        let path = format!("{}{topic}.jsonStream", text("api_path"));
        get(&format!("https://livetiming.formula1.com{path}"))
            .or_else(|| get(&format!("https://livetiming-mirror.fastf1.dev{path}")))
    };
    let season = job["season"].as_i64().unwrap();
    let round = job["round"].as_i64().unwrap();
    let date = chrono::NaiveDate::from_ymd_opt(season as i32, 5, 5).unwrap();
    let session = Session {
        season: season as i32,
        round: round as u32,
        event: String::new(),
        name: Name::parse(text("session")).unwrap(),
        event_date: date,
        session_date: date,
        starts: date.and_hms_opt(0, 0, 0).unwrap(),
        timing: true,
    };
    let jolpica =
        |document: &str| get(&format!("https://api.jolpi.ca/ergast/f1/{season}/{round}/{document}.json"));
    let mut warnings = Vec::new();
    let from_feed = topic("DriverList").map(|feed| drivers::read(&feed));
    let from_feed = from_feed.and_then(Result::ok).unwrap_or_default();
    let classified = results::ergast_document(&session)
        .and_then(|(document, list)| Some(ergast::results(&jolpica(document)?, list)))
        .and_then(Result::ok)
        .flatten()
        .unwrap_or_default();
    let rows = results::joined(&session, &from_feed.drivers, &classified, &mut warnings);
    let cell = |text: &f1_ingest_component::fastf1::text::Text| text.as_str().unwrap_or_default().to_owned();
    let mut list: Vec<laps::Driver> = Vec::new();
    for row in &rows {
        let number = cell(&row.driver_number);
        if list.iter().all(|driver| driver.number != number) {
            list.push(laps::Driver {
                number,
                abbreviation: cell(&row.abbreviation),
                team: cell(&row.team_name),
                driver_id: cell(&row.driver_id),
                is_withdrawn: row.classified_position.as_str() == Some("W"),
            });
        }
    }
    let feeds =
        ["SessionStatus", "TrackStatus", "LapCount", "TimingData", "TimingAppData", "RaceControlMessages"]
            .map(topic);
    let [session_status, track_status, lap_count, timing_data, timing_app_data, race_control] =
        feeds.each_ref().map(Option::as_deref);
    let first_lap = (session.name == Name::Race).then(|| jolpica("laps/1")).flatten();
    let inputs = laps::Inputs {
        is_race_like: session.sort() == Sort::Race,
        drivers: Some(&list),
        session_status,
        track_status,
        lap_count,
        timing_data,
        timing_app_data,
        race_control,
        first_lap: first_lap.as_deref(),
        t0_date: job.get("t0_date").and_then(Value::as_i64).map(|millis| Timestamp(millis * 1000)),
    };
    let loaded = laps::load(&inputs);
    for warning in &loaded.warnings {
        eprintln!("{}: {warning}", text("out"));
    }
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"laps\":");
    match &loaded.laps {
        Some(laps) => table::write_rows(&mut out, laps).unwrap(),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"weather\":");
    match topic("WeatherData").map(|feed| weather::read(&feed)) {
        Some(Ok((rows, _))) => table::write_rows(&mut out, &rows).unwrap(),
        _ => out.extend_from_slice(b"null"),
    }
    out.push(b'}');
    std::fs::write(text("out"), out).unwrap();
}
