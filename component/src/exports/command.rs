//! `wasi:cli/run`: the job from a command line. The other exports run it in the same way.

use f1_ingest_component::job::{self, Job};
use f1_ingest_component::log::{Format, Log};
use f1_ingest_component::options::{self, Command};
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
    match options::parse(arguments, |name| std::env::var(name).ok()) {
        Ok(Command::Ingest(job)) => return job::ingest(&Job { run_id, names_sources, ..*job }, Wasi).await,
        Ok(Command::Help) => print!("{}", options::help()),
        Ok(Command::Version) => println!("{}", options::VERSION),
        Err(error) => {
            Log { format: Format::Text, run_id: String::new() }.error(&error.message);
            return error.into();
        }
    }
    Report::default()
}
