//! The choice of a session, on schedules written by hand in the upstreams' formats.

use chrono::{DateTime, Datelike, Utc};
use proptest::prelude::*;

use super::*;
use crate::livetiming::{built_path, index};
use crate::session::SessionKind;

/// Round, name, last day, format, local dates of the five sessions, UTC offset.
type Weekend<'a> = (u32, &'a str, &'a str, &'a str, [Option<(&'a str, &'a str)>; 5], &'a str);

const CONVENTIONAL: [&str; 5] = ["Practice 1", "Practice 2", "Practice 3", "Qualifying", "Race"];

fn weekend<'a>(round: u32, name: &'a str, dates: [&'a str; 5], offset: &'a str) -> Weekend<'a> {
    let slots = [0, 1, 2, 3, 4].map(|i| Some((CONVENTIONAL[i], dates[i])));
    (round, name, dates[4], "conventional", slots, offset)
}

fn schedule(weekends: &[Weekend]) -> Vec<Event> {
    let column = |cell: &dyn Fn(&Weekend) -> serde_json::Value| {
        let cells = weekends.iter().enumerate().map(|(row, weekend)| (row.to_string(), cell(weekend)));
        serde_json::Value::Object(cells.collect())
    };
    let mut columns = serde_json::Map::new();
    let mut set = |name: &str, values| columns.insert(name.to_owned(), values);
    set("round_number", column(&|w| w.0.into()));
    set("country", column(&|w| format!("{}land", w.1.split(' ').next().unwrap_or_default()).into()));
    set("location", column(&|w| format!("{} City", w.1.split(' ').next().unwrap_or_default()).into()));
    set("official_event_name", column(&|w| format!("FORMULA 1 {} 2024", w.1.to_uppercase()).into()));
    set("event_name", column(&|w| w.1.into()));
    set("event_date", column(&|w| w.2.into()));
    set("event_format", column(&|w| w.3.into()));
    set("gmt_offset", column(&|w| w.5.into()));
    set("f1_api_support", column(&|_| true.into()));
    for n in 0..5 {
        set(&format!("session{}", n + 1), column(&|w| w.4[n].map(|(name, _)| name).into()));
        set(&format!("session{}_date", n + 1), column(&|w| w.4[n].map(|(_, date)| date).into()));
    }
    let body = serde_json::to_vec(&columns).expect("a schedule is JSON");
    f1schedule::parse(&body).expect("the schedule is fine")
}

/// A test, a weekend, a cancelled one, a sprint weekend, one by night.
fn season_2024() -> Vec<Event> {
    let day = |name, date| Some((name, date));
    schedule(&[
        (
            0,
            "Pre-Season Testing",
            "2024-02-23T19:00:00",
            "testing",
            [
                day("Practice 1", "2024-02-21T10:00:00"),
                day("Practice 2", "2024-02-22T10:00:00"),
                day("Practice 3", "2024-02-23T10:00:00"),
                None,
                None,
            ],
            "+03:00",
        ),
        weekend(
            1,
            "Northern Grand Prix",
            [
                "2024-03-01T12:00:00",
                "2024-03-01T16:00:00",
                "2024-03-02T12:00:00",
                "2024-03-02T16:00:00",
                "2024-03-03T15:00:00",
            ],
            "+03:00",
        ),
        (2, "Drowned Grand Prix", "2024-03-17T17:00:00", "conventional", [None; 5], "+01:00"),
        (
            3,
            "São Southern Grand Prix",
            "2024-04-07T17:00:00",
            "sprint_qualifying",
            [
                day("Practice 1", "2024-04-05T11:30:00"),
                day("Sprint Qualifying", "2024-04-05T15:30:00"),
                day("Sprint", "2024-04-06T11:00:00"),
                day("Qualifying", "2024-04-06T15:00:00"),
                day("Race", "2024-04-07T14:00:00"),
            ],
            "-03:00",
        ),
        weekend(
            4,
            "Nightly Grand Prix",
            [
                "2024-11-21T18:30:00",
                "2024-11-21T22:00:00",
                "2024-11-22T18:30:00",
                "2024-11-22T22:00:00",
                "2024-11-23T22:00:00",
            ],
            "-08:00",
        ),
    ])
}

