//! The host's own options, as every command that runs the job takes them.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};
use f1_ingest_component::options::size;

/// How the host runs the job. The docs of the fields are the help.
#[derive(Args, Debug, Clone)]
pub struct HostOptions {
    /// Store into this folder, an embedded S3: needs no bucket, keys or region
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Take the credentials of this profile in ~/.aws/config, whatever the environment holds
    #[arg(long, value_name = "NAME", conflicts_with = "store")]
    pub profile: Option<String>,
    /// Write every upstream response into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Answer upstreams from this recording, never from the network; may be repeated
    #[arg(long, value_name = "DIR")]
    pub replay: Vec<PathBuf>,
    /// Reach livetiming through this proxy, and nothing else: http://[USER:PASSWORD@]HOST:PORT [env: F1_LIVETIMING_PROXY]
    #[arg(long, value_name = "URL")]
    pub livetiming_proxy: Option<ProxyUrl>,
    /// Run this component, not the one that the binary carries
    #[arg(long, value_name = "FILE")]
    pub component: Option<PathBuf>,
    /// Let the job reach this host too, `name` or `name:port`; may be repeated
    #[arg(long, value_name = "HOST")]
    pub allow: Vec<String>,
    /// Stop the job after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "1800", value_parser = seconds)]
    pub timeout: Duration,
    /// Memory that the job may use, in MiB or with a unit
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = size)]
    pub max_memory: usize,
    /// Show on stderr what is being transferred; `auto`: on a terminal
    #[arg(long, value_name = "WHEN", default_value = "auto")]
    pub progress: When,
    /// Write what became of a run into this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,
    /// Write a run's figures into this file, for Prometheus's textfile collector
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
    /// Tell a monitor of a run's start (URL/start), success (URL) or failure (URL/fail) [env: F1_PING_URL]
    #[arg(long, value_name = "URL")]
    pub ping_url: Option<String>,
}

/// What somebody gave as a proxy's URL. It may hold a password, so it shows nowhere.
#[derive(Clone)]
pub struct ProxyUrl(pub String);

impl From<String> for ProxyUrl {
    fn from(text: String) -> ProxyUrl {
        ProxyUrl(text)
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyUrl(***)")
    }
}

/// When to show progress; `Auto`: if stderr is a terminal.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Auto,
    Always,
    Never,
}

impl Default for HostOptions {
    /// What a command line without options gives.
    fn default() -> HostOptions {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            host: HostOptions,
        }
        Line::parse_from(["f1-ingest"]).host
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=7 * 24 * 3600).contains(seconds));
    seconds.map(Duration::from_secs).ok_or("a whole number of seconds, at least 1 and at most a week".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("256"), Ok(256 << 20));
        assert_eq!(size("64KiB"), Ok(64 << 10));
        assert_eq!(size("1 GiB"), Ok(1 << 30));
        assert!(
            ["", "0", "MiB", "-1", "1TiB", "99999999999999999999", "99999999999GiB"]
                .iter()
                .all(|wrong| size(wrong).is_err())
        );
    }
}
