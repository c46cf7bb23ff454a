//! The doors that `main` is not: the typed one of our own world, and the HTTP trigger.

use f1_ingest_component::error::{Error, Kind, Result};
use f1_ingest_component::job;
use f1_ingest_component::log::{Format, Log};
use f1_ingest_component::options::{self, Command, Job};
use f1_ingest_component::report::Report;
use f1_ingest_component::trigger::{self, Call, LONGEST_BODY};
use serde_json::json;
use wasip2::exports::http::incoming_handler;
use wasip2::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wstd::io::{AsyncInputStream, AsyncOutputStream};
use wstd::runtime::block_on;

use crate::wasi::Wasi;

/// What the macros of the bindings make: the one unsafe code of the component.
#[allow(unsafe_code)]
mod bindings {
    use super::Component;
    wit_bindgen::generate!({ path: "../wit", world: "f1:ingest/typed" });
    export!(Component);
    wasip2::http::proxy::export!(Component);
}
use bindings::exports::f1::ingest::job as typed;

struct Component;

/// Runs the job that `arguments` and the environment ask for; help and version go to stdout.
pub fn run(arguments: &[String]) -> Report {
    block_on(run_async(arguments, None))
}

async fn run_async(arguments: &[String], run_id: Option<String>) -> Report {
    match options::parse(arguments, |name| std::env::var(name).ok()) {
        Ok(Command::Ingest(job)) => return job::ingest(&Job { run_id, ..*job }, Wasi).await,
        Ok(Command::Help) => print!("{}", options::help()),
        Ok(Command::Version) => println!("{}", options::VERSION),
        Err(error) => {
            Log { format: Format::Text, run_id: String::new() }.error(&error.message);
            return error.into();
        }
    }
    Report::default()
}

impl typed::Guest for Component {
    fn ingest(request: typed::Request) -> typed::Report {
        let report = block_on(run_async(&request.arguments, request.run_id));
        typed::Report {
            exit_code: report.exit_code(),
            stored: report.stored.into_iter().map(typed_stored).collect(),
            failed: report.failed.into_iter().map(typed_failure).collect(),
            warnings: report.warnings,
        }
    }
}

fn typed_stored(stored: f1_ingest_component::report::Stored) -> typed::Stored {
    let f1_ingest_component::report::Stored { source, key, size, sha256 } = stored;
    typed::Stored { source, key, size, sha256 }
}

fn typed_failure(failure: f1_ingest_component::report::Failure) -> typed::Failure {
    let kind = match failure.error.kind {
        Kind::Usage => typed::ErrorKind::Usage,
        Kind::Blocked => typed::ErrorKind::Blocked,
        Kind::NotPublished => typed::ErrorKind::NotPublished,
        Kind::NotFound => typed::ErrorKind::NotFound,
        Kind::RateLimited(until) => typed::ErrorKind::RateLimited(until),
        Kind::SignIn => typed::ErrorKind::SignIn,
        Kind::Network => typed::ErrorKind::Network,
        Kind::Denied => typed::ErrorKind::Denied,
        Kind::Unavailable(status) => typed::ErrorKind::Unavailable(status),
        Kind::NotJson => typed::ErrorKind::NotJson,
        Kind::Credentials => typed::ErrorKind::Credentials,
        Kind::NoSuchBucket => typed::ErrorKind::NoSuchBucket,
        Kind::ClockSkew => typed::ErrorKind::ClockSkew,
        Kind::StoreRefused => typed::ErrorKind::StoreRefused,
    };
    typed::Failure { source: failure.source, kind, message: failure.error.message }
}

impl incoming_handler::Guest for Component {
    fn handle(request: IncomingRequest, out: ResponseOutparam) {
        block_on(async {
            let (status, body) = answer(request).await;
            respond(out, status, &body).await;
        });
    }
}

async fn answer(request: IncomingRequest) -> (u16, String) {
    let token = std::env::var("F1_INGEST_TOKEN").ok().filter(|token| !token.is_empty());
    let authorization = request.headers().get("authorization").into_iter().next();
    let permitted = trigger::permitted(token.as_deref(), authorization.as_deref());
    let method = match request.method() {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        _ => "another",
    };
    let path = request.path_with_query().unwrap_or_default();
    let call = match body(request).await {
        Ok(body) => trigger::call(method, &path, &body),
        Err(error) => Call::Refused(400, error.message),
    };
    match call {
        Call::Health => (200, trigger::health().to_string()),
        _ if !permitted => (401, json!({"error": trigger::UNAUTHORIZED}).to_string()),
        Call::Refused(status, why) => (status, json!({"error": why}).to_string()),
        Call::Ingest(arguments) => {
            let report = run_async(&arguments, None).await;
            (trigger::status(report.exit_code()), report.to_json().to_string())
        }
    }
}

async fn body(request: IncomingRequest) -> Result<Vec<u8>> {
    let unread = |_| Error::usage("the request's body cannot be read");
    let incoming = request.consume().map_err(unread)?;
    let stream = AsyncInputStream::new(incoming.stream().map_err(unread)?);
    let (mut body, mut chunk) = (Vec::new(), vec![0; 4096]);
    while body.len() <= LONGEST_BODY {
        match stream.read(&mut chunk).await.map_err(|_| unread(()))? {
            0 => return Ok(body),
            n => body.extend_from_slice(&chunk[..n]),
        }
    }
    Err(Error::usage(format!("the request's body is longer than {LONGEST_BODY} bytes")))
}

/// Sends the answer. A caller that has gone does not hear it; the job is done all the same.
async fn respond(out: ResponseOutparam, status: u16, body: &str) {
    let headers = Fields::new();
    let _ = headers.append("content-type", b"application/json");
    let _ = headers.append("content-length", body.len().to_string().as_bytes());
    let response = OutgoingResponse::new(headers);
    let _ = response.set_status_code(status);
    let outgoing = response.body();
    ResponseOutparam::set(out, Ok(response));
    let Ok(outgoing) = outgoing else { return };
    if let Ok(stream) = outgoing.write() {
        let stream = AsyncOutputStream::new(stream);
        let _ = stream.write_all(body.as_bytes()).await;
    }
    let _ = OutgoingBody::finish(outgoing, None);
}
