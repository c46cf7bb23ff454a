//! Every request that leaves the sandbox comes through here: it is refused, answered by the embedded S3 or from a
//! recording, or sent, and then recorded if that was asked for.

use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use f1_ingest_component::http::budget::{BUDGET_HEADER, Turn};
use f1_ingest_component::http::client::SOURCE_HEADER;
use f1_ingest_component::http::url::authority;
use f1_ingest_component::job::Job;
use f1_ingest_component::log::Log;
use f1_ingest_component::s3::bucket::EMBEDDED_STORE;
use f1_ingest_component::s3::credentials::EMBEDDED;
use f1_ingest_component::source::Source;
use http::header::{HeaderValue, RETRY_AFTER};
use http::uri::Authority;
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use crate::budget::Budget;
use crate::credentials::Endpoint;
use crate::f1tv::{Access, Told};
use crate::gates::Gates;
use crate::options::HostOptions;
use crate::pool::{Pool, internal};
use crate::profiles::Profiles;
use crate::progress::Progress;
use crate::proxies::Proxies;
use crate::recording::{Recorder, Recordings};
use crate::stop::{Stage, Stop, stopped};
use crate::store::EmbeddedS3;
use crate::trust::Peer;
use crate::variables::Variables;
use crate::witness::Witness;

/// Who may end a run, and who sees what it does.
#[derive(Clone, Default)]
pub struct Watch {
    pub stop: Stop,
    pub witness: Arc<Witness>,
    /// Whether the job was started at all.
    pub begun: Arc<AtomicBool>,
    /// What became of its token.
    pub told: Arc<Mutex<Told>>,
}

/// Where a run's requests may go, and what becomes of them.
pub struct Outbound {
    /// `host[:port]` of everything that the run may reach.
    allowed: Vec<String>,
    gates: Gates,
    /// `host[:port]` of the job's S3, whose answers are never recorded and never come from a recording.
    s3: String,
    store: Option<EmbeddedS3>,
    /// What answers at [`EMBEDDED`], if the run's credentials expire.
    credentials: Option<Endpoint>,
    /// What signs requests to livetiming in.
    access: Option<Access>,
    replay: Option<Recordings>,
    record: Option<Arc<Recorder>>,
    /// None in a replay.
    pub budget: Option<Budget>,
    /// For upstreams, and for the store.
    pool: Pool,
    s3_pool: Pool,
    pub progress: Progress,
    pub watch: Watch,
    log: Log,
    /// Hosts that were refused, so that each is logged once.
    refused: Mutex<HashSet<String>>,
}

impl Outbound {
    /// What the requests of `job` meet: the allow-list that the job's options imply, and the store and recordings
    /// that the host's options name. Fails if one of these folders cannot be used.
    pub async fn new(
        host: &HostOptions,
        variables: &Variables,
        job: &Job,
        credentials: Option<Endpoint>,
        access: Option<Access>,
        watch: Watch,
        log: Log,
    ) -> Result<Outbound> {
        let store = match host.store.as_deref() {
            Some(folder) => Some(EmbeddedS3::for_job(folder, variables, &job.bucket).await?),
            None => None,
        };
        let replay = (!host.replay.is_empty()).then(|| Recordings::open(&host.replay));
        // AWS may redirect to the bucket's own region.
        let s3 = authority(&job.bucket.url_in("*"));
        let redirected = job.asks_store().then(|| s3.clone());
        let budget = Budget::of(job).filter(|_| replay.is_none());
        Ok(Outbound {
            allowed: job.hosts().into_iter().chain(redirected).chain(host.allow.iter().cloned()).collect(),
            gates: Gates::of(job),
            s3,
            store,
            credentials,
            access,
            replay: replay.transpose()?,
            record: host.record.as_deref().map(Recorder::open).transpose()?,
            budget,
            pool: Pool::to_upstreams(Proxies::of_upstreams(host, &job.upstreams.livetiming.official)),
            s3_pool: Pool::to(Peer::aws(&Profiles::for_run(host)?)),
            progress: Progress::new(host.progress),
            watch,
            log,
            refused: Mutex::default(),
        })
    }

