//! CarData.z and Position.z, written as they are made up: a long race's would not fit into memory.

use std::fmt::Write as _;
use std::io::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::Compression;
use flate2::write::DeflateEncoder;
use sha2::{Digest, Sha256};

use super::super::Plan;
use super::super::clock::{MINUTE, stamp, utc};
use super::super::dice::Dice;
use super::super::story::{Car, Fate, Story};
use super::feed_start;

/// Which of the two topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    CarData,
    Position,
}

impl Channel {
    pub const ALL: [Channel; 2] = [Channel::CarData, Channel::Position];

    pub fn topic(self) -> &'static str {
        match self {
            Channel::CarData => "CarData.z",
            Channel::Position => "Position.z",
        }
    }
}

/// Samples in one line.
const BATCH: usize = 5;

/// Writes the whole topic, `plan.telemetry_hz` samples of each car a second. Gives the SHA-256 of what the
/// lines hold: how well it is compressed is not for us to say.
pub fn write(
    plan: &Plan,
    story: &Story,
    channel: Channel,
    out: &mut impl Write,
) -> io::Result<impl AsRef<[u8]>> {
    let dice = &mut Dice::new(plan.seed, channel.topic());
    out.write_all("\u{feff}".as_bytes())?;
    let mut cars: Vec<Sampled> =
        story.cars.iter().filter(|car| car.fate != Fate::Withdrew).map(Sampled::new).collect();
    let period = 1000 / plan.telemetry_hz.max(1);
    // Samples begin minutes before the session and end after the last lap.
    let from = story.start - 3 * MINUTE + dice.between(0, period);
    let last_lap = story.cars.iter().flat_map(|car| &car.laps).map(|lap| lap.end()).max().unwrap_or(from);
    let until = if plan.empty.contains(&channel.topic()) { from } else { (last_lap + MINUTE).min(story.end) };
    let mut json = String::new();
    let mut digest = Sha256::new();
    let mut t = from;
    while t < until {
        json.clear();
        json.push_str(if channel == Channel::CarData { r#"{"Entries":["# } else { r#"{"Position":["# });
        for i in 0..BATCH {
            if i > 0 {
                json.push(',');
            }
            sample(plan, story, channel, t, &mut cars, &mut json, dice);
            t += period + dice.between(-period / 16, period / 16);
        }
        json.push_str("]}");
        // The line's own time is the moment it was sent: after its last sample.
        let at = t - period + dice.between(30, 600);
        if plan.quirks && dice.one_in(60) {
            json.truncate(json.len() - 9);
        }
        digest.update(stamp(at));
        digest.update(&json);
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::default());
        deflate.write_all(json.as_bytes())?;
        write!(out, "{}\"{}\"\r\n", stamp(at), BASE64.encode(deflate.finish()?))?;
    }
    Ok(digest.finalize())
}

fn sample(
    plan: &Plan,
    story: &Story,
    channel: Channel,
    t: i64,
    cars: &mut [Sampled],
    json: &mut String,
    dice: &mut Dice,
) {
    let (when, who) = if channel == Channel::CarData { ("Utc", "Cars") } else { ("Timestamp", "Entries") };
    let _ = write!(json, r#"{{"{when}":"{}","{who}":{{"#, utc(feed_start(story), t, Some(7)));
    let mut comma = "";
    for (i, sampled) in cars.iter_mut().enumerate() {
        let state = sampled.at(t, story);
        // The transponder of one car drops out every so often.
        if plan.quirks && i == 1 && dice.one_in(40) {
            continue;
        }
        let number = sampled.car.driver.number;
        let _ = match channel {
            Channel::CarData => {
                let brake = if plan.quirks && i == 2 && dice.one_in(50) {
                    dice.pick(&[104, 55])
                } else {
                    state.brake
                };
                let drs = if plan.season >= 2026 { String::new() } else { format!(r#","45":{}"#, state.drs) };
                // Without the speed FastF1 has no use for the sample.
                let speed = if plan.quirks && i == 0 && dice.one_in(90) {
                    String::new()
                } else {
                    format!(r#""2":{},"#, state.speed)
                };
                let State { rpm, gear, throttle, .. } = state;
                write!(
                    json,
                    r#"{comma}"{number}":{{"Channels":{{"0":{rpm},{speed}"3":{gear},"4":{throttle},"5":{brake}{drs}}}}}"#
                )
            }
            Channel::Position => {
                let status = match (plan.season, state.off_track) {
                    (2018, off) => format!(r#""Status":{},"#, i64::from(off)),
                    _ if plan.quirks && i == 3 && dice.one_in(70) => String::new(),
                    (_, true) => r#""Status":"OffTrack","#.into(),
                    (_, false) => r#""Status":"OnTrack","#.into(),
                };
                let z = if plan.quirks && i == 0 && dice.one_in(90) {
                    String::new()
                } else {
                    format!(r#","Z":{}"#, state.z)
                };
                write!(json, r#"{comma}"{number}":{{{status}"X":{},"Y":{}{z}}}"#, state.x, state.y)
            }
        };
        comma = ",";
    }
    json.push_str("}}");
}

/// A car and the lap it is on.
struct Sampled<'a> {
    car: &'a Car,
    lap: usize,
}

#[derive(Default)]
struct State {
    rpm: i64,
    speed: i64,
    gear: i64,
    throttle: i64,
    brake: i64,
    drs: i64,
    off_track: bool,
    x: i64,
    y: i64,
    z: i64,
}

impl<'a> Sampled<'a> {
    fn new(car: &'a Car) -> Self {
        Sampled { car, lap: 0 }
    }

    /// The car at `t`, which must not be before that of the last call.
    fn at(&mut self, t: i64, story: &Story) -> State {
        let laps = &self.car.laps;
        while laps.get(self.lap).is_some_and(|lap| lap.end() <= t) {
            self.lap += 1;
        }
        let Some(lap) = laps.get(self.lap).filter(|lap| lap.start <= t) else {
            // In its box, or parked where it stopped.
            let parked = !matches!(self.car.fate, Fate::StoppedOnTrack { at } if at <= t);
            return State { brake: 0, off_track: parked, drs: 8, z: 12, ..State::default() };
        };
        // Ten-thousandths of the lap: waves along it stand for corners and straights.
        let along = (t - lap.start) * 10_000 / lap.time().max(1);
        let wave = triangle(along * 6 % 10_000);
        let in_pit = lap.pit_in.is_some_and(|at| t >= at) || lap.pit_out.is_some_and(|at| t < at);
        let speed = if in_pit { 0 } else { 70 + wave * 250 / 10_000 };
        let slowing = along * 6 % 10_000 >= 5_000;
        State {
            rpm: if in_pit { 4_000 } else { 6_500 + wave * 5_500 / 10_000 },
            speed,
            gear: (speed + 34) / 45,
            throttle: if slowing || in_pit { 0 } else { 100 },
            brake: if slowing && !in_pit { 100 } else { 0 },
            drs: if !slowing && along > 9_000 { 12 } else { 8 },
            off_track: in_pit && story.weekend.season > 2018,
            x: triangle((along + 2_500) % 10_000) - 5_000 + wave / 40,
            y: (triangle(along) - 5_000) * 3 / 4 - wave / 55,
            z: 120 + wave / 90,
        }
    }
}

/// Up from 0 to 10,000 and down again, for 0 to 9,999.
fn triangle(phase: i64) -> i64 {
    if phase < 5_000 { phase * 2 } else { 20_000 - phase * 2 }
}
