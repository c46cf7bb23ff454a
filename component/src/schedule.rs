//! Which session: a season's events out of one of three upstreams, and the choice of one session.
//!
//! The rules are those of FastF1's `events.py`; [`f1schedule`], [`index`] and [`jolpica`] are its backends
//! `fastf1`, `f1timing` and `ergast`.

pub mod f1schedule;
pub mod index;
pub mod jolpica;
mod name;
mod upstreams;

pub use upstreams::session_asked_for;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};

use crate::error::{Error, Kind, Result};
use crate::fastf1::time::Timestamp;

/// The first season that livetiming has.
pub const FIRST_SEASON: i32 = 2018;

/// What the user asks for. What is not given is chosen: the last event before `as_of` that has the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    pub season: Option<i32>,
    pub round: Option<Round>,
    pub session: Name,
    /// Choose as if it were this moment; none is now.
    pub as_of: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Round {
    Number(u32),
    /// A Grand Prix, country or town, matched as FastF1 matches it.
    Named(String),
}

/// Reads `--season`.
pub fn season(text: &str) -> std::result::Result<i32, String> {
    let season = text.parse().ok().filter(|year| (FIRST_SEASON..=9999).contains(year));
    season.ok_or(format!("{text:?} is no season; livetiming begins in {FIRST_SEASON}"))
}

/// Reads `--as-of`: an instant, or a day, which begins at midnight UTC.
pub fn as_of(text: &str) -> std::result::Result<DateTime<Utc>, String> {
    let instant = |text: &str| DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc()).ok();
    instant(text)
        .or_else(|| instant(&format!("{text}T00:00:00Z")))
        .ok_or(format!("{text:?} is neither like 2024-07-08T12:00:00Z nor like 2024-07-08"))
}

impl Round {
    pub fn parse(text: &str) -> std::result::Result<Round, String> {
        match text.trim() {
            "" => Err("give a round number or a Grand Prix name".into()),
            "0" => Err("rounds count from 1; testing has no round".into()),
            text if text.bytes().all(|b| b.is_ascii_digit()) => {
                text.parse().map(Round::Number).map_err(|_| format!("{text} is no round"))
            }
            text if !name::is_distinctive(text) => {
                Err(format!("{text:?} says too little; give a town, a country or a number"))
            }
            text => Ok(Round::Named(text.to_owned())),
        }
    }
}

/// The sessions that can be asked for, FastF1's `_SESSION_TYPE_ABBREVIATIONS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    Practice1,
    Practice2,
    Practice3,
    Qualifying,
    SprintQualifying,
    SprintShootout,
    Sprint,
    Race,
}

/// What a session is run for; results and lap rules follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Practice,
    Qualifying,
    Race,
}

impl Name {
    const TABLE: [(Name, &str, &str); 8] = [
        (Name::Practice1, "FP1", "Practice 1"),
        (Name::Practice2, "FP2", "Practice 2"),
        (Name::Practice3, "FP3", "Practice 3"),
        (Name::Qualifying, "Q", "Qualifying"),
        (Name::SprintQualifying, "SQ", "Sprint Qualifying"),
        (Name::SprintShootout, "SS", "Sprint Shootout"),
        (Name::Sprint, "S", "Sprint"),
        (Name::Race, "R", "Race"),
    ];

    /// Reads an abbreviation or a full name, in any case.
    pub fn parse(text: &str) -> std::result::Result<Name, String> {
        let is = |name: &str| name.eq_ignore_ascii_case(text);
        let row = Self::TABLE.iter().find(|(_, short, long)| is(short) || is(long));
        row.map(|(name, ..)| *name).ok_or(format!("{text:?} is none of FP1 FP2 FP3 Q SQ SS S R"))
    }

    fn row(self) -> (&'static str, &'static str) {
        let row = Self::TABLE.iter().find(|(name, ..)| *name == self);
        row.map(|(_, short, long)| (*short, *long)).unwrap_or_default()
    }

    /// `FP1`
    pub fn abbreviation(self) -> &'static str {
        self.row().0
    }

    /// `Practice 1`
    pub fn full(self) -> &'static str {
        self.row().1
    }
}

/// One session of an event, as its schedule has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// `Practice 1`, ...; upstreams also have sessions of other names.
    pub name: String,
    /// Start in the local time of the track; Jolpica does not say.
    pub local: Option<NaiveDateTime>,
    pub utc: Option<NaiveDateTime>,
}

/// A race weekend or a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub round: u32,
    pub country: String,
    pub location: String,
    pub name: String,
    pub official_name: String,
    /// The day the event ends (FastF1's `EventDate`); from Jolpica with the time the race starts.
    pub date: NaiveDateTime,
    pub testing: bool,
    /// Whether livetiming covers the event.
    pub timing: bool,
    pub slots: Vec<Slot>,
}