    /// Sends one of the job's requests, or answers it. The errors are those that WASI has for a guest;
    /// [`Error::HttpRequestDenied`] is a refusal.
    pub async fn answer(
        &self,
        mut request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let is_upstream = !covers(&self.s3, request.uri());
        let source = request.headers_mut().remove(SOURCE_HEADER);
        let source = source.as_ref().and_then(|source| Source::parse(source.to_str().ok()?));
        let transfer = self.progress.begin(source, request.method(), request.uri());
        let request = request.map(|body| transfer.counted(body));
        let Watch { stop, witness, .. } = &self.watch;
        let end = self.end_of(&request, is_upstream);
        if stop.is(end) {
            drain(request);
            return Err(stopped());
        }
        let noted = (!is_upstream).then(|| witness.asked(&request));
        let response = tokio::select! {
            response = self.routed(request, options, is_upstream) => response?,
            () = stop.reached(end) => return Err(stopped()),
        };
        if let Some(noted) = noted {
            witness.answered(noted, &response);
        }
        Ok(response.map(|body| {
            let body = transfer.counted(body);
            if is_upstream { stop.cuts(body).boxed_unsync() } else { body }
        }))
    }

    /// The stage of a stop that ends a request. One that begins in it is refused, but for what makes a mess less: a
    /// look at the store, and the end of an upload.
    fn end_of<B>(&self, request: &Request<B>, is_upstream: bool) -> Stage {
        let is_abort = *request.method() == Method::DELETE;
        let is_look = matches!(*request.method(), Method::GET | Method::HEAD);
        let is_key = request.uri().authority().is_some_and(|host| host == EMBEDDED);
        match is_upstream {
            _ if is_key => Stage::Over,
            true => Stage::Stopping,
            false if is_abort || is_look => Stage::Over,
            false if self.watch.stop.is(Stage::Stopping) => Stage::Stopping,
            false => Stage::Ending,
        }
    }

    async fn routed(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
        is_upstream: bool,
    ) -> Result<Response<WasiBody>, Error> {
        let authority = request.uri().authority().ok_or(Error::HttpRequestUriInvalid)?.clone();
        if let Some(store) = &self.store
            && authority == EMBEDDED_STORE
        {
            self.watch.witness.sent();
            return store.call(request).await;
        }
        if let Some(credentials) = &self.credentials
            && authority == EMBEDDED
        {
            return credentials.answer().await;
        }
        let is_allowed = self.allowed.iter().any(|allowed| covers(allowed, request.uri()));
        if !is_allowed && !self.gates.lets_through(request.method(), request.uri()) {
            self.refuse(request, &authority);
            return Err(Error::HttpRequestDenied);
        }
        if is_upstream && let Some(refusal) = self.out_of_budget(request.uri()).await {
            drain(request);
            return Ok(refusal);
        }
        self.watch.witness.sent();
        let uri = request.uri().clone();
        let url = uri.to_string();
        if let Some(recordings) = self.replay.as_ref().filter(|_| is_upstream) {
            let answer = recordings.answer(&url).map_err(|error| internal(format!("{error:#}")))?;
            self.gates.answered(&uri, &answer);
            return Ok(answer.map(|body| body.map_err(internal).boxed_unsync()));
        }
        let is_document = request.method() == Method::GET && !request.headers().contains_key("range");
        let pool = if is_upstream { &self.pool } else { &self.s3_pool };
        let send = |request| pool.send(request, options);
        let mut response = match self.access.as_ref().filter(|_| is_upstream) {
            Some(access) => access.sent(request, send).await?,
            None => send(request).await?,
        };
        response.headers_mut().remove(BUDGET_HEADER);
        self.gates.answered(&uri, &response);
        let recorder = self.record.as_ref().filter(|_| is_upstream && is_document);
        let Some(recorder) = recorder else { return Ok(response.map(BodyExt::boxed_unsync)) };
        let take = recorder
            .start(&url, response.status(), response.headers())
            .map_err(|error| internal(format!("{error:#}")))?;
        Ok(response.map(|body| take.of(body).boxed_unsync()))
    }

