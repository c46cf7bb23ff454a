//! The sessions recorded in `../shared`, against what FastF1 made of them.

use std::fs;

use f1_ingest_component::fastf1::telemetry::{Car, Keep, Position, Reader, Samples, document, zero_date};
use f1_ingest_tests::binary::choice;
use f1_ingest_tests::compare::{Value, compare};
use f1_ingest_tests::ours::{self, Replay, Source};
use f1_ingest_tests::shared::shared;

#[test]
fn every_cell_of_a_recorded_session_is_fastf1s() {
    let (Some(expected), Some(recordings)) = (shared("expected"), shared("recordings")) else { return };
    let folders = ["derived", "base", "telemetry"].map(|folder| recordings.join(folder));
    let replay = Replay::of(&folders.each_ref().map(|folder| folder.as_path()));
    let mut sessions: Vec<_> = fs::read_dir(expected).expect("a folder").flatten().collect();
    sessions.sort_by_key(|session| session.file_name());
    let mut differing = Vec::new();
    for folder in &sessions {
        let name = folder.file_name().into_string().expect("a name");
        let read = |file| fs::read(folder.path().join(file)).expect("a file of the session");
        let info: serde_json::Value = serde_json::from_slice(&read("info.json")).expect("JSON");
        let expected: Value = serde_json::from_slice(&read("fastf1.json")).expect("JSON");
        let season = name.get(..4).and_then(|season| season.parse().ok()).expect("a season");
        let (round, session) = (info["round"].as_i64().expect("a round"), name.rsplit('-').next());
        let actual =
            ours::document(&replay, Source::Fastf1, &choice(season, round, session.expect("a session")))
                .expect(&name);
        let agreement = compare(&expected, &actual);
        println!("{name}: {agreement}");
        if !agreement.is_complete() {
            differing.push(format!("{name}: {agreement}"));
        }
    }
    assert!(!sessions.is_empty() && differing.is_empty(), "{differing:#?}");
}

const SESSION: &str = "static/2024/2024-04-21_Chinese_Grand_Prix/2024-04-19_Sprint_Qualifying";

/// Two feeds, read in chunks.
fn read(car: &[u8], position: &[u8], keep: Keep) -> (Samples<Car>, Samples<Position>) {
    let (mut cars, mut positions) = (Reader::<Car>::new(keep), Reader::<Position>::new(keep));
    car.chunks(64 << 10).for_each(|chunk| cars.push(chunk));
    position.chunks(64 << 10).for_each(|chunk| positions.push(chunk));
    (cars.finish().expect("the feed is sound"), positions.finish().expect("the feed is sound"))
}

/// What a JSON document of tables says, one cell an item: `"RPM":4234.0`.
fn cells(document: &str) -> Vec<&str> {
    document.split(',').map(|cell| cell.trim_matches(['[', ']', '{', '}'])).collect()
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

    // No text in it holds either; so the documents can be compared as they stand, order of columns included.
    let want = table("telemetry.json").replace(", ", ",").replace(": ", ":");
    let (car_data, _) = want.split_once("\"pos_data\"").expect("the document has two parts");
    let heads = car_data.split("\":[").filter_map(|head| head.rsplit_once('"'));
    let drivers: Vec<_> = heads.map(|(_, number)| number.to_owned()).collect();
    let (cars, positions) = read(&car, &position, Keep::Samples);
    let pieces: Result<Vec<_>, _> = document(&cars, &positions, &drivers).collect();
    let got = String::from_utf8(pieces.expect("the feeds are sound").concat()).expect("JSON is UTF-8");
    let (got_cells, want_cells) = (cells(&got), cells(&want));
    let good = got_cells.iter().zip(&want_cells).filter(|(got, want)| got == want).count();
    let all = want_cells.len();
    println!("{good} of {all} cells agree ({:.3} %)", 100.0 * good as f64 / all as f64);
    assert!(all > 700_000 && got == want);

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
