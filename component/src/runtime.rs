//! What the job asks of the world around it. `wasi.rs` answers in the component; nothing else knows WASI.

use std::time::Duration;

use chrono::{DateTime, Utc};
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

/// One HTTP response, whole, as it came off the wire.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

impl Response {
    /// A header's value, where it is there and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// Why no response came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendError {
    /// The sandbox refused the request.
    Denied,
    /// No connection, no answer in time, or an answer cut short; the text says which.
    Network(String),
}

/// Sends one request and reads the whole response. A response that came wins over an error in sending the
/// body. No retries, no redirects.
pub trait Transport {
    fn send(&self, request: &Request<'_>) -> impl Future<Output = Result<Response, SendError>>;
}

/// Time and chance.
pub trait Clock {
    fn now(&self) -> DateTime<Utc>;
    /// Time since some fixed moment; unlike [`Clock::now`] it never jumps.
    fn uptime(&self) -> Duration;
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()>;
    fn random(&self) -> u64;
}
