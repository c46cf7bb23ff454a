//! `schedule_<year>.json` of <https://github.com/theOehrly/f1schedule>: a column is an object of row to value,
//! dates are local.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Event, Slot, date_time, midnight, not_a_schedule, utc_offset};
use crate::error::Result;

/// Reads the events of a season, in the file's order. One bad cell spoils the whole, as with FastF1's
/// `_get_schedule_ff1`: the next upstream is asked then.
pub fn parse(body: &[u8]) -> Result<Vec<Event>> {
    let columns: BTreeMap<String, Map<String, Value>> =
        serde_json::from_slice(body).map_err(not_a_schedule)?;
    let rows = columns.get("round_number").map_or(0, Map::len);
    (0..rows)
        .map(|row| {
            let cell = |column: &str| columns.get(column)?.values().nth(row).filter(|v| !v.is_null());
            event(cell).map_err(|column| not_a_schedule(format!("row {} has no valid {column}", row + 1)))
        })
        .collect()
}

fn event<'a>(cell: impl Fn(&str) -> Option<&'a Value>) -> std::result::Result<Event, &'static str> {
    let text = |column: &str| cell(column).and_then(Value::as_str).unwrap_or_default().to_owned();
    let offset = match cell("gmt_offset") {
        None => chrono::TimeDelta::zero(),
        Some(value) => value.as_str().and_then(utc_offset).ok_or("gmt_offset")?,
    };
    let slots = (1..=5).map(|n| Slot {
        name: text(&format!("session{n}")),
        local: date_time(&text(&format!("session{n}_date"))),
        utc: date_time(&text(&format!("session{n}_date"))).and_then(|local| local.checked_sub_signed(offset)),
    });
    let round = cell("round_number").and_then(Value::as_u64).and_then(|round| u32::try_from(round).ok());
    Ok(Event {
        round: round.ok_or("round_number")?,
        country: text("country"),
        location: text("location"),
        name: text("event_name"),
        official_name: text("official_event_name"),
        date: date_time(&text("event_date")).map(midnight).ok_or("event_date")?,
        testing: text("event_format") == "testing",
        timing: cell("f1_api_support").and_then(Value::as_bool).unwrap_or_default(),
        slots: slots.filter(|slot| !slot.name.is_empty()).collect(),
    })
}
