//! From a command line and its environment to a [`Job`].

mod object;
mod secrets;
mod syntax;
pub mod table;
mod values;

use crate::catalog::Prefix;
use crate::error::{Error, Result};
use crate::http::budget::Limit;
use crate::http::url;
use crate::job::Job;
use crate::livetiming::{Livetiming, Token};
use crate::s3::bucket::{self, Bucket, Previous};
use crate::s3::checksum::Checksum;
use crate::s3::credentials::{Keys, NO_CREDENTIALS};
use crate::schedule::{Round, SessionRequest, as_of, season};
use crate::session::{FIRST_SEASON, SessionName};
use crate::source::{Item, Of, Source};
use crate::upstreams::Upstreams;
use crate::{jolpica, log};
use syntax::{attempts, budget_hour, gzip, header_value, part_size, requests_per_hour, requests_per_second};
use table::OPTIONS;
use values::{Values, given};

pub use syntax::size;

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a command line asks for.
#[derive(Debug)]
pub enum Command {
    Help,
    Version,
    Ingest(Box<Job>),
}

/// The help text, one line an option, out of [`OPTIONS`].
pub fn help() -> String {
    let mut text = String::from("Fetches Formula 1 data and stores it in an S3 bucket.\n\nJob options:\n");
    for opt in OPTIONS {
        let short = opt.short.map_or("    ".into(), |c| format!("-{c}, "));
        let name = format!("{short}--{} {}", opt.name, opt.value.unwrap_or_default());
        text.push_str(&format!("  {name:<32} {}", opt.help));
        if !opt.variables.is_empty() {
            text.push_str(&format!(" [env: {}]", opt.variables.join(", ")));
        }
        if let Some(default) = opt.default {
            text.push_str(&format!(" [default: {default}]"));
        }
        text.push('\n');
    }
    text.push_str("\nCredentials: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; F1TV_TOKEN\n");
    text.push_str(
        "Exit codes: 0 all stored, 1 failed, 2 wrong usage (nothing was sent), 75 not now, try later\n",
    );
    text
}

/// As [`read`], but a run that cannot store for want of credentials is an error.
pub fn parse(arguments: &[String], variable: impl Fn(&str) -> Option<String>) -> Result<Command> {
    match read(arguments, variable)? {
        Command::Ingest(job) if job.lacks_credentials() => Err(Error::usage(NO_CREDENTIALS)),
        command => Ok(command),
    }
}

/// Reads a command line (program name not included) and the environment.
///
/// An option wins over its variable; a variable that is set but empty counts as not set.
pub fn read(arguments: &[String], variable: impl Fn(&str) -> Option<String>) -> Result<Command> {
    let given = given(arguments)?;
    if given.contains_key("help") {
        return Ok(Command::Help);
    }
    if given.contains_key("version") {
        return Ok(Command::Version);
    }
    let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
    let values = Values { given, variable };
    job(&values).map(|job| Command::Ingest(Box::new(job)))
}

fn job<V: Fn(&str) -> Option<String>>(values: &Values<V>) -> Result<Job> {
    let endpoint = values.parsed("endpoint-url", url::base)?;
    let bucket_name =
        |text: &str| bucket::name(text).and_then(|name| syntax::bucket(name, endpoint.is_none()));
    let name = values.required("bucket", bucket_name)?;
    Ok(Job {
        items: items(values)?,
        mock_file: values.get("mock-file"),
        catalog: values.parsed("catalog", Prefix::parse)?,
        upstreams: Upstreams {
            jolpica: values.required("jolpica-url", url::absolute)?,
            jolpica_hour: Limit {
                requests: values.required("requests-per-hour", requests_per_hour)?,
                window: values.required("budget-hour", budget_hour)?,
            },
            schedule: values.required("schedule-url", url::base)?,
            livetiming: Livetiming {
                official: values.required("livetiming-url", url::base)?,
                mirror: values.required("livetiming-mirror-url", url::base)?,
                token: (values.variable)("F1TV_TOKEN").map(|token| Token::parse(&token)).transpose()?,
            },
        },
        bucket: Bucket {
            name,
            region: values.required("region", bucket::region)?,
            endpoint,
            keys: Keys::of(secrets::checked(&values.variable)?)?,
            unsigned: values.switch("no-sign-request"),
            part_size: values.required("part-size", part_size)?,
            gzip: values.parsed("compress", gzip)?.is_some(),
            path_style: values.switch("path-style"),
            fips: values.switch("use-fips-endpoint"),
            dualstack: values.switch("use-dualstack-endpoint"),
            if_changed: match values.parsed("if-changed-from", Previous::parse)? {
                None => values.switch("if-changed").then_some(Previous::Newest),
                known => known,
            },
            checksum: values.required("checksum", Checksum::parse)?,
            headers: object::headers(values)?,
        },
        attempts: values.required("retries", attempts)?,
        user_agent: values.required("user-agent", header_value)?,
        requests_per_second: values.required("requests-per-second", requests_per_second)?,
        dry_run: values.switch("dry-run"),
        log_format: values.required("log-format", log::Format::parse)?,
        run_id: None,
        names_sources: false,
    })
}

