//! The HTTP client of the whole job.

use std::cell::{Cell, RefCell};

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderValue, RANGE, USER_AGENT};
use http::{Method, StatusCode, Uri};

use crate::error::{Error, Kind, Result};
use crate::http::body::{Incoming, Sink, beginning, missing_bytes};
use crate::http::budget::{Budget, Hourly, Turn};
use crate::http::failure::{Failed, Whose, network, not_sent, refused, unreachable, used_up};
use crate::http::reach::{Hope, Reach};
use crate::http::redirect::redirect;
use crate::http::retry::{Again, LONGEST_WAIT, RETRIES, backoff};
use crate::http::transport::{Chunks, Clock, Request, Response, SendError, Transport};
use crate::http::url::{Shown, authority};
use crate::log::{Field, Log};

const REDIRECTS: usize = 5;

/// Names the source that a request is for, if the host asks for it; the host takes it off the request.
pub const SOURCE_HEADER: &str = "f1-ingest-source";

/// How a run talks to the world.
#[derive(Debug)]
pub struct Config {
    pub user_agent: HeaderValue,
    /// `host[:port]` of everything that the run may reach.
    pub hosts: Vec<String>,
    /// URLs that may redirect to any other host.
    pub gates: Vec<Uri>,
    /// Requests a second to each upstream host; 0 is no limit.
    pub requests_per_second: usize,
    pub hourly: Hourly,
    /// Whether requests have a [`SOURCE_HEADER`].
    pub names_sources: bool,
    pub log: Log,
}

/// Sends requests for one run.
pub struct Client<R> {
    pub runtime: R,
    pub log: Log,
    user_agent: HeaderValue,
    hosts: Vec<String>,
    gates: Vec<Uri>,
    budget: RefCell<Budget>,
    reach: RefCell<Reach>,
    names_sources: bool,
    /// The source that is worked at.
    source: Cell<&'static str>,
}

impl<R: Transport + Clock> Client<R> {
    pub fn new(runtime: R, config: Config) -> Self {
        let Config { user_agent, hosts, gates, requests_per_second, hourly, names_sources, log } = config;
        let budget = RefCell::new(Budget::new(requests_per_second, hourly));
        let (reach, source) = Default::default();
        Client { runtime, log, user_agent, hosts, gates, budget, reach, names_sources, source }
    }

    /// What comes next is for this source.
    pub fn work_at(&self, source: &'static str) {
        self.source.set(source);
    }

    /// The source that is worked at, for a log line.
    fn working_at(&self) -> Option<Field> {
        let source = self.source.get();
        (!source.is_empty()).then(|| ("source", source.into()))
    }

    /// GETs a document of an upstream: retried, within the budget, redirects followed, gzip decoded.
    ///
    /// Every status but 2xx is an error that says what to do. `bearer` goes to the URL itself, and nowhere that it
    /// redirects to.
    pub async fn get(&self, url: &Uri, bearer: Option<&str>) -> Result<Response> {
        self.get_from(url, bearer).await.map(|(_, response)| response)
    }

    /// As [`Client::get`]; gives the URL that it came from, too, redirects followed.
    pub async fn get_from(&self, url: &Uri, bearer: Option<&str>) -> Result<(Uri, Response)> {
        let mut body = Vec::new();
        let (target, Response { status, headers, .. }) = self.read(url, bearer, &mut body).await?;
        Ok((target, Response { status, headers, body }))
    }

