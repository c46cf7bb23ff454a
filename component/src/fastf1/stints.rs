//! TimingAppData: the tyres of each stint, with FastF1's corrections (`timing_app_data`, `__fix_tyre_info`).

use std::rc::Rc;

use super::by_driver;
use super::feed::{Count, Unusable};
use super::python;
use super::time::Timedelta;
use super::value::{Node, Value};

/// The keys of a stint that FastF1 reads.
const KEYS: [&str; 13] = [
    "LapNumber",
    "Driver",
    "LapTime",
    "Stint",
    "TotalLaps",
    "Compound",
    "New",
    "TyresNotChanged",
    "Time",
    "LapFlags",
    "LapCountTime",
    "StartLaps",
    "Outlap",
];

/// Everything that the feed says about tyres, by driver.
#[derive(Debug, Default)]
pub struct Tyres {
    drivers: Vec<(Rc<str>, Vec<Tyre>)>,
    pub count: Count,
}

/// One message about one stint. What it does not say is None.
#[derive(Debug, Clone, PartialEq)]
pub struct Tyre {
    pub time: Option<Timedelta>,
    /// From 0.
    pub stint: i64,
    pub compound: Option<String>,
    /// Age in laps when fitted.
    pub start_laps: Age,
    pub new: Option<bool>,
}

/// A number of laps. FastF1 cannot count on from one that is not a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Age {
    Unknown,
    Laps(f64),
    NoNumber,
}

impl Tyres {
    /// Reads the feed. Fails if FastF1's reader raises: there are no laps then.
    pub fn read(feed: &[u8]) -> Result<Tyres, Unusable> {
        let mut tyres = Tyres::default();
        tyres.count = by_driver::each(feed, &mut |driver, time, line| match line.get("Stints") {
            Some(stints) => tyres.take(driver, time, stints),
            None => Ok(()),
        })?;
        Ok(tyres)
    }

    /// The driver's messages in the order of the feed.
    pub fn of(&self, driver: &str) -> &[Tyre] {
        self.drivers.iter().find(|(number, _)| **number == *driver).map_or(&[], |(_, tyres)| tyres)
    }

    /// Whether every message says if the tyres are new.
    pub fn all_say_new(&self) -> bool {
        self.drivers.iter().flat_map(|(_, tyres)| tyres).all(|tyre| tyre.new.is_some())
    }

    fn take(&mut self, driver: &str, time: Option<Timedelta>, stints: Value) -> Result<(), Unusable> {
        if !stints.is_list() && !stints.is_object() && stints.is_truthy() {
            return Err(Unusable::new("the stints are not an object"));
        }
        let by_number = stints.distinct_entries().map(|(number, stint)| Some((python::int(number)?, stint)));
        // At the start of a session stints may be a list.
        let stints: Option<Vec<_>> = (0..).zip(stints.items()).map(Some).chain(by_number).collect();
        for (number, stint) in stints.ok_or_else(|| Unusable::new("a stint has no number"))? {
            match stint.node() {
                Node::Object(_) | Node::List(_) => {}
                // FastF1 looks for the keys in a text as well.
                Node::Text(text) if !KEYS.iter().any(|key| text.contains(key)) => {}
                _ => return Err(Unusable::new("a stint is not an object")),
            }
            let tyre = Tyre {
                time,
                stint: number,
                compound: stint.get("Compound").and_then(Value::python_text).map(Into::into),
                start_laps: match stint.get("StartLaps") {
                    Some(age) if *age.node() != Node::Null => age.number().map_or(Age::NoNumber, Age::Laps),
                    _ => Age::Unknown,
                },
                new: stint.get("New").map(|new| new.text() == Some("true")),
            };
            match self.drivers.iter_mut().find(|(known, _)| **known == *driver) {
                Some((_, tyres)) => tyres.push(tyre),
                None => self.drivers.push((driver.into(), vec![tyre])),
            }
        }
        Ok(())
    }
}

/// One entry a stint, though messages correct each other (FastF1's `__fix_tyre_info`). `in_laps` are the ends of the
/// driver's laps into the pits: a stint lies between two of them. `race_start` is None in other sessions. Fails
/// if FastF1 raises; true if a stint was renumbered.
pub fn corrected(
    tyres: &[Tyre],
    in_laps: &[Timedelta],
    race_start: Option<Timedelta>,
) -> Result<(Vec<Tyre>, bool), Unusable> {
    let mut tyres = tyres.to_vec();
    let day = Timedelta::from_seconds(24 * 3600);
    let brackets: Vec<Timedelta> =
        [Timedelta::ZERO].into_iter().chain(in_laps.iter().copied()).chain([day]).collect();
    let is_late = |start| !tyres.iter().any(|tyre| tyre.time.is_some_and(|time| time < start));
    if !in_laps.is_empty() && race_start.is_some_and(is_late) {
        spread_bunched(&mut tyres, &brackets)?;
    }
    let renumbered = renumber(&mut tyres, &brackets);
    Ok((merge(&tyres)?, renumbered))
}

