//! Telemetry against what FastF1 3.9.0 makes of the same feeds.

use std::fs;
use std::path::{Path, PathBuf};

use f1_ingest_component::fastf1::telemetry::{Car, Keep, Position, Reader, document, zero_date};
use serde_json::{Map, Value};

const SESSION: &str = "static/2024/2024-04-21_Chinese_Grand_Prix/2024-04-19_Sprint_Qualifying";

/// The folder of recordings, which is no part of the repository.
fn shared() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = std::env::var_os("F1_SHARED").map_or(beside, PathBuf::from);
    folder.is_dir().then_some(folder)
}

/// The document of two feeds that arrive in chunks; the text of the failure where there is one.
fn read(car: &[u8], position: &[u8], drivers: &[String], chunk: usize) -> Result<String, String> {
    let (mut cars, mut positions) =
        (Reader::<Car>::new(Keep::Samples), Reader::<Position>::new(Keep::Samples));
    car.chunks(chunk).for_each(|chunk| cars.push(chunk));
    position.chunks(chunk).for_each(|chunk| positions.push(chunk));
    let text = |error: f1_ingest_component::fastf1::feed::Unusable| error.to_string();
    let (cars, positions) = (cars.finish().map_err(text)?, positions.finish().map_err(text)?);
    let pieces: Result<Vec<_>, _> = document(&cars, &positions, drivers).collect();
    String::from_utf8(pieces.map_err(text)?.concat()).map_err(|error| error.to_string())
}

/// Cells that agree and cells in all. Numbers are compared as numbers, objects with their order of keys.
fn agreeing(want: &Map<String, Value>, got: &Map<String, Value>) -> (usize, usize) {
    let (mut good, mut all) = (0, 0);
    for (table, want) in want {
        let got = got.get(table).and_then(Value::as_object).expect("both documents have the same parts");
        let want = want.as_object().expect("a part holds drivers");
        assert_eq!(want.keys().collect::<Vec<_>>(), got.keys().collect::<Vec<_>>(), "drivers of {table}");
        for (number, want) in want {
            let rows = |value: &Value| value.as_array().cloned().unwrap_or_default();
            let (want, got) = (rows(want), got.get(number).map(rows).unwrap_or_default());
            assert_eq!(want.len(), got.len(), "rows of {table} {number}");
            for (want, got) in want.iter().zip(&got) {
                let (want, got) = (want.as_object().expect("a row"), got.as_object().expect("a row"));
                assert_eq!(want.keys().collect::<Vec<_>>(), got.keys().collect::<Vec<_>>());
                all += want.len();
                good += want.iter().filter(|(column, cell)| same(cell, &got[*column])).count();
            }
        }
    }
    (good, all)
}

fn same(a: &Value, b: &Value) -> bool {
    a == b || a.as_f64().is_some_and(|a| Some(a) == b.as_f64())
}

#[test]
fn agrees_with_fastf1_on_every_cell_of_2024_chinese_sq() {
    let Some(shared) = shared() else {
        eprintln!("skipped: no folder of recordings at ../shared or F1_SHARED");
        return;
    };
    let feed = |topic: &str| {
        let url = shared.join("recordings/telemetry/livetiming.formula1.com").join(SESSION);
        fs::read(url.join(format!("{topic}.jsonStream"))).expect("the feed is recorded")
    };
    let json = |name: &str| -> Map<String, Value> {
        let file = shared.join("expected/2024-chinese-SQ").join(name);
        serde_json::from_slice(&fs::read(file).expect("the table is there")).expect("the table is JSON")
    };
    let tables = json("fastf1.json");
    let results = tables["results"].as_array().expect("results is a table");
    let drivers: Vec<_> =
        results.iter().filter_map(|row| row["DriverNumber"].as_str().map(str::to_owned)).collect();

    let (car, position) = (feed("CarData.z"), feed("Position.z"));
    let got = read(&car, &position, &drivers, 64 << 10).expect("the feeds are sound");
    let got: Map<String, Value> = serde_json::from_str(&got).expect("the document is JSON");
    let (good, all) = agreeing(&json("telemetry.json"), &got);
    println!("{good} of {all} cells agree ({:.3} %)", 100.0 * good as f64 / all as f64);
    assert_eq!((good, all > 700_000), (all, true));

    let mut cars = Reader::<Car>::new(Keep::ZeroDate);
    let mut positions = Reader::<Position>::new(Keep::ZeroDate);
    cars.push(&car);
    positions.push(&position);
    let zero = zero_date(&cars.finish().expect("sound"), &positions.finish().expect("sound"));
    let zero = zero.expect("the session has a zero date").millis();
    let laps = tables["laps"].as_array().expect("laps is a table");
    let starts =
        laps.iter().filter_map(|lap| Some((lap["LapStartTime"].as_i64()?, lap["LapStartDate"].as_i64()?)));
    let starts: Vec<_> = starts.collect();
    assert!(starts.len() > 200);
    assert!(starts.iter().all(|(time, date)| zero + time == *date));
}
