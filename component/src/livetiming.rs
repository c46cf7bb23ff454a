//! livetiming, Formula 1's own timing feeds: where a session's feeds lie, and how they are fetched.

pub mod index;
mod refused;
mod token;

use std::fmt::Display;

use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use http::Uri;

use crate::error::{Error, Kind, Result};
use crate::http::body::Sink;
use crate::http::client::Client;
use crate::http::download::Download;
use crate::http::transport::{Clock, Transport};
use crate::http::url;
use crate::session::{Session, SessionKind, SessionName};
pub use refused::{Refused, gravest, passing};
pub use token::{ACTIVE, STATUS, State, Token, claims, part};

/// Where livetiming is, and what signs in to it.
#[derive(Debug)]
pub struct Livetiming {
    /// Neither URL has a slash at its end.
    pub official: Uri,
    /// Asked if `official` answers 400 or more; never sees the token.
    pub mirror: Uri,
    pub token: Option<Token>,
}

/// Topics that livetiming does not have of a session, and why.
pub type Missing = Vec<(&'static str, Error)>;

/// How long after a session's start its feeds are expected: a race takes two hours, publishing one more,
/// and the rest of a day is patience.
const PUBLISHED_AFTER: TimeDelta = TimeDelta::hours(24);

/// How long after a session's scheduled end its feeds were published at the latest.
const PUBLISHING: TimeDelta = TimeDelta::minutes(63);

/// What signs in.
const SIGN_IN: &str = "f1-ingest login, or set F1_USERNAME and F1_PASSWORD, or set F1TV_TOKEN";

/// A season whose index is known to be at livetiming.
pub const FINISHED_SEASON: i32 = 2023;

impl Livetiming {
    /// GETs something below `static/` by `get`: from the official host, else from the mirror.
    async fn ask<'a, T>(
        &'a self,
        path: &str,
        now: DateTime<Utc>,
        mut get: impl AsyncFnMut(&Uri, Option<&'a str>) -> Result<T>,
    ) -> std::result::Result<T, Refused> {
        let official = match get(&url::below(&self.official, path)?, self.bearer()).await {
            Ok(answer) => return Ok(answer),
            Err(error) => self.explained(error, now),
        };
        if official.status.is_none_or(|status| status < 400) {
            return Err(Refused { official, mirror: None });
        }
        let mirror = get(&url::below(&self.mirror, path)?, None).await;
        mirror.map_err(|error| Refused { official, mirror: Some(Box::new(error)) })
    }

    /// Starts to GET something below `static/`.
    pub async fn open<'a, R: Transport + Clock>(
        &'a self,
        client: &'a Client<R>,
        path: &str,
    ) -> std::result::Result<Download<'a, R>, Refused> {
        let now = client.runtime.now();
        self.ask(path, now, async |url, token| Download::start(client, url, token).await).await
    }

    /// GETs something below `static/`, whole.
    pub async fn get<R: Transport + Clock>(&self, client: &Client<R>, path: &str) -> Result<Vec<u8>> {
        let now = client.runtime.now();
        let body = self.ask(path, now, async |url, token| Ok(client.get(url, token).await?.body)).await;
        body.map_err(|refused| refused.told())
    }

    /// What signs a request to the official host in.
    fn bearer(&self) -> Option<&str> {
        self.token.as_ref().map(Token::secret)
    }

    /// 401 and 403 have to do with the token here, and with a proxy for livetiming alone.
    fn explained(&self, error: Error, now: DateTime<Utc>) -> Error {
        let remedy = match error.kind {
            Kind::SignIn => self.sign_in(now),
            Kind::Blocked | Kind::BotProtection => "--livetiming-proxy is for livetiming alone".into(),
            _ => return error,
        };
        let message = format!("{error}; {remedy}");
        error.reworded(message)
    }

    /// What to do if livetiming wants a sign-in.
    fn sign_in(&self, now: DateTime<Utc>) -> String {
        match self.token.as_ref().map(|token| token.state(now)) {
            None => SIGN_IN.to_owned(),
            Some(State::Good) => format!(
                "the F1TV token is not accepted, though it does not say that it has ended; get a new one: {SIGN_IN}"
            ),
            Some(State::Ended(at)) => {
                format!("the F1TV token has ended, at {}; they live about 4 days: {SIGN_IN}", at.format("%FT%TZ"))
            }
            Some(State::NoSubscription) => {
                "the F1TV token is of an account without an active subscription; take one out, and sign in anew".to_owned()
            }
        }
    }

    /// A refusal of a file that is there, which does not say why: by a token that cannot be good, or of this address.
    fn doubted(&self, error: Error, now: DateTime<Utc>) -> Error {
        if !error.is_guess() {
            return error;
        }
        let (kind, why) = match self.token.as_ref().map(|token| token.state(now)) {
            Some(State::Good) => return error,
            None => (Kind::Blocked, format!("or a sign-in is wanted: {SIGN_IN}")),
            Some(_) => (Kind::SignIn, self.sign_in(now)),
        };
        let message = format!("{error}; {why}");
        error.reworded(message).of_kind(kind)
    }

    /// Reads topics of a session, all at once, each into its sink. Gives those that livetiming does not have;
    /// fails if it has none at all, and if trying again may help.
    pub async fn read<R: Transport + Clock>(
        &self,
        client: &Client<R>,
        session: &Session,
        topics: &mut [(&'static str, &mut dyn Sink)],
    ) -> Result<Missing> {
        let mut why = None;
        let now = client.runtime.now();
        for path in self.paths(client, session).await {
            let read = async |topic: &'static str, sink: &mut dyn Sink| {
                let (beginning, ending) = Default::default();
                let (path, mut feed) = (stream_path(&path, topic), FeedSink { sink, beginning, ending });
                let read = async |url: &Uri, token: Option<&str>| client.read(url, token, &mut feed).await;
                let read = self.ask(&path, now, read).await;
                (topic, read.and_then(|_| feed.checked(&path)))
            };
            let feeds = join_all(topics.iter_mut().map(|(topic, sink)| read(topic, *sink))).await;
            let some = feeds.iter().any(|(_, feed)| feed.is_ok());
            if let Some(error) = passing(feeds.iter().filter_map(|(_, feed)| feed.as_ref().err()), some) {
                return Err(error);
            }
            let missing = feeds.into_iter().filter_map(|(topic, feed)| Some((topic, feed.err()?.told())));
            let missing: Missing = missing.collect();
            if some {
                return Ok(missing);
            }
            why = gravest(why.into_iter().chain(missing.into_iter().map(|(_, error)| error)));
        }
        let why = why.unwrap_or_else(|| Error::new(Kind::NotFound, "livetiming has no such topic"));
        Err(self.why_nothing(client, session, "nothing", why).await)
    }

    /// Where a session may lie, best guess first: where the season's index says, and where FastF1 looks.
    pub async fn paths<R: Transport + Clock>(&self, client: &Client<R>, session: &Session) -> Vec<String> {
        let index = self.get(client, &index::of_season(session.season)).await;
        let indexed = index.and_then(|body| index::path(&body, session)).unwrap_or_else(|error| {
            self.has_no_index(client, session.season, &error);
            None
        });
        let mut paths: Vec<String> = indexed.into_iter().chain([built_path(session)]).collect();
        paths.dedup();
        paths
    }

    /// Says that there is no index of something, unless the host is dead: then that is what the run ends with.
    pub fn has_no_index<R: Transport + Clock>(&self, client: &Client<R>, of: impl Display, error: &Error) {
        if client.is_alive(&self.official).is_ok() {
            client.log.info(&format!("livetiming has no index of {of}: {error}"));
        }
    }

    /// Asks the official host for a file that is known to be there.
    async fn probe<R: Transport + Clock>(&self, client: &Client<R>) -> Result<()> {
        let known = url::below(&self.official, &index::of_season(FINISHED_SEASON))?;
        let now = client.runtime.now();
        client.get(&known, self.bearer()).await.map(drop).map_err(|error| self.explained(error, now))
    }

    /// What it means that no topic came, or none that matters: livetiming has `what` of the session. Where the refusal
    /// does not say why, a file that is known to be there tells; and where it may hide a file from who is not signed in.
    pub async fn why_nothing<R: Transport + Clock>(
        &self,
        client: &Client<R>,
        session: &Session,
        what: &str,
        refused: Error,
    ) -> Error {
        let now = client.runtime.now();
        let is_hidden = refused.status == Some(403) && self.token.is_none();
        match refused.kind {
            Kind::Blocked if refused.is_guess() => match self.probe(client).await {
                Err(error) if error.kind != Kind::NotFound => return self.doubted(error, now),
                _ => {}
            },
            Kind::SignIn | Kind::Blocked | Kind::BotProtection | Kind::RateLimited => return refused,
            Kind::NotFound if is_hidden => match self.probe(client).await {
                Err(error) if !error.is_guess() && error.kind.is_of_us() => return error,
                _ => {}
            },
            _ => {}
        }
        let hidden = if is_hidden {
            format!("; if it is hidden from who is not signed in: {SIGN_IN}")
        } else {
            String::new()
        };
        let cause = refused.message;
        if now.naive_utc() - session.starts < PUBLISHED_AFTER {
            let at = expected(session);
            let (is, then) = match now.naive_utc() < at {
                true => ("is", "then"),
                false => ("was", "later"),
            };
            let at = at.format("%FT%RZ");
            let message = format!(
                "livetiming has not published {session} yet ({cause}); it {is} expected by {at}, try again {then}{hidden}"
            );
            return Error::new(Kind::NotPublished, message);
        }
        let message = format!(
            "livetiming has {what} of {session} ({cause}); it was never published, or the session is another: check it{hidden}"
        );
        Error::new(Kind::NotFound, message)
    }
}

