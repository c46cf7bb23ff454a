//! The two feeds: where their messages hold what, and what FastF1 reads from them.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, MapAccess};

use crate::fastf1::python;
use crate::fastf1::table::{Cell, Row};
use crate::fastf1::time::{Timedelta, Timestamp};
use crate::fastf1::value::{Conversion, Fields, Keyed, Leaf, Object};

/// `CarData.z`: engine speed (1/min), speed (km/h), gear, throttle (%), brake, DRS.
pub struct Car;

/// `Position.z`: whether the car is on the track, and where (1/10 m).
pub struct Position;

/// The channels of one sample, as many as the feed has.
pub type Channels = [i64; 6];

/// One channel as it came: missing, no number, or a number.
type Channel = Option<Result<i64, Conversion>>;

/// Why FastF1 takes no sample from what a message says of a car.
pub enum Flaw {
    /// A channel is missing: the car is skipped.
    Missing,
    /// Not of the shape that FastF1 expects: the rest of the record is skipped.
    Shape,
    /// FastF1 takes it, and fails when it makes a table of the feed.
    Value,
}

pub trait Feed: Sized {
    /// The keys of a record's list of moments, of a moment's date, and of its cars.
    const MOMENTS: &'static str;
    const DATE: &'static str;
    const CARS: &'static str;

    /// What a moment holds of one car.
    type Entry<'a>: Fields<'a>;

    /// Reads one sample; texts go to `texts`.
    fn channels(entry: &Self::Entry<'_>, texts: &mut Texts) -> Result<Channels, Flaw>;

    /// The index of the channel that is a text.
    const STATUS: Option<usize>;

    /// What FastF1 calls the feed in the column `Source`.
    const SOURCE: &'static str;
}

/// Texts as numbers: 0 is none.
#[derive(Default)]
pub struct Texts(Vec<String>);

impl Texts {
    fn number(&mut self, text: Cow<str>) -> i64 {
        let known = self.0.iter().position(|other| *other == text);
        let index = known.unwrap_or_else(|| {
            self.0.push(text.into_owned());
            self.0.len() - 1
        });
        index as i64 + 1
    }

    pub fn get(&self, number: i64) -> Option<&str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.0.get(index).map(String::as_str)
    }
}

/// One record.
pub struct Record<'a, F: Feed> {
    pub moments: Option<Keyed<'a, Object<'a, Moment<'a, F>>>>,
}

/// What a record says of one moment.
pub struct Moment<'a, F: Feed> {
    pub date: Option<Leaf<'a>>,
    pub cars: Option<Keyed<'a, Object<'a, F::Entry<'a>>>>,
}

impl<F: Feed> Default for Record<'_, F> {
    fn default() -> Self {
        Record { moments: None }
    }
}

impl<F: Feed> Default for Moment<'_, F> {
    fn default() -> Self {
        Moment { date: None, cars: None }
    }
}

impl<'a, F: Feed> Fields<'a> for Record<'a, F> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key == F::MOMENTS {
            self.moments = Some(map.next_value()?);
        } else {
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

impl<'a, F: Feed> Fields<'a> for Moment<'a, F> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        if key == F::DATE {
            self.date = Some(map.next_value()?);
        } else if key == F::CARS {
            self.cars = Some(map.next_value()?);
        } else {
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// `{"Channels": {"0": ...}}`
#[derive(Default)]
pub struct CarEntry<'a> {
    channels: Option<Object<'a, CarChannels>>,
}

#[derive(Default)]
struct CarChannels([Channel; 6]);

