//! When to try again, and after how long. Policy only: the client does the waiting.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Further attempts at one request, after the first.
pub const RETRIES: u32 = 4;

/// A server that asks for more patience than this is taken at its word: the run ends, exit code 75.
pub const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Whether an attempt that failed is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    Never,
    Backoff,
    /// As `Backoff`, and without a line: there is one at the end, whatever that is.
    Silently,
    /// The server said when.
    After(Duration),
}

impl Again {
    /// Whether there is another attempt.
    pub fn is_ever(self) -> bool {
        self != Again::Never
    }
}

/// 0, 2, 4, 8 seconds as urllib3's `Retry(backoff_factor=1)` waits, plus up to a quarter of it and at least
/// up to 250 ms, so that runs that failed together do not come back together.
pub fn backoff(retry: u32, random: u64) -> Duration {
    let whole = if retry == 0 { 0 } else { 1000u64 << retry.min(6) };
    let jitter = random % (whole / 4).max(250);
    Duration::from_millis(whole + jitter)
}

/// Both forms of `Retry-After` (RFC 9110, 10.2.3): seconds, or a date. A date in the past is no wait.
pub fn retry_after(value: &str, now: DateTime<Utc>) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // What is too large for a number is a long time all the same.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some((DateTime::<Utc>::from(date) - now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_from_the_second_retry_on() {
        let waits: Vec<u64> = (0..RETRIES).map(|retry| backoff(retry, 0).as_secs()).collect();
        assert_eq!(waits, [0, 2, 4, 8]);
        for retry in 0..10 {
            let (least, most) = (backoff(retry, 0), backoff(retry, 249));
            assert!(least < most, "retry {retry} has no jitter");
        }
    }

    #[test]
    fn retry_after_has_two_forms() {
        let now = DateTime::from_timestamp(1_445_412_470, 0).unwrap();
        assert_eq!(retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(retry_after("Wed, 21 Oct 2015 07:20:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn no_time_is_too_long() {
        let now = DateTime::from_timestamp(1_445_412_470, 0).unwrap();
        for endless in ["18446744073709551615", "99999999999999999999999"] {
            assert_eq!(retry_after(endless, now), Some(Duration::from_secs(u64::MAX)));
        }
        assert!(retry_after("Fri, 31 Dec 9999 23:59:59 GMT", now) > Some(LONGEST_WAIT));
    }
}
