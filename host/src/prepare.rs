//! What the command line and the environment ask the job to do.

use anyhow::Result;
use f1_ingest_component::error::Error;
use f1_ingest_component::job::Job;
use f1_ingest_component::log::Log;
use f1_ingest_component::options::{Command, read};
use f1_ingest_component::source::Item;

use crate::credentials;
use crate::options::HostOptions;
use crate::pool::Pool;
use crate::store;
use crate::trust::Peer;
use crate::variables::Variables;

/// The variables that the job gets to see, and what they and `arguments`, the job's part of the command line, ask for.
///
/// `variables` is what the environment holds. The host's options change it: `--store` and `--profile` replace
/// credentials, the profile may name the region, and a replay needs no pause between requests. Fails on wrong
/// usage.
pub fn prepare(
    host: &HostOptions,
    arguments: &[String],
    mut variables: Variables,
) -> Result<(Variables, Command)> {
    if host.profile.is_some() {
        credentials::remove(&mut variables);
    }
    if host.store.is_some() {
        if arguments.iter().any(|argument| argument.split('=').next() == Some("--endpoint-url")) {
            return Err(
                Error::usage("--store and --endpoint-url exclude each other: one store, please").into()
            );
        }
        store::into_variables(&mut variables);
    }
    let is_named = ["AWS_REGION", "AWS_DEFAULT_REGION"].iter().any(|name| variables.contains_key(*name));
    let region = match host.store {
        None if !is_named => credentials::region(host.profile.as_deref()),
        _ => None,
    };
    variables.extend(region.iter().map(|region| ("AWS_REGION".to_owned(), region.clone())));
    if !host.replay.is_empty() {
        // There is no upstream to spare.
        variables.entry("F1_REQUESTS_PER_SECOND".to_owned()).or_insert_with(|| "0".to_owned());
    }
    let command = read(arguments, |name| variables.get(name).cloned())?;
    if let Command::Ingest(job) = &command {
        reachable(host, job)?;
    }
    if let (Command::Ingest(job), Some(region)) = (&command, region)
        && job.bucket.region == region
    {
        let log = Log { format: job.log_format, run_id: String::new() };
        log.info(&format!("the region is {region}, as the profile says"));
    }
    Ok((variables, command))
}

/// Fails, as wrong usage, if what the environment says of proxies and certificates keeps `job` from reaching what it
/// needs.
fn reachable(host: &HostOptions, job: &Job) -> Result<()> {
    let (upstreams, store) = (Pool::to(Peer::Upstream), Pool::to(Peer::Aws));
    if host.replay.is_empty() {
        for upstream in job.items.iter().flat_map(Item::upstreams) {
            upstreams.check(job.upstreams.url(*upstream))?;
        }
    }
    if host.store.is_none() && !job.dry_run {
        store.check(&job.bucket.url())?;
    }
    Ok(())
}
