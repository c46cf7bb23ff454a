//! The laps of one driver (FastF1's `_laps_data_driver`): which message belongs to which lap, and which of
//! several clocks saw a lap's end first.

use super::update::{InPit, Update};
use super::{Reading, TimedLap};
use crate::feed::Unusable;
use crate::time::Timedelta;

/// Values that come up to this long after a lap's end still belong to it.
const LATE: Timedelta = Timedelta::from_seconds(5);

/// A lap time from here on is doubtful: between the parts of a qualifying it counts from the lap before.
const SLOW: Timedelta = Timedelta::from_seconds(150);

/// The laps of a driver, and when the parts of a session began as far as the driver's messages tell.
pub struct DriverLaps {
    pub laps: Vec<TimedLap>,
    pub split_times: Vec<Option<Timedelta>>,
}

/// The laps that a driver's messages make; None where there is not one.
pub fn laps(
    number: &str,
    updates: &[Update],
    warnings: &mut Vec<String>,
) -> Result<Option<DriverLaps>, Unusable> {
    let (ends, late) = lap_ends(updates);
    if late > 0 {
        warnings.push(format!(
            "driver {number}: ignored late data of laps before the current one ({late} messages); \
             the laps may contain errors"
        ));
    }
    let mut filling = Filling::new(&ends);
    let mut present = Present::default();
    for update in updates {
        let is_new_lap = present.is_new_lap(update);
        if present.admits(update) {
            filling.take(update, is_new_lap)?;
        }
    }
    let Filling { mut laps, lap, best_lap_times, split_times, .. } = filling;
    if lap == 0 {
        return Ok(None);
    }
    // After the last lap there may be values of one more.
    if !laps.get(lap).is_some_and(has_data) {
        laps.pop();
    }
    // The way to the grid is no lap.
    if laps.first().is_some_and(|first| !has_data(first)) {
        laps.remove(0);
    }
    let mut doubtful = Vec::new();
    fill_lap_and_sector_times(&mut laps, &mut doubtful);
    sync_with_sectors(&mut laps, &mut doubtful);
    drop_last_without_end(&mut laps);
    if laps.is_empty() {
        return Ok(Some(DriverLaps { laps, split_times }));
    }
    sync_with_following(&mut laps, &mut doubtful);
    sync_with_previous(&mut laps);
    mark_personal_bests(&mut laps, &best_lap_times, &split_times)?;
    if let Some(first) = laps.first_mut()
        && first.pit_in_time.zip(first.pit_out_time).is_some_and(|(pit_in, pit_out)| pit_in < pit_out)
    {
        // Into the pits on the way to the grid.
        first.pit_in_time = None;
    }
    if !doubtful.is_empty() {
        warnings
            .push(format!("driver {number}: times that contradict each other near the laps {doubtful:?}"));
    }
    Ok(Some(DriverLaps { laps, split_times }))
}

/// Tells the updates that go back in time: from a lap count below one already seen until the count has
/// caught up.
#[derive(Default)]
struct Present {
    /// The feed's own count, which may begin with a lap that never was.
    api_laps: f64,
    in_past: bool,
}

impl Present {
    fn admits(&mut self, update: &Update) -> bool {
        if self.in_past && update.number_of_laps() == Some(self.api_laps) {
            self.in_past = false;
        }
        self.in_past |= self.is_late(update);
        if !self.in_past && self.is_new_lap(update) {
            self.api_laps += 1.0;
        }
        !self.in_past
    }

    fn is_late(&self, update: &Update) -> bool {
        update.number_of_laps().is_some_and(|laps| laps < self.api_laps)
    }

    fn is_new_lap(&self, update: &Update) -> bool {
        update.number_of_laps().is_some_and(|laps| laps > self.api_laps)
    }
}

/// A first pass: when each lap ended, and how many messages come late. A lap counts only once the car has
/// left the pits.
fn lap_ends(updates: &[Update]) -> (Vec<Option<Timedelta>>, usize) {
    let mut present = Present::default();
    let mut out_of_pit = false;
    let mut ends = Vec::new();
    let mut late = 0;
    for update in updates {
        late += usize::from(present.is_late(update));
        let is_new_lap = present.is_new_lap(update);
        if !present.admits(update) {
            continue;
        }
        out_of_pit |= update.in_pit == Some(InPit::Out);
        if is_new_lap && out_of_pit {
            ends.push(update.time);
        }
    }
    (ends, late)
}

/// The second pass: messages fill the laps.
struct Filling {
    laps: Vec<TimedLap>,
    /// Index of the lap that the car is on.
    lap: usize,
    /// How often the car left the pits, from -1: the first time is the way to the grid.
    pit_stops: i64,
    best_lap_times: Vec<(Option<Timedelta>, Option<Timedelta>)>,
    split_times: Vec<Option<Timedelta>>,
}

impl Filling {
    fn new(ends: &[Option<Timedelta>]) -> Filling {
        let ended = ends.iter().map(|end| TimedLap { time: *end, ..TimedLap::default() });
        Filling {
            laps: ended.chain([TimedLap::default()]).collect(),
            lap: 0,
            pit_stops: -1,
            best_lap_times: Vec::new(),
            split_times: vec![Some(Timedelta::ZERO)],
        }
    }

