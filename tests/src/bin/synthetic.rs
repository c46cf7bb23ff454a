//! Writes synthetic sessions as recording folders:
//!
//!     synthetic OUT                  every session of the catalogue, OUT/<name>
//!     synthetic OUT NAME             one of them, or `full-length` or `ten-times`
//!     synthetic OUT FROM..TO         the sessions of these seeds, OUT/<seed>

use std::path::Path;
use std::process::ExitCode;

use f1_ingest_tests::synthetic::{CATALOGUE, FULL_LENGTH, Plan, TEN_TIMES, recording};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((out, wanted)) = arguments.split_first() else {
        eprintln!("usage: synthetic OUT [NAME | FROM..TO]");
        return ExitCode::from(2);
    };
    for (name, plan) in plans(wanted.first().map(String::as_str)) {
        if let Err(e) = recording::write(&plan, &Path::new(out).join(&name)) {
            eprintln!("{out}/{name}: {e}");
            return ExitCode::FAILURE;
        }
        println!("{out}/{name}");
    }
    ExitCode::SUCCESS
}

fn plans(wanted: Option<&str>) -> Vec<(String, Plan)> {
    let seeds = wanted
        .and_then(|wanted| wanted.split_once(".."))
        .and_then(|(from, to)| Some(from.parse::<u64>().ok()?..to.parse().ok()?));
    if let Some(seeds) = seeds {
        return seeds.map(|seed| (seed.to_string(), Plan::from_seed(seed))).collect();
    }
    let long = [("full-length", &FULL_LENGTH), ("ten-times", &TEN_TIMES)];
    CATALOGUE
        .iter()
        .map(|(name, plan)| (*name, plan))
        .filter(|(name, _)| wanted.is_none_or(|wanted| wanted == *name))
        .chain(long.into_iter().filter(|(name, _)| wanted == Some(*name)))
        .map(|(name, plan)| (name.to_owned(), plan.clone()))
        .collect()
}
