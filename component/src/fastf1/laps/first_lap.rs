//! The times of the first lap of a race, which the timing feed does not hold, from Jolpica (FastF1's
//! `_add_first_lap_time_from_ergast`).

use serde::Deserialize;

use super::super::ergast;
use super::super::lap::Lap;
use super::Driver;

/// Sets the first laps' times from Jolpica's `laps/1.json`.
pub fn add(laps: &mut [Lap], document: &[u8], drivers: &[Driver], warnings: &mut Vec<String>) {
    let response: Response = match serde_json::from_slice(document) {
        Ok(response) => response,
        Err(error) => {
            warnings.push(format!("no times of the first lap: Jolpica's answer cannot be read: {error}"));
            return;
        }
    };
    let Some(race) = response.data.table.races.into_iter().next() else {
        warnings.push("no times of the first lap: Jolpica has none for this race".into());
        return;
    };
    for timing in race.laps.iter().flat_map(|lap| &lap.timings) {
        for driver in drivers.iter().filter(|driver| driver.driver_id == timing.driver_id) {
            let first = laps.iter_mut().filter(|lap| lap.lap_number == 1.0);
            for lap in first.filter(|lap| *lap.driver_number == *driver.number) {
                lap.lap_time = timing.time.as_deref().and_then(ergast::timedelta);
            }
        }
    }
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "MRData")]
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    #[serde(rename = "RaceTable")]
    table: RaceTable,
}

#[derive(Deserialize)]
struct RaceTable {
    #[serde(rename = "Races")]
    races: Vec<Race>,
}

#[derive(Deserialize)]
struct Race {
    #[serde(rename = "Laps", default)]
    laps: Vec<LapTimings>,
}

#[derive(Deserialize)]
struct LapTimings {
    #[serde(rename = "Timings")]
    timings: Vec<DriverTiming>,
}

#[derive(Deserialize)]
struct DriverTiming {
    #[serde(rename = "driverId")]
    driver_id: String,
    time: Option<String>,
}
