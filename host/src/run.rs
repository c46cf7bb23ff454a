//! `f1-ingest run`: one run of the job, from a command line to an exit code.

use anyhow::Result;
use f1_ingest_component::client::authority;
use f1_ingest_component::error::Error;
use f1_ingest_component::log::Log;
use f1_ingest_component::options::{self, Command, Job};

use crate::credentials;
use crate::observe::Observers;
use crate::options::{HostOptions, RunLine, help, take};
use crate::outbound::Outbound;
use crate::outcome::Outcome;
use crate::pool::Pool;
use crate::progress::Progress;
use crate::recording::{Recorder, Recordings};
use crate::runner::Runner;
use crate::source::Sources;
use crate::store::Store;

/// Runs the job that a command line describes and returns its exit code.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    let (RunLine { host }, arguments) = take::<RunLine>(arguments)?;
    match prepare(&host, &arguments, environment())? {
        (_, Command::Help) => print!("{}", help::<RunLine>()),
        (_, Command::Version) => println!("f1-ingest {}", env!("CARGO_PKG_VERSION")),
        (variables, Command::Ingest(job)) => {
            let observers = Observers::new(&host)?;
            let runner = Runner::new(host, observers)?;
            return Ok(ingest(&runner, arguments, &variables, &job)?.exit_code());
        }
    }
    Ok(0)
}

/// Names and values of environment variables.
pub type Variables = Vec<(String, String)>;

/// What the environment holds of the variables that the job reads.
pub fn environment() -> Variables {
    let value = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    options::variables().filter_map(|name| Some((name.to_owned(), value(name)?))).collect()
}

/// The variables that the job gets to see, and what they and its arguments ask for.
pub fn prepare(
    host: &HostOptions,
    arguments: &[String],
    mut variables: Variables,
) -> Result<(Variables, Command)> {
    credentials::drop_for_profile(host, &mut variables);
    if host.store.is_some() {
        if arguments.iter().any(|argument| argument.split('=').next() == Some("--endpoint-url")) {
            return Err(
                Error::usage("--store and --endpoint-url exclude each other: one store, please").into()
            );
        }
        crate::store::into_variables(&mut variables);
    }
    let named = |(name, _): &(String, String)| ["AWS_REGION", "AWS_DEFAULT_REGION"].contains(&name.as_str());
    let is_open = host.store.is_none() && !variables.iter().any(named);
    let region = is_open.then(|| credentials::region(host.profile.as_deref())).flatten();
    variables.extend(region.iter().map(|region| ("AWS_REGION".to_owned(), region.clone())));
    let pace = "F1_REQUESTS_PER_SECOND";
    if !host.replay.is_empty() && variables.iter().all(|(name, _)| name != pace) {
        // There is no upstream to spare.
        variables.push((pace.to_owned(), "0".to_owned()));
    }
    let variable =
        |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
    let command = options::read(arguments, variable)?;
    if let (Command::Ingest(job), Some(region)) = (&command, region)
        && job.bucket.region == region
    {
        let log = Log { format: job.log_format, run_id: String::new() };
        log.info(&format!("the region is {region}, as the profile says"));
    }
    Ok((variables, command))
}

/// What the job's requests meet: the allow-list that its options imply, and the store and recordings
/// that the host's options name.
pub fn outbound(host: &HostOptions, variables: &Variables, job: &Job, log: Log) -> Result<Outbound> {
    let store = host.store.as_deref().map(|folder| Store::for_job(folder, variables, &job.bucket));
    let replay = (!host.replay.is_empty()).then(|| Recordings::open(&host.replay));
    // AWS may send us to the bucket's own region.
    let s3 = authority(&job.bucket.url_in("*"));
    let redirected = (!job.dry_run).then(|| s3.clone());
    Ok(Outbound {
        allowed: job.hosts().into_iter().chain(redirected).chain(host.allow.iter().cloned()).collect(),
        s3: Some(s3),
        store: store.transpose()?,
        credentials: None,
        replay: replay.transpose()?,
        record: host.record.as_deref().map(Recorder::open).transpose()?,
        pool: Pool::default(),
        progress: Progress::new(host.progress),
        sources: Sources::of(job),
        log,
        refused: Default::default(),
    })
}

/// Runs a job in its sandbox.
pub fn ingest(runner: &Runner, arguments: Vec<String>, variables: &Variables, job: &Job) -> Result<Outcome> {
    // The guest has this thread, what it sends has the other one.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    Ok(runtime.block_on(runner.ingest(arguments, variables, job)))
}
