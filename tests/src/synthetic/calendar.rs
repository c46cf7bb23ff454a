//! The season's calendar as the two schedule sources have it.

use chrono::NaiveDateTime;

use super::Plan;
use super::feeds::status as entries;
use super::json::Json;
use super::weekend::{Event, Weekend};

/// `schedule_<year>.json`: one object a column, the rows as keys in it; dates are local.
pub fn f1schedule(weekend: &Weekend) -> Json {
    let stamp = |at: NaiveDateTime| at.format("%Y-%m-%dT%H:%M:%S").to_string();
    let gmt = |event: &Event| {
        let hours = event.gmt.num_hours();
        format!("{}{:02}:00", if hours < 0 { '-' } else { '+' }, hours.abs())
    };
    let mut columns = vec![
        ("round_number".to_owned(), column(weekend, |event| Json::Int(event.round))),
        ("country".to_owned(), column(weekend, |event| event.country.into())),
        ("location".to_owned(), column(weekend, |event| event.location.into())),
        ("official_event_name".to_owned(), column(weekend, |event| event.official_name.as_str().into())),
        ("event_date".to_owned(), column(weekend, |event| stamp(event.date()).into())),
        ("event_name".to_owned(), column(weekend, |event| event.name.as_str().into())),
        ("gmt_offset".to_owned(), column(weekend, |event| gmt(event).into())),
        ("event_format".to_owned(), column(weekend, |event| event.format.into())),
    ];
    for n in 0..5 {
        columns.push((
            format!("session{}", n + 1),
            column(weekend, |event| event.slots.get(n).map_or(Json::Null, |slot| slot.name.into())),
        ));
        columns.push((
            format!("session{}_date", n + 1),
            column(weekend, |event| event.slots.get(n).map_or(Json::Null, |slot| stamp(slot.start).into())),
        ));
    }
    columns.push(("f1_api_support".to_owned(), column(weekend, |_| true.into())));
    Json::Object(columns)
}

fn column(weekend: &Weekend, cell: impl Fn(&Event) -> Json) -> Json {
    weekend.calendar.iter().enumerate().map(|(i, event)| (i.to_string(), cell(event))).collect()
}

/// livetiming's `<year>/Index.json`, with the traps that the real one has: sessions without a path, with
/// the key -1, with a path that leaves the tree.
pub fn index(plan: &Plan, weekend: &Weekend) -> Json {
    let meetings = weekend
        .calendar
        .iter()
        .enumerate()
        .map(|(e, event)| {
            let sessions = event.slots.iter().enumerate().map(|(s, slot)| {
                let mut session = entries::session(event, slot);
                let ours = e == weekend.event && s == weekend.slot;
                // Every third other session is a trap, and ours is one in some seeds.
                match if ours { plan.seed } else { (e * 5 + s) as u64 } % 7 {
                    _ if !plan.quirks => {}
                    1 => {
                        if let Json::Object(fields) = &mut session {
                            fields.retain(|(name, _)| name != "Path");
                        }
                    }
                    2 if !ours => session.set("Key", -1),
                    3 => session.set("Path", format!("../uat/{}", event.path(slot))),
                    _ => {}
                }
                session
            });
            let mut meeting = Json::with([("Sessions", Json::List(sessions.collect()))]);
            if let Json::Object(fields) = entries::meeting(event) {
                fields.into_iter().for_each(|(name, value)| meeting.set(&name, value));
            }
            meeting
        })
        .collect();
    Json::with([("Year", weekend.season.into()), ("Meetings", Json::List(meetings))])
}

/// `<session path>Index.json`: the topics of one session.
pub fn topics(names: &[&str]) -> Json {
    let feed = |name: &str| {
        Json::with([
            ("KeyFramePath", format!("{name}.json").into()),
            ("StreamPath", format!("{name}.jsonStream").into()),
        ])
    };
    Json::with([("Feeds", names.iter().map(|&name| (name.to_owned(), feed(name))).collect())])
}
