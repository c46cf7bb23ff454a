//! What the command line and the environment ask the job to do.

use anyhow::Result;
use f1_ingest_component::error::Error;
use f1_ingest_component::http::budget::HOUR;
use f1_ingest_component::job::Job;
use f1_ingest_component::log::Log;
use f1_ingest_component::options::{Command, read};
use f1_ingest_component::source::Item;

use crate::credentials;
use crate::options::HostOptions;
use crate::pool::Pool;
use crate::profiles::{Profiles, is_true};
use crate::proxies::Proxies;
use crate::stop::within;
use crate::store;
use crate::trust::Peer;
use crate::variables::{Variables, variable};

/// The variables that name another store, the first that is set.
const ENDPOINTS: [&str; 2] = ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"];

/// The variables that the job gets to see, and what they and `arguments`, the job's part of the command line, ask for.
///
/// `variables` is what the environment holds. The host's options change it: `--store` and `--profile` replace
/// credentials, the profile may name the region, and a replay needs no pause between requests. Fails on wrong
/// usage, and if that takes longer than a run may: what the environment names can be a pipe that nobody writes to.
pub fn prepare(
    host: &HostOptions,
    arguments: &[String],
    variables: Variables,
) -> Result<(Variables, Command)> {
    let (host, arguments) = (host.clone(), arguments.to_vec());
    within(host.timeout, move || prepared(&host, &arguments, variables))?
}

fn prepared(
    host: &HostOptions,
    arguments: &[String],
    mut variables: Variables,
) -> Result<(Variables, Command)> {
    let profiles = Profiles::for_run(host)?;
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
    let region = profiles.setting("region").filter(|_| !is_named).map(str::to_owned);
    variables.extend(region.iter().map(|region| ("AWS_REGION".to_owned(), region.clone())));
    if is_true(variable("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").as_deref()) {
        ENDPOINTS.iter().for_each(|name| drop(variables.remove(*name)));
    } else if host.store.is_none() && !ENDPOINTS.iter().any(|name| variables.contains_key(*name)) {
        let endpoint = profiles.endpoint_url().map(|url| (ENDPOINTS[0].to_owned(), url.to_owned()));
        variables.extend(endpoint);
    }
    if !host.replay.is_empty() {
        // There is no upstream to spare.
        for limit in ["F1_REQUESTS_PER_SECOND", "F1_REQUESTS_PER_HOUR"] {
            variables.entry(limit.to_owned()).or_insert_with(|| "0".to_owned());
        }
    }
    let command = read(arguments, |name| variables.get(name).cloned())?;
    if let Command::Ingest(job) = &command {
        reachable(host, &profiles, job)?;
        let log = Log::new(job.log_format, String::new());
        if region.is_some_and(|region| region == job.bucket.region) {
            log.info(&format!("the region is {}, as the profile says", job.bucket.region));
        }
        let hour = job.upstreams.jolpica_hour.window;
        if hour != HOUR {
            log.warn(&format!(
                "an hour of the budget has {} s (--budget-hour): for tests only",
                hour.as_secs()
            ));
        }
    }
    Ok((variables, command))
}

/// Fails, as wrong usage, if what is said of proxies and certificates keeps `job` from reaching what it
/// needs.
fn reachable(host: &HostOptions, profiles: &Profiles, job: &Job) -> Result<()> {
    let proxies = Proxies::of_upstreams(host, &job.upstreams.livetiming.official);
    let (upstreams, store) = (Pool::to_upstreams(proxies), Pool::to(Peer::aws(profiles)));
    if host.replay.is_empty() {
        for upstream in job.items.iter().flat_map(Item::upstreams) {
            upstreams.check(job.upstreams.url(*upstream))?;
        }
    }
    if host.store.is_none() && job.asks_store() {
        store.check(&job.bucket.url())?;
    }
    Ok(())
}
