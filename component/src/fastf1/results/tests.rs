//! Joining and computing by FastF1's rules, on sessions of a few made-up drivers.

use std::rc::Rc;

use chrono::NaiveDate;

use super::computed::{QualifyingParts, fill_in};
use super::*;
use crate::fastf1::feed::Unusable;
use crate::fastf1::lap::{Lap, Speeds};
use crate::fastf1::session_status::StatusChange;
use crate::fastf1::table::write_rows;
use crate::fastf1::{drivers, ergast};

fn session(name: SessionName) -> Session {
    let day = NaiveDate::from_ymd_opt(2024, 6, 1).expect("a day");
    Session {
        season: 2024,
        round: 1,
        event: "Northern Grand Prix".into(),
        name,
        event_date: day,
        session_date: day,
        starts: day.into(),
        timing: true,
        corrected: None,
    }
}

/// Three drivers: 10, 2 and 1, of whom the last has no headshot.
fn feed() -> Vec<Driver> {
    let feed = concat!(
        "00:00:01.000{\"10\":{\"RacingNumber\":\"10\",\"Tla\":\"TEN\",\"TeamName\":\"North\",\"FirstName\":\"T\",\"LastName\":\"En\",\"HeadshotUrl\":\"ten.png\"},",
        "\"2\":{\"Tla\":\"TWO\",\"TeamName\":\"South\",\"FirstName\":\"T\",\"LastName\":\"Wo\",\"HeadshotUrl\":\"two.png\"}}\r\n",
        "00:00:02.000{\"1\":{\"RacingNumber\":\"1\",\"Tla\":\"ONE\",\"FirstName\":\"O\"},\"2\":{\"Tla\":\"TOO\",\"Line\":3}}\r\n",
        "01:00:00.001{\"99\":{\"Tla\":\"LAT\"},\"1\":{\"Tla\":\"NOT\"}}\r\n",
    );
    let read = drivers::read(feed.as_bytes()).expect("the feed is fine");
    assert_eq!(read.delayed, ["99"]);
    read.drivers
}

/// Drivers of whom the feed says nothing else.
fn listed<const N: usize>(numbers: [&str; N]) -> Vec<Driver> {
    numbers.map(|number| Driver { number: number.to_owned(), ..Driver::default() }).into()
}

fn result(number: &str, position: u32, rest: &str) -> String {
    format!(
        r#"{{"number":"{number}","position":"{position}","positionText":"{position}","points":"1.5","grid":"{position}",
        "Driver":{{"driverId":"d{number}","code":"E{number}","givenName":"G{number}","familyName":"F{number}"}},
        "Constructor":{{"constructorId":"c{number}","name":"C{number}"}},{rest}"laps":"50","status":"Finished"}}"#
    )
}

fn document(list: &str, results: &[String]) -> Vec<Classified> {
    let body = format!(r#"{{"MRData":{{"RaceTable":{{"Races":[{{"{list}":[{}]}}]}}}}}}"#, results.join(","));
    ergast::results(body.as_bytes(), list).expect("it is fine").expect("it has a race")
}

fn column(rows: &[ResultRow], name: &str) -> Vec<String> {
    let mut json = Vec::new();
    write_rows(&mut json, rows);
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&json).expect("rows are JSON");
    let text = |cell: &serde_json::Value| match cell {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Number(number) => number.as_f64().expect("a number").to_string(),
        other => other.to_string(),
    };
    rows.iter().map(|row| text(row.get(name).expect("a column"))).collect()
}

#[test]
fn who_did_not_start_comes_from_jolpica_without_a_position() {
    let jolpica = document("Results", &[result("2", 1, ""), result("10", 2, ""), result("77", 3, "")]);
    let rows = joined(&session(SessionName::Race), &feed(), &jolpica, &mut Vec::new());
    assert_eq!(column(&rows, "DriverNumber"), ["2", "10", "1", "77"]);
    assert_eq!(column(&rows, "Position"), ["1", "2", "null", "null"]);
    assert_eq!(column(&rows, "GridPosition"), ["1", "2", "null", "null"]);
    assert_eq!(column(&rows, "ClassifiedPosition"), ["1", "2", "nan", "3"]);
    assert_eq!(column(&rows, "Abbreviation"), ["TOO", "TEN", "ONE", "E77"]);
    assert_eq!(column(&rows, "FullName"), ["T Wo", "T En", "O None", "G77 F77"]);
    assert_eq!(column(&rows, "HeadshotUrl"), ["two.png", "ten.png", "None", "nan"]);
    assert_eq!(column(&rows, "DriverId"), ["d2", "d10", "nan", "d77"]);
    assert_eq!(column(&rows, "BroadcastName"), [""; 4], "a column without a value is empty");
}

