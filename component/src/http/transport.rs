//! What the job asks of the world around it. `wasi.rs` answers in the component; nothing else knows WASI.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::ready;
use futures_util::stream::{LocalBoxStream, StreamExt, once};
use http::{HeaderMap, Method, StatusCode, Uri};

/// One HTTP request. Neither `Host` nor `Content-Length` is among the headers: they follow from the
/// URL's authority and the body.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    pub method: Method,
    pub url: Uri,
    pub headers: HeaderMap,
    pub body: Option<&'a [u8]>,
}

/// One HTTP response: its body whole, as it came off the wire, or still on its way.
#[derive(Debug, Clone)]
pub struct Response<B = Vec<u8>> {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: B,
}

/// A body on its way, in chunks of some ten thousand bytes. An error ends it.
pub type Chunks = LocalBoxStream<'static, Result<Vec<u8>, SendError>>;

impl<B> Response<B> {
    /// A header's value, if it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// What a host says of a request that it refuses or ends because the run is stopped.
pub const STOPPED: &str = "the run was stopped";

/// Why no response came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// The sandbox refused the request.
    Denied,
    /// The run is stopped: nothing more is sent.
    Stopped,
    /// No answer in time, or an answer cut short; the text says which.
    Network(String),
    /// No connection: the request was not sent. The text says why.
    Unreachable(String),
    /// No connection, and no second attempt will have one; the text says why, and what to do.
    Lasting(String),
}

/// Begins the text of an internal error of WASI if our own host means [`SendError::Lasting`], for which WASI has no word.
pub const LASTING: &str = "lasting: ";

/// The same for [`SendError::Unreachable`].
pub const UNREACHABLE: &str = "unreachable: ";

impl SendError {
    /// What a runtime's internal error says: its first line, as a host may put a backtrace behind it.
    pub fn internal(text: &str) -> SendError {
        let line = text.lines().next().unwrap_or_default();
        match (line.strip_prefix(LASTING), line.strip_prefix(UNREACHABLE)) {
            (Some(why), _) => SendError::Lasting(why.to_owned()),
            (None, Some(why)) => SendError::Unreachable(why.to_owned()),
            (None, None) => SendError::Network(line.to_owned()),
        }
    }
}

/// Sends one request. No retries, no redirects.
pub trait Transport {
    /// Reads the whole response. One that came wins over an error in sending the body.
    fn send(&self, request: &Request<'_>) -> impl Future<Output = Result<Response, SendError>>;

    /// Waits for the head of the response only. For a request without a body.
    fn open(&self, request: &Request<'_>) -> impl Future<Output = Result<Response<Chunks>, SendError>> {
        async move {
            let Response { status, headers, body } = self.send(request).await?;
            Ok(Response { status, headers, body: once(ready(Ok(body))).boxed_local() })
        }
    }
}

/// Time and chance.
pub trait Clock {
    fn now(&self) -> DateTime<Utc>;
    /// Time since some fixed moment; unlike [`Clock::now`] it never jumps.
    fn uptime(&self) -> Duration;
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;
    fn random(&self) -> u64;
}
