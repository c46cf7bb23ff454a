//! Dates and offsets as the season schedules write them.

use chrono::{DateTime, NaiveDateTime, TimeDelta};
use f1_ingest_feeds::time::Timestamp;

pub fn date_time(text: &str) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(Timestamp::parse(text)?.0).map(|time| time.naive_utc())
}

/// `+03:00` or `03:00:00` in seconds (FastF1's `to_timedelta`); a time zone is less than a day off.
pub fn utc_offset(text: &str) -> Option<TimeDelta> {
    let mut parts = text.split(':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    let seconds = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(seconds)?;
    (seconds.abs() < 86_400 && parts.next().is_none()).then(|| TimeDelta::seconds(seconds))
}

pub fn midnight(time: NaiveDateTime) -> NaiveDateTime {
    time.date().into()
}
