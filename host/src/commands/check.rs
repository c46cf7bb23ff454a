//! `f1-ingest check`: whether a run with the same options and environment will work. It prints a line for each thing
//! that a run needs, with a remedy if it will not work.

mod findings;
mod probe;

use std::sync::PoisonError;

use anyhow::Result;
use chrono::{DateTime, Datelike, Utc};
use clap::Parser;
use f1_ingest_component::error::{self, Error};
use f1_ingest_component::http::body::Sink;
use f1_ingest_component::http::client::Client;
use f1_ingest_component::http::transport::Clock;
use f1_ingest_component::http::url::Shown;
use f1_ingest_component::job::Job;
use f1_ingest_component::livetiming::{FINISHED_SEASON, Token, index};
use f1_ingest_component::options::Command;
use f1_ingest_component::s3::credentials::Keys;
use f1_ingest_component::schedule::{SessionRequest, session_asked_for};
use f1_ingest_component::session::Session;
use f1_ingest_component::source::Source;
use f1_ingest_component::upstreams::Upstream;
use f1_ingest_component::{jolpica, mock};
use http::Uri;

use crate::budget::Budget;
use crate::command_line::{help, take};
use crate::credentials::{self, Found};
use crate::f1tv::{Access, PASSWORD, Told, USERNAME, VARIABLE, instant};
use crate::native::Native;
use crate::observe::Observers;
use crate::options::{HostOptions, When};
use crate::outbound::{Outbound, Watch};
use crate::prepare::prepare;
use crate::proxies::Proxies;
use crate::random;
use crate::sandbox::{MockFile, Overdue, Sandbox};
use crate::stdio::announce;
use crate::stop::within;
use crate::variables::environment;
use findings::Findings;

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
    within(host.timeout, move || checked(host, arguments))?
}

fn checked(host: HostOptions, arguments: Vec<String>) -> Result<u8> {
    let (variables, command) = prepare(&host, &arguments, environment())?;
    let Command::Ingest(mut job) = command else {
        announce(&help::<CheckLine>());
        return Ok(0);
    };
    // What else keeps a run from beginning.
    Observers::new(&host)?;
    if host.component.is_some() {
        Sandbox::new(&host, Overdue::LeftBehind)?;
    }
    let http = job.http(random::number());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (watch, log) = (Watch::default(), http.log.clone());
        let mut findings = Findings::default();
        let (told, is_replay) = (watch.told.clone(), !host.replay.is_empty());
        let (variables, access) = Access::of_run(is_replay, variables, &job, told.clone(), &log).await;
        sign_in(&mut findings, &told.lock().unwrap_or_else(PoisonError::into_inner));
        let token = variables.get(VARIABLE).map(|token| Token::parse(token)).transpose()?;
        job.upstreams.livetiming.token = token;
        let outbound = Outbound::new(&host, &variables, &job, None, access, watch, log).await?;
        let is_signed = credentials(&mut findings, &host, &mut job).await;
        let client = Client::new(Native::new(outbound), http);
        let proxies = Proxies::of_upstreams(&host, &job.upstreams.livetiming.official);
        let session = upstreams(&mut findings, &proxies, &client, &job).await;
        if is_signed && !job.dry_run {
            let tried = probe::store(&mut findings, &client, &job, session.map(|it| it.id())).await;
            tried.unwrap_or_else(|error| findings.failed("store", error));
        }
        Ok(findings.failed.into())
    })
}

