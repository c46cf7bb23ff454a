//! Pings in the manner of healthchecks: `<url>/start`, then `<url>` or `<url>/fail`, with a few words on what became of
//! the run. <https://healthchecks.io/docs/http_api/>

use anyhow::{Error, Result};
use http::{Request, Uri};

use crate::outcome::{Outcome, exit_code};
use crate::pool::Pool;

/// Parses the URL of a monitor, without slashes at its end. The error says what is wrong with it.
pub fn parse(text: &str) -> std::result::Result<Uri, &'static str> {
    let url: Uri = text.trim_end_matches('/').parse().map_err(|_| "not a URL")?;
    match (url.scheme_str(), url.query()) {
        (Some("http" | "https"), None) => Ok(url),
        _ => Err("the URL must begin with https:// or http:// and have no query"),
    }
}

/// Says that a run begins.
pub async fn started(pool: &Pool, url: &Uri) -> Result<()> {
    ping(pool, url, "/start", String::new()).await
}

/// Says what became of a run.
pub async fn ended(pool: &Pool, url: &Uri, outcome: &Outcome) -> Result<()> {
    let suffix = if outcome.exit_code() == 0 { "" } else { "/fail" };
    ping(pool, url, suffix, words(outcome)).await
}

/// Says why a run could not begin.
pub async fn refused(pool: &Pool, url: &Uri, why: &Error) -> Result<()> {
    ping(pool, url, "/fail", format!("exit code {}: {why:#}", exit_code(why))).await
}

async fn ping(pool: &Pool, url: &Uri, suffix: &str, words: String) -> Result<()> {
    // A `Uri` without a path is printed with one.
    let url = url.to_string();
    super::send(pool, Request::post(format!("{}{suffix}", url.trim_end_matches('/'))), words).await
}

fn words(outcome: &Outcome) -> String {
    let mut lines = vec![format!("run {} exit code {}", outcome.run_id, outcome.exit_code())];
    lines.extend(outcome.kept().map(|(what, object)| format!("{what} {}", object.key)));
    lines.extend(outcome.failures().into_iter().map(|(source, kind, why)| format!("{source} {kind}: {why}")));
    lines.join("\n")
}