fn at(instant: &str) -> DateTime<Utc> {
    as_of(instant).expect("an instant")
}

fn asked(round: Option<&str>, session: &str, now: &str) -> Result<Option<Session>> {
    let request = SessionRequest {
        season: None,
        round: round.map(|round| Round::parse(round).expect("a round")),
        session: Some(SessionName::parse(session).expect("a session")),
        as_of: None,
    };
    choose(&season_2024(), 2024, &request, at(now))
}

fn chosen(round: Option<&str>, session: &str, now: &str) -> (u32, String) {
    let session = asked(round, session, now).expect("there is one").expect("it has been");
    (session.round, built_path(&session))
}

#[test]
fn a_name_that_is_no_events_own_is_corrected_aloud() {
    let corrected = |round| {
        let session = asked(Some(round), "R", "2025-01-01").expect("there is one").expect("it has been");
        (session.event, session.corrected)
    };
    let events = season_2024();
    let own = &events.iter().find(|event| event.round == 1).expect("a first round").name;
    assert_eq!(corrected(own), (own.clone(), None));
    assert_eq!(corrected("1").1, None);
    let misspelt = own.replacen(' ', "x ", 1);
    let (event, said) = corrected(&misspelt);
    let said = said.expect("it is said");
    assert_eq!(&event, own);
    assert!(said.contains(&misspelt) && said.contains(own), "{said}");
}

#[test]
fn the_most_recent_race_is_the_last_event_whose_date_lies_before_now() {
    let at = |now| chosen(None, "R", now).0;
    // The date counts from midnight: on the day of the race it is that race.
    assert_eq!(at("2024-03-03T00:00:01Z"), 1);
    assert_eq!(at("2024-04-07T00:00:00Z"), 1);
    assert_eq!(at("2024-04-07T00:00:01Z"), 3);
    assert_eq!(at("2025-01-01"), 4);
    // A cancelled weekend has no race, testing is none.
    assert_eq!(at("2024-03-18T12:00:00Z"), 1);
    assert_eq!(asked(None, "R", "2024-03-03T00:00:00Z"), Ok(None));
    assert_eq!(asked(None, "R", "2024-02-28"), Ok(None));
}

#[test]
fn the_most_recent_session_of_a_kind_skips_weekends_without_it() {
    assert_eq!(chosen(None, "S", "2025-01-01").0, 3);
    assert_eq!(chosen(None, "fp3", "2024-11-01").0, 1);
    assert_eq!(asked(None, "SS", "2025-01-01"), Ok(None));
}

#[test]
fn paths_have_local_dates() {
    let path = |round, session| chosen(Some(round), session, "2025-01-01").1;
    assert_eq!(path("4", "R"), "2024/2024-11-23_Nightly_Grand_Prix/2024-11-23_Race/");
    assert_eq!(path("3", "SQ"), "2024/2024-04-07_São_Southern_Grand_Prix/2024-04-05_Sprint_Qualifying/");
    assert_eq!(path("3", "Sprint"), "2024/2024-04-07_São_Southern_Grand_Prix/2024-04-06_Sprint/");
    let race = asked(Some("4"), "R", "2025-01-01").expect("it exists").expect("it has been");
    assert_eq!(race.starts.to_string(), "2024-11-24 06:00:00");
}

#[test]
fn a_grand_prix_can_be_named() {
    let named = |name| chosen(Some(name), "Q", "2024-01-01").0;
    assert_eq!(named("northern"), 1);
    assert_eq!(named("Grand Prix of Nothern"), 1);
    assert_eq!(named("são southern"), 3);
    assert_eq!(named("Nightlyland"), 4);
    for name in ["Xyzzy Plugh", "2024 gp"] {
        let error = asked(Some(name), "Q", "2024-01-01").expect_err("it names nothing");
        assert_eq!(error.kind, Kind::NotFound, "{error}");
    }
    for text in ["GP", "Formula 1", "", "0"] {
        assert!(Round::parse(text).is_err(), "{text:?}");
    }
}

