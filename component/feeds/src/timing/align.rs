//! Aligns the drivers' clocks by the gaps to the leader (FastF1's `_align_laps`).

use super::{DriverTiming, Gap, ToLeader};
use crate::feed::Unusable;
use crate::time::Timedelta;

/// Shifts the ends of each driver's laps so that the differences between drivers are the gaps that the feed
/// gives. Fails, without having changed anything, if FastF1's function raises.
pub fn align(drivers: &mut [DriverTiming], notes: &mut Vec<String>) -> Result<(), Unusable> {
    if drivers.iter().flat_map(|driver| &driver.gaps).all(|gap| gap.to_leader == ToLeader::Unknown) {
        return Ok(());
    }
    let shifts = shifts(drivers)?;
    // A clock can only be late: the driver that is earliest is right.
    let earliest = shifts.iter().flatten().max().ok_or_else(|| Unusable::new("no driver leads a lap"))?;
    let earliest = (*earliest).max(Timedelta::ZERO);
    let mut unaligned = Vec::new();
    for (driver, shift) in drivers.iter_mut().zip(&shifts) {
        match shift {
            Some(shift) => {
                for lap in &mut driver.laps {
                    lap.time = lap.time.map(|time| time + (*shift - earliest));
                }
            }
            None if driver.laps.is_empty() => {}
            None => unaligned.push(&*driver.number),
        }
    }
    if !unaligned.is_empty() {
        notes.push(format!("the laps of these drivers are not aligned: {}", unaligned.join(", ")));
    }
    Ok(())
}

/// By how much each driver's clock is to be shifted relative to that of the first leader; None if no lap
/// tells.
fn shifts(drivers: &[DriverTiming]) -> Result<Vec<Option<Timedelta>>, Unusable> {
    let mut shifts: Vec<Option<Timedelta>> = vec![None; drivers.len()];
    // The last gap that each driver had, in the order in which they came.
    let mut gaps: Vec<(usize, Timedelta)> = Vec::new();
    let laps = drivers.iter().map(|driver| driver.laps.len()).max().unwrap_or(0);
    for lap in 0..laps {
        let mut leader = None;
        let mut active = 0;
        for (index, driver) in drivers.iter().enumerate() {
            let Some(timed) = driver.laps.get(lap) else { continue };
            active += 1;
            if timed.pit_in_time.is_some() || timed.pit_out_time.is_some() {
                continue;
            }
            match nearest(&driver.gaps, timed.time)?.to_leader {
                ToLeader::Leads => leader = Some(index),
                ToLeader::Behind(gap) => {
                    if let (Some(gap), Some(None)) = (gap, shifts.get(index)) {
                        match gaps.iter_mut().find(|(known, _)| *known == index) {
                            Some(known) => known.1 = gap,
                            None => gaps.push((index, gap)),
                        }
                    }
                }
                ToLeader::Unknown | ToLeader::NoText => {
                    return Err(Unusable::new(format!("driver {} has no gap", driver.number)));
                }
            }
        }
        let Some(leader) = leader else { continue };
        let leader_end = end_of(drivers, leader, lap)?;
        let Some(slot) = shifts.get_mut(leader) else { continue };
        let zero = *slot.get_or_insert(Timedelta::ZERO);
        for (index, gap) in &gaps {
            if let Some(slot @ None) = shifts.get_mut(*index) {
                *slot = Some(*gap - (end_of(drivers, *index, lap)? - leader_end) + zero);
            }
        }
        if active <= shifts.iter().flatten().count() {
            break;
        }
    }
    Ok(shifts)
}

/// A gap of an earlier lap may stand for a driver who did not drive this one.
fn end_of(drivers: &[DriverTiming], index: usize, lap: usize) -> Result<Timedelta, Unusable> {
    let driver = drivers.get(index);
    let timed = driver.and_then(|driver| driver.laps.get(lap)).and_then(|lap| lap.time);
    timed.ok_or_else(|| Unusable::new(format!("a driver has no lap {}", lap + 1)))
}

/// The first of the rows that are closest to a lap's end.
fn nearest(gaps: &[Gap], end: Option<Timedelta>) -> Result<&Gap, Unusable> {
    let distance = |gap: &&Gap| Some((gap.time?.0 - end?.0).abs());
    gaps.iter()
        .filter(|gap| distance(gap).is_some())
        .min_by_key(distance)
        .ok_or_else(|| Unusable::new("a driver has no gaps"))
}
