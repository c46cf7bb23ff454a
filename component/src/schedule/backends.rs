//! Asks the three upstreams for a season's schedule, in FastF1's order, and chooses.

use chrono::Datelike;

use super::{SessionRequest, choose, f1schedule, jolpica};
use crate::error::{Error, Kind, Result};
use crate::http::client::Client;
use crate::http::transport::{Clock, Transport};
use crate::http::url;
use crate::jolpica::{document_url, pages};
use crate::livetiming::index;
use crate::session::{Event, FIRST_SEASON, Session};
use crate::upstreams::Upstreams;

/// The session that was asked for.
///
/// Fails if there is none, if it has not been yet, and if no upstream has the season's schedule.
pub async fn session_asked_for<R: Transport + Clock>(
    client: &Client<R>,
    upstreams: &Upstreams,
    request: &SessionRequest,
) -> Result<Session> {
    let now = request.as_of.unwrap_or_else(|| client.runtime.now());
    let season = request.season.unwrap_or(now.year());
    let events_now = events(client, upstreams, season).await?;
    if events_now.is_empty() && request.round.is_some() {
        let message = format!("nobody has a schedule of {season} yet; try again later, or check --season");
        return Err(Error::new(Kind::NotPublished, message));
    }
    if let Some(session) = choose(&events_now, season, request, now)? {
        return Ok(session);
    }
    let wanted = request.name().full();
    if request.season.is_some() {
        let message =
            format!("the season {season} has had no {wanted} before {}; try again later", now.date_naive());
        return Err(Error::new(Kind::NotPublished, message));
    }
    let last = season - 1;
    choose(&events(client, upstreams, last).await?, last, request, now)?.ok_or_else(|| {
        let message = format!("neither {season} nor {last} has had a {wanted}; give --season and --round");
        Error::new(Kind::NotFound, message)
    })
}

/// FastF1's backends, in its order.
#[derive(Clone, Copy)]
enum Backend {
    F1Schedule,
    Livetiming,
    Jolpica,
}

impl Backend {
    /// Those that can know a season.
    fn of(season: i32) -> &'static [Backend] {
        match season < FIRST_SEASON {
            true => &[Backend::Jolpica],
            false => &[Backend::F1Schedule, Backend::Livetiming, Backend::Jolpica],
        }
    }

    async fn events<R: Transport + Clock>(
        self,
        client: &Client<R>,
        upstreams: &Upstreams,
        season: i32,
    ) -> Result<Vec<Event>> {
        let (url, events) = match self {
            Backend::F1Schedule => {
                let url = upstreams.schedule_of(season)?;
                let body = client.get(&url, None).await?.body;
                (url, f1schedule::parse(&body))
            }
            Backend::Livetiming => {
                let path = index::of_season(season);
                let body = upstreams.livetiming.get(client, &path).await?;
                (url::below(&upstreams.livetiming.official, &path)?, index::events(&body, season))
            }
            Backend::Jolpica => {
                let url = document_url(&upstreams.jolpica, &format!("{season}.json"))?;
                let body = pages::whole(client, &url).await?.body;
                (url, jolpica::parse(&body, season))
            }
        };
        events.map_err(|error| {
            let message = format!("{}: {error}", url::Shown(&url));
            error.reworded(message)
        })
    }
}

/// The events of a season out of the first upstream that has any. Empty if all say that they do not know
/// the season.
pub async fn events<R: Transport + Clock>(
    client: &Client<R>,
    upstreams: &Upstreams,
    season: i32,
) -> Result<Vec<Event>> {
    let mut failed = Vec::new();
    for backend in Backend::of(season) {
        match backend.events(client, upstreams, season).await {
            Ok(events) if !events.is_empty() => {
                complain(client, season, &failed);
                return Ok(events);
            }
            Ok(_) => {}
            Err(error) => failed.push(error),
        }
    }
    if let Some(error) = failed.iter().find(|error| error.kind != Kind::NotFound) {
        return Err(error.clone());
    }
    complain(client, season, &failed);
    Ok(Vec::new())
}

fn complain<R>(client: &Client<R>, season: i32, failed: &[Error]) {
    failed.iter().for_each(|error| client.log.warn(&format!("no schedule of {season}: {error}")));
}
