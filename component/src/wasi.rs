//! Where the job meets WASI: HTTP, clocks and chance. Nothing else in the component knows it.

use std::cell::Cell;
use std::fmt::Display;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, Utc};
use f1_ingest_component::http::transport::{Chunks, Clock, Request, Response, STOPPED, SendError, Transport};
use futures_lite::future;
use futures_util::stream::{StreamExt, try_unfold};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
    Scheme,
};
use wstd::io::{AsyncInputStream, AsyncOutputStream, AsyncPollable};
use wstd::time::Timer;

/// No byte in either direction for so long is a timeout, as in the script's `timeout=20`.
const STALLED: Duration = Duration::from_secs(20);
const CHUNK: usize = 64 << 10;
/// How much of a body is handed to the runtime at once: few pieces, as the next part is made between any two of them.
const WRITTEN: usize = 256 << 10;

/// The runtime that this component runs in.
pub struct Wasi;

impl Clock for Wasi {
    fn now(&self) -> DateTime<Utc> {
        SystemTime::now().into()
    }

    fn uptime(&self) -> Duration {
        Duration::from_nanos(wasip2::clocks::monotonic_clock::now())
    }

    async fn sleep(&self, duration: Duration) {
        Timer::after(duration.into()).wait().await;
    }

    fn random(&self) -> u64 {
        wasip2::random::random::get_random_u64()
    }
}

impl Transport for Wasi {
    async fn send(&self, request: &Request<'_>) -> Result<Response, SendError> {
        let progress = Cell::new(0u32);
        future::or(exchange(request, &progress), stalled(&progress)).await
    }

    async fn open(&self, request: &Request<'_>) -> Result<Response<Chunks>, SendError> {
        let answer = outgoing_handler::handle(outgoing(request)?, None).map_err(explained)?;
        opened(future::or(answered(answer), stalled(&Cell::new(0))).await?)
    }
}

/// Ends when nothing has moved for [`STALLED`].
async fn stalled<T>(progress: &Cell<u32>) -> Result<T, SendError> {
    loop {
        let before = progress.get();
        Timer::after(STALLED.into()).wait().await;
        if progress.get() == before {
            return Err(SendError::Network(format!("no answer for {} s", STALLED.as_secs())));
        }
    }
}

async fn exchange(request: &Request<'_>, progress: &Cell<u32>) -> Result<Response, SendError> {
    let outgoing = outgoing(request)?;
    let body = match request.body {
        Some(bytes) => Some((outgoing.body().map_err(|()| broken("the request has no body"))?, bytes)),
        None => None,
    };
    // The body is written after `handle`: before, nobody reads it, and a large one would wait for ever.
    let answer = outgoing_handler::handle(outgoing, None).map_err(explained)?;
    let mut writing = pin!(write(body, progress));
    let mut answering = pin!(answered(answer));
    let mut written = false;
    // The answer wins: a server may refuse a body with a 403 and stop reading it.
    let response = poll_fn(|cx| {
        if !written && let Poll::Ready(_result) = writing.as_mut().poll(cx) {
            written = true;
        }
        answering.as_mut().poll(cx)
    })
    .await?;
    progress.set(progress.get() + 1);
    read(response, progress).await
}

