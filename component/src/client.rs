//! The HTTP client of the whole job: retries, the rate budget, redirects, and errors that name the cause.

use std::cell::RefCell;
use std::time::Duration;

use futures_util::stream::StreamExt;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT};
use http::{Method, StatusCode, Uri};

use crate::budget::{Budget, Slot};
use crate::download::{Incoming, Sink, declared_length};
use crate::error::{Error, Kind, Result};
use crate::log::Log;
use crate::options::Job;
use crate::retry::{Again, Failed, LONGEST_WAIT, RETRIES, backoff, retry_after};
use crate::runtime::{Chunks, Clock, Request, Response, SendError, Transport};

const REDIRECTS: usize = 5;

/// Sends requests for one run.
pub struct Client<R> {
    pub runtime: R,
    pub log: Log,
    user_agent: HeaderValue,
    /// `host[:port]` of everything that the run may reach.
    hosts: Vec<String>,
    budget: RefCell<Budget>,
}

impl<R: Transport + Clock> Client<R> {
    pub fn new(runtime: R, job: &Job) -> Self {
        let run_id = job.run_id.clone().unwrap_or_else(|| format!("{:016x}", runtime.random()));
        Client {
            runtime,
            log: Log { format: job.log_format, run_id },
            user_agent: job.user_agent.clone(),
            hosts: job.hosts(),
            budget: RefCell::new(Budget::new(job.requests_per_second, authority(&job.jolpica_url))),
        }
    }

    /// GETs a document of an upstream: retried, within the budget, redirects followed, gzip decoded.
    ///
    /// Every status but 2xx is an error that says what to do. `bearer` goes to the URL's own host and to no
    /// host that it redirects to.
    pub async fn get(&self, url: &Uri, bearer: Option<&str>) -> Result<Response> {
        let mut body = Vec::new();
        let Response { status, headers, .. } = self.read(url, bearer, &mut body).await?;
        Ok(Response { status, headers, body })
    }

    /// As [`Client::get`], but hands each chunk to `sink` as it comes. What breaks off is begun anew.
    pub async fn read(&self, url: &Uri, bearer: Option<&str>, sink: &mut dyn Sink) -> Result<Response<()>> {
        self.retry(async || {
            sink.begin();
            let (target, response) = self.open(url, bearer, &HeaderMap::new()).await?;
            let (status, headers) = (response.status, response.headers.clone());
            let mut incoming = Incoming::new(target, response)?;
            while let Some(chunk) = incoming.next().await? {
                sink.push(&chunk);
            }
            Ok(Response { status, headers, body: () })
        })
        .await
    }

    /// Waits for the head of a 2xx response: one attempt, redirects followed. Gives the URL that it came from.
    pub async fn open(
        &self,
        url: &Uri,
        bearer: Option<&str>,
        headers: &HeaderMap,
    ) -> std::result::Result<(Uri, Response<Chunks>), Failed> {
        let mut target = url.clone();
        for _ in 0..=REDIRECTS {
            let bearer = bearer.filter(|_| authority(&target) == authority(url));
            self.wait_for_budget(&target).await?;
            let mut request = get_request(&target, bearer)?;
            request.headers.extend(headers.clone());
            request.headers.insert(USER_AGENT, self.user_agent.clone());
            let sent = self.runtime.open(&request).await;
            let mut response = sent.map_err(|error| not_sent(&target, error))?;
            if response.status.is_success() {
                return Ok((target, response));
            }
            drain(&mut response.body).await;
            match redirect(&response, &target)? {
                None => return Err(self.refused(&response, &target)),
                Some(next) if self.hosts.iter().any(|host| *host == authority(&next)) => target = next,
                Some(next) => {
                    let message = format!("{target} redirects to {next}, a host that this run may not reach");
                    return Err(Error::new(Kind::Denied, message).into());
                }
            }
        }
        let message = format!("{url} redirects more than {REDIRECTS} times; check the URL");
        Err(Error::new(Kind::Unavailable(StatusCode::LOOP_DETECTED.as_u16()), message).into())
    }

