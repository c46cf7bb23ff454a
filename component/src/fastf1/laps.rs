//! The laps table: timing, tyres, statuses, Jolpica's first lap and race control put together (what
//! `core.Session.load` does for laps).

mod accuracy;
mod build;
mod first_lap;
mod retired;
mod stacked;

use super::drivers::Drivers;
use super::feed::{Count, Unusable};
use super::lap::Lap;
use super::lap_count;
use super::race_control::RaceControlMessages;
use super::session_status::SessionStatus;
use super::stints::Tyres;
use super::time::{Timedelta, Timestamp};
use super::timing::{self, Timing};
use super::track_status::TrackStatus;
use super::weather::Weather;
use crate::document::Remarks;

/// A driver of the session, as the results table has it once it is joined with Jolpica's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    pub number: String,
    pub abbreviation: String,
    pub team: String,
    /// Jolpica's name of the driver; empty if Jolpica was not asked or does not know.
    pub driver_id: String,
    /// Withdrew before the start: `ClassifiedPosition` is "W".
    pub is_withdrawn: bool,
}

/// What the laps are made of. A feed that could not be fetched is None.
#[derive(Debug, Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// A race or a sprint: positions count, and the first lap begins with the session.
    pub is_race_like: bool,
    /// FastF1's `session.drivers`, in its order; None if there are no results to take them from.
    pub drivers: Option<&'a [Participant]>,
    pub session_status: Option<&'a [u8]>,
    pub track_status: Option<&'a [u8]>,
    pub lap_count: Option<&'a [u8]>,
    pub timing_data: Option<&'a [u8]>,
    pub timing_app_data: Option<&'a [u8]>,
    pub race_control: Option<&'a [u8]>,
    /// Jolpica's `laps/1.json`. Wanted for a Grand Prix only, not for a sprint.
    pub first_lap: Option<&'a [u8]>,
    /// The moment at which session time is zero, known from telemetry.
    pub t0_date: Option<Timestamp>,
}

/// The laps, and what results are computed from.
#[derive(Debug, Default)]
pub struct LapsData {
    /// None if FastF1 has no laps either; a warning says why.
    pub laps: Option<Vec<Lap>>,
    /// None if the feed is missing or cannot be read.
    pub session_status: Option<SessionStatus>,
    /// When the parts of a qualifying began. None if TimingData is missing or cannot be read.
    pub split_times: Option<[Timedelta; 3]>,
    /// The numbers of the drivers if [`Inputs::drivers`] was empty and timing had to tell them.
    pub drivers_from_timing: Option<Vec<String>>,
    pub remarks: Remarks,
}

