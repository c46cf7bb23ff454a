//! What an HTTP caller may ask for: `POST /ingest` runs the job, `GET /healthz` answers.
//!
//! The environment configures the job. A caller may only choose what [`crate::options::table::Opt::per_request`]
//! allows: never the bucket, the endpoint, a URL or a file.

use f1_ingest_feeds::value::{Json, Node};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::options::VERSION;
use crate::options::table::{OPTIONS, nearest};

/// The longest body of a request that is read.
pub const LONGEST_BODY: usize = 64 << 10;

/// One request, understood.
#[derive(Debug, PartialEq, Eq)]
pub enum Call {
    Health,
    /// The job's arguments.
    Ingest(Vec<String>),
    /// A status, and why.
    Refused(u16, String),
}

/// Understands a request to a path with its query; `body` is empty or a JSON object of option names and values.
pub fn call(method: &str, path: &str, body: &[u8]) -> Call {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match (method, path) {
        ("GET" | "HEAD", "/healthz") => Call::Health,
        // Who asks for a dry run there must not get a real one.
        ("POST", "/ingest") if !query.is_empty() => Call::Refused(400, NO_QUERY.into()),
        ("POST", "/ingest") => match arguments(body) {
            Ok(arguments) => Call::Ingest(arguments),
            Err(error) => Call::Refused(400, error.message),
        },
        (_, "/healthz" | "/ingest") => Call::Refused(405, "use POST /ingest or GET /healthz".into()),
        _ => Call::Refused(404, "there are POST /ingest and GET /healthz here".into()),
    }
}

const NO_QUERY: &str =
    "the URL's query is not read; put the options into the body, as JSON: {\"dry-run\": true}";

/// What a caller without the token is told.
pub const UNAUTHORIZED: &str = "send the token of this service: Authorization: Bearer <F1_INGEST_TOKEN>";

/// Whether a caller may ask for more than its health: always if the service has no token.
///
/// How long this takes tells nothing of the token, not even its length: digests are compared, to their end.
pub fn permitted(token: Option<&str>, authorization: Option<&[u8]>) -> bool {
    let Some(token) = token else { return true };
    let Some((scheme, given)) = authorization.and_then(|value| value.split_at_checked(7)) else {
        return false;
    };
    let given_is_empty = given.trim_ascii().is_empty();
    // A secret that was made of a file ends with a line end.
    let (expected, given) = (Sha256::digest(token.trim()), Sha256::digest(given.trim_ascii()));
    let difference = expected.iter().zip(&given).fold(0, |difference, (a, b)| difference | (a ^ b));
    !given_is_empty && scheme.eq_ignore_ascii_case(b"bearer ") && difference == 0
}

/// The answer to `GET /healthz`.
pub fn health() -> Value {
    json!({"status": "ok", "version": VERSION})
}

/// The status that goes with a report.
pub fn status(exit_code: u8) -> u16 {
    match exit_code {
        0 => 200,
        2 => 400,
        75 => 503,
        _ => 502,
    }
}

fn arguments(body: &[u8]) -> Result<Vec<String>> {
    if body.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let mut json = Json::default();
    let options = json.read_bytes(body).filter(|options| options.is_object());
    let options =
        options.ok_or_else(|| Error::usage("the body is neither empty nor a JSON object of options"))?;
    let mut arguments = Vec::new();
    for (name, value) in options.distinct_entries() {
        let option = OPTIONS.iter().find(|opt| opt.name == name).filter(|opt| opt.per_request);
        let Some(option) = option else {
            return Err(Error::usage(refused(name)));
        };
        match (option.value, value.node()) {
            (None, Node::Bool(false)) => {}
            (None, Node::Bool(true)) => arguments.push(format!("--{name}")),
            (Some(_), Node::Text(text)) => arguments.push(format!("--{name}={text}")),
            (Some(_), Node::Int(number)) => arguments.push(format!("--{name}={number}")),
            (None, _) => return Err(Error::usage(format!("{name:?} is true or false"))),
            (Some(_), _) => return Err(Error::usage(format!("{name:?} is a text or a whole number"))),
        }
    }
    Ok(arguments)
}