    /// Runs `attempt` until it succeeds, it says that trying again is no use, or the attempts are used up.
    pub async fn retry<T>(
        &self,
        mut attempt: impl AsyncFnMut() -> std::result::Result<T, Failed>,
    ) -> Result<T> {
        let mut retries = 0;
        loop {
            let Failed { error, again } = match attempt().await {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            let wait = match again {
                Again::Backoff => backoff(retries, self.runtime.random()),
                Again::After(wait) if wait <= LONGEST_WAIT => wait,
                Again::After(_) | Again::Never => return Err(error),
            };
            if retries == RETRIES {
                return Err(error);
            }
            retries += 1;
            let seconds = wait.as_secs_f32();
            self.log.warn(&format!("{error}; retry {retries} of {RETRIES} in {seconds:.1} s"));
            self.runtime.sleep(wait).await;
        }
    }

    /// Sends one request. An error of the network may be tried again; a response has its whole body.
    pub async fn send(&self, request: &Request<'_>) -> std::result::Result<Response, Failed> {
        let mut request = request.clone();
        request.headers.insert(USER_AGENT, self.user_agent.clone());
        let response = self.runtime.send(&request).await.map_err(|error| not_sent(&request.url, error))?;
        match missing_bytes(&response, &request.method) {
            Some(missing) => Err(network(
                &request.url,
                &format!("the response was cut short, {missing} bytes are missing"),
            )),
            None => Ok(response),
        }
    }

    async fn wait_for_budget(&self, url: &Uri) -> Result<()> {
        let host = authority(url);
        loop {
            let slot = self.budget.borrow_mut().take(&host, self.runtime.uptime());
            match slot {
                Slot::Free => return Ok(()),
                Slot::Wait(wait) => self.runtime.sleep(wait).await,
                Slot::UsedUp(wait) => {
                    let until = self.unix_seconds_in(wait);
                    let message =
                        format!("{url}: this run has used up the hour's requests to {host}; {}", when(until));
                    return Err(Error::new(Kind::RateLimited(Some(until)), message));
                }
            }
        }
    }

    /// What a status other than 2xx comes to.
    fn refused<B>(&self, response: &Response<B>, url: &Uri) -> Failed {
        let after = response.header("retry-after").and_then(|v| retry_after(v, self.runtime.now()));
        let again = match response.status.as_u16() {
            429 | 500 | 502 | 503 | 504 => after.map_or(Again::Backoff, Again::After),
            _ => Again::Never,
        };
        let until = after.map(|wait| self.unix_seconds_in(wait));
        Failed { error: refusal(response.status, url, until), again }
    }

    fn unix_seconds_in(&self, wait: Duration) -> u64 {
        let now = u64::try_from(self.runtime.now().timestamp()).unwrap_or_default();
        now + wait.as_secs()
    }
}

/// `host[:port]` of a URL.
pub fn authority(url: &Uri) -> String {
    url.authority().map(|authority| authority.as_str().to_ascii_lowercase()).unwrap_or_default()
}

fn get_request(url: &Uri, bearer: Option<&str>) -> Result<Request<'static>> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    if let Some(token) = bearer {
        let mut value = HeaderValue::try_from(format!("Bearer {token}"))
            .map_err(|_| Error::usage("the sign-in token has characters that no header can carry"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(Request { method: Method::GET, url: url.clone(), headers, body: None })
}

/// Where a response sends us, if it does: https only.
fn redirect<B>(response: &Response<B>, from: &Uri) -> Result<Option<Uri>> {
    if !matches!(response.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let refuse = |why: &str| Error::new(Kind::Denied, format!("{from} redirects {why}; check the URL"));
    let location = response.header("location").ok_or_else(|| refuse("to nowhere"))?;
    let absolute = match location.strip_prefix('/') {
        Some(rest) if rest.starts_with('/') => format!("{}:{location}", from.scheme_str().unwrap_or("https")),
        Some(_) => format!("{}://{}{location}", from.scheme_str().unwrap_or("https"), authority(from)),
        None => location.to_owned(),
    };
    let next: Uri = absolute.parse().map_err(|_| refuse("to something that is no URL"))?;
    if next.scheme_str() != Some("https") {
        return Err(refuse(&format!("to {next}, which is not https")));
    }
    Ok(Some(next))
}

/// How many bytes a response lacks of its `Content-Length`.
fn missing_bytes(response: &Response, method: &Method) -> Option<u64> {
    if method == Method::HEAD || response.status == StatusCode::NO_CONTENT {
        return None;
    }
    declared_length(response)?.checked_sub(response.body.len() as u64).filter(|missing| *missing > 0)
}

/// A failure of the network; it may be gone the next time.
pub fn network(url: &Uri, why: &str) -> Failed {
    let error = Error::new(Kind::Network, format!("{url}: {why}; check the network and the URL"));
    Failed { error, again: Again::Backoff }
}

fn not_sent(url: &Uri, error: SendError) -> Failed {
    match error {
        SendError::Network(why) => network(url, &why),
        SendError::Denied => {
            let host = authority(url);
            let message =
                format!("{url}: the sandbox does not let the job reach {host}; --allow {host} would");
            Error::new(Kind::Denied, message).into()
        }
    }
}

/// Reads the body of a refusal, which is short: its connection can be used again then, and who records it
/// has it whole.
async fn drain(body: &mut Chunks) {
    for _ in 0..16 {
        let Some(Ok(_)) = body.next().await else { break };
    }
}

/// What a status other than 2xx means, and what to do about it.
fn refusal(status: StatusCode, url: &Uri, until: Option<u64>) -> Error {
    let (kind, text) = match status.as_u16() {
        401 => (Kind::SignIn, "wants a sign-in".into()),
        403 => (
            Kind::Blocked,
            "refuses this address; data-centre addresses often are, try another network or HTTPS_PROXY"
                .into(),
        ),
        404 | 410 => (Kind::NotFound, "does not exist; check the URL".into()),
        429 => (
            Kind::RateLimited(until),
            format!("has had too many requests; {}", until.map_or("try again in an hour".into(), when)),
        ),
        code @ 500.. => (Kind::Unavailable(code), "has a fault of its own; try again later".into()),
        code => (Kind::Unavailable(code), "refuses the request; check the URL".into()),
    };
    Error::new(kind, format!("{url} {text} (HTTP {})", status.as_u16()))
}

fn when(until: u64) -> String {
    let time = i64::try_from(until).ok().and_then(|until| chrono::DateTime::from_timestamp(until, 0));
    time.map_or("try again later".into(), |time| {
        format!("try again after {}", time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    })
}