/// FastF1's "Problem 1": if nothing came before the start, and the first messages hold several stints at once, they
/// were late. Each is moved to the beginning of its stint.
fn spread_bunched(tyres: &mut [Tyre], brackets: &[Timedelta]) -> Result<(), Unusable> {
    let Some(first) = tyres.first().and_then(|tyre| tyre.time) else { return Ok(()) };
    let stints = distinct(tyres.iter().filter(|tyre| tyre.time == Some(first)).map(|tyre| tyre.stint));
    if stints.len() < 2 {
        return Ok(());
    }
    for stint in stints {
        let begin = python::index(brackets, stint)
            .ok_or_else(|| Unusable::new(format!("stint {stint} is beyond the last pit stop")))?;
        for tyre in tyres.iter_mut().filter(|tyre| tyre.stint == stint && tyre.time == Some(first)) {
            tyre.time = Some(*begin + Timedelta::from_millis(1));
        }
    }
    Ok(())
}

/// FastF1's "Problem 2": the count of stints can only grow by one between two ways into the pits, so a higher one is
/// set back. A message on a bracket's edge belongs to both sides.
fn renumber(tyres: &mut [Tyre], brackets: &[Timedelta]) -> bool {
    let mut renumbered = false;
    let mut stint = 0;
    for bracket in brackets.windows(2) {
        let [begin, end] = bracket else { continue };
        let mut concerned = false;
        for tyre in tyres.iter_mut().filter(|tyre| tyre.time.is_some_and(|t| *begin <= t && t <= *end)) {
            if tyre.stint > stint {
                tyre.stint = stint;
                renumbered = true;
            }
            concerned |= tyre.stint == stint;
        }
        stint += i64::from(concerned);
    }
    renumbered
}

/// FastF1's "Part 2": the first message of each stint, with what later ones correct. It looks the place of a stint
/// up by its number, so the numbers must be those from 0 on, in any order.
fn merge(tyres: &[Tyre]) -> Result<Vec<Tyre>, Unusable> {
    let stints = distinct(tyres.iter().map(|tyre| tyre.stint));
    let mut merged: Vec<Option<Tyre>> = vec![None; stints.len()];
    for (place, stint) in (0..).zip(&stints) {
        let slot = stints
            .iter()
            .position(|label| *label == place)
            .and_then(|index| merged.get_mut(index))
            .ok_or_else(|| Unusable::new(format!("no stint {place}")))?;
        for tyre in tyres.iter().filter(|tyre| tyre.stint == *stint) {
            match slot {
                None => *slot = Some(tyre.clone()),
                Some(known) => {
                    known.time = known.time.or(tyre.time);
                    known.compound = tyre.compound.clone().or(known.compound.take());
                    known.new = tyre.new.or(known.new);
                    if tyre.start_laps != Age::Unknown {
                        known.start_laps = tyre.start_laps;
                    }
                }
            }
        }
    }
    Ok(merged.into_iter().flatten().collect())
}

/// How many different stints there are.
pub fn count_of_stints(tyres: &[Tyre]) -> usize {
    distinct(tyres.iter().map(|tyre| tyre.stint)).len()
}

/// The different values in the order in which they first come.
fn distinct(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut seen = Vec::new();
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tyre(time: i64, stint: i64, compound: Option<&str>, new: Option<bool>) -> Tyre {
        Tyre {
            time: Some(Timedelta::from_seconds(time)),
            stint,
            compound: compound.map(str::to_owned),
            start_laps: Age::Unknown,
            new,
        }
    }

    const RACE: Option<Timedelta> = Some(Timedelta::from_seconds(100));

    #[test]
    fn later_messages_correct_a_stint_but_not_its_time() {
        let messages =
            [tyre(10, 0, None, Some(true)), tyre(20, 0, Some("SOFT"), None), tyre(30, 0, Some("HARD"), None)];
        let corrected = corrected(&messages, &[], RACE);
        assert_eq!(corrected, Ok((vec![tyre(10, 0, Some("HARD"), Some(true))], false)));
    }

    #[test]
    fn a_stint_cannot_be_counted_twice_between_two_stops() {
        let messages = [
            tyre(10, 0, Some("SOFT"), None),
            tyre(250, 2, Some("HARD"), None),
            tyre(260, 2, None, Some(true)),
        ];
        let in_laps = [Timedelta::from_seconds(200)];
        let merged = vec![tyre(10, 0, Some("SOFT"), None), tyre(250, 1, Some("HARD"), Some(true))];
        assert_eq!(corrected(&messages, &in_laps, RACE), Ok((merged, true)));
    }

    #[test]
    fn stints_bunched_after_the_start_of_a_race_begin_with_their_stops() {
        let messages = [
            tyre(150, 0, Some("SOFT"), None),
            tyre(150, 1, Some("HARD"), None),
            tyre(300, 1, None, Some(true)),
        ];
        let in_laps = [Timedelta::from_seconds(200)];
        let times = |race_start| {
            let (tyres, _) = corrected(&messages, &in_laps, race_start).expect("the stints add up");
            tyres.iter().filter_map(|tyre| tyre.time).map(Timedelta::millis).collect::<Vec<_>>()
        };
        assert_eq!(times(RACE), [1, 200_001]);
        // In a practice the first message comes when the first car leaves the pits.
        assert_eq!(times(None), [150_000, 300_000]);
    }
}