fn outgoing(request: &Request<'_>) -> Result<OutgoingRequest, SendError> {
    let headers = Fields::new();
    let append = |name: &str, value: &[u8]| {
        headers.append(name, value).map_err(|e| broken(&format!("the header {name} is not allowed: {e:?}")))
    };
    for (name, value) in &request.headers {
        append(name.as_str(), value.as_bytes())?;
    }
    if let Some(body) = request.body {
        append("content-length", body.len().to_string().as_bytes())?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let scheme = if request.url.scheme_str() == Some("http") { Scheme::Http } else { Scheme::Https };
    let authority = request.url.authority().map(|authority| authority.as_str());
    let path = request.url.path_and_query().map(|path| path.as_str());
    outgoing
        .set_method(&method(request))
        .and_then(|()| outgoing.set_scheme(Some(&scheme)))
        .and_then(|()| outgoing.set_authority(authority))
        .and_then(|()| outgoing.set_path_with_query(path))
        .map_err(|()| broken("the runtime does not take this URL"))?;
    Ok(outgoing)
}

fn method(request: &Request<'_>) -> Method {
    match request.method {
        http::Method::GET => Method::Get,
        http::Method::HEAD => Method::Head,
        http::Method::PUT => Method::Put,
        http::Method::POST => Method::Post,
        http::Method::DELETE => Method::Delete,
        ref other => Method::Other(other.to_string()),
    }
}

async fn write(body: Option<(OutgoingBody, &[u8])>, progress: &Cell<u32>) -> Result<(), SendError> {
    let Some((body, bytes)) = body else { return Ok(()) };
    {
        let stream = AsyncOutputStream::new(body.write().map_err(|()| broken("the body cannot be written"))?);
        for chunk in bytes.chunks(WRITTEN) {
            stream.write_all(chunk).await.map_err(|e| broken(&first_line(&e)))?;
            progress.set(progress.get() + 1);
        }
    }
    OutgoingBody::finish(body, None).map_err(explained)
}

async fn answered(answer: FutureIncomingResponse) -> Result<IncomingResponse, SendError> {
    AsyncPollable::new(answer.subscribe()).wait_for().await;
    match answer.get() {
        Some(Ok(result)) => result.map_err(explained),
        _ => Err(broken("the runtime gave no answer")),
    }
}

async fn read(response: IncomingResponse, progress: &Cell<u32>) -> Result<Response, SendError> {
    let Response { status, headers, body: mut chunks } = opened(response)?;
    let mut body = Vec::new();
    while let Some(chunk) = chunks.next().await {
        body.extend(chunk?);
        progress.set(progress.get() + 1);
    }
    Ok(Response { status, headers, body })
}

/// The head of a response, and its body as it comes.
fn opened(response: IncomingResponse) -> Result<Response<Chunks>, SendError> {
    let status =
        StatusCode::from_u16(response.status()).map_err(|_| broken("the status is none of HTTP's"))?;
    let headers = header_map(response.headers().entries());
    let body = response.consume().map_err(|()| broken("the body cannot be read"))?;
    let stream = AsyncInputStream::new(body.stream().map_err(|()| broken("the body cannot be read"))?);
    // A tuple drops its parts in order, and a stream has to go before its body.
    let chunks = try_unfold((stream, body, 0), async |mut state| {
        let mut chunk = vec![0; CHUNK];
        let (stream, _, before) = &state;
        let read = async {
            let read = stream.read(&mut chunk).await;
            let why =
                |e: &dyn Display| format!("the response broke off after {before} bytes ({})", first_line(e));
            read.map_err(|e| broken(&why(&e)))
        };
        let read = future::or(read, stalled(&Cell::new(0))).await?;
        chunk.truncate(read);
        state.2 += read;
        Ok((read > 0).then_some((chunk, state)))
    });
    Ok(Response { status, headers, body: chunks.boxed_local() })
}

/// What of WASI's headers `http` can hold; the rest no code here could read.
fn header_map(entries: Vec<(String, Vec<u8>)>) -> HeaderMap {
    let pair = |(name, value): (String, Vec<u8>)| {
        Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
    };
    let mut headers = HeaderMap::new();
    for (name, value) in entries.into_iter().filter_map(pair) {
        headers.append(name, value);
    }
    headers
}

fn broken(why: &str) -> SendError {
    SendError::Network(why.to_owned())
}

/// What an error of the runtime says, without the backtrace that may stand below it.
fn first_line(error: &dyn Display) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn explained(code: ErrorCode) -> SendError {
    let unreachable = |why: &str| SendError::Unreachable(why.to_owned());
    let why = match code {
        ErrorCode::HttpRequestDenied => return SendError::Denied,
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) => {
            return unreachable("the host name cannot be resolved");
        }
        ErrorCode::DestinationNotFound => return unreachable("the host cannot be found"),
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => {
            return unreachable("there is no way to the host");
        }
        ErrorCode::ConnectionRefused => return unreachable("the connection was refused"),
        ErrorCode::ConnectionTimeout => return unreachable("no connection came about in time"),
        ErrorCode::ConnectionTerminated => "the connection was closed",
        ErrorCode::ConnectionReadTimeout | ErrorCode::ConnectionWriteTimeout => "the connection timed out",
        ErrorCode::HttpResponseTimeout => "no answer in time",
        ErrorCode::HttpResponseIncomplete => "the response was cut short",
        ErrorCode::TlsCertificateError => {
            let why = "the certificate is not accepted; check the URL's host, the clock, and the certificates that the runtime trusts";
            return SendError::Lasting(why.to_owned());
        }
        ErrorCode::InternalError(Some(why)) if why == STOPPED => return SendError::Stopped,
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => "TLS failed",
        ErrorCode::InternalError(Some(why)) => return SendError::internal(&why),
        other => return broken(&format!("{other:?}")),
    };
    broken(why)
}
