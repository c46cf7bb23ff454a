//! A last lap for cars that retired on track (FastF1's `_fix_missing_laps_retired_on_track`).

use crate::document::Remarks;
use std::rc::Rc;

use super::super::feed::Unusable;
use super::super::lap::{Lap, Speeds};
use super::super::order::sort_stable;
use super::super::session_status::{SessionStatus, StatusChange};
use super::super::time::Timedelta;
use super::build::SessionFacts;

/// How long a lap is taken to last if nothing tells. FastF1 looks for the moment at which the car stood
/// still only if telemetry is loaded before the laps, which it never is.
const ASSUMED: Timedelta = Timedelta::from_seconds(150);

/// Adds the laps and sorts all by the drivers' numbers (as texts) if there is one. `total_laps` is the
/// scheduled distance; fails if that is needed and not known.
pub fn add(
    laps: &mut Vec<Lap>,
    facts: &SessionFacts,
    total_laps: Result<Option<i64>, Unusable>,
    remarks: &mut Remarks,
) -> Result<(), Unusable> {
    let status = facts.status;
    let mut added = Vec::new();
    for driver_laps in laps.chunk_by(|a, b| a.driver_number == b.driver_number) {
        if let [only] = driver_laps
            && only.generated
        {
            continue;
        }
        let total_laps = total_laps.clone()?;
        let Some(end) = assumed_end(driver_laps, status, total_laps, remarks) else { continue };
        added.extend(driver_laps.last().map(|last| unfinished(last, end, facts)));
    }
    if !added.is_empty() {
        laps.extend(added);
        sort_stable(laps, |a, b| {
            a.driver_number.cmp(&b.driver_number).then(a.lap_number.total_cmp(&b.lap_number))
        });
    }
    Ok(())
}

/// When the lap after a driver's last one is taken to have ended; None if there was none.
fn assumed_end(
    laps: &[Lap],
    status: &SessionStatus,
    total_laps: Option<i64>,
    remarks: &mut Remarks,
) -> Option<Timedelta> {
    let last = laps.last()?;
    let reference = last.time.or(last.lap_start_time)?;
    let (before, after): (Vec<&StatusChange>, Vec<&StatusChange>) = status
        .changes
        .iter()
        .filter(|change| change.time.is_some())
        .partition(|change| change.time <= Some(reference));
    let finish = after.iter().find(|change| change.status == "Finished");

    if total_laps.is_some_and(|total| last.lap_number == total as f64) {
        let driver_finish = laps.iter().filter_map(|lap| lap.time).max();
        if let (Some(finish), Some(driver_finish)) = (finish.and_then(|finish| finish.time), driver_finish) {
            remarks.note(format!(
                "driver {}: finished {:.3} s before the session's recorded end",
                last.driver_number,
                (finish - driver_finish).total_seconds()
            ));
        }
        return None;
    }
    let finished = before.iter().any(|change| change.status == "Finished");
    if finished || finish.is_none() || last.pit_in_time.is_some() {
        return None;
    }
    if total_laps.is_some_and(|total| laps.len() as i64 >= total) {
        return None;
    }
    let entered_pits = laps.iter().rev().nth(1).is_some_and(|lap| lap.pit_in_time.is_some());
    if entered_pits && last.pit_out_time.is_none() {
        // The lap began in the pit lane and the car stayed there.
        return None;
    }
    let next = after.first()?;
    if next.status == "Aborted" { next.time } else { Some(reference + ASSUMED) }
}

/// The lap after `last`. What cannot be known of it is missing.
fn unfinished(last: &Lap, end: Timedelta, facts: &SessionFacts) -> Lap {
    let span = (last.time, Some(end));
    let track_status = facts.track_status.and_then(|status| status.of_laps(&[span]).0.pop());
    Lap {
        time: Some(end),
        driver: Rc::clone(&last.driver),
        driver_number: Rc::clone(&last.driver_number),
        lap_time: None,
        lap_number: last.lap_number + 1.0,
        stint: last.stint,
        pit_out_time: None,
        pit_in_time: None,
        sector_times: [None; 3],
        sector_session_times: [None; 3],
        speeds: Speeds::default(),
        is_personal_best: None,
        compound: last.compound.clone(),
        tyre_life: last.tyre_life.map(|laps| laps + 1.0),
        fresh_tyre: last.fresh_tyre,
        team: Rc::clone(&last.team),
        lap_start_time: last.time,
        lap_start_date: None,
        track_status: track_status.unwrap_or_default(),
        position: None,
        deleted: None,
        deleted_reason: None,
        generated: true,
        is_accurate: false,
    }
}
