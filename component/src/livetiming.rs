//! livetiming, Formula 1's own timing feeds: where a session's feeds lie, and how they are fetched.

use std::fmt;

use chrono::{Datelike, TimeDelta};
use futures_util::future::join_all;
use http::Uri;

use crate::client::Client;
use crate::error::{Error, Kind, Result};
use crate::runtime::{Clock, Transport};
use crate::schedule::{Session, index};

/// Where livetiming is, and what signs in to it.
#[derive(Debug)]
pub struct Livetiming {
    /// Neither URL has a slash at its end.
    pub official: Uri,
    /// Asked where `official` answers 400 or more; never sees the token.
    pub mirror: Uri,
    pub token: Option<Token>,
}

/// An F1TV subscription token. It shows in no log.
pub struct Token(String);

impl Token {
    pub fn parse(text: &str) -> Result<Token> {
        let token = text.trim();
        let fine = !token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic());
        fine.then(|| Token(token.to_owned()))
            .ok_or_else(|| Error::usage("F1TV_TOKEN holds characters that no token has; copy it again"))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

/// What livetiming has of a session, by topic; of what it lacks, why.
#[derive(Debug, Default)]
pub struct Feeds(Vec<(&'static str, Result<Vec<u8>>)>);

impl Feeds {
    /// The feed of a topic that was asked for; None where it is missing.
    pub fn get(&self, topic: &str) -> Option<&[u8]> {
        let (_, feed) = self.0.iter().find(|(name, _)| *name == topic)?;
        feed.as_deref().ok()
    }

    /// One line for each topic that is missing.
    pub fn missing(&self) -> impl Iterator<Item = String> {
        let missing = self.0.iter().filter_map(|(topic, feed)| Some((topic, feed.as_ref().err()?)));
        missing.map(|(topic, why)| format!("{topic} is missing: {why}"))
    }
}

/// How long after a session's start its feeds are expected: a race takes two hours, publishing one more,
/// and the rest of a day is patience.
const PUBLISHED_AFTER: TimeDelta = TimeDelta::hours(24);

/// A season whose index is known to be at livetiming.
pub const FINISHED_SEASON: i32 = 2023;

impl Livetiming {
    /// GETs something below `static/`: from the official host, else from the mirror.
    async fn get<R: Transport + Clock>(
        &self,
        client: &Client<R>,
        path: &str,
    ) -> std::result::Result<Vec<u8>, Refused> {
        let official = match self.get_official(client, path).await {
            Ok(body) => return Ok(body),
            Err(error) => error,
        };
        if !is_answer(official.kind) {
            return Err(Refused { official, mirror: None });
        }
        let mirror = async { client.get(&url(&self.mirror, path)?, None).await };
        match mirror.await {
            Ok(response) => Ok(response.body),
            Err(error) => Err(Refused { official, mirror: Some(error) }),
        }
    }

    async fn get_official<R: Transport + Clock>(&self, client: &Client<R>, path: &str) -> Result<Vec<u8>> {
        let token = self.token.as_ref().map(|token| token.0.as_str());
        let response = client.get(&url(&self.official, path)?, token).await;
        response.map(|response| response.body).map_err(|error| self.explained(error))
    }

    /// 401 and 403 have to do with the token here.
    fn explained(&self, error: Error) -> Error {
        let remedy = match (error.kind, &self.token) {
            (Kind::SignIn, None) => "set F1TV_TOKEN to the token of an F1TV subscription",
            (Kind::SignIn, Some(_)) => "F1TV_TOKEN is not accepted; it lives about 4 days, get a new one",
            (Kind::Blocked, None) => "or a sign-in is wanted: set F1TV_TOKEN",
            _ => return error,
        };
        Error::new(error.kind, format!("{}; {remedy}", error.message))
    }

    /// A season's `Index.json`.
    pub async fn index<R: Transport + Clock>(&self, client: &Client<R>, season: i32) -> Result<Vec<u8>> {
        self.get(client, &index_path(season)).await.map_err(|refused| refused.official)
    }

    /// Fetches topics of a session, all at once. A topic that livetiming does not have is missing in the
    /// answer; fails where it has none at all, and where trying again may help.
    pub async fn feeds<R: Transport + Clock>(
        &self,
        client: &Client<R>,
        session: &Session,
        topics: &[&'static str],
    ) -> Result<Feeds> {
        let mut why = None;
        for path in self.paths(client, session).await {
            let fetch = async |topic: &'static str| {
                let body = self.get(client, &format!("{path}{topic}.jsonStream")).await;
                (topic, body.and_then(|body| checked(body, &path, topic)))
            };
            let feeds = join_all(topics.iter().map(|topic| fetch(topic))).await;
            let some = feeds.iter().any(|(_, feed)| feed.is_ok());
            if let Some(error) = feeds.iter().find_map(|(_, feed)| feed.as_ref().err()?.may_pass(some)) {
                return Err(error.clone());
            }
            let official = |refused: Refused| refused.official;
            let feeds: Vec<_> =
                feeds.into_iter().map(|(topic, feed)| (topic, feed.map_err(official))).collect();
            if some {
                return Ok(Feeds(feeds));
            }
            why = why.or(feeds.into_iter().find_map(|(_, feed)| feed.err()));
        }
        let why = why.unwrap_or_else(|| Error::new(Kind::NotFound, "livetiming has no such topic"));
        Err(self.why_nothing(client, session, why).await)
    }

    /// Where a session may lie, best guess first: where the season's index says, and where FastF1 looks.
    async fn paths<R: Transport + Clock>(&self, client: &Client<R>, session: &Session) -> Vec<String> {
        let index = self.index(client, session.season).await;
        let indexed = index.and_then(|body| index::path(&body, session)).unwrap_or_else(|error| {
            client.log.info(&format!("livetiming has no index of {}: {error}", session.season));
            None
        });
        let mut paths: Vec<String> = indexed.into_iter().chain([built_path(session)]).collect();
        paths.dedup();
        paths
    }

    /// What it means that no topic came. 403 is what a file that is not there gets, too: a file that is
    /// known to be there tells.
    async fn why_nothing<R: Transport + Clock>(
        &self,
        client: &Client<R>,
        session: &Session,
        refused: Error,
    ) -> Error {
        if refused.kind == Kind::SignIn {
            return refused;
        }
        if refused.kind == Kind::Blocked {
            match self.get_official(client, &index_path(FINISHED_SEASON)).await {
                Err(error) if error.kind != Kind::NotFound => return error,
                _ => {}
            }
        }
        let cause = refused.message;
        if client.runtime.now().naive_utc() - session.starts < PUBLISHED_AFTER {
            let message = format!("livetiming has not published {session} yet ({cause}); try again later");
            return Error::new(Kind::NotPublished, message);
        }
        Error::new(
            Kind::NotFound,
            format!("livetiming has nothing of {session} ({cause}); check the session"),
        )
    }
}

/// A season's index, relative to `static/`.
pub fn index_path(season: i32) -> String {
    format!("{season}/Index.json")
}

/// Why neither host gave something.
#[derive(Debug)]
struct Refused {
    official: Error,
    /// None where the mirror was not asked.
    mirror: Option<Error>,
}

impl Refused {
    /// The error that may not be there the next time: then nothing is to be stored without this feed. That the
    /// mirror fails counts where it is what serves the session (`some` feeds came) and the official host did
    /// not say that there is no such feed.
    fn may_pass(&self, some: bool) -> Option<&Error> {
        let passing = |error: &&Error| !is_gap(error.kind);
        let mirror = self.mirror.as_ref().filter(|_| some && self.official.kind != Kind::NotFound);
        Some(&self.official).filter(passing).or(mirror.filter(passing))
    }
}

/// A feed begins with a timestamp; what begins as HTML is some other host's page.
fn checked(body: Vec<u8>, path: &str, topic: &str) -> std::result::Result<Vec<u8>, Refused> {
    if body.trim_ascii_start().starts_with(b"<") {
        let message =
            format!("livetiming sent HTML or XML for {path}{topic}.jsonStream, not a feed; check the URL");
        return Err(Refused { official: Error::new(Kind::NotJson, message), mirror: None });
    }
    Ok(body)
}

/// Whether the official host answered, with a status of 400 or more.
fn is_answer(kind: Kind) -> bool {
    is_gap(kind) || matches!(kind, Kind::RateLimited(_) | Kind::Unavailable(_))
}

/// Whether the host says that it does not give this, now and later.
fn is_gap(kind: Kind) -> bool {
    matches!(kind, Kind::SignIn | Kind::Blocked | Kind::NotFound | Kind::Unavailable(400..500))
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

/// The URL of something below `static/`; what no URL can hold is percent-encoded.
pub fn url(base: &Uri, path: &str) -> Result<Uri> {
    let mut url = base.to_string();
    if !url.ends_with('/') {
        url.push('/');
    }
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b'~' => {
                url.push(byte.into())
            }
            byte => url.push_str(&format!("%{byte:02X}")),
        }
    }
    url.parse().map_err(|e| Error::usage(format!("{url} is no URL: {e}; check the base URL")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ascii_is_percent_encoded() {
        let base = "https://livetiming.formula1.com/static/".parse().unwrap();
        let path = "2024/2024-11-03_São_Paulo_Grand_Prix/2024-11-03_Race/";
        let expected = "https://livetiming.formula1.com/static/2024/2024-11-03_S%C3%A3o_Paulo_Grand_Prix/2024-11-03_Race/";
        assert_eq!(url(&base, path).unwrap(), expected);
    }
}