/// When a session's feeds are published at the latest, if all goes as planned.
fn expected(session: &Session) -> NaiveDateTime {
    let length = match session.kind() {
        SessionKind::Race if session.name == SessionName::Race => TimeDelta::hours(2),
        _ => TimeDelta::hours(1),
    };
    session.starts.checked_add_signed(length + PUBLISHING).unwrap_or(session.starts)
}

/// A feed, relative to `static/`.
pub fn stream_path(path: &str, topic: &str) -> String {
    format!("{path}{topic}.jsonStream")
}

/// A feed on its way into a sink, as long as it is one.
struct FeedSink<'a> {
    sink: &'a mut dyn Sink,
    beginning: Beginning,
    ending: Ending,
}

impl Sink for FeedSink<'_> {
    fn begin(&mut self) {
        self.beginning = Beginning::default();
        self.ending = Ending::default();
        self.sink.begin();
    }

    fn push(&mut self, chunk: &[u8]) {
        self.beginning.push(chunk);
        if !self.beginning.is_page() {
            self.sink.push(chunk);
        }
        self.ending.push(chunk);
    }

    fn is_cut(&self) -> bool {
        self.ending.is_cut() && !self.beginning.is_page()
    }
}

impl FeedSink<'_> {
    fn checked(&self, path: &str) -> std::result::Result<(), Refused> {
        match self.beginning.is_page() {
            true => Err(not_a_feed(path).into()),
            false => Ok(()),
        }
    }
}

