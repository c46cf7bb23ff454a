//! The sessions recorded in `../shared`, against what FastF1 made of them.

use std::fs;
use std::path::PathBuf;

use f1_ingest_component::source::Source;
use f1_ingest_feeds::telemetry::{Car, Keep, Position, Reader, Samples, document, zero_date};
use f1_ingest_tests::compare::{Agreement, Value, compare, compare_written};
use f1_ingest_tests::ours::{self, Replay};
use f1_ingest_tests::shared::{sessions, shared};

#[test]
fn every_cell_of_a_recorded_session_is_fastf1s() {
    let Some(sessions) = sessions() else { return };
    let mut differing = Vec::new();
    for session in &sessions {
        let folders: Vec<_> = session.recordings.iter().map(PathBuf::as_path).collect();
        let replay = Replay::of(&folders);
        for (file, source) in [("fastf1.json", Source::Fastf1), ("telemetry.json", Source::Telemetry)] {
            let file = session.expected.join(file);
            if source == Source::Telemetry && !file.exists() {
                continue;
            }
            let expected = fs::read(file).expect("FastF1's document");
            let expected: Value = serde_json::from_slice(&expected).expect("JSON");
            let agreement =
                ours::document(&replay, source, &session.choice).map(|ours| compare(&expected, &ours));
            let is_complete = agreement.as_ref().is_ok_and(Agreement::is_complete);
            let agreement = agreement.map_or_else(|why| why, |agreement| agreement.to_string());
            println!("{} {source:?}: {agreement}", session.name);
            if !is_complete {
                differing.push(format!("{} {source:?}: {agreement}", session.name));
            }
        }
    }
    assert!(sessions.len() >= 16 && differing.is_empty(), "{differing:#?}");
}

const SESSION: &str = "static/2024/2024-04-21_Chinese_Grand_Prix/2024-04-19_Sprint_Qualifying";

/// Two feeds, read in chunks.
fn read(car: &[u8], position: &[u8], keep: Keep) -> (Samples<Car>, Samples<Position>) {
    let (mut cars, mut positions) = (Reader::<Car>::new(keep), Reader::<Position>::new(keep));
    car.chunks(64 << 10).for_each(|chunk| cars.push(chunk));
    position.chunks(64 << 10).for_each(|chunk| positions.push(chunk));
    (cars.finish().expect("the feed is sound"), positions.finish().expect("the feed is sound"))
}

#[test]
fn agrees_with_fastf1_on_every_cell_of_2024_chinese_sq() {
    let (Some(expected), Some(recording)) =
        (shared("expected/2024-chinese-SQ"), shared("recordings/telemetry/livetiming.formula1.com"))
    else {
        return;
    };
    let feed = |topic: &str| {
        let file = recording.join(SESSION).join(format!("{topic}.jsonStream"));
        fs::read(file).expect("the feed is recorded")
    };
    let table = |name: &str| fs::read_to_string(expected.join(name)).expect("the table is there");
    let tables: serde_json::Value = serde_json::from_str(&table("fastf1.json")).expect("the tables are JSON");
    let (car, position) = (feed("CarData.z"), feed("Position.z"));

    // The drivers in the order of its tables.
    let want = table("telemetry.json");
    let (car_data, _) = want.split_once("\"pos_data\"").expect("the document has two parts");
    let heads = car_data.split("\": [").filter_map(|head| head.rsplit_once('"'));
    let drivers: Vec<_> = heads.map(|(_, number)| number.to_owned()).collect();
    let (cars, positions) = read(&car, &position, Keep::Samples);
    let pieces: Result<Vec<_>, _> = document(&cars, &positions, &drivers).collect();
    let got = String::from_utf8(pieces.expect("the feeds are sound").concat()).expect("JSON is UTF-8");
    let agreement = compare_written(&want, &got);
    println!("{agreement}");
    assert!(agreement.total > 700_000 && agreement.is_complete(), "{agreement}");

    let (cars, positions) = read(&car, &position, Keep::ZeroDate);
    let zero = zero_date(&cars, &positions);
    let zero = zero.expect("the session has a zero date").millis();
    let laps = tables["laps"].as_array().expect("laps is a table");
    let starts =
        laps.iter().filter_map(|lap| Some((lap["LapStartTime"].as_i64()?, lap["LapStartDate"].as_i64()?)));
    let starts: Vec<_> = starts.collect();
    assert!(starts.len() > 200);
    assert!(starts.iter().all(|(time, date)| zero + time == *date));
}
