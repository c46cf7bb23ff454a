//! The job's options: one table that parsing, help and the sandbox all read.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue, Uri};

use crate::client::authority;
use crate::error::{Error, Result};
use crate::livetiming::{Livetiming, Token};
use crate::log;
use crate::s3::checksum::Checksum;
use crate::s3::credentials::{Keys, NO_CREDENTIALS};
use crate::s3::{headers, sign, uri};
use crate::schedule::{Name, Round, SessionRequest, as_of, season};

/// One option and the variables that stand in for it, the first that is set and not empty.
pub struct Opt {
    pub name: &'static str,
    pub short: Option<char>,
    /// The placeholder of its value in the help; none for a switch.
    pub value: Option<&'static str>,
    pub variables: &'static [&'static str],
    pub default: Option<&'static str>,
    pub help: &'static str,
    /// Whether a caller of `POST /ingest` may set it.
    pub per_request: bool,
}

const fn option(
    name: &'static str,
    value: &'static str,
    variables: &'static [&'static str],
    default: Option<&'static str>,
    help: &'static str,
) -> Opt {
    Opt { name, short: None, value: Some(value), variables, default, help, per_request: false }
}

const fn switch(name: &'static str, help: &'static str) -> Opt {
    Opt { name, short: None, value: None, variables: &[], default: None, help, per_request: false }
}

impl Opt {
    const fn short(self, short: char) -> Opt {
        Opt { short: Some(short), ..self }
    }

    const fn variables(self, variables: &'static [&'static str]) -> Opt {
        Opt { variables, ..self }
    }

    const fn per_request(self) -> Opt {
        Opt { per_request: true, ..self }
    }
}

/// The placeholder of an option that may be repeated.
const PAIR: &str = "NAME=VALUE";

const USER_AGENT: &str = concat!(
    "f1-ingest/",
    env!("CARGO_PKG_VERSION"),
    " (Formula 1 data archiver; set --user-agent to name yourself and a contact)"
);

pub const OPTIONS: &[Opt] = &[
    option("bucket", "NAME", &["F1_S3_BUCKET"], None, "bucket to store into (required)").short('b'),
    option("region", "NAME", &["AWS_REGION", "AWS_DEFAULT_REGION"], Some("us-east-2"), "region to sign for")
        .short('r'),
    option(
        "endpoint-url",
        "URL",
        &["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"],
        None,
        "S3 store other than AWS, addressed path-style",
    ),
    option(
        "jolpica-url",
        "URL",
        &["JOLPICA_URL"],
        Some("https://api.jolpi.ca/ergast/f1/current/last/results.json"),
        "Ergast-compatible URL to fetch",
    ),
    switch("include-fastf1", "also store laps, weather and results of the most recent completed race")
        .per_request(),
    switch("include-telemetry", "also store car data and positions of that session").per_request(),
    switch("include-livetiming", "also store every timing feed of that session, untouched").per_request(),
    option("season", "YEAR", &[], None, "season of the session [default: the current one]").per_request(),
    option("round", "ROUND", &[], None, "round, or a Grand Prix name [default: the most recent one]")
        .per_request(),
    option("session", "SESSION", &[], Some("R"), "FP1, FP2, FP3, Q, SQ, SS, S or R").per_request(),
    option("as-of", "INSTANT", &[], None, "choose the session as if run then: 2024-07-08T12:00:00Z")
        .per_request(),
    option(
        "livetiming-url",
        "URL",
        &["F1_LIVETIMING_URL"],
        Some("https://livetiming.formula1.com/static/"),
        "Formula 1's timing feeds; F1TV_TOKEN is sent here and nowhere else",
    ),
    option(
        "livetiming-mirror-url",
        "URL",
        &["F1_LIVETIMING_MIRROR_URL"],
        Some("https://livetiming-mirror.fastf1.dev/static/"),
        "asked where livetiming answers 400 or more",
    ),
    option(
        "schedule-url",
        "URL",
        &["F1_SCHEDULE_URL"],
        Some("https://raw.githubusercontent.com/theOehrly/f1schedule/master/"),
        "where schedule_<year>.json lies",
    ),
    option(
        "part-size",
        "SIZE",
        &["F1_S3_PART_SIZE"],
        Some("8MiB"),
        "a longer document is sent in parts of so many MiB (or with a unit); two are in memory",
    ),
    option("compress", "gzip", &["F1_COMPRESS"], None, "store with Content-Encoding: gzip"),
    option("mock-file", "FILE", &[], None, "store this JSON file as source `mock`, fetch nothing"),
    option("retries", "N", &[], Some("3"), "attempts at the whole operation, 5, 10, 15 ... seconds apart")
        .per_request(),
    option("user-agent", "TEXT", &["F1_USER_AGENT"], Some(USER_AGENT), "User-Agent of every request"),
    option(
        "requests-per-second",
        "N",
        &["F1_REQUESTS_PER_SECOND"],
        Some("4"),
        "requests a second to each upstream host, 0 for no limit (a mirror of your own)",
    ),
    switch("if-changed", "store nothing where the newest object of the source has the same bytes")
        .per_request(),
    switch("path-style", "address the bucket in the path at AWS too"),
    switch("use-fips-endpoint", "AWS's FIPS endpoint").variables(&["AWS_USE_FIPS_ENDPOINT"]),
    switch("use-dualstack-endpoint", "AWS's endpoint for IPv6 too")
        .variables(&["AWS_USE_DUALSTACK_ENDPOINT"]),
    option(
        "checksum",
        "ALGORITHM",
        &[],
        Some("none"),
        "crc32, crc32c, crc64nvme, sha256: beside the signed one",
    ),
    option("sse", "ALGORITHM", &[], None, "encryption at rest: AES256 or aws:kms"),
    option("sse-kms-key-id", "KEY", &[], None, "key of --sse aws:kms"),
    option("storage-class", "CLASS", &[], None, "storage class of the objects"),
    option("acl", "ACL", &[], None, "canned ACL of the objects"),
    option("tag", PAIR, &[], None, "tag of the objects; may be repeated"),
    option("metadata", PAIR, &[], None, "further metadata of the objects; may be repeated"),
    switch("no-sign-request", "send the store unsigned requests, for one that needs no credentials"),
    switch("dry-run", "fetch and say what would be stored, store nothing").per_request(),
    option("log-format", "FORMAT", &["F1_LOG_FORMAT"], Some("text"), "logs on stderr as `text` or `json`"),
    switch("help", "print this help").short('h'),
    switch("version", "print the version").short('V'),
];

