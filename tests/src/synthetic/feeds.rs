//! The session as livetiming tells it: a topic is a list of lines, each a time and a JSON payload.
//!
//! With [`Plan::quirks`] the feeds have the oddities that real ones have now and then: lines cut short,
//! lists where objects are expected, values that come late or twice or not at all, corrections.

mod drivers;
mod messages;
pub mod status;
pub mod telemetry;
mod timing;
mod tyres;
mod weather;

use super::Plan;
use super::clock::{SECOND, stamp, utc};
use super::dice::Dice;
use super::json::Json;
use super::story::Story;

/// One line of a feed.
#[derive(Debug, Clone)]
pub struct Line {
    pub at: i64,
    /// JSON, but for the lines that are broken on purpose.
    pub payload: String,
}

impl Line {
    pub fn new(at: i64, payload: &Json) -> Line {
        Line { at, payload: payload.to_string() }
    }
}

/// A topic other than the telemetry, whole: `TimingData` and its lines in the order of their times.
pub struct Topic {
    pub name: &'static str,
    pub lines: Vec<Line>,
}

impl Topic {
    /// The bytes that livetiming serves: a BOM, then CRLF lines.
    pub fn bytes(&self) -> Vec<u8> {
        let lines = self.lines.iter().map(|line| format!("{}{}\r\n", stamp(line.at), line.payload));
        std::iter::once("\u{feff}".to_owned()).chain(lines).collect::<String>().into_bytes()
    }
}

/// All topics of the session but CarData.z and Position.z, those of `plan.missing` left out.
pub fn topics(plan: &Plan, story: &Story) -> Vec<Topic> {
    type Tell = fn(&Plan, &Story, &mut Dice) -> Vec<Line>;
    let tellers: [(&'static str, Tell); 16] = [
        ("SessionInfo", status::session_info),
        ("SessionStatus", status::session_status),
        ("TrackStatus", status::track_status),
        ("LapCount", status::lap_count),
        ("SessionData", status::session_data),
        ("ArchiveStatus", status::archive_status),
        ("Heartbeat", status::heartbeat),
        ("ExtrapolatedClock", status::extrapolated_clock),
        ("DriverList", drivers::driver_list),
        ("TopThree", drivers::top_three),
        ("TeamRadio", drivers::team_radio),
        ("RaceControlMessages", messages::race_control_messages),
        ("WeatherData", weather::weather_data),
        ("TimingData", timing::timing_data),
        ("TimingAppData", tyres::timing_app_data),
        ("TyreStintSeries", tyres::tyre_stint_series),
    ];
    let wanted =
        |name: &&'static str| !plan.missing.contains(name) && (*name != "LapCount" || plan.kind.is_race());
    tellers
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, tell)| {
            let dice = &mut Dice::new(plan.seed, name);
            let mut lines = if plan.empty.contains(&name) { Vec::new() } else { tell(plan, story, dice) };
            if plan.noise && NOISY.contains(&name) {
                disturb(&mut lines, dice);
            }
            lines.sort_by_key(|line| line.at);
            if plan.quirks && TORN.contains(&name) && !lines.is_empty() {
                tear(&mut lines, dice);
            }
            if name == "TimingData" && plan.oddity(5, 0) {
                turn_back(&mut lines);
            }
            Topic { name, lines }
        })
        .collect()
}

/// Topics that lose lines.
const NOISY: [&str; 6] =
    ["TimingData", "TimingAppData", "DriverList", "RaceControlMessages", "WeatherData", "TrackStatus"];

/// Loses some lines, says some twice, delays some.
fn disturb(lines: &mut Vec<Line>, dice: &mut Dice) {
    let first = lines.first().cloned();
    let told = std::mem::take(lines);
    for mut line in told {
        match dice.between(0, 119) {
            0 | 1 => continue,
            2 | 3 => lines.push(line.clone()),
            4 | 5 => line.at += dice.between(200, 9_000),
            _ => {}
        }
        lines.push(line);
    }
    if lines.is_empty() {
        lines.extend(first);
    }
}

/// Topics in which FastF1 takes a line that is not JSON in its stride.
const TORN: [&str; 4] = ["TimingData", "TimingAppData", "WeatherData", "DriverList"];

/// Adds lines that were cut off while they were written.
fn tear(lines: &mut Vec<Line>, dice: &mut Dice) {
    for _ in 0..2 {
        let at = dice.between(lines.len() as i64 / 2, lines.len() as i64 - 1) as usize;
        let Some(line) = lines.get(at).cloned() else { return };
        let half = (line.payload.len() / 2..).find(|&i| line.payload.is_char_boundary(i)).unwrap_or(0);
        lines.insert(at, Line { payload: line.payload[..half.max(1)].to_owned(), ..line });
    }
}

/// Stamps one third sector far too early, as a clock does that is set while it runs.
fn turn_back(lines: &mut [Line]) {
    let half = lines.len() / 2;
    if let Some(line) = lines[half..].iter_mut().find(|line| line.payload.contains(r#""Sectors":{"2""#)) {
        line.at -= 100 * SECOND;
    }
}

/// The `Utc` of a message about something at `at`: as of the clock in the timing room, at most 7 digits.
fn message_utc(story: &Story, at: i64) -> String {
    utc(feed_start(story), at - SECOND / 4, Some(7))
}

/// The instant that feed time 0 stands for.
pub fn feed_start(story: &Story) -> chrono::DateTime<chrono::Utc> {
    story.weekend.event().utc(story.weekend.slot()) - chrono::TimeDelta::milliseconds(story.start)
}
