//! How many requests an upstream may get: 4 a second each, and from Jolpica 200 an hour. The rule only; whoever keeps the
//! requests that were sent, a run or our host for the whole machine, asks it.
//!
//! <https://github.com/jolpica/jolpica-f1/blob/main/docs/rate_limits.md>; rejected requests count too.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

pub const SECOND: Duration = Duration::from_secs(1);
pub const HOUR: Duration = Duration::from_secs(3600);

/// No limit is of more requests.
pub const MOST: usize = 10_000;

/// Marks an answer of 429 as our host's: the budget that this machine's processes share is used up, and nothing was sent.
/// No upstream can say so; the host takes it off.
pub const BUDGET_HEADER: &str = "f1-ingest-budget";

/// At most so many requests in any window of this length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// 0 is no limit.
    pub requests: usize,
    pub window: Duration,
}

impl Limit {
    pub fn a_second(requests: usize) -> Limit {
        Limit { requests, window: SECOND }
    }

    /// The same for a longer window.
    pub fn wider(self, by: Duration) -> Limit {
        Limit { window: self.window + by, ..self }
    }

    /// From when on there is room for one more.
    fn room(self, sent: &VecDeque<Duration>) -> Duration {
        let first = self.requests.checked_sub(1).and_then(|others| sent.iter().rev().nth(others));
        first.map_or(Duration::ZERO, |first| *first + self.window)
    }
}

/// Whether a request may go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// After so long, which may be no time; it is counted.
    After(Duration),
    /// The hour's requests are used up; the first one comes back after so long.
    UsedUp(Duration),
}

/// The requests to one host by the clock of whoever counts them, the oldest first; the last may be yet to come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent(VecDeque<Duration>);

impl Sent {
    /// What a clock that can be set has noted, as it is to count `now`: of what is further ahead than the `longest` wait
    /// the clock was wrong, so that it counts as sent now, and of what is over an hour old nobody asks any more.
    pub fn noted(noted: impl IntoIterator<Item = Duration>, now: Duration, longest: Duration) -> Sent {
        let right = |at: Duration| if at > now + longest { now } else { at };
        let mut sent: Vec<Duration> =
            noted.into_iter().map(right).filter(|at| *at + HOUR + longest > now).collect();
        sent.sort_unstable();
        Sent(sent.into())
    }

    /// When they were sent.
    pub fn times(&self) -> impl ExactSizeIterator<Item = Duration> + '_ {
        self.0.iter().copied()
    }

    /// Asks for one more at `now`.
    pub fn take(&mut self, second: Limit, hour: Limit, now: Duration) -> Turn {
        let at = second.room(&self.0).max(now);
        let comes_back = hour.room(&self.0);
        if comes_back > at {
            return Turn::UsedUp(comes_back - now);
        }
        self.0.push_back(at);
        Turn::After(at - now)
    }

    /// How many more `hour` allows `now`, and if none, after how long it allows the next one.
    pub fn left(&self, hour: Limit, now: Duration) -> (usize, Option<Duration>) {
        let counted = self.0.iter().filter(|at| **at + hour.window > now).count();
        let left = hour.requests.saturating_sub(counted);
        (left, (left == 0).then(|| hour.room(&self.0).saturating_sub(now)))
    }

    /// After how long `hour` allows so many more; no time if it does so `now`. More than all of them are as many as all.
    pub fn wait_for(&self, count: usize, hour: Limit, now: Duration) -> Duration {
        let counted: Vec<Duration> = self.0.iter().copied().filter(|at| *at + hour.window > now).collect();
        let too_many = (counted.len() + count.min(hour.requests)).checked_sub(hour.requests + 1);
        let last = too_many.and_then(|last| counted.get(last));
        last.map_or(Duration::ZERO, |at| (*at + hour.window).saturating_sub(now))
    }

    /// Forgets all but the last ones.
    pub fn keep(&mut self, last: usize) {
        self.0.drain(..self.0.len().saturating_sub(last));
    }
}

/// The host that limits requests by the hour as well, and how.
#[derive(Debug, Clone)]
pub struct Hourly {
    /// `host[:port]`.
    pub host: String,
    pub limit: Limit,
}

/// The requests of one run, by host.
#[derive(Debug)]
pub struct Budget {
    second: Limit,
    hourly: Hourly,
    sent: HashMap<String, Sent>,
}

impl Budget {
    pub fn new(per_second: usize, hourly: Hourly) -> Self {
        Budget { second: Limit::a_second(per_second), hourly, sent: HashMap::new() }
    }

