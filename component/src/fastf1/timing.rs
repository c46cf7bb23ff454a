//! TimingData: the laps of each driver, and the gaps by which the drivers' clocks are aligned.
//! FastF1's `_extended_timing_data`.

mod align;
mod driver;
mod update;

use std::rc::Rc;

use super::by_driver;
use super::feed::{Count, Unusable};
use super::time::Timedelta;
use update::{DriverLine, Update};

/// Everything that TimingData says about laps.
#[derive(Debug)]
pub struct Timing {
    /// In the order in which the feed first names them; only those who left the pits and set a lap.
    pub drivers: Vec<DriverTiming>,
    /// When the first, second and third part of a qualifying began.
    pub split_times: [Timedelta; 3],
    pub count: Count,
    pub warnings: Vec<String>,
}

/// One driver's laps and gaps.
#[derive(Debug)]
pub struct DriverTiming {
    pub number: Rc<str>,
    /// The lap at index 0 is lap 1.
    pub laps: Vec<TimedLap>,
    gaps: Vec<Gap>,
}

/// A lap as far as TimingData knows it.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimedLap {
    /// Session time of the lap's end.
    pub time: Option<Timedelta>,
    pub lap_time: Reading,
    pub sector_times: [Reading; 3],
    pub sector_session_times: [Option<Timedelta>; 3],
    /// Intermediate 1 and 2, finish line, longest straight.
    pub speeds: [Option<f64>; 4],
    pub pit_in_time: Option<Timedelta>,
    pub pit_out_time: Option<Timedelta>,
    pub is_personal_best: bool,
}

/// A time of the feed. FastF1 tells a value that was never sent (NaT) from one that was sent empty (None).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reading {
    #[default]
    Unseen,
    Empty,
    Is(Timedelta),
}

impl Reading {
    pub fn value(self) -> Option<Timedelta> {
        match self {
            Reading::Is(span) => Some(span),
            Reading::Unseen | Reading::Empty => None,
        }
    }
}

/// A row of the stream of gaps to the leader.
#[derive(Debug, Clone, Copy)]
struct Gap {
    time: Option<Timedelta>,
    to_leader: ToLeader,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum ToLeader {
    /// Not yet sent.
    Unknown,
    /// "LAP 12": the driver leads.
    Leads,
    /// A text: the gap where it is a time, None for others such as "1L".
    Behind(Option<Timedelta>),
    /// Something that is no text.
    NoText,
}

/// Reads the feed. Fails where FastF1's reader raises: there are no laps then.
pub fn read(feed: &[u8]) -> Result<Timing, Unusable> {
    let mut drivers: Vec<Track> = Vec::new();
    let count = by_driver::each(feed, |number, time, line: DriverLine| {
        let track = match drivers.iter().position(|track| *track.number == *number) {
            Some(known) => drivers.get_mut(known),
            None => {
                drivers.push(Track::new(&number));
                drivers.last_mut()
            }
        };
        track.map_or(Ok(()), |track| track.take(time, line))
    })?;
    timing(drivers, count)
}

fn timing(tracks: Vec<Track>, count: Count) -> Result<Timing, Unusable> {
    let mut warnings = Vec::new();
    let mut split_times = [Timedelta::from_seconds(24 * 3600); 3];
    let mut drivers = Vec::new();
    for track in tracks {
        let Some(laps) = driver::laps(&track.number, &track.updates, &mut warnings)? else { continue };
        for (index, split) in laps.split_times.iter().enumerate() {
            let earliest = split_times
                .get_mut(index)
                .ok_or_else(|| Unusable::new("a session has more than three parts"))?;
            let split = split.ok_or_else(|| Unusable::new("a part of the session begins at no time"))?;
            *earliest = split.min(*earliest);
        }
        drivers.push(DriverTiming { number: track.number, laps: laps.laps, gaps: track.gaps });
    }
    if let Err(why) = align::align(&mut drivers, &mut warnings) {
        warnings.push(format!("the laps of the drivers are not aligned with each other: {why}"));
    }
    Ok(Timing { drivers, split_times, count, warnings })
}

/// What the feed said about one driver so far.
struct Track {
    number: Rc<str>,
    updates: Vec<Update>,
    gaps: Vec<Gap>,
    to_leader: ToLeader,
}

impl Track {
    fn new(number: &str) -> Track {
        Track { number: number.into(), updates: Vec::new(), gaps: Vec::new(), to_leader: ToLeader::Unknown }
    }

    fn take(&mut self, time: Option<Timedelta>, line: DriverLine) -> Result<(), Unusable> {
        // A row for each message that holds a position, a gap or an interval; what it does not hold stays
        // as it was (FastF1's `_stream_data_driver`).
        let has_position = line.position.get()?;
        let has_interval = line.interval.get()?;
        self.to_leader = line.gap_to_leader.unwrap_or(self.to_leader);
        if has_position || has_interval || line.gap_to_leader.is_some() {
            self.gaps.push(Gap { time, to_leader: self.to_leader });
        }
        self.updates.extend(Update::at(time, line.update)?);
        Ok(())
    }
}
