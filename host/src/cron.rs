//! When to run, in cron's notation.

use std::str::FromStr;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use croner::Cron;

/// The instants at which to run, in UTC.
#[derive(Debug, Clone)]
pub struct Schedule(Cron);

impl FromStr for Schedule {
    type Err = String;

    /// Reads cron's five fields, or six if the first one is seconds. Fails if `text` is something else, or if no
    /// instant from now on fits it.
    fn from_str(text: &str) -> Result<Schedule, String> {
        let cron =
            Cron::from_str(text).map_err(|error| format!("{text:?} is not a cron schedule: {error}"))?;
        let schedule = Schedule(cron);
        let now = SystemTime::now().into();
        schedule.after(now).map(|_| schedule).ok_or_else(|| format!("{text:?} never comes"))
    }
}

impl Schedule {
    /// The first instant after `last`; none if the schedule has ended.
    pub fn after(&self, last: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.0.find_next_occurrence(&last, false).ok()
    }
}

#[cfg(test)]
mod tests {
    use chrono::SecondsFormat;

    use super::*;

    #[test]
    fn the_schedule_is_cron_in_utc() {
        let after = |schedule: &str, last: &str| {
            let last = DateTime::parse_from_rfc3339(last).unwrap().to_utc();
            let next = schedule.parse::<Schedule>().unwrap().after(last).unwrap();
            next.to_rfc3339_opts(SecondsFormat::Secs, true)
        };
        assert_eq!(after("0 12 * * *", "2026-11-24T11:59:59Z"), "2026-11-24T12:00:00Z");
        assert_eq!(after("0 12 * * *", "2026-11-24T12:00:00Z"), "2026-11-25T12:00:00Z");
        assert_eq!(after("0 12 * * *", "2026-11-24T12:00:00+02:00"), "2026-11-24T12:00:00Z");
        assert_eq!(after("*/15 * * * MON", "2026-11-24T12:00:00Z"), "2026-11-30T00:00:00Z");
        assert_eq!(after("*/10 * * * * *", "2026-11-24T12:00:01Z"), "2026-11-24T12:00:10Z");
    }

    #[test]
    fn what_is_not_a_schedule_is_refused() {
        for wrong in ["", "noon", "61 * * * *", "* * * *", "0 0 30 2 *"] {
            let error = wrong.parse::<Schedule>().unwrap_err();
            assert!(error.contains(wrong), "{error}");
        }
    }
}
