//! Laps, weather, results and telemetry of a session as FastF1 3.9.0 gives them.
//!
//! [`fetch`] gets what there is of a session; [`tables`] makes the tables of it, and nothing else does I/O.

pub mod argsort;
pub mod by_driver;
pub mod drivers;
pub mod ergast;
pub mod feed;
pub mod lap;
pub mod lap_count;
pub mod laps;
pub mod lines;
pub mod python;
pub mod race_control;
pub mod results;
pub mod session_status;
pub mod stints;
pub mod table;
pub mod tables;
pub mod telemetry;
pub mod text;
pub mod time;
pub mod timing;
pub mod track_status;
pub mod value;
pub mod weather;

use futures_util::future::join;
use serde::de::IgnoredAny;

use crate::client::Client;
use crate::document::Document;
use crate::error::{Error, Kind, Result};
use crate::jolpica;
use crate::livetiming::Feeds;
use crate::options::Job;
use crate::runtime::{Clock, Transport};
use crate::schedule::{Name, Session, session_asked_for};
use tables::{Sources, Tables};

/// The topics that the tables are made of.
const TOPICS: &[&str] = &[
    "SessionInfo",
    "DriverList",
    "SessionStatus",
    "TrackStatus",
    "LapCount",
    "TimingData",
    "TimingAppData",
    "WeatherData",
    "RaceControlMessages",
    "CarData.z",
    "Position.z",
];

/// Fetches the session that `job` asks for: `{"laps": [...], "weather": [...], "results": [...]}`. A table that
/// FastF1 could not make is null, and a warning says why.
///
/// Fails where neither upstream has anything, or where trying again may bring more.
pub async fn fetch<R: Transport + Clock>(client: &Client<R>, job: &Job) -> Result<Document<'static>> {
    let session = session_asked_for(client, job).await?;
    client.log.info(&format!("fastf1: {session}"));
    let (feeds, ergast) = join(feeds(client, job, &session), ergast(client, job, &session)).await;
    let ergast = ergast?;
    let mut warnings = ergast.warnings;
    let feeds = match feeds {
        Ok(feeds) => feeds,
        // FastF1 gives what Jolpica has of a session that livetiming does not cover.
        Err(error) if error.kind == Kind::NotFound && ergast.results.is_some() => {
            warnings.push(error.message);
            Feeds::default()
        }
        Err(error) => return Err(error),
    };
    warnings.extend(feeds.missing());
    let tables = Tables::of(
        &session,
        &Sources {
            feed: &|topic| feeds.get(topic),
            results: ergast.results.as_deref(),
            first_lap: ergast.first_lap.as_deref(),
        },
    );
    warnings.extend(tables.warnings.iter().cloned());
    let mut body = Vec::new();
    tables
        .write(&mut body)
        .map_err(|e| Error::new(Kind::NotJson, format!("the tables cannot be written: {e}")))?;
    Ok(Document {
        metadata: vec![
            ("season", session.season.to_string()),
            ("round", session.round.to_string()),
            ("session", session.name.abbreviation().to_owned()),
        ],
        warnings: warnings.into(),
        ..Document::whole(body)
    })
}

async fn feeds<R: Transport + Clock>(client: &Client<R>, job: &Job, session: &Session) -> Result<Feeds> {
    if !session.timing {
        let message = format!("livetiming does not cover {session}, the schedule says");
        return Err(Error::new(Kind::NotFound, message));
    }
    let race_only = |topic: &&&str| **topic != "LapCount" || session.sort() == crate::schedule::Sort::Race;
    let topics: Vec<&str> = TOPICS.iter().filter(race_only).copied().collect();
    job.livetiming.feeds(client, session, &topics).await
}

/// What Jolpica has of a session.
struct Ergast {
    results: Option<Vec<u8>>,
    first_lap: Option<Vec<u8>>,
    warnings: Vec<String>,
}

async fn ergast<R: Transport + Clock>(client: &Client<R>, job: &Job, session: &Session) -> Result<Ergast> {
    let results = results::ergast_document(session).map(|(document, _)| document);
    let first_lap = (session.name == Name::Race).then_some("laps/1");
    let mut warnings = Vec::new();
    let mut get = async |document: Option<&str>| {
        let Some(document) = document else { return Ok(None) };
        let path = format!("{}/{}/{document}.json", session.season, session.round);
        let url = jolpica::url(&job.jolpica_url, &path)?;
        match client.get(&url, None).await {
            Ok(response) if serde_json::from_slice::<IgnoredAny>(&response.body).is_ok() => {
                Ok(Some(response.body))
            }
            Ok(_) => Err(Error::new(
                Kind::NotJson,
                format!("{url} sent something that is not JSON; check the URL"),
            )),
            Err(error) if matches!(error.kind, Kind::NotFound | Kind::Unavailable(400..500)) => {
                warnings.push(error.message);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    };
    Ok(Ergast { results: get(results).await?, first_lap: get(first_lap).await?, warnings })
}
