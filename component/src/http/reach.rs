//! Hosts that no connection comes about to: how long they are tried, and that a dead one is not tried twice.
//!
//! What refuses a connection now may take one in a second, so that a host has as long as the retries of one request
//! take. A host that has not answered once by then is dead for this run. Where one is dead it is likely the network
//! that is: a host that has not answered yet either is tried once.

use std::collections::HashMap;
use std::time::Duration;

/// How long a host is tried: 0, 2, 4 and 8 seconds.
const PATIENCE: Duration = Duration::from_secs(14);

/// The hosts that a run has asked, by `host[:port]`.
#[derive(Debug, Default)]
pub struct Reach(HashMap<String, Host>);

#[derive(Debug, Default)]
struct Host {
    has_answered: bool,
    /// The uptime since which no connection has come about.
    since: Option<Duration>,
    /// Why it is taken for dead.
    dead: Option<String>,
}

/// What can be expected of a host that a connection did not come about to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hope {
    /// It may come back at once.
    Soon,
    /// It has answered in this run, and may do so again later.
    Later,
    /// It is dead, and this is why.
    No(String),
}

impl Reach {
    /// Why a host is taken for dead, if it is.
    pub fn why_dead(&self, host: &str) -> Option<&str> {
        self.0.get(host)?.dead.as_deref()
    }

    pub fn has_answered(&self, host: &str) -> bool {
        self.0.get(host).is_some_and(|host| host.has_answered)
    }

    /// A host has answered. Gives the uptime since which it did not, if it did not.
    pub fn answered(&mut self, host: &str) -> Option<Duration> {
        let host = self.0.entry(host.to_owned()).or_default();
        host.has_answered = true;
        host.since.take()
    }

    /// No connection came about to a host, which was tried from `began` to `now`, two uptimes.
    pub fn unreachable(&mut self, host: &str, why: &str, began: Duration, now: Duration) -> Hope {
        let is_network = self.0.values().any(|other| other.dead.is_some());
        let host = self.0.entry(host.to_owned()).or_default();
        let tried = now.saturating_sub(*host.since.get_or_insert(began));
        match (tried < PATIENCE, host.has_answered) {
            (true, true) => return Hope::Soon,
            (true, false) if !is_network => return Hope::Soon,
            (false, true) => return Hope::Later,
            _ => {}
        }
        let why = match tried.as_secs() {
            0 => why.to_owned(),
            seconds => format!("{why}, at every attempt for {seconds} s"),
        };
        host.dead = Some(why.clone());
        Hope::No(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_host_is_dead_after_all_retries_and_then_another_at_once() {
        let mut reach = Reach::default();
        let mut tried = |host: &str, began, now| reach.unreachable(host, "refused", at(began), at(now));
        for second in [0, 0, 2, 6] {
            assert_eq!(tried("a", second, second), Hope::Soon);
        }
        assert_eq!(tried("a", 14, 14), Hope::No("refused, at every attempt for 14 s".into()));
        assert_eq!(tried("b", 14, 14), Hope::No("refused".into()));
        assert!(reach.why_dead("a").is_some() && reach.why_dead("c").is_none());
    }

    #[test]
    fn one_that_takes_no_connection_for_20_seconds_is_not_tried_again() {
        assert_eq!(
            Reach::default().unreachable("a", "timed out", at(0), at(20)),
            Hope::No("timed out, at every attempt for 20 s".into())
        );
    }

    #[test]
    fn one_that_has_answered_is_never_dead() {
        let mut reach = Reach::default();
        assert_eq!(reach.answered("a"), None);
        reach.unreachable("dead", "refused", at(0), at(20));
        assert_eq!(reach.unreachable("a", "refused", at(20), at(20)), Hope::Soon);
        assert_eq!(reach.unreachable("a", "refused", at(34), at(34)), Hope::Later);
        assert_eq!(reach.answered("a"), Some(at(20)));
        assert_eq!(reach.unreachable("a", "refused", at(50), at(50)), Hope::Soon);
    }
}