/// Variables that are no option's: secrets do not belong on a command line.
pub const SECRET_VARIABLES: &[&str] =
    &["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "F1TV_TOKEN"];

pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// All variables that the job reads. A sandbox need not show it any other.
pub fn variables() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().flat_map(|opt| opt.variables).chain(SECRET_VARIABLES).copied()
}

/// What a command line asks for.
#[derive(Debug)]
pub enum Command {
    Help,
    Version,
    Ingest(Box<Job>),
}

/// One run, validated: nothing in here can turn out to be malformed once requests are under way.
#[derive(Debug)]
pub struct Job {
    /// Store this file and fetch nothing.
    pub mock_file: Option<String>,
    pub jolpica_url: Uri,
    /// Whether to store laps, weather and results of a session.
    pub include_fastf1: bool,
    /// Whether to store its car data and positions.
    pub include_telemetry: bool,
    /// Whether to store its timing feeds as they are.
    pub include_livetiming: bool,
    pub session: SessionRequest,
    pub livetiming: Livetiming,
    /// The folder of the season schedules, without a slash at its end.
    pub schedule_url: Uri,
    pub bucket: Bucket,
    /// Attempts at the whole operation, at least 1.
    pub attempts: u32,
    pub user_agent: HeaderValue,
    /// A second and upstream host; 0 is no limit.
    pub requests_per_second: usize,
    pub dry_run: bool,
    pub log_format: log::Format,
    /// What the host calls this run; none: the job makes an id up.
    pub run_id: Option<String>,
}

impl Job {
    /// `host[:port]` of everything that this run may reach.
    pub fn hosts(&self) -> Vec<String> {
        let jolpica = self.mock_file.is_none().then_some(&self.jolpica_url);
        let session = [&self.schedule_url, &self.livetiming.official, &self.livetiming.mirror];
        let wanted = self.include_fastf1 || self.include_telemetry || self.include_livetiming;
        let session = session.into_iter().filter(|_| self.mock_file.is_none() && wanted);
        let store = (!self.dry_run).then(|| authority(&self.bucket.url()));
        jolpica.into_iter().chain(session).map(authority).chain(store).collect()
    }