/// Why a request may not set this.
fn refused(name: &str) -> String {
    if OPTIONS.iter().any(|opt| opt.name == name) {
        return format!("a request may not set {name:?}; the environment of the service does");
    }
    match nearest(name, |opt| opt.per_request) {
        Some(meant) => format!("there is no option {name:?}; did you mean {meant:?}?"),
        None => {
            let may = OPTIONS.iter().filter(|opt| opt.per_request).map(|opt| opt.name);
            format!("there is no option {name:?}; a request may set {}", may.collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_alone_chooses_where_things_go() {
        for name in ["bucket", "endpoint-url", "jolpica-url", "mock-file", "region", "no-such-option"] {
            let body = serde_json::to_vec(&serde_json::json!({name: "x"})).unwrap();
            let Call::Refused(status, why) = call("POST", "/ingest", &body) else { panic!("{name} passed") };
            assert_eq!(status, 400);
            assert!(why.contains(name), "{why}");
        }
    }

    #[test]
    fn a_request_becomes_arguments() {
        assert_eq!(call("POST", "/ingest", b""), Call::Ingest(vec![]));
        let body = br#"{"dry-run": true, "retries": 1, "include-fastf1": false}"#;
        let Call::Ingest(mut arguments) = call("POST", "/ingest", body) else { panic!() };
        arguments.sort();
        assert_eq!(arguments, ["--dry-run", "--retries=1"]);
        assert!(matches!(call("POST", "/ingest", b"{"), Call::Refused(400, _)));
        assert!(matches!(call("POST", "/ingest", br#"{"dry-run": "yes"}"#), Call::Refused(400, _)));
    }

    #[test]
    fn options_in_the_query_are_refused_with_where_they_belong() {
        let Call::Refused(400, why) = call("POST", "/ingest?dry-run=true", b"") else { panic!() };
        assert!(why.contains("body"), "{why}");
        assert_eq!(call("POST", "/ingest?", b""), Call::Ingest(vec![]));
        assert_eq!(call("GET", "/healthz?probe=1", b""), Call::Health);
    }

    #[test]
    fn a_misspelt_option_is_refused_with_the_nearest_one() {
        for (wrong, meant) in [("dry_run", "dry-run"), ("source", "sources"), ("Season", "season")] {
            let body = format!("{{\"{wrong}\": 1}}");
            let Call::Refused(400, why) = call("POST", "/ingest", body.as_bytes()) else { panic!("{wrong}") };
            assert!(why.contains(wrong) && why.contains(&format!("mean {meant:?}")), "{why}");
        }
    }

    #[test]
    fn a_token_has_to_be_known_where_there_is_one() {
        let permitted =
            |authorization: Option<&str>| super::permitted(Some("a-token"), authorization.map(str::as_bytes));
        assert!(permitted(Some("Bearer a-token")) && permitted(Some("bearer  a-token")));
        for wrong in ["", "Bearer", "Bearer ", "Bearer a-toke", "Bearer a-token2", "a-token", "Basic a-token"]
        {
            assert!(!permitted(Some(wrong)), "{wrong:?}");
        }
        assert!(!permitted(None));
        assert!(super::permitted(None, None));
        assert!(super::permitted(Some("a-token\n"), Some(b"Bearer a-token")));
        assert!(!super::permitted(Some("\n"), Some(b"Bearer ")));
    }

    #[test]
    fn other_paths_and_methods_are_refused() {
        assert_eq!(call("GET", "/healthz?x=1", b""), Call::Health);
        assert!(matches!(call("GET", "/ingest", b""), Call::Refused(405, _)));
        assert!(matches!(call("POST", "/", b""), Call::Refused(404, _)));
    }
}
