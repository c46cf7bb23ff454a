//! The host's own options, and the parting of a command line into them and the job's.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Command, Parser, ValueEnum};
use f1_ingest_component::error::{Error, Result};
use f1_ingest_component::options::{OPTIONS, help as job_help, size};

use crate::schedule::Schedule;

#[derive(Args, Debug, Clone)]
pub struct HostOptions {
    /// Store into this folder, an embedded S3: needs no bucket, keys or region
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// Write every upstream response into this folder
    #[arg(long, value_name = "DIR", conflicts_with = "replay")]
    pub record: Option<PathBuf>,
    /// Answer upstreams from this recording, never from the network; may be repeated
    #[arg(long, value_name = "DIR")]
    pub replay: Vec<PathBuf>,
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
    pub progress: Progress,
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

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Auto,
    Always,
    Never,
}

/// The host's part of the command line of `run`.
#[derive(Parser)]
#[command(name = "f1-ingest run", disable_help_flag = true)]
pub struct RunLine {
    #[command(flatten)]
    pub host: HostOptions,
}

/// The host's part of the command line of `serve`.
#[derive(Parser)]
#[command(name = "f1-ingest serve", disable_help_flag = true)]
pub struct ServeLine {
    #[command(flatten)]
    pub serve: ServeOptions,
    #[command(flatten)]
    pub host: HostOptions,
}

#[derive(Args, Debug)]
pub struct ServeOptions {
    /// Address to listen on; F1_INGEST_TOKEN has to be set where others can reach it
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: String,
    /// Run the job by the clock too: cron's five fields, in UTC
    #[arg(long, value_name = "CRON")]
    pub schedule: Option<Schedule>,
    /// Note the last scheduled run in this file, so that a restart makes up for a missed one
    #[arg(long, value_name = "FILE", requires = "schedule")]
    pub state: Option<PathBuf>,
}

impl Default for HostOptions {
    fn default() -> HostOptions {
        RunLine::parse_from(["f1-ingest run"]).host
    }
}

/// Takes the host's options out of a command line; the rest, unchanged, is the job's.
pub fn take<L: Parser>(arguments: Vec<String>) -> Result<(L, Vec<String>)> {
    let command = L::command();
    let (host, job) = split(&command, arguments);
    let line = L::try_parse_from(std::iter::once(command.get_name().to_owned()).chain(host));
    line.map(|line| (line, job)).map_err(|error| {
        let text = error.to_string();
        let cause = text.split("\n\n").next().unwrap_or_default();
        Error::usage(format!("{}; --help lists the options", cause.trim_start_matches("error: ")))
    })
}

/// The help of `run` or `serve`, both parts.
pub fn help<L: Parser>() -> String {
    let mut command = L::command();
    let host = command.render_help().to_string();
    let (_, host) = host.split_once("Options:\n").unwrap_or_default();
    let (name, job) = (command.get_name(), job_help());
    format!("Usage: {name} [HOST OPTIONS] [JOB OPTIONS]\n\n{job}\nHost options:\n{host}")
}

/// Parts a command line: options that clap knows go to the host, everything else to the job in its order.
///
/// The job's options are known too, so that a value that looks like a host option stays a value.
fn split(command: &Command, arguments: Vec<String>) -> (Vec<String>, Vec<String>) {
    let (mut host, mut job) = (Vec::new(), Vec::new());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            job.push(argument);
            job.extend(arguments);
            break;
        }
        let is_host = |name: &str| command.get_arguments().any(|known| known.get_long() == Some(name));
        let long = argument.strip_prefix("--").map(|long| long.split('=').next().unwrap_or(long));
        let (side, takes_value) = match long {
            Some(name) if is_host(name) => (&mut host, true),
            Some(name) => (&mut job, OPTIONS.iter().any(|job| job.name == name && job.value.is_some())),
            None => {
                let short = argument.strip_prefix('-').filter(|short| short.len() == 1);
                let is_short = |c: Option<char>| c.is_some() && short.and_then(|s| s.chars().next()) == c;
                (&mut job, OPTIONS.iter().any(|job| is_short(job.short) && job.value.is_some()))
            }
        };
        let needs_next = takes_value && !argument.contains('=');
        side.push(argument);
        if needs_next {
            side.extend(arguments.next());
        }
    }
    (host, job)
}

fn seconds(text: &str) -> std::result::Result<Duration, String> {
    let seconds = text.parse().ok().filter(|seconds| (1..=7 * 24 * 3600).contains(seconds));
    seconds.map(Duration::from_secs).ok_or("a whole number of seconds, at least 1 and at most a week".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parted(line: &str) -> (String, String) {
        let (host, job) = split(&RunLine::command(), line.split(' ').map(str::to_owned).collect());
        (host.join(" "), job.join(" "))
    }

    #[test]
    fn options_part_in_any_order() {
        let (host, job) =
            parted("--bucket lake --store d --include-fastf1 --replay=r --retries 2 --timeout 5");
        assert_eq!(host, "--store d --replay=r --timeout 5");
        assert_eq!(job, "--bucket lake --include-fastf1 --retries 2");
    }

    #[test]
    fn a_value_of_the_job_is_no_host_option() {
        assert_eq!(parted("-b --store --user-agent --replay").0, "");
        assert_eq!(parted("--store --bucket x").0, "--store --bucket");
        assert_eq!(parted("--mock-file=a --store b"), ("--store b".into(), "--mock-file=a".into()));
    }

    #[test]
    fn unknown_options_and_what_follows_two_dashes_go_to_the_job() {
        assert_eq!(parted("--nonsense --store a -- --store b").1, "--nonsense -- --store b");
    }

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

    #[test]
    fn a_wrong_host_option_is_one_line_of_usage() {
        let error = take::<RunLine>(vec!["--timeout".into(), "soon".into()]).err().unwrap();
        assert_eq!(error.kind.exit_code(), 2);
        assert!(error.message.contains("--timeout"), "{error}");
    }

    #[test]
    fn help_has_both_parts() {
        let help = help::<RunLine>();
        assert!(help.contains("--max-memory") && help.contains("--jolpica-url"), "{help}");
        assert!(
            super::help::<ServeLine>().contains("--schedule <CRON>") && !help.contains("--schedule <CRON>")
        );
    }
}
