//! The two feeds: where their messages hold what, and what FastF1 reads from them.

use std::borrow::Cow;
use std::marker::PhantomData;

use super::cursor::Cursor;
use crate::table::{Column, Out, Written};
use crate::time::{Timedelta, Timestamp};
use crate::value::{Node, Value};

/// `CarData.z`: engine speed (1/min), speed (km/h), gear, throttle (%), brake, DRS.
pub struct Car;

/// `Position.z`: whether the car is on the track, and where (1/10 m).
pub struct Position;

/// The channels of one sample, as many as the feed has.
pub type Channels = [i64; 6];

/// Why FastF1 takes no sample from what a message says of a car.
pub enum Flaw {
    /// A channel is missing: the car is skipped.
    Missing,
    /// Not of the shape that FastF1 expects: the rest of the record is skipped.
    Shape,
    /// FastF1 takes it, and fails when it makes a table of the feed.
    Value,
}

/// One of the two feeds.
pub trait Telemetry: Sized {
    /// The keys of a record's list of moments, of a moment's date, and of its cars.
    const MOMENTS: &'static str;
    const DATE: &'static str;
    const CARS: &'static str;

    /// Reads one sample of what a moment holds of one car, an object; texts go to `texts`.
    fn channels(entry: Value, texts: &mut Texts) -> Result<Channels, Flaw>;

    /// As [`Telemetry::channels`], of a record that is plain so far.
    fn plain_channels(entry: &mut Cursor, texts: &mut Texts) -> Option<Channels>;

    /// The index of the channel that is a text.
    const STATUS: Option<usize>;

    /// What FastF1 calls the feed in the column `Source`.
    const SOURCE: &'static str;
}

/// Texts as numbers; 0 stands for no text.
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

impl Telemetry for Car {
    const MOMENTS: &'static str = "Entries";
    const DATE: &'static str = "Utc";
    const CARS: &'static str = "Cars";
    const STATUS: Option<usize> = None;
    const SOURCE: &'static str = "car";

    fn channels(entry: Value, _: &mut Texts) -> Result<Channels, Flaw> {
        let channels = entry.get("Channels").ok_or(Flaw::Missing)?;
        if !channels.is_object() {
            return Err(Flaw::Shape);
        }
        let [rpm, speed, gear, throttle, brake, drs] = channels.get_all(["0", "2", "3", "4", "5", "45"]);
        let [rpm, speed, gear, throttle, brake] = numbers([rpm, speed, gear, throttle, brake])?;
        // The cars of 2026 have no DRS.
        let drs = drs.map_or(Ok(0), Value::int).map_err(|_| Flaw::Value)?;
        Ok([rpm, speed, gear, throttle, brake, drs])
    }

    fn plain_channels(entry: &mut Cursor, _: &mut Texts) -> Option<Channels> {
        let channels = [
            entry.number(r#"{"Channels":{"0":"#)?,
            entry.number(r#","2":"#)?,
            entry.number(r#","3":"#)?,
            entry.number(r#","4":"#)?,
            entry.number(r#","5":"#)?,
            entry.number(r#","45":"#).unwrap_or(0),
        ];
        entry.skip("}}").map(|_| channels)
    }
}

impl Telemetry for Position {
    const MOMENTS: &'static str = "Position";
    const DATE: &'static str = "Timestamp";
    const CARS: &'static str = "Entries";
    const STATUS: Option<usize> = Some(3);
    const SOURCE: &'static str = "pos";

    fn channels(entry: Value, texts: &mut Texts) -> Result<Channels, Flaw> {
        let [x, y, z, status] = entry.get_all(["X", "Y", "Z", "Status"]);
        let [x, y, z] = numbers([x, y, z])?;
        let status = match status {
            None => None,
            Some(status) => status_text(status)?,
        };
        Ok([x, y, z, status.map_or(0, |text| texts.number(text)), 0, 0])
    }

    fn plain_channels(entry: &mut Cursor, texts: &mut Texts) -> Option<Channels> {
        let status = entry.skip(r#"{"Status":""#)?.text()?;
        let status = texts.number(track_status(status.into()));
        let [x, y, z] = [entry.number(r#","X":"#)?, entry.number(r#","Y":"#)?, entry.number(r#","Z":"#)?];
        entry.skip("}").map(|_| [x, y, z, status, 0, 0])
    }
}

/// Channels as numpy's `astype("int64")` reads them: texts of numbers too, fractions cut.
fn numbers<const N: usize>(channels: [Option<Value>; N]) -> Result<[i64; N], Flaw> {
    let mut numbers = [0; N];
    if channels.iter().any(Option::is_none) {
        return Err(Flaw::Missing);
    }
    for (number, channel) in numbers.iter_mut().zip(channels.into_iter().flatten()) {
        *number = channel.int().map_err(|_| Flaw::Value)?;
    }
    Ok(numbers)
}

const ON_TRACK: &str = "OnTrack";
pub const OFF_TRACK: &str = "OffTrack";

/// `Status` as a text.
fn status_text<'j>(status: Value<'j, '_>) -> Result<Option<Cow<'j, str>>, Flaw> {
    if matches!(status.node(), Node::List(_) | Node::Object(_)) {
        return Err(Flaw::Value);
    }
    Ok(status.python_text().map(track_status))
}

/// Before 2019 a number: 0 was on the track.
fn track_status(text: Cow<str>) -> Cow<str> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text;
    }
    if text.bytes().all(|byte| byte == b'0') { ON_TRACK } else { OFF_TRACK }.into()
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

impl<F: Telemetry> Sample<'_, F> {
    /// The columns that both feeds end with. What FastF1 gives as the source of a sample that the driver lacks is the
    /// text of a NaN.
    fn write_end(&self, out: &mut Out) {
        let source = out.name(const { &Column::new("Source") });
        match self.channels {
            Some(_) => source.text(F::SOURCE),
            None => source.text("nan"),
        }
        out.name(const { &Column::new("Time") }).cell(self.time.into());
        out.name(const { &Column::new("SessionTime") }).cell(self.time.into());
    }
}

impl Written for Sample<'_, Car> {
    fn write(&self, out: &mut Out) {
        let [rpm, speed, gear, throttle, brake, drs] = self.channels.unwrap_or_default();
        out.name(const { &Column::new("Date") }).cell(self.date.into());
        out.name(const { &Column::new("RPM") }).whole(rpm);
        out.name(const { &Column::new("Speed") }).whole(speed);
        out.name(const { &Column::new("nGear") }).int(gear);
        out.name(const { &Column::new("Throttle") }).whole(throttle);
        out.name(const { &Column::new("Brake") }).bool(brake != 0);
        out.name(const { &Column::new("DRS") }).int(drs);
        self.write_end(out);
    }
}

impl Written for Sample<'_, Position> {
    fn write(&self, out: &mut Out) {
        let [x, y, z, ..] = self.channels.unwrap_or_default();
        out.name(const { &Column::new("Date") }).cell(self.date.into());
        out.name(const { &Column::new("Status") }).text(self.status);
        out.name(const { &Column::new("X") }).whole(x);
        out.name(const { &Column::new("Y") }).whole(y);
        out.name(const { &Column::new("Z") }).whole(z);
        self.write_end(out);
    }
}
