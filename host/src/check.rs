//! `f1-ingest check`: whether a run with the same options and environment will work. One line for each
//! thing that it needs, with a remedy where it will not.

use std::fmt::Display;
use std::io::Write;
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Datelike};
use clap::Parser;
use f1_ingest_component::client::Client;
use f1_ingest_component::error::Error;
use f1_ingest_component::jolpica;
use f1_ingest_component::livetiming::{FINISHED_SEASON, index_path};
use f1_ingest_component::log::Log;
use f1_ingest_component::options::{Command, Job};
use f1_ingest_component::runtime::{Clock, Response};
use f1_ingest_component::s3::credentials::Keys;
use f1_ingest_component::s3::{Store, refusal};
use futures_util::future::join_all;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode, Uri};
use hyper_util::client::proxy::matcher::Matcher;

use crate::credentials::{self, Found};
use crate::native::Native;
use crate::options::{HostOptions, Progress, help, take};
use crate::run::{environment, outbound, prepare};

#[derive(Parser)]
#[command(name = "f1-ingest check", disable_help_flag = true)]
struct CheckLine {
    #[command(flatten)]
    host: HostOptions,
}

/// Checks what a command line of `run` needs. Exit code 0: a run will work.
pub fn check(arguments: Vec<String>) -> Result<u8> {
    let (CheckLine { mut host }, arguments) = take::<CheckLine>(arguments)?;
    // Its findings are its progress.
    host.progress = Progress::Never;
    let (variables, command) = prepare(&host, &arguments, environment())?;
    let Command::Ingest(mut job) = command else {
        print!("{}", help::<CheckLine>());
        return Ok(0);
    };
    let log = Log { format: job.log_format, run_id: String::new() };
    let outbound = outbound(&host, &variables, &job, log)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut findings = Findings::default();
        let is_signed = credentials(&mut findings, &host, &mut job).await;
        let client = Client::new(Native::new(outbound), &job);
        upstreams(&mut findings, &client, &job).await;
        if is_signed && !job.dry_run {
            store(&mut findings, &client, &job).await;
        }
        Ok(findings.failed.into())
    })
}

/// What was found so far; each is printed at once.
#[derive(Default)]
struct Findings {
    failed: bool,
}

impl Findings {
    fn fine(&self, what: &str, text: impl Display) {
        self.line("ok", what, text);
    }

    /// Nothing that keeps a run from working, but worth knowing.
    fn note(&self, what: &str, text: impl Display) {
        self.line("note", what, text);
    }

    fn failed(&mut self, what: &str, text: impl Display) {
        self.failed = true;
        self.line("FAILED", what, text);
    }

    fn line(&self, mark: &str, what: &str, text: impl Display) {
        // Whoever reads may have seen enough.
        let _ = writeln!(std::io::stdout(), "{mark:<6}  {what:<18}  {text}");
    }

    fn verdict(&mut self, what: &str, verdict: std::result::Result<String, Error>) {
        match verdict {
            Ok(text) => self.fine(what, text),
            // "Not now" is no fault of the set-up.
            Err(error) if error.kind.exit_code() == 75 => self.note(what, error),
            Err(error) => self.failed(what, error),
        }
    }
}

