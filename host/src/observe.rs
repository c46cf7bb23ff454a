//! Who hears of a run besides its caller: files, a monitor, the run's page on GitHub, a trace collector. None of them
//! can make a run fail.

mod github;
mod monitor;
mod trace;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;
use bytes::Bytes;
use f1_ingest_component::error::Error;
use f1_ingest_component::log::{Format, Log};
use http::header::AUTHORIZATION;
use http::request::Builder;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full};
use percent_encoding::percent_decode_str;
use wasmtime_wasi_http::RequestOptions;

use crate::files::{folder_of, write_whole};
use crate::metrics::{Page, last_success};
use crate::options::HostOptions;
use crate::outcome::{Outcome, seconds};
use crate::pool::Pool;
use crate::variables::variable;

/// How long an observer may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everyone who is to hear of runs.
#[derive(Default)]
pub struct Observers {
    summary: Option<PathBuf>,
    metrics: Option<PathBuf>,
    /// A healthchecks-style monitor. The URL is a secret: whoever knows it can ping.
    monitor: Option<Uri>,
    /// The page of a run on GitHub.
    github: Option<PathBuf>,
    traces: Option<trace::Collector>,
    pool: Pool,
}

impl Observers {
    /// The observers that the options and the environment name. Fails, as wrong usage, if the folder of a file is
    /// missing or the monitor's URL is wrong.
    pub fn new(options: &HostOptions) -> Result<Observers> {
        for (option, file) in [("--summary", &options.summary), ("--metrics-file", &options.metrics_file)] {
            if let Some(file) = file.as_deref().filter(|file| !folder_of(file).is_dir()) {
                let why = format!("{option} {}: the folder does not exist", file.display());
                return Err(Error::usage(why).into());
            }
        }
        Ok(Observers {
            summary: options.summary.clone(),
            metrics: options.metrics_file.clone(),
            monitor: monitor_at(options.ping_url.clone())?,
            github: variable("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            traces: trace::Collector::of(variable),
            pool: Pool::default(),
        })
    }

    /// Whether nobody is to hear.
    pub fn are_none(&self) -> bool {
        let Observers { summary, metrics, monitor, github, traces, pool: _ } = self;
        summary.is_none() && metrics.is_none() && monitor.is_none() && github.is_none() && traces.is_none()
    }

    /// Tells them that a run begins. A failure to do so is logged. A monitor waits for what is stored, and hears nothing of
    /// a dry run.
    pub async fn begun(&self, is_dry: bool, log: &Log) {
        if let Some(url) = self.monitor.as_ref().filter(|_| !is_dry) {
            complain(log, "the monitor", monitor::started(&self.pool, url).await);
        }
    }

    /// Tells them what became of a run. A failure to do so is logged.
    pub async fn ended(&self, outcome: &Outcome, log: &Log) {
        if let Some(file) = &self.summary {
            complain(log, "--summary", write(file, &format!("{:#}\n", outcome.to_json())));
        }
        if let Some(file) = &self.metrics {
            complain(log, "--metrics-file", write(file, &metrics(outcome, file)));
        }
        if let Some(file) = &self.github {
            complain(log, "GITHUB_STEP_SUMMARY", github::append(file, outcome));
        }
        if let Some(url) = self.monitor.as_ref().filter(|_| !outcome.is_dry) {
            complain(log, "the monitor", monitor::ended(&self.pool, url, outcome).await);
        }
        if let Some(collector) = &self.traces {
            complain(log, "OTEL_EXPORTER_OTLP_ENDPOINT", collector.send(&self.pool, outcome).await);
        }
    }
}

/// Runs a command. If it fails there was no run to tell the monitor of, so the monitor hears of the failure here.
pub fn watched(arguments: Vec<String>, command: impl FnOnce(Vec<String>) -> Result<u8>) -> Result<u8> {
    command(arguments.clone()).inspect_err(|why| refused(&arguments, why))
}

fn refused(arguments: &[String], why: &anyhow::Error) {
    let given = arguments.iter().position(|argument| argument.split('=').next() == Some("--ping-url"));
    let url = given.and_then(|at| match arguments[at].split_once('=') {
        Some((_, url)) => Some(url.to_owned()),
        None => arguments.get(at + 1).cloned(),
    });
    let Ok(Some(url)) = monitor_at(url) else { return };
    let ping = async { monitor::refused(&Pool::default(), &url, why).await };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let log = Log::new(Format::Text, String::new());
    complain(&log, "the monitor", runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(ping)));
}

