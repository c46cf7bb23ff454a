//! `f1-ingest check`: whether a run with the same options and environment will work. It prints a line for each thing
//! that a run needs, with a remedy if it will not work.

mod findings;
mod probe;

use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Datelike, Utc};
use clap::Parser;
use f1_ingest_component::client::Client;
use f1_ingest_component::jolpica;
use f1_ingest_component::livetiming::{FINISHED_SEASON, index_path};
use f1_ingest_component::log::Log;
use f1_ingest_component::options::{Command, Job};
use f1_ingest_component::runtime::Clock;
use f1_ingest_component::s3::credentials::Keys;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use crate::command_line::{help, take};
use crate::credentials::{self, Found};
use crate::native::Native;
use crate::options::{HostOptions, When};
use crate::outbound::Outbound;
use crate::prepare::prepare;
use crate::stdio::announce;
use crate::variables::environment;
use findings::Findings;

/// How long a proxy may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// The host's part of the command line.
#[derive(Parser)]
#[command(name = "f1-ingest check", disable_help_flag = true)]
struct CheckLine {
    #[command(flatten)]
    host: HostOptions,
}

/// Checks what a run with these arguments needs. Gives exit code 0 if a run will work, else 1; fails on wrong usage.
pub fn check(arguments: Vec<String>) -> Result<u8> {
    let (CheckLine { mut host }, arguments) = take::<CheckLine>(arguments)?;
    // The findings show the progress.
    host.progress = When::Never;
    let (variables, command) = prepare(&host, &arguments, environment())?;
    let Command::Ingest(mut job) = command else {
        announce(&help::<CheckLine>());
        return Ok(0);
    };
    let log = Log { format: job.log_format, run_id: String::new() };
    let outbound = Outbound::new(&host, &variables, &job, None, log)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut findings = Findings::default();
        let is_signed = credentials(&mut findings, &host, &mut job).await;
        let client = Client::new(Native::new(outbound), &job);
        upstreams(&mut findings, &client, &job).await;
        if is_signed && !job.dry_run {
            probe::store(&mut findings, &client, &job).await;
        }
        Ok(findings.failed.into())
    })
}

/// Whether requests to the store can be signed or need no signature. Gives `job` the credentials that it lacks.
async fn credentials(findings: &mut Findings, host: &HostOptions, job: &mut Job) -> bool {
    let what = "credentials";
    if job.lacks_credentials() {
        match credentials::find(host.profile.as_deref(), &job.bucket.region).await {
            Ok(Found { credentials, place, .. }) => {
                let until = credentials.expiry().map(|at| DateTime::<Utc>::from(at).format("%FT%TZ"));
                let until = until.map(|until| format!(", until {until}")).unwrap_or_default();
                findings.fine(what, format!("{} from the {place}{until}", credentials.access_key_id()));
                job.bucket.keys = Keys::Given(credentials);
            }
            Err(error) => {
                findings.failed(what, format!("{error:#}"));
                return false;
            }
        }
    } else if job.bucket.unsigned {
        findings.fine(what, "none are needed: --no-sign-request");
    } else if let Keys::Given(credentials) = &job.bucket.keys {
        let place = if host.store.is_some() { "--store" } else { "the environment" };
        findings.fine(what, format!("{} from {place}", credentials.access_key_id()));
    }
    true
}

/// Whether the upstreams that the job fetches from answer.
async fn upstreams(findings: &mut Findings, client: &Client<Native>, job: &Job) {
    if job.mock_file.is_some() {
        return;
    }
    if let Some(url) = reachable(findings, "jolpica", &job.jolpica_url).await {
        let document = jolpica::fetch(client, url).await;
        findings.verdict("jolpica", document.map(|_| format!("{url} answers")));
    }
    if !job.include_fastf1 {
        return;
    }
    let season = client.runtime.now().year();
    let schedule = format!("{}/schedule_{season}.json", job.schedule_url.to_string().trim_end_matches('/'));
    if let Ok(schedule) = schedule.parse()
        && let Some(url) = reachable(findings, "schedule", &schedule).await
    {
        let document = client.get(url, None).await;
        findings.verdict("schedule", document.map(|_| format!("{url} answers")));
    }
    if let Some(url) = reachable(findings, "livetiming", &job.livetiming.official).await {
        let index = job.livetiming.get(client, &index_path(FINISHED_SEASON)).await;
        findings.verdict("livetiming", index.map(|_| format!("{url} or its mirror answers")));
    }
}

/// The URL; none, and a failure is noted, if it is reached through a proxy that does not answer.
async fn reachable<'u>(findings: &mut Findings, what: &str, url: &'u Uri) -> Option<&'u Uri> {
    let proxy = Matcher::from_env().intercept(url);
    let Some(proxy) = proxy.as_ref().map(|proxy| proxy.uri()) else { return Some(url) };
    let host = proxy.host().unwrap_or_default();
    let port = proxy.port_u16().unwrap_or(if proxy.scheme_str() == Some("https") { 443 } else { 80 });
    let connect = tokio::net::TcpStream::connect((host, port));
    let why = match tokio::time::timeout(PATIENCE, connect).await {
        Ok(Ok(_)) => return Some(url),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer for {} s", PATIENCE.as_secs()),
    };
    findings.failed(
        what,
        format!("{url}: its proxy {host}:{port} is down: {why}; correct HTTPS_PROXY or HTTP_PROXY, or name the host in NO_PROXY"),
    );
    None
}
