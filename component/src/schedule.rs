//! Which session: a season's events out of one of three upstreams, and the choice of one session.
//!
//! The rules are those of FastF1's `events.py`; [`f1schedule`], livetiming's index and [`jolpica`] are its backends
//! `fastf1`, `f1timing` and `ergast`.

mod backends;
pub mod f1schedule;
pub mod jolpica;
mod name;

pub use backends::{events, session_asked_for};

use chrono::{DateTime, NaiveDateTime, Utc};

use crate::error::{Error, Kind, Result};
use crate::session::{Event, Session, SessionId, SessionName, Slot};

/// What the user asks for. What is not given is chosen: the last event before `as_of` that has the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRequest {
    pub season: Option<i32>,
    pub round: Option<Round>,
    /// None is the race.
    pub session: Option<SessionName>,
    /// Choose as if it were this moment; none is now.
    pub as_of: Option<DateTime<Utc>>,
}

impl SessionRequest {
    /// The session's name.
    pub fn name(&self) -> SessionName {
        self.session.unwrap_or(SessionName::Race)
    }

    /// Whether a season, a round or a session was asked for, so that the key says which it is.
    pub fn is_by_name(&self) -> bool {
        self.season.is_some() || self.round.is_some() || self.session.is_some()
    }

    /// The session, if the request alone says which it is.
    pub fn exact(&self) -> Option<SessionId> {
        match (self.season, &self.round) {
            (Some(season), Some(Round::Number(round))) => {
                Some(SessionId { season, round: *round, name: self.name().in_season(season) })
            }
            _ => None,
        }
    }
}

/// Asks for this session.
impl From<SessionId> for SessionRequest {
    fn from(SessionId { season, round, name }: SessionId) -> Self {
        let round = Some(Round::Number(round));
        SessionRequest { season: Some(season), round, session: Some(name), as_of: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Round {
    Number(u32),
    /// A Grand Prix, country or town, matched as FastF1 matches it.
    Named(String),
}

/// Reads `--season`.
pub fn season(text: &str) -> std::result::Result<i32, String> {
    let season = text.parse().ok().filter(|year| (1950..=9999).contains(year));
    season.ok_or(format!("{text:?} is not a season; the first one was 1950"))
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
                text.parse().map(Round::Number).map_err(|_| format!("{text} is not a round"))
            }
            text if !name::is_distinctive(text) => {
                Err(format!("{text:?} says too little; give a town, a country or a number"))
            }
            text => Ok(Round::Named(text.to_owned())),
        }
    }
}

/// Chooses a session out of a season's events.
///
/// None if the request leaves the event open and none has taken place yet: then it is the last of the
/// year before, unless the request names the season.
pub fn choose(
    events: &[Event],
    season: i32,
    request: &SessionRequest,
    now: DateTime<Utc>,
) -> Result<Option<Session>> {
    let wanted = request.name();
    let mut corrected = None;
    let event = match &request.round {
        Some(Round::Number(round)) => by_round(events, season, *round)?,
        Some(Round::Named(text)) => {
            let (event, is_exact) = name::closest(events, season, text)?;
            corrected = (!is_exact).then(|| correction(event, season, text));
            event
        }
        None => {
            let now = request.as_of.unwrap_or(now).naive_utc();
            match last_before(events, season, wanted, now) {
                Some(event) => event,
                None => return Ok(None),
            }
        }
    };
    Ok(Some(Session { corrected, ..session(event, season, wanted)? }))
}

/// FastF1 says "Correcting user input ... to ...".
fn correction(event: &Event, season: i32, asked: &str) -> String {
    let Event { name, round, .. } = event;
    format!(
        "asked for {asked:?}, took {name} (round {round}): {season} has no one event of exactly that name; \
         give --round {round} if it is meant"
    )
}

fn by_round(events: &[Event], season: i32, round: u32) -> Result<&Event> {
    let found = races(events).find(|event| event.round == round);
    found.ok_or_else(|| {
        let last = races(events).map(|event| event.round).max().unwrap_or_default();
        Error::new(Kind::NotFound, format!("{season} has no round {round}; its last is {last}"))
    })
}

/// The last event before `now` that has the session. A cancelled event has none.
fn last_before(events: &[Event], season: i32, wanted: SessionName, now: NaiveDateTime) -> Option<&Event> {
    let past = races(events).filter(|event| event.date < now);
    past.filter(|event| slot(event, season, wanted).is_some()).max_by_key(|event| event.date)
}

fn races(events: &[Event]) -> impl Iterator<Item = &Event> {
    events.iter().filter(|event| !event.testing)
}

/// FastF1's `Event.get_session_name`.
fn slot(event: &Event, season: i32, wanted: SessionName) -> Option<(SessionName, &Slot)> {
    let name = wanted.in_season(season);
    event.slots.iter().find(|slot| slot.name == name.full()).map(|slot| (name, slot))
}

/// FastF1's `Session.__init__`: local dates if the schedule has them, else UTC.
fn session(event: &Event, season: i32, wanted: SessionName) -> Result<Session> {
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
        corrected: None,
    })
}

#[cfg(test)]
mod tests;