    fn lap(&mut self, index: usize) -> Result<&mut TimedLap, Unusable> {
        self.laps.get_mut(index).ok_or_else(|| Unusable::new("a driver's laps do not add up"))
    }

    fn take(&mut self, update: &Update, is_new_lap: bool) -> Result<(), Unusable> {
        let time = update.time;
        let late = match self.lap.checked_sub(1) {
            Some(previous) => match (time, self.lap(previous)?.time) {
                (Some(time), Some(end)) => time - end < LATE,
                _ => return Err(Unusable::new("a message has no time")),
            },
            None => false,
        };
        let values_of = if late { self.lap - 1 } else { self.lap };
        self.take_times(update, values_of)?;
        let [i1, i2, fl, st] = update.speeds.get()?;
        let speeds = &mut self.lap(values_of)?.speeds;
        for (slot, speed) in speeds.iter_mut().zip([i1, i2, fl]) {
            *slot = speed.or(*slot);
        }
        // The trap on the longest straight can come that early in a lap.
        let [.., straight] = &mut self.lap(self.lap)?.speeds;
        *straight = st.or(*straight);

        if let Some(in_pit) = update.in_pit {
            self.take_pit(time, in_pit, is_new_lap)?;
        }
        if let Some(best) = update.best_lap_time.get()? {
            self.best_lap_times.push((time, best));
        }
        if update.part.get()?.is_some_and(|part| part >= self.split_times.len() as i64) {
            self.split_times.push(time);
        }
        if is_new_lap && self.pit_stops >= 0 {
            self.lap(self.lap)?.time = time;
            self.lap += 1;
        }
        Ok(())
    }

    fn take_times(&mut self, update: &Update, index: usize) -> Result<(), Unusable> {
        let lap = self.lap(index)?;
        for (sector, sent) in update.sectors.get()?.iter().enumerate() {
            let slots = (lap.sector_times.get_mut(sector), lap.sector_session_times.get_mut(sector));
            if let (Some(sent), (Some(time), Some(session_time))) = (sent, slots) {
                *time = sent.map_or(Reading::Empty, Reading::Is);
                *session_time = update.time;
            }
        }
        match update.lap_time.get()? {
            Some(None) => lap.lap_time = Reading::Empty,
            // A slow lap is one where the sectors say the same.
            Some(Some(time)) if time < SLOW || sector_sum(lap)? == Some(time) => {
                lap.lap_time = Reading::Is(time);
            }
            _ => {}
        }
        Ok(())
    }

    fn take_pit(&mut self, time: Option<Timedelta>, in_pit: InPit, is_new_lap: bool) -> Result<(), Unusable> {
        if in_pit == InPit::In {
            if self.pit_stops >= 0 {
                self.lap(self.lap)?.pit_in_time = time;
            }
            return Ok(());
        }
        let ends_soon = match (self.lap(self.lap)?.time, time) {
            _ if is_new_lap => true,
            (Some(end), Some(time)) => end - time < LATE,
            (None, Some(_)) => false,
            (_, None) => return Err(Unusable::new("a car leaves the pits at no time")),
        };
        self.lap(self.lap + usize::from(ends_soon))?.pit_out_time = time;
        self.pit_stops += 1;
        Ok(())
    }
}

/// The sum of a lap's sectors, None while one was not sent. Fails where one was sent empty, as FastF1's does.
fn sector_sum(lap: &TimedLap) -> Result<Option<Timedelta>, Unusable> {
    if lap.sector_times.contains(&Reading::Empty) {
        return Err(Unusable::new("a sector time cannot be read"));
    }
    Ok(lap.sector_times.iter().map(|time| time.value()).sum())
}

fn has_data(lap: &TimedLap) -> bool {
    let mut times = lap.sector_times.iter().chain([&lap.lap_time]);
    times.any(|time| time.value().is_some()) || lap.speeds.iter().any(Option::is_some)
}

/// Removes lap times shorter than their sectors, and works out those that were sent empty. The feed sends
/// changes only, so a value that is missing and comes out equal to the lap before's is that one again.
fn fill_lap_and_sector_times(laps: &mut [TimedLap], doubtful: &mut Vec<usize>) {
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
/// theirs. No message comes too early.
fn sync_with_sectors(laps: &mut [TimedLap], doubtful: &mut Vec<usize>) {
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

/// A last lap without an end ends in the pits, or is none.
fn drop_last_without_end(laps: &mut Vec<TimedLap>) {
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
fn sync_with_following(laps: &mut [TimedLap], doubtful: &mut Vec<usize>) {
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
fn sync_with_previous(laps: &mut [TimedLap]) {
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

/// Marks the laps that were a personal best when they were driven. The feed sends the one before again where
/// a lap is deleted at once: read backwards, a time faster than those seen already was deleted.
fn mark_personal_bests(
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

/// pandas' `<`: false where a side is missing.
fn less(left: Option<Timedelta>, right: Option<Timedelta>) -> bool {
    left.zip(right).is_some_and(|(left, right)| left < right)
}
