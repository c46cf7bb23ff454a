//! The words that sources share: events, their sessions, and one session chosen.

use std::fmt;

use chrono::{Datelike, NaiveDate, NaiveDateTime};

use crate::error::{Error, Kind};

/// The first season that livetiming has.
pub const FIRST_SEASON: i32 = 2018;

/// The sessions that can be asked for, FastF1's `_SESSION_TYPE_ABBREVIATIONS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionName {
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
pub enum SessionKind {
    Practice,
    Qualifying,
    Race,
}

impl SessionName {
    const TABLE: [(SessionName, &str, &str); 8] = [
        (SessionName::Practice1, "FP1", "Practice 1"),
        (SessionName::Practice2, "FP2", "Practice 2"),
        (SessionName::Practice3, "FP3", "Practice 3"),
        (SessionName::Qualifying, "Q", "Qualifying"),
        (SessionName::SprintQualifying, "SQ", "Sprint Qualifying"),
        (SessionName::SprintShootout, "SS", "Sprint Shootout"),
        (SessionName::Sprint, "S", "Sprint"),
        (SessionName::Race, "R", "Race"),
    ];

    /// Reads an abbreviation or a full name, in any case.
    pub fn parse(text: &str) -> std::result::Result<SessionName, String> {
        let is = |name: &str| name.eq_ignore_ascii_case(text);
        let row = Self::TABLE.iter().find(|(_, short, long)| is(short) || is(long));
        row.map(|(name, ..)| *name).ok_or(format!("{text:?} is none of FP1 FP2 FP3 Q SQ SS S R"))
    }

    fn row(self) -> (&'static str, &'static str) {
        let row = Self::TABLE.iter().find(|(name, ..)| *name == self);
        row.map(|(_, short, long)| (*short, *long)).unwrap_or_default()
    }

    /// The name that a session goes by in a season: in 2021 and 2022 Sprint Qualifying is the old name of the Sprint.
    pub fn in_season(self, season: i32) -> SessionName {
        match self {
            SessionName::SprintQualifying if matches!(season, 2021 | 2022) => SessionName::Sprint,
            name => name,
        }
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

/// Which session, in as few words as there are: `2024/05/Q`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId {
    pub season: i32,
    pub round: u32,
    pub name: SessionName,
}

impl SessionId {
    /// What a document of the session says of it: names and values.
    pub fn metadata(&self) -> Vec<(&'static str, String)> {
        vec![
            ("season", self.season.to_string()),
            ("round", self.round.to_string()),
            ("session", self.name.abbreviation().to_owned()),
        ]
    }
}

/// One session, chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub season: i32,
    pub round: u32,
    /// `Azerbaijan Grand Prix`
    pub event: String,
    pub name: SessionName,
    /// The date in the folder name of the event at livetiming.
    pub event_date: NaiveDate,
    /// The date in the folder name of the session at livetiming.
    pub session_date: NaiveDate,
    /// Scheduled start in UTC.
    pub starts: NaiveDateTime,
    /// Whether livetiming covers the session.
    pub timing: bool,
    /// What to say if its event was chosen by a name that is not exactly its own.
    pub corrected: Option<String>,
}

impl Session {
    /// FastF1's `_RACE_LIKE_SESSIONS` and so on: until 2023 a Sprint Qualifying was a race.
    pub fn kind(&self) -> SessionKind {
        match self.name {
            SessionName::Practice1 | SessionName::Practice2 | SessionName::Practice3 => SessionKind::Practice,
            SessionName::Race | SessionName::Sprint => SessionKind::Race,
            SessionName::SprintQualifying if self.starts.year() <= 2023 => SessionKind::Race,
            // From 2024 on FastF1 knows no Sprint Shootout; there has been none.
            SessionName::Qualifying | SessionName::SprintQualifying | SessionName::SprintShootout => {
                SessionKind::Qualifying
            }
        }
    }

    /// Its place among all sessions.
    pub fn id(&self) -> SessionId {
        SessionId { season: self.season, round: self.round, name: self.name }
    }
}

/// `2018 round 4, Azerbaijan Grand Prix, Race`
impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} round {}, {}, {}", self.season, self.round, self.event, self.name.full())
    }
}

/// A body that is not the schedule of a season.
pub fn not_a_schedule(why: impl fmt::Display) -> Error {
    Error::new(Kind::NotJson, format!("this is not a season's schedule: {why}"))
}
