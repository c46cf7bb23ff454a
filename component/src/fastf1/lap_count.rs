//! LapCount: how many laps a race was to have (FastF1's `lap_count`).

use serde::de::{IgnoredAny, MapAccess};

use super::feed::{self, Content, Unusable};
use super::value::{Conversion, Fields, Leaf, Object};

/// The scheduled number of laps, the last one sent. Fails where the feed holds none, or where FastF1's
/// reader raises.
pub fn total_laps(feed: &[u8]) -> Result<i64, Unusable> {
    let mut total = None;
    feed::each::<Object<LapCount>>(feed, |message| {
        let Content::Object(Object::Is(count)) = message.content else {
            return Err(Unusable::new("a text stands where the lap count should"));
        };
        total = integer(&count.total_laps)?.or(total);
        integer(&count.current_lap)?;
        Ok(())
    })?;
    total.ok_or_else(|| Unusable::new("it holds no total"))
}

/// None where there is no number; fails where Python's `int` raises a TypeError, which FastF1 does not catch.
fn integer(value: &Option<Leaf>) -> Result<Option<i64>, Unusable> {
    match value.as_ref().map(Leaf::int) {
        Some(Err(Conversion::Type)) => Err(Unusable::new("a lap count is no number")),
        Some(Err(Conversion::Value)) | None => Ok(None),
        Some(Ok(count)) => Ok(Some(count)),
    }
}

#[derive(Default)]
struct LapCount<'a> {
    total_laps: Option<Leaf<'a>>,
    current_lap: Option<Leaf<'a>>,
}

impl<'de> Fields<'de> for LapCount<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "TotalLaps" => self.total_laps = Some(map.next_value()?),
            "CurrentLap" => self.current_lap = Some(map.next_value()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}
