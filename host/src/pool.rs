//! Connections to the outside: pooled, through the proxies that the environment names, trusting the certificates that
//! it names or that the platform trusts.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use f1_ingest_component::error;
use f1_ingest_component::http::transport::{LASTING, UNREACHABLE};
use http::{Request, Response, StatusCode, Uri};
use http_body::{Body, Frame, SizeHint};
use reqwest::Client;
use reqwest::cookie::Jar;
use tokio::time::{Instant, Sleep, sleep, timeout};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::proxies::{Proxies, Proxy};
use crate::trust::{self, Peer};

/// How long a connection may take to come about if the job does not say; a blackholed address would otherwise hold
/// it for minutes.
const CONNECT: Duration = Duration::from_secs(15);
/// The same for what is next to this machine.
const NEXT_DOOR: Duration = Duration::from_secs(1);
/// How long to wait for a response, and then for each piece of it, if the job does not say. WASI's own default.
const SILENCE: Duration = Duration::from_secs(600);

/// A proxy's URL, whether TLS is spoken, and how long a connection may take to come about.
type Way = (Option<String>, bool, Duration);

/// HTTP clients, each made when it is first asked for.
#[derive(Debug)]
pub struct Pool {
    peer: Peer,
    proxies: Proxies,
    /// How long a connection may take to come about.
    connect: Duration,
    cookies: Option<Cookies>,
    /// By the proxy's URL, and by whether they speak TLS.
    clients: Mutex<HashMap<Way, Client>>,
}

/// What hosts have set, and get back. It shows nowhere.
struct Cookies(Arc<Jar>);

impl fmt::Debug for Cookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookies(***)")
    }
}

impl Default for Pool {
    fn default() -> Pool {
        Pool::to(Peer::default())
    }
}

impl Pool {
    /// For requests to these peers.
    pub fn to(peer: Peer) -> Pool {
        let (proxies, clients) = (Proxies::of_environment(), Mutex::default());
        Pool { peer, proxies, connect: CONNECT, cookies: None, clients }
    }

    /// For a run's requests to upstreams.
    pub fn to_upstreams(proxies: Proxies) -> Pool {
        Pool { proxies, ..Pool::to(Peer::Upstream) }
    }

    /// For requests to upstreams that belong together: what one sets in a cookie goes with the next, as in a browser.
    pub fn with_cookies(connect: Duration) -> Pool {
        Pool { connect, cookies: Some(Cookies(Arc::default())), ..Pool::to(Peer::Upstream) }
    }

    /// Fails, as wrong usage, if what the environment says of proxies and certificates keeps `url` from being reached.
    pub fn check(&self, url: &Uri) -> error::Result<()> {
        let proxy = self.proxies.of_url(url);
        proxy.map_or(Ok(()), Proxy::check)?;
        if is_tls(url, proxy) {
            self.peer.named()?;
        }
        Ok(())
    }

    /// Sends a request and waits for the head of its response. The errors are those that WASI has for a guest.
    pub async fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<ResponseBody>, Error> {
        let url = request.uri().clone();
        let (client, proxy) = (self.client(&url)?, self.proxies.of_url(&url));
        // s3s's body serves to make a body `Sync`; it keeps the length.
        let request = request.map(|body| reqwest::Body::wrap(s3s::Body::http_body_unsync(body)));
        let request = reqwest::Request::try_from(request).map_err(|_| Error::HttpRequestUriInvalid)?;
        let patience = options.first_byte_timeout.unwrap_or(SILENCE);
        let response = match timeout(patience, client.execute(request)).await {
            Err(_) => return Err(Error::ConnectionReadTimeout),
            Ok(Err(error)) => return Err(self.failure(&error, &url, proxy).await),
            Ok(Ok(response)) => response,
        };
        if let Some(proxy) = proxy
            && response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
        {
            return Err(lasting(proxy.refused(response.status().as_u16(), &url)));
        }
        let silence = options.between_bytes_timeout.unwrap_or(SILENCE);
        Ok(Response::from(response).map(|body| ResponseBody {
            body,
            silence,
            timer: Box::pin(sleep(silence)),
        }))
    }

    /// The client for a URL.
    pub fn client(&self, url: &Uri) -> Result<Client, Error> {
        let proxy = self.proxies.of_url(url);
        self.made(proxy, is_tls(url, proxy), self.connect)
    }

    /// A client without TLS and proxy, for what is on this machine or next to it: it accepts a connection at once, or is
    /// not there.
    pub fn direct(&self) -> Result<Client, Error> {
        self.made(None, false, NEXT_DOOR)
    }

