//! The budget of requests to Jolpica's host, which allows an address so many a second and an hour: this machine's, not
//! the run's. All processes of a user share one file of what was sent in the last hour, by the wall clock.
//!
//! A request is in the file, and the file on the disk, before it is sent: the file is written anew for each, which takes
//! less than the quarter of a second that a request has to itself. A clock that is set forward lets requests out early,
//! as nothing here tells that from a pause; one that is set back holds them for an hour at most.

mod noted;

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, Utc};
use f1_ingest_component::http::budget::{HOUR, Limit, MOST, Sent, Turn};
use f1_ingest_component::job::Job;
use http::Uri;

use noted::Noted;

/// Requests that leave so far apart as a window is long may arrive closer.
const SLACK: Duration = Duration::from_millis(200);

/// How long a request waits for its turn; the job takes 20 s without an answer for a dead connection.
const LONGEST: Duration = Duration::from_secs(10);

/// How long it waits for the file, which nobody holds for longer than a write takes.
const LOCKED: Duration = Duration::from_secs(5);

/// What was sent, if it cannot be in a file: of this process alone.
static OWN: Mutex<Option<Noted>> = Mutex::new(None);

/// The budget of one host.
pub struct Budget {
    /// `host`, and its port if that is not the scheme's.
    host: String,
    second: Limit,
    hour: Limit,
}

/// What is left of an hour's requests.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    pub left: usize,
    pub of: usize,
    /// When there is one more, if none is left.
    pub next: Option<DateTime<Utc>>,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} requests left in this hour", self.left, self.of)?;
        let next = self.next.map(|next| next.to_rfc3339_opts(SecondsFormat::Secs, true));
        next.map_or(Ok(()), |next| write!(f, "; the next one is free at {next}"))
    }
}

impl Budget {
    /// The budget that `job` has to keep to; none if it has no limit.
    pub fn of(job: &Job) -> Option<Budget> {
        let hour = job.upstreams.jolpica_hour;
        let second = Limit::a_second(job.requests_per_second).wider(SLACK);
        let host = host(&job.upstreams.jolpica);
        (hour.requests > 0).then(|| Budget { host, second, hour: hour.wider(SLACK) })
    }

    /// Whether requests to this URL count.
    pub fn counts(&self, url: &Uri) -> bool {
        host(url) == self.host
    }

    /// Asks for one more request. `complain` hears, once, of a file that cannot be used or read.
    pub async fn take(&self, complain: impl Fn(&str)) -> Turn {
        if let Some(noted) = own().as_mut() {
            return self.turn(noted, now());
        }
        let why = match self.take_of_all(&complain).await {
            Ok(turn) => return turn,
            Err(why) => why,
        };
        let mut own = own();
        if own.is_none() {
            let host = &self.host;
            complain(&format!(
                "requests to {host} count for this process alone, others do not hear of them: {why:#}"
            ));
        }
        let known = || noted::file().and_then(|file| noted::read(&file)).unwrap_or_default();
        self.turn(own.get_or_insert_with(known), now())
    }

    async fn take_of_all(&self, complain: impl Fn(&str)) -> Result<Turn> {
        noted::changed(&noted::file()?, LOCKED, complain, |noted| self.turn(noted, now())).await
    }

    /// What is left now. Fails if the file cannot be read.
    pub fn left(&self) -> Result<Left> {
        let (noted, now) = (self.noted()?, now());
        let (left, next) = self.sent(&noted, now).left(self.hour, now);
        let at =
            |wait: Duration| DateTime::from_timestamp_millis(i64::try_from((now + wait).as_millis()).ok()?);
        Ok(Left { left, of: self.hour.requests, next: next.and_then(at) })
    }

    fn noted(&self) -> Result<Noted> {
        own().clone().map_or_else(|| noted::read(&noted::file()?), Ok)
    }

    /// When the hour has room for so many more requests; none if it has it now. Fails if the file cannot be read.
    pub fn room_for(&self, requests: usize) -> Result<Option<DateTime<Utc>>> {
        let (noted, now) = (self.noted()?, now());
        let wait = self.sent(&noted, now).wait_for(requests, self.hour, now);
        Ok((!wait.is_zero()).then(|| DateTime::from(SystemTime::UNIX_EPOCH + now + wait)))
    }

    /// Asks for one more request, and notes it if its turn comes soon.
    fn turn(&self, noted: &mut Noted, now: Duration) -> Turn {
        let sent = self.sent(noted, now);
        let mut with_one_more = sent.clone();
        let (sent, turn) = match with_one_more.take(self.second, self.hour, now) {
            Turn::After(wait) if wait > LONGEST => (sent, Turn::UsedUp(wait)),
            turn => (with_one_more, turn),
        };
        noted.forget(HOUR + LONGEST, now);
        noted.sent.insert(self.host.clone(), sent.times().map(millis).collect());
        turn
    }

    fn sent(&self, noted: &Noted, now: Duration) -> Sent {
        let lost = noted.lost.map(|at| vec![at; self.hour.requests]);
        let times = noted.sent.get(&self.host).or(lost.as_ref()).into_iter().flatten();
        let mut sent = Sent::noted(times.map(|at| Duration::from_millis(*at)), now, LONGEST);
        sent.keep(MOST);
        sent
    }
}

/// The host of a URL, and its port if that is not the scheme's.
fn host(url: &Uri) -> String {
    let host = url.host().unwrap_or_default().to_ascii_lowercase();
    let usual = if url.scheme_str() == Some("https") { 443 } else { 80 };
    match url.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    }
}

fn own() -> MutexGuard<'static, Option<Noted>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time since 1970.
fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