    /// Whether something is to be stored and nobody is there to sign for it.
    pub fn lacks_credentials(&self) -> bool {
        matches!(self.bucket.keys, Keys::Nowhere) && !self.bucket.unsigned && !self.dry_run
    }
}

/// Where objects go, and who writes them.
#[derive(Debug)]
pub struct Bucket {
    pub name: String,
    pub region: String,
    /// None is AWS.
    pub endpoint: Option<Uri>,
    pub keys: Keys,
    /// Requests are not signed, and need no credentials.
    pub unsigned: bool,
    /// Bytes. A document that is not shorter is sent in parts.
    pub part_size: usize,
    /// Whether objects are compressed.
    pub gzip: bool,
    pub path_style: bool,
    pub fips: bool,
    pub dualstack: bool,
    /// Whether a document is stored only where it differs from the newest object of its source.
    pub if_changed: bool,
    pub checksum: Option<Checksum>,
    /// What every object gets beside its own headers.
    pub headers: HeaderMap,
}

/// Where the host's embedded store is found: not on the network.
pub const EMBEDDED_STORE: &str = "store.f1-ingest.internal";

impl Bucket {
    /// Whether the store is known to honour `If-None-Match`: AWS and our own. Of others it has to be found out.
    pub fn is_conditional(&self) -> bool {
        self.endpoint.is_none() || self.is_embedded()
    }

    /// Whether the store is in the host's own process.
    pub fn is_embedded(&self) -> bool {
        self.endpoint.as_ref().is_some_and(|endpoint| endpoint.host() == Some(EMBEDDED_STORE))
    }

    /// The URL of the bucket, without a slash at its end: path-style at an endpoint, virtual-hosted at AWS.
    ///
    /// A bucket with a dot in its name is addressed path-style at AWS too: no certificate covers the host
    /// that it would have. <https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html>
    pub fn url(&self) -> Uri {
        self.url_in(&self.region)
    }

    /// As [`Bucket::url`], in another region.
    pub fn url_in(&self, region: &str) -> Uri {
        let name = &self.name;
        // Nobody is sent from one partition to another.
        let suffix = match self.region.split('-').next() {
            Some("cn") => "amazonaws.com.cn",
            Some("eusc") => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        let fips = if self.fips { "-fips" } else { "" };
        let dualstack = if self.dualstack { ".dualstack" } else { "" };
        let host = format!("s3{fips}{dualstack}.{region}.{suffix}");
        let url = match &self.endpoint {
            Some(endpoint) => format!("{}/{name}", endpoint.to_string().trim_end_matches('/')),
            None if self.path_style || name.contains('.') => format!("https://{host}/{name}"),
            None => format!("https://{}.{host}", name.to_ascii_lowercase()),
        };
        url.parse().expect("a checked name, region and endpoint make a URL")
    }
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

/// As [`read`]; a run that cannot store for want of credentials is an error.
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

/// The options on the command line by name; a switch has an empty value.
fn given(arguments: &[String]) -> Result<BTreeMap<&'static str, String>> {
    use lexopt::Arg;
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut given: BTreeMap<&str, String> = BTreeMap::new();
    let usage = |e: lexopt::Error| Error::usage(format!("{e}; --help lists the options"));
    while let Some(argument) = parser.next().map_err(usage)? {
        let found = match &argument {
            Arg::Long(name) => OPTIONS.iter().find(|opt| opt.name == *name),
            Arg::Short(short) => OPTIONS.iter().find(|opt| opt.short == Some(*short)),
            Arg::Value(_) => None,
        };
        let Some(opt) = found else { return Err(usage(argument.unexpected())) };
        let value = match opt.value {
            None => String::new(),
            Some(_) => parser
                .value()
                .map_err(usage)?
                .into_string()
                .map_err(|_| Error::usage(format!("--{} is not UTF-8", opt.name)))?,
        };
        match given.get_mut(opt.name) {
            Some(earlier) if opt.value == Some(PAIR) => *earlier = format!("{earlier}\n{value}"),
            _ => drop(given.insert(opt.name, value)),
        }
    }
    Ok(given)
}

/// The values of a run: command line, then environment, then default.
struct Values<V> {
    given: BTreeMap<&'static str, String>,
    variable: V,
}

impl<V: Fn(&str) -> Option<String>> Values<V> {
    /// Whether a switch is on the command line, or its variable says `true`.
    fn switch(&self, name: &str) -> bool {
        self.given.contains_key(name)
            || self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    fn get(&self, name: &str) -> Option<String> {
        let opt = OPTIONS.iter().find(|opt| opt.name == name)?;
        let given = self.given.get(name).cloned();
        given
            .or_else(|| opt.variables.iter().find_map(|name| (self.variable)(name)))
            .or_else(|| opt.default.map(str::to_owned))
    }

    /// The value of an option, checked; the error names the option and the variables it can come from.
    fn parsed<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> std::result::Result<T, String>,
    ) -> Result<Option<T>> {
        let Some(value) = self.get(name) else { return Ok(None) };
        parse(&value).map(Some).map_err(|why| Error::usage(format!("--{name}: {why}")))
    }

