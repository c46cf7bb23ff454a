//! `wasi:cli/run`: the job from a command line. The other exports run it in the same way.

use f1_ingest_component::error::{Error, Result};
use f1_ingest_component::http::client::Client;
use f1_ingest_component::http::transport::Clock;
use f1_ingest_component::job::{self, Job};
use f1_ingest_component::log::{Format, Log};
use f1_ingest_component::options::{self, Command};
use f1_ingest_component::plan::{self, Planned, Texts};
use f1_ingest_component::report::Report;
use wstd::runtime::block_on;

use crate::wasi::Wasi;

/// Runs the job that `arguments` and the environment ask for; help and version go to stdout.
pub fn run(arguments: &[String]) -> Report {
    block_on(run_async(arguments, None, false))
}

/// As [`run`], from within the reactor, under the id that the host calls this run and with requests that name their
/// source if the host wants to know it.
pub async fn run_async(arguments: &[String], run_id: Option<String>, names_sources: bool) -> Report {
    let variable = |name: &str| std::env::var(name).ok();
    match options::parse(arguments, variable) {
        Ok(Command::Ingest(job)) => return job::ingest(&Job { run_id, names_sources, ..*job }, Wasi).await,
        Ok(Command::Help) => print!("{}", options::help()),
        Ok(Command::Version) => println!("{}", options::VERSION),
        Err(error) => {
            let format = Format::wanted(arguments, variable("F1_LOG_FORMAT"));
            Log::new(format, run_id.unwrap_or_default()).error(&error.message);
            return error.into();
        }
    }
    Report::default()
}

/// Makes a plan with the upstreams that `arguments` and the environment name.
pub async fn plan_async(
    arguments: &[String],
    run_id: Option<String>,
    names_sources: bool,
    texts: &Texts,
) -> Result<Vec<Planned>> {
    let Command::Ingest(job) = options::read(arguments, |name| std::env::var(name).ok())? else {
        return Err(Error::usage("--help and --version make no plan"));
    };
    let job = Job { run_id, names_sources, items: plan::asking(), dry_run: true, ..*job };
    let client = Client::new(Wasi, job.http(Wasi.random()));
    plan::make(&client, &job.upstreams, texts).await
}