/// The first byte of a feed that is not white space.
#[derive(Default)]
pub struct Beginning(Option<u8>);

impl Beginning {
    pub fn push(&mut self, chunk: &[u8]) {
        self.0 = self.0.or(chunk.trim_ascii_start().first().copied());
    }

    /// A feed begins with a timestamp; what begins with `<` is some other host's page.
    pub fn is_page(&self) -> bool {
        self.0 == Some(b'<')
    }
}

/// The last two bytes of a feed.
#[derive(Default)]
pub struct Ending([u8; 2]);

impl Ending {
    pub fn push(&mut self, chunk: &[u8]) {
        let Ending([_, last]) = *self;
        match *chunk {
            [.., a, b] => self.0 = [a, b],
            [b] => self.0 = [last, b],
            [] => {}
        }
    }

    /// Every line ends with CRLF, the last one too. Nothing at all is not cut.
    pub fn is_cut(&self) -> bool {
        ![*b"\r\n", [0, 0]].contains(&self.0)
    }
}

pub fn not_a_feed(path: &str) -> Error {
    let message = format!("livetiming sent HTML or XML for {path}, not a feed; check the URL");
    Error::new(Kind::NotJson, message)
}

/// A session's folder as FastF1's `_api.make_path` names it, relative to `static/`, with a slash at its end.
pub fn built_path(session: &Session) -> String {
    let Session { event_date, session_date, event, name, .. } = session;
    let path = format!("{}/{event_date} {event}/{session_date} {}/", event_date.year(), name.full());
    let path = path.replace(' ', "_");
    FILED_ELSEWHERE.iter().fold(path, |path, (from, to)| path.replace(from, to))
}

/// Sessions that livetiming files under another date or name. FastF1's table has days of testing besides,
/// which is never asked for.
const FILED_ELSEWHERE: [(&str, &str); 1] =
    // Rain moved the qualifying of São Paulo to Sunday.
    [("2024-11-03_Qualifying", "2024-11-02_Qualifying")];
