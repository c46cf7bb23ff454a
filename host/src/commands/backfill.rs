//! `f1-ingest backfill`: everything of the seasons that are asked for, as far as it is not in the bucket yet.

use anyhow::Result;
use f1_ingest_component::log::Log;
use f1_ingest_component::options::Command;
use tokio::runtime::Builder;

use crate::backfill::line::BackfillLine;
use crate::backfill::{Planning, shown};
use crate::command_line::{help, take, version};
use crate::observe::{Observers, watched};
use crate::prepare::prepare;
use crate::random;
use crate::signals::Ending;
use crate::stdio::announce;
use crate::variables::environment;

/// Brings the bucket up to date, and gives the exit code. Fails if nothing could begin.
pub fn backfill(arguments: Vec<String>) -> Result<u8> {
    watched(arguments, |arguments| {
        let (line, arguments) = take::<BackfillLine>(arguments)?;
        let (variables, log_format) = match prepare(&line.host, &arguments, environment())? {
            (_, Command::Help) => {
                announce(&help::<BackfillLine>());
                return Ok(0);
            }
            (_, Command::Version) => {
                announce(&version());
                return Ok(0);
            }
            (variables, Command::Ingest(job)) => (variables, job.log_format),
        };
        let log = Log::new(log_format, random::hex_of(16));
        let observers = Observers::new(&line.host)?;
        let (is_plan, is_json) = (line.plan, line.json);
        let ending = if is_plan { Ending::default() } else { Ending::heeded()? };
        let planning = Planning::new(line, arguments, variables, ending, log.clone())?;
        if is_plan {
            let (items, lake) = planning.planned()?;
            announce(&if is_json {
                format!("{:#}\n", shown::json(&items, &lake))
            } else {
                shown::text(&items, &lake)
            });
            return Ok(0);
        }
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(observers.begun(false, &log));
        let outcome = planning.carried_out()?;
        runtime.block_on(observers.ended(&outcome, &log));
        Ok(outcome.exit_code())
    })
}
