//! One run of the job in its sandbox, from arguments to an outcome.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use anyhow::Result;
use f1_ingest_component::error::Error;
use f1_ingest_component::job::Job;
use f1_ingest_component::log::{Format, Log};

use crate::bindings::{self, TypedPre, job::Report, job::Request};
use crate::credentials;
use crate::observe::Observers;
use crate::options::HostOptions;
use crate::outbound::Outbound;
use crate::outcome::Outcome;
use crate::random;
use crate::sandbox::{Guest, MockFile, Sandbox};
use crate::variables::Variables;

/// The component, compiled once, for any number of runs.
pub struct Runner {
    pub host: HostOptions,
    sandbox: Sandbox,
    component: TypedPre<Guest>,
    observers: Observers,
}

impl Runner {
    /// Compiles the component that `host` names. Fails, as wrong usage, if it is not one that a sandbox can run.
    pub fn new(host: HostOptions, observers: Observers) -> Result<Runner> {
        let sandbox = Sandbox::new(&host)?;
        let component = TypedPre::new(sandbox.component.clone())
            .map_err(|_| Error::usage("the component does not export f1:ingest/job"))?;
        Ok(Runner { host, sandbox, component, observers })
    }

    /// Runs `job`, which these arguments and variables ask for, in a sandbox of its own, and waits until it has
    /// ended. Whatever becomes of the run is in the outcome; this fails only if there is no thread for it.
    pub fn ingest(&self, arguments: Vec<String>, variables: &Variables, job: &Job) -> Result<Outcome> {
        // The guest runs on this thread, its requests on the other one.
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(runtime.block_on(self.observed(arguments, variables, job)))
    }

    /// A run that did not even begin: logged and told to the observers like any other.
    pub async fn not_begun(&self, error: anyhow::Error, format: Format) -> Outcome {
        let log = Log { format, run_id: String::new() };
        log.error(&format!("the run could not begin: {error:#}"));
        let outcome = Outcome::not_begun(error);
        self.observers.ended(&outcome, &log).await;
        outcome
    }

    /// A run that the observers hear of. The job itself logs what it fails at; what ends it from outside is logged
    /// here.
    async fn observed(&self, arguments: Vec<String>, variables: &Variables, job: &Job) -> Outcome {
        let log = Log { format: job.log_format, run_id: random::hex_of(16) };
        let (started, clock) = (SystemTime::now(), Instant::now());
        let begun = AtomicBool::new(false);
        let run = async {
            let result = self.sandboxed(arguments, variables, job, &log, &begun).await;
            (result, clock.elapsed())
        };
        let ((result, took), ()) = tokio::join!(run, self.observers.begun(&log));
        if let Err(error) = &result {
            log.error(&format!("{error:#}"));
        }
        let result = result.map(bindings::report);
        let begun = begun.into_inner();
        let outcome = Outcome { run_id: log.run_id.clone(), begun, started, took, result };
        self.observers.ended(&outcome, &log).await;
        outcome
    }

    async fn sandboxed(
        &self,
        arguments: Vec<String>,
        variables: &Variables,
        job: &Job,
        log: &Log,
        begun: &AtomicBool,
    ) -> Result<Report> {
        let profile = self.host.profile.as_deref();
        let (variables, endpoint) = credentials::complete(profile, variables, job).await?;
        let file = job.mock_file.as_deref().map(MockFile::new).transpose()?;
        let outbound = Arc::new(Outbound::new(&self.host, &variables, job, endpoint, log.clone())?);
        let progress = outbound.progress.clone();
        let mut guest = self.sandbox.guest(&variables, file.as_ref(), outbound)?;
        let request = Request { arguments, run_id: Some(log.run_id.clone()), names_sources: true };
        begun.store(true, Ordering::Relaxed);
        let report = self
            .sandbox
            .limited(&mut guest, async |guest| {
                let component = self.component.instantiate_async(&mut *guest).await?;
                component.f1_ingest_job().call_ingest(guest, &request).await
            })
            .await;
        progress.end();
        report
    }
}
