//! LapCount: how many laps a race was to have (FastF1's `lap_count`).

use super::feed::{self, Content, Unusable};
use super::value::{Conversion, Value};

/// The scheduled number of laps, the last one sent. Fails if the feed holds none, or if FastF1's
/// reader raises.
pub fn total_laps(feed: &[u8]) -> Result<i64, Unusable> {
    let mut total = None;
    feed::each(feed, &mut |message| {
        let Content::Object(count) = message.content else {
            return Err(Unusable::new("text stands in the place of the lap count"));
        };
        total = integer(count.get("TotalLaps"))?.or(total);
        integer(count.get("CurrentLap"))?;
        Ok(())
    })?;
    total.ok_or_else(|| Unusable::new("it holds no total"))
}

/// None without a number; fails if Python's `int` raises a TypeError, which FastF1 does not catch.
fn integer(value: Option<Value>) -> Result<Option<i64>, Unusable> {
    match value.map(Value::int) {
        Some(Err(Conversion::Type)) => Err(Unusable::new("a lap count is not a number")),
        Some(Err(Conversion::Value)) | None => Ok(None),
        Some(Ok(count)) => Ok(Some(count)),
    }
}
