//! What happens in a session, before anybody reports it: times are milliseconds since the feed began.

mod race;
mod runs;

use super::clock::MINUTE;
use super::dice::Dice;
use super::weekend::{Driver, Weekend};
use super::{Kind, Plan};

/// One lap of one car.
#[derive(Debug, Clone, Default)]
pub struct Lap {
    pub start: i64,
    /// How long each sector took; 0 is a sector that the car did not finish.
    pub sectors: [i64; 3],
    pub pit_in: Option<i64>,
    pub pit_out: Option<i64>,
    /// Index into the car's stints.
    pub stint: usize,
    /// Which of the qualifying's parts; 0 elsewhere.
    pub part: usize,
    pub deleted: Option<Deletion>,
    /// Whether the line counts: an in-lap of a practice ends in the box.
    pub crosses_line: bool,
    /// Whether the first sector has a time: not from a standing start.
    pub timed: bool,
}

impl Lap {
    pub fn time(&self) -> i64 {
        self.sectors.iter().sum()
    }

    pub fn end(&self) -> i64 {
        self.start + self.time()
    }
}

/// A lap time that race control takes away.
#[derive(Debug, Clone)]
pub struct Deletion {
    /// How long after the lap.
    pub delay: i64,
    pub reinstated: bool,
    pub turn: i64,
}

#[derive(Debug, Clone)]
pub struct Stint {
    pub compound: &'static str,
    /// Laps on the set before the session.
    pub age: i64,
    /// When the set went on.
    pub from: i64,
    /// False for a drive through the pit lane: livetiming counts it as a stint all the same.
    pub changed: bool,
}

/// How a car's session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Running,
    StoppedOnTrack {
        at: i64,
    },
    RetiredInPit,
    /// Out in the first corner, without a lap.
    CrashedAtStart,
    /// Entered, but not even on the grid.
    Withdrew,
}

#[derive(Debug, Clone)]
pub struct Car {
    pub driver: Driver,
    pub grid: i64,
    pub laps: Vec<Lap>,
    pub stints: Vec<Stint>,
    pub fate: Fate,
}

impl Car {
    /// The time of the last crossing of the line, 0 if there is none.
    pub fn last_line(&self) -> i64 {
        self.laps.iter().rfind(|lap| lap.crosses_line).map_or(0, Lap::end)
    }

    pub fn lap_count(&self) -> i64 {
        self.laps.iter().filter(|lap| lap.crosses_line).count() as i64
    }
}

/// A message of race control, before it has a time stamp and a number.
#[derive(Debug, Clone)]
pub struct Message {
    pub at: i64,
    pub category: &'static str,
    pub text: String,
    pub flag: Option<&'static str>,
    /// `Status`, of the safety car and DRS.
    pub status: Option<&'static str>,
    pub sector: Option<i64>,
    pub number: Option<i64>,
}

impl Message {
    pub fn new(at: i64, category: &'static str, text: impl Into<String>) -> Message {
        Message { at, category, text: text.into(), flag: None, status: None, sector: None, number: None }
    }
}

/// A circuit as far as the clock sees it.
#[derive(Debug, Clone)]
pub struct Track {
    /// A clean lap of the fastest car.
    pub lap: i64,
    /// Thousandths of the lap at which sectors 1 and 2 end.
    pub splits: [i64; 2],
    pub pit: PitLane,
    /// The longest straight's speed trap lies just after the line.
    pub trap_after_line: bool,
}

/// Where the boxes are, seen from the timing line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PitLane {
    /// In before the line, out after it.
    AcrossLine,
    /// In and out before the line.
    BeforeLine,
    /// In and out after the line.
    AfterLine,
}

impl Track {
    fn new(dice: &mut Dice) -> Track {
        Track {
            lap: dice.between(71_000, 98_000),
            splits: [dice.between(270, 380), dice.between(620, 740)],
            pit: dice.pick(&[PitLane::AcrossLine, PitLane::BeforeLine, PitLane::AfterLine]),
            trap_after_line: dice.one_in(3),
        }
    }