    /// As [`Client::get_from`], but hands each chunk to `sink` as it comes. What breaks off is begun anew.
    pub async fn read(
        &self,
        url: &Uri,
        bearer: Option<&str>,
        sink: &mut dyn Sink,
    ) -> Result<(Uri, Response<()>)> {
        self.retry(async || {
            sink.begin();
            let (target, response) = self.open(url, bearer, &HeaderMap::new()).await?;
            let (status, headers) = (response.status, response.headers.clone());
            let mut incoming = Incoming::new(target.clone(), response)?;
            while let Some(chunk) = incoming.next().await? {
                sink.push(&chunk);
            }
            if !incoming.has_known_end() && sink.is_cut() {
                return Err(incoming.cut());
            }
            Ok((target, Response { status, headers, body: () }))
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
            let bearer = bearer.filter(|_| target == *url);
            self.wait_for_budget(&target).await?;
            let mut request = get_request(&target, bearer)?;
            request.headers.extend(headers.clone());
            self.introduce(&mut request);
            let mut response = self.reached(&target, self.runtime.open(&request)).await?;
            if response.status == StatusCode::PARTIAL_CONTENT && !request.headers.contains_key(RANGE) {
                return Err(network(&target, "sent a part of it (HTTP 206), which was not asked for"));
            }
            if response.status.is_success() {
                return Ok((target, response));
            }
            let body = beginning(&mut response).await;
            match redirect(&response, &target)? {
                None => return Err(refused(&response, &body, &target, self.runtime.now())),
                Some(next) if self.may_go_on(&target, &next) => target = next,
                Some(next) => {
                    let message = format!(
                        "{} redirects to {}, a host that this run may not reach",
                        Shown(&target),
                        Shown(&next)
                    );
                    return Err(Error::new(Kind::Denied, message).into());
                }
            }
        }
        let message = format!("{} redirects more than {REDIRECTS} times; check the URL", Shown(url));
        Err(Error::new(Kind::Unavailable, message).into())
    }

    /// Whether a redirect leads to where this run may go.
    fn may_go_on(&self, from: &Uri, to: &Uri) -> bool {
        self.gates.contains(from) || self.hosts.contains(&authority(to))
    }

    /// Runs `attempt` until it succeeds, it says that trying again is no use, or the attempts are used up. What goes wrong
    /// again in the same way is not said again.
    pub async fn retry<T>(
        &self,
        mut attempt: impl AsyncFnMut() -> std::result::Result<T, Failed>,
    ) -> Result<T> {
        let mut retries = 0;
        let mut said = None;
        loop {
            let Failed { error, again } = match attempt().await {
                Ok(value) => return Ok(value),
                Err(failed) => failed,
            };
            let wait = match again {
                Again::Backoff | Again::Silently => backoff(retries, self.runtime.random()),
                Again::After(wait) if wait <= LONGEST_WAIT => wait,
                Again::After(_) | Again::Never => return Err(error),
            };
            if retries == RETRIES {
                return Err(error);
            }
            retries += 1;
            if again != Again::Silently && said.as_ref() != Some(&error) {
                let seconds = wait.as_secs_f32();
                let log = self.log.with(error.fields().chain(self.working_at()));
                let log = log.with([("attempt", retries.into())]);
                log.warn(&format!("{error}; retry {retries} of {RETRIES} in {seconds:.1} s"));
            }
            said = Some(error);
            self.runtime.sleep(wait).await;
        }
    }

    /// Sends one request. An error of the network may be tried again; a response has its whole body.
    pub async fn send(&self, request: &Request<'_>) -> std::result::Result<Response, Failed> {
        let mut request = request.clone();
        self.introduce(&mut request);
        let response = self.reached(&request.url, self.runtime.send(&request)).await?;
        match missing_bytes(&response, &request.method) {
            Some(missing) => Err(network(
                &request.url,
                &format!("the response was cut short, {missing} bytes are missing"),
            )),
            None => Ok(response),
        }
    }

    /// Whether the host of a URL has answered anything in this run.
    pub fn has_answered(&self, url: &Uri) -> bool {
        self.reach.borrow().has_answered(&authority(url))
    }

    /// Fails if the host of a URL turned out to be dead.
    pub fn is_alive(&self, url: &Uri) -> Result<()> {
        match self.reach.borrow().why_dead(&authority(url)) {
            None => Ok(()),
            Some(why) => Err(unreachable(url, why, Hope::No(why.to_owned())).error),
        }
    }

    /// Sends a request unless its host is dead, and notes whether the host is reached.
    async fn reached<T>(
        &self,
        url: &Uri,
        sent: impl Future<Output = std::result::Result<T, SendError>>,
    ) -> std::result::Result<T, Failed> {
        self.is_alive(url)?;
        let (host, began) = (authority(url), self.runtime.uptime());
        let answer = sent.await;
        let now = self.runtime.uptime();
        match answer {
            Ok(answer) => {
                if let Some(since) = self.reach.borrow_mut().answered(&host) {
                    let seconds = now.saturating_sub(since).as_secs_f32();
                    self.log.warn(&format!("{host} could not be reached for {seconds:.1} s"));
                }
                Ok(answer)
            }
            Err(SendError::Unreachable(why)) => {
                let hope = self.reach.borrow_mut().unreachable(&host, &why, began, now);
                Err(unreachable(url, &why, hope))
            }
            Err(error) => Err(not_sent(url, error)),
        }
    }

    /// Says who sends a request.
    fn introduce(&self, request: &mut Request<'_>) {
        request.headers.insert(USER_AGENT, self.user_agent.clone());
        if self.names_sources {
            request.headers.insert(SOURCE_HEADER, HeaderValue::from_static(self.source.get()));
        }
    }

    async fn wait_for_budget(&self, url: &Uri) -> Result<()> {
        let turn = self.budget.borrow_mut().take(&authority(url), self.runtime.uptime());
        match turn {
            Turn::After(wait) if wait.is_zero() => {}
            Turn::After(wait) => self.runtime.sleep(wait).await,
            Turn::UsedUp(wait) => return Err(used_up(url, Whose::Run, wait, self.runtime.now())),
        }
        Ok(())
    }
}

fn get_request(url: &Uri, bearer: Option<&str>) -> Result<Request<'static>> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    if let Some(token) = bearer {
        let mut value = HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| {
            Error::new(Kind::SignIn, "the sign-in token has characters that no header can carry")
        })?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(Request { method: Method::GET, url: url.clone(), headers, body: None })
}
