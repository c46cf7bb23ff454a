//! A plan: the items that a lake is to have, made from the seasons' schedules, with what each costs its upstreams.
//!
//! [`plan`] is pure; [`make`] asks for the schedules that it needs.

mod cost;
pub mod due;
mod selection;

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeDelta, Utc};

use crate::error::{Error, Kind, Result};
use crate::http::client::Client;
use crate::http::transport::{Clock, Transport};
use crate::jolpica::Table;
use crate::jolpica::endpoint::Scope;
use crate::schedule::{SessionRequest, events};
use crate::session::{Event, FIRST_SEASON, SessionId, SessionName};
use crate::source::{Item, Of, Source};
use crate::upstreams::Upstreams;

pub use cost::Cost;
pub use selection::{Selection, Texts};

/// How long a race may take, from its scheduled start; other sessions are over sooner.
const A_SESSION: TimeDelta = TimeDelta::hours(3);

/// One item of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// The middle of its key.
    pub name: String,
    /// The unix second from which on its document can have all that it has today: when the last session that it is of
    /// was over. None: it is of all seasons, and may change at any time.
    pub since: Option<i64>,
    pub cost: Cost,
}

/// What schedules are asked for with: a run of these items may reach all that a plan needs.
pub fn asking() -> Vec<Item> {
    let request = SessionRequest { season: None, round: None, session: None, as_of: None };
    vec![Item { source: Source::Fastf1, of: Of::Session(request) }]
}

/// The events of each season that has a schedule.
pub type Schedules = BTreeMap<i32, Vec<Event>>;

/// Makes the plan, with the schedules that it needs.
///
/// Fails if a schedule cannot be had.
pub async fn make<R: Transport + Clock>(
    client: &Client<R>,
    upstreams: &Upstreams,
    texts: &Texts,
) -> Result<Vec<Planned>> {
    let now = client.runtime.now();
    let selection = Selection::parse(texts, now.year())?;
    let mut schedules = Schedules::new();
    for season in needed(&selection, now) {
        let events = events(client, upstreams, season).await?;
        if events.is_empty() && season < now.year() {
            let message = format!("no upstream has a schedule of {season}; try again later");
            return Err(Error::new(Kind::Unavailable, message));
        }
        schedules.insert(season, events);
    }
    Ok(plan(&selection, &schedules, now))
}

/// The seasons whose rounds have to be known: those with documents of a round or a session, and the one under way.
pub fn needed(selection: &Selection, now: DateTime<Utc>) -> Vec<i32> {
    let is_of_sessions = selection.sources.iter().any(|source| source.needs_session());
    let first = selection.has(Source::Jolpica).then(|| {
        let of_rounds = selection.endpoints.iter().filter(|(_, scope)| *scope == Scope::Round);
        let current =
            selection.endpoints.iter().any(|(_, scope)| *scope == Scope::Season).then(|| now.year());
        of_rounds.map(|(endpoint, _)| endpoint.since).chain(current).min()
    });
    let first = first.flatten().into_iter().chain(is_of_sessions.then_some(FIRST_SEASON)).min();
    selection.seasons.iter().copied().filter(|season| first.is_some_and(|first| *season >= first)).collect()
}

/// All items of a selection, from the first season to the last. Rounds and sessions that are still to come are among
/// them; what was cancelled, and testing, is not.
pub fn plan(selection: &Selection, schedules: &Schedules, now: DateTime<Utc>) -> Vec<Planned> {
    let mut all = Vec::new();
    if selection.has(Source::Jolpica) {
        let of_everything = selection.endpoints.iter().filter(|(_, scope)| *scope == Scope::Everything);
        all.extend(of_everything.map(|(endpoint, _)| {
            let table = Table { endpoint, season: None, round: None };
            planned(table, 0, None)
        }));
    }
    for season in &selection.seasons {
        let known = schedules.get(season).map(Vec::as_slice);
        let season =
            Season { season: *season, events: known.unwrap_or_default(), is_known: known.is_some(), now };
        if selection.has(Source::Jolpica) {
            all.extend(season.tables(selection));
        }
        all.extend(season.sessions(selection));
    }
    all
}

