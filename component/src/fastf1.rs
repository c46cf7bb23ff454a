//! Laps, weather, results and telemetry of a session as FastF1 3.9.0 gives them.
//!
//! [`load`] gets what there is of a session, and nothing else does I/O; [`tables`] and [`telemetry`] make the
//! documents of it.

pub mod drivers;
pub mod ergast;
pub mod lap;
pub mod lap_count;
pub mod laps;
pub mod order;
pub mod race_control;
pub mod results;
pub mod session_status;
pub mod stints;
pub mod tables;
pub mod text;
pub mod track_status;
pub mod weather;

pub use f1_ingest_feeds::{by_driver, feed, lines, numpy, python, table, telemetry, time, timing, value};
use futures_util::future::join;
use futures_util::stream::{StreamExt, iter};

use crate::document::{Document, Remarks};
use crate::error::{Error, Kind, Result};
use crate::http::body::Sink;
use crate::http::client::Client;
use crate::http::transport::{Clock, Transport};
use crate::http::url::Shown;
use crate::jolpica::{document_url, pages};
use crate::livetiming::{Missing, gravest};
use crate::session::{Session, SessionKind, SessionName};
use crate::upstreams::Upstreams;
use feed::Unusable;
use tables::{Sources, Tables};
use telemetry::{Car, Keep, Position, Reader, Samples, zero_date};
use value::Json;

/// The topics that the tables are made of, besides telemetry.
pub const TABLES: &[&str] = &[
    DRIVERS,
    "SessionInfo",
    "SessionStatus",
    "TrackStatus",
    "LapCount",
    "TimingData",
    "TimingAppData",
    "WeatherData",
    "RaceControlMessages",
];

const DRIVERS: &str = "DriverList";
const CAR: &str = "CarData.z";
const POSITION: &str = "Position.z";

/// Which documents are to be made of a session.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    pub tables: bool,
    pub telemetry: bool,
}

/// A session, with all that the upstreams have of it for the documents that a job asks for.
pub struct SessionData {
    session: Session,
    feeds: Feeds,
    missing: Missing,
    /// FastF1 has no telemetry at all if one of the two feeds cannot be used.
    samples: std::result::Result<(Samples<Car>, Samples<Position>), Unusable>,
    ergast: Ergast,
    /// FastF1's `session.drivers`, if telemetry is asked for.
    drivers: Vec<String>,
    /// Why livetiming has nothing of the session, or no telemetry.
    nothing: Option<Error>,
    no_telemetry: Option<Error>,
}

/// Loads what the documents need; each feed is fetched once, and telemetry read as it comes.
///
/// Fails if trying again may bring more.
pub async fn load<R: Transport + Clock>(
    client: &Client<R>,
    upstreams: &Upstreams,
    session: &Session,
    wanted: Wanted,
) -> Result<SessionData> {
    let mut feeds = Feeds::of(if wanted.tables { TABLES } else { &[DRIVERS] }, session);
    let keep = if wanted.telemetry { Keep::Samples } else { Keep::ZeroDate };
    let (mut car, mut position) = (Reader::<Car>::new(keep), Reader::<Position>::new(keep));
    let mut topics = feeds.sinks();
    topics.extend([(CAR, &mut car as &mut dyn Sink), (POSITION, &mut position)]);
    let read = read(client, upstreams, session, &mut topics);
    let (read, ergast) = join(read, ergast(client, upstreams, session, wanted)).await;
    let ergast = ergast?;
    let (missing, nothing) = match read {
        Ok(missing) => (missing, None),
        // FastF1 gives what Jolpica has of a session that livetiming does not cover.
        Err(error) if error.kind == Kind::NotFound => (Missing::new(), Some(error)),
        Err(error) => return Err(error),
    };
    feeds.0.retain(|(topic, _)| nothing.is_none() && !missing.iter().any(|(other, _)| other == topic));
    let samples = car.finish().and_then(|car| Ok((car, position.finish()?)));
    let mut loaded = SessionData {
        session: session.clone(),
        feeds,
        missing,
        samples,
        ergast,
        drivers: Vec::new(),
        nothing,
        no_telemetry: None,
    };
    if wanted.telemetry && loaded.nothing.is_none() {
        loaded.prepare_telemetry(client, upstreams, wanted).await?;
    }
    Ok(loaded)
}

