//! `f1-ingest run`: one run of the job, from a command line to an exit code.

use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use f1_ingest_component::options::Command;

use crate::command_line::{help, take, version};
use crate::observe::{Observers, watched};
use crate::options::HostOptions;
use crate::prepare::prepare;
use crate::runner::{Limit, Runner};
use crate::sandbox::Overdue;
use crate::stdio::announce;
use crate::variables::environment;

/// The host's part of the command line.
#[derive(Parser)]
#[command(name = "f1-ingest run", disable_help_flag = true)]
struct RunLine {
    #[command(flatten)]
    host: HostOptions,
}

/// Runs the job that a command line describes, and gives its exit code. Fails if no run could begin; a monitor
/// hears of that as well.
pub fn run(arguments: Vec<String>) -> Result<u8> {
    watched(arguments, |arguments| {
        let (RunLine { host }, arguments) = take::<RunLine>(arguments)?;
        let clock = Instant::now();
        match prepare(&host, &arguments, environment())? {
            (_, Command::Help) => announce(&help::<RunLine>()),
            (_, Command::Version) => announce(&version()),
            (variables, Command::Ingest(job)) => {
                let waited = clock.elapsed();
                let observers = Observers::new(&host)?;
                let runner = Runner::new(host, Overdue::LeftBehind, observers)?;
                // The time that it takes to compile the component is not the run's.
                let began = Instant::now() - waited;
                let limit = Limit { began, heeds_signals: true };
                return Ok(runner.ingest(arguments, variables, *job, limit)?.exit_code());
            }
        }
        Ok(0)
    })
}
