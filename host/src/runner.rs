//! One run of the job in its sandbox, from arguments to an outcome.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use anyhow::Result;
use f1_ingest_component::error::Error;
use f1_ingest_component::log::Log;
use f1_ingest_component::options::Job;
use f1_ingest_component::s3::parts::hex;

use crate::credentials;
use crate::observe::Observers;
use crate::options::HostOptions;
use crate::outcome::{self, Outcome};
use crate::run::{Variables, outbound};
use crate::sandbox::{MockFile, Sandbox, State};

wasmtime::component::bindgen!({
    path: "../wit",
    world: "typed",
    exports: { default: async },
});

use exports::f1::ingest::job::Request;

/// The component, compiled once, for any number of runs.
pub struct Runner {
    pub host: HostOptions,
    sandbox: Sandbox,
    component: TypedPre<State>,
    observers: Observers,
}

impl Runner {
    pub fn new(host: HostOptions, observers: Observers) -> Result<Runner> {
        let sandbox = Sandbox::new(&host)?;
        let component = TypedPre::new(sandbox.component.clone())
            .map_err(|_| Error::usage("the component does not export f1:ingest/job"))?;
        Ok(Runner { host, sandbox, component, observers })
    }

    /// Runs `job`, which these arguments and variables ask for, in a sandbox of its own. What ends it from
    /// outside is logged here, what the job itself fails at by the job.
    pub async fn ingest(&self, arguments: Vec<String>, variables: &Variables, job: &Job) -> Outcome {
        let log = Log { format: job.log_format, run_id: run_id() };
        let (started, clock) = (SystemTime::now(), Instant::now());
        let run = async {
            let result = self.call(arguments, variables, job, &log).await;
            (result, clock.elapsed())
        };
        let ((result, took), ()) = tokio::join!(run, self.observers.begun(&log));
        if let Err(error) = &result {
            log.error(&format!("{error:#}"));
        }
        let result = result.map(outcome::report);
        let outcome = Outcome { run_id: log.run_id.clone(), started, took, result };
        self.observers.ended(&outcome, &log).await;
        outcome
    }

    async fn call(
        &self,
        arguments: Vec<String>,
        variables: &Variables,
        job: &Job,
        log: &Log,
    ) -> Result<exports::f1::ingest::job::Report> {
        let (variables, endpoint) = credentials::complete(&self.host, variables, job).await?;
        let file = job.mock_file.as_deref().map(MockFile::new).transpose()?;
        let mut outbound = outbound(&self.host, &variables, job, log.clone())?;
        outbound.credentials = endpoint;
        let outbound = Arc::new(outbound);
        let progress = outbound.progress.clone();
        let mut store = self.sandbox.store(&variables, file.as_ref(), outbound)?;
        let request = Request { arguments, run_id: Some(log.run_id.clone()) };
        let report = self
            .sandbox
            .limited(&mut store, async |store| {
                let guest = self.component.instantiate_async(&mut *store).await?;
                guest.f1_ingest_job().call_ingest(store, &request).await
            })
            .await;
        progress.end();
        report
    }
}

fn run_id() -> String {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    hex(&bytes)
}