/// Builds the laps table.
pub fn load(inputs: &Inputs) -> LapsData {
    let mut loaded = LapsData::default();
    let remarks = &mut loaded.remarks;
    loaded.session_status = read("SessionStatus", inputs.session_status, SessionStatus::read, remarks);
    let total_laps = total_laps(inputs, remarks);
    let track_status = read("TrackStatus", inputs.track_status, TrackStatus::read, remarks);
    let race_control = read("RaceControlMessages", inputs.race_control, RaceControlMessages::read, remarks);
    let timing = read("TimingData", inputs.timing_data, timing::read, remarks);
    loaded.split_times = timing.as_ref().map(|timing| timing.split_times);
    let tyres = read("TimingAppData", inputs.timing_app_data, Tyres::read, remarks);

    let (Some(timing), Some(tyres)) = (timing, tyres) else { return loaded };
    remarks.warnings.extend(timing.warnings.iter().cloned());
    remarks.notes.extend(timing.notes.iter().cloned());
    let status = loaded.session_status.as_ref();
    let status = status.ok_or_else(|| Unusable::new("the session's status is not known"));
    let status = match status.and_then(|status| build::check_start(&timing, status).map(|()| status)) {
        Ok(status) => status,
        Err(why) => {
            remarks.warn(format!("no laps: {why}"));
            return loaded;
        }
    };
    let from_timing;
    let drivers = match inputs.drivers {
        Some([]) => {
            from_timing = drivers_of(&timing, &tyres);
            remarks.warn("no driver list: the drivers are those of the timing data");
            loaded.drivers_from_timing =
                Some(from_timing.iter().map(|driver| driver.number.clone()).collect());
            &from_timing
        }
        Some(drivers) => drivers,
        None => {
            remarks.warn("no laps: no driver list and no result");
            return loaded;
        }
    };
    let facts = build::SessionFacts {
        is_race_like: inputs.is_race_like,
        drivers,
        status,
        track_status: track_status.as_ref(),
    };
    let mut laps = match facts.laps(&timing, &tyres, remarks) {
        Ok(laps) => laps,
        Err(why) => {
            remarks.warn(format!("no laps: {why}"));
            return loaded;
        }
    };
    if let Some(document) = inputs.first_lap {
        first_lap::add(&mut laps, document, drivers, remarks);
    }
    if let Err(why) = retired::add(&mut laps, &facts, total_laps, remarks) {
        remarks.warn(format!("no laps were added for cars that retired on track: {why}"));
    }
    if let Some(t0_date) = inputs.t0_date {
        for lap in &mut laps {
            lap.lap_start_date = lap.lap_start_time.map(|start| t0_date + start);
        }
    }
    if let Some(messages) = race_control
        && let Err(why) = messages.mark_deleted(&mut laps)
    {
        remarks.warn(format!("deleted laps are not marked: {why}"));
    }
    loaded.laps = Some(laps);
    loaded
}

/// What a feed holds; None if it is missing, None and a warning if FastF1 could not read it.
pub(super) fn read<T: Counted>(
    topic: &str,
    feed: Option<&[u8]>,
    reader: impl Fn(&[u8]) -> Result<T, Unusable>,
    remarks: &mut Remarks,
) -> Option<T> {
    match feed.map(reader) {
        Some(Ok(table)) => {
            let Count { messages, undecodable } = table.count();
            if undecodable > 0 {
                remarks.note(format!("{topic}: skipped {undecodable} of {messages} messages, no JSON"));
            }
            if messages == undecodable {
                remarks.warn(format!("{topic} holds nothing"));
            }
            Some(table)
        }
        Some(Err(why)) => {
            remarks.warn(format!("{topic} cannot be used: {why}"));
            None
        }
        None => None,
    }
}

pub(super) trait Counted {
    fn count(&self) -> Count;
}

macro_rules! counted {
    ($($table:ty),*) => {
        $(impl Counted for $table {
            fn count(&self) -> Count {
                self.count
            }
        })*
    };
}

impl Counted for (Vec<Weather>, Count) {
    fn count(&self) -> Count {
        self.1
    }
}

counted!(Drivers, SessionStatus, TrackStatus, RaceControlMessages, Timing, Tyres);

/// The scheduled number of laps of a race; `Ok(None)` for other sessions, an error if it is not known.
fn total_laps(inputs: &Inputs, remarks: &mut Remarks) -> Result<Option<i64>, Unusable> {
    if !inputs.is_race_like {
        return Ok(None);
    }
    let total = match inputs.lap_count {
        Some(feed) => lap_count::total_laps(feed),
        None => Err(Unusable::new("it is missing")),
    };
    total.map(Some).map_err(|why| {
        remarks.warn(format!("LapCount cannot be used: {why}"));
        Unusable::new("the number of laps is not known")
    })
}

/// Those who have laps and tyres. FastF1's order is that of a set, so none; this is the feed's.
fn drivers_of(timing: &Timing, tyres: &Tyres) -> Vec<Participant> {
    let timed = timing.drivers.iter().filter(|driver| !driver.laps.is_empty());
    timed
        .filter(|driver| !tyres.of(&driver.number).is_empty())
        .map(|driver| Participant {
            number: driver.number.to_string(),
            abbreviation: String::new(),
            team: String::new(),
            driver_id: String::new(),
            is_withdrawn: false,
        })
        .collect()
}