    /// As [`Values::parsed`], for an option that must have a value.
    fn required<T>(&self, name: &str, parse: impl Fn(&str) -> std::result::Result<T, String>) -> Result<T> {
        self.parsed(name, parse)?.ok_or_else(|| {
            let variables = OPTIONS.iter().find(|opt| opt.name == name).map(|opt| opt.variables);
            Error::usage(format!(
                "--{name} is missing; give it or set {}",
                variables.unwrap_or_default().join(" or ")
            ))
        })
    }
}

fn job<V: Fn(&str) -> Option<String>>(values: &Values<V>) -> Result<Job> {
    Ok(Job {
        mock_file: values.get("mock-file"),
        jolpica_url: values.required("jolpica-url", url)?,
        include_fastf1: values.switch("include-fastf1"),
        include_telemetry: values.switch("include-telemetry"),
        include_livetiming: values.switch("include-livetiming"),
        session: SessionRequest {
            season: values.parsed("season", season)?,
            round: values.parsed("round", Round::parse)?,
            session: values.required("session", Name::parse)?,
            as_of: values.parsed("as-of", as_of)?,
        },
        livetiming: Livetiming {
            official: values.required("livetiming-url", endpoint)?,
            mirror: values.required("livetiming-mirror-url", endpoint)?,
            token: (values.variable)("F1TV_TOKEN").map(|token| Token::parse(&token)).transpose()?,
        },
        schedule_url: values.required("schedule-url", endpoint)?,
        bucket: Bucket {
            name: values.required("bucket", bucket_name)?,
            region: values.required("region", region)?,
            endpoint: values.parsed("endpoint-url", endpoint)?,
            keys: Keys::of(&values.variable)?,
            unsigned: values.switch("no-sign-request"),
            part_size: values.required("part-size", part_size)?,
            gzip: values.parsed("compress", gzip)?.is_some(),
            path_style: values.switch("path-style"),
            fips: values.switch("use-fips-endpoint"),
            dualstack: values.switch("use-dualstack-endpoint"),
            if_changed: values.switch("if-changed"),
            checksum: values.required("checksum", Checksum::parse)?,
            headers: object_headers(values)?,
        },
        attempts: values.required("retries", attempts)?,
        user_agent: values.required("user-agent", header_value)?,
        requests_per_second: values.required("requests-per-second", requests_per_second)?,
        dry_run: values.switch("dry-run"),
        log_format: values.required("log-format", log::Format::parse)?,
        run_id: None,
    })
}

/// Options that are one header of every object each.
const OBJECT_HEADERS: &[(&str, &str)] = &[
    ("sse", "x-amz-server-side-encryption"),
    ("sse-kms-key-id", "x-amz-server-side-encryption-aws-kms-key-id"),
    ("storage-class", "x-amz-storage-class"),
    ("acl", "x-amz-acl"),
];

fn object_headers<V: Fn(&str) -> Option<String>>(values: &Values<V>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (option, header) in OBJECT_HEADERS {
        if let Some(value) = values.parsed(option, header_value)? {
            headers.insert(*header, value);
        }
    }
    for (name, value) in values.parsed("metadata", pairs)?.unwrap_or_default() {
        let usage = |why: &dyn std::fmt::Display| Error::usage(format!("--metadata {name}: {why}"));
        if headers::OURS.contains(&name.as_str()) {
            return Err(usage(&"the job sets it itself"));
        }
        headers.extend([sign::header(&format!("x-amz-meta-{name}"), &value).map_err(|e| usage(&e))?]);
    }
    let tags = values.parsed("tag", pairs)?.unwrap_or_default();
    if !tags.is_empty() {
        let encoded =
            tags.iter().map(|(name, value)| format!("{}={}", uri::encoded(name), uri::encoded(value)));
        let value = header_value(&encoded.collect::<Vec<_>>().join("&")).map_err(Error::usage)?;
        headers.insert("x-amz-tagging", value);
    }
    Ok(headers)
}

/// `NAME=VALUE`, one a line.
fn pairs(text: &str) -> std::result::Result<Vec<(String, String)>, String> {
    let pair = |line: &str| {
        let (name, value) = line.split_once('=').filter(|(name, _)| !name.is_empty())?;
        Some((name.to_owned(), value.to_owned()))
    };
    text.lines().map(|line| pair(line).ok_or(format!("{line:?} is not {PAIR}"))).collect()
}

/// An absolute http or https URL without a user name in it.
fn url(text: &str) -> std::result::Result<Uri, String> {
    let uri: Uri = text.parse().map_err(|e| format!("not a URL: {e}"))?;
    let authority = uri.authority().ok_or("a URL begins with https:// or http:// and a host")?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("a URL begins with https:// or http://".into());
    }
    if authority.as_str().contains('@') {
        return Err("a URL must not hold a user name or password".into());
    }
    Ok(uri)
}