fn planned(table: Table, rounds: u32, since: Option<i64>) -> Planned {
    let cost = cost::of_table(&table, rounds);
    let item = Item { source: Source::Jolpica, of: Of::Table(table) };
    Planned { name: item.name(None), since, cost }
}

/// One season, as far as it is known.
struct Season<'a> {
    season: i32,
    events: &'a [Event],
    is_known: bool,
    now: DateTime<Utc>,
}

impl Season<'_> {
    fn races(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(|event| !event.testing && !event.slots.is_empty())
    }

    /// When its newest race was over: what a document of the whole season has by then, it keeps but for corrections. The end
    /// of the first race, if none is over yet.
    fn newest(&self) -> Option<i64> {
        if !self.is_known {
            return new_year(self.season + 1);
        }
        let ends = || self.races().map(race_end);
        ends().filter(|end| *end <= self.now.timestamp()).max().or_else(|| ends().min())
    }

    fn tables(&self, selection: &Selection) -> Vec<Planned> {
        let had = selection.endpoints.iter().filter(|(endpoint, _)| endpoint.since <= self.season);
        let rounds = if self.is_known { self.races().count() as u32 } else { cost::rounds_of(self.season) };
        let mut all = Vec::new();
        for (endpoint, scope) in had {
            let table = |round| Table { endpoint, season: Some(self.season), round };
            match scope {
                Scope::Everything => {}
                Scope::Season => {
                    let is_over = |end: &i64| *end <= self.now.timestamp();
                    let since = match endpoint.name {
                        // The calendar is there before the first race.
                        "races" => self.newest().filter(is_over).or(new_year(self.season)),
                        _ => self.newest(),
                    };
                    all.push(planned(table(None), rounds, since));
                }
                Scope::Round => {
                    let races = self.races().filter(|event| selection.has_round(event.round));
                    all.extend(
                        races.map(|event| planned(table(Some(event.round)), rounds, Some(race_end(event)))),
                    );
                }
            }
        }
        all
    }

    fn sessions(&self, selection: &Selection) -> Vec<Planned> {
        let mut all = Vec::new();
        let sources =
            selection.sources.iter().filter(|source| source.needs_session() && self.season >= FIRST_SEASON);
        let sources: Vec<_> = sources.copied().collect();
        for event in self.races().filter(|event| selection.has_round(event.round)) {
            for slot in &event.slots {
                let Ok(name) = SessionName::parse(&slot.name) else { continue };
                let name = name.in_season(self.season);
                let is_asked = |asked: &SessionName| asked.in_season(self.season) == name;
                if !selection.sessions.is_empty() && !selection.sessions.iter().any(is_asked) {
                    continue;
                }
                let since = (slot.utc.unwrap_or(event.date) + A_SESSION).and_utc().timestamp();
                // Nobody has the feeds of what livetiming does not cover.
                let had = sources.iter().filter(|source| event.timing || **source == Source::Fastf1);
                all.extend(had.map(|source| {
                    let id = SessionId { season: self.season, round: event.round, name };
                    Planned {
                        name: of_session(*source, id),
                        since: Some(since),
                        cost: cost::of_session(*source, name),
                    }
                }));
            }
        }
        all
    }
}

/// When a year begins.
fn new_year(year: i32) -> Option<i64> {
    let day = NaiveDate::from_ymd_opt(year, 1, 1)?;
    Some(NaiveDateTime::from(day).and_utc().timestamp())
}

fn of_session(source: Source, id: SessionId) -> String {
    Item { source, of: Of::Session(id.into()) }.name(Some(id))
}

/// When a race was over. Jolpica has no time of most races before 2005: their day was over.
fn race_end(event: &Event) -> i64 {
    let race = event.slots.iter().find(|slot| slot.name == SessionName::Race.full());
    let starts = race.and_then(|slot| slot.utc).unwrap_or(event.date);
    let takes = if starts.time() == chrono::NaiveTime::MIN { TimeDelta::days(1) } else { A_SESSION };
    (starts + takes).and_utc().timestamp()
}

#[cfg(test)]
mod tests;
