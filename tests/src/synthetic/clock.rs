//! Times as the upstreams write them. Inside the generator a time is milliseconds since the feed began.

use chrono::{DateTime, TimeDelta, Utc};

pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;

/// `hh:mm:ss.mmm`, the head of a feed line.
pub fn stamp(ms: i64) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

/// A lap time, `1:23.456`; from an hour on `1:02:03.456`.
pub fn lap_time(ms: i64) -> String {
    match ms / 3_600_000 {
        0 => format!("{}:{:02}.{:03}", ms / 60_000, ms / 1000 % 60, ms % 1000),
        hours => format!("{hours}:{:02}:{:02}.{:03}", ms / 60_000 % 60, ms / 1000 % 60, ms % 1000),
    }
}

/// A sector time, `34.567`: seconds without minutes even above 60.
pub fn sector_time(ms: i64) -> String {
    format!("{}.{:03}", ms / 1000, ms % 1000)
}

/// A gap, `+1.234`, from a minute on `+1:02.345`.
pub fn gap(ms: i64) -> String {
    if ms < MINUTE { format!("+{}", sector_time(ms)) } else { format!("+{}", lap_time(ms)) }
}

/// `2024-05-06T12:34:56`, with as many digits of a second (at most 7, trailing zeros cut, as .NET does)
/// and the `Z` if `digits` is given.
pub fn utc(start: DateTime<Utc>, ms: i64, digits: Option<usize>) -> String {
    let at = start + TimeDelta::milliseconds(ms);
    let seconds = at.format("%Y-%m-%dT%H:%M:%S");
    match digits {
        None => seconds.to_string(),
        Some(digits) => {
            // Below the millisecond the digits are made up, but fixed by the time.
            let ticks = at.timestamp_subsec_millis() * 10_000
                + (ms.unsigned_abs() as u32).wrapping_mul(7919) % 10_000;
            let fraction = format!("{ticks:07}");
            let fraction = fraction[..digits.min(7)].trim_end_matches('0');
            let point = if fraction.is_empty() { "" } else { "." };
            format!("{seconds}{point}{fraction}Z")
        }
    }
}
