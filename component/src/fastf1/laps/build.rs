//! From timing and tyres to laps (FastF1's `_load_laps_data`).

use crate::document::Remarks;
use std::rc::Rc;

use super::super::feed::Unusable;
use super::super::lap::{Lap, Speeds};
use super::super::numpy;
use super::super::session_status::SessionStatus;
use super::super::stints::{self, Age, Tyre, Tyres};
use super::super::text::Text;
use super::super::time::Timedelta;
use super::super::timing::{Reading, TimedLap, Timing};
use super::super::track_status::TrackStatus;
use super::{Participant, accuracy, stacked};

/// What the laps of a session depend on besides timing and tyres.
#[derive(Debug, Clone, Copy)]
pub struct SessionFacts<'a> {
    pub is_race_like: bool,
    pub drivers: &'a [Participant],
    pub status: &'a SessionStatus,
    pub track_status: Option<&'a TrackStatus>,
}

/// A lap with the tyres it was driven on.
#[derive(Debug, Clone)]
struct TyredLap {
    timed: TimedLap,
    /// None if nothing was known of the tyres when the lap ended (pandas' NaN).
    tyre: Option<Tyre>,
    generated: bool,
}

impl SessionFacts<'_> {
    /// The laps of all drivers, in the order of the drivers. Fails if FastF1's function raises.
    pub fn laps(&self, timing: &Timing, tyres: &Tyres, remarks: &mut Remarks) -> Result<Vec<Lap>, Unusable> {
        let status = self.status;
        let track_status =
            self.track_status.ok_or_else(|| Unusable::new("the track's status is not known"))?;
        let first_end =
            timing.drivers.iter().flat_map(|driver| &driver.laps).filter_map(|lap| lap.time).min();

        let all_say_new = tyres.all_say_new();
        let mut laps = Vec::new();
        let mut stacked = stacked::TyreColumns::default();
        for driver in self.drivers {
            let timed = timing.drivers.iter().find(|timed| *timed.number == *driver.number);
            let mut timed = timed.map_or(Vec::new(), |timed| timed.laps.clone());
            if let Some(first) = timed.first_mut() {
                // Out of the pits to the grid.
                first.pit_out_time =
                    first.pit_out_time.filter(|out| status.start.is_none_or(|start| *out >= start));
            }
            let Some(tyred) = self.tyred_laps(driver, &timed, tyres, first_end, remarks)? else { continue };
            let starts = self.lap_starts(&tyred, status);
            let ages = tyre_lives(&tyred)?;
            let names: [Rc<str>; 3] = [&*driver.abbreviation, &*driver.number, &*driver.team].map(Into::into);
            for (number, ((lap, start), age)) in (1..).zip(tyred.iter().zip(starts).zip(ages)) {
                laps.push(lap.row(&names, f64::from(number), start, age));
            }
            let fitted: Vec<Option<&Tyre>> = tyred.iter().map(|lap| lap.tyre.as_ref()).collect();
            // Without a lap or without tyres, FastF1 sets the columns to values of its own.
            let is_joined = !timed.is_empty() && !tyres.of(&driver.number).is_empty();
            stacked.push(&fitted, all_say_new || !is_joined);
        }
        if laps.is_empty() {
            return Err(Unusable::new("no driver has one"));
        }
        stacked.fill(&mut laps);
        self.add_positions(&mut laps);
        // Without any lap in the timing data pandas has no times to compare with.
        let comparable = first_end.is_some() || track_status.is_empty();
        if !comparable || !add_track_status(&mut laps, track_status) {
            remarks.warn("the track's status could not be added to all laps");
        }
        laps.chunk_by_mut(|a, b| a.driver_number == b.driver_number).for_each(fill_speeds);
        accuracy::check(&mut laps, self.drivers, remarks);
        Ok(laps)
    }

    /// A driver's laps with tyres; None if there are none.
    fn tyred_laps(
        &self,
        driver: &Participant,
        timed: &[TimedLap],
        tyres: &Tyres,
        first_end: Option<Timedelta>,
        remarks: &mut Remarks,
    ) -> Result<Option<Vec<TyredLap>>, Unusable> {
        let number = &driver.number;
        let corrected;
        let mut tyres = tyres.of(number);
        if tyres.len() != stints::count_of_stints(tyres) {
            let in_laps: Vec<Timedelta> =
                timed.iter().filter(|lap| lap.pit_in_time.is_some()).filter_map(|lap| lap.time).collect();
            let race_start = self.status.start.filter(|_| self.is_race_like);
            let renumbered;
            (corrected, renumbered) = stints::corrected(tyres, &in_laps, race_start)?;
            if renumbered {
                remarks.note(format!("driver {number}: corrected the count of the tyre stints"));
            }
            tyres = &corrected;
        }
        match (timed, tyres) {
            ([], _) if driver.is_withdrawn => Ok(None),
            ([], [first, ..]) if self.is_race_like => {
                // Crashed on the first lap. Who did not start gets a lap as well.
                let timed = TimedLap { time: first_end, ..TimedLap::default() };
                let tyre = Some(Tyre { stint: 0, ..first.clone() });
                Ok(Some(vec![TyredLap { timed, tyre, generated: true }]))
            }
            ([], _) => {
                remarks.warn(format!("driver {number}: no laps"));
                Ok(None)
            }
            (timed, []) => {
                remarks.warn(format!("driver {number}: no tyres"));
                let tyre = Tyre {
                    time: None,
                    stint: 0,
                    compound: Some("".into()),
                    start_laps: Age::Unknown,
                    new: Some(false),
                };
                let lap =
                    |timed: &TimedLap| TyredLap { timed: *timed, tyre: Some(tyre.clone()), generated: false };
                Ok(Some(timed.iter().map(lap).collect()))
            }
            (timed, tyres) => Ok(Some(join(timed, tyres)?)),
        }
    }

    /// When each lap began: when the one before ended; the first lap of a race with the session. A lap without either
    /// begins when the car leaves the pits.
    fn lap_starts(&self, laps: &[TyredLap], status: &SessionStatus) -> Vec<Option<Timedelta>> {
        let first = if self.is_race_like { status.start } else { None };
        let ends = laps.iter().map(|lap| lap.timed.time);
        let mut starts: Vec<Option<Timedelta>> = [first].into_iter().chain(ends).take(laps.len()).collect();
        for restart in restarts(status) {
            // The first lap out of the pits after a red flag did not begin with the end of the one before.
            let out = |lap: &TyredLap| lap.timed.pit_out_time.is_some_and(|out| out > restart);
            let Some(index) = laps.iter().position(out) else { continue };
            if let (Some(start), Some(lap)) = (starts.get_mut(index), laps.get(index)) {
                if !self.is_race_like {
                    *start = None;
                } else if lap.timed.lap_time.value().is_none() {
                    *start = Some(restart);
                }
            }
        }
        starts.iter().zip(laps).map(|(start, lap)| start.or(lap.timed.pit_out_time)).collect()
    }

    /// The order in which the drivers ended each lap of a race. Who crashed on the first lap has no position. FastF1
    /// sorts each lap's rows by their ends, those without one last.
    fn add_positions(&self, laps: &mut [Lap]) {
        if !self.is_race_like {
            return;
        }
        let crashed: Vec<bool> = laps
            .iter()
            .map(|lap| lap.generated && laps.iter().filter(|other| other.driver == lap.driver).count() == 1)
            .collect();
        let last = laps.iter().map(|lap| lap.lap_number as usize).max().unwrap_or(0);
        let mut by_number: Vec<Vec<usize>> = vec![Vec::new(); last + 1];
        for (index, (lap, _)) in laps.iter().zip(crashed).enumerate().filter(|(_, (_, crashed))| !crashed) {
            if let Some(same) = by_number.get_mut(lap.lap_number as usize) {
                same.push(index);
            }
        }
        for same in by_number {
            let ends: Vec<Option<Timedelta>> =
                same.iter().map(|index| laps.get(*index).and_then(|lap| lap.time)).collect();
            let order = numpy::order_of_spans(&ends).into_iter().filter_map(|at| same.get(at));
            for (position, index) in (1..).zip(order) {
                if let Some(lap) = laps.get_mut(*index) {
                    lap.position = Some(f64::from(position));
                }
            }
        }
    }
}

