//! What `f1-ingest serve` answers: `POST /ingest` with one run at a time, `GET /healthz`, `GET /metrics`.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use f1_ingest_component::incoming_handler::{self, Call, LONGEST_BODY};
use f1_ingest_component::log::{Format, Log};
use f1_ingest_component::options::Command;
use http::header::{AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::sync::OwnedMutexGuard;
use tokio::task::JoinHandle;

use crate::backfill::Planning;
use crate::backfill::line::BackfillLine;
use crate::command_line::take;
use crate::metrics::Page;
use crate::outcome::{Outcome, exit_code, seconds};
use crate::prepare::prepare;
use crate::random;
use crate::runner::{Limit, Runner};
use crate::signals::Ending;
use crate::stop::Cause;
use crate::variables::environment;

/// How long a caller may take to send its request's body.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the job for any number of callers, one run at a time.
pub struct Service {
    runner: Runner,
    /// The job's arguments of every run; those of a request come after them.
    arguments: Vec<String>,
    /// What is done by the clock, if it is not one run: a backfill with these options.
    backfill: Option<Vec<String>>,
    /// Ends the backfill that is under way.
    ending: Ending,
    /// How a line looks that is of no run.
    log_format: Format,
    /// A secret that callers have to know.
    token: Option<String>,
    /// Held by the run that is under way.
    turn: Arc<tokio::sync::Mutex<()>>,
    stopping: AtomicBool,
    tally: Mutex<Tally>,
}

/// What `/metrics` tells of the runs so far.
#[derive(Default)]
struct Tally {
    running_since: Option<SystemTime>,
    /// How many there were, by exit code.
    runs: BTreeMap<u8, u64>,
    last: Option<Arc<Outcome>>,
    last_success: Option<SystemTime>,
}

/// Who wants a run.
enum Called {
    ByTheClock,
    /// A caller, with these options beside the service's own.
    With(Vec<String>),
}

impl Called {
    fn is_as_configured(&self) -> bool {
        match self {
            Called::ByTheClock => true,
            Called::With(arguments) => arguments.is_empty(),
        }
    }
}

/// The right to run, until dropped.
type Turn = OwnedMutexGuard<()>;

impl Service {
    /// `arguments` are the job's; callers need `token`, if there is one.
    pub fn new(
        runner: Runner,
        arguments: Vec<String>,
        backfill: Option<Vec<String>>,
        log_format: Format,
        token: Option<String>,
    ) -> Arc<Service> {
        Arc::new(Service {
            runner,
            arguments,
            backfill,
            ending: Ending::default(),
            log_format,
            token,
            turn: Default::default(),
            stopping: AtomicBool::new(false),
            tally: Default::default(),
        })
    }

    /// Lets no new run begin, and waits for the one that is under way: at most as long as its `--timeout`.
    pub async fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.ending.end(Cause::Terminated);
        drop(self.turn.lock().await);
    }

    /// Runs the job as soon as no other run is under way, and tells what became of it. None if the service is to stop.
    pub async fn run_in_turn(self: &Arc<Self>) -> Option<Arc<Outcome>> {
        let turn = self.turn.clone().lock_owned().await;
        if self.is_stopping() {
            return None;
        }
        self.start(turn, Called::ByTheClock).await.ok()
    }

    /// Answers an HTTP request; one that is wrong gets an answer that says so.
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>> {
        let (head, body) = request.into_parts();
        let method = head.method.as_str();
        let path = head.uri.path();
        if self.is_stopping() {
            return refusal(503, "the service is about to stop");
        }
        let is_health = matches!(incoming_handler::call(method, path, b""), Call::Health);
        let authorization = head.headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
        if !is_health && !incoming_handler::permitted(self.token.as_deref(), authorization) {
            let mut response = refusal(401, incoming_handler::UNAUTHORIZED)?;
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            return Ok(response);
        }
        if path == "/metrics" && matches!(head.method, Method::GET | Method::HEAD) {
            return response(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", self.metrics());
        }
        if self.token.is_none() && !body.is_end_stream() && !is_json(&head.headers) {
            return refusal(415, "a body has to be JSON, and say so: Content-Type: application/json");
        }
        let body = match tokio::time::timeout(PATIENCE, Limited::new(body, LONGEST_BODY).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => {
                return refusal(400, &format!("the body broke off, or is longer than {LONGEST_BODY} bytes"));
            }
            Err(_) => return refusal(408, "the body took too long"),
        };
        let asked = head.uri.path_and_query().map_or(path, |asked| asked.as_str());
        match incoming_handler::call(method, asked, &body) {
            Call::Health => json_response(200, &incoming_handler::health()),
            Call::Refused(status, why) => refusal(status, &why),
            Call::Ingest(arguments) => match self.turn.clone().try_lock_owned() {
                Err(_) => json_response(409, &self.busy()),
                Ok(turn) => {
                    let outcome = self.start(turn, Called::With(arguments)).await?;
                    json_response(incoming_handler::status(outcome.exit_code()), &outcome.to_json())
                }
            },
        }
    }

    /// Begins a run. It goes on to its end whether or not anybody waits for it.
    fn start(self: &Arc<Self>, turn: Turn, called: Called) -> JoinHandle<Arc<Outcome>> {
        let service = self.clone();
        tokio::spawn(async move {
            service.tally().running_since = Some(SystemTime::now());
            let is_as_configured = called.is_as_configured();
            let outcome = match service.clone().on_a_thread(called).await {
                Ok(outcome) => outcome,
                // What a caller got wrong is the caller's to hear.
                Err(error) if !is_as_configured && exit_code(&error) == 2 => Outcome::not_begun(error),
                Err(error) => service.runner.not_begun(error, service.log_format).await,
            };
            let outcome = Arc::new(outcome);
            let mut tally = service.tally();
            tally.running_since = None;
            *tally.runs.entry(outcome.exit_code()).or_default() += 1;
            if outcome.is_success() {
                tally.last_success = Some(outcome.started + outcome.took);
            }
            tally.last = Some(outcome.clone());
            drop((tally, turn));
            outcome
        })
    }

    /// Runs the job on a thread of its own, so that its computing keeps no request waiting. Fails if it did not begin.
    async fn on_a_thread(self: Arc<Self>, called: Called) -> Result<Outcome> {
        let (ended, waiting) = tokio::sync::oneshot::channel();
        let run = move || {
            let outcome = match (&self.backfill, called) {
                (Some(options), Called::ByTheClock) => self.fill([&self.arguments[..], options].concat()),
                (None, Called::ByTheClock) => self.run(self.arguments.clone()),
                (_, Called::With(arguments)) => self.run([&self.arguments[..], &arguments].concat()),
            };
            drop(ended.send(outcome))
        };
        std::thread::Builder::new().spawn(run).context("the run has no thread")?;
        waiting.await.context("the run's thread died")?
    }

    /// The environment is read anew for each run.
    fn run(&self, arguments: Vec<String>) -> Result<Outcome> {
        let limit = Limit::from_now();
        match prepare(&self.runner.host, &arguments, environment())? {
            (variables, Command::Ingest(job)) => self.runner.ingest(arguments, variables, *job, limit),
            _ => Err(anyhow!("no run was asked for")),
        }
    }

    /// As [`Service::run`], a whole backfill.
    fn fill(&self, arguments: Vec<String>) -> Result<Outcome> {
        let (line, arguments) = take::<BackfillLine>(arguments)?;
        let line = BackfillLine { host: self.runner.host.clone(), ..line };
        let log = Log::new(self.log_format, random::hex_of(16));
        let (variables, _) = prepare(&line.host, &arguments, environment())?;
        let planning = Planning::new(line, arguments, variables, self.ending.clone(), log.clone())?;
        self.runner.observed(&log, || planning.carried_out())
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn busy(&self) -> Value {
        json!({
            "error": "a run is under way; ask again when it is done",
            "running_since": self.tally().running_since.map(|since| seconds(since) as u64),
        })
    }

    fn metrics(&self) -> String {
        let tally = self.tally();
        let mut page = Page::default();
        page.build_info();
        let running = if tally.running_since.is_some() { 1.0 } else { 0.0 };
        page.family("running", "gauge", "Whether a run is under way.", [(vec![], running)]);
        let runs =
            tally.runs.iter().map(|(code, runs)| (vec![("exit_code", code.to_string())], *runs as f64));
        page.family("runs_total", "counter", "Runs since the service started, by exit code.", runs);
        if let Some(outcome) = &tally.last {
            page.last_run(outcome);
        }
        if let Some(success) = tally.last_success {
            page.last_success(seconds(success));
        }
        page.text()
    }
}

/// Whether a body is JSON, as its headers say or do not deny: a page can say so only if it asked before.
fn is_json(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_TYPE).iter().all(|kind| {
        let kind = kind.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
        kind.trim().eq_ignore_ascii_case("application/json")
    })
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Result<Response<Full<Bytes>>> {
    Ok(Response::builder().status(status).header(CONTENT_TYPE, kind).body(Full::from(body))?)
}

fn json_response(status: u16, body: &Value) -> Result<Response<Full<Bytes>>> {
    response(StatusCode::from_u16(status)?, "application/json", body.to_string())
}

fn refusal(status: u16, why: &str) -> Result<Response<Full<Bytes>>> {
    json_response(status, &json!({"error": why}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_json_unless_it_says_something_else() {
        let is_json = |kinds: &[&'static str]| {
            let kinds = kinds.iter().map(|kind| (CONTENT_TYPE, HeaderValue::from_static(kind)));
            super::is_json(&kinds.collect())
        };
        assert!(
            is_json(&[]) && is_json(&["Application/JSON"]) && is_json(&["application/json; charset=utf-8"])
        );
        for other in ["text/plain", "", "application/x-www-form-urlencoded", "text/plain; application/json"] {
            assert!(!is_json(&[other]), "{other}");
        }
        assert!(!is_json(&["application/json", "text/plain"]));
    }
}
