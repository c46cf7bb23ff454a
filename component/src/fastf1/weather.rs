//! WeatherData: the weather table (FastF1's `weather_data`).

use super::feed::{self, Content, Count, Unusable};
use super::table::{Cell, Column, Row, columns};
use super::time::Timedelta;
use super::value::{Conversion, Value};

/// One row: the weather at a session time, about every minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Weather {
    pub time: Option<Timedelta>,
    /// °C
    pub air_temp: f64,
    /// %
    pub humidity: f64,
    /// mbar
    pub pressure: f64,
    pub rainfall: bool,
    /// °C
    pub track_temp: f64,
    /// Degrees
    pub wind_direction: i64,
    /// m/s
    pub wind_speed: f64,
}

/// Reads the feed. Fails if FastF1's reader raises: the table is null then.
pub fn read(feed: &[u8]) -> Result<(Vec<Weather>, Count), Unusable> {
    let mut rows = Vec::new();
    let count = feed::each(feed, &mut |message| {
        if let Content::Object(line) = message.content {
            let float = |key| or_zero(line.get(key).map(Value::float));
            rows.push(Weather {
                time: message.time,
                air_temp: float("AirTemp")?,
                humidity: float("Humidity")?,
                pressure: float("Pressure")?,
                rainfall: line.get("Rainfall").and_then(Value::text) == Some("1"),
                track_temp: float("TrackTemp")?,
                wind_direction: or_zero(line.get("WindDirection").map(Value::int))?,
                wind_speed: float("WindSpeed")?,
            });
        }
        Ok(())
    })?;
    Ok((rows, count))
}

/// A value that is missing or no number becomes 0; one of another type is an error, as in FastF1.
fn or_zero<N: Default>(value: Option<Result<N, Conversion>>) -> Result<N, Unusable> {
    match value {
        Some(Ok(number)) => Ok(number),
        Some(Err(Conversion::Value)) | None => Ok(N::default()),
        Some(Err(Conversion::Type)) => Err(Unusable::new("a measurement is not a number")),
    }
}

impl Row for &Weather {
    const COLUMNS: &'static [Column] = &columns([
        "Time",
        "AirTemp",
        "Humidity",
        "Pressure",
        "Rainfall",
        "TrackTemp",
        "WindDirection",
        "WindSpeed",
    ]);

    fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        [
            self.time.into(),
            self.air_temp.into(),
            self.humidity.into(),
            self.pressure.into(),
            self.rainfall.into(),
            self.track_temp.into(),
            self.wind_direction.into(),
            self.wind_speed.into(),
        ]
        .into_iter()
    }
}
