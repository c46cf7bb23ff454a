//! Whatever livetiming and Jolpica say of the drivers, the results are a table: no crash, no invalid JSON.

use chrono::NaiveDate;
use f1_ingest_component::fastf1::tables::{Sources, Tables};
use f1_ingest_component::session::{Session, SessionName};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

fn odd() -> impl Strategy<Value = Value> {
    select(vec![
        json!(null),
        json!(""),
        json!("nan"),
        json!(-1),
        json!(1.5e300),
        json!([1]),
        json!({"a": 1}),
        json!("é\""),
    ])
}

/// An object that holds some of the keys, each with one of the texts or something odd.
fn object(fields: &[(&'static str, &[&'static str])]) -> BoxedStrategy<Value> {
    let fields: Vec<_> = fields
        .iter()
        .map(|&(key, texts)| {
            let value = prop_oneof![20 => select(texts.to_vec()).prop_map(Value::from), 1 => odd()];
            proptest::option::weighted(0.8, value).prop_map(move |value| Some((key.to_owned(), value?)))
        })
        .collect();
    fields.prop_map(|fields| Value::Object(fields.into_iter().flatten().collect::<Map<_, _>>())).boxed()
}

const NUMBERS: &[&str] = &["1", "2", "10", "44", "x", ""];

fn driver_list() -> impl Strategy<Value = Vec<u8>> {
    let patch = object(&[
        ("RacingNumber", NUMBERS),
        ("Tla", &["AAA", "BBB"]),
        ("TeamName", &["North"]),
        ("FirstName", &["A"]),
    ]);
    let times = select(vec!["00:00:01.000", "00:59:59.999", "01:00:00.001", "xx:00:00.000"]);
    let line = (times, select(NUMBERS), prop_oneof![20 => patch, 1 => odd()])
        .prop_map(|(time, number, patch)| format!("{time}{}\r\n", json!({number: patch})));
    vec(line, 0..12).prop_map(|lines| lines.concat().into_bytes())
}

fn results() -> impl Strategy<Value = Vec<u8>> {
    let times: &[&str] = &["1:30.000", "1:36.301", "+1 Lap", "99", ""];
    let result = (
        object(&[
            ("number", NUMBERS),
            ("position", &["1", "2", "3"]),
            ("positionText", &["1", "R", "W"]),
            ("points", &["25", "1e5"]),
            ("grid", &["1"]),
            ("Q1", times),
            ("Q2", times),
        ]),
        object(&[("driverId", &["a", "b"]), ("givenName", &["A"]), ("familyName", &["B"])]),
        object(&[("time", times)]),
    );
    let result = result.prop_map(|(mut result, driver, time)| {
        result["Driver"] = driver;
        result["Time"] = time;
        result
    });
    let list = select(vec!["Results", "QualifyingResults", "SprintResults"]);
    (list, vec(prop_oneof![20 => result, 1 => odd()], 0..8)).prop_map(|(list, results)| {
        json!({"MRData": {"RaceTable": {"Races": [{list: results}]}}}).to_string().into_bytes()
    })
}

/// Mostly whole, else with a piece cut out.
fn damaged(body: impl Strategy<Value = Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (body, proptest::option::weighted(0.2, (any::<usize>(), 1..30usize))).prop_map(|(mut body, cut)| {
        if let Some((at, length)) = cut.filter(|_| !body.is_empty()) {
            let at = at % body.len();
            body.drain(at..(at + length).min(body.len()));
        }
        body
    })
}

fn session(name: &str) -> Session {
    let day = NaiveDate::from_ymd_opt(2024, 6, 1).expect("a day");
    let name = SessionName::parse(name).expect("a session");
    let event = "Northern Grand Prix".to_owned();
    Session {
        season: 2024,
        round: 1,
        event,
        name,
        event_date: day,
        session_date: day,
        starts: day.into(),
        timing: true,
        corrected: None,
    }
}

proptest! {
    #[test]
    fn any_drivers_and_results_make_a_table(
        drivers in damaged(driver_list()),
        results in damaged(results()),
        name in select(vec!["FP1", "Q", "SQ", "S", "R"]),
    ) {
        let feed = |topic: &str| (topic == "DriverList").then_some(drivers.as_slice());
        let sources = Sources { feed: &feed, results: Some(&results), first_lap: Some(&results), zero_date: None };
        let tables = Tables::of(&session(name), &sources);
        let positions: Vec<_> = tables.results.iter().map(|row| row.position.unwrap_or(f64::INFINITY)).collect();
        prop_assert!(positions.is_sorted(), "{:?}", positions);
        let document: Value = serde_json::from_slice(&tables.to_json()).expect("the document is JSON");
        prop_assert_eq!(document["results"].as_array().map(Vec::len), Some(tables.results.len()));
        prop_assert_eq!(&document["laps"], &Value::Null);
    }

    #[test]
    fn any_bytes_make_a_table(noise in vec(any::<u8>(), 0..200), name in select(vec!["FP1", "Q", "SQ", "S", "R"])) {
        let feed = |_: &str| Some(noise.as_slice());
        let sources = Sources { feed: &feed, results: Some(&noise), first_lap: Some(&noise), zero_date: None };
        let document = Tables::of(&session(name), &sources).to_json();
        prop_assert!(serde_json::from_slice::<Value>(&document).is_ok());
    }
}
