//! `f1-ingest run`: one run of the job, from a command line to an exit code.

use std::sync::Arc;

use anyhow::{Context, Result};
use f1_ingest_component::error::Error;
use f1_ingest_component::options::{self, Command, Job};

use crate::options::{HostOptions, run_help};
use crate::outbound::Outbound;
use crate::pool::Pool;
use crate::progress::Progress;
use crate::recording::{Recorder, Recordings};
use crate::sandbox::{MockFile, Sandbox, exit_code};
use crate::store::Store;

wasmtime::component::bindgen!({
    path: "../wit",
    world: "typed",
    exports: { default: async },
});

use exports::f1::ingest::job::Request;

/// Runs the job that a command line describes and returns its exit code.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let (host, arguments) = HostOptions::take(arguments)?;
    let (variables, command) = prepare(&host, &arguments)?;
    match command {
        Command::Help => print!("{}", run_help()),
        Command::Version => println!("f1-ingest {}", env!("CARGO_PKG_VERSION")),
        Command::Ingest(job) => {
            // One thread is enough for one guest, and quicker to start.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            return runtime.block_on(ingest(&host, arguments, variables, &job));
        }
    }
    Ok(0)
}

/// The variables that the job gets to see, and what they and its arguments ask for.
pub fn prepare(host: &HostOptions, arguments: &[String]) -> Result<(Vec<(String, String)>, Command)> {
    let mut variables: Vec<(String, String)> =
        options::variables().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?))).collect();
    if host.store.is_some() {
        if arguments.iter().any(|argument| argument.split('=').next() == Some("--endpoint-url")) {
            return Err(
                Error::usage("--store and --endpoint-url exclude each other: one store, please").into()
            );
        }
        crate::store::into_variables(&mut variables);
    }
    let variable =
        |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let command = options::parse(arguments, variable)?;
    Ok((variables, command))
}

/// What the job's requests meet: the allow-list that its options imply, and the store and recordings
/// that the host's options name.
pub fn outbound(host: &HostOptions, variables: &[(String, String)], job: &Job) -> Result<Outbound> {
    let store = host.store.as_deref().map(|folder| Store::for_job(folder, variables, &job.bucket));
    let replay = (!host.replay.is_empty()).then(|| Recordings::open(&host.replay));
    Ok(Outbound {
        allowed: job.hosts().into_iter().chain(host.allow.iter().cloned()).collect(),
        s3: job.bucket.url().authority().map(|authority| authority.to_string()),
        store: store.transpose()?,
        replay: replay.transpose()?,
        record: host.record.as_deref().map(Recorder::open).transpose()?,
        pool: Pool::default(),
        progress: Progress::new(host.progress),
        refused: Default::default(),
    })
}

async fn ingest(
    host: &HostOptions,
    arguments: Vec<String>,
    variables: Vec<(String, String)>,
    job: &Job,
) -> Result<u8> {
    let file = job.mock_file.as_deref().map(MockFile::new).transpose()?;
    let outbound = Arc::new(outbound(host, &variables, job)?);
    let progress = outbound.progress.clone();
    let sandbox = Sandbox::new(host)?;
    let typed = TypedPre::new(sandbox.component.clone())
        .map_err(|_| Error::usage("the component does not export f1:ingest/job"))?;
    let mut store = sandbox.store(&variables, file.as_ref(), outbound)?;
    let request = Request { arguments };
    let report = sandbox
        .limited(&mut store, async |store| {
            let typed = typed.instantiate_async(&mut *store).await?;
            match typed.f1_ingest_job().call_ingest(store, &request).await {
                Ok(report) => Ok(report.exit_code),
                Err(error) => exit_code(&error).ok_or(error),
            }
        })
        .await;
    progress.end();
    report.context("the job was not finished")
}
