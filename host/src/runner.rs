//! One run of the job in its sandbox, from arguments to an outcome, and its end from outside.
//!
//! The run is on a thread of its own. The one that called for it keeps the time, hears signals and tells the observers,
//! and goes on if the run's thread waits for something that has no end: a lock, a pipe, a program.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, anyhow};
use f1_ingest_component::error::Error;
use f1_ingest_component::job::Job;
use f1_ingest_component::log::{Format, Log};
use f1_ingest_component::report::Report;
use tokio::sync::oneshot::{self, Receiver};
use wasmtime::Store;

use crate::bindings::{self, TypedPre, job::Request};
use crate::credentials;
use crate::f1tv::Access;
use crate::observe::Observers;
use crate::options::HostOptions;
use crate::outbound::{Outbound, Watch};
use crate::outcome::{Outcome, exit_code};
use crate::random;
use crate::sandbox::{Guest, MockFile, Overdue, Sandbox};
use crate::signals::Signals;
use crate::stdio;
use crate::stop::{Cause, Stage};
use crate::variables::Variables;

/// How long it may take to drop a run.
const DROPPED: Duration = Duration::from_millis(100);

/// How long observers may take after the time of a run is over.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// The component, compiled once, for any number of runs.
pub struct Runner {
    pub host: HostOptions,
    room: Arc<Room>,
    observers: Arc<Observers>,
}

/// What ends a run from outside: `--timeout`, and, if they are heeded, signals.
#[derive(Clone, Copy)]
pub struct Limit {
    pub began: Instant,
    pub heeds_signals: bool,
}

impl Limit {
    /// `--timeout` from now on; signals do what they do anyway.
    pub fn from_now() -> Limit {
        Limit { began: Instant::now(), heeds_signals: false }
    }
}

/// How a run went: why it was ended from outside, if it was, and what it returned, if it did.
type Ended = (Option<Cause>, Option<Result<(u8, Report)>>);

impl Runner {
    /// Compiles the component that `host` names. Fails, as wrong usage, if it is not one that a sandbox can run.
    pub fn new(host: HostOptions, overdue: Overdue, observers: Observers) -> Result<Runner> {
        let sandbox = Sandbox::new(&host, overdue)?;
        let component = TypedPre::new(sandbox.component.clone())
            .map_err(|_| Error::usage("the component does not export f1:ingest/job"))?;
        let room = Arc::new(Room { host: host.clone(), sandbox, component });
        Ok(Runner { host, room, observers: Arc::new(observers) })
    }

    /// Runs `job`, which these arguments and variables ask for, in a sandbox of its own, and waits until it has
    /// ended or `limit` has ended it. Whatever becomes of the run is in the outcome; this fails only if there is no
    /// thread for it. The job itself logs what it fails at; what ends it from outside is logged here.
    pub fn ingest(
        &self,
        arguments: Vec<String>,
        variables: Variables,
        job: Job,
        limit: Limit,
    ) -> Result<Outcome> {
        let (log, is_dry) = (Log::new(job.log_format, random::hex_of(16)), job.dry_run);
        let (started, clock) = (SystemTime::now(), Instant::now());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let watch = Watch::default();
        let deadline = limit.began + self.host.timeout;
        let mut signals = Signals::new(limit.heeds_signals, &runtime);
        let run = self.room.begin(arguments, variables, job, watch.clone(), log.clone())?;
        let (cause, result) = runtime.block_on(async {
            let ended = self.ended(run, &watch, deadline, &mut signals);
            let begun = async {
                tokio::select! {
                    () = self.observers.begun(is_dry, &log) => {}
                    () = watch.stop.reached(Stage::Over) => {}
                }
            };
            tokio::join!(ended, begun).0
        });
        let (exit_code, mut report, why) = verdict(cause, result, &watch);
        let token = watch.told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        report.warnings.extend(token.warnings);
        let why = why.map(Arc::new);
        if let Some(why) = why.clone() {
            let log = log.clone();
            stdio::aside(move || log.error(&format!("{why:#}")));
        }
        let run_id = log.run_id.clone();
        let begun = watch.begun.load(Ordering::Relaxed);
        let (took, changes) = (clock.elapsed(), Vec::new());
        let outcome = Outcome {
            run_id,
            is_dry,
            begun,
            started,
            took,
            exit_code,
            report,
            changes,
            token_ends: token.ends,
            why,
        };
        runtime.block_on(async {
            let told = self.tell(outcome.clone(), log);
            tokio::select! {
                _ = told => {}
                () = tokio::time::sleep_until((deadline.max(Instant::now()) + LAST_WORDS).into()) => {}
                _ = signals.next() => {}
            }
        });
        runtime.shutdown_background();
        Ok(outcome)
    }