/// Whether requests to livetiming are signed in, for how long yet, and by which token.
fn sign_in(findings: &mut Findings, told: &Told) {
    let what = "sign-in";
    let place = told.place.as_deref().unwrap_or_default();
    match (told.ends, &told.failure) {
        _ if !told.wanted => {}
        (_, Some(why)) => findings.failed(what, why),
        _ if !told.warnings.is_empty() => findings.note(what, told.warnings.join("; ")),
        (Some(ends), None) => findings.fine(what, format!("F1TV's token ({place}), until {}", instant(ends))),
        (None, None) if !place.is_empty() => findings.fine(what, format!("F1TV's token ({place})")),
        (None, None) => findings.note(
            what,
            format!(
                "nobody is signed in to F1TV, which livetiming wants for what is recent: f1-ingest login, or set \
                 {USERNAME} and {PASSWORD}"
            ),
        ),
    }
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

/// Whether the upstreams that the job's items are made from answer, and have what was asked for; or the file that is in
/// their place. Gives the session, if the schedules were asked for it and tell.
async fn upstreams(
    findings: &mut Findings,
    proxies: &Proxies,
    client: &Client<Native>,
    job: &Job,
) -> Option<Session> {
    if let Some(file) = &job.mock_file {
        let is_file = MockFile::new(file).map_err(|error| Error::usage(format!("{error:#}")));
        let read = is_file.and_then(|_| mock::read(file));
        findings.verdict("mock file", read.map(|_| format!("{file} is JSON")));
    }
    let wants = |upstream: Upstream| job.items.iter().any(|item| item.upstreams().contains(&upstream));
    let session = match job.items.iter().find_map(|item| item.session()) {
        Some(request) if wants(Upstream::Schedule) => schedule(findings, proxies, client, job, request).await,
        _ => None,
    };
    if wants(Upstream::Jolpica)
        && let Some(url) = reachable(findings, proxies, "jolpica", &job.upstreams.jolpica).await
    {
        let document = jolpica_document(client, job, session.as_ref()).await;
        findings.verdict("jolpica", document.map(|_| format!("{} answers", Shown(url))));
        match client.runtime.outbound.budget.as_ref().map(Budget::left) {
            Some(Ok(left)) if left.left > 0 => findings.fine("budget", left),
            Some(Ok(left)) => findings.note("budget", left),
            Some(Err(why)) => findings.note("budget", format!("{why:#}")),
            None => {}
        }
    }
    if job.items.iter().any(|item| item.source.needs_session())
        && let Some(url) =
            reachable(findings, proxies, "livetiming", &job.upstreams.livetiming.official).await
    {
        let answer = livetiming(client, job, session.as_ref()).await;
        findings.verdict("livetiming", answer.map(|what| format!("{} or its mirror has {what}", Shown(url))));
    }
    session
}

/// The session that the items are of, if the schedules tell.
async fn schedule(
    findings: &mut Findings,
    proxies: &Proxies,
    client: &Client<Native>,
    job: &Job,
    request: &SessionRequest,
) -> Option<Session> {
    let now = request.as_of.unwrap_or_else(|| client.runtime.now());
    let schedule = job.upstreams.schedule_of(request.season.unwrap_or(now.year())).ok()?;
    reachable(findings, proxies, "schedule", &schedule).await?;
    let session = session_asked_for(client, &job.upstreams, request).await;
    let known = session.as_ref().ok().cloned();
    findings.verdict("schedule", session.map(|session| format!("the session is {session}")));
    known
}

/// What the items need of Jolpica: its own document, or the results of the session.
async fn jolpica_document(
    client: &Client<Native>,
    job: &Job,
    session: Option<&Session>,
) -> error::Result<()> {
    let own = job.items.iter().find(|item| item.source == Source::Jolpica);
    let api = &job.upstreams.jolpica;
    let of = match own {
        Some(item) => item.session().and_then(SessionRequest::exact),
        None => None,
    };
    let of_session = session.filter(|_| own.is_none_or(|item| item.session().is_some())).map(Session::id);
    match of.or(of_session).filter(|id| jolpica::results_of(id.name).is_some()) {
        Some(id) => jolpica::fetch_results(client, api, &id).await.map(drop),
        None => jolpica::fetch(client, api).await.map(drop),
    }
}

/// What livetiming has: small feeds of the session, or the index of a season that it has for certain.
async fn livetiming(client: &Client<Native>, job: &Job, session: Option<&Session>) -> error::Result<String> {
    let livetiming = &job.upstreams.livetiming;
    let Some(session) = session else {
        livetiming.get(client, &index::of_season(FINISHED_SEASON)).await?;
        return Ok(format!("the season {FINISHED_SEASON}"));
    };
    let (mut info, mut drivers) = (Vec::new(), Vec::new());
    let mut feeds: [(_, &mut dyn Sink); 2] = [("SessionInfo", &mut info), ("DriverList", &mut drivers)];
    livetiming.read(client, session, &mut feeds).await?;
    Ok(session.to_string())
}

/// The URL; none, and a failure is noted, if it is reached through a proxy that does not answer.
async fn reachable<'u>(
    findings: &mut Findings,
    proxies: &Proxies,
    what: &str,
    url: &'u Uri,
) -> Option<&'u Uri> {
    let down = match proxies.of_url(url) {
        Some(proxy) => proxy.down().await,
        None => None,
    };
    let Some(why) = down else { return Some(url) };
    findings.failed(what, format!("{}: {why}", Shown(url)));
    None
}
