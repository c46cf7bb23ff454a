//! WeatherData: the weather table (FastF1's `weather_data`).

use serde::de::{IgnoredAny, MapAccess};

use super::feed::{self, Content, Count, Unusable};
use super::table::{Cell, Row};
use super::time::Timedelta;
use super::value::{Conversion, Fields, Leaf, Object};

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

/// Reads the feed. Fails where FastF1's reader raises: the table is null then.
pub fn read(feed: &[u8]) -> Result<(Vec<Weather>, Count), Unusable> {
    let mut rows = Vec::new();
    let count = feed::each::<Object<WeatherLine>>(feed, |message| {
        if let Content::Object(Object::Is(line)) = message.content {
            rows.push(Weather {
                time: message.time,
                air_temp: or_zero(&line.air_temp, Leaf::float)?,
                humidity: or_zero(&line.humidity, Leaf::float)?,
                pressure: or_zero(&line.pressure, Leaf::float)?,
                rainfall: line.rainfall.as_ref().and_then(Leaf::text) == Some("1"),
                track_temp: or_zero(&line.track_temp, Leaf::float)?,
                wind_direction: or_zero(&line.wind_direction, Leaf::int)?,
                wind_speed: or_zero(&line.wind_speed, Leaf::float)?,
            });
        }
        Ok(())
    })?;
    Ok((rows, count))
}

/// A value that is missing or no number becomes 0; one of another type is an error, as in FastF1.
fn or_zero<'a, N: Default>(
    value: &Option<Leaf<'a>>,
    convert: impl Fn(&Leaf<'a>) -> Result<N, Conversion>,
) -> Result<N, Unusable> {
    match value.as_ref().map(convert) {
        Some(Ok(number)) => Ok(number),
        Some(Err(Conversion::Value)) | None => Ok(N::default()),
        Some(Err(Conversion::Type)) => Err(Unusable::new("a measurement is no number")),
    }
}

#[derive(Default)]
struct WeatherLine<'a> {
    air_temp: Option<Leaf<'a>>,
    humidity: Option<Leaf<'a>>,
    pressure: Option<Leaf<'a>>,
    rainfall: Option<Leaf<'a>>,
    track_temp: Option<Leaf<'a>>,
    wind_direction: Option<Leaf<'a>>,
    wind_speed: Option<Leaf<'a>>,
}

impl<'de> Fields<'de> for WeatherLine<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let slot = match key {
            "AirTemp" => &mut self.air_temp,
            "Humidity" => &mut self.humidity,
            "Pressure" => &mut self.pressure,
            "Rainfall" => &mut self.rainfall,
            "TrackTemp" => &mut self.track_temp,
            "WindDirection" => &mut self.wind_direction,
            "WindSpeed" => &mut self.wind_speed,
            _ => return map.next_value::<IgnoredAny>().map(drop),
        };
        *slot = Some(map.next_value()?);
        Ok(())
    }
}

impl Row for &Weather {
    const COLUMNS: &'static [&'static str] =
        &["Time", "AirTemp", "Humidity", "Pressure", "Rainfall", "TrackTemp", "WindDirection", "WindSpeed"];

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
