//! The laps of one driver (FastF1's `_laps_data_driver`): which message belongs to which lap.

use super::corrections::{
    drop_last_without_end, fill_lap_and_sector_times, mark_personal_bests, sync_with_following,
    sync_with_previous, sync_with_sectors,
};
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

/// The laps that a driver's messages make; None if there is none.
pub fn laps(
    number: &str,
    updates: &[Update],
    notes: &mut Vec<String>,
) -> Result<Option<DriverLaps>, Unusable> {
    let (ends, late) = lap_ends(updates);
    if late > 0 {
        notes.push(format!(
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
    // In FastF1's order: each step reads what the ones before it set.
    // After the last lap there may be values of one more.
    if !laps.get(lap).is_some_and(has_data) {
        laps.pop();
    }
    // The way to the grid is not a lap.
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
        notes.push(format!("driver {number}: times that contradict each other near the laps {doubtful:?}"));
    }
    Ok(Some(DriverLaps { laps, split_times }))
}

/// Tells the updates that go back in time: from a lap count below one already seen until the count has
/// caught up. Both of FastF1's passes skip these.
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
/// left the pits. The second pass needs the ends ahead: a car may leave the pits just before the lap that this is of.
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
        // The trap on the longest straight can come so early in a lap that it would be taken for a late one.
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
            // Between the parts of a qualifying the feed sends the time since the lap before: a slow lap counts only if
            // its sectors say the same.
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
        // A car out of the pits just before a lap ends drives the next one.
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

/// The sum of a lap's sectors, None while one was not sent. Fails if one was sent empty, as FastF1's does.
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