/// The old switches: each means Jolpica and this source.
const INCLUDED: &[(&str, Source)] = &[
    ("include-fastf1", Source::Fastf1),
    ("include-telemetry", Source::Telemetry),
    ("include-livetiming", Source::Livetiming),
];

/// The options that choose items by what they are of.
const CHOOSING: &[&str] = &[
    "sources",
    "include-fastf1",
    "include-telemetry",
    "include-livetiming",
    "season",
    "round",
    "session",
    "as-of",
    "mock-file",
];

/// The documents to keep.
fn items<V: Fn(&str) -> Option<String>>(values: &Values<V>) -> Result<Vec<Item>> {
    if let Some(items) = values.parsed("items", Item::list)? {
        return match CHOOSING.iter().find(|option| values.given.contains_key(**option)) {
            Some(option) => {
                Err(Error::usage(format!("--items and --{option} exclude each other: an item says it all")))
            }
            None => Ok(items),
        };
    }
    let sources = sources(values)?;
    let request = SessionRequest {
        season: values.parsed("season", season)?,
        round: values.parsed("round", Round::parse)?,
        session: values.parsed("session", SessionName::parse)?,
        as_of: values.parsed("as-of", as_of)?,
    };
    let needs_session = sources.iter().any(|source| source.needs_session());
    if needs_session && let Some(season) = request.season.filter(|season| *season < FIRST_SEASON) {
        let message = format!("--season {season}: livetiming begins in {FIRST_SEASON}");
        return Err(Error::usage(message));
    }
    let is_chosen = request.is_by_name() || request.as_of.is_some();
    if is_chosen && !needs_session {
        can_choose(&sources, &request)?;
    }
    // Beside a source that needs it, the session is that source's, and Jolpica's document the one at its URL.
    let has_session = |source: Source| source.needs_session() || is_chosen && !needs_session;
    let item = |source| Item {
        source,
        of: if has_session(source) { Of::Session(request.clone()) } else { Of::Option },
    };
    Ok(sources.into_iter().map(item).collect())
}

fn sources<V: Fn(&str) -> Option<String>>(values: &Values<V>) -> Result<Vec<Source>> {
    let included = || INCLUDED.iter().filter(|(switch, _)| values.switch(switch));
    if values.get("mock-file").is_some() {
        // The script that this job replaces took `--include-fastf1` beside it, and stored the file.
        return match values.given.contains_key("sources") {
            true => Err(Error::usage("--mock-file and --sources exclude each other: the file is the source")),
            false => Ok(vec![Source::Mock]),
        };
    }
    match (values.parsed("sources", Source::list)?, included().next()) {
        (None, _) => Ok([Source::Jolpica].into_iter().chain(included().map(|(_, source)| *source)).collect()),
        (Some(sources), None) => Ok(sources),
        (Some(_), Some((switch, source))) => Err(Error::usage(format!(
            "--sources and --{switch} exclude each other: name {} in --sources",
            source.name()
        ))),
    }
}

/// Fails if a session was asked for and no document depends on it.
fn can_choose(sources: &[Source], request: &SessionRequest) -> Result<()> {
    let name = request.season.map_or(request.name(), |season| request.name().in_season(season));
    if !sources.contains(&Source::Jolpica) {
        return Err(Error::usage("--season, --round, --session and --as-of choose nothing of a --mock-file"));
    }
    match jolpica::results_of(name) {
        Some(_) => Ok(()),
        None => Err(Error::usage(format!(
            "--session {}: Jolpica has results of R, Q and S only; add a source that has this session: \
             --sources fastf1",
            name.abbreviation()
        ))),
    }
}
