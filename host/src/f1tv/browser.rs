//! The sign-in in a browser: FastF1's page, and its add-on, bring the session's cookie to a port of this machine, which is
//! open for as long as that takes. It takes one, from that page or an add-on; whoever else comes gets nothing.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot::{Receiver, Sender, channel};

use super::formula1::{ADD_ONS, BROUGHT_TO, COOKIE, IN_COOKIE, KEYS, LOGIN_PAGE};
use super::signature;
use super::token::Token;
use super::trouble::{Step, Trouble, of_answer};
use super::wire::Wire;

/// How long a person may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// How long a request may take to come, and its answer to go.
const REQUEST: Duration = Duration::from_secs(10);

/// A cookie is shorter.
const LONGEST: usize = 64 << 10;

/// Waits for what the browser brings, after `shown` was given the page to open, and checks who signed it.
pub async fn token(shown: impl FnOnce(&str)) -> Result<Token> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let (take, brought) = channel();
    let door = Arc::new(Door { port, take: Mutex::new(Some(take)) });
    shown(&format!("{LOGIN_PAGE}?port={port}"));
    let Ok(cookie) = tokio::time::timeout(PATIENCE, open(listener, door, brought)).await else {
        bail!("no browser came for {} minutes; begin again", PATIENCE.as_secs() / 60);
    };
    let failed = |trouble: Trouble, what: &str| trouble.at(Step::Signature, what).error;
    let token = cookie.pointer(IN_COOKIE).and_then(Value::as_str).filter(|token| !token.is_empty());
    let Some(token) = token else {
        return Err(
            failed(Trouble::NoSubscription, "the browser's session holds no subscription's token").into()
        );
    };
    let keys = keys().await?;
    signature::check(token, &keys)
        .map_err(|why| failed(Trouble::Signature, &format!("of the token: {why}")))?;
    let token = Token::parse(token).filter(|token| token.ends.is_some());
    Ok(token.ok_or_else(|| failed(Trouble::Changed, "the token does not say when it ends"))?)
}

async fn keys() -> Result<Value> {
    let answer =
        Wire::new().send(Step::Keys, Request::get(KEYS), String::new()).await.map_err(|why| why.error)?;
    let what = || format!("{} answers {}", answer.host, answer.status.as_u16());
    if !answer.status.is_success() {
        return Err(of_answer(&answer).at(Step::Keys, &what()).error.into());
    }
    let keys =
        answer.json().ok_or_else(|| Trouble::Changed.at(Step::Keys, &format!("{} without JSON", what())));
    Ok(keys.map_err(|why| why.error)?)
}

/// Who may come, and for whom what they bring is.
struct Door {
    port: u16,
    /// Empty when it was taken.
    take: Mutex<Option<Sender<Value>>>,
}

/// Answers until one has brought a cookie, and that one has its answer.
async fn open(listener: TcpListener, door: Arc<Door>, brought: Receiver<Value>) -> Value {
    let graceful = GracefulShutdown::new();
    let mut brought = pin!(brought);
    let cookie = loop {
        let stream = tokio::select! {
            cookie = &mut brought => match cookie {
                Ok(cookie) => break cookie,
                Err(_) => std::future::pending().await,
            },
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
        };
        let door = door.clone();
        let answer = service_fn(move |request| {
            let door = door.clone();
            async move { Ok::<_, Infallible>(door.answer(request).await) }
        });
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(REQUEST).keep_alive(false);
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), answer));
        tokio::spawn(async move { tokio::time::timeout(REQUEST * 2, connection).await });
    };
    drop(listener);
    let _ = tokio::time::timeout(Duration::from_secs(1), graceful.shutdown()).await;
    cookie
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let Some(origin) = self.welcome(&head.headers) else { return nothing(StatusCode::FORBIDDEN) };
        if head.uri.path() != BROUGHT_TO {
            return nothing(StatusCode::NOT_FOUND);
        }
        match head.method {
            Method::OPTIONS => with_cors(Response::default(), origin),
            Method::POST => {
                let body = tokio::time::timeout(REQUEST, Limited::new(body, LONGEST).collect()).await;
                let cookie = body.ok().and_then(Result::ok).and_then(|body| cookie(&body.to_bytes()));
                let Some(cookie) = cookie else { return nothing(StatusCode::BAD_REQUEST) };
                let take = self.take.lock().unwrap_or_else(PoisonError::into_inner).take();
                match take.map(|take| take.send(cookie)) {
                    Some(Ok(())) => {
                        let mut response = Response::new(Full::from(r#"{"status": "ok"}"#));
                        let json = HeaderValue::from_static("application/json");
                        response.headers_mut().insert(CONTENT_TYPE, json);
                        with_cors(response, origin)
                    }
                    _ => nothing(StatusCode::GONE),
                }
            }
            _ => nothing(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// The origin that may read the answer, if whoever asks is welcome: the page, an add-on, or a program that is no
    /// browser. A page whose host's name leads here has another `Host`.
    fn welcome(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let host = headers.get(HOST)?.to_str().ok()?;
        if !["127.0.0.1", "localhost"].iter().any(|name| host == format!("{name}:{}", self.port)) {
            return None;
        }
        let Some(origin) = headers.get(ORIGIN) else { return Some(HeaderValue::from_static(LOGIN_PAGE)) };
        let text = origin.to_str().ok()?;
        let is_welcome = text == LOGIN_PAGE || ADD_ONS.iter().any(|add_on| text.starts_with(add_on));
        is_welcome.then(|| origin.clone())
    }
}

/// The session's cookie, out of what was posted.
fn cookie(body: &[u8]) -> Option<Value> {
    let posted: Value = serde_json::from_slice(body).ok()?;
    let cookie = percent_decode_str(posted.get(COOKIE)?.as_str()?).decode_utf8().ok()?.into_owned();
    serde_json::from_str(&cookie).ok().filter(Value::is_object)
}

fn nothing(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

fn with_cors(mut response: Response<Full<Bytes>>, origin: HeaderValue) -> Response<Full<Bytes>> {
    let headers = response.headers_mut();
    headers.insert("access-control-allow-origin", origin);
    for (name, value) in [
        ("access-control-allow-methods", "POST, OPTIONS"),
        ("access-control-allow-headers", "Content-Type"),
        // A page of the network may ask this machine only if that is said.
        ("access-control-allow-private-network", "true"),
        ("vary", "Origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_welcome() {
        let door = Door { port: 5000, take: Mutex::default() };
        let welcome = |host: &'static str, origin: &'static str| {
            let mut headers = HeaderMap::from_iter([(HOST, HeaderValue::from_static(host))]);
            headers.extend((!origin.is_empty()).then(|| (ORIGIN, HeaderValue::from_static(origin))));
            door.welcome(&headers).is_some()
        };
        for origin in ["", "https://f1login.fastf1.dev", "moz-extension://1-2", "chrome-extension://ab"] {
            assert!(welcome("127.0.0.1:5000", origin) && welcome("localhost:5000", origin), "{origin}");
        }
        for origin in
            ["null", "https://evil.example", "http://f1login.fastf1.dev", "https://f1login.fastf1.dev.evil"]
        {
            assert!(!welcome("127.0.0.1:5000", origin), "{origin}");
        }
        assert!(!welcome("evil.example:5000", "") && !welcome("127.0.0.1:5001", ""));
    }
}