    fn made(&self, proxy: Option<&Proxy>, is_tls: bool, connect: Duration) -> Result<Client, Error> {
        let key = (proxy.map(|proxy| proxy.url.clone()), is_tls, connect);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&key) {
            return Ok(client.clone());
        }
        // Without TLS there is no need to read certificates, which takes long.
        let trust = if is_tls { self.peer.config() } else { trust::none() };
        let builder = Client::builder()
            .tls_backend_preconfigured(trust.map_err(lasting)?)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(connect)
            .no_proxy();
        let builder = match &self.cookies {
            None => builder,
            Some(Cookies(jar)) => builder.cookie_provider(jar.clone()),
        };
        let builder = match proxy {
            None => builder,
            Some(proxy) => {
                proxy.check().map_err(lasting)?;
                builder.proxy(reqwest::Proxy::all(proxy.url.as_str()).map_err(internal)?)
            }
        };
        let client = builder.build().map_err(internal)?;
        Ok(clients.entry(key).or_insert(client).clone())
    }

    /// Why no response came, in WASI's words, or in ours if the proxy or the certificate is at fault.
    async fn failure(&self, error: &reqwest::Error, url: &Uri, proxy: Option<&Proxy>) -> Error {
        if let Some(tls) = caused_by::<rustls::Error>(error) {
            let (why, lasts) = self.peer.explained(tls, url.host().unwrap_or_default());
            return if lasts { lasting(why) } else { internal(why) };
        }
        if let Some(error) = caused_by::<hyper::Error>(error).filter(|error| error.is_parse()) {
            let host = url.host().unwrap_or_default();
            return internal(format!(
                "{host} does not speak HTTP at this port ({error}); if it speaks TLS, the URL begins with https://"
            ));
        }
        let Some(proxy) = proxy.filter(|_| error.is_connect()) else {
            return cause(error, Error::ConnectionTerminated);
        };
        let last = causes(error).last().map(ToString::to_string).unwrap_or_default();
        let tunnel = causes(error).map(ToString::to_string).find(|text| text.starts_with(TUNNEL));
        let refusal = match tunnel {
            Some(text) if text.ends_with("authorization required") => Some(407),
            Some(text) if text.ends_with("unsuccessful") => proxy.refusal(url).await,
            _ => None,
        };
        match refusal {
            Some(status @ 400..500) => lasting(proxy.refused(status, url)),
            Some(status @ 500..) => {
                unreachable(proxy.failed(&format!("it cannot reach the host (HTTP {status})")))
            }
            _ => unreachable(proxy.failed(&last)),
        }
    }
}

/// How hyper-util's errors of a proxy's tunnel begin; their type is not public.
const TUNNEL: &str = "tunnel error: ";

/// Whether TLS is spoken to a URL's host, or to the proxy in front of it.
fn is_tls(url: &Uri, proxy: Option<&Proxy>) -> bool {
    url.scheme_str() == Some("https") || proxy.is_some_and(Proxy::is_tls)
}

/// An error that WASI has no word for.
pub fn internal(error: impl std::fmt::Display) -> Error {
    Error::InternalError(Some(error.to_string()))
}

/// An error that a second attempt will meet again.
fn lasting(why: impl std::fmt::Display) -> Error {
    internal(format!("{LASTING}{why}"))
}

/// An error that came before anything was sent.
fn unreachable(why: impl std::fmt::Display) -> Error {
    internal(format!("{UNREACHABLE}{why}"))
}

/// An error and its causes, the one behind the other.
fn causes<'e>(error: &'e (dyn StdError + 'static)) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'e (dyn StdError + 'static) = *error;
        match error.downcast_ref::<std::io::Error>() {
            Some(error) => error.get_ref().map(|error| error as &(dyn StdError + 'static)),
            None => error.source(),
        }
    })
}

fn caused_by<E: StdError + 'static>(error: &reqwest::Error) -> Option<&E> {
    causes(error).find_map(|error| error.downcast_ref::<E>())
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
    for error in causes(error) {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return cut;
        }
        match error.downcast_ref::<std::io::Error>().map(std::io::Error::kind) {
            Some(ConnectionRefused) => return Error::ConnectionRefused,
            Some(ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof) => return cut,
            Some(HostUnreachable | NetworkUnreachable) => return Error::DestinationIpUnroutable,
            _ => {}
        }
    }
    let text = causes(error).last().map(ToString::to_string);
    if error.is_dns() {
        return Error::DnsError { rcode: text, info_code: None };
    }
    Error::InternalError(text)
}
