//! The host's own options, and the parting of a command line into them and the job's.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, ValueEnum};
use f1_ingest_component::error::{Error, Result};
use f1_ingest_component::options::{OPTIONS, help, size};

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
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    Auto,
    Always,
    Never,
}

/// Gives clap the options without a subcommand around them.
#[derive(Parser)]
#[command(name = "f1-ingest run", disable_help_flag = true)]
struct HostLine {
    #[command(flatten)]
    options: HostOptions,
}

impl Default for HostOptions {
    fn default() -> HostOptions {
        HostLine::parse_from(["f1-ingest run"]).options
    }
}

impl HostOptions {
    /// Takes the host's options out of a command line; the rest, unchanged, is the job's.
    pub fn take(arguments: Vec<String>) -> Result<(HostOptions, Vec<String>)> {
        let (host, job) = split(arguments);
        let line = HostLine::try_parse_from(std::iter::once("f1-ingest run".to_owned()).chain(host));
        line.map(|line| (line.options, job)).map_err(|error| {
            let text = error.to_string();
            let cause = text.lines().next().unwrap_or_default();
            Error::usage(format!("{}; --help lists the options", cause.trim_start_matches("error: ")))
        })
    }
}

/// The help of `run`, both parts.
pub fn run_help() -> String {
    let host = HostLine::command().render_help().to_string();
    let (_, host) = host.split_once("Options:\n").unwrap_or_default();
    format!("Usage: f1-ingest run [HOST OPTIONS] [JOB OPTIONS]\n\n{}\nHost options:\n{host}", help())
}

/// Parts a command line: options that clap knows go to the host, everything else to the job in its order.
///
/// The job's options are known too, so that a value that looks like a host option stays a value.
fn split(arguments: Vec<String>) -> (Vec<String>, Vec<String>) {
    let command = HostLine::command();
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
    use super::*;

    fn parted(line: &str) -> (String, String) {
        let (host, job) = split(line.split(' ').map(str::to_owned).collect());
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
        let error = HostOptions::take(vec!["--timeout".into(), "soon".into()]).unwrap_err();
        assert_eq!(error.kind.exit_code(), 2);
        assert!(error.message.contains("--timeout"), "{error}");
    }

    #[test]
    fn help_has_both_parts() {
        let help = run_help();
        assert!(help.contains("--max-memory") && help.contains("--jolpica-url"), "{help}");
    }
}
