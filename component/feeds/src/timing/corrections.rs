//! What FastF1 corrects once a driver's messages have filled his laps (the postprocessing in `_laps_data_driver`):
//! values that the feed does not send again, and laps' ends that a slow clock saw late.

use super::{Reading, TimedLap};
use crate::feed::Unusable;
use crate::time::Timedelta;

/// Removes lap times shorter than their sectors, and works out those that were sent empty. The feed sends
/// changes only, so a value that is missing and comes out equal to the lap before's is that one again. One that was
/// never sent is not worked out from the sectors alone: they may be of another lap.
pub fn fill_lap_and_sector_times(laps: &mut [TimedLap], doubtful: &mut Vec<usize>) {
    let mut previous: Option<TimedLap> = None;
    for (index, lap) in laps.iter_mut().enumerate() {
        let known = lap.sector_times.map(Reading::value);
        let sum: Timedelta = known.iter().flatten().copied().sum();
        let missing: Vec<usize> = (0..3).filter(|sector| known.get(*sector) == Some(&None)).collect();
        if lap.lap_time.value().is_some_and(|time| sum > time) {
            lap.lap_time = Reading::Unseen;
            doubtful.push(index + 1);
        }
        if lap.lap_time == Reading::Empty {
            lap.lap_time = if missing.is_empty() { Reading::Is(sum) } else { Reading::Unseen };
        }
        if let Some(previous) = previous {
            match (missing.as_slice(), lap.lap_time) {
                ([], Reading::Unseen) if previous.lap_time == Reading::Is(sum) => {
                    lap.lap_time = Reading::Is(sum);
                }
                ([sector], Reading::Is(time)) => {
                    let rest = Reading::Is(time - sum);
                    if let (Some(before), Some(slot)) =
                        (previous.sector_times.get(*sector), lap.sector_times.get_mut(*sector))
                        && *before == rest
                    {
                        *slot = rest;
                    }
                }
                _ => {}
            }
        }
        previous = Some(*lap);
    }
}

/// A lap's end is the earliest of: its own message, that of sector 3, sector 2 plus its time, sector 1 plus
/// theirs. No message comes too early. (FastF1's "lap time sync"; the two functions below are its passes back and
/// forth over the laps.)
pub fn sync_with_sectors(laps: &mut [TimedLap], doubtful: &mut Vec<usize>) {
    let mut previous = None;
    for (index, lap) in laps.iter_mut().enumerate() {
        let [_, sector2, sector3] = lap.sector_times.map(Reading::value);
        let [end1, end2, end3] = lap.sector_session_times;
        let mut rest = Timedelta::ZERO;
        let mut earliest = lap.time;
        for (sector, end) in [(Some(Timedelta::ZERO), end3), (sector3, end2), (sector2, end1)] {
            let Some(end) = end else { continue };
            let Some(sector) = sector else { break };
            rest = rest + sector;
            if earliest.is_none_or(|earliest| end + rest < earliest) {
                earliest = Some(end + rest);
            }
        }
        if index > 0 && less(earliest, previous) {
            doubtful.push(index + 1);
        } else {
            lap.time = earliest;
        }
        previous = lap.time;
    }
}

/// A last lap without an end ends in the pits, or is not a lap.
pub fn drop_last_without_end(laps: &mut Vec<TimedLap>) {
    if let Some(last) = laps.last_mut()
        && last.time.is_none()
    {
        last.time = last.pit_in_time;
        if last.time.is_none() {
            laps.pop();
        }
    }
}

/// A lap ended no later than the following one's end minus its lap time.
pub fn sync_with_following(laps: &mut [TimedLap], doubtful: &mut Vec<usize>) {
    for index in (1..laps.len()).rev() {
        let before = index.checked_sub(2).and_then(|index| laps.get(index)).and_then(|lap| lap.time);
        let Some([previous, lap]) = laps.get_mut(index - 1..=index) else { continue };
        let start = difference(lap.time, lap.lap_time.value());
        if less(start, previous.time) {
            if less(start, before) {
                doubtful.push(index + 1);
            } else {
                previous.time = start;
            }
        }
    }
}

/// A lap and its sectors ended no later than the previous lap's end plus their times.
pub fn sync_with_previous(laps: &mut [TimedLap]) {
    for index in 1..laps.len() {
        let Some([previous, lap]) = laps.get_mut(index - 1..=index) else { continue };
        let (Some(mut end), Some(lap_time)) = (previous.time, lap.lap_time.value()) else { continue };
        if lap.time.is_some_and(|time| end + lap_time < time) {
            lap.time = Some(end + lap_time);
        }
        for (sector, session_time) in lap.sector_times.iter().zip(&mut lap.sector_session_times) {
            let Some(sector) = sector.value() else { break };
            end = end + sector;
            if session_time.is_some_and(|time| end < time) {
                *session_time = Some(end);
            }
        }
    }
}

/// Marks the laps that were a personal best when they were driven. The feed sends the one before again if a lap
/// is deleted at once: read backwards, a time faster than those seen already was deleted.
pub fn mark_personal_bests(
    laps: &mut [TimedLap],
    best_lap_times: &[(Option<Timedelta>, Option<Timedelta>)],
    split_times: &[Option<Timedelta>],
) -> Result<(), Unusable> {
    let no_time = || Unusable::new("a personal best has no time");
    let mut part = split_times.len().saturating_sub(1);
    let mut seen: Vec<Option<Timedelta>> = Vec::new();
    for (time, best) in best_lap_times.iter().rev() {
        let begin = split_times.get(part).copied().flatten().ok_or_else(no_time)?;
        if time.ok_or_else(no_time)? < begin {
            // Each part of a session has its own bests. Python's list index -1 is the last one.
            part = part.checked_sub(1).unwrap_or(split_times.len().saturating_sub(1));
            seen.clear();
        }
        if seen.contains(best) {
            continue;
        }
        if let Some(fastest) = seen.iter().min() {
            // FastF1 compares with a time that cannot be read as soon as there is another one.
            let (best, fastest) = best.zip(*fastest).ok_or_else(no_time)?;
            if best < fastest {
                continue;
            }
        }
        seen.push(*best);
        let is_best = |lap: &&mut TimedLap| best.is_some_and(|best| lap.lap_time == Reading::Is(best));
        if let Some(lap) = laps.iter_mut().find(is_best) {
            lap.is_personal_best = true;
        }
    }
    Ok(())
}

fn difference(end: Option<Timedelta>, span: Option<Timedelta>) -> Option<Timedelta> {
    Some(end? - span?)
}

/// pandas' `<`: false if a side is missing.
fn less(left: Option<Timedelta>, right: Option<Timedelta>) -> bool {
    left.zip(right).is_some_and(|(left, right)| left < right)
}
