//! All timing feeds of a session as livetiming sent them: `{"session": {...}, "feeds": {...}, "missing": {...}}`.

pub mod entries;

use std::collections::VecDeque;

use f1_ingest_feeds::value::{self, Json};
use futures_util::stream::{StreamExt, try_unfold};
use serde_json::{Map, Value, json};

use crate::document::{Document, Warnings};
use crate::error::{Error, Kind, Result};
use crate::http::client::Client;
use crate::http::download::Download;
use crate::http::transport::{Clock, Transport};
use crate::livetiming::{Beginning, Ending, Livetiming, Refused, gravest, not_a_feed, passing, stream_path};
use crate::session::Session;
use entries::{Entries, quoted};

/// What a session may have, if its index does not tell: the topics in FastF1's `_api.pages` and in its
/// live client, and those that `docs/live_timing_datasets.md` of github.com/memadore/duck-f1 lists.
const TOPICS: &[&str] = &[
    "SessionInfo",
    "Heartbeat",
    "DriverList",
    "TimingData",
    "TimingAppData",
    "CarData.z",
    "Position.z",
    "ArchiveStatus",
    "AudioStreams",
    "ChampionshipPrediction",
    "ContentStreams",
    "CurrentTyres",
    "DriverRaceInfo",
    "DriverScore",
    "DriverTracker",
    "ExtrapolatedClock",
    "LapCount",
    "LapSeries",
    "OvertakeSeries",
    "PitLaneTimeCollection",
    "PitStop",
    "PitStopSeries",
    "RaceControlMessages",
    "RcmSeries",
    "SPFeed",
    "SessionData",
    "SessionStatus",
    "TeamRadio",
    "TimingDataF1",
    "TimingStats",
    "TlaRcm",
    "TopThree",
    "TrackStatus",
    "TyreStintSeries",
    "WeatherData",
    "WeatherDataSeries",
];

/// A topic, and where its feed lies relative to `static/`.
struct Topic {
    name: String,
    path: String,
}

/// Fetches the feeds one after the other, as the document is read.
///
/// Fails if livetiming has none of them, and if trying again may help.
pub async fn fetch<'a, R: Transport + Clock>(
    client: &'a Client<R>,
    livetiming: &'a Livetiming,
    session: &Session,
) -> Result<Document<'a>> {
    if !session.timing {
        let message = format!("livetiming does not cover {session}, the schedule says");
        return Err(Error::new(Kind::NotFound, message));
    }
    let mut why = None;
    for path in livetiming.paths(client, session).await {
        let mut feeds = Feeds::of(client, livetiming, &path).await;
        match feeds.begin().await? {
            None => return Ok(feeds.document(session, &path)),
            refused => why = gravest(why.into_iter().chain(refused)),
        }
    }
    let why = why.unwrap_or_else(|| Error::new(Kind::NotFound, "livetiming has no such session"));
    Err(livetiming.why_nothing(client, session, "nothing", why).await)
}

/// `<session>/Index.json`: `{"Feeds": {"TimingData": {"KeyFramePath": ..., "StreamPath": "TimingData.jsonStream"}}}`.
fn listed(index: &[u8], path: &str) -> Result<VecDeque<Topic>> {
    let index = index.strip_prefix(b"\xef\xbb\xbf").unwrap_or(index);
    let mut json = Json::default();
    let feeds = json.read_bytes(index).and_then(|index| index.get("Feeds")).filter(|feeds| feeds.is_object());
    let feeds = feeds.ok_or_else(|| {
        Error::new(Kind::NotJson, format!("{path}Index.json is not JSON with an object of Feeds"))
    })?;
    let topic = |(name, feed): (&str, value::Value)| {
        let file = Some(feed.text_of("StreamPath")).filter(|file| is_file_name(file));
        file.map(|file| Topic { path: format!("{path}{file}"), name: name.to_owned() })
    };
    let topics: VecDeque<Topic> = feeds.distinct_entries().filter_map(topic).collect();
    match topics.is_empty() {
        true => Err(Error::new(Kind::NotFound, format!("{path}Index.json lists no feeds"))),
        false => Ok(topics),
    }
}

/// A file in the session's own folder: an index may not send us elsewhere.
fn is_file_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    text.bytes().all(plain) && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// The document on its way.
struct Feeds<'a, R> {
    client: &'a Client<R>,
    livetiming: &'a Livetiming,
    /// Those that are still to come, and whether the session's index lists them.
    topics: VecDeque<Topic>,
    listed: bool,
    feed: Option<OpenFeed<'a, R>>,
    /// Topics that livetiming does not have, and the statuses that say so.
    missing: Map<String, Value>,
    /// Those of them that it has, or may have, and why they did not come.
    refused: Vec<(String, Error)>,
    warnings: Warnings,
    /// What is written and not yet handed on.
    out: Vec<u8>,
    /// Whether a feed was begun, and whether all are written.
    any: bool,
    ended: bool,
}

