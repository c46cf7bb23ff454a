//! Asks the three upstreams for a season's schedule, in FastF1's order, and chooses.

use chrono::Datelike;

use super::{Event, Session, choose, f1schedule, index, jolpica};
use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::livetiming;
use crate::options::Job;
use crate::runtime::{Clock, Transport};

/// The session that a job asks for.
///
/// Fails where there is none, where it has not been yet, and where no upstream has the season's schedule.
pub async fn session_asked_for<R: Transport + Clock>(client: &Client<R>, job: &Job) -> Result<Session> {
    let request = &job.session;
    let now = request.as_of.unwrap_or_else(|| client.runtime.now());
    let season = request.season.unwrap_or(now.year());
    let events_now = events(client, job, season).await?;
    if events_now.is_empty() && request.round.is_some() {
        let message = format!("nobody has a schedule of {season} yet; try again later, or check --season");
        return Err(Error::new(Kind::NotPublished, message));
    }
    if let Some(session) = choose(&events_now, season, request, now)? {
        return Ok(session);
    }
    let wanted = request.session.full();
    if request.season.is_some() {
        let message =
            format!("the season {season} has had no {wanted} before {}; try again later", now.date_naive());
        return Err(Error::new(Kind::NotPublished, message));
    }
    let last = season - 1;
    choose(&events(client, job, last).await?, last, request, now)?.ok_or_else(|| {
        let message = format!("neither {season} nor {last} has had a {wanted}; give --season and --round");
        Error::new(Kind::NotFound, message)
    })
}

/// FastF1's backends, in its order.
#[derive(Clone, Copy)]
enum Upstream {
    F1Schedule,
    Livetiming,
    Jolpica,
}

impl Upstream {
    async fn events<R: Transport + Clock>(
        self,
        client: &Client<R>,
        job: &Job,
        season: i32,
    ) -> Result<Vec<Event>> {
        let (url, events) = match self {
            Upstream::F1Schedule => {
                let url = livetiming::url(&job.schedule_url, &format!("schedule_{season}.json"))?;
                let body = client.get(&url, None).await?.body;
                (url, f1schedule::parse(&body))
            }
            Upstream::Livetiming => {
                let path = livetiming::index_path(season);
                let body = job.livetiming.get(client, &path).await?;
                (livetiming::url(&job.livetiming.official, &path)?, index::parse(&body, season))
            }
            Upstream::Jolpica => {
                let url = crate::jolpica::url(&job.jolpica_url, &format!("{season}.json"))?;
                let body = client.get(&url, None).await?.body;
                (url, jolpica::parse(&body, season))
            }
        };
        events.map_err(|error| Error::new(error.kind, format!("{url}: {error}")))
    }
}

/// The events of a season out of the first upstream that has any. Empty where all say that they do not know
/// the season.
async fn events<R: Transport + Clock>(client: &Client<R>, job: &Job, season: i32) -> Result<Vec<Event>> {
    let mut failed = Vec::new();
    for upstream in [Upstream::F1Schedule, Upstream::Livetiming, Upstream::Jolpica] {
        match upstream.events(client, job, season).await {
            Ok(events) if !events.is_empty() => return Ok(events),
            Ok(_) => {}
            Err(error) => {
                client.log.warn(&format!("no schedule of {season}: {error}"));
                failed.push(error);
            }
        }
    }
    match failed.into_iter().find(|error| error.kind != Kind::NotFound) {
        Some(error) => Err(error),
        None => Ok(Vec::new()),
    }
}