    /// The three sectors of a lap of this length, a little off the circuit's own split.
    fn sectors(&self, time: i64, dice: &mut Dice) -> [i64; 3] {
        let first = time * self.splits[0] / 1000 + dice.between(-150, 150);
        let second = time * (self.splits[1] - self.splits[0]) / 1000 + dice.between(-150, 150);
        [first, second, time - first - second]
    }
}

pub struct Story {
    pub weekend: Weekend,
    pub track: Track,
    pub cars: Vec<Car>,
    pub session_status: Vec<(i64, &'static str)>,
    /// FastF1's codes: 1 clear, 2 yellow, 4 safety car, 5 red, 6 and 7 virtual safety car.
    pub track_status: Vec<(i64, &'static str)>,
    pub messages: Vec<Message>,
    /// When each part of a qualifying starts.
    pub parts: Vec<i64>,
    /// When it rains, from and to.
    pub rain: Option<(i64, i64)>,
    pub start: i64,
    pub end: i64,
}

impl Story {
    pub fn new(plan: &Plan) -> Story {
        let weekend = Weekend::new(plan);
        let mut story = match plan.kind {
            Kind::Sprint | Kind::Race => race::story(plan, weekend),
            _ => runs::story(plan, weekend),
        };
        yellow_flags(&mut story, &mut Dice::new(plan.seed, "yellow"));
        deletion_messages(&mut story);
        story.track_status.sort_by_key(|&(at, _)| at);
        story.session_status.sort_by_key(|&(at, _)| at);
        story.messages.sort_by_key(|message| message.at);
        story
    }
}

/// A few local yellow flags, away from what else the track status says.
fn yellow_flags(story: &mut Story, dice: &mut Dice) {
    for _ in 0..dice.between(1, 4) {
        let at = dice.between(story.start, story.end);
        let clear = at + dice.between(3_000, 70_000);
        let busy = |&(t, _): &(i64, &str)| (at - MINUTE..clear + MINUTE).contains(&t);
        let interrupted =
            story.track_status.iter().rfind(|&&(t, _)| t < at).is_some_and(|&(_, code)| code != "1");
        if interrupted || story.track_status.iter().any(busy) {
            continue;
        }
        let sector = dice.between(1, 20);
        let flag = dice.pick(&["YELLOW", "DOUBLE YELLOW"]);
        story.track_status.extend([(at, "2"), (clear, "1")]);
        for (t, flag) in [(at + 40, flag), (clear - 30, "CLEAR")] {
            story.messages.push(Message {
                flag: Some(flag),
                sector: Some(sector),
                ..Message::new(t, "Flag", format!("{flag} IN TRACK SECTOR {sector}"))
            });
        }
    }
}

fn deletion_messages(story: &mut Story) {
    let local = |at: i64| {
        let start = story.weekend.slot().start + chrono::TimeDelta::milliseconds(at - story.start);
        start.format("%H:%M:%S").to_string()
    };
    for car in &story.cars {
        let name = format!("CAR {} ({})", car.driver.number, car.driver.tla());
        for (i, lap) in car.laps.iter().enumerate() {
            let Some(deletion) = &lap.deleted else { continue };
            let time = super::clock::lap_time(lap.time());
            let at = lap.end() + deletion.delay;
            let mut reason = format!("TRACK LIMITS AT TURN {}", deletion.turn);
            if story.weekend.season >= 2022 {
                reason += &format!(" LAP {} {}", i + 1, local(lap.end()));
            }
            story.messages.push(Message::new(at, "Other", format!("{name} TIME {time} DELETED - {reason}")));
            if deletion.reinstated {
                let text = format!("{name} LAP {} TIME {time} REINSTATED", i + 1);
                story.messages.push(Message::new(at + 3 * MINUTE, "Other", text));
            }
        }
    }
}
