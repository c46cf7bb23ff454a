//! One message about one driver: what of it concerns laps.

use serde::de::{IgnoredAny, MapAccess};

use super::super::feed::Unusable;
use super::super::python;
use super::super::time::Timedelta;
use super::super::value::{Fields, Leaf, Object};
use super::ToLeader;

/// A driver's part of a message. What it does not hold is None.
#[derive(Default)]
pub struct DriverLine {
    pub update: Update,
    /// Whether there is a position; an error where it is no number.
    pub position: Checked<bool>,
    pub gap_to_leader: Option<ToLeader>,
    /// Whether there is an interval to the car ahead.
    pub interval: Checked<bool>,
}

/// A part of a message, or what is wrong with it: FastF1 fails where it comes to it.
#[derive(Debug, Clone, Copy)]
pub struct Checked<T>(Result<T, &'static str>);

impl<T: Default> Default for Checked<T> {
    fn default() -> Self {
        Checked(Ok(T::default()))
    }
}

impl<T: Copy> Checked<T> {
    pub fn get(&self) -> Result<T, Unusable> {
        self.0.map_err(Unusable::new)
    }
}

/// A driver's message in the form in which the laps are made of it.
#[derive(Debug, Default)]
pub struct Update {
    pub time: Option<Timedelta>,
    number_of_laps: Checked<Option<f64>>,
    pub in_pit: Option<InPit>,
    /// Of each sector that was sent: its time, None where that is not to be read.
    pub sectors: Checked<[Option<Option<Timedelta>>; 3]>,
    /// The last lap's time; `Some(None)` where the feed says that there is none.
    pub lap_time: Checked<Option<Option<Timedelta>>>,
    /// Intermediate 1 and 2, finish line, longest straight.
    pub speeds: Checked<[Option<f64>; 4]>,
    pub best_lap_time: Checked<Option<Option<Timedelta>>>,
    /// The part of the session, from 0, that the driver's best lap is of.
    pub part: Checked<Option<i64>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InPit {
    In,
    Out,
    /// Neither true nor false.
    Other,
}

impl Update {
    /// The driver's count of laps, where the message has one.
    pub fn number_of_laps(&self) -> Option<f64> {
        self.number_of_laps.0.ok().flatten()
    }

    /// The update that a line makes at a time; None where nothing in it concerns laps.
    pub fn at(time: Option<Timedelta>, update: Update) -> Result<Option<Update>, Unusable> {
        update.number_of_laps.get()?;
        // A message without a time matters even where it says nothing: FastF1 computes with its time.
        Ok((time.is_none() || update.says_something()).then_some(Update { time, ..update }))
    }

    fn says_something(&self) -> bool {
        !matches!(self.number_of_laps.0, Ok(None))
            || self.in_pit.is_some()
            || !matches!(self.sectors.0, Ok([None, None, None]))
            || !matches!(self.lap_time.0, Ok(None))
            || !matches!(self.speeds.0, Ok([None, None, None, None]))
            || !matches!(self.best_lap_time.0, Ok(None))
            || !matches!(self.part.0, Ok(None))
    }
}

impl<'de> Fields<'de> for DriverLine {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let update = &mut self.update;
        match key {
            "NumberOfLaps" => update.number_of_laps = Checked(number_of_laps(map.next_value()?)),
            "InPit" => update.in_pit = Some(in_pit(map.next_value()?)),
            "Sectors" => update.sectors = Checked(sectors(map.next_value()?)),
            "LastLapTime" => update.lap_time = Checked(lap_time(map.next_value()?)),
            "Speeds" => update.speeds = Checked(speeds(map.next_value()?)),
            "BestLapTime" => {
                let best = truthy(Some(map.next_value()?), "a best lap time is no object");
                update.best_lap_time = Checked(best.map(|best| best.map(|best| best.timedelta())));
            }
            "BestLapTimes" => update.part = Checked(part(map.next_value()?)),
            "Position" => self.position = Checked(position(map.next_value()?)),
            "GapToLeader" => self.gap_to_leader = gap_to_leader(map.next_value()?),
            "IntervalToPositionAhead" => {
                let interval = truthy(Some(map.next_value()?), "an interval is no object");
                self.interval = Checked(interval.map(|interval| interval.is_some()));
            }
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

fn number_of_laps(count: Leaf) -> Result<Option<f64>, &'static str> {
    count.number().map(Some).ok_or("a number of laps is no number")
}

fn in_pit(in_pit: Leaf) -> InPit {
    match in_pit {
        Leaf::Bool(true) => InPit::In,
        Leaf::Bool(false) => InPit::Out,
        _ => InPit::Other,
    }
}

fn sectors(sectors: Object<Sectors>) -> Result<[Option<Option<Timedelta>>; 3], &'static str> {
    let mut times = [None; 3];
    // Sectors are a list where they hold no values.
    if let Object::Is(Sectors(sectors)) = sectors {
        for (time, sector) in times.iter_mut().zip(sectors) {
            *time = truthy(sector, "a sector is no object")?.map(|sector| sector.timedelta());
        }
    }
    Ok(times)
}

fn lap_time(time: Object<Value>) -> Result<Option<Option<Timedelta>>, &'static str> {
    match time {
        Object::Is(Value(time)) => Ok(time.filter(|time| *time != Leaf::Null).map(|time| time.timedelta())),
        Object::Not(leaf) if leaf.is_truthy() => Err("a lap time is no object"),
        Object::Not(_) => Ok(None),
    }
}

fn speeds(traps: Object<Speeds>) -> Result<[Option<f64>; 4], &'static str> {
    let Object::Is(Speeds(traps)) = traps else { return Err("the speeds are no object") };
    let mut speeds = [None; 4];
    for (speed, trap) in speeds.iter_mut().zip(traps) {
        if let Some(value) = truthy(trap, "a speed is no object")? {
            *speed = Some(value.float().map_err(|_| "a speed is no number")?);
        }
    }
    Ok(speeds)
}

