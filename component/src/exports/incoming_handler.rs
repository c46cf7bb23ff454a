//! `wasi:http/incoming-handler`: the job on `POST /ingest`.

use f1_ingest_component::error::{Error, Result};
use f1_ingest_component::incoming_handler::{self as calls, Call, LONGEST_BODY};
use serde_json::json;
use wasip2::exports::http::incoming_handler;
use wasip2::http::types::{
    Fields, IncomingRequest, Method, OutgoingBody, OutgoingResponse, ResponseOutparam,
};
use wstd::io::{AsyncInputStream, AsyncOutputStream};
use wstd::runtime::block_on;

use super::command::run_async;

/// What `wasip2` exports.
pub struct Handler;

impl incoming_handler::Guest for Handler {
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
    let permitted = calls::permitted(token.as_deref(), authorization.as_deref());
    let method = match request.method() {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        _ => "another",
    };
    let path = request.path_with_query().unwrap_or_default();
    let call = match body(request).await {
        Ok(body) => calls::call(method, &path, &body),
        Err(error) => Call::Refused(400, error.message),
    };
    match call {
        Call::Health => (200, calls::health().to_string()),
        _ if !permitted => (401, json!({"error": calls::UNAUTHORIZED}).to_string()),
        Call::Refused(status, why) => (status, json!({"error": why}).to_string()),
        Call::Ingest(arguments) => {
            let report = run_async(&arguments, None, false).await;
            (calls::status(report.exit_code()), report.to_json().to_string())
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
