//! TimingData: each car's laps, sectors, speeds, places and gaps, told as changes to what was told before.

mod laps;
mod order;

use std::collections::HashMap;

use super::super::Plan;
use super::super::clock::{MINUTE, SECOND};
use super::super::dice::Dice;
use super::super::json::Json;
use super::super::story::{Car, Fate, Story};
use super::{Line, drivers};

/// Something about one car at one time: paths into its entry (`Sectors.2.Value`) and their values.
pub struct Update {
    at: i64,
    number: String,
    fields: Vec<(String, Json)>,
    /// Tell it even if nothing is new.
    again: bool,
}

/// Collects what there is to tell about a session.
pub struct Teller<'a> {
    plan: &'a Plan,
    story: &'a Story,
    updates: Vec<Update>,
}

impl Teller<'_> {
    fn tell<const N: usize>(&mut self, at: i64, car: &Car, fields: [(&str, Json); N]) {
        self.push(at, car, fields, false);
    }

    fn tell_again<const N: usize>(&mut self, at: i64, car: &Car, fields: [(&str, Json); N]) {
        self.push(at, car, fields, true);
    }

    fn push<const N: usize>(&mut self, at: i64, car: &Car, fields: [(&str, Json); N], again: bool) {
        let fields = fields.into_iter().map(|(path, value)| (path.to_owned(), value)).collect();
        self.updates.push(Update { at, number: car.driver.number.to_string(), fields, again });
    }
}

pub fn timing_data(plan: &Plan, story: &Story, dice: &mut Dice) -> Vec<Line> {
    let mut teller = Teller { plan, story, updates: Vec::new() };
    let cars: Vec<&Car> = story.cars.iter().filter(|car| drivers::listed(plan, car)).collect();
    for &car in &cars {
        laps::tell(&mut teller, car, dice);
        ending(&mut teller, car);
    }
    if plan.kind.is_race() {
        order::tell_race(&mut teller, dice);
    } else {
        order::tell_best_times(&mut teller);
    }
    let mut lines = vec![
        Line::new(
            3_898,
            &if plan.kind.is_race() {
                Json::with([("Lines", Json::object()), ("Withheld", false.into())])
            } else {
                let none = || Json::List(vec![0.into(), 0.into(), 0.into()]);
                Json::with([
                    ("NoEntries", none()),
                    ("SessionPart", 0.into()),
                    ("Lines", Json::object()),
                    ("Withheld", false.into()),
                ])
            },
        ),
        Line::new(4_180, &Json::with([("Lines", first_entries(story, &cars))])),
    ];
    if plan.quirks {
        lines.push(Line::new(story.start - MINUTE, &"".into()));
        lines.push(Line::new(story.start - 30 * SECOND, &Json::with([("Withheld", false.into())])));
    }
    lines.extend(changes(teller.updates));
    lines
}

/// What the feed says first: every field of every car, the lists that later are keyed objects.
fn first_entries(story: &Story, cars: &[&Car]) -> Json {
    let race = story.parts.len() == 1
        && story.cars.iter().any(|car| car.stints.first().is_some_and(|stint| stint.from == 0));
    let in_pit = story.weekend.season != 2018 || !race;
    let sector = || {
        Json::with([
            ("Stopped", false.into()),
            ("Value", "".into()),
            ("Status", 0.into()),
            ("OverallFastest", false.into()),
        ])
    };
    let speed = || Json::with([("Value", "".into()), ("Status", 0.into()), ("OverallFastest", false.into())]);
    let entry = |car: &Car, place: i64| {
        let mut entry = Json::object();
        if race {
            let gap = if place == 1 { "LAP 1" } else { "" };
            entry.set("GapToLeader", gap);
            entry.set("IntervalToPositionAhead.Value", gap);
            entry.set("IntervalToPositionAhead.Catching", false);
        } else {
            entry.set(
                "BestLapTimes",
                Json::List(vec![Json::with([("Value", "".into())]), Json::object(), Json::object()]),
            );
        }
        entry.set("Line", place);
        entry.set("Position", place.to_string());
        entry.set("RacingNumber", car.driver.number.to_string());
        entry.set("Retired", false);
        entry.set("InPit", in_pit);
        entry.set("PitOut", false);
        entry.set("Stopped", false);
        entry.set("Sectors", Json::List((0..3).map(|_| sector()).collect()));
        for trap in ["I1", "I2", "FL", "ST"] {
            entry.set(&format!("Speeds.{trap}"), speed());
        }
        entry.set("BestLapTime.Value", "");
        entry.set("LastLapTime.Value", "");
        entry
    };
    cars.iter().zip(1..).map(|(car, place)| (car.driver.number.to_string(), entry(car, place))).collect()
}

/// Cars that end their session early.
fn ending(teller: &mut Teller, car: &Car) {
    match car.fate {
        Fate::Running => {}
        Fate::StoppedOnTrack { at } => {
            teller.tell(at + 9 * SECOND, car, [("Stopped", true.into())]);
            teller.tell(at + 70 * SECOND, car, [("Retired", true.into()), ("Status", 76.into())]);
        }
        Fate::RetiredInPit => {
            let at = car.laps.last().map_or(teller.story.start, |lap| lap.end());
            teller.tell(at + 80 * SECOND, car, [("Retired", true.into()), ("Status", 84.into())]);
            if teller.plan.oddity(3, 0) {
                // A lap that never was, counted when the car is given up.
                let ghost = car.lap_count() + 1;
                teller.tell(
                    at + 50 * SECOND,
                    car,
                    [("NumberOfLaps", ghost.into()), ("Speeds.I1.Value", "61".into())],
                );
            }
        }
        Fate::CrashedAtStart => {
            let at = teller.story.start;
            teller.tell(at + 25 * SECOND, car, [("Stopped", true.into())]);
            teller.tell(at + 60 * SECOND, car, [("Retired", true.into())]);
        }
        Fate::Withdrew => {
            teller.tell(60 * SECOND, car, [("Retired", true.into()), ("ShowPosition", false.into())])
        }
    }
}

/// Puts the updates in order of time, drops what was told already, and joins those of the same moment.
fn changes(mut updates: Vec<Update>) -> Vec<Line> {
    updates.sort_by_key(|update| update.at);
    let mut told: HashMap<(String, String), Json> = HashMap::new();
    let mut lines: Vec<(i64, Json)> = Vec::new();
    for Update { at, number, fields, again } in updates {
        let new: Vec<(String, Json)> = fields
            .into_iter()
            .filter(|(path, value)| {
                told.insert((number.clone(), path.clone()), value.clone()).as_ref() != Some(value) || again
            })
            .collect();
        if new.is_empty() {
            continue;
        }
        if lines.last().is_none_or(|&(last, _)| last != at) {
            lines.push((at, Json::object()));
        }
        let Some((_, line)) = lines.last_mut() else { continue };
        for (path, value) in new {
            line.set(&format!("Lines.{number}.{path}"), value);
        }
    }
    lines.into_iter().map(|(at, line)| Line::new(at, &line)).collect()
}
