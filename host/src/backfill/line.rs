//! What a backfill is asked for on its command line.

use anyhow::Result;
use chrono::{Datelike, Utc};
use clap::{Args, Parser, ValueEnum};
use f1_ingest_component::error::Error;
use f1_ingest_component::plan::{Selection, Texts};

use super::shard::Shard;
use crate::lake::CatalogOption;
use crate::options::HostOptions;
use crate::variables::Variables;

/// The host's part of the command line. The docs of the fields are the help.
#[derive(Parser)]
#[command(name = "f1-ingest backfill", disable_help_flag = true)]
pub struct BackfillLine {
    #[command(flatten)]
    pub selection: SelectionOptions,
    /// Print what would be fetched, fetch nothing but the schedules
    #[arg(long)]
    pub plan: bool,
    /// The plan as JSON
    #[arg(long, requires = "plan")]
    pub json: bool,
    /// Ask again for what is not older than so many days: it may have been corrected
    #[arg(long, value_name = "DAYS")]
    pub refresh: Option<u32>,
    /// When the hour's requests are used up, sleep until there are new ones
    #[arg(long)]
    pub wait: bool,
    /// What to fetch first
    #[arg(long, value_name = "ORDER", default_value = "newest")]
    pub order: Order,
    /// Only part I (from 0) of N, for many machines at once [env: JOB_COMPLETION_INDEX, JOB_COMPLETION_COUNT]
    #[arg(long, value_name = "I/N", value_parser = Shard::parse)]
    pub shard: Option<Shard>,
    #[command(flatten)]
    pub catalog: CatalogOption,
    #[command(flatten)]
    pub host: HostOptions,
}

/// What to have in the bucket.
#[derive(Args, Clone)]
pub struct SelectionOptions {
    /// Seasons, such as `1950..`, `2018..2024`, `2024`, `current`, and lists of these
    #[arg(long, value_name = "YEARS")]
    seasons: Option<String>,
    /// Rounds, such as `5`, `1..3`; all if none are given
    #[arg(long, value_name = "ROUNDS")]
    rounds: Option<String>,
    /// Sessions, such as `R,Q`; all if none are given
    #[arg(long, value_name = "LIST")]
    sessions: Option<String>,
    /// Sources, with commas: jolpica, fastf1, telemetry, livetiming [env: F1_SOURCES] [default: jolpica]
    #[arg(long, value_name = "LIST")]
    sources: Option<String>,
    /// Jolpica's documents, with commas, such as `results,pitstops`; all but laps and those of single rounds if none are given
    #[arg(long, value_name = "LIST")]
    endpoints: Option<String>,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Newest,
    Oldest,
}

/// The job's options by which a run chooses its documents.
const OF_A_RUN: [&str; 7] =
    ["--season", "--round", "--session", "--items", "--as-of", "--mock-file", "--dry-run"];

impl BackfillLine {
    /// The texts that choose items, and the part of them. What another machine's variables say of sources and shards is taken
    /// from `variables`. Fails, as wrong usage, before anything is sent.
    pub fn chosen(&self, arguments: &[String], variables: &mut Variables) -> Result<(Texts, Shard)> {
        let is_of_a_run =
            |argument: &&String| OF_A_RUN.contains(&argument.split('=').next().unwrap_or_default());
        if let Some(option) = arguments.iter().find(is_of_a_run) {
            let message = format!(
                "{option} is of `run`; a backfill takes --seasons, --rounds, --sessions, --sources and --plan"
            );
            return Err(Error::usage(message).into());
        }
        let sources = variables.remove("F1_SOURCES").filter(|sources| !sources.is_empty());
        variables.remove("F1_ITEMS");
        let SelectionOptions { seasons, rounds, sessions, endpoints, .. } = self.selection.clone();
        let sources = self.selection.sources.clone().or(sources);
        let texts = Texts { seasons, rounds, sessions, sources, endpoints };
        Selection::parse(&texts, Utc::now().year())?;
        let shard = match self.shard {
            Some(shard) => shard,
            None => Shard::of_environment().map_err(Error::usage)?,
        };
        Ok((texts, shard))
    }
}