/// FastF1 compares every time out of the pits with the start of the session, and fails if there is no
/// start, or (a quirk of pandas' types) no time out of the pits at all.
pub fn check_start(timing: &Timing, status: &SessionStatus) -> Result<(), Unusable> {
    let mut laps = timing.drivers.iter().flat_map(|driver| &driver.laps).peekable();
    if laps.peek().is_some() {
        status.start.ok_or_else(|| Unusable::new("the session was never started"))?;
        if laps.all(|lap| lap.pit_out_time.is_none()) {
            return Err(Unusable::new("no car left the pits"));
        }
    }
    Ok(())
}

/// To each lap the last tyres that were known when it ended (pandas' `merge_asof`, which raises unless both sides
/// are in the order of time).
fn join(laps: &[TimedLap], tyres: &[Tyre]) -> Result<Vec<TyredLap>, Unusable> {
    let in_order = |times: &[Option<Timedelta>]| times.iter().all(Option::is_some) && times.is_sorted();
    let fitted: Vec<Option<Timedelta>> = tyres.iter().map(|tyre| tyre.time).collect();
    let ends: Vec<Option<Timedelta>> = laps.iter().map(|lap| lap.time).collect();
    if !in_order(&ends) || !in_order(&fitted) {
        return Err(Unusable::new("a driver's laps or tyres are not in the order of time"));
    }
    let tyre_at =
        |end| fitted.partition_point(|time| *time <= end).checked_sub(1).and_then(|at| tyres.get(at));
    let lap = |lap: &TimedLap| TyredLap { timed: *lap, tyre: tyre_at(lap.time).cloned(), generated: false };
    Ok(laps.iter().map(lap).collect())
}