#[test]
fn what_does_not_exist_is_said() {
    for (round, session, says) in [
        ("9", "R", "2024 has no round 9; its last is 4"),
        ("2", "R", "Drowned Grand Prix has no Race; its sessions: none at all"),
        ("1", "S", "Northern Grand Prix has no Sprint; its sessions: Practice 1, "),
    ] {
        let error = asked(Some(round), session, "2025-01-01").expect_err("there is none");
        assert_eq!(error.kind, Kind::NotFound);
        assert!(error.message.contains(says), "{error}");
    }
}

#[test]
fn a_sprint_qualifying_was_a_sprint_once() {
    let mut events = season_2024();
    for event in &mut events {
        event.date = event.date.with_year(2022).expect("no leap day");
        for slot in &mut event.slots {
            slot.name = slot.name.replace("Sprint Qualifying", "Practice 2");
            slot.utc = slot.utc.and_then(|utc| utc.with_year(2022));
        }
    }
    let request = |session| SessionRequest {
        season: None,
        round: Some(Round::Number(3)),
        session: Some(session),
        as_of: None,
    };
    let choose = |session| choose(&events, 2022, &request(session), at("2025-01-01")).expect("it exists");
    assert_eq!(choose(SessionName::SprintQualifying), choose(SessionName::Sprint));
    assert_eq!(choose(SessionName::Sprint).map(|session| session.kind()), Some(SessionKind::Race));
    let of_2024 = asked(Some("3"), "SQ", "2025-01-01").expect("it exists");
    assert_eq!(of_2024.map(|session| session.kind()), Some(SessionKind::Qualifying));
}

#[test]
fn one_bad_cell_spoils_a_schedule() {
    let body = r#"{"round_number": {"0": 1}, "event_date": {"0": "soon"}, "event_name": {"0": "X"}}"#;
    let error = f1schedule::parse(body.as_bytes()).expect_err("it has no date");
    assert_eq!(error.kind, Kind::NotJson);
    assert!(error.message.contains("row 1 has no valid event_date"), "{error}");
}

const INDEX: &str = r#"{"Year": 2023, "Meetings": [
    {"Number": 1, "Name": "Pre-Season Testing", "Location": "N", "Sessions": [
        {"Key": 1, "Name": "Practice 1", "StartDate": "2023-02-23T10:00:00", "GmtOffset": "03:00:00", "Path": "2023/t/p/"}]},
    {"Number": 1, "Name": "Northern Grand Prix", "Location": "N", "Sessions": [
        {"Key": 2, "Name": "Practice 1", "StartDate": "2023-03-03T23:00:00", "GmtOffset": "-05:00:00"},
        {"Key": -1, "Name": "Practice 2", "StartDate": "2023-03-03T10:00:00", "GmtOffset": "03:00:00", "Path": "2023/n/p2/"},
        {"Key": 3, "Name": "Qualifying", "StartDate": "2023-03-04T10:00:00", "GmtOffset": "03:00:00", "Path": "../uat/2023/q/"},
        {"Key": 4, "Name": "Race", "StartDate": "2023-03-05T23:00:00", "GmtOffset": "-05:00:00", "Path": "2023/2023-03-05_N/2023-03-05_Race/"}]},
    {"Number": 2, "Name": "Drowned Grand Prix", "Location": "D", "Sessions": [{"Key": -1, "StartDate": "2023-03-19T10:00:00"}]}]}"#;

