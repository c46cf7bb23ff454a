//! `<year>/Index.json` of livetiming: the meetings of a season, their sessions, and where each one's feeds lie.

use chrono::NaiveDateTime;

use f1_ingest_feeds::value::{Json, Value};

use crate::dates::{date_time, midnight, utc_offset};
use crate::error::Result;
use crate::session::{Event, Session, SessionName, Slot, not_a_schedule};

/// An entry with `"Key": -1` or without a name stands for something that never took place.
fn is_session(entry: &Value) -> bool {
    entry.get("Key").and_then(Value::number) != Some(-1.0) && !entry.text_of("Name").is_empty()
}

fn local_start(entry: Value) -> Option<NaiveDateTime> {
    date_time(entry.text_of("StartDate"))
}

fn utc_start(entry: Value) -> Option<NaiveDateTime> {
    local_start(entry)?.checked_sub_signed(utc_offset(entry.text_of("GmtOffset"))?)
}

fn meetings<'j, 'a>(json: &'j mut Json<'a>, body: &'a [u8]) -> Result<Vec<Value<'j, 'a>>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let meetings = json.read_bytes(body).and_then(|index| index.get("Meetings"));
    let list = meetings.filter(|meetings| meetings.is_list());
    Ok(list.ok_or_else(|| not_a_schedule("it is not JSON with a list of Meetings"))?.items().collect())
}

fn sessions<'j, 'a>(meeting: Value<'j, 'a>) -> impl Iterator<Item = Value<'j, 'a>> {
    meeting.get("Sessions").into_iter().flat_map(Value::items).filter(is_session)
}

/// A session's name as FastF1 has it; the index has sessions of other names too.
fn full_name(name: &str, season: i32) -> &str {
    match name {
        "Sprint Qualifying" => SessionName::SprintQualifying.in_season(season).full(),
        name => name,
    }
}

/// A season's index, relative to `static/`.
pub fn of_season(season: i32) -> String {
    format!("{season}/Index.json")
}

/// Reads the events of a season (FastF1's `_get_schedule_from_f1_timing`). A meeting without a session was
/// cancelled and is none.
pub fn events(body: &[u8], season: i32) -> Result<Vec<Event>> {
    let mut json = Json::default();
    let meetings = meetings(&mut json, body)?.into_iter();
    meetings.filter_map(|meeting| event(meeting, season).transpose()).collect()
}

fn event(meeting: Value, season: i32) -> Result<Option<Event>> {
    let slots: Vec<Slot> = sessions(meeting)
        .take(5)
        .map(|entry| {
            let name = full_name(entry.text_of("Name"), season).to_owned();
            Slot { name, local: local_start(entry), utc: utc_start(entry) }
        })
        .collect();
    let Some(last) = slots.last() else { return Ok(None) };
    let name = meeting.text_of("Name");
    let testing = name.to_ascii_lowercase().contains("test");
    let date =
        last.utc.map(midnight).ok_or_else(|| not_a_schedule(format!("{name} has no valid StartDate")))?;
    let round = meeting.get("Number").and_then(|number| u32::try_from(number.int().ok()?).ok());
    Ok(Some(Event {
        round: if testing { 0 } else { round.unwrap_or_default() },
        country: meeting.get("Country").map_or("", |country| country.text_of("Name")).to_owned(),
        location: meeting.text_of("Location").to_owned(),
        name: name.to_owned(),
        official_name: meeting.text_of("OfficialName").to_owned(),
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
    let mut json = Json::default();
    let entries: Vec<(Value, Value)> = meetings(&mut json, body)?
        .into_iter()
        .flat_map(|meeting| sessions(meeting).map(move |entry| (meeting, entry)))
        .filter(|(_, entry)| full_name(entry.text_of("Name"), session.season) == session.name.full())
        .collect();
    let is_of_event = |meeting: &Value| meeting.text_of("Name").eq_ignore_ascii_case(&session.event);
    let on_its_day =
        |entry: Value| local_start(entry).is_some_and(|start| start.date() == session.session_date);
    let by_name = entries.iter().find(|(meeting, _)| is_of_event(meeting));
    let found = by_name.or_else(|| entries.iter().find(|(_, entry)| on_its_day(*entry)));
    let path = found.map(|(_, entry)| entry.text_of("Path"));
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