/// The base of a store's or an upstream's URLs: no query, and a path without its last slash.
fn endpoint(text: &str) -> std::result::Result<Uri, String> {
    let uri = url(text.trim_end_matches('/'))?;
    if uri.query().is_some() {
        return Err("a base URL has no query".into());
    }
    Ok(uri)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>, less the prefixes
/// and suffixes that AWS keeps for itself; other stores also take capitals and underscores.
fn bucket_name(text: &str) -> std::result::Result<String, String> {
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let fine = (3..=63).contains(&text.len())
        && text.chars().all(inner)
        && outer(text.chars().next())
        && outer(text.chars().last())
        && !text.contains("..");
    if text.starts_with("arn:") {
        return Err("an ARN is no bucket name: give the bucket's name, or the access point's alias".into());
    }
    fine.then(|| text.to_owned())
        .ok_or(format!("{text:?} is no bucket name: 3 to 63 letters, digits, dots and hyphens"))
}

pub fn region(text: &str) -> std::result::Result<String, String> {
    let fine = text.len() <= 64 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    fine.then(|| text.to_owned()).ok_or(format!("{text:?} is no region name"))
}

/// S3's least part, and a most that a component's memory can hold. S3's own is 5 GiB.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
fn part_size(text: &str) -> std::result::Result<usize, String> {
    let fine = size(text).ok().filter(|size| (5 << 20..=1 << 30).contains(size));
    fine.ok_or(format!("{text:?} is no size from 5MiB to 1GiB"))
}

fn gzip(text: &str) -> std::result::Result<(), String> {
    (text == "gzip").then_some(()).ok_or(format!("{text:?} is not gzip, the one compression that there is"))
}

/// A size in bytes: a number of MiB, or a number with `KiB`, `MiB` or `GiB`.
pub fn size(text: &str) -> std::result::Result<usize, String> {
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "kib" | "k" => 10,
        "" | "mib" | "m" => 20,
        "gib" | "g" => 30,
        _ => return Err("a number of MiB, or a number with KiB, MiB or GiB".into()),
    };
    let number: usize = digits.parse().map_err(|_| "a number of MiB, or a number with KiB, MiB or GiB")?;
    number.checked_mul(1 << shift).filter(|size| *size > 0).ok_or("too small or too large".into())
}

fn attempts(text: &str) -> std::result::Result<u32, String> {
    text.parse().ok().filter(|n| (1..=100).contains(n)).ok_or(format!("{text:?} is no number from 1 to 100"))
}

fn requests_per_second(text: &str) -> std::result::Result<usize, String> {
    text.parse().ok().filter(|n| *n <= 1000).ok_or(format!("{text:?} is no number from 0 to 1000"))
}

fn header_value(text: &str) -> std::result::Result<HeaderValue, String> {
    let fine = !text.trim().is_empty() && text.is_ascii();
    let value = HeaderValue::from_str(text).ok().filter(|_| fine);
    value.ok_or("only printable ASCII can go into a header".into())
}