    /// Waits for the turn of a request to an upstream; or says when the next one's is, if that is not soon.
    async fn out_of_budget(&self, url: &Uri) -> Option<Response<WasiBody>> {
        let budget = self.budget.as_ref().filter(|budget| budget.counts(url))?;
        let wait = match budget.take(|why| self.progress.aside(|| self.log.warn(why))).await {
            Turn::After(wait) => {
                tokio::time::sleep(wait).await;
                return None;
            }
            Turn::UsedUp(wait) => wait,
        };
        let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        response.headers_mut().insert(RETRY_AFTER, (wait.as_secs() + 1).into());
        response.headers_mut().insert(BUDGET_HEADER, HeaderValue::from_static("used-up"));
        Some(response)
    }

    /// Logs a refusal, once for each host, and reads the body to its end: otherwise an uploading guest would see a
    /// closed stream instead of the refusal.
    fn refuse(&self, request: Request<WasiBody>, host: &Authority) {
        let is_new = self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_string());
        if is_new {
            let why =
                format!("refused to reach {host}: this run does not need it; --allow {host} permits it");
            self.progress.aside(|| self.log.warn(&why));
        }
        drain(request);
    }
}

/// Reads a body that nobody wants to its end.
fn drain(request: Request<WasiBody>) {
    let mut body = request.into_body();
    tokio::spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
}

/// Whether `allowed`, a `host` or `host:port`, covers a URL. Without a port it stands for the scheme's default port;
/// `*` in place of a label stands for any one label.
fn covers(allowed: &str, url: &Uri) -> bool {
    let Ok(allowed) = allowed.parse::<Authority>() else { return false };
    let default = match url.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let same_host = |host: &str| {
        let (labels, allowed) = (host.split('.'), allowed.host().split('.'));
        labels.clone().count() == allowed.clone().count()
            && labels
                .zip(allowed)
                .all(|(label, allowed)| allowed == "*" || label.eq_ignore_ascii_case(allowed))
    };
    url.host().is_some_and(same_host)
        && url.port_u16().unwrap_or(default) == allowed.port_u16().unwrap_or(default)
}

/// What wasmtime calls for each request of a guest.
#[derive(Clone)]
pub struct Hooks(pub Arc<Outbound>);

type Sent = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let outbound = self.0.clone();
        Box::new(async move {
            let response = outbound.answer(request, options.unwrap_or_default()).await?;
            Ok((response, Box::new(async { Ok(()) }) as Box<_>))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_allowed_at_the_port_that_was_named() {
        let covers = |allowed: &str, url: &str| covers(allowed, &url.parse().unwrap());
        assert!(covers("api.example", "https://api.example/x"));
        assert!(covers("api.example", "http://API.example/x"));
        assert!(covers("api.example:443", "https://api.example/x"));
        assert!(covers("127.0.0.1:9000", "http://127.0.0.1:9000/x"));
        assert!(covers("[::1]:9000", "http://[::1]:9000/x"));
        assert!(covers("lake.s3.*.amazonaws.com", "https://lake.s3.eu-west-1.amazonaws.com/x"));
        assert!(!covers("lake.s3.*.amazonaws.com", "https://lake.s3.a.b.amazonaws.com/x"));
        assert!(!covers("lake.s3.*.amazonaws.com", "https://other.s3.eu-west-1.amazonaws.com/x"));
        assert!(!covers("api.example", "https://api.example:8443/x"));
        assert!(!covers("api.example:443", "http://api.example/x"));
        assert!(!covers("api.example", "https://api.example.evil/x"));
        assert!(!covers("api.example", "https://evil-api.example/x"));
        assert!(!covers("api.example", "https://api.example@evil.example/x"));
        assert!(!covers("", "https://api.example/"));
    }
}