/// The monitor that the option names, or else the variable.
fn monitor_at(option: Option<String>) -> Result<Option<Uri>> {
    let variable = || Some(("F1_PING_URL", variable("F1_PING_URL")?));
    let named = option.map(|url| ("--ping-url", url)).or_else(variable);
    let parsed = |(name, url): (_, String)| {
        monitor::parse(&url).map_err(|why| Error::usage(format!("{name}: {why}")).into())
    };
    named.map(parsed).transpose()
}

fn complain(log: &Log, who: &str, outcome: Result<()>) {
    if let Err(error) = outcome {
        log.warn(&format!("{who} did not hear of this run: {error:#}"));
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    write_whole(file, text.as_bytes()).with_context(|| format!("cannot write {}", file.display()))
}

/// The figures of one run for a textfile collector. A run that failed, or was dry, keeps the time of the last success
/// that `file` holds.
fn metrics(outcome: &Outcome, file: &Path) -> String {
    let mut page = Page::default();
    page.build_info();
    page.last_run(outcome);
    let success = match outcome.is_success() {
        true => Some(seconds(outcome.started + outcome.took)),
        false => std::fs::read_to_string(file).ok().and_then(|before| last_success(&before)),
    };
    if let Some(success) = success {
        page.last_success(success);
    }
    page.text()
}

/// The same request with user and password in a header: the libraries that send it log its URL.
fn without_user<B>(mut request: Request<B>) -> Result<Request<B>> {
    let mut url = request.uri().clone().into_parts();
    let Some(authority) = &url.authority else { return Ok(request) };
    let Some((user, host)) = authority.as_str().rsplit_once('@') else { return Ok(request) };
    let user: Vec<u8> = percent_decode_str(user).collect();
    let mut basic = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(user)))?;
    basic.set_sensitive(true);
    url.authority = Some(host.parse()?);
    *request.uri_mut() = Uri::from_parts(url)?;
    request.headers_mut().entry(AUTHORIZATION).or_insert(basic);
    Ok(request)
}

/// Sends a request to an observer, and fails unless the answer is 2xx. The error names the host but not the URL, which
/// may be a secret.
async fn send(pool: &Pool, request: Builder, body: String) -> Result<()> {
    let body = Full::from(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    let request = without_user(request.body(body)?)?;
    let host = request.uri().host().unwrap_or_default().to_owned();
    let response = tokio::time::timeout(PATIENCE, pool.send(request, RequestOptions::default()))
        .await
        .with_context(|| format!("{host}: no answer for {} s", PATIENCE.as_secs()))?
        .map_err(|error| anyhow::anyhow!("{host}: {error:?}"))?;
    if !response.status().is_success() {
        bail!("{host} answered {}", response.status());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_go_from_the_url_into_a_header() {
        let request = |url: &str| without_user(Request::post(url).body(()).unwrap()).unwrap();
        let with = request("http://me:p%40ss@monitor.example:8080/ping/1");
        assert_eq!(with.uri(), "http://monitor.example:8080/ping/1");
        assert_eq!(with.headers()[AUTHORIZATION], "Basic bWU6cEBzcw==");
        assert!(with.headers()[AUTHORIZATION].is_sensitive());
        assert!(request("http://monitor.example/ping").headers().is_empty());
    }
}