/// FastF1 takes the first of the parts.
fn part(parts: Object<FirstKey>) -> Result<Option<i64>, &'static str> {
    match parts {
        Object::Is(FirstKey(Some(part))) => part.map(Some).ok_or("a part of the session has no number"),
        _ => Ok(None),
    }
}

fn position(position: Leaf) -> Result<bool, &'static str> {
    let is_there = position.is_truthy();
    if is_there && position.int().is_err() {
        return Err("a position is no number");
    }
    Ok(is_there)
}

fn gap_to_leader(gap: Leaf) -> Option<ToLeader> {
    gap.is_truthy().then(|| match gap.text() {
        Some(text) if text.as_bytes().windows(3).any(|part| part == b"LAP") => ToLeader::Leads,
        Some(text) => ToLeader::Behind(Timedelta::parse(text)),
        None => ToLeader::NoText,
    })
}

/// The value of a `{"Value": ...}` where Python takes it for true.
fn truthy<'a>(
    object: Option<Object<'a, Value<'a>>>,
    otherwise: &'static str,
) -> Result<Option<Leaf<'a>>, &'static str> {
    match object {
        None => Ok(None),
        Some(Object::Is(Value(value))) => Ok(value.filter(Leaf::is_truthy)),
        Some(Object::Not(_)) => Err(otherwise),
    }
}

/// `{"Value": ...}`
#[derive(Default)]
struct Value<'a>(Option<Leaf<'a>>);

#[derive(Default)]
struct Sectors<'a>([Option<Object<'a, Value<'a>>>; 3]);

#[derive(Default)]
struct Speeds<'a>([Option<Object<'a, Value<'a>>>; 4]);

/// An object's first key, as a number. None for an empty object.
#[derive(Default)]
struct FirstKey(Option<Option<i64>>);

impl<'de> Fields<'de> for Value<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "Value" => self.0 = Some(map.next_value()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> Fields<'de> for Sectors<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let [first, second, third] = &mut self.0;
        let slot = match key {
            "0" => first,
            "1" => second,
            "2" => third,
            _ => return map.next_value::<IgnoredAny>().map(drop),
        };
        *slot = Some(map.next_value()?);
        Ok(())
    }
}

impl<'de> Fields<'de> for Speeds<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let [i1, i2, fl, st] = &mut self.0;
        let slot = match key {
            "I1" => i1,
            "I2" => i2,
            "FL" => fl,
            "ST" => st,
            _ => return map.next_value::<IgnoredAny>().map(drop),
        };
        *slot = Some(map.next_value()?);
        Ok(())
    }
}

impl<'de> Fields<'de> for FirstKey {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        self.0.get_or_insert_with(|| python::int(key));
        map.next_value::<IgnoredAny>().map(drop)
    }
}
