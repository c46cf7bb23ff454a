//! Whatever a feed holds, the laps and the weather are tables or missing, with a warning: no crash, no table
//! that outgrows its feeds.

use f1_ingest_component::fastf1::laps::{self, Inputs, Participant};
use f1_ingest_component::fastf1::{lap::Lap, weather};
use f1_ingest_feeds::table::{Row, write_rows};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use serde_json::{Map, Value, json};

/// A feed: mostly lines as livetiming writes them, some that are broken.
fn feed(content: impl Strategy<Value = Value> + Clone) -> impl Strategy<Value = Vec<u8>> {
    let time = (0..9000_u32, 0..1000_u32).prop_map(|(seconds, millis)| {
        format!("{:02}:{:02}:{:02}.{millis:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
    });
    let times = vec(time, 0..80).prop_map(|mut times| {
        times.sort();
        times
    });
    let broken = prop_oneof![
        300 => Just(None),
        1 => select(vec!["0x:00:00.000{}", "00:00:01.000\"text Lines\"", "00:00:01.000{\"Lines\":", "short"]).prop_map(Some),
    ];
    (times, vec((content, broken), 80)).prop_map(|(times, contents)| {
        let lines = times.iter().zip(contents).map(|(time, (content, broken))| match broken {
            Some(line) => format!("{line}\r\n"),
            None => format!("{time}{content}\r\n"),
        });
        lines.collect::<String>().into_bytes()
    })
}

/// Mostly `likely`, else something of another type.
fn mostly(likely: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    let odd = select(vec![
        json!(null),
        json!(""),
        json!([]),
        json!({}),
        json!(-1),
        json!(1.5),
        json!("é"),
        json!({"Value": 3}),
    ]);
    prop_oneof![3000 => likely, 1 => odd].boxed()
}

fn texts(texts: &[&str]) -> BoxedStrategy<Value> {
    mostly(select(texts.iter().map(|text| json!(text)).collect::<Vec<_>>()))
}

/// An object that holds some of the keys.
fn object(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(key, value)| proptest::option::weighted(0.4, value).prop_map(move |value| (key, value)))
        .collect();
    let object = fields.prop_map(|fields| {
        let held = fields.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Object(held.collect::<Map<_, _>>())
    });
    mostly(object)
}

fn value(of: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    object(vec![("Value", of)])
}

fn number(below: i64) -> BoxedStrategy<Value> {
    mostly((0..below).prop_map(|number| json!(number)))
}

fn timing() -> impl Strategy<Value = Vec<u8>> {
    let sector = || value(texts(&["", "30.000", "30.001", "29.5", "1:31.000"]));
    let lap = || value(texts(&["", "1:30.000", "1:30.001", "2:40.000", "x"]));
    let line = object(vec![
        ("NumberOfLaps", number(7)),
        ("InPit", mostly(any::<bool>().prop_map(|is| json!(is)))),
        ("Sectors", object(vec![("0", sector()), ("1", sector()), ("2", sector())])),
        ("LastLapTime", lap()),
        ("Speeds", object(vec![("I1", value(texts(&["300", ""]))), ("ST", value(texts(&["301"])))])),
        ("BestLapTime", lap()),
        ("BestLapTimes", object(vec![("0", lap()), ("1", lap()), ("2", lap())])),
        ("Position", texts(&["1", "2"])),
        ("GapToLeader", texts(&["LAP 3", "+1.500", "1L", ""])),
    ]);
    feed(object(vec![("Lines", object(vec![("1", line.clone()), ("44", line)]))]))
}

fn tyres() -> impl Strategy<Value = Vec<u8>> {
    let stint = object(vec![
        ("Compound", texts(&["SOFT", "HARD"])),
        ("New", texts(&["true", "false"])),
        ("StartLaps", number(9)),
    ]);
    let stints = prop_oneof![
        object(vec![("0", stint.clone()), ("1", stint.clone()), ("2", stint.clone())]),
        vec(stint, 0..3).prop_map(Value::Array),
    ];
    let line = object(vec![("Stints", stints.boxed())]);
    feed(object(vec![("Lines", object(vec![("1", line.clone()), ("44", line)]))]))
}

fn messages() -> impl Strategy<Value = Vec<u8>> {
    let message = object(vec![
        ("Utc", texts(&["2024-01-01T00:00:00"])),
        (
            "Message",
            texts(&[
                "CAR 1 (VER) TIME 1:30.000 DELETED - TRACK LIMITS 15:00:00",
                "CAR 44 (HAM) TIME 1:30.001 WAS REINSTATED",
                "CAR 44 é TIME é",
            ]),
        ),
    ]);
    feed(object(vec![("Messages", object(vec![("0", message.clone()), ("1", message)]))]))
}