#[test]
fn the_index_is_distrusted() {
    let body = format!("\u{feff}{INDEX}");
    let events = index::events(body.as_bytes(), 2023).expect("it is fine");
    let names: Vec<_> =
        events.iter().map(|event| (event.name.as_str(), event.round, event.testing)).collect();
    assert_eq!(names, [("Pre-Season Testing", 0, true), ("Northern Grand Prix", 1, false)]);
    // The date is that of the last session in UTC, as FastF1 has it.
    assert_eq!(events[1].date.to_string(), "2023-03-06 00:00:00");
    let path = |name: &str| {
        let request = SessionRequest {
            season: None,
            round: Some(Round::Number(1)),
            session: Some(SessionName::parse(name).expect("a session")),
            as_of: None,
        };
        let session = choose(&events, 2023, &request, at("2024-01-01"));
        session.and_then(|session| index::path(body.as_bytes(), &session.expect("it exists")))
    };
    assert_eq!(path("R"), Ok(Some("2023/2023-03-05_N/2023-03-05_Race/".into())));
    assert_eq!(path("FP1"), Ok(None), "it has no path");
    assert_eq!(path("Q"), Ok(None), "the path lies outside of the season");
    assert!(path("FP2").is_err(), "its key is -1, there was none");
}

#[test]
fn jolpica_tells_sprint_weekends_by_season() {
    let body = |sprint: &str| {
        format!(
            r#"{{"MRData": {{"RaceTable": {{"Races": [{{"round": "1", "raceName": "N Grand Prix",
            "Circuit": {{"Location": {{"locality": "N", "country": "Nland"}}}}, {sprint}
            "date": "2023-03-05", "time": "15:00:00Z"}}]}}}}}}"#
        )
    };
    let slots = |sprint: &str, season| {
        let events = jolpica::parse(body(sprint).as_bytes(), season).expect("it is fine");
        let slots = events[0].slots.iter();
        slots
            .map(|slot| format!("{} {}", slot.utc.expect("a date").date(), slot.name))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(
        slots("", 2023),
        "2023-03-03 Practice 1, 2023-03-03 Practice 2, 2023-03-04 Practice 3, 2023-03-04 Qualifying, 2023-03-05 Race"
    );
    let sprint = r#""Sprint": {"date": "x"},"#;
    assert!(slots(sprint, 2022).contains("2023-03-03 Qualifying, 2023-03-04 Practice 2, 2023-03-04 Sprint"));
    assert!(
        slots(sprint, 2023).contains("2023-03-03 Qualifying, 2023-03-04 Sprint Shootout, 2023-03-04 Sprint")
    );
    assert!(
        slots(sprint, 2024)
            .contains("2023-03-03 Sprint Qualifying, 2023-03-04 Sprint, 2023-03-04 Qualifying")
    );
}

/// JSON with a piece cut out or put in: what a parser may meet, and much more of it than of mere noise.
fn damaged(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    (0..text.len(), 0usize..40, prop::collection::vec(any::<u8>(), 0..4)).prop_map(move |(at, cut, put)| {
        let mut bytes = text.as_bytes().to_vec();
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, put);
        bytes
    })
}

proptest! {
    #[test]
    fn any_bytes_give_a_schedule_or_an_error(body in prop_oneof![prop::collection::vec(any::<u8>(), 0..300), damaged(INDEX)]) {
        let _ = f1schedule::parse(&body);
        let _ = jolpica::parse(&body, 2023);
        if let Ok(events) = index::events(&body, 2023) {
            for round in [None, Some(Round::Number(1)), Some(Round::Named("northern".into()))] {
                let request = SessionRequest { season: None, round, session: None, as_of: None };
                if let Ok(Some(session)) = choose(&events, 2023, &request, at("2024-01-01")) {
                    let _ = built_path(&session);
                    if let Ok(Some(path)) = index::path(&body, &session) {
                        prop_assert!(path.starts_with("2023/") && !path.contains(".."), "{}", path);
                    }
                }
            }
        }
    }

    #[test]
    fn any_name_is_found_or_not(name in "\\PC{1,30}") {
        let request = SessionRequest { season: None, round: Some(Round::Named(name)), session: None, as_of: None };
        let _ = choose(&season_2024(), 2024, &request, at("2025-01-01"));
    }
}
