//! Results out of the laps, if Jolpica has no position for anybody.

use std::collections::BTreeMap;

use super::{ResultRow, classified_positions, sort_by_position};
use crate::fastf1::feed::Unusable;
use crate::fastf1::lap::Lap;
use crate::fastf1::numpy;
use crate::fastf1::order::sort_stable;
use crate::fastf1::session_status::StatusChange;
use crate::fastf1::text::Text;
use crate::fastf1::time::Timedelta;
use crate::session::SessionKind;

/// The parts of a qualifying as FastF1's `split_qualifying_sessions` finds them.
#[derive(Debug, Clone, Copy)]
pub struct QualifyingParts<'a> {
    /// When Q1, Q2 and Q3 began according to the timing data; may be empty.
    pub split_times: &'a [Timedelta],
    pub status: &'a [StatusChange],
}

/// Fills in positions, and what goes with them, unless somebody has one already.
///
/// Fails if FastF1's calculation raises, which it catches: the rows stay as they are then.
pub fn fill_in(
    rows: &mut [ResultRow],
    kind: SessionKind,
    laps: &[Lap],
    parts: QualifyingParts,
) -> Result<(), Unusable> {
    if rows.iter().any(|row| row.position.is_some()) {
        return Ok(());
    }
    match kind {
        SessionKind::Practice => practice(rows, laps)?,
        SessionKind::Qualifying => qualifying(rows, laps, parts)?,
        SessionKind::Race => race(rows, laps),
    }
    sort_by_position(rows);
    Ok(())
}

fn deleted(lap: &Lap) -> Result<bool, Unusable> {
    lap.deleted
        .ok_or_else(|| Unusable::new("without race control's messages nobody knows which laps were deleted"))
}

/// Laps driven on: more first, then who ended the last one first (`_calculate_race_like_session_results`).
fn race(rows: &mut [ResultRow], laps: &[Lap]) {
    let mut last: BTreeMap<&str, &Lap> = BTreeMap::new();
    for lap in laps {
        let latest = last.entry(&lap.driver_number).or_insert(lap);
        if lap.lap_number > latest.lap_number {
            *latest = lap;
        }
    }
    let mut order: Vec<(&str, &Lap)> = last.into_iter().collect();
    let ends = |lap: &Lap| (lap.time.is_none(), lap.time);
    sort_stable(&mut order, |(_, a), (_, b)| {
        b.lap_number.total_cmp(&a.lap_number).then_with(|| ends(a).cmp(&ends(b)))
    });
    let order: Vec<&str> = order.into_iter().map(|(number, _)| number).collect();
    set_positions(rows, &order);
}

/// The best lap time of each driver (`_calculate_practice_like_session_results`).
fn practice(rows: &mut [ResultRow], laps: &[Lap]) -> Result<(), Unusable> {
    let best: Vec<(&str, Timedelta)> = best_times(laps)?.into_iter().collect();
    let times: Vec<Option<Timedelta>> = best.iter().map(|(_, time)| Some(*time)).collect();
    let order: Vec<(&str, Timedelta)> =
        numpy::order_of_spans(&times).into_iter().filter_map(|i| best.get(i).copied()).collect();
    set_positions(rows, &order.iter().map(|(number, _)| *number).collect::<Vec<_>>());
    for row in rows {
        let own = order.iter().find(|(number, _)| row.driver_number.as_str() == Some(number));
        row.time = own.map(|(_, time)| *time);
    }
    Ok(())
}

/// By driver's number; laps without a time or with a deleted one do not count.
fn best_times<'a>(laps: impl IntoIterator<Item = &'a Lap>) -> Result<BTreeMap<&'a str, Timedelta>, Unusable> {
    let mut best: BTreeMap<&str, Timedelta> = BTreeMap::new();
    for lap in laps {
        let deleted = deleted(lap)?;
        if let Some(time) = lap.lap_time.filter(|_| !deleted) {
            best.entry(&lap.driver_number).and_modify(|best| *best = time.min(*best)).or_insert(time);
        }
    }
    Ok(best)
}

