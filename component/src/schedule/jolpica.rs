//! `<year>.json` of Jolpica: race dates and, where there is one, that a weekend has a Sprint.

use chrono::{Days, NaiveDateTime};
use serde::Deserialize;
use serde_json::Value;

use super::{Event, Slot, midnight, not_a_schedule};
use crate::error::Result;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    #[serde(rename = "MRData")]
    data: Data,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    race_table: RaceTable,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RaceTable {
    races: Vec<Race>,
}

#[derive(Debug, Deserialize)]
struct Race {
    round: String,
    #[serde(rename = "raceName", default)]
    name: String,
    #[serde(rename = "Circuit", default)]
    circuit: Value,
    #[serde(default)]
    date: String,
    #[serde(default)]
    time: String,
    #[serde(rename = "Sprint")]
    sprint: Option<Value>,
}

/// Reads the events of a season (FastF1's `_get_schedule_from_ergast`): the sessions follow from the format
/// that the season's weekends had, their days from the day of the race.
pub fn parse(body: &[u8], season: i32) -> Result<Vec<Event>> {
    let document: Document = serde_json::from_slice(body).map_err(not_a_schedule)?;
    let races = document.data.race_table.races.into_iter();
    races
        .map(|race| {
            let round = race.round.clone();
            event(race, season)
                .ok_or_else(|| not_a_schedule(format!("round {round} has no valid round or date")))
        })
        .collect()
}

fn event(race: Race, season: i32) -> Option<Event> {
    let starts = format!("{}T{}", race.date, if race.time.is_empty() { "00:00:00" } else { &race.time });
    let starts: NaiveDateTime = super::date_time(&starts)?;
    let names = match race.sprint {
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
    let place = |key: &str| race.circuit["Location"][key].as_str().unwrap_or_default().to_owned();
    Some(Event {
        round: race.round.parse().ok()?,
        country: place("country"),
        location: place("locality"),
        name: race.name,
        official_name: String::new(),
        date: starts,
        testing: false,
        timing: season >= super::FIRST_SEASON,
        slots: slots.map(|(name, utc)| Slot { name: name.to_owned(), local: None, utc }).collect(),
    })
}
