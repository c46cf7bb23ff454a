//! Connections to the outside: pooled, through the proxies that the environment names, trusting what the platform
//! trusts.

use std::error::Error as StdError;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use reqwest::{Client, ClientBuilder};
use rustls::ClientConfig;
use tokio::time::{Instant, Sleep, sleep, timeout};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

/// How long a connection may take to come about if the job does not say; a blackholed address would otherwise hold
/// it for minutes.
const CONNECT: Duration = Duration::from_secs(20);
/// The same for what is next to this machine.
const NEXT_DOOR: Duration = Duration::from_secs(1);
/// How long to wait for a response, and then for each piece of it, if the job does not say. WASI's own default.
const SILENCE: Duration = Duration::from_secs(600);

/// HTTP clients, each made when it is first asked for: reading the platform's trust store takes longer than the whole
/// job does without it.
#[derive(Default, Debug)]
pub struct Pool {
    https: OnceLock<Client>,
    http: OnceLock<Client>,
    direct: OnceLock<Client>,
}

impl Pool {
    /// Sends a request and waits for the head of its response. The errors are those that WASI has for a guest.
    pub async fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<ResponseBody>, Error> {
        let client = self.client(request.uri().scheme_str() == Some("https"))?;
        // s3s's body serves to make a body `Sync`; it keeps the length.
        let request = request.map(|body| reqwest::Body::wrap(s3s::Body::http_body_unsync(body)));
        let request = reqwest::Request::try_from(request).map_err(|_| Error::HttpRequestUriInvalid)?;
        let patience = options.first_byte_timeout.unwrap_or(SILENCE);
        let response = timeout(patience, client.execute(request))
            .await
            .map_err(|_| Error::ConnectionReadTimeout)?
            .map_err(|error| cause(&error, Error::ConnectionTerminated))?;
        let silence = options.between_bytes_timeout.unwrap_or(SILENCE);
        Ok(Response::from(response).map(|body| ResponseBody {
            body,
            silence,
            timer: Box::pin(sleep(silence)),
        }))
    }

    /// The client for URLs with (`tls`) or without TLS.
    pub fn client(&self, tls: bool) -> Result<&Client, Error> {
        match tls || has_proxy() {
            true => made(&self.https, || Ok(builder(platform_trust().map_err(no_roots)?))),
            false => made(&self.http, || Ok(builder(no_trust()?))),
        }
    }

    /// A client without TLS and proxy, for what is on this machine or next to it: it accepts a connection at once, or is
    /// not there.
    pub fn direct(&self) -> Result<&Client, Error> {
        made(&self.direct, || Ok(builder(no_trust()?).no_proxy().connect_timeout(NEXT_DOOR)))
    }
}

fn made(
    slot: &OnceLock<Client>,
    builder: impl FnOnce() -> Result<ClientBuilder, Error>,
) -> Result<&Client, Error> {
    if let Some(client) = slot.get() {
        return Ok(client);
    }
    let client = builder()?.build().map_err(internal)?;
    Ok(slot.get_or_init(|| client))
}

fn builder(trust: ClientConfig) -> ClientBuilder {
    Client::builder()
        .tls_backend_preconfigured(trust)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT)
}

/// Whether plain HTTP goes through a proxy, which may itself speak TLS.
fn has_proxy() -> bool {
    ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].iter().any(|name| std::env::var_os(name).is_some())
}

/// An error that WASI has no word for.
pub fn internal(error: impl std::fmt::Display) -> Error {
    Error::InternalError(Some(error.to_string()))
}

/// A container may come without certificates.
fn no_roots(error: rustls::Error) -> Error {
    internal(format!("{error}; install ca-certificates, or name a file of them in SSL_CERT_FILE"))
}

fn tls() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, rustls::Error> {
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(ring).with_safe_default_protocol_versions()
}

fn platform_trust() -> Result<ClientConfig, rustls::Error> {
    use rustls_platform_verifier::BuilderVerifierExt;
    Ok(tls()?.with_platform_verifier()?.with_no_client_auth())
}

fn no_trust() -> Result<ClientConfig, Error> {
    let none = rustls::RootCertStore::empty();
    Ok(tls().map_err(internal)?.with_root_certificates(none).with_no_client_auth())
}

/// The body of a response; fails if nothing comes for too long.
pub struct ResponseBody {
    body: reqwest::Body,
    /// How long is too long.
    silence: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) else {
            ready!(self.timer.as_mut().poll(context));
            return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
        };
        let again = Instant::now() + self.silence;
        self.timer.as_mut().reset(again);
        Poll::Ready(frame.map(|frame| frame.map_err(|error| cause(&error, Error::HttpResponseIncomplete))))
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// What went wrong, in WASI's words; `cut` if the connection ended too early.
fn cause(error: &reqwest::Error, cut: Error) -> Error {
    use std::io::ErrorKind::*;
    if error.is_timeout() {
        return Error::ConnectionTimeout;
    }
    let mut text = error.to_string();
    let mut source: Option<&(dyn StdError + 'static)> = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            tracing::warn!("TLS: {error}");
            return match error {
                rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
                _ => Error::TlsProtocolError,
            };
        }
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return cut;
        }
        match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(ConnectionRefused) => return Error::ConnectionRefused,
            Some(ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof) => return cut,
            Some(HostUnreachable | NetworkUnreachable) => return Error::DestinationIpUnroutable,
            _ => {}
        }
        text = error.to_string();
        source = match error.downcast_ref::<std::io::Error>() {
            Some(error) => error.get_ref().map(|error| error as &(dyn StdError + 'static)),
            None => error.source(),
        };
    }
    if error.is_dns() {
        return Error::DnsError { rcode: Some(text), info_code: None };
    }
    Error::InternalError(Some(text))
}
