//! The times of the first lap of a race, which the timing feed does not hold, from Jolpica (FastF1's
//! `_add_first_lap_time_from_ergast`).

use super::super::ergast;
use super::super::lap::Lap;
use super::super::value::{Json, Value};
use super::Participant;
use crate::document::Remarks;
use crate::jolpica::races;

/// Sets the first laps' times from Jolpica's `laps/1.json`.
pub fn add(laps: &mut [Lap], document: &[u8], drivers: &[Participant], remarks: &mut Remarks) {
    let mut json = Json::default();
    let Some(races) = json.read_bytes(document).and_then(races) else {
        remarks.warn("no times of the first lap: Jolpica's answer holds no races");
        return;
    };
    let Some(race) = races.items().next() else {
        remarks.warn("no times of the first lap: Jolpica has none for this race");
        return;
    };
    let laps_of = race.get("Laps").into_iter().flat_map(Value::items);
    for timing in laps_of.filter_map(|lap| lap.get("Timings")).flat_map(Value::items) {
        for driver in drivers.iter().filter(|driver| driver.driver_id == timing.text_of("driverId")) {
            let first = laps.iter_mut().filter(|lap| lap.lap_number == 1.0);
            for lap in first.filter(|lap| *lap.driver_number == *driver.number) {
                lap.lap_time = timing.get("time").and_then(Value::text).and_then(ergast::timedelta);
            }
        }
    }
}