impl<'a, R: Transport + Clock> Feeds<'a, R> {
    /// The feeds below a path: those in the session's own index, else all that there are.
    async fn of(client: &'a Client<R>, livetiming: &'a Livetiming, path: &str) -> Self {
        let index = livetiming.get(client, &format!("{path}Index.json")).await;
        let (topics, listed) = match index.and_then(|index| listed(&index, path)) {
            Ok(topics) => (topics, true),
            Err(error) => {
                livetiming.has_no_index(client, "the session", &error);
                let topic = |name: &&str| Topic { name: (*name).to_owned(), path: stream_path(path, name) };
                (TOPICS.iter().map(topic).collect(), false)
            }
        };
        let (missing, refused, warnings, out) = Default::default();
        let (any, ended, feed) = (false, false, None);
        Feeds { client, livetiming, topics, listed, feed, missing, refused, warnings, out, any, ended }
    }

    /// Looks for the first feed that there is; if there is none, why.
    async fn begin(&mut self) -> Result<Option<Error>> {
        let mut refusals = Vec::new();
        while self.feed.is_none()
            && let Some(topic) = self.topics.pop_front()
        {
            refusals.extend(self.open(topic).await.err());
        }
        let some = self.feed.is_some();
        if let Some(error) = passing(refusals.iter(), some) {
            return Err(error);
        }
        Ok(gravest(refusals.iter().map(Refused::told)).filter(|_| !some))
    }

    fn document(mut self, session: &Session, path: &str) -> Document<'a> {
        let about = json!({
            "season": session.season,
            "round": session.round,
            "event": session.event,
            "session": session.name.abbreviation(),
            "path": path,
        });
        let head = format!("{{\"session\":{about},\"feeds\":{{");
        self.out.splice(..0, head.into_bytes());
        let warnings = self.warnings.clone();
        let body = try_unfold(self, async |mut feeds| Ok(feeds.piece().await?.map(|piece| (piece, feeds))));
        Document { metadata: session.id().metadata(), warnings, ..Document::streamed(body.boxed_local()) }
    }

    /// Some ten thousand bytes of the document, or its end.
    async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        const PIECE: usize = 64 << 10;
        while self.out.len() < PIECE && !self.ended {
            if let Some(feed) = &mut self.feed {
                if !feed.read(&mut self.out).await? {
                    self.feed = None;
                }
            } else if let Some(topic) = self.topics.pop_front() {
                if let Err(refused) = self.open(topic).await
                    && let Some(error) = refused.may_pass(true)
                {
                    return Err(error.clone());
                }
            } else {
                self.end();
            }
        }
        Ok(Some(std::mem::take(&mut self.out)).filter(|out| !out.is_empty()))
    }

    async fn open(&mut self, topic: Topic) -> std::result::Result<(), Refused> {
        let opened = self.livetiming.open(self.client, &topic.path).await;
        let download = opened.inspect_err(|refused| {
            self.missing.insert(topic.name.clone(), refused.official.status.unwrap_or(404).into());
            if refused.official.kind.is_of_us() {
                self.refused.push((topic.name.clone(), refused.told()));
            }
        })?;
        let comma = if std::mem::replace(&mut self.any, true) { "," } else { "" };
        self.out.extend(format!("{comma}{}:[", quoted(&topic.name)).into_bytes());
        self.feed = Some(OpenFeed {
            path: topic.path,
            download,
            entries: Entries::default(),
            beginning: Beginning::default(),
            ending: Ending::default(),
        });
        Ok(())
    }

    fn end(&mut self) {
        self.ended = true;
        for (topic, status) in &self.missing {
            match self.refused.iter().find(|(name, _)| name == topic) {
                Some((_, why)) => self.warnings.add(format!("{topic} is missing: {why}")),
                None if self.listed => self
                    .warnings
                    .add(format!("{topic} is missing, though the session's index lists it (HTTP {status})")),
                None => {}
            }
        }
        let missing = Value::from(std::mem::take(&mut self.missing));
        self.out.extend(format!("}},\"missing\":{missing}}}").into_bytes());
    }
}

/// A feed that livetiming has.
struct OpenFeed<'a, R> {
    path: String,
    download: Download<'a, R>,
    entries: Entries,
    beginning: Beginning,
    ending: Ending,
}

impl<R: Transport + Clock> OpenFeed<'_, R> {
    /// Writes the entries of the next chunk. False at the end.
    async fn read(&mut self, out: &mut Vec<u8>) -> Result<bool> {
        let Some(chunk) = self.download.next().await? else {
            if let Some(error) = self.download.cut(self.ending.is_cut()) {
                return Err(error);
            }
            std::mem::take(&mut self.entries).finish(out);
            out.push(b']');
            return Ok(false);
        };
        self.beginning.push(&chunk);
        self.ending.push(&chunk);
        if self.beginning.is_page() {
            return Err(not_a_feed(&self.path));
        }
        self.entries.push(&chunk, out);
        Ok(true)
    }
}
