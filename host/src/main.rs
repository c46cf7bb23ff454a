//! `f1-ingest`: runs the ingest component in a sandbox, from cron, CI or as a small HTTP service.
//!
//! Modules need each other in one direction: a module knows those of the lines below, and those to its right.
//!
//! 1. `commands`: a module for each command; no command knows another.
//! 2. `scheduled`, `service`, `backfill`, `runner`, `observe`: many runs, one run, and who hears of it.
//! 3. `lake`, `prepare`, `sandbox`, `native`, `outbound`, `gates`: what a run is given, and what its requests meet.
//! 4. `store`, `credentials`, `f1tv`, `recording`, `budget`, `progress`, `witness`, `signals`, `stop`, `pool`, `proxies`,
//!    `trust`: what answers, sends, watches or ends a request.
//! 5. The rest: one small thing in each, such as `options`, `variables` and `files`, for everybody above.

mod backfill;
mod bindings;
mod budget;
mod command_line;
mod commands;
mod compiled;
mod credentials;
mod cron;
mod f1tv;
mod files;
mod gates;
mod lake;
mod listen;
mod lock;
mod metrics;
mod native;
mod no_proxy;
mod observe;
mod options;
mod outbound;
mod outcome;
mod pool;
mod prepare;
mod profiles;
mod progress;
mod proxies;
mod random;
mod recording;
mod runner;
mod sandbox;
mod scheduled;
mod service;
mod signals;
mod stdio;
mod stop;
mod store;
mod trust;
mod variables;
mod witness;

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
    command: Commands,
}

#[derive(Subcommand)]
enum Commands {
    /// Run the job once; `run --help` lists its options
    #[command(disable_help_flag = true)]
    Run {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
        arguments: Vec<String>,
    },
    /// Bring a bucket up to date, season by season; `backfill --help` lists its options
    #[command(disable_help_flag = true)]
    Backfill {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
        arguments: Vec<String>,
    },
    /// Say what a bucket holds, what is missing, and how the last runs went
    #[command(disable_help_flag = true)]
    Status {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
        arguments: Vec<String>,
    },
    /// List the keys of an item's documents, newest first: `ls fastf1/2024/05/Q`
    #[command(disable_help_flag = true)]
    Ls {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "[ITEM] OPTIONS")]
        arguments: Vec<String>,
    },
    /// Read every document back and compare it with what was noted
    #[command(disable_help_flag = true)]
    Verify {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
        arguments: Vec<String>,
    },
    /// Take care of a bucket's catalogue
    Catalog {
        #[command(subcommand)]
        command: CatalogCommands,
    },
    /// Say whether `run` with the same options will work, and what to do if it will not
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
    /// Sign in to F1TV, whose token livetiming wants, or say who is signed in
    ///
    /// By F1_USERNAME and F1_PASSWORD, or what you type. The token is kept for runs, until it ends after some four days; runs
    /// that have these two variables sign in themselves.
    Login(commands::login::LoginLine),
    /// Forget the F1TV token
    Logout,
    /// See it work: no arguments, no network, no account
    Demo,
    /// Serve a folder that `run --store` wrote to any S3 client
    Store {
        dir: PathBuf,
        /// Address to listen on
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9000")]
        listen: String,
        /// A name by which clients may ask it, such as a proxy's in front of it; may be repeated. `.example.org` stands for
        /// all names that end so
        #[arg(long, value_name = "NAME")]
        name: Vec<String>,
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

#[derive(Subcommand)]
enum CatalogCommands {
    /// Make it anew from what lies in the bucket
    #[command(disable_help_flag = true)]
    Rebuild {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "OPTIONS")]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    log_to_stderr();
    commands::ended(match CommandLine::parse().command {
        Commands::Run { arguments } => commands::run::run(arguments),
        Commands::Backfill { arguments } => commands::backfill::backfill(arguments),
        Commands::Status { arguments } => commands::status::status(arguments),
        Commands::Ls { arguments } => commands::ls::ls(arguments),
        Commands::Verify { arguments } => commands::verify::verify(arguments),
        Commands::Catalog { command: CatalogCommands::Rebuild { arguments } } => {
            commands::catalog::rebuild(arguments)
        }
        Commands::Check { arguments } => commands::check::check(arguments),
        Commands::Serve { arguments } => commands::serve::serve(arguments),
        Commands::Login(line) => commands::login::login(&line),
        Commands::Logout => commands::login::logout(),
        Commands::Demo => commands::demo::demo(),
        Commands::Store { dir, listen, name } => commands::store::serve(&dir, &listen, name),
        Commands::Replay { dirs, listen } => commands::replay::serve(&dirs, &listen),
        Commands::Component { output, precompiled, wit } => {
            commands::component::component(output.as_deref(), precompiled, wit)
        }
    })
}

/// The host's own log: warnings, or what `RUST_LOG` (a level: error, warn, info, debug, trace) asks for.
fn log_to_stderr() {
    let asked: Option<LevelFilter> = std::env::var("RUST_LOG").ok().and_then(|level| level.parse().ok());
    // The AWS SDK traces what credential services answer, secrets included, and warns of errors that it also returns.
    let level =
        Targets::new().with_default(asked.unwrap_or(LevelFilter::WARN)).with_target("aws_", LevelFilter::OFF);
    // s3s logs each request that it refuses as an error; the client hears of it anyway.
    let level = if asked.is_some() { level } else { level.with_target("s3s", LevelFilter::OFF) };
    // A reader of stderr that has gone must not end the program.
    let lines = || tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let lines = match stdio::is_json() {
        true => lines().json().flatten_event(true).boxed(),
        false => lines().without_time().boxed(),
    };
    tracing_subscriber::registry().with(lines.with_filter(level)).init();
}
