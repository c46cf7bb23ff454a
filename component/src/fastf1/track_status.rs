//! TrackStatus: yellow and red flags, safety cars (FastF1's `track_status_data`), and which of them a lap saw.

use super::feed::{self, Content, Count, Unusable};
use super::time::Timedelta;

/// The track's statuses in the order of the feed.
#[derive(Debug, Clone, Default)]
pub struct TrackStatus {
    changes: Vec<(Option<Timedelta>, Code)>,
    pub count: Count,
}

/// A status: 1 clear, 2 yellow, 4 safety car, 5 red, 6 virtual safety car, 7 that one ending. None if the
/// feed holds something that is not text.
type Code = Option<String>;

impl TrackStatus {
    pub fn read(feed: &[u8]) -> Result<TrackStatus, Unusable> {
        let mut changes = Vec::new();
        let count = feed::each(feed, &mut |message| {
            if let Content::Object(object) = message.content {
                let code = match object.get("Status") {
                    Some(status) => status.text().map(str::to_owned),
                    None => Some(String::new()),
                };
                changes.push((message.time, code));
            }
            Ok(())
        })?;
        Ok(TrackStatus { changes, count })
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Every status of each lap (start and end), in their order, each once (FastF1's
    /// `_add_track_status_to_laps`). Also says whether that could be done to the end.
    pub fn of_laps(&self, laps: &[(Option<Timedelta>, Option<Timedelta>)]) -> (Vec<String>, bool) {
        let mut seen_by_laps = vec![String::new(); laps.len()];
        // A column without any time is one of objects, which pandas cannot compare with times.
        if !self.is_empty() && self.changes.iter().all(|(time, _)| time.is_none()) {
            return (seen_by_laps, false);
        }
        for (index, (begin, code)) in self.changes.iter().enumerate() {
            // FastF1's cases A (the lap ends during the status), B (it starts during it) and C (it spans it).
            let end = self.changes.get(index + 1).map(|(time, _)| *time);
            let is_in_force = |(lap_start, lap_end): (Option<Timedelta>, Option<Timedelta>)| match end {
                Some(end) => {
                    within(*begin, lap_end, end)
                        || within(*begin, lap_start, end)
                        || (at_most(lap_start, *begin) && at_most(end, lap_end))
                }
                // The last status holds until the end.
                None => at_most(*begin, lap_end),
            };
            for (seen, _) in seen_by_laps.iter_mut().zip(laps).filter(|(_, lap)| is_in_force(**lap)) {
                match code {
                    Some(code) if seen.contains(code.as_str()) => {}
                    Some(code) => seen.push_str(code),
                    // Stopped before any lap got this status.
                    None => return (seen_by_laps, false),
                }
            }
        }
        (seen_by_laps, true)
    }
}

fn within(begin: Option<Timedelta>, time: Option<Timedelta>, end: Option<Timedelta>) -> bool {
    at_most(begin, time) && at_most(time, end)
}

/// pandas' `<=`: false if a side is missing.
fn at_most(left: Option<Timedelta>, right: Option<Timedelta>) -> bool {
    left.zip(right).is_some_and(|(left, right)| left <= right)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEED: &str = "00:00:00.000{\"Status\":\"1\"}\r\n00:00:10.000{\"Status\":\"2\"}\r\n\
                        00:00:20.000{\"Status\":\"4\"}\r\n00:00:30.000{\"Status\":\"1\"}\r\n";

    fn of(feed: &str, start: Option<i64>, end: i64) -> (String, bool) {
        let status = TrackStatus::read(feed.as_bytes()).expect("the feed can be read");
        let seconds = |seconds| Some(Timedelta::from_seconds(seconds));
        let (mut seen, complete) = status.of_laps(&[(start.and_then(seconds), seconds(end))]);
        (seen.pop().unwrap_or_default(), complete)
    }

    #[test]
    fn a_lap_has_every_status_that_it_saw_once() {
        assert_eq!(of(FEED, Some(1), 5).0, "1");
        assert_eq!(of(FEED, Some(5), 25).0, "124");
        assert_eq!(of(FEED, Some(5), 35).0, "124");
        assert_eq!(of(FEED, Some(20), 20).0, "24");
        assert_eq!(of(FEED, None, 25).0, "4");
    }

    #[test]
    fn stops_at_a_status_that_is_no_text() {
        let feed = format!("{FEED}00:00:40.000{{\"Status\":5}}\r\n");
        assert_eq!(of(&feed, Some(25), 45), ("41".into(), false));
        assert_eq!(of(&feed, Some(25), 35), ("41".into(), true));
    }
}
