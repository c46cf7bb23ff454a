//! One message about one driver: what of it concerns laps.

use super::ToLeader;
use crate::feed::Unusable;
use crate::python;
use crate::time::Timedelta;
use crate::value::{Node, Value};

/// A driver's part of a message. What it does not hold is None.
#[derive(Default)]
pub struct DriverLine {
    pub update: Update,
    /// Whether there is a position; an error if it is not a number.
    pub position: Checked<bool>,
    pub gap_to_leader: Option<ToLeader>,
    /// Whether there is an interval to the car ahead.
    pub interval: Checked<bool>,
}

/// A part of a message, or what is wrong with it: FastF1 fails when it comes to it.
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
    /// Of each sector that was sent: its time, None if that cannot be read.
    pub sectors: Checked<[Option<Option<Timedelta>>; 3]>,
    /// The last lap's time; `Some(None)` if the feed says that there is none.
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
    /// The driver's count of laps, if the message has one.
    pub fn number_of_laps(&self) -> Option<f64> {
        self.number_of_laps.0.ok().flatten()
    }

    /// The update that a line makes at a time; None if nothing in it concerns laps.
    pub fn at(time: Option<Timedelta>, update: Update) -> Result<Option<Update>, Unusable> {
        update.number_of_laps.get()?;
        // A message without a time matters even if it says nothing: FastF1 computes with its time.
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

impl DriverLine {
    /// Of a driver's object in a message. What is sent twice counts as it was sent last.
    pub fn of(line: Value) -> DriverLine {
        let mut of = DriverLine::default();
        let update = &mut of.update;
        for (key, value) in line.entries() {
            match key {
                "NumberOfLaps" => update.number_of_laps = Checked(number_of_laps(value)),
                "InPit" => update.in_pit = Some(in_pit(value)),
                "Sectors" => update.sectors = Checked(sectors(value)),
                "LastLapTime" => update.lap_time = Checked(lap_time(value)),
                "Speeds" => update.speeds = Checked(speeds(value)),
                "BestLapTime" => {
                    let best = truthy_value(value, "a best lap time is not an object");
                    update.best_lap_time = Checked(best.map(|best| best.map(Value::timedelta)));
                }
                "BestLapTimes" => update.part = Checked(part(value)),
                "Position" => of.position = Checked(position(value)),
                "GapToLeader" => of.gap_to_leader = gap_to_leader(value),
                "IntervalToPositionAhead" => {
                    let interval = truthy_value(value, "an interval is not an object");
                    of.interval = Checked(interval.map(|interval| interval.is_some()));
                }
                _ => {}
            }
        }
        of
    }
}

fn number_of_laps(count: Value) -> Result<Option<f64>, &'static str> {
    count.number().map(Some).ok_or("a number of laps is not a number")
}

fn in_pit(in_pit: Value) -> InPit {
    match in_pit.node() {
        Node::Bool(true) => InPit::In,
        Node::Bool(false) => InPit::Out,
        _ => InPit::Other,
    }
}

fn sectors(sectors: Value) -> Result<[Option<Option<Timedelta>>; 3], &'static str> {
    // Sectors are a list if they hold no values.
    let sent = sectors.get_all(["0", "1", "2"]);
    let mut times = [None; 3];
    for (time, sector) in times.iter_mut().zip(sent) {
        let Some(sector) = sector else { continue };
        *time = truthy_value(sector, "a sector is not an object")?.map(Value::timedelta);
    }
    Ok(times)
}

fn lap_time(time: Value) -> Result<Option<Option<Timedelta>>, &'static str> {
    if !time.is_object() && time.is_truthy() {
        return Err("a lap time is not an object");
    }
    let value = time.get("Value").filter(|value| *value.node() != Node::Null);
    Ok(value.map(Value::timedelta))
}

fn speeds(traps: Value) -> Result<[Option<f64>; 4], &'static str> {
    if !traps.is_object() {
        return Err("the speeds are not an object");
    }
    let mut speeds = [None; 4];
    for (speed, trap) in speeds.iter_mut().zip(traps.get_all(["I1", "I2", "FL", "ST"])) {
        let Some(trap) = trap else { continue };
        if let Some(value) = truthy_value(trap, "a speed is not an object")? {
            *speed = Some(value.float().map_err(|_| "a speed is not a number")?);
        }
    }
    Ok(speeds)
}

/// FastF1 takes the first of the parts.
fn part(parts: Value) -> Result<Option<i64>, &'static str> {
    let Some((part, _)) = parts.entries().next() else { return Ok(None) };
    python::int(part).map(Some).ok_or("a part of the session has no number")
}

fn position(position: Value) -> Result<bool, &'static str> {
    let is_there = position.is_truthy();
    if is_there && position.int().is_err() {
        return Err("a position is not a number");
    }
    Ok(is_there)
}

fn gap_to_leader(gap: Value) -> Option<ToLeader> {
    gap.is_truthy().then(|| match gap.text() {
        Some(text) if text.as_bytes().windows(3).any(|part| part == b"LAP") => ToLeader::Leads,
        Some(text) => ToLeader::Behind(Timedelta::parse(text)),
        None => ToLeader::NoText,
    })
}

/// The value of a `{"Value": ...}` if Python takes it for true.
fn truthy_value<'j, 'a>(
    object: Value<'j, 'a>,
    otherwise: &'static str,
) -> Result<Option<Value<'j, 'a>>, &'static str> {
    if !object.is_object() {
        return Err(otherwise);
    }
    Ok(object.get("Value").filter(|value| value.is_truthy()))
}
