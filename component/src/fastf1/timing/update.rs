//! One message about one driver: what of it concerns laps.

use serde::de::{IgnoredAny, MapAccess};

use super::super::feed::Unusable;
use super::super::python;
use super::super::time::Timedelta;
use super::super::value::{Fields, Keyed, Leaf, Object};

/// A message of TimingData.
#[derive(Default)]
pub struct TimingLine<'a> {
    pub lines: Option<Keyed<'a, Object<'a, DriverLine<'a>>>>,
}

/// A driver's part of a message.
#[derive(Default)]
pub struct DriverLine<'a> {
    number_of_laps: Option<Leaf<'a>>,
    in_pit: Option<Leaf<'a>>,
    sectors: Option<Object<'a, Sectors<'a>>>,
    last_lap_time: Option<Object<'a, Value<'a>>>,
    speeds: Option<Object<'a, Speeds<'a>>>,
    best_lap_time: Option<Object<'a, Value<'a>>>,
    best_lap_times: Option<Object<'a, FirstKey>>,
    pub position: Option<Leaf<'a>>,
    pub gap_to_leader: Option<Leaf<'a>>,
    pub interval: Option<Object<'a, Value<'a>>>,
}

#[derive(Default)]
struct Sectors<'a>([Option<Object<'a, Value<'a>>>; 3]);

#[derive(Default)]
struct Speeds<'a>([Option<Object<'a, Value<'a>>>; 4]);

/// `{"Value": ...}`
#[derive(Default)]
pub struct Value<'a>(Option<Leaf<'a>>);

/// An object's first key, as a number. None for an empty object.
#[derive(Default)]
struct FirstKey(Option<Option<i64>>);

impl<'de> Fields<'de> for TimingLine<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "Lines" => self.lines = map.next_value()?,
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> Fields<'de> for DriverLine<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "NumberOfLaps" => self.number_of_laps = Some(map.next_value()?),
            "InPit" => self.in_pit = Some(map.next_value()?),
            "Sectors" => self.sectors = Some(map.next_value()?),
            "LastLapTime" => self.last_lap_time = Some(map.next_value()?),
            "Speeds" => self.speeds = Some(map.next_value()?),
            "BestLapTime" => self.best_lap_time = Some(map.next_value()?),
            "BestLapTimes" => self.best_lap_times = Some(map.next_value()?),
            "Position" => self.position = Some(map.next_value()?),
            "GapToLeader" => self.gap_to_leader = Some(map.next_value()?),
            "IntervalToPositionAhead" => self.interval = Some(map.next_value()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> Fields<'de> for Sectors<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let [first, second, third] = &mut self.0;
        match key {
            "0" => *first = Some(map.next_value()?),
            "1" => *second = Some(map.next_value()?),
            "2" => *third = Some(map.next_value()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> Fields<'de> for Speeds<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let [i1, i2, fl, st] = &mut self.0;
        match key {
            "I1" => *i1 = Some(map.next_value()?),
            "I2" => *i2 = Some(map.next_value()?),
            "FL" => *fl = Some(map.next_value()?),
            "ST" => *st = Some(map.next_value()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> Fields<'de> for Value<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "Value" => self.0 = Some(map.next_value()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}

impl<'de> Fields<'de> for FirstKey {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        self.0.get_or_insert_with(|| python::int(key));
        map.next_value::<IgnoredAny>().map(drop)
    }
}

impl Value<'_> {
    pub fn is_truthy(&self) -> bool {
        self.0.as_ref().is_some_and(Leaf::is_truthy)
    }
}

/// A driver's message in the form in which the laps are made of it. What a message does not hold is None.
#[derive(Debug, Default)]
pub struct Update {
    pub time: Option<Timedelta>,
    pub number_of_laps: Option<f64>,
    pub in_pit: Option<InPit>,
    /// Of each sector that was sent: its time, None where that is not to be read.
    pub sectors: [Option<Option<Timedelta>>; 3],
    /// The last lap's time; `Some(None)` where the feed says that there is none.
    pub lap_time: Option<Option<Timedelta>>,
    pub speeds: [Option<f64>; 4],
    pub best_lap_time: Option<Option<Timedelta>>,
    /// The part of the session, from 0, that the driver's best lap is of.
    pub part: Option<i64>,
    /// Something in the message is of a type that FastF1 stumbles over once it comes to it.
    pub broken: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InPit {
    In,
    Out,
    /// Neither true nor false.
    Other,
}

impl Update {
    /// The update that a line makes; None where nothing in it concerns laps.
    pub fn of(time: Option<Timedelta>, line: &DriverLine) -> Result<Option<Update>, Unusable> {
        let number_of_laps = match &line.number_of_laps {
            Some(count) => {
                Some(count.number().ok_or_else(|| Unusable::new("a number of laps is no number"))?)
            }
            None => None,
        };
        let in_pit = line.in_pit.as_ref().map(|in_pit| match in_pit {
            Leaf::Bool(true) => InPit::In,
            Leaf::Bool(false) => InPit::Out,
            _ => InPit::Other,
        });
        let mut update = Update { time, number_of_laps, in_pit, ..Update::default() };
        if let Err(what) = update.read(line) {
            update.broken = Some(what);
        }
        // A message without a time matters even where it says nothing: FastF1 computes with its time.
        Ok((time.is_none() || update.says_something()).then_some(update))
    }

    fn read(&mut self, line: &DriverLine) -> Result<(), &'static str> {
        // Sectors are a list where they hold no values.
        if let Some(Object::Is(Sectors(sectors))) = &line.sectors {
            for (slot, sector) in self.sectors.iter_mut().zip(sectors) {
                *slot = truthy(sector, "a sector is no object")?.map(Leaf::timedelta);
            }
        }
        self.lap_time = match &line.last_lap_time {
            Some(Object::Is(Value(Some(value)))) if *value != Leaf::Null => Some(value.timedelta()),
            Some(Object::Not(leaf)) if leaf.is_truthy() => return Err("a lap time is no object"),
            _ => None,
        };
        match &line.speeds {
            Some(Object::Is(Speeds(speeds))) => {
                for (slot, speed) in self.speeds.iter_mut().zip(speeds) {
                    if let Some(speed) = truthy(speed, "a speed is no object")? {
                        *slot = Some(speed.float().map_err(|_| "a speed is no number")?);
                    }
                }
            }
            Some(Object::Not(_)) => return Err("the speeds are no object"),
            None => {}
        }
        self.best_lap_time =
            truthy(&line.best_lap_time, "a best lap time is no object")?.map(Leaf::timedelta);
        if let Some(Object::Is(FirstKey(Some(key)))) = &line.best_lap_times {
            self.part = Some(key.ok_or("a part of the session has no number")?);
        }
        Ok(())
    }

    fn says_something(&self) -> bool {
        self.number_of_laps.is_some()
            || self.in_pit.is_some()
            || self.sectors.iter().any(Option::is_some)
            || self.lap_time.is_some()
            || self.speeds.iter().any(Option::is_some)
            || self.best_lap_time.is_some()
            || self.part.is_some()
            || self.broken.is_some()
    }
}

/// The value of a `{"Value": ...}` where Python takes it for true.
fn truthy<'l, 'a>(
    object: &'l Option<Object<'a, Value<'a>>>,
    otherwise: &'static str,
) -> Result<Option<&'l Leaf<'a>>, &'static str> {
    match object {
        None => Ok(None),
        Some(Object::Is(Value(value))) => Ok(value.as_ref().filter(|value| value.is_truthy())),
        Some(Object::Not(_)) => Err(otherwise),
    }
}