    /// Makes a run of another kind, and tells the observers of it as of any other.
    pub fn observed(&self, log: &Log, run: impl FnOnce() -> Result<Outcome>) -> Result<Outcome> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.observers.begun(false, log));
        let outcome = run()?;
        runtime.block_on(self.observers.ended(&outcome, log));
        Ok(outcome)
    }

    /// A run that did not even begin: logged and told to the observers like any other.
    pub async fn not_begun(&self, error: anyhow::Error, format: Format) -> Outcome {
        let log = Log::new(format, String::new());
        log.error(&format!("the run could not begin: {error:#}"));
        let outcome = Outcome::not_begun(error);
        self.observers.ended(&outcome, &log).await;
        outcome
    }

    /// Waits for the end of a run, and brings it about in order when its time is over.
    async fn ended(
        &self,
        mut run: Receiver<Result<(u8, Report)>>,
        watch: &Watch,
        deadline: Instant,
        signals: &mut Signals,
    ) -> Ended {
        let died = |_| Err(anyhow!("the run's thread died"));
        let cause = tokio::select! {
            biased;
            result = &mut run => return (None, Some(result.unwrap_or_else(died))),
            cause = signals.next() => cause,
            () = tokio::time::sleep_until(deadline.into()) => Cause::Timeout(self.host.timeout),
        };
        let (ending, over) = cause.pauses();
        let steps = async {
            watch.stop.to(Stage::Stopping);
            tokio::time::sleep(ending).await;
            watch.stop.to(Stage::Ending);
            tokio::time::sleep(over - ending).await;
        };
        let result = tokio::select! {
            result = &mut run => Some(result.unwrap_or_else(died)),
            () = steps => None,
            _ = signals.next() => None,
        };
        watch.stop.to(Stage::Over);
        if result.is_none() {
            // What it began ends with it, if it is not stuck.
            let _ = tokio::time::timeout(DROPPED, &mut run).await;
        }
        (Some(cause), result)
    }

    /// Tells the observers on a thread of its own: a file may be a pipe that nobody reads.
    fn tell(&self, outcome: Outcome, log: Log) -> Receiver<()> {
        let (done, told) = oneshot::channel();
        if self.observers.are_none() {
            return told;
        }
        let observers = self.observers.clone();
        std::thread::spawn(move || {
            if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
                runtime.block_on(observers.ended(&outcome, &log));
            }
            // The caller may have lost patience.
            let _ = done.send(());
        });
        told
    }
}

/// Exit code, report, and why the report is not the job's own or not all of it.
fn verdict(
    cause: Option<Cause>,
    result: Option<Result<(u8, Report)>>,
    watch: &Watch,
) -> (u8, Report, Option<anyhow::Error>) {
    // 2 says that nothing was sent.
    let told = |code: u8| if code == 2 && watch.witness.has_sent() { 1 } else { code };
    match (cause, result) {
        (None, Some(Ok((code, report)))) => (told(code), report, None),
        // It was done just in time.
        (Some(_), Some(Ok((code, report)))) if report.failed.is_empty() && !report.stored.is_empty() => {
            (code, report, None)
        }
        (Some(cause), Some(Ok((_, report)))) => (cause.exit_code(), report, Some(cause.why())),
        (Some(cause), _) => (cause.exit_code(), watch.witness.report(), Some(cause.why())),
        (None, result) => {
            let why = result.and_then(Result::err).unwrap_or_else(|| anyhow!("the run has no end"));
            (told(exit_code(&why)), watch.witness.report(), Some(why))
        }
    }
}

/// What all runs need, on their own threads.
struct Room {
    host: HostOptions,
    sandbox: Sandbox,
    component: TypedPre<Guest>,
}

impl Room {
    /// Begins a run on a thread of its own.
    fn begin(
        self: &Arc<Room>,
        arguments: Vec<String>,
        variables: Variables,
        job: Job,
        watch: Watch,
        log: Log,
    ) -> Result<Receiver<Result<(u8, Report)>>> {
        // The guest runs on this thread, its requests on the other one.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (done, run) = oneshot::channel();
        let room = self.clone();
        std::thread::Builder::new().name("run".to_owned()).spawn(move || {
            // To drop a guest takes time, which nobody has to wait for.
            let mut guest = None;
            let result = runtime.block_on(async {
                tokio::select! {
                    result = room.sandboxed(arguments, &variables, &job, &watch, &log, &mut guest) => result,
                    () = watch.stop.reached(Stage::Over) => Err(anyhow!("the run was dropped")),
                }
            });
            // Nobody waits any more for a run that was dropped.
            let _ = done.send(result);
            runtime.shutdown_background();
        })?;
        Ok(run)
    }

    async fn sandboxed(
        &self,
        arguments: Vec<String>,
        variables: &Variables,
        job: &Job,
        watch: &Watch,
        log: &Log,
        room_for: &mut Option<Store<Guest>>,
    ) -> Result<(u8, Report)> {
        let profile = self.host.profile.as_deref();
        let file = job.mock_file.as_deref().map(MockFile::new).transpose()?;
        let (variables, endpoint) = credentials::complete(profile, variables, job).await?;
        let is_replay = !self.host.replay.is_empty();
        let (variables, access) = Access::of_run(is_replay, variables, job, watch.told.clone(), log).await;
        let (watching, log_of_it) = (watch.clone(), log.clone());
        let outbound =
            Outbound::new(&self.host, &variables, job, endpoint, access, watching, log_of_it).await?;
        let progress = outbound.progress.clone();
        let guest = room_for.insert(self.sandbox.guest(&variables, file.as_ref(), Arc::new(outbound))?);
        let request = Request { arguments, run_id: Some(log.run_id.clone()), names_sources: true };
        watch.begun.store(true, Ordering::Relaxed);
        let report = self
            .sandbox
            .limited(guest, async |guest| {
                let component = self.component.instantiate_async(&mut *guest).await?;
                component.f1_ingest_job().call_ingest(guest, &request).await
            })
            .await;
        progress.end();
        report.map(bindings::report)
    }
}
