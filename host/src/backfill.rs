//! A plan, carried out item by item, each in a sandbox of its own, and what became of it noted in the catalogue.

mod hour;
pub mod line;
mod refusals;
mod shard;
pub mod shown;
mod work;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use anyhow::Result;
use chrono::Utc;
use f1_ingest_component::catalog::Reading;
use f1_ingest_component::log::Log;
use f1_ingest_component::plan::due::{State, Why, state};
use f1_ingest_component::plan::{Planned, Texts};

use crate::lake::Lake;
use crate::options::{HostOptions, When};
use crate::outcome::{Outcome, exit_code};
use crate::signals::Ending;
use crate::variables::Variables;
use line::{BackfillLine, Order};
use shard::Shard;
use work::Backfill;

/// Which items of a plan there are, by what is to become of them.
#[derive(Default)]
pub struct Sorted {
    pub due: Vec<(Planned, Why)>,
    pub kept: usize,
    pub absent: usize,
    pub future: usize,
}

/// Sorts a plan by what the catalogue knows. The newest come first.
fn sorted(plan: Vec<Planned>, reading: &Reading, now: i64, refresh: Option<u32>) -> Sorted {
    let mut sorted = Sorted::default();
    for planned in plan {
        match state(&planned, reading.lake.items.get(&planned.name), now, refresh) {
            State::Due(why) => sorted.due.push((planned, why)),
            State::Kept => sorted.kept += 1,
            State::Absent(_) => sorted.absent += 1,
            State::Future => sorted.future += 1,
        }
    }
    sorted.due.sort_by_key(|(planned, _)| std::cmp::Reverse(planned.since.unwrap_or(i64::MAX)));
    sorted
}

/// A backfill that is about to begin: its options are right, its bucket is open.
pub struct Planning {
    line: BackfillLine,
    arguments: Vec<String>,
    lake: Lake,
    texts: Texts,
    shard: Shard,
    ending: Ending,
    log: Log,
}

impl Planning {
    /// `variables` are as a run is given them. Fails on wrong usage, before anything is sent.
    pub fn new(
        line: BackfillLine,
        arguments: Vec<String>,
        mut variables: Variables,
        ending: Ending,
        log: Log,
    ) -> Result<Planning> {
        let (texts, shard) = line.chosen(&arguments, &mut variables)?;
        let catalog = line.catalog.take(&mut variables)?;
        let host = HostOptions { progress: When::Never, ..line.host.clone() };
        let lake = Lake::open(&host, &arguments, &variables, catalog)?;
        Ok(Planning { line, arguments, lake, texts, shard, ending, log })
    }

    /// What is in the bucket, as it was read, and what is to come of the plan.
    fn sorted(&self, reading: &Reading) -> Result<Sorted> {
        for damaged in &reading.damaged {
            self.log.warn(&format!(
                "{damaged} cannot be read and is left out; `catalog rebuild` makes a new one"
            ));
        }
        let mut plan = self.lake.plan(&self.texts)?;
        plan.retain(|planned| self.shard.has(&planned.name));
        let mut items = sorted(plan, reading, now(), self.line.refresh);
        if self.line.order == Order::Oldest {
            items.due.reverse();
        }
        Ok(items)
    }

    /// The plan, and the bucket that it is for.
    pub fn planned(self) -> Result<(Sorted, Lake)> {
        Ok((self.sorted(&self.lake.read()?)?, self.lake))
    }

    /// Fetches what is due, and says what became of it.
    pub fn carried_out(self) -> Result<Outcome> {
        let (started, clock) = (SystemTime::now(), Instant::now());
        let reading = self.lake.read_and_compact()?;
        let Sorted { due, kept, absent, future } = self.sorted(&reading)?;
        let Planning { line, arguments, lake, ending, log, .. } = self;
        let mut backfill =
            Backfill::new(&lake, line.host, &arguments, reading, line.wait, ending, log.clone())?;
        let (exit_code, why) = match backfill.all(due) {
            Ok(code) => (code, None),
            Err(error) => (exit_code(&error), Some(error)),
        };
        backfill.lines((kept, absent, future)).iter().for_each(|line| log.info(line));
        if let Some(why) = &why {
            log.error(&format!("{why:#}"));
        }
        let Backfill { report, changes, token_ends, .. } = backfill;
        let (run_id, took) = (log.run_id, clock.elapsed());
        Ok(Outcome {
            run_id,
            is_dry: false,
            begun: true,
            started,
            took,
            exit_code,
            report,
            changes,
            token_ends,
            why: why.map(Arc::new),
        })
    }
}

fn now() -> i64 {
    Utc::now().timestamp()
}
