//! A runtime for the job's code outside the sandbox. Its requests meet the same allow-list, proxies, store and
//! recordings as those of a run.

use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use f1_ingest_component::http::transport::{Clock, Request, Response, SendError, Transport};
use http::HeaderValue;
use http::header::{CONTENT_LENGTH, HOST};
use http_body_util::{BodyExt, Full};
use wasmtime_wasi_http::{Error, RequestOptions};

use crate::outbound::Outbound;
use crate::random;

/// How long to wait for a connection or for data: as long as the job does.
const SILENCE: Duration = Duration::from_secs(20);

/// This process as the job's runtime.
pub struct Native {
    pub outbound: Outbound,
    started: Instant,
}

impl Native {
    /// Sends requests through `outbound`.
    pub fn new(outbound: Outbound) -> Native {
        Native { outbound, started: Instant::now() }
    }
}

impl Transport for Native {
    async fn send(&self, request: &Request<'_>) -> Result<Response, SendError> {
        let body = Full::new(Bytes::copy_from_slice(request.body.unwrap_or_default()));
        let mut outgoing = http::Request::new(body.map_err(|never| match never {}).boxed_unsync());
        *outgoing.method_mut() = request.method.clone();
        *outgoing.uri_mut() = request.url.clone();
        *outgoing.headers_mut() = request.headers.clone();
        let host = request.url.authority().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
        outgoing.headers_mut().extend(host.map(|host| (HOST, host)));
        outgoing.headers_mut().extend(request.body.map(|body| (CONTENT_LENGTH, body.len().into())));
        let silence = Some(SILENCE);
        let options = RequestOptions {
            connect_timeout: silence,
            first_byte_timeout: silence,
            between_bytes_timeout: silence,
        };
        // In a box: what is awaited is too deep for the compiler otherwise.
        let answer = Box::pin(self.outbound.answer(outgoing, options)).await;
        let (parts, body) = answer.map_err(explained)?.into_parts();
        let body = body.collect().await.map_err(explained)?.to_bytes().to_vec();
        Ok(Response { status: parts.status, headers: parts.headers, body })
    }
}

/// In the words that the component has for what its runtime says.
fn explained(error: Error) -> SendError {
    let unreachable = |why: &str| SendError::Unreachable(why.to_owned());
    match error {
        Error::HttpRequestDenied => SendError::Denied,
        Error::InternalError(Some(why)) => SendError::internal(&why),
        Error::DnsError { .. } => unreachable("the host name cannot be resolved"),
        Error::DestinationIpUnroutable => unreachable("there is no way to the host"),
        Error::ConnectionRefused => unreachable("the connection was refused"),
        Error::ConnectionTimeout => unreachable("no connection came about in time"),
        error => SendError::Network(error.to_string()),
    }
}

impl Clock for Native {
    fn now(&self) -> DateTime<Utc> {
        SystemTime::now().into()
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    fn random(&self) -> u64 {
        random::number()
    }
}