/// When the session was started again after each red flag.
fn restarts(status: &SessionStatus) -> Vec<Timedelta> {
    let mut restarts = Vec::new();
    let mut is_aborted = false;
    for change in &status.changes {
        match change.status.as_str() {
            "Aborted" => is_aborted = true,
            "Started" if is_aborted => {
                is_aborted = false;
                restarts.extend(change.time);
            }
            _ => {}
        }
    }
    restarts
}

/// The age of the tyres at the end of each lap, in laps: that when fitted plus the laps of the stint so far (FastF1
/// adds `arange` to the laps of each stint).
fn tyre_lives(laps: &[TyredLap]) -> Result<Vec<Option<f64>>, Unusable> {
    let mut driven: Vec<(i64, f64)> = Vec::new();
    let mut lives = Vec::with_capacity(laps.len());
    for lap in laps {
        let Some(tyre) = &lap.tyre else {
            lives.push(None);
            continue;
        };
        let laps = match driven.iter_mut().find(|(stint, _)| *stint == tyre.stint) {
            Some((_, laps)) => {
                *laps += 1.0;
                *laps
            }
            None => {
                driven.push((tyre.stint, 1.0));
                1.0
            }
        };
        lives.push(match tyre.start_laps {
            Age::Unknown => None,
            Age::Laps(age) => Some(age + laps),
            Age::NoNumber => return Err(Unusable::new("the age of tyres is not a number")),
        });
    }
    Ok(lives)
}

impl TyredLap {
    fn row(
        &self,
        names: &[Rc<str>; 3],
        number: f64,
        start: Option<Timedelta>,
        tyre_life: Option<f64>,
    ) -> Lap {
        let timed = &self.timed;
        let [driver, driver_number, team] = names.clone();
        let [i1, i2, fl, st] = timed.speeds;
        Lap {
            time: timed.time,
            driver,
            driver_number,
            lap_time: timed.lap_time.value(),
            lap_number: number,
            stint: self.tyre.as_ref().map(|tyre| tyre.stint as f64 + 1.0),
            pit_out_time: timed.pit_out_time,
            pit_in_time: timed.pit_in_time,
            sector_times: timed.sector_times.map(Reading::value),
            sector_session_times: timed.sector_session_times,
            speeds: Speeds { i1, i2, fl, st },
            is_personal_best: Some(timed.is_personal_best),
            compound: Text::NaN,
            tyre_life,
            fresh_tyre: false,
            team,
            lap_start_time: start,
            lap_start_date: None,
            track_status: String::new(),
            position: None,
            deleted: None,
            deleted_reason: Some(String::new()),
            generated: self.generated,
            is_accurate: false,
        }
    }
}

/// Gives each lap the statuses that were in force; false if that could not be done to the end.
fn add_track_status(laps: &mut [Lap], track_status: &TrackStatus) -> bool {
    let spans: Vec<_> = laps.iter().map(|lap| (lap.lap_start_time, lap.time)).collect();
    let (statuses, complete) = track_status.of_laps(&spans);
    for (lap, status) in laps.iter_mut().zip(statuses) {
        lap.track_status = status;
    }
    complete
}

/// Speeds of a driver that are missing because the feed sends changes only: that of the lap before, but not
/// under a red flag, and at the finish line not of a lap into the pits.
fn fill_speeds(laps: &mut [Lap]) {
    let mut last = Speeds::default();
    for lap in laps {
        let Speeds { i1, i2, fl, st } = lap.speeds;
        last = Speeds { i1: i1.or(last.i1), i2: i2.or(last.i2), fl: fl.or(last.fl), st: st.or(last.st) };
        if !lap.generated && !lap.track_status.contains('5') {
            let fl = if lap.pit_in_time.is_none() { last.fl } else { fl };
            lap.speeds = Speeds { fl, ..last };
        }
    }
}