impl CarChannels {
    /// RPM, Speed, nGear, Throttle, Brake, DRS.
    const KEYS: [&'static str; 6] = ["0", "2", "3", "4", "5", "45"];
}

impl<'a> Fields<'a> for CarEntry<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "Channels" => self.channels = Some(map.next_value()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'a> Fields<'a> for CarChannels {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match Self::KEYS.iter().zip(&mut self.0).find(|(known, _)| **known == key) {
            Some((_, channel)) => *channel = read_channel(map)?,
            None => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl Feed for Car {
    const MOMENTS: &'static str = "Entries";
    const DATE: &'static str = "Utc";
    const CARS: &'static str = "Cars";
    const STATUS: Option<usize> = None;
    const SOURCE: &'static str = "car";
    type Entry<'a> = CarEntry<'a>;

    fn channels(entry: &CarEntry, _: &mut Texts) -> Result<Channels, Flaw> {
        let channels = entry.channels.as_ref().ok_or(Flaw::Missing)?;
        let [rpm, speed, gear, throttle, brake, drs] = channels.get().ok_or(Flaw::Shape)?.0;
        // The cars of 2026 have no DRS.
        numbers([rpm, speed, gear, throttle, brake, drs.or(Some(Ok(0)))])
    }
}

#[derive(Default)]
pub struct PositionEntry<'a> {
    x: Channel,
    y: Channel,
    z: Channel,
    status: Option<Leaf<'a>>,
}

impl<'a> Fields<'a> for PositionEntry<'a> {
    fn read<A: MapAccess<'a>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "X" => self.x = read_channel(map)?,
            "Y" => self.y = read_channel(map)?,
            "Z" => self.z = read_channel(map)?,
            "Status" => self.status = Some(map.next_value()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl Feed for Position {
    const MOMENTS: &'static str = "Position";
    const DATE: &'static str = "Timestamp";
    const CARS: &'static str = "Entries";
    const STATUS: Option<usize> = Some(3);
    const SOURCE: &'static str = "pos";
    type Entry<'a> = PositionEntry<'a>;

    fn channels(entry: &PositionEntry, texts: &mut Texts) -> Result<Channels, Flaw> {
        let [x, y, z] = numbers([entry.x, entry.y, entry.z])?;
        let status = match &entry.status {
            None => None,
            Some(status) => status_text(status)?,
        };
        Ok([x, y, z, status.map_or(0, |text| texts.number(text)), 0, 0])
    }
}

/// Reads a value as numpy's `astype("int64")` does: texts of numbers too, fractions cut.
fn read_channel<'a, A: MapAccess<'a>>(map: &mut A) -> Result<Channel, A::Error> {
    Ok(Some(map.next_value::<Leaf>()?.int()))
}

fn numbers<const N: usize>(channels: [Channel; N]) -> Result<[i64; N], Flaw> {
    let mut numbers = [0; N];
    if channels.contains(&None) {
        return Err(Flaw::Missing);
    }
    for (number, channel) in numbers.iter_mut().zip(channels.into_iter().flatten()) {
        *number = channel.map_err(|_| Flaw::Value)?;
    }
    Ok(numbers)
}

const ON_TRACK: &str = "OnTrack";
pub const OFF_TRACK: &str = "OffTrack";

/// `Status` as a text. Before 2019 it was a number: 0 was on the track.
fn status_text<'a>(status: &'a Leaf) -> Result<Option<Cow<'a, str>>, Flaw> {
    let text = match status {
        Leaf::Null => return Ok(None),
        Leaf::Bool(true) => "True".into(),
        Leaf::Bool(false) => "False".into(),
        Leaf::Int(number) => number.to_string().into(),
        Leaf::Float(number) => python::float_text(*number).into(),
        Leaf::Text(text) => Cow::Borrowed(&**text),
        Leaf::List { .. } | Leaf::Object { .. } => return Err(Flaw::Value),
    };
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Some(text));
    }
    Ok(Some(if text.bytes().all(|byte| byte == b'0') { ON_TRACK } else { OFF_TRACK }.into()))
}

/// One row of a driver's table. `channels` are None for a sample that the driver lacks.
pub struct Sample<'a, F> {
    pub date: Option<Timestamp>,
    /// Since the session's zero date.
    pub time: Option<Timedelta>,
    pub channels: Option<Channels>,
    pub status: &'a str,
    pub feed: PhantomData<F>,
}

impl<F: Feed> Sample<'_, F> {
    /// FastF1's `Source`; what it gives a sample that the driver lacks is the text of a NaN.
    fn source(&self) -> Cell<'_> {
        if self.channels.is_some() { F::SOURCE } else { "nan" }.into()
    }
}

impl Row for Sample<'_, Car> {
    const COLUMNS: &'static [&'static str] =
        &["Date", "RPM", "Speed", "nGear", "Throttle", "Brake", "DRS", "Source", "Time", "SessionTime"];

    fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        let [rpm, speed, gear, throttle, brake, drs] = self.channels.unwrap_or_default();
        [
            self.date.into(),
            (rpm as f64).into(),
            (speed as f64).into(),
            gear.into(),
            (throttle as f64).into(),
            (brake != 0).into(),
            drs.into(),
            self.source(),
            self.time.into(),
            self.time.into(),
        ]
        .into_iter()
    }
}

impl Row for Sample<'_, Position> {
    const COLUMNS: &'static [&'static str] =
        &["Date", "Status", "X", "Y", "Z", "Source", "Time", "SessionTime"];

    fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        let [x, y, z, ..] = self.channels.unwrap_or_default();
        [
            self.date.into(),
            self.status.into(),
            (x as f64).into(),
            (y as f64).into(),
            (z as f64).into(),
            self.source(),
            self.time.into(),
            self.time.into(),
        ]
        .into_iter()
    }
}
