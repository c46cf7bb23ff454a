//! The job's options: one table that parsing, help and the sandbox all read.

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
pub const PAIR: &str = "NAME=VALUE";

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
    option(
        "sources",
        "LIST",
        &["F1_SOURCES"],
        None,
        "what to store, with commas: jolpica, fastf1, telemetry, livetiming [default: jolpica]",
    )
    .per_request(),
    option(
        "items",
        "LIST",
        &["F1_ITEMS"],
        None,
        "store these documents, with commas: jolpica/2024/results, fastf1/2024/05/Q",
    )
    .per_request(),
    switch(
        "include-fastf1",
        "store jolpica and fastf1: laps, weather and results of the most recent completed race",
    )
    .per_request(),
    switch("include-telemetry", "store jolpica and telemetry: car data and positions of that session")
        .per_request(),
    switch(
        "include-livetiming",
        "store jolpica and livetiming: every timing feed of that session, untouched",
    )
    .per_request(),
    option("season", "YEAR", &[], None, "season of the session [default: the current one]").per_request(),
    option("round", "ROUND", &[], None, "round, or a Grand Prix name [default: the most recent one]")
        .per_request(),
    option("session", "SESSION", &[], None, "FP1, FP2, FP3, Q, SQ, SS, S or R [default: R]").per_request(),
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
        "asked if livetiming answers 400 or more",
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
    option(
        "requests-per-hour",
        "N",
        &["F1_REQUESTS_PER_HOUR"],
        Some("200"),
        "requests an hour to Jolpica's host from this machine, 0 for no limit (a mirror of your own)",
    ),
    option(
        "budget-hour",
        "SECONDS",
        &["F1_BUDGET_HOUR"],
        Some("3600"),
        "for tests only: how long that hour is",
    ),
    switch("if-changed", "store nothing if the newest object of the item has the same bytes").per_request(),
    option(
        "if-changed-from",
        "KEY:SHA256",
        &[],
        None,
        "as --if-changed, but compare with this object of the item, which need not be looked for",
    ),
    option(
        "catalog",
        "PREFIX",
        &["F1_CATALOG"],
        None,
        "note in a catalogue below this prefix what was stored",
    ),
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

/// All variables that the job reads. A sandbox need not show it any other.
pub fn variables() -> impl Iterator<Item = &'static str> {
    OPTIONS.iter().flat_map(|opt| opt.variables).chain(SECRET_VARIABLES).copied()
}

/// The option that a misspelt name is nearest to, of those that `may` be meant; none if it is like none.
pub fn nearest(name: &str, may: impl Fn(&Opt) -> bool) -> Option<&'static str> {
    let name = name.to_ascii_lowercase().replace('_', "-");
    let distance = |opt: &&Opt| strsim::osa_distance(opt.name, &name);
    let nearest = OPTIONS.iter().filter(|opt| may(opt)).min_by_key(distance)?;
    // A third of the letters wrong is another word.
    (distance(&nearest) <= nearest.name.len().div_ceil(3).min(4)).then_some(nearest.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_option_is_named_if_one_is_near() {
        let any = |_: &Opt| true;
        for (wrong, meant) in [
            ("source", Some("sources")),
            ("dry_run", Some("dry-run")),
            ("Include_FastF1", Some("include-fastf1")),
            ("retires", Some("retries")),
            ("seson", Some("season")),
            ("include-livetimings", Some("include-livetiming")),
            ("no-such-option", None),
            ("x", None),
        ] {
            assert_eq!(nearest(wrong, any), meant, "{wrong}");
        }
        assert_ne!(nearest("buckets", |opt| opt.per_request), Some("bucket"));
    }
}