/// Each driver's best accurate lap in Q1, Q2 and Q3 (`_calculate_quali_like_session_results`).
fn qualifying(rows: &mut [ResultRow], laps: &[Lap], parts: QualifyingParts) -> Result<(), Unusable> {
    let accurate: Vec<&Lap> = laps.iter().filter(|lap| lap.is_accurate).collect();
    let best = split(&accurate, parts)?.map(best_times);
    let [q1, q2, q3] = best;
    let best = [q1?, q2?, q3?];
    let mut order: Vec<(&str, [Option<Timedelta>; 3])> = Vec::new();
    for lap in laps {
        if !order.iter().any(|(number, _)| *number == &*lap.driver_number) {
            let times = best.each_ref().map(|best| best.get(&*lap.driver_number).copied());
            order.push((&lap.driver_number, times));
        }
    }
    let slowest_last = |q: &[Option<Timedelta>; 3]| [q[2], q[1], q[0]].map(|time| (time.is_none(), time));
    sort_stable(&mut order, |(_, a), (_, b)| slowest_last(a).cmp(&slowest_last(b)));
    let numbers: Vec<&str> = order.iter().map(|(number, _)| *number).collect();
    let positions = order.iter().enumerate().map(|(i, (_, q))| (Some((i + 1) as f64), *q));
    let classified = classified_positions(positions);
    set_positions(rows, &numbers);
    for row in rows {
        let at = numbers.iter().position(|number| row.driver_number.as_str() == Some(number));
        row.q = at.and_then(|at| order.get(at)).map_or([None; 3], |(_, q)| *q);
        row.classified_position = at.and_then(|at| classified.get(at).cloned()).map_or(Text::NaN, Text::Is);
    }
    Ok(())
}

/// FastF1's `split_qualifying_sessions`: the laps by the part of the session that they started in, but an
/// out-lap that crosses the timing line in the pit lane before its part begins belongs to that part.
fn split<'a>(laps: &[&'a Lap], parts: QualifyingParts) -> Result<[Vec<&'a Lap>; 3], Unusable> {
    let mut starts: Vec<Option<Timedelta>> = match parts.split_times {
        [] => starts(parts.status),
        times => times.iter().copied().map(Some).collect(),
    };
    let end = parts.status.last().ok_or_else(|| Unusable::new("the session has no status"))?;
    starts.push(end.time);
    let mut split = [const { Vec::new() }; 3];
    let mut early: Vec<bool> = vec![false; laps.len()];
    for (i, part) in starts.windows(2).enumerate() {
        let [start, end] = part else { continue };
        let found =
            split.get_mut(i).ok_or_else(|| Unusable::new("the qualifying has more than three parts"))?;
        for (lap, early) in laps.iter().zip(&mut early) {
            let begins_before_end = before(lap.lap_start_time, *end);
            let inside = *early || (before(*start, lap.lap_start_time) && begins_before_end);
            *early = begins_before_end && before(*end, lap.time) && lap.pit_out_time.is_some();
            if inside && !*early {
                found.push(*lap);
            }
        }
    }
    Ok(split)
}

/// A comparison with a time that is missing is false.
fn before(a: Option<Timedelta>, b: Option<Timedelta>) -> bool {
    a.zip(b).is_some_and(|(a, b)| a < b)
}

/// Each `Started` begins a part, but not the one after a red flag.
fn starts(status: &[StatusChange]) -> Vec<Option<Timedelta>> {
    let mut starts = Vec::new();
    let mut suspended = false;
    for change in status {
        match change.status.as_str() {
            "Started" if suspended => suspended = false,
            "Started" => starts.push(change.time),
            "Aborted" => suspended = true,
            "Finished" => suspended = false,
            _ => {}
        }
    }
    starts
}

/// Numbers the drivers from 1; whoever is not among them has no position.
fn set_positions(rows: &mut [ResultRow], order: &[&str]) {
    for row in rows {
        let at = order.iter().position(|number| row.driver_number.as_str() == Some(number));
        row.position = at.map(|at| (at + 1) as f64);
    }
}
