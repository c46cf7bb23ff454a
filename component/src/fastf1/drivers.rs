//! The drivers of a session out of the feed `DriverList` (FastF1's `driver_info` and `_drivers_from_f1_api`).

use serde::de::{IgnoredAny, MapAccess};

use super::feed::{self, Content, Count, Unusable};
use super::python;
use super::time::Timedelta;
use super::value::{Fields, Keyed, Leaf, Object};

/// Drivers that appear later than this are a mistake of the feed.
const LATEST: Timedelta = Timedelta::from_seconds(60 * 60);

/// What the feed says of a driver. None where it says nothing, or null.
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

/// One update of one driver: the values that it sets.
#[derive(Default)]
struct Patch(Vec<(Field, Option<String>)>);

#[derive(Clone, Copy)]
enum Field {
    RacingNumber,
    BroadcastName,
    Tla,
    TeamName,
    TeamColour,
    FirstName,
    LastName,
    HeadshotUrl,
    CountryCode,
}

impl Field {
    fn named(key: &str) -> Option<Field> {
        Some(match key {
            "RacingNumber" => Field::RacingNumber,
            "BroadcastName" => Field::BroadcastName,
            "Tla" => Field::Tla,
            "TeamName" => Field::TeamName,
            "TeamColour" => Field::TeamColour,
            "FirstName" => Field::FirstName,
            "LastName" => Field::LastName,
            "HeadshotUrl" => Field::HeadshotUrl,
            "CountryCode" => Field::CountryCode,
            _ => return None,
        })
    }
}

impl<'de> Fields<'de> for Patch {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match Field::named(key) {
            Some(field) => self.0.push((field, text(&map.next_value()?))),
            None => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

/// Python's `str(value)`; None stays None.
fn text(value: &Leaf) -> Option<String> {
    Some(match value {
        Leaf::Null => return None,
        Leaf::Bool(true) => "True".into(),
        Leaf::Bool(false) => "False".into(),
        Leaf::Int(number) => number.to_string(),
        Leaf::Float(number) => python::float_text(*number),
        Leaf::Text(text) => text.to_string(),
        Leaf::List { .. } => "[]".into(),
        Leaf::Object { .. } => "{}".into(),
    })
}

/// One driver while the feed is read: its key, its racing number, and the rest.
#[derive(Default)]
struct Entry {
    key: String,
    racing_number: Option<String>,
    driver: Driver,
}

impl Entry {
    fn apply(&mut self, patch: &Patch) {
        let driver = &mut self.driver;
        for (field, value) in &patch.0 {
            *match field {
                Field::RacingNumber => &mut self.racing_number,
                Field::BroadcastName => &mut driver.broadcast_name,
                Field::Tla => &mut driver.abbreviation,
                Field::TeamName => &mut driver.team_name,
                Field::TeamColour => &mut driver.team_color,
                Field::FirstName => &mut driver.first_name,
                Field::LastName => &mut driver.last_name,
                Field::HeadshotUrl => &mut driver.headshot_url,
                Field::CountryCode => &mut driver.country_code,
            } = value.clone();
        }
    }

    fn driver(self) -> Driver {
        let number = self.racing_number.filter(|number| !number.is_empty()).unwrap_or(self.key);
        Driver { number, ..self.driver }
    }
}

/// Reads the feed. Fails where FastF1's `driver_info` raises.
pub fn read(feed: &[u8]) -> Result<Drivers, Unusable> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut delayed: Vec<String> = Vec::new();
    let count = feed::each::<Keyed<Object<Patch>>>(feed, |message| {
        let Content::Object(Keyed::Object(patches)) = message.content else { return Ok(()) };
        if message.time.is_some_and(|time| time > LATEST) {
            for (key, _) in patches {
                if !entries.iter().any(|entry| entry.key == key) && !delayed.iter().any(|late| *late == key) {
                    delayed.push(key.into_owned());
                }
            }
            return Ok(());
        }
        for (key, patch) in patches {
            let Object::Is(patch) = patch else { continue };
            let at = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
                entries.push(Entry { key: key.into_owned(), ..Entry::default() });
                entries.len() - 1
            });
            if let Some(entry) = entries.get_mut(at) {
                entry.apply(&patch);
            }
        }
        Ok(())
    })?;
    Ok(Drivers { drivers: entries.into_iter().map(Entry::driver).collect(), delayed, count })
}