/// Whether requests to the store can be signed, or need not be.
async fn credentials(findings: &mut Findings, host: &HostOptions, job: &mut Job) -> bool {
    let what = "credentials";
    if job.lacks_credentials() {
        match credentials::find(host.profile.as_deref(), &job.bucket.region).await {
            Ok(Found { credentials, place, .. }) => {
                let until = credentials.expiry().map(|at| DateTime::<chrono::Utc>::from(at).format("%FT%TZ"));
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

/// The URL, unless it is reached through a proxy that does not answer.
async fn reachable<'u>(findings: &mut Findings, what: &str, url: &'u Uri) -> Option<&'u Uri> {
    let proxy = Matcher::from_env().intercept(url);
    let Some(proxy) = proxy.as_ref().map(|proxy| proxy.uri()) else { return Some(url) };
    let host = proxy.host().unwrap_or_default();
    let port = proxy.port_u16().unwrap_or(if proxy.scheme_str() == Some("https") { 443 } else { 80 });
    let connect = tokio::net::TcpStream::connect((host, port));
    let why = match tokio::time::timeout(Duration::from_secs(10), connect).await {
        Ok(Ok(_)) => return Some(url),
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer for 10 s".to_owned(),
    };
    findings.failed(
        what,
        format!("{url}: its proxy {host}:{port} is down: {why}; correct HTTPS_PROXY or HTTP_PROXY, or name the host in NO_PROXY"),
    );
    None
}

/// Writes an object, reads it back, tries to overwrite it, and deletes it.
async fn store(findings: &mut Findings, client: &Client<Native>, job: &Job) {
    let store = Store::new(client, &job.bucket);
    let probe = |n: u32| store.url(&format!("raw/f1-ingest-check/{}-{n}.json", client.log.run_id));
    let (Ok(url), Ok(second)) = (probe(1), probe(2)) else { return };
    if reachable(findings, "store", &url).await.is_none() {
        return;
    }
    const BODY: &[u8] = br#"{"f1-ingest": "check"}"#;
    const TIME: &str = "x-amz-meta-ingest_time_utc";
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
    headers.insert(TIME, HeaderValue::from_static("0"));
    let put = async |url: &Uri| store.send(&Method::PUT, url, headers.clone(), Some(BODY)).await;
    let ask = async |method: Method, url: &Uri| {
        let response =
            store.send(&method, url, HeaderMap::new(), None).await.map_err(|failed| failed.error)?;
        match response.status.is_success() {
            true => Ok(response),
            false => Err(store.refused(&method, &response, url).error),
        }
    };

    let response = match put(&url).await {
        Ok(response) => response,
        Err(failed) => return findings.failed("store", failed.error),
    };
    findings.fine("store", format!("{} answers", job.bucket.url()));
    if !clock(findings, &response, client.runtime.now()) {
        return;
    }
    if !response.status.is_success() {
        return findings.failed("write", store.refused(&Method::PUT, &response, &url).error);
    }
    match store.region() {
        region if region == job.bucket.region => {
            findings.fine("write", format!("{} takes objects", job.bucket.name));
        }
        region => findings.note("write", format!("{} is in {region}: correct --region", job.bucket.name)),
    }

    match ask(Method::GET, &url).await {
        Ok(response) if response.body == BODY && response.header(TIME).is_none() => {
            findings.note(
                "read back",
                "the same bytes, but not metadata with `_` in its name: Ceph before 17 makes it `-`",
            );
        }
        Ok(response) if response.body == BODY => findings.fine("read back", "the same bytes and metadata"),
        Ok(response) => findings.failed(
            "read back",
            format!("{url} holds {} other bytes: something on the way changes them", response.body.len()),
        ),
        Err(error) => findings.failed("read back", error),
    }

    let what = "conditional writes";
    let is_taken = |answer: &Result<Response, _>| {
        answer.as_ref().is_ok_and(|response| response.status == StatusCode::PRECONDITION_FAILED)
    };
    let racing = join_all((0..4).map(|_| put(&second))).await;
    let written = racing.iter().filter(|answer| answer.as_ref().is_ok_and(|r| r.status.is_success())).count();
    match (is_taken(&put(&url).await), written) {
        (true, 1) => findings.fine(what, "honoured, between writers at once too"),
        (true, _) => findings.note(
            what,
            "honoured, but not between writers at once: each run looks again after it has written",
        ),
        (false, _) => findings.note(
            what,
            "not honoured: each run looks before and after it writes, so that nothing is overwritten",
        ),
    }

    for url in [&url, &second] {
        if let Err(error) = ask(Method::DELETE, url).await {
            return findings.note(
                "delete",
                format!("{error}; a run needs no such permission, but the probe stays: delete it"),
            );
        }
    }
    findings.fine("delete", "the probe is gone");
}

/// Compares this machine's clock with the store's; false where they differ by more than a signature may.
fn clock(findings: &mut Findings, response: &Response, now: DateTime<chrono::Utc>) -> bool {
    /// As much as S3 lets pass, in seconds.
    const MOST: i64 = 15 * 60;
    const LITTLE: i64 = 5;
    let Some(ahead) = refusal::skew(response, now) else { return true };
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    let text = format!("{} s {side} the store's; set this machine's clock (NTP)", ahead.abs());
    match ahead.abs() {
        skew if skew >= MOST => findings.failed("clock", text),
        skew if skew >= LITTLE => findings.note("clock", text),
        _ => findings.fine("clock", "agrees with the store's"),
    }
    ahead.abs() < MOST
}
