//! The drivers of a session out of the feed `DriverList` (FastF1's `driver_info` and `_drivers_from_f1_api`).

use super::feed::{self, Content, Count, Unusable};
use super::time::Timedelta;
use super::value::Value;

/// Drivers that appear later than this are a mistake of the feed.
const LATEST: Timedelta = Timedelta::from_seconds(60 * 60);

/// What the feed says of a driver. None if it says nothing, or null.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Driver {
    /// `RacingNumber`, else the key of the entry.
    pub number: String,
    pub broadcast_name: Option<String>,
    pub abbreviation: Option<String>,
    pub team_name: Option<String>,
    pub team_color: Option<String>,
    pub first_name: Option<String>,
    pub last_name: Option<String>,
    pub headshot_url: Option<String>,
    pub country_code: Option<String>,
}

/// The drivers in the order of their first appearance, and what was odd.
#[derive(Debug, Default, PartialEq)]
pub struct Drivers {
    pub drivers: Vec<Driver>,
    /// Numbers that appeared too late and are left out.
    pub delayed: Vec<String>,
    pub count: Count,
}

/// One driver while the feed is read: its key, its racing number, and the rest.
#[derive(Default)]
struct Entry {
    key: String,
    racing_number: Option<String>,
    driver: Driver,
}

impl Entry {
    fn apply(&mut self, update: Value) {
        let driver = &mut self.driver;
        for (key, value) in update.entries() {
            let slot = match key {
                "RacingNumber" => &mut self.racing_number,
                "BroadcastName" => &mut driver.broadcast_name,
                "Tla" => &mut driver.abbreviation,
                "TeamName" => &mut driver.team_name,
                "TeamColour" => &mut driver.team_color,
                "FirstName" => &mut driver.first_name,
                "LastName" => &mut driver.last_name,
                "HeadshotUrl" => &mut driver.headshot_url,
                "CountryCode" => &mut driver.country_code,
                _ => continue,
            };
            *slot = value.python_text().map(Into::into);
        }
    }

    fn driver(self) -> Driver {
        let number = self.racing_number.filter(|number| !number.is_empty()).unwrap_or(self.key);
        Driver { number, ..self.driver }
    }
}

/// Reads the feed. Fails if FastF1's `driver_info` raises.
pub fn read(feed: &[u8]) -> Result<Drivers, Unusable> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut delayed: Vec<String> = Vec::new();
    let count = feed::each(feed, &mut |message| {
        let Content::Object(updates) = message.content else { return Ok(()) };
        let is_late = message.time.is_some_and(|time| time > LATEST);
        for (key, update) in updates.distinct_entries() {
            let known = entries.iter().position(|entry| entry.key == key);
            if is_late {
                if known.is_none() && !delayed.iter().any(|late| late == key) {
                    delayed.push(key.to_owned());
                }
                continue;
            }
            if !update.is_object() {
                continue;
            }
            let at = known.unwrap_or_else(|| {
                entries.push(Entry { key: key.to_owned(), ..Entry::default() });
                entries.len() - 1
            });
            if let Some(entry) = entries.get_mut(at) {
                entry.apply(update);
            }
        }
        Ok(())
    })?;
    Ok(Drivers { drivers: entries.into_iter().map(Entry::driver).collect(), delayed, count })
}
