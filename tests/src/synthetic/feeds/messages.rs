//! RaceControlMessages: a list first, then objects keyed by the message's number.

use super::super::Plan;
use super::super::clock::utc;
use super::super::dice::Dice;
use super::super::json::Json;
use super::super::story::{Message, Story};
use super::{Line, feed_start};

pub fn race_control_messages(plan: &Plan, story: &Story, dice: &mut Dice) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut n = 0;
    let mut waiting: Vec<Json> = Vec::new();
    for message in &story.messages {
        waiting.push(entry(plan, story, message, dice));
        // Two that come within the same moment share a line.
        if plan.quirks && dice.one_in(8) {
            continue;
        }
        let count = waiting.len() as i64;
        let messages = if n == 0 {
            Json::List(std::mem::take(&mut waiting))
        } else {
            waiting.drain(..).zip(n..).map(|(entry, n)| (n.to_string(), entry)).collect()
        };
        n += count;
        lines.push(Line::new(message.at + dice.between(5, 60), &Json::with([("Messages", messages)])));
    }
    lines
}

fn entry(plan: &Plan, story: &Story, message: &Message, dice: &mut Dice) -> Json {
    let mut entry = Json::with([("Utc", utc(feed_start(story), message.at, None).into())]);
    if plan.kind.is_race() {
        entry.set("Lap", lap_at(story, message.at));
    }
    entry.set("Category", message.category);
    for (name, value) in [("Flag", message.flag), ("Status", message.status)] {
        if let Some(value) = value {
            entry.set(name, value);
        }
    }
    if message.flag.is_some() {
        let scope = if message.sector.is_some() {
            "Sector"
        } else if message.number.is_some() {
            "Driver"
        } else {
            "Track"
        };
        entry.set("Scope", scope);
    }
    if let Some(sector) = message.sector {
        // A number most of the time, text or nothing if somebody typed it.
        let odd = plan.quirks && dice.one_in(4);
        entry.set("Sector", if odd { Json::from("pit") } else { Json::Int(sector) });
    }
    if let Some(number) = message.number {
        entry.set("RacingNumber", number.to_string());
    }
    entry.set("Message", message.text.as_str());
    entry
}

/// The leader's lap at this time, from 1.
fn lap_at(story: &Story, at: i64) -> i64 {
    let done = |car: &super::super::story::Car| {
        car.laps.iter().filter(|lap| lap.crosses_line && lap.end() <= at).count()
    };
    story.cars.iter().map(done).max().unwrap_or(0) as i64 + 1
}
