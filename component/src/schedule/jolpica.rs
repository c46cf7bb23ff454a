//! `<year>.json` of Jolpica: race dates, and whether a weekend has a Sprint.

use chrono::{Days, NaiveDateTime};

use f1_ingest_feeds::value::{Json, Value};

use crate::dates::{date_time, midnight};
use crate::error::Result;
use crate::jolpica::races;
use crate::session::{Event, FIRST_SEASON, Slot, not_a_schedule};

/// Reads the events of a season (FastF1's `_get_schedule_from_ergast`): the sessions follow from the format
/// that the season's weekends had, their days from the day of the race.
pub fn parse(body: &[u8], season: i32) -> Result<Vec<Event>> {
    let mut json = Json::default();
    let races = json.read_bytes(body).and_then(races);
    races
        .ok_or_else(|| not_a_schedule("it is not JSON with a list of Races"))?
        .items()
        .map(|race| {
            let round = race.text_of("round");
            event(race, season)
                .ok_or_else(|| not_a_schedule(format!("round {round:?} has no valid round or date")))
        })
        .collect()
}

fn event(race: Value, season: i32) -> Option<Event> {
    let time = Some(race.text_of("time")).filter(|time| !time.is_empty()).unwrap_or("00:00:00");
    let starts: NaiveDateTime = date_time(&format!("{}T{time}", race.text_of("date")))?;
    let names = match race.get("Sprint") {
        None => ["Practice 1", "Practice 2", "Practice 3", "Qualifying"],
        Some(_) => match season {
            ..=2022 => ["Practice 1", "Qualifying", "Practice 2", "Sprint"],
            2023 => ["Practice 1", "Qualifying", "Sprint Shootout", "Sprint"],
            2024.. => ["Practice 1", "Sprint Qualifying", "Sprint", "Qualifying"],
        },
    };
    let days = [2, 2, 1, 1].map(|days| midnight(starts).checked_sub_days(Days::new(days)));
    let before = names.into_iter().zip(days);
    let slots = before.chain([("Race", Some(starts))]);
    let location = race.at(&["Circuit", "Location"]);
    let place = |key: &str| location.map_or("", |location| location.text_of(key)).to_owned();
    Some(Event {
        round: race.text_of("round").parse().ok()?,
        country: place("country"),
        location: place("locality"),
        name: race.text_of("raceName").to_owned(),
        official_name: String::new(),
        date: starts,
        testing: false,
        timing: season >= FIRST_SEASON,
        slots: slots.map(|(name, utc)| Slot { name: name.to_owned(), local: None, utc }).collect(),
    })
}
