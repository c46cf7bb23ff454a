//! A command line has two owners: the host takes its own options out of it, the rest is the job's.

use clap::{Command, Parser};
use f1_ingest_component::error::{Error, Result};
use f1_ingest_component::options::help as job_help;
use f1_ingest_component::options::table::OPTIONS;

/// Parses the host's options (`L`) out of a command line. Also gives the job's arguments: all others, in their
/// order. Fails, as wrong usage and in one line, if clap refuses a host option.
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

/// Takes the one argument out of the job's that is no option and no option's value. Fails, as wrong usage, if there are two.
pub fn positional(arguments: Vec<String>) -> Result<(Option<String>, Vec<String>)> {
    let (mut found, mut rest) = (None, Vec::new());
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if !argument.starts_with('-') {
            if let Some(first) = found.replace(argument) {
                return Err(Error::usage(format!(
                    "{first:?} and another: one is taken; --help lists the options"
                )));
            }
            continue;
        }
        let needs_next = !argument.contains('=') && takes_value(&argument);
        rest.push(argument);
        if needs_next {
            rest.extend(arguments.next());
        }
    }
    Ok((found, rest))
}

/// Whether an option of the job, as it is written, has a value behind it.
fn takes_value(argument: &str) -> bool {
    let (long, short) = (argument.strip_prefix("--"), argument.strip_prefix('-'));
    let short = short.filter(|short| short.len() == 1).and_then(|short| short.chars().next());
    OPTIONS.iter().any(|opt| {
        let is_it = long.is_some_and(|long| opt.name == long) || short.is_some() && opt.short == short;
        is_it && opt.value.is_some()
    })
}

/// The last lines of a help.
const SIGN_IN: &str = "F1TV, for recent livetiming: F1_USERNAME and F1_PASSWORD, by which runs sign in themselves, or `f1-ingest login`\n";

/// The help of a command that takes the job's options as well as the host's (`L`).
pub fn help<L: Parser>() -> String {
    let mut command = L::command();
    let host = command.render_help().to_string();
    let (_, host) = host.split_once("Options:\n").unwrap_or_default();
    let (name, job) = (command.get_name(), job_help());
    format!("Usage: {name} [HOST OPTIONS] [JOB OPTIONS]\n\n{job}\nHost options:\n{host}\n{SIGN_IN}")
}

/// The line that `--version` prints.
pub fn version() -> String {
    format!("f1-ingest {}\n", env!("CARGO_PKG_VERSION"))
}

/// Splits a command line: options that clap knows go to the host, everything else to the job.
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
        let of_host = |name: &str| command.get_arguments().find(|known| known.get_long() == Some(name));
        let long = argument.strip_prefix("--").map(|long| long.split('=').next().unwrap_or(long));
        let (side, takes_value) = match long.and_then(of_host) {
            Some(known) => (&mut host, known.get_action().takes_values()),
            None => (&mut job, takes_value(argument.split('=').next().unwrap_or(&argument))),
        };
        let needs_next = takes_value && !argument.contains('=');
        side.push(argument);
        if needs_next {
            side.extend(arguments.next());
        }
    }
    (host, job)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::options::HostOptions;

    use super::*;

    #[derive(Parser)]
    #[command(name = "f1-ingest run", disable_help_flag = true)]
    struct Line {
        #[arg(long = "plan")]
        _plan: bool,
        #[command(flatten)]
        _host: HostOptions,
    }

    fn parted(line: &str) -> (String, String) {
        let (host, job) = split(&Line::command(), line.split(' ').map(str::to_owned).collect());
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
    fn nothing_belongs_to_a_switch() {
        assert_eq!(parted("--plan --store d --bucket x"), ("--plan --store d".into(), "--bucket x".into()));
        assert_eq!(parted("--plan --bucket x"), ("--plan".into(), "--bucket x".into()));
    }

    #[test]
    fn a_value_of_the_job_is_not_a_host_option() {
        assert_eq!(parted("-b --store --user-agent --replay").0, "");
        assert_eq!(parted("--store --bucket x").0, "--store --bucket");
        assert_eq!(parted("--mock-file=a --store b"), ("--store b".into(), "--mock-file=a".into()));
    }

    #[test]
    fn unknown_options_and_what_follows_two_dashes_go_to_the_job() {
        assert_eq!(parted("--nonsense --store a -- --store b").1, "--nonsense -- --store b");
    }

    #[test]
    fn a_wrong_host_option_is_one_line_of_usage() {
        let error = take::<Line>(vec!["--timeout".into(), "soon".into()]).err().unwrap();
        assert_eq!(error.kind.exit_code(), 2);
        assert!(error.message.contains("--timeout"), "{error}");
    }

    #[test]
    fn help_has_both_parts() {
        let help = help::<Line>();
        assert!(help.contains("--max-memory") && help.contains("--jolpica-url"), "{help}");
    }

    #[test]
    fn what_is_no_option_and_no_value_stands_alone() {
        let parted = |line: &str| positional(line.split(' ').map(str::to_owned).collect());
        let (item, rest) = parted("--bucket lake fastf1/2024 -r eu --if-changed --region=eu").unwrap();
        assert_eq!(
            (item.as_deref(), rest.join(" ").as_str()),
            (Some("fastf1/2024"), "--bucket lake -r eu --if-changed --region=eu")
        );
        assert_eq!(parted("-b a").unwrap().0, None);
        assert!(parted("a b").is_err());
    }
}
