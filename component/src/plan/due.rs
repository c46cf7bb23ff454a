//! Which items of a plan are to be fetched now.

use super::Planned;
use crate::catalog::lake::Known;

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// What is to become of a planned item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    Due(Why),
    /// It is in the bucket, and nothing is known that could have changed it.
    Kept,
    /// Its upstream did not have it; it is asked again from this unix second on.
    Absent(i64),
    /// Its session is still to come, or under way.
    Future,
}

/// Why an item is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is not in the bucket.
    New,
    /// It was asked for when the last session that it is of was not over.
    Grown,
    /// What is so new may have been corrected: `--refresh`.
    Refresh,
}

impl Why {
    pub fn name(self) -> &'static str {
        match self {
            Why::New => "new",
            Why::Grown => "grown",
            Why::Refresh => "refresh",
        }
    }
}

/// What is to become of an item that so much is `known` of. `refresh` is the age in days up to which documents are asked
/// for again.
pub fn state(planned: &Planned, known: Option<&Known>, now: i64, refresh: Option<u32>) -> State {
    let since = planned.since.unwrap_or(0);
    if since > now {
        return State::Future;
    }
    let Some(known) = known else { return State::Due(Why::New) };
    if let Some(absent) = known.absent.as_ref().filter(|absent| absent.at >= since) {
        let again = absent.at + patience(absent.at - since);
        if again > now {
            return State::Absent(again);
        }
    }
    let is_fresh = |days: u32| planned.since.is_none_or(|since| now - since <= i64::from(days) * DAY);
    match known.newest() {
        None => State::Due(Why::New),
        Some(_) if known.asked < since => State::Due(Why::Grown),
        Some(_) if refresh.is_some_and(is_fresh) => State::Due(Why::Refresh),
        Some(_) => State::Kept,
    }
}

/// How long to wait before asking again for what was not there so long after its session: feeds come within the hour, some
/// corrections within weeks, and what a year has not brought will hardly come.
fn patience(age: i64) -> i64 {
    (age / 8).clamp(HOUR, 60 * DAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::lake::{Said, Version};

    const OVER: i64 = 1_000 * DAY;

    fn planned() -> Planned {
        Planned { name: "fastf1/2024/05/Q".into(), since: Some(OVER), cost: Vec::new() }
    }

    fn stored(at: i64) -> Known {
        let versions = vec![Version { seconds: at, size: 1, sha256: None }];
        Known { versions, asked: at, ..Known::default() }
    }

    #[test]
    fn what_is_not_there_is_due_once_it_is_over() {
        assert_eq!(state(&planned(), None, OVER - 1, Some(60)), State::Future);
        assert_eq!(state(&planned(), None, OVER, None), State::Due(Why::New));
        let failed = Some(Said { at: OVER, why: String::new() });
        assert_eq!(
            state(&planned(), Some(&Known { failed, ..Known::default() }), OVER, None),
            State::Due(Why::New)
        );
    }

    #[test]
    fn what_is_there_is_asked_for_again_if_it_can_have_changed() {
        let at = |asked: i64, now: i64, refresh| state(&planned(), Some(&stored(asked)), now, refresh);
        assert_eq!(at(OVER + 5, OVER + 9, None), State::Kept);
        assert_eq!(at(OVER - 5, OVER + 9, None), State::Due(Why::Grown));
        assert_eq!(at(OVER + 5, OVER + 60 * DAY, Some(60)), State::Due(Why::Refresh));
        assert_eq!(at(OVER + 5, OVER + 60 * DAY + 1, Some(60)), State::Kept);
        let of_everything = Planned { since: None, ..planned() };
        assert_eq!(state(&of_everything, Some(&stored(5)), OVER, Some(1)), State::Due(Why::Refresh));
        assert_eq!(state(&of_everything, Some(&stored(5)), OVER, None), State::Kept);
    }

    #[test]
    fn what_is_absent_is_asked_for_ever_more_rarely() {
        let absent = |after: i64| {
            let absent = Some(Said { at: OVER + after, why: String::new() });
            Known { absent, asked: OVER + after, ..Known::default() }
        };
        for (after, waits) in [(0, HOUR), (8 * DAY, DAY), (3000 * DAY, 60 * DAY)] {
            let known = absent(after);
            let at = |now: i64| state(&planned(), Some(&known), OVER + now, Some(60));
            assert_eq!(at(after + waits - 1), State::Absent(OVER + after + waits), "{after}");
            assert_eq!(at(after + waits), State::Due(Why::New), "{after}");
        }
        let before = absent(-5);
        assert_eq!(
            state(&planned(), Some(&before), OVER, None),
            State::Due(Why::New),
            "it was not over then"
        );
    }
}
