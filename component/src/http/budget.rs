//! How many requests an upstream may get: 4 a second each, and from Jolpica 200 an hour.
//!
//! <https://github.com/jolpica/jolpica-f1/blob/main/docs/rate_limits.md>; rejected requests count too.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// How many requests of the last hour are remembered a host: the largest limit.
const A_HOUR: usize = 200;

/// The requests of the last hour, by host.
#[derive(Debug)]
pub struct Budget {
    /// Requests a second and host; 0 is no limit.
    per_second: usize,
    /// The host that is limited by the hour as well.
    hourly: String,
    sent: HashMap<String, VecDeque<Duration>>,
}

/// Whether a request may go out.
#[derive(Debug, PartialEq, Eq)]
pub enum Turn {
    /// Now; it is counted.
    Free,
    /// Ask again after so long.
    Wait(Duration),
    /// The hour's requests are used up; the first one comes back after so long.
    UsedUp(Duration),
}

impl Budget {
    pub fn new(per_second: usize, hourly: impl Into<String>) -> Self {
        Budget { per_second, hourly: hourly.into(), sent: HashMap::new() }
    }

    /// Asks for a request to `host` at the uptime `now`.
    pub fn take(&mut self, host: &str, now: Duration) -> Turn {
        let sent = self.sent.entry(host.to_owned()).or_default();
        let window = |count: usize, length: Duration| {
            let oldest = *sent.iter().rev().nth(count.checked_sub(1)?)?;
            (oldest + length).checked_sub(now).filter(|wait| !wait.is_zero())
        };
        if host == self.hourly
            && let Some(wait) = window(A_HOUR, HOUR)
        {
            return Turn::UsedUp(wait);
        }
        if let Some(wait) = window(self.per_second, SECOND) {
            return Turn::Wait(wait);
        }
        sent.push_back(now);
        if sent.len() > A_HOUR {
            sent.pop_front();
        }
        Turn::Free
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fifth_request_of_a_second_waits_for_the_first_to_age() {
        let mut budget = Budget::new(4, "jolpica");
        let at = |ms| Duration::from_millis(ms);
        for ms in [0, 100, 200, 300] {
            assert_eq!(budget.take("host", at(ms)), Turn::Free);
        }
        assert_eq!(budget.take("host", at(400)), Turn::Wait(at(600)));
        assert_eq!(budget.take("another", at(400)), Turn::Free);
        assert_eq!(budget.take("host", at(1000)), Turn::Free);
        assert_eq!(budget.take("host", at(1000)), Turn::Wait(at(100)));
    }

    #[test]
    fn an_hour_has_200_requests_at_jolpica_only() {
        let mut budget = Budget::new(0, "jolpica");
        for second in 0..200 {
            assert_eq!(budget.take("jolpica", Duration::from_secs(second)), Turn::Free);
            assert_eq!(budget.take("mirror", Duration::from_secs(second)), Turn::Free);
        }
        let now = Duration::from_secs(1000);
        assert_eq!(budget.take("jolpica", now), Turn::UsedUp(Duration::from_secs(2600)));
        assert_eq!(budget.take("mirror", now), Turn::Free);
        assert_eq!(budget.take("jolpica", HOUR), Turn::Free);
    }
}
