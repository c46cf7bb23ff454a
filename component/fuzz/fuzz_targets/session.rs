//! Any bytes as the feeds of a session: they make its documents, or warnings, and no crash.
//!
//! Zero bytes separate an input's parts: the feeds in the order of [`TABLES`], Jolpica's two documents, the two
//! feeds of telemetry, and the kind of session. `corpus.py` writes such inputs.

#![no_main]

use chrono::NaiveDate;
use f1_ingest_component::fastf1::TABLES;
use f1_ingest_component::fastf1::tables::{Sources, Tables, numbers};
use f1_ingest_component::session::{Session, SessionName};
use f1_ingest_feeds::telemetry::{Car, Keep, Position, Reader, document, zero_date};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let parts: Vec<&[u8]> = input.split(|byte| *byte == 0).collect();
    let part = |place: usize| parts.get(place).copied().filter(|part| !part.is_empty());
    let day = NaiveDate::from_ymd_opt(2024, 3, 2).expect("a day");
    let session = Session {
        season: 2024,
        round: 1,
        event: "Grand Prix".into(),
        name: match part(13).unwrap_or_default() {
            [] => SessionName::Race,
            [b'Q', ..] => SessionName::Qualifying,
            _ => SessionName::Practice1,
        },
        event_date: day,
        session_date: day,
        starts: day.and_hms_opt(15, 0, 0).expect("a time"),
        timing: true,
        corrected: None,
    };
    let mut car = Reader::<Car>::new(Keep::Samples);
    let mut position = Reader::<Position>::new(Keep::Samples);
    car.push(part(11).unwrap_or_default());
    position.push(part(12).unwrap_or_default());
    let samples = car.finish().and_then(|car| Ok((car, position.finish()?)));
    let feed = |topic: &str| TABLES.iter().position(|known| *known == topic).and_then(part);
    let zero_date = samples.as_ref().ok().and_then(|(car, position)| zero_date(car, position));
    let sources = Sources { feed: &feed, results: part(9), first_lap: part(10), zero_date };
    Tables::of(&session, &sources).to_json();
    if let Ok((car, position)) = &samples {
        document(car, position, &numbers(&session, &sources)).for_each(drop);
    }
});
