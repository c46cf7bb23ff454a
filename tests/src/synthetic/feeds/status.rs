//! The small topics: what session it is and in which state it, the track and the clock are.

use super::super::Plan;
use super::super::clock::{MINUTE, SECOND, utc};
use super::super::dice::Dice;
use super::super::json::Json;
use super::super::story::Story;
use super::super::weekend::{Event, Slot};
use super::{Line, feed_start, message_utc};

/// A session in `SessionInfo` and in the season's `Index.json`.
pub fn session(event: &Event, slot: &Slot) -> Json {
    let end = slot.start + slot.length;
    let day = |at: chrono::NaiveDateTime| at.format("%Y-%m-%dT%H:%M:%S").to_string();
    let kind = slot.name.split(' ').next().unwrap_or_default();
    let mut session = Json::with([
        (
            "Key",
            Json::Int(
                9000 + event.round * 10
                    + event.slots.iter().position(|s| s.name == slot.name).unwrap_or(0) as i64,
            ),
        ),
        (
            "Type",
            (if slot.name == "Sprint" {
                "Race"
            } else if kind == "Sprint" {
                "Qualifying"
            } else {
                kind
            })
            .into(),
        ),
    ]);
    match slot.name.strip_prefix("Practice ").and_then(|number| number.parse::<i64>().ok()) {
        Some(number) => session.set("Number", number),
        None if slot.name.starts_with("Sprint") => session.set("Number", -1),
        None => {}
    }
    session.set("Name", slot.name);
    session.set("StartDate", day(slot.start));
    session.set("EndDate", day(end));
    session.set("GmtOffset", event.gmt_offset());
    session.set("Path", event.path(slot));
    session
}

/// The names of the meeting, in both places.
pub fn meeting(event: &Event) -> Json {
    Json::with([
        ("Key", Json::Int(1200 + event.round)),
        ("Code", event.country_code.into()),
        ("Number", Json::Int(event.round.max(1))),
        ("Location", event.location.into()),
        ("OfficialName", event.official_name.as_str().into()),
        ("Name", event.name.as_str().into()),
        ("Country.Key", Json::Int(event.round + 30)),
        ("Country.Code", event.country_code.into()),
        ("Country.Name", event.country.into()),
        ("Circuit.Key", Json::Int(event.round + 140)),
        ("Circuit.ShortName", event.location.into()),
    ])
}

pub fn session_info(plan: &Plan, story: &Story, _: &mut Dice) -> Vec<Line> {
    let mut info = Json::with([
        ("Meeting", meeting(story.weekend.event())),
        ("ArchiveStatus.Status", "Generating".into()),
    ]);
    let Json::Object(fields) = session(story.weekend.event(), story.weekend.slot()) else {
        return Vec::new();
    };
    fields.into_iter().for_each(|(name, value)| info.set(&name, value));
    let mut lines = vec![Line::new(0, &info)];
    if plan.quirks {
        lines.push(Line::new(story.end, &Json::with([("ArchiveStatus.Status", "Complete".into())])));
    }
    lines
}

pub fn session_status(plan: &Plan, story: &Story, _: &mut Dice) -> Vec<Line> {
    let mut lines: Vec<Line> = story
        .session_status
        .iter()
        .map(|&(at, status)| Line::new(at, &Json::with([("Status", status.into())])))
        .collect();
    if plan.quirks {
        lines.insert(1, Line::new(1_300, &Json::with([("Started", "Inactive".into())])));
    }
    lines
}

pub fn track_status(plan: &Plan, story: &Story, _: &mut Dice) -> Vec<Line> {
    let name = |code| match code {
        "1" => "AllClear",
        "2" => "Yellow",
        "4" => "SCDeployed",
        "5" => "Red",
        "6" => "VSCDeployed",
        _ => "VSCEnding",
    };
    let mut lines: Vec<Line> = story
        .track_status
        .iter()
        .map(|&(at, code)| {
            Line::new(at, &Json::with([("Status", code.into()), ("Message", name(code).into())]))
        })
        .collect();
    if plan.quirks {
        // Not an object: FastF1 passes over it.
        lines.push(Line::new(story.start - MINUTE, &"".into()));
        lines.push(Line::new(story.end - MINUTE, &Json::with([("Message", "AllClear".into())])));
    }
    lines
}

/// Written once a lap of the leader; the distance comes with the first line, and again if it changes.
pub fn lap_count(plan: &Plan, story: &Story, dice: &mut Dice) -> Vec<Line> {
    let laps = plan.laps;
    let mut lines = vec![Line::new(
        2_100,
        &Json::with([
            ("CurrentLap", 1.into()),
            ("TotalLaps", (laps + if plan.quirks { 1 } else { 0 }).into()),
        ]),
    )];
    for lap in 1..laps {
        let first =
            story.cars.iter().filter_map(|car| car.laps.get(lap as usize - 1)).filter(|lap| lap.crosses_line);
        let Some(at) = first.map(|lap| lap.end()).min() else { break };
        let mut count = Json::with([("CurrentLap", (lap + 1).into())]);
        if plan.quirks && lap == 1 {
            // The distance is corrected, not always to the right one.
            count.set("TotalLaps", laps - i64::from(plan.oddity(6, 5)));
        }
        lines.push(Line::new(at + dice.between(10, 90), &count));
    }
    if plan.quirks {
        lines.push(Line::new(story.end, &Json::with([("TotalLaps", "".into())])));
    }
    lines
}

/// Session and track status once more, as a series that grows: a list first, then keyed objects.
pub fn session_data(_: &Plan, story: &Story, _: &mut Dice) -> Vec<Line> {
    let mut lines = vec![Line::new(
        1_000,
        &Json::with([("Series", Json::List(vec![])), ("StatusSeries", Json::List(vec![]))]),
    )];
    for (i, &(at, status)) in story.session_status.iter().enumerate() {
        let mut entry = Json::with([("Utc", message_utc(story, at).into())]);
        entry.set("SessionStatus", status);
        let series =
            if i == 0 { Json::List(vec![entry]) } else { Json::with([(i.to_string().as_str(), entry)]) };
        lines.push(Line::new(at, &Json::with([("StatusSeries", series)])));
    }
    lines
}

pub fn archive_status(_: &Plan, story: &Story, _: &mut Dice) -> Vec<Line> {
    vec![Line::new(story.end, &Json::with([("Status", "Complete".into())]))]
}

pub fn heartbeat(_: &Plan, story: &Story, dice: &mut Dice) -> Vec<Line> {
    (15 * SECOND..story.end)
        .step_by(15_000)
        .map(|at| Line::new(at + dice.between(0, 300), &Json::with([("Utc", message_utc(story, at).into())])))
        .collect()
}

pub fn extrapolated_clock(plan: &Plan, story: &Story, _: &mut Dice) -> Vec<Line> {
    let entry = |at: i64, remaining: &str, runs: bool| {
        let utc = utc(feed_start(story), at, Some(3));
        let fields = [("Utc", utc.into()), ("Remaining", remaining.into()), ("Extrapolating", runs.into())];
        Line::new(at, &Json::with(fields))
    };
    let length = if plan.kind.is_race() { "02:00:00" } else { "01:00:00" };
    vec![
        entry(3_187, "00:00:00", false),
        entry(story.start - 20 * SECOND, length, false),
        entry(story.start, length, true),
        entry(story.end - 5 * MINUTE, "00:00:00", false),
    ]
}

impl From<i32> for Json {
    fn from(value: i32) -> Json {
        Json::Int(value.into())
    }
}
