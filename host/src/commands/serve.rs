//! `f1-ingest serve`: the job on request and by the clock.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use clap::Parser;
use f1_ingest_component::error::Error;
use f1_ingest_component::log::Format;
use f1_ingest_component::options::Command;

use crate::backfill::line::BackfillLine;
use crate::command_line::{help, take, version};
use crate::cron::Schedule;
use crate::listen::{self, Callers, is_loopback};
use crate::observe::{Observers, watched};
use crate::options::HostOptions;
use crate::prepare::prepare;
use crate::runner::Runner;
use crate::sandbox::Overdue;
use crate::scheduled::{LastRun, keep};
use crate::service::Service;
use crate::stdio::{announce, say};
use crate::variables::{environment, variable};

/// The host's part of the command line.
#[derive(Parser)]
#[command(name = "f1-ingest serve", disable_help_flag = true)]
struct ServeLine {
    /// Address to listen on; F1_INGEST_TOKEN has to be set if others can reach it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: String,
    /// Run the job by the clock too: cron's five fields, in UTC
    #[arg(long, value_name = "CRON")]
    schedule: Option<Schedule>,
    /// Note the last scheduled run in this file, so that a restart makes up for a missed one
    #[arg(long, value_name = "FILE", requires = "schedule")]
    state: Option<PathBuf>,
    /// By the clock, bring the bucket up to date: `backfill` with these options, such as "--seasons current --refresh 60"
    #[arg(long, value_name = "OPTIONS", requires = "schedule", allow_hyphen_values = true)]
    backfill: Option<String>,
    #[command(flatten)]
    host: HostOptions,
}

/// Serves until it is told to stop. The command line and the environment say what the job does, and what its sandbox
/// allows follows from them. Fails if it cannot begin to serve; a monitor hears of that as well.
pub fn serve(arguments: Vec<String>) -> Result<u8> {
    watched(arguments, |arguments| {
        let (line, arguments) = take::<ServeLine>(arguments)?;
        match prepare(&line.host, &arguments, environment())?.1 {
            Command::Help => announce(&help::<ServeLine>()),
            Command::Version => announce(&version()),
            Command::Ingest(job) => return until_stopped(line, arguments, job.log_format),
        }
        Ok(0)
    })
}

fn until_stopped(line: ServeLine, arguments: Vec<String>, log_format: Format) -> Result<u8> {
    let ServeLine { listen, schedule, state, backfill, host } = line;
    let backfill = backfill.map(|options| backfill_of(&options, &arguments)).transpose()?;
    let note = LastRun::new(state);
    let last = note.read()?;
    note.write(last).map_err(|error| Error::usage(format!("{error:#}")))?;
    let token = variable("F1_INGEST_TOKEN");
    let callers = if token.is_some() { Callers::WithToken } else { Callers::Programs };
    let observers = Observers::new(&host)?;
    let runner = Runner::new(host, Overdue::Interrupted, observers)?;
    let service = Service::new(runner, arguments, backfill, log_format, token);

    listen::runtime()?.block_on(async {
        let listener = listen::bind(&listen).await?;
        let address = listener.local_addr()?;
        if callers == Callers::Programs && !is_loopback(address.ip()) {
            return Err(Error::usage(format!(
                "--listen {address}: others could run the job there; set F1_INGEST_TOKEN to a secret that \
                 callers have to know, or listen on 127.0.0.1"
            ))
            .into());
        }
        say(&format!("listening on http://{address}"));
        if let Some(schedule) = schedule {
            tokio::spawn(keep(schedule, note, last, service.clone()));
        }
        let answering: Arc<Service> = service.clone();
        let answer = move |request| answering.clone().answer(request);
        listen::serve(listener, callers, answer, service.stop()).await
    })
}

/// The options of `--backfill`, one by one. Fails, as wrong usage, if no backfill could begin with them.
fn backfill_of(options: &str, arguments: &[String]) -> Result<Vec<String>> {
    let wrong = |why: String| Error::usage(format!("--backfill: {why}"));
    let options = shlex::split(options).ok_or_else(|| wrong("a quote is not closed".into()))?;
    let (line, rest) = take::<BackfillLine>([arguments, &options].concat())?;
    if line.plan || line.shard.is_some() {
        return Err(wrong("--plan and --shard are not for a service".into()).into());
    }
    line.chosen(&rest, &mut environment()).map_err(|error| wrong(format!("{error:#}")))?;
    Ok(options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Parser)]
    struct OthersLine {
        #[command(flatten)]
        _host: HostOptions,
    }

    #[test]
    fn the_schedule_is_an_option_of_serve_only() {
        let help = help::<OthersLine>();
        assert!(
            super::help::<ServeLine>().contains("--schedule <CRON>") && !help.contains("--schedule <CRON>")
        );
    }
}