#[test]
fn a_practice_takes_only_ids_from_the_race() {
    let jolpica = document("Results", &[result("2", 1, ""), result("77", 2, "")]);
    let rows = joined(&session(SessionName::Practice2), &feed(), &jolpica, &mut Vec::new());
    assert_eq!(column(&rows, "DriverNumber"), ["10", "2", "1"]);
    assert_eq!(column(&rows, "TeamId"), ["nan", "c2", "nan"]);
    for empty in ["Position", "Points", "Laps"] {
        assert_eq!(column(&rows, empty), ["null"; 3]);
    }
    assert_eq!(column(&rows, "Status"), [""; 3]);
}

#[test]
fn either_source_alone_will_do() {
    let jolpica =
        document("Results", &[result("2", 2, ""), result("10", 1, r#""Time":{"time":"+1:02.5"},"#)]);
    let rows = joined(&session(SessionName::Race), &[], &jolpica, &mut Vec::new());
    assert_eq!(column(&rows, "DriverNumber"), ["10", "2"]);
    assert_eq!(column(&rows, "Time"), ["62500", "null"]);
    assert_eq!(column(&rows, "TeamColor"), ["", ""]);
    let rows = joined(&session(SessionName::Race), &feed(), &[], &mut Vec::new());
    assert_eq!(column(&rows, "DriverNumber"), ["10", "2", "1"]);
    let mut warnings = Vec::new();
    assert!(joined(&session(SessionName::Race), &[], &[], &mut warnings).is_empty());
    assert_eq!(warnings.len(), 1, "{warnings:?}");
}

#[test]
fn who_is_slower_than_107_percent_in_q1_is_not_classified() {
    let q =
        |number, position, q1: &str, rest: &str| result(number, position, &format!(r#""Q1":"{q1}",{rest}"#));
    let jolpica = document(
        "QualifyingResults",
        &[
            q("2", 1, "1:40.000", r#""Q2":"1:39.000","#),
            q("10", 2, "1:47.000", ""),
            q("1", 3, "1:47.001", ""),
        ],
    );
    let rows = joined(&session(SessionName::Qualifying), &feed(), &jolpica, &mut Vec::new());
    assert_eq!(column(&rows, "ClassifiedPosition"), ["1.0", "2.0", "N"]);
    assert_eq!(column(&rows, "Q2"), ["99000", "null", "null"]);
    assert_eq!(column(&rows, "Points"), ["null"; 3]);
}

/// The qualifying of Monaco 2024: Jolpica has two drivers in position 14, and two in position 15.
#[test]
fn of_two_in_the_same_position_numpy_says_who_comes_first() {
    let positions = [
        ("16", 1),
        ("81", 2),
        ("55", 3),
        ("4", 4),
        ("63", 5),
        ("1", 6),
        ("44", 7),
        ("22", 8),
        ("23", 9),
        ("10", 10),
        ("31", 11),
        ("3", 12),
        ("18", 13),
        ("14", 14),
        ("27", 14),
        ("2", 15),
        ("20", 15),
        ("11", 16),
        ("77", 17),
        ("24", 18),
    ];
    let results: Vec<String> =
        positions.iter().map(|(number, position)| result(number, *position, "")).collect();
    let jolpica = document("QualifyingResults", &results);
    let rows = joined(
        &session(SessionName::Qualifying),
        &listed(positions.map(|(number, _)| number)),
        &jolpica,
        &mut Vec::new(),
    );
    let fastf1 = "16 81 55 4 63 1 44 22 23 10 31 3 18 27 14 2 20 11 77 24";
    assert_eq!(column(&rows, "DriverNumber").join(" "), fastf1);
}

/// A lap that ends at `end` seconds; its time in seconds, if it has one.
fn lap(number: &str, lap_number: u32, end: i64, seconds: Option<i64>) -> Lap {
    Lap {
        time: Some(Timedelta::from_seconds(end)),
        driver: Rc::from(number),
        driver_number: Rc::from(number),
        lap_time: seconds.map(Timedelta::from_seconds),
        lap_number: f64::from(lap_number),
        stint: None,
        pit_out_time: None,
        pit_in_time: None,
        sector_times: [None; 3],
        sector_session_times: [None; 3],
        speeds: Speeds::default(),
        is_personal_best: Some(false),
        compound: Text::NaN,
        tyre_life: None,
        fresh_tyre: false,
        team: Rc::from(""),
        lap_start_time: seconds.map(|seconds| Timedelta::from_seconds(end - seconds)),
        lap_start_date: None,
        track_status: "1".into(),
        position: None,
        deleted: Some(false),
        deleted_reason: None,
        generated: false,
        is_accurate: true,
    }
}

const NO_PARTS: QualifyingParts = QualifyingParts { split_times: &[], status: &[] };

#[test]
fn a_race_is_ordered_by_laps_then_by_who_was_first() {
    let mut rows = joined(&session(SessionName::Race), &feed(), &[], &mut Vec::new());
    let laps =
        [lap("10", 1, 90, None), lap("10", 2, 180, None), lap("2", 1, 85, None), lap("2", 2, 181, None)];
    fill_in(&mut rows, SessionKind::Race, &laps, NO_PARTS).expect("races need nothing else");
    assert_eq!(column(&rows, "DriverNumber"), ["10", "2", "1"]);
    assert_eq!(column(&rows, "Position"), ["1", "2", "null"]);
    let again = rows.clone();
    fill_in(&mut rows, SessionKind::Race, &[lap("2", 9, 900, None)], NO_PARTS).expect("nothing to do");
    assert_eq!(rows, again, "somebody has a position already");
}

#[test]
fn a_practice_is_ordered_by_the_best_lap_that_counts() {
    let mut rows = joined(&session(SessionName::Practice1), &feed(), &[], &mut Vec::new());
    let mut deleted = lap("10", 2, 300, Some(80));
    deleted.deleted = Some(true);
    let laps = [lap("10", 1, 200, Some(92)), deleted, lap("2", 1, 90, Some(91)), lap("1", 1, 90, None)];
    fill_in(&mut rows, SessionKind::Practice, &laps, NO_PARTS).expect("deleted laps are known");
    assert_eq!(column(&rows, "DriverNumber"), ["2", "10", "1"]);
    assert_eq!(column(&rows, "Time"), ["91000", "92000", "null"]);

    let mut unknown = joined(&session(SessionName::Practice1), &feed(), &[], &mut Vec::new());
    let before = unknown.clone();
    let laps = [Lap { deleted: None, ..lap("10", 1, 200, Some(92)) }];
    assert!(matches!(fill_in(&mut unknown, SessionKind::Practice, &laps, NO_PARTS), Err(Unusable(_))));
    assert_eq!(unknown, before, "it stays as it was");
}

#[test]
fn a_qualifying_is_split_where_its_parts_began() {
    let at = Timedelta::from_seconds;
    let change = |seconds, status: &str| StatusChange { time: Some(at(seconds)), status: status.into() };
    let status = [
        change(10, "Started"),
        change(300, "Aborted"),
        change(400, "Started"),
        change(900, "Finished"),
        change(1000, "Started"),
        change(1900, "Finished"),
        change(3000, "Ends"),
    ];
    // Out of the pits before Q2 begins, over the line after: a lap of Q2.
    let early = Lap { pit_out_time: Some(at(950)), ..lap("2", 2, 1095, Some(105)) };
    let laps = [
        lap("10", 1, 200, Some(100)),
        lap("10", 2, 1200, Some(99)),
        lap("2", 1, 500, Some(90)),
        early,
        lap("1", 1, 600, Some(107)),
    ];
    let expected = [
        ("DriverNumber", ["10", "2", "1"]),
        ("Q1", ["100000", "90000", "107000"]),
        ("Q2", ["99000", "105000", "null"]),
        ("ClassifiedPosition", ["1.0", "2.0", "N"]),
    ];
    for split_times in [&[][..], &[at(10), at(1000), at(3000)][..]] {
        let mut rows = joined(&session(SessionName::SprintQualifying), &feed(), &[], &mut Vec::new());
        fill_in(&mut rows, SessionKind::Qualifying, &laps, QualifyingParts { split_times, status: &status })
            .expect("three parts");
        for (name, values) in expected {
            assert_eq!(column(&rows, name), values, "{name}");
        }
    }
    let mut rows = joined(&session(SessionName::Qualifying), &feed(), &[], &mut Vec::new());
    let parts = QualifyingParts { split_times: &[at(1), at(2), at(3), at(4)], status: &status };
    assert!(fill_in(&mut rows, SessionKind::Qualifying, &laps, parts).is_err(), "a fourth part");
}
