//! One row of the laps table.

use std::rc::Rc;

use super::table::{Cell, Column, Row, columns};
use super::text::Text;
use super::time::{Timedelta, Timestamp};

/// A lap of one driver (FastF1's `Laps._COLUMNS`). None is what pandas calls NaN, NaT or None.
#[derive(Debug, Clone, PartialEq)]
pub struct Lap {
    /// Session time at which the lap ended.
    pub time: Option<Timedelta>,
    /// Three-letter abbreviation.
    pub driver: Rc<str>,
    pub driver_number: Rc<str>,
    pub lap_time: Option<Timedelta>,
    pub lap_number: f64,
    pub stint: Option<f64>,
    pub pit_out_time: Option<Timedelta>,
    pub pit_in_time: Option<Timedelta>,
    pub sector_times: [Option<Timedelta>; 3],
    pub sector_session_times: [Option<Timedelta>; 3],
    pub speeds: Speeds,
    /// None for a lap that was added for a car that retired on track.
    pub is_personal_best: Option<bool>,
    pub compound: Text,
    pub tyre_life: Option<f64>,
    pub fresh_tyre: bool,
    pub team: Rc<str>,
    pub lap_start_time: Option<Timedelta>,
    pub lap_start_date: Option<Timestamp>,
    /// Every status that was in force during the lap, each once: `"12"`.
    pub track_status: String,
    pub position: Option<f64>,
    /// None if race control's messages are missing.
    pub deleted: Option<bool>,
    pub deleted_reason: Option<String>,
    /// The lap was added, it is not in the timing data.
    pub generated: bool,
    pub is_accurate: bool,
}

/// The four speed traps, km/h: intermediate 1 and 2, finish line, longest straight.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Speeds {
    pub i1: Option<f64>,
    pub i2: Option<f64>,
    pub fl: Option<f64>,
    pub st: Option<f64>,
}

impl Row for &Lap {
    const COLUMNS: &'static [Column] = &columns([
        "Time",
        "Driver",
        "DriverNumber",
        "LapTime",
        "LapNumber",
        "Stint",
        "PitOutTime",
        "PitInTime",
        "Sector1Time",
        "Sector2Time",
        "Sector3Time",
        "Sector1SessionTime",
        "Sector2SessionTime",
        "Sector3SessionTime",
        "SpeedI1",
        "SpeedI2",
        "SpeedFL",
        "SpeedST",
        "IsPersonalBest",
        "Compound",
        "TyreLife",
        "FreshTyre",
        "Team",
        "LapStartTime",
        "LapStartDate",
        "TrackStatus",
        "Position",
        "Deleted",
        "DeletedReason",
        "FastF1Generated",
        "IsAccurate",
    ]);

    fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        let [sector1, sector2, sector3] = self.sector_times;
        let [end1, end2, end3] = self.sector_session_times;
        [
            self.time.into(),
            (&*self.driver).into(),
            (&*self.driver_number).into(),
            self.lap_time.into(),
            self.lap_number.into(),
            self.stint.into(),
            self.pit_out_time.into(),
            self.pit_in_time.into(),
            sector1.into(),
            sector2.into(),
            sector3.into(),
            end1.into(),
            end2.into(),
            end3.into(),
            self.speeds.i1.into(),
            self.speeds.i2.into(),
            self.speeds.fl.into(),
            self.speeds.st.into(),
            self.is_personal_best.into(),
            (&self.compound).into(),
            self.tyre_life.into(),
            self.fresh_tyre.into(),
            (&*self.team).into(),
            self.lap_start_time.into(),
            self.lap_start_date.into(),
            self.track_status.as_str().into(),
            self.position.into(),
            self.deleted.into(),
            self.deleted_reason.as_deref().into(),
            self.generated.into(),
            self.is_accurate.into(),
        ]
        .into_iter()
    }
}
