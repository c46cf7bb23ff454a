//! RaceControlMessages: the lap times that race control deleted, and why (FastF1's `race_control_messages`
//! and `_set_laps_deleted_from_rcm`).

use super::feed::{self, Content, Count, Unusable};
use super::lap::Lap;
use super::time::Timedelta;
use super::value::{Conversion, Node, Value};

/// Race control's messages, in the order of the feed; None for one without text.
#[derive(Debug, Clone, Default)]
pub struct RaceControlMessages {
    texts: Vec<Option<String>>,
    pub count: Count,
}

impl RaceControlMessages {
    /// Reads the feed. Fails if FastF1's reader raises.
    pub fn read(feed: &[u8]) -> Result<RaceControlMessages, Unusable> {
        let mut texts = Vec::new();
        let count = feed::each(feed, &mut |message| {
            let Content::Object(line) = message.content else { return Err(no_messages()) };
            let messages = line.get("Messages").ok_or_else(no_messages)?;
            match messages.node() {
                Node::Object(_) | Node::List(_) => {}
                Node::Text(text) if text.is_empty() => {}
                _ => return Err(no_messages()),
            }
            let keyed = messages.distinct_entries().map(|(_, message)| message);
            for message in keyed.chain(messages.items()) {
                texts.push(text(message)?);
            }
            Ok(())
        })?;
        Ok(RaceControlMessages { texts, count })
    }

    /// Marks the laps that were deleted and not reinstated later. Fails, with no lap marked, if a
    /// message has no text.
    pub fn mark_deleted(&self, laps: &mut [Lap]) -> Result<(), Unusable> {
        for lap in laps.iter_mut() {
            lap.deleted = Some(false);
        }
        let texts: Option<Vec<&str>> = self.texts.iter().map(Option::as_deref).collect();
        let texts = texts.ok_or_else(|| Unusable::new("a message has no text"))?;
        let reinstated: Vec<(&str, Option<Timedelta>)> =
            texts.iter().filter_map(|text| reinstated(text)).collect();
        for (car, time, reason) in texts.iter().filter_map(|text| deleted(text)) {
            if time.is_none() || reinstated.contains(&(car, time)) {
                continue;
            }
            for lap in laps.iter_mut().filter(|lap| *lap.driver_number == *car && lap.lap_time == time) {
                lap.deleted = Some(true);
                lap.is_personal_best = Some(false);
                lap.deleted_reason = Some(without_times_of_day(reason));
            }
        }
        Ok(())
    }
}

/// `CAR 4 (NOR) TIME 1:30.123 DELETED - TRACK LIMITS ...`: car, lap time, reason.
fn deleted(text: &str) -> Option<(&str, Option<Timedelta>, &str)> {
    let (car, times) = car_and_times(text)?;
    let mut deletions = times.filter_map(|(time, rest)| Some((time, rest.strip_prefix(" DELETED - ")?)));
    deletions.next().map(|(time, reason)| (car, time, reason))
}

/// `CAR 4 (NOR) TIME 1:30.123 ... REINSTATED ...`: car and lap time.
fn reinstated(text: &str) -> Option<(&str, Option<Timedelta>)> {
    let (car, mut times) = car_and_times(text)?;
    let (time, _) =
        times.find(|(_, rest)| rest.strip_prefix(' ').is_some_and(|rest| rest.contains("REINSTATED")))?;
    Some((car, time))
}

/// The number of the car that a message begins with, and the lap times in the rest of its first line, each
/// with what follows it; the last one first, as a greedy pattern finds them.
fn car_and_times(text: &str) -> Option<(&str, impl Iterator<Item = (Option<Timedelta>, &str)>)> {
    let line = text.split('\n').next()?;
    let (car, rest) = line.strip_prefix("CAR ")?.split_once(' ')?;
    let is_number = (1..=2).contains(&car.len()) && car.bytes().all(|byte| byte.is_ascii_digit());
    let times = rest.rmatch_indices(" TIME ").filter_map(|(at, found)| {
        let rest = rest.get(at + found.len()..)?;
        let (time, rest) = rest.split_at_checked("0:00.000".len())?;
        matches(time, "0:00.000").then(|| (Timedelta::parse(time), rest))
    });
    is_number.then_some((car, times))
}

/// A reason without `hh:mm:ss`, which is the local time at the track.
fn without_times_of_day(reason: &str) -> String {
    const TIME: &str = "00:00:00";
    let mut kept = String::with_capacity(reason.len());
    let mut rest = reason;
    while let Some(first) = rest.chars().next() {
        let is_time = rest.get(..TIME.len()).is_some_and(|start| matches(start, TIME));
        if !is_time {
            kept.push(first);
        }
        rest = rest.get(if is_time { TIME.len() } else { first.len_utf8() }..).unwrap_or_default();
    }
    kept
}

/// Whether a text has a digit where the pattern has 0, and the pattern's character elsewhere.
fn matches(text: &str, pattern: &str) -> bool {
    text.len() == pattern.len()
        && text.bytes().zip(pattern.bytes()).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            _ => byte == like,
        })
}

fn no_messages() -> Unusable {
    Unusable::new("a line holds no messages")
}

/// The text of a message. Fails if FastF1 cannot read the rest of it.
fn text(message: Value) -> Result<Option<String>, Unusable> {
    if !message.is_object() {
        return Err(Unusable::new("a message is not an object"));
    }
    let is_unreadable = |key| message.get(key).is_some_and(|number| number.int() == Err(Conversion::Type));
    if message.get("Utc").is_none() || is_unreadable("Sector") || is_unreadable("Lap") {
        return Err(Unusable::new("a message has no time, or a sector or lap that is not a number"));
    }
    Ok(message.get("Message").map(|message| message.text().unwrap_or_default().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_deletions_as_fastf1s_pattern_does() {
        let millis = |millis| Some(Timedelta::from_millis(millis));
        let text = "CAR 4 (NOR) TIME 1:30.123 DELETED - TRACK LIMITS AT TURN 4 LAP 5 15:01:02";
        assert_eq!(deleted(text), Some(("4", millis(90_123), "TRACK LIMITS AT TURN 4 LAP 5 15:01:02")));
        assert_eq!(reinstated(text), None);
        let text = "CAR 44 (HAM) LAP TIME 1:30.123 DELETED TIME 1:31.000 DELETED - A TIME 1:32.000\nB";
        assert_eq!(deleted(text), Some(("44", millis(91_000), "A TIME 1:32.000")));
        for text in ["CAR 4 TIME 1:30.123 DELETED - A", "CAR 144 (X) TIME 1:30.123 DELETED - A", "CAR"] {
            assert_eq!(deleted(text), None, "{text}");
        }
    }

    #[test]
    fn finds_reinstatements_and_cuts_times_of_day() {
        let text = "CAR 4 (NOR) DELETED LAP TIME 1:30.123 HAS BEEN REINSTATED";
        assert_eq!(reinstated(text), Some(("4", Some(Timedelta::from_millis(90_123)))));
        assert_eq!(without_times_of_day("LAP 5 15:01:02"), "LAP 5 ");
        assert_eq!(without_times_of_day("é15:01:02é1:01:02"), "éé1:01:02");
    }
}