/// One session, chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub season: i32,
    pub round: u32,
    /// `Azerbaijan Grand Prix`
    pub event: String,
    pub name: Name,
    /// The date in the folder name of the event at livetiming.
    pub event_date: NaiveDate,
    /// The date in the folder name of the session at livetiming.
    pub session_date: NaiveDate,
    /// Scheduled start in UTC.
    pub starts: NaiveDateTime,
    /// Whether livetiming covers the session.
    pub timing: bool,
}

impl Session {
    /// FastF1's `_RACE_LIKE_SESSIONS` and so on: until 2023 a Sprint Qualifying was a race.
    pub fn sort(&self) -> Sort {
        match self.name {
            Name::Practice1 | Name::Practice2 | Name::Practice3 => Sort::Practice,
            Name::Race | Name::Sprint => Sort::Race,
            Name::SprintQualifying if self.starts.year() <= 2023 => Sort::Race,
            // From 2024 on FastF1 knows no Sprint Shootout; there has been none.
            Name::Qualifying | Name::SprintQualifying | Name::SprintShootout => Sort::Qualifying,
        }
    }

    /// What a document of the session says of it: names and values.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        vec![
            ("season", self.season.to_string()),
            ("round", self.round.to_string()),
            ("session", self.name.abbreviation().to_owned()),
        ]
    }
}

/// `2018 round 4, Azerbaijan Grand Prix, Race`
impl std::fmt::Display for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} round {}, {}, {}", self.season, self.round, self.event, self.name.full())
    }
}

/// Chooses a session out of a season's events.
///
/// None where the request leaves the event open and none has taken place yet: then it is the last of the
/// year before, unless the request names the season.
pub fn choose(
    events: &[Event],
    season: i32,
    request: &SessionRequest,
    now: DateTime<Utc>,
) -> Result<Option<Session>> {
    let wanted = request.session;
    let event = match &request.round {
        Some(Round::Number(round)) => by_round(events, season, *round)?,
        Some(Round::Named(text)) => name::closest(events, season, text)?,
        None => {
            let now = request.as_of.unwrap_or(now).naive_utc();
            match last_before(events, season, wanted, now) {
                Some(event) => event,
                None => return Ok(None),
            }
        }
    };
    session(event, season, wanted).map(Some)
}

fn by_round(events: &[Event], season: i32, round: u32) -> Result<&Event> {
    let found = races(events).find(|event| event.round == round);
    found.ok_or_else(|| {
        let last = races(events).map(|event| event.round).max().unwrap_or_default();
        Error::new(Kind::NotFound, format!("{season} has no round {round}; its last is {last}"))
    })
}

/// The last event before `now` that has the session. A cancelled event has none.
fn last_before(events: &[Event], season: i32, wanted: Name, now: NaiveDateTime) -> Option<&Event> {
    let past = races(events).filter(|event| event.date < now);
    past.filter(|event| slot(event, season, wanted).is_some()).max_by_key(|event| event.date)
}

fn races(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().filter(|event| !event.testing)
}

/// FastF1's `Event.get_session_name`: in 2021 and 2022 Sprint Qualifying is the old name of the Sprint.
fn slot(event: &Event, season: i32, wanted: Name) -> Option<(Name, &Slot)> {
    let name = match wanted {
        Name::SprintQualifying if matches!(season, 2021 | 2022) => Name::Sprint,
        name => name,
    };
    event.slots.iter().find(|slot| slot.name == name.full()).map(|slot| (name, slot))
}

/// FastF1's `Session.__init__`: local dates where the schedule has them, else UTC.
fn session(event: &Event, season: i32, wanted: Name) -> Result<Session> {
    let (name, slot) = slot(event, season, wanted).ok_or_else(|| {
        let has: Vec<_> = event.slots.iter().map(|slot| slot.name.as_str()).collect();
        let has = if has.is_empty() { "none at all".into() } else { has.join(", ") };
        let message = format!("{season} {} has no {}; its sessions: {has}", event.name, wanted.full());
        Error::new(Kind::NotFound, message)
    })?;
    let starts = slot.utc.unwrap_or(event.date);
    Ok(Session {
        season,
        round: event.round,
        event: event.name.clone(),
        name,
        event_date: event.date.date(),
        session_date: slot.local.unwrap_or(starts).date(),
        starts,
        timing: event.timing,
    })
}

fn date_time(text: &str) -> Option<NaiveDateTime> {
    DateTime::from_timestamp_micros(Timestamp::parse(text)?.0).map(|time| time.naive_utc())
}

/// `+03:00` or `03:00:00` in seconds (FastF1's `to_timedelta`); a time zone is less than a day off.
fn utc_offset(text: &str) -> Option<chrono::TimeDelta> {
    let mut parts = text.split(':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    let seconds = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(seconds)?;
    (seconds.abs() < 86_400 && parts.next().is_none()).then(|| chrono::TimeDelta::seconds(seconds))
}

fn midnight(time: NaiveDateTime) -> NaiveDateTime {
    time.date().into()
}

fn not_a_schedule(why: impl std::fmt::Display) -> Error {
    Error::new(Kind::NotJson, format!("this is no season schedule: {why}"))
}

#[cfg(test)]
mod tests;