fn statuses(statuses: &[&str]) -> impl Strategy<Value = Vec<u8>> + use<> {
    feed(object(vec![("Status", texts(statuses))]))
}

fn drivers() -> Vec<Participant> {
    ["44", "1", "2"]
        .map(|number| Participant {
            number: number.into(),
            abbreviation: format!("D{number}"),
            team: "Team".into(),
            driver_id: format!("driver{number}"),
            is_withdrawn: false,
        })
        .into()
}

/// The table as JSON, once it is clear that it is one.
fn rows<R: Row>(rows: impl IntoIterator<Item = R>) -> Vec<Map<String, Value>> {
    let mut out = Vec::new();
    write_rows(&mut out, rows);
    serde_json::from_slice(&out).expect("a table is JSON")
}

fn check(inputs: &Inputs) -> Result<Option<Vec<Lap>>, TestCaseError> {
    let loaded = laps::load(inputs);
    // That a feed is missing is known to whoever fetched it.
    let missing = inputs.timing_data.is_none() || inputs.timing_app_data.is_none();
    prop_assert!(loaded.laps.is_some() || missing || !loaded.remarks.warnings.is_empty());
    if let Some(laps) = &loaded.laps {
        let lines = inputs.timing_data.unwrap_or_default().split(|byte| *byte == b'\n').count();
        prop_assert!(laps.len() <= 3 * (lines + 2), "{} laps of {lines} lines", laps.len());
        for row in rows(laps) {
            prop_assert_eq!(row.len(), <&Lap as Row>::COLUMNS.len());
        }
    }
    Ok(loaded.laps)
}

proptest! {
    #[test]
    fn any_bytes_are_a_table_or_a_warning(
        feeds in vec(vec(any::<u8>(), 0..200), 7),
        lines in "(00:00:0[0-9]\\.000[{\"\\[]?.{0,40}\r\n){0,5}",
        is_race_like: bool,
    ) {
        let list = drivers();
        for feed in feeds.iter().map(Vec::as_slice).chain([lines.as_bytes()]) {
            let all = Some(feed);
            check(&Inputs {
                is_race_like,
                drivers: Some(&list),
                session_status: all,
                track_status: all,
                lap_count: all,
                timing_data: all,
                timing_app_data: all,
                race_control: all,
                first_lap: all,
                t0_date: None,
            })?;
            if let Ok((weather, _)) = weather::read(feed) {
                prop_assert_eq!(rows(&weather).len(), weather.len());
            }
        }
    }

    #[test]
    fn any_session_is_a_table_or_a_warning(
        (timing, tyres, messages) in (timing(), tyres(), messages()),
        status in statuses(&["Started", "Aborted", "Finished", "Inactive"]),
        track in statuses(&["1", "2", "4", "5"]),
        (is_race_like, no_drivers) in any::<(bool, bool)>(),
        missing in 0..12_usize,
    ) {
        let list = drivers();
        let start = [b"00:00:00.001{\"Status\":\"Started\"}\r\n".as_slice(), &status].concat();
        let given = |index: usize, feed| Some(feed).filter(|_: &&[u8]| index != missing);
        check(&Inputs {
            is_race_like,
            drivers: Some(if no_drivers { &[] } else { &list }),
            session_status: given(0, &start),
            track_status: given(1, &track),
            lap_count: Some(b"00:00:00.000{\"TotalLaps\":5}\r\n"),
            timing_data: given(2, &timing),
            timing_app_data: given(3, &tyres),
            race_control: given(4, &messages),
            first_lap: None,
            t0_date: None,
        })?;
    }
}

#[test]
fn some_sessions_have_laps() {
    // The test above would say nothing if its feeds never made a lap.
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut with_laps = 0;
    let list = drivers();
    for _ in 0..200 {
        let (timing, tyres) = (timing(), tyres()).new_tree(&mut runner).expect("a value").current();
        let loaded = laps::load(&Inputs {
            drivers: Some(&list),
            session_status: Some(b"00:00:00.001{\"Status\":\"Started\"}\r\n"),
            track_status: Some(b""),
            timing_data: Some(&timing),
            timing_app_data: Some(&tyres),
            ..Inputs::default()
        });
        with_laps += usize::from(loaded.laps.is_some());
    }
    assert!(with_laps >= 20, "{with_laps} of 200");
}
