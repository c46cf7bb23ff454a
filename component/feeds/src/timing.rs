//! TimingData: the laps of each driver, and the gaps by which the drivers' clocks are aligned.
//! FastF1's `_extended_timing_data`.

mod align;
mod corrections;
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
    /// What FastF1 could not do, one line each.
    pub warnings: Vec<String>,
    /// What it mended or passed over, one line each.
    pub notes: Vec<String>,
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
    /// A text: the gap if it is a time, None for others such as "1L".
    Behind(Option<Timedelta>),
    /// Something that is not text.
    NoText,
}

/// Reads the feed. Fails if FastF1's reader raises: there are no laps then.
pub fn read(feed: &[u8]) -> Result<Timing, Unusable> {
    let mut drivers: Vec<DriverMessages> = Vec::new();
    let count = by_driver::each(feed, &mut |number, time, line| {
        let driver = match drivers.iter().position(|driver| *driver.number == *number) {
            Some(known) => drivers.get_mut(known),
            None => {
                drivers.push(DriverMessages::new(number));
                drivers.last_mut()
            }
        };
        driver.map_or(Ok(()), |driver| driver.take(time, DriverLine::of(line)))
    })?;
    timing(drivers, count)
}

fn timing(messages: Vec<DriverMessages>, count: Count) -> Result<Timing, Unusable> {
    let (mut warnings, mut notes) = (Vec::new(), Vec::new());
    let mut split_times = [Timedelta::from_seconds(24 * 3600); 3];
    let mut drivers = Vec::new();
    for DriverMessages { number, updates, gaps, .. } in messages {
        let Some(laps) = driver::laps(&number, &updates, &mut notes)? else { continue };
        for (index, split) in laps.split_times.iter().enumerate() {
            let earliest = split_times
                .get_mut(index)
                .ok_or_else(|| Unusable::new("a session has more than three parts"))?;
            let split = split.ok_or_else(|| Unusable::new("a part of the session begins at no time"))?;
            *earliest = split.min(*earliest);
        }
        drivers.push(DriverTiming { number, laps: laps.laps, gaps });
    }
    if let Err(why) = align::align(&mut drivers, &mut notes) {
        warnings.push(format!("the laps of the drivers are not aligned with each other: {why}"));
    }
    Ok(Timing { drivers, split_times, count, warnings, notes })
}

/// What the feed said about one driver so far.
struct DriverMessages {
    number: Rc<str>,
    updates: Vec<Update>,
    gaps: Vec<Gap>,
    to_leader: ToLeader,
}

impl DriverMessages {
    fn new(number: &str) -> DriverMessages {
        DriverMessages {
            number: number.into(),
            updates: Vec::new(),
            gaps: Vec::new(),
            to_leader: ToLeader::Unknown,
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Laps of driver 44 from messages: seconds and content.
    fn laps(messages: &[(&str, &str)]) -> Vec<TimedLap> {
        let feed: String = messages
            .iter()
            .map(|(time, line)| format!("00:{time}.000{{\"Lines\":{{\"44\":{line}}}}}\r\n"))
            .collect();
        let timing = read(feed.as_bytes()).expect("the feed can be read");
        timing.drivers.into_iter().flat_map(|driver| driver.laps).collect()
    }

    fn seconds(value: Option<Timedelta>) -> Option<f64> {
        value.map(Timedelta::total_seconds)
    }

    const OUT: (&str, &str) = ("00:10", r#"{"InPit":false}"#);
    const LAP_1: (&str, &str) = ("02:00", r#"{"NumberOfLaps":1,"LastLapTime":{"Value":"1:30.000"}}"#);

    #[test]
    fn late_values_belong_to_the_lap_before_but_the_longest_straight_is_ahead() {
        let late =
            r#"{"Sectors":{"2":{"Value":"30.000"}},"Speeds":{"FL":{"Value":"300"},"ST":{"Value":"310"}}}"#;
        let laps = laps(&[OUT, LAP_1, ("02:04", late), ("03:30", r#"{"NumberOfLaps":2}"#)]);
        assert_eq!(laps.len(), 2);
        assert_eq!(laps[0].sector_times[2], Reading::Is(Timedelta::from_seconds(30)));
        assert_eq!(
            (laps[0].speeds, laps[1].speeds),
            ([None, None, Some(300.0), None], [None, None, None, Some(310.0)])
        );
    }

    #[test]
    fn out_of_the_pits_right_before_a_lap_is_of_that_lap() {
        let laps = laps(&[
            OUT,
            ("01:57", r#"{"InPit":false}"#),
            LAP_1,
            ("03:30", r#"{"NumberOfLaps":2,"Speeds":{"I1":{"Value":"1"}}}"#),
        ]);
        assert_eq!(
            laps.iter().map(|lap| seconds(lap.pit_out_time)).collect::<Vec<_>>(),
            [Some(10.0), Some(117.0)]
        );
    }

    #[test]
    fn a_lap_ends_when_the_earliest_clock_says() {
        // Sector 2 ended at 80 s and sector 3 took 30 s: the lap ended at 110 s, not at 120 s.
        let laps = laps(&[
            OUT,
            ("01:20", r#"{"Sectors":{"1":{"Value":"30.000"}}}"#),
            ("01:59", r#"{"Sectors":{"2":{"Value":"30.000"}}}"#),
            LAP_1,
        ]);
        assert_eq!(seconds(laps[0].time), Some(110.0));
    }

    #[test]
    fn a_value_that_did_not_change_is_filled_in() {
        let laps = laps(&[
            OUT,
            (
                "01:00",
                r#"{"Sectors":{"0":{"Value":"30.000"},"1":{"Value":"30.000"},"2":{"Value":"30.000"}}}"#,
            ),
            LAP_1,
            ("03:00", r#"{"Sectors":{"0":{"Value":"29.000"},"1":{"Value":"31.000"}}}"#),
            ("03:30", r#"{"NumberOfLaps":2,"LastLapTime":{"Value":"1:30.000"}}"#),
        ]);
        assert_eq!(laps[1].sector_times[2], Reading::Is(Timedelta::from_seconds(30)));
    }

    #[test]
    fn a_slow_lap_needs_its_sectors() {
        let slow = r#"{"NumberOfLaps":1,"LastLapTime":{"Value":"2:40.000"},"Speeds":{"I1":{"Value":"1"}}}"#;
        assert_eq!(laps(&[OUT, ("03:00", slow)])[0].lap_time, Reading::Unseen);
        let sectors =
            r#"{"Sectors":{"0":{"Value":"1:00.000"},"1":{"Value":"1:00.000"},"2":{"Value":"40.000"}}}"#;
        assert_eq!(
            laps(&[OUT, ("02:59", sectors), ("03:00", slow)])[0].lap_time,
            Reading::Is(Timedelta::from_seconds(160))
        );
    }

    #[test]
    fn what_is_of_another_type_fails_where_fastf1_comes_to_it() {
        let read = |line: &str| {
            read(format!("00:00:00.000{{\"Lines\":{{\"44\":{line}}}}}\r\n").as_bytes()).map(|_| ())
        };
        for line in [r#"[]"#, r#"{"NumberOfLaps":"1"}"#, r#"{"Position":"first"}"#, r#"{"Speeds":[]}"#] {
            assert!(read(line).is_err(), "{line}");
        }
        for line in [r#"{}"#, r#"{"Sectors":[]}"#, r#"{"LastLapTime":{}}"#, r#"{"BestLapTimes":[]}"#] {
            assert_eq!(read(line), Ok(()), "{line}");
        }
    }
}