async fn read<R: Transport + Clock>(
    client: &Client<R>,
    upstreams: &Upstreams,
    session: &Session,
    topics: &mut [(&'static str, &mut dyn Sink)],
) -> Result<Missing> {
    if !session.timing {
        let message = format!("livetiming does not cover {session}, the schedule says");
        return Err(Error::new(Kind::NotFound, message));
    }
    upstreams.livetiming.read(client, session, topics).await
}

impl SessionData {
    /// `{"laps": [...], "weather": [...], "results": [...]}`. A table that FastF1 could not make is null, and a
    /// warning says why. Fails if neither upstream has anything.
    pub fn tables(&self) -> Result<Document<'static>> {
        let mut warnings = self.ergast.warnings.clone();
        match &self.nothing {
            Some(error) if self.ergast.results.is_none() => return Err(error.clone()),
            nothing => warnings.extend(nothing.iter().map(|error| error.message.clone())),
        }
        warnings.extend(self.missing(|_| true));
        let zero_date = match &self.samples {
            Ok((car, position)) => zero_date(car, position),
            Err(why) => {
                warnings.push(format!("telemetry cannot be used: {why}"));
                None
            }
        };
        let feed = |topic: &str| self.feeds.get(topic);
        let tables = Tables::of(&self.session, &Sources { zero_date, ..self.sources(&feed) });
        let document = Document::whole(tables.to_json());
        warnings.extend(tables.remarks.warnings);
        let remarks = Remarks { warnings, notes: tables.remarks.notes };
        Ok(Document { metadata: self.session.id().metadata(), warnings: remarks.into(), ..document })
    }

    /// `{"car_data": {number: [...], ...}, "pos_data": {...}}`, row after row. Both are null if FastF1 cannot
    /// use a feed. Fails if there is neither feed.
    pub fn telemetry(&self) -> Result<Document<'_>> {
        if let Some(error) = self.nothing.as_ref().or(self.no_telemetry.as_ref()) {
            return Err(error.clone());
        }
        let mut warnings = self.ergast.warnings.clone();
        warnings.extend(self.missing(|topic| [DRIVERS, CAR, POSITION].contains(&topic)));
        let document = match &self.samples {
            Ok((car, position)) => {
                let pieces = telemetry::document(car, position, &self.drivers);
                let unusable = |why| Error::new(Kind::NotJson, format!("telemetry cannot be used: {why}"));
                Document::streamed(iter(pieces.map(move |piece| piece.map_err(unusable))).boxed_local())
            }
            Err(why) => {
                warnings.push(format!("telemetry cannot be used: {why}"));
                Document::whole(b"{\"car_data\":null,\"pos_data\":null}".to_vec())
            }
        };
        let remarks = Remarks { warnings, ..Remarks::default() };
        Ok(Document { metadata: self.session.id().metadata(), warnings: remarks.into(), ..document })
    }

    async fn prepare_telemetry<R: Transport + Clock>(
        &mut self,
        client: &Client<R>,
        upstreams: &Upstreams,
        wanted: Wanted,
    ) -> Result<()> {
        let livetiming = &upstreams.livetiming;
        let of = |topic: &str| self.missing.iter().find(|(other, _)| *other == topic);
        if let (Some((_, car)), Some((_, position))) = (of(CAR), of(POSITION))
            && let Some(why) = gravest([car.clone(), position.clone()])
        {
            let error = livetiming.why_nothing(client, &self.session, "no telemetry", why).await;
            self.no_telemetry = Some(error);
            return Ok(());
        }
        self.drivers = self.numbers();
        if self.drivers.is_empty() && !wanted.tables {
            // Nobody lists the drivers: the timing data tells who there was.
            let mut timing = Feeds::of(&["SessionStatus", "TimingData", "TimingAppData"], &self.session);
            match livetiming.read(client, &self.session, &mut timing.sinks()).await {
                Err(error) if error.kind != Kind::NotFound => return Err(error),
                _ => self.feeds.0.extend(timing.0),
            }
            self.drivers = self.numbers();
        }
        Ok(())
    }

    fn numbers(&self) -> Vec<String> {
        tables::numbers(&self.session, &self.sources(&|topic| self.feeds.get(topic)))
    }

    fn sources<'a>(&'a self, feed: &'a dyn Fn(&str) -> Option<&'a [u8]>) -> Sources<'a> {
        Sources {
            feed,
            results: self.ergast.results.as_deref(),
            first_lap: self.ergast.first_lap.as_deref(),
            zero_date: None,
        }
    }

    /// One line for each topic that is missing and that `counts`.
    fn missing(&self, counts: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
        let missing = self.missing.iter().filter(move |(topic, _)| counts(topic));
        missing.map(|(topic, why)| format!("{topic} is missing: {why}"))
    }
}

