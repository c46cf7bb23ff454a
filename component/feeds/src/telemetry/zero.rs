//! The session's zero date: the moment of session time 0 (FastF1's `Session._calculate_t0_date`).
//!
//! A message is sent some time after the moment it tells of, so date less session time is too early by that
//! delay; the latest of them all is taken.

use super::align::NO_DATE;

/// What one driver's samples say of the zero date, in nanoseconds. A driver's samples need not be kept for it.
#[derive(Clone, Copy)]
pub struct Offsets {
    pub samples: usize,
    /// Date less session time of the first sample and of the one with the earliest date, and the latest of
    /// all. None if a date or a time is missing.
    first: Option<i64>,
    earliest: Option<i64>,
    latest: Option<i64>,
    earliest_date: i64,
}

impl Offsets {
    pub fn new() -> Offsets {
        Offsets { samples: 0, first: None, earliest: None, latest: None, earliest_date: NO_DATE }
    }

    pub fn add(&mut self, date: i64, time: Option<i64>) {
        let offset = time.filter(|_| date != NO_DATE).map(|time| date.saturating_sub(time));
        if self.samples == 0 {
            self.first = offset;
        }
        if date < self.earliest_date {
            (self.earliest_date, self.earliest) = (date, offset);
        }
        self.latest = self.latest.max(offset);
        self.samples += 1;
    }

    /// The driver's latest offset. Python's `max` gives up if the first row of the table has none, as it
    /// has none if the driver was lined up on a `reference` that starts earlier.
    fn zero_date(&self, reference: &Offsets) -> Option<i64> {
        let first = match self {
            _ if self.samples == reference.samples => self.first,
            _ if self.earliest_date <= reference.earliest_date => self.earliest,
            _ => None,
        };
        first.and(self.latest)
    }
}

/// The index of the most complete of a feed's drivers, the first of those with the most samples. FastF1 lines
/// up all that have fewer on it.
pub fn reference(drivers: &[Offsets]) -> Option<usize> {
    (0..drivers.len()).rev().max_by_key(|index| drivers.get(*index).map(|driver| driver.samples))
}

/// The zero date that the drivers of both feeds give, in nanoseconds. None if the first of them has none:
/// in Python nothing is later than no date.
pub fn zero_date(feeds: [&[Offsets]; 2]) -> Option<i64> {
    let mut dates = feeds.into_iter().flat_map(|drivers| {
        let reference = reference(drivers).and_then(|index| drivers.get(index));
        drivers.iter().map(move |driver| driver.zero_date(reference?))
    });
    let first = dates.next()??;
    Some(dates.flatten().fold(first, i64::max))
}
