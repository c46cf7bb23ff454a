//! What an answer that is no success, or no answer at all, means to the user, and whether trying again helps.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use http::{StatusCode, Uri};

use crate::error::{Error, Kind};
use crate::http::budget::BUDGET_HEADER;
use crate::http::reach::Hope;
use crate::http::refusal::{Refusal, refusal};
use crate::http::retry::{Again, retry_after};
use crate::http::transport::{Response, STOPPED, SendError};
use crate::http::url::{Shown, authority};

/// What asks for more patience than a year is a mistake, and names no instant.
const LATEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// An attempt that failed, and what its failure says of the next one.
#[derive(Debug)]
pub struct Failed {
    pub error: Error,
    pub again: Again,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed { error, again: Again::Never }
    }
}

/// A failure of the network; it may be gone the next time.
pub fn network(url: &Uri, why: &str) -> Failed {
    let url = Shown(url);
    let error = Error::new(Kind::Network, format!("{url}: {why}; check the network and the URL"));
    Failed { error: error.at(url), again: Again::Backoff }
}

/// A request that was not sent, as no connection came about.
pub fn unreachable(url: &Uri, why: &str, hope: Hope) -> Failed {
    match hope {
        Hope::Soon => Failed { again: Again::Silently, ..network(url, why) },
        Hope::Later => network(url, why).error.into(),
        Hope::No(why) => network(url, &why).error.lasting().into(),
    }
}

/// A request that no response came to.
pub fn not_sent(url: &Uri, error: SendError) -> Failed {
    match error {
        SendError::Network(why) | SendError::Unreachable(why) => network(url, &why),
        SendError::Stopped => {
            let url = Shown(url);
            Error::new(Kind::Denied, format!("{url}: {STOPPED}; run it again")).at(url).into()
        }
        SendError::Lasting(why) => {
            let url = Shown(url);
            Error::new(Kind::Network, format!("{url}: {why}")).at(url).lasting().into()
        }
        SendError::Denied => {
            let (host, url) = (authority(url), Shown(url));
            let message =
                format!("{url}: the runtime does not let the job reach {host}; have it allow that host");
            Error::new(Kind::Denied, message).at(url).into()
        }
    }
}

/// An upstream's answer with a status other than 2xx; `body` is the beginning of its body.
pub fn refused<B>(response: &Response<B>, body: &[u8], url: &Uri, now: DateTime<Utc>) -> Failed {
    let after = response.header("retry-after").and_then(|value| retry_after(value, now));
    if response.headers.contains_key(BUDGET_HEADER) {
        return used_up(url, Whose::Machine, after.unwrap_or_default(), now).into();
    }
    let refusal = refusal(response.status.as_u16(), &response.headers, body);
    let again = match response.status.as_u16() {
        // To ask a page for people again makes it worse.
        _ if refusal == Refusal::Challenge => Again::Never,
        429 | 500 | 502 | 503 | 504 => after.map_or(Again::Backoff, Again::After),
        _ => Again::Never,
    };
    let until = after.filter(|wait| *wait <= LATEST).map(|wait| unix_seconds_in(wait, now));
    Failed { error: explained(refusal, response.status, url, until), again }
}

/// What a refusal means, and what to do about it, in words of ours: a host's own are for browsers.
fn explained(refusal: Refusal, status: StatusCode, url: &Uri, until: Option<u64>) -> Error {
    let (kind, text) = match refusal {
        Refusal::SignIn => (Kind::SignIn, "wants a sign-in".into()),
        Refusal::Address => (
            Kind::Blocked,
            "refuses this address or this client; data-centre addresses often are: use another machine, or a proxy \
             (HTTPS_PROXY)"
                .into(),
        ),
        Refusal::Forbidden => (
            Kind::Blocked,
            "refuses this address; data-centre addresses often are: use another machine, or a proxy (HTTPS_PROXY)".into(),
        ),
        Refusal::CacheParameter => {
            (Kind::Unavailable, "refuses a parameter whose name has \"cache\" in it; leave it out of the URL".into())
        }
        Refusal::Challenge => (
            Kind::BotProtection,
            format!(
                "takes us for a robot and wants a browser (bot protection); {}, or with another --user-agent, or from \
                 another address (HTTPS_PROXY)",
                until.map_or("try again in an hour".into(), when)
            ),
        ),
        Refusal::NoSuchFile => (Kind::NotFound, "does not exist, or not yet".into()),
        Refusal::NotFound => (Kind::NotFound, "does not exist; check the URL".into()),
        Refusal::TooMany => (
            Kind::RateLimited,
            format!("has had too many requests; {}", until.map_or("try again in an hour".into(), when)),
        ),
        Refusal::Fault => (Kind::Unavailable, "has a fault of its own; try again later".into()),
        Refusal::Other => (Kind::Unavailable, "refuses the request; check the URL".into()),
    };
    let until = until.filter(|_| kind == Kind::RateLimited);
    let (status, url) = (status.as_u16(), Shown(url));
    let error = Error::new(kind, format!("{url} {text} (HTTP {status})"));
    let error = error.at(url).with_status(status).with_until(until);
    match refusal {
        Refusal::Forbidden => error.guessed(),
        Refusal::CacheParameter => error.lasting(),
        _ => error,
    }
}

/// Who has used up the hour's requests to a host.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    /// This run itself.
    Run,
    /// All runs of this machine together.
    Machine,
}

/// The hour's requests to a host are used up by us, so that it was not asked.
pub fn used_up(url: &Uri, whose: Whose, wait: Duration, now: DateTime<Utc>) -> Error {
    let until = unix_seconds_in(wait, now);
    let (who, or) = match whose {
        Whose::Run => ("this run", ""),
        Whose::Machine => ("this machine", ", or have backfill --wait"),
    };
    let (host, url, when) = (authority(url), Shown(url), when(until));
    let message = format!(
        "{url}: {who} has used up the hour's requests to {host}; {when}{or} (--requests-per-hour sets how many, \
         0 lifts the limit for a mirror of your own)"
    );
    Error::new(Kind::RateLimited, message).at(url).with_until(Some(until))
}

fn unix_seconds_in(wait: Duration, now: DateTime<Utc>) -> u64 {
    u64::try_from(now.timestamp()).unwrap_or_default().saturating_add(wait.as_secs())
}

fn when(until: u64) -> String {
    let time = i64::try_from(until).ok().and_then(|until| DateTime::from_timestamp(until, 0));
    time.map_or("try again later".into(), |time| {
        format!("try again after {}", time.to_rfc3339_opts(SecondsFormat::Secs, true))
    })
}