    /// Asks for a request to `host` at the uptime `now`.
    pub fn take(&mut self, host: &str, now: Duration) -> Turn {
        let none = Limit { requests: 0, window: HOUR };
        let hour = if host == self.hourly.host { self.hourly.limit } else { none };
        let sent = self.sent.entry(host.to_owned()).or_default();
        let turn = sent.take(self.second, hour, now);
        sent.keep(self.second.requests.max(hour.requests).max(1));
        turn
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const LONGEST: Duration = Duration::from_secs(10);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn a_hour(requests: usize) -> Limit {
        Limit { requests, window: HOUR }
    }

    fn budget(per_second: usize) -> Budget {
        Budget::new(per_second, Hourly { host: "jolpica".into(), limit: a_hour(200) })
    }

    #[test]
    fn the_fifth_request_of_a_second_waits_for_the_first_to_age_and_the_next_ones_behind_it() {
        let mut budget = budget(4);
        for at in [0, 100, 200, 300] {
            assert_eq!(budget.take("host", ms(at)), Turn::After(ms(0)));
        }
        assert_eq!(budget.take("host", ms(400)), Turn::After(ms(600)));
        assert_eq!(budget.take("another", ms(400)), Turn::After(ms(0)));
        assert_eq!(budget.take("host", ms(1000)), Turn::After(ms(100)));
        assert_eq!(budget.take("host", ms(1000)), Turn::After(ms(200)));
    }

    #[test]
    fn an_hour_has_200_requests_at_jolpica_only() {
        let mut budget = budget(0);
        for second in 0..200 {
            assert_eq!(budget.take("jolpica", Duration::from_secs(second)), Turn::After(ms(0)));
            assert_eq!(budget.take("mirror", Duration::from_secs(second)), Turn::After(ms(0)));
        }
        let now = Duration::from_secs(1000);
        assert_eq!(budget.take("jolpica", now), Turn::UsedUp(Duration::from_secs(2600)));
        assert_eq!(budget.take("mirror", now), Turn::After(ms(0)));
        assert_eq!(budget.take("jolpica", HOUR), Turn::After(ms(0)));
    }

    #[test]
    fn what_was_noted_says_when_the_next_one_goes_and_how_many_are_left() {
        let now = Duration::from_secs(1_000_000);
        let (second, hour) = (Limit::a_second(2), a_hour(3));
        let ago = |ms: i64| match ms {
            0.. => now - Duration::from_millis(ms.unsigned_abs()),
            _ => now + Duration::from_millis(ms.unsigned_abs()),
        };
        let minute = 60_000;
        // milliseconds ago, the next one's turn, how many were left before
        let table: [(&[i64], Turn, usize); 9] = [
            (&[], Turn::After(ms(0)), 3),
            (&[400], Turn::After(ms(0)), 2),
            (&[400, 300], Turn::After(ms(600)), 1),
            (&[300, 400], Turn::After(ms(600)), 1),
            (&[60 * minute, 400, 300], Turn::After(ms(600)), 1),
            (&[59 * minute, 400, 300], Turn::UsedUp(Duration::from_secs(60)), 0),
            // Somebody's turn is yet to come.
            (&[-700, -200], Turn::After(ms(1200)), 1),
            // The clock was a day ahead.
            (&[-86_400_000; 2], Turn::After(ms(1000)), 1),
            (&[-86_400_000; 5], Turn::UsedUp(HOUR), 0),
        ];
        for (noted, turn, left) in table {
            let mut sent = Sent::noted(noted.iter().map(|ms| ago(*ms)), now, LONGEST);
            assert_eq!(sent.left(hour, now).0, left, "{noted:?}");
            assert_eq!(sent.take(second, hour, now), turn, "{noted:?}");
        }
    }

    /// How many of these instants the fullest window of this length holds.
    fn fullest(sent: &[Duration], window: Duration) -> usize {
        let of = |first: &Duration| sent.iter().filter(|at| (*first..*first + window).contains(*at)).count();
        sent.iter().map(of).max().unwrap_or_default()
    }

    proptest! {
        /// Requests come after these pauses; before each, the clock is set back by so much (seldom) in all.
        #[test]
        fn no_window_has_more_than_its_limit_and_no_wait_is_longer_than_one_whatever_the_clock_is_set_back_to(
            steps in vec((0u64..2_000_000, prop_oneof![8 => Just(0), 1 => 0u64..12_000, 1 => 0u64..90_000_000]), 1..80),
            burst in 1usize..12,
            (a_second, in_a_hour) in (1usize..5, 1usize..20),
        ) {
            let (second, hour) = (Limit::a_second(a_second), a_hour(in_a_hour));
            let mut noted: Vec<Duration> = Vec::new();
            // True times; the clock begins a million seconds ahead.
            let (mut now, mut ahead, mut sent) = (ms(0), Duration::from_secs(1_000_000), Vec::new());
            for (pause, back) in steps {
                now += ms(pause);
                if back > 0 {
                    // Whoever waits for its turn is through.
                    now = now.max(sent.last().copied().unwrap_or_default());
                    ahead = ahead.saturating_sub(ms(back));
                }
                for _ in 0..burst {
                    let clock = now + ahead;
                    let mut known = Sent::noted(noted.iter().copied(), clock, LONGEST);
                    match known.take(second, hour, clock) {
                        // Nobody waits for that long, so that it is not noted.
                        Turn::After(wait) if wait > LONGEST => continue,
                        Turn::After(wait) => sent.push(now + wait),
                        Turn::UsedUp(wait) => {
                            prop_assert!(wait <= HOUR + LONGEST, "{wait:?}");
                            prop_assert_eq!(known.take(second, hour, clock + wait), Turn::After(ms(0)));
                            known = Sent::noted(noted.iter().copied(), clock, LONGEST);
                        }
                    }
                    noted = known.times().collect();
                }
            }
            prop_assert!(fullest(&sent, SECOND) <= a_second, "{sent:?}");
            prop_assert!(fullest(&sent, HOUR) <= in_a_hour, "{sent:?}");
        }
    }
}