/// Feeds that are read as a whole, by topic.
struct Feeds(Vec<(&'static str, Vec<u8>)>);

impl Feeds {
    fn of(topics: &[&'static str], session: &Session) -> Feeds {
        let topics =
            topics.iter().filter(|topic| **topic != "LapCount" || session.kind() == SessionKind::Race);
        Feeds(topics.map(|topic| (*topic, Vec::new())).collect())
    }

    fn sinks(&mut self) -> Vec<(&'static str, &mut dyn Sink)> {
        self.0.iter_mut().map(|(topic, feed)| (*topic, feed as &mut dyn Sink)).collect()
    }

    fn get(&self, topic: &str) -> Option<&[u8]> {
        self.0.iter().find(|(name, _)| *name == topic).map(|(_, feed)| feed.as_slice())
    }
}

impl Sink for Reader<Car> {
    fn begin(&mut self) {
        Reader::<Car>::begin(self);
    }

    fn push(&mut self, chunk: &[u8]) {
        Reader::<Car>::push(self, chunk);
    }
}

impl Sink for Reader<Position> {
    fn begin(&mut self) {
        Reader::<Position>::begin(self);
    }

    fn push(&mut self, chunk: &[u8]) {
        Reader::<Position>::push(self, chunk);
    }
}

/// What Jolpica has of a session.
struct Ergast {
    results: Option<Vec<u8>>,
    first_lap: Option<Vec<u8>>,
    warnings: Vec<String>,
}

async fn ergast<R: Transport + Clock>(
    client: &Client<R>,
    upstreams: &Upstreams,
    session: &Session,
    wanted: Wanted,
) -> Result<Ergast> {
    let results = results::ergast_document(session).map(|(document, _)| document);
    let first_lap = (session.name == SessionName::Race && wanted.tables).then_some("laps/1");
    let mut warnings = Vec::new();
    let mut get = async |document: Option<&str>| {
        let Some(document) = document else { return Ok(None) };
        let path = format!("{}/{}/{document}.json", session.season, session.round);
        let url = document_url(&upstreams.jolpica, &path)?;
        match pages::whole(client, &url).await {
            Ok(response) if Json::default().read_bytes(&response.body).is_some() => Ok(Some(response.body)),
            Ok(_) => Err(Error::new(
                Kind::NotJson,
                format!("{} sent something that is not JSON; check the URL", Shown(&url)),
            )),
            Err(error) if error.is_refusal() && matches!(error.kind, Kind::NotFound | Kind::Unavailable) => {
                warnings.push(error.message);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    };
    Ok(Ergast { results: get(results).await?, first_lap: get(first_lap).await?, warnings })
}
