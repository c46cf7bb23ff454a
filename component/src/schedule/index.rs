//! `<year>/Index.json` of livetiming: the meetings of a season, their sessions, and where each one's feeds lie.

use chrono::NaiveDateTime;
use serde::Deserialize;
use serde_json::Value;

use super::{Event, Session, Slot, date_time, midnight, not_a_schedule, utc_offset};
use crate::error::Result;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Index {
    meetings: Vec<Meeting>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Meeting {
    #[serde(default)]
    number: u32,
    #[serde(default)]
    name: String,
    #[serde(default)]
    official_name: String,
    #[serde(default)]
    location: String,
    country: Option<Country>,
    #[serde(default)]
    sessions: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Country {
    #[serde(default)]
    name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    key: Option<Value>,
    name: Option<String>,
    start_date: Option<String>,
    gmt_offset: Option<String>,
    path: Option<String>,
}

impl Entry {
    /// An entry with `"Key": -1` or without a name stands for something that never took place.
    fn is_session(&self) -> bool {
        self.key.as_ref().and_then(Value::as_i64) != Some(-1) && self.name().is_some()
    }

    fn name(&self) -> Option<&str> {
        self.name.as_deref().filter(|name| !name.is_empty())
    }

    fn local(&self) -> Option<NaiveDateTime> {
        self.start_date.as_deref().and_then(date_time)
    }

    fn utc(&self) -> Option<NaiveDateTime> {
        self.local()?.checked_sub_signed(utc_offset(self.gmt_offset.as_deref()?)?)
    }
}

fn meetings(body: &[u8]) -> Result<Vec<Meeting>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let index: Index = serde_json::from_slice(body).map_err(not_a_schedule)?;
    Ok(index.meetings)
}

/// In 2021 the Sprint was called Sprint Qualifying; the name means a qualifying from 2024 on.
fn full_name(name: &str, season: i32) -> &str {
    if name == "Sprint Qualifying" && matches!(season, 2021 | 2022) { "Sprint" } else { name }
}

/// Reads the events of a season (FastF1's `_get_schedule_from_f1_timing`). A meeting without a session was
/// cancelled and is none.
pub fn parse(body: &[u8], season: i32) -> Result<Vec<Event>> {
    meetings(body)?.into_iter().filter_map(|meeting| event(meeting, season).transpose()).collect()
}

fn event(meeting: Meeting, season: i32) -> Result<Option<Event>> {
    let entries = meeting.sessions.iter().filter(|entry| entry.is_session()).take(5);
    let slots: Vec<Slot> = entries
        .map(|entry| {
            let name = full_name(entry.name().unwrap_or_default(), season).to_owned();
            Slot { name, local: entry.local(), utc: entry.utc() }
        })
        .collect();
    let Some(last) = slots.last() else { return Ok(None) };
    let testing = meeting.name.to_lowercase().contains("test");
    let date = last
        .utc
        .map(midnight)
        .ok_or_else(|| not_a_schedule(format!("{} has no valid StartDate", meeting.name)))?;
    Ok(Some(Event {
        round: if testing { 0 } else { meeting.number },
        country: meeting.country.map(|country| country.name).unwrap_or_default(),
        location: meeting.location,
        name: meeting.name,
        official_name: meeting.official_name,
        date,
        testing,
        timing: true,
        slots,
    }))
}

/// Where the index says that a session's feeds lie, relative to `static/`, with a slash at its end.
///
/// The session is found by the names of event and session, else by the session's name and local date.
/// A path that does not lie in the season's own folder is none: `../uat/...` has been seen.
pub fn path(body: &[u8], session: &Session) -> Result<Option<String>> {
    let meetings = meetings(body)?;
    let entries: Vec<(&Meeting, &Entry)> = meetings
        .iter()
        .flat_map(|meeting| meeting.sessions.iter().map(move |entry| (meeting, entry)))
        .filter(|(_, entry)| {
            entry.is_session()
                && entry.name().is_some_and(|name| full_name(name, session.season) == session.name.full())
        })
        .collect();
    let by_name = entries.iter().find(|(meeting, _)| meeting.name.eq_ignore_ascii_case(&session.event));
    let on_its_day = |entry: &Entry| entry.local().is_some_and(|start| start.date() == session.session_date);
    let found = by_name.or_else(|| entries.iter().find(|(_, entry)| on_its_day(entry)));
    let path = found.and_then(|(_, entry)| entry.path.as_deref());
    Ok(path.filter(|path| is_in_season(path, session.season)).map(str::to_owned))
}

/// `<year>/<event>/<session>/`
fn is_in_season(path: &str, season: i32) -> bool {
    let mut folders = path.split('/');
    let named = |folder: Option<&str>| {
        folder
            .is_some_and(|f| !f.is_empty() && !f.starts_with('.') && !f.contains(['\\', '?', '#', '%', ':']))
    };
    folders.next() == Some(&season.to_string())
        && named(folders.next())
        && named(folders.next())
        && folders.next() == Some("")
        && folders.next().is_none()
}
