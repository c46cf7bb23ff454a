//! `schedule_<year>.json` of <https://github.com/theOehrly/f1schedule>: a column is an object of row to value,
//! dates are local.

use f1_ingest_feeds::value::{Json, Node, Value};

use crate::dates::{date_time, midnight, utc_offset};
use crate::error::Result;
use crate::session::{Event, Slot, not_a_schedule};

/// Reads the events of a season, in the file's order. One bad cell spoils the whole, as with FastF1's
/// `_get_schedule_ff1`: the next upstream is asked then.
pub fn parse(body: &[u8]) -> Result<Vec<Event>> {
    let mut json = Json::default();
    let columns = json.read_bytes(body).filter(|columns| columns.is_object());
    let columns = columns.ok_or_else(|| not_a_schedule("it is not a JSON object"))?;
    let rows = columns.get("round_number").map_or(0, |rounds| rounds.entries().count());
    (0..rows)
        .map(|row| {
            let cell = |column: &str| {
                let (_, cell) = columns.get(column)?.entries().nth(row)?;
                Some(cell).filter(|cell| *cell.node() != Node::Null)
            };
            event(cell).map_err(|column| not_a_schedule(format!("row {} has no valid {column}", row + 1)))
        })
        .collect()
}

fn event<'j, 'a: 'j>(
    cell: impl Fn(&str) -> Option<Value<'j, 'a>>,
) -> std::result::Result<Event, &'static str> {
    let text = |column: &str| cell(column).and_then(Value::text).unwrap_or_default().to_owned();
    let offset = match cell("gmt_offset") {
        None => chrono::TimeDelta::zero(),
        Some(value) => value.text().and_then(utc_offset).ok_or("gmt_offset")?,
    };
    let slots = (1..=5).map(|n| Slot {
        name: text(&format!("session{n}")),
        local: date_time(&text(&format!("session{n}_date"))),
        utc: date_time(&text(&format!("session{n}_date"))).and_then(|local| local.checked_sub_signed(offset)),
    });
    let round = cell("round_number").and_then(|round| u32::try_from(round.int().ok()?).ok());
    Ok(Event {
        round: round.ok_or("round_number")?,
        country: text("country"),
        location: text("location"),
        name: text("event_name"),
        official_name: text("official_event_name"),
        date: date_time(&text("event_date")).map(midnight).ok_or("event_date")?,
        testing: text("event_format") == "testing",
        timing: cell("f1_api_support").is_some_and(Value::is_truthy),
        slots: slots.filter(|slot| !slot.name.is_empty()).collect(),
    })
}
