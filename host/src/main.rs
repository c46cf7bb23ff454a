//! `f1-ingest`: runs the ingest component in a sandbox, from cron, CI or as a small HTTP service.

mod check;
mod compiled;
mod component;
mod credentials;
mod demo;
mod files;
mod listen;
mod metrics;
mod native;
mod observe;
mod options;
mod outbound;
mod outcome;
mod pool;
mod progress;
mod recording;
mod replay;
mod run;
mod runner;
mod sandbox;
mod schedule;
mod serve;
mod service;
mod source;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Fetches Formula 1 data and stores it in an S3 bucket
#[derive(Parser)]
#[command(name = "f1-ingest", version)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the job once; `run --help` lists its options
    #[command(disable_help_flag = true)]
    Run {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
        arguments: Vec<String>,
    },
    /// Say whether `run` with the same options will work, and what to do where it will not
    #[command(disable_help_flag = true)]
    Check {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
        arguments: Vec<String>,
    },
    /// Run the job on `POST /ingest` and by the clock; `serve --help` lists its options
    #[command(disable_help_flag = true)]
    Serve {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
        arguments: Vec<String>,
    },
    /// See it work: no arguments, no network, no account
    Demo,
    /// Serve a folder that `run --store` wrote to any S3 client
    Store {
        dir: PathBuf,
        /// Address to listen on
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9000")]
        listen: String,
    },
    /// Serve recordings as http://ADDR/<host>/<path>, for runtimes other than this one
    Replay {
        #[arg(required = true, value_name = "DIR")]
        dirs: Vec<PathBuf>,
        /// Address to listen on
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8000")]
        listen: String,
    },
    /// Write the component that this binary carries to a file, for any runtime
    Component {
        #[arg(long, value_name = "FILE", required_unless_present = "wit")]
        output: Option<PathBuf>,
        /// Write it compiled for this machine and for wasmtime's own command of this host's version
        #[arg(long, requires = "output")]
        precompiled: bool,
        /// Print its world: what it asks of a runtime, and what it does for one
        #[arg(long)]
        wit: bool,
    },
}

fn main() -> ExitCode {
    log_to_stderr();
    let outcome = match CommandLine::parse().command {
        Command::Run { arguments } => watched(arguments, run::run),
        Command::Check { arguments } => check::check(arguments),
        Command::Serve { arguments } => watched(arguments, serve::serve),
        Command::Demo => demo::demo(),
        Command::Store { dir, listen } => store::serve(&dir, &listen),
        Command::Replay { dirs, listen } => replay::serve(&dirs, &listen),
        Command::Component { output, precompiled, wit } => {
            component::component(output.as_deref(), precompiled, wit)
        }
    };
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("f1-ingest: {error:#}");
            ExitCode::from(outcome::exit_code(&error))
        }
    }
}

/// Does what a monitor waits to hear of: who reads only its page must learn of a refusal, too.
fn watched(arguments: Vec<String>, what: fn(Vec<String>) -> anyhow::Result<u8>) -> anyhow::Result<u8> {
    what(arguments.clone()).inspect_err(|why| observe::refused(&arguments, why))
}

/// The host's own log: warnings, or what `RUST_LOG` (a level: error, warn, info, debug, trace) asks for.
///
/// s3s calls every request that the embedded store refuses an error; the client hears of it anyway.
fn log_to_stderr() {
    let asked: Option<LevelFilter> = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok());
    // The SDK writes what credential services answer into its trace, and warns of what it also returns.
    let level =
        Targets::new().with_default(asked.unwrap_or(LevelFilter::WARN)).with_target("aws_", LevelFilter::OFF);
    let level = if asked.is_some() { level } else { level.with_target("s3s", LevelFilter::OFF) };
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time();
    // A reader of stderr that has gone must not end the program.
    let lines = lines.log_internal_errors(false);
    tracing_subscriber::registry().with(lines.with_filter(level)).init();
}
