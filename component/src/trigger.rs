//! What an HTTP caller may ask for: `POST /ingest` runs the job, `GET /healthz` answers.
//!
//! The environment configures the job. A caller may only choose what [`crate::options::Opt::per_request`]
//! allows: never the bucket, the endpoint, a URL or a file.

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::options::OPTIONS;

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

/// Understands a request; `body` is empty or a JSON object of option names and values.
pub fn call(method: &str, path: &str, body: &[u8]) -> Call {
    match (method, path.split('?').next().unwrap_or_default()) {
        ("GET" | "HEAD", "/healthz") => Call::Health,
        ("POST", "/ingest") => match arguments(body) {
            Ok(arguments) => Call::Ingest(arguments),
            Err(error) => Call::Refused(400, error.message),
        },
        (_, "/healthz" | "/ingest") => Call::Refused(405, "use POST /ingest or GET /healthz".into()),
        _ => Call::Refused(404, "there are POST /ingest and GET /healthz here".into()),
    }
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
    let options: Map<String, Value> = serde_json::from_slice(body)
        .map_err(|e| Error::usage(format!("the body is neither empty nor a JSON object of options: {e}")))?;
    let mut arguments = Vec::new();
    for (name, value) in options {
        let option = OPTIONS.iter().find(|opt| opt.name == name).filter(|opt| opt.per_request);
        let Some(option) = option else {
            let message = format!("a request may not set {name:?}; the environment of the service does");
            return Err(Error::usage(message));
        };
        match (option.value, value) {
            (None, Value::Bool(false)) => {}
            (None, Value::Bool(true)) => arguments.push(format!("--{name}")),
            (Some(_), Value::String(text)) => arguments.push(format!("--{name}={text}")),
            (Some(_), Value::Number(number)) => arguments.push(format!("--{name}={number}")),
            (None, _) => return Err(Error::usage(format!("{name:?} is true or false"))),
            (Some(_), _) => return Err(Error::usage(format!("{name:?} is a text or a number"))),
        }
    }
    Ok(arguments)
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
    fn other_paths_and_methods_are_refused() {
        assert_eq!(call("GET", "/healthz?x=1", b""), Call::Health);
        assert!(matches!(call("GET", "/ingest", b""), Call::Refused(405, _)));
        assert!(matches!(call("POST", "/", b""), Call::Refused(404, _)));
    }
}
