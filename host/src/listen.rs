//! A small HTTP server: bind, serve those who may ask, and shut down in order.

mod connections;
mod pages;
mod patience;

pub use pages::is_loopback;
pub use patience::Patient;

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use f1_ingest_component::error::Error;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;

use connections::{Answering, Connections, Place, most};

/// How long requests that are under way may still take after a signal to stop.
const GRACE: Duration = Duration::from_secs(10);

/// How long a client may take to send a request's head, from the moment that it may do so, or a piece of its body, and to
/// take a part of an answer.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Who may ask a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callers {
    /// Any program that can reach it, but no page in a browser.
    Programs,
    /// Whoever knows a secret that no page knows: what answers asks for it.
    WithToken,
    /// As [`Callers::Programs`], which may ask it by these names too: one that begins with a dot is what names end in.
    ProgramsBy(&'static [String]),
}

/// A runtime for a server.
pub fn runtime() -> Result<tokio::runtime::Runtime> {
    // Two threads at least: a busy guest must not keep a request waiting.
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}

/// Listens on `host:port`; port 0 takes any that is free. Fails, as wrong usage, if the address cannot be had.
pub async fn bind(address: &str) -> Result<TcpListener> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Error::usage(format!("--listen {address}: {error}")).into())
}

/// Answers requests until SIGTERM or Ctrl-C, and then until `stopping` is done or a second signal comes; then gives
/// the exit code. If `answer` fails, its error is logged and answered with a 500. What `callers` may not ask is
/// refused before anything is read or done.
pub async fn serve<B, F>(
    listener: TcpListener,
    callers: Callers,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    stopping: impl Future<Output = ()>,
) -> Result<u8>
where
    B: Body<Data = Bytes> + Unpin + Send + 'static,
    B::Error: std::fmt::Display + Send + Sync + Into<Box<dyn std::error::Error + Send + Sync>>,
    F: Future<Output = Result<Response<B>>> + Send,
{
    let address = listener.local_addr()?;
    let graceful = GracefulShutdown::new();
    let connections = Connections::new(most());
    let mut end = std::pin::pin!(async {
        stop().await;
        tokio::select! {
            () = stopping => {}
            () = stop() => tracing::warn!("stopped at once"),
        }
    });
    loop {
        let (stream, place) = tokio::select! {
            next = next(&listener, &connections) => next,
            () = &mut end => break,
        };
        let place = Arc::new(place);
        let (answer, held) = (answer.clone(), place.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let busy = held.busy();
            let refusal = match callers {
                Callers::Programs => pages::refusal(&request, address, &[]),
                Callers::WithToken => None,
                Callers::ProgramsBy(names) => pages::refusal(&request, address, names),
            };
            let answer = match refusal {
                Some(why) => Either::Left(why),
                None => Either::Right(answer(request)),
            };
            async move {
                let response = match answer {
                    Either::Left(why) => plain(StatusCode::FORBIDDEN, &why),
                    Either::Right(answer) => or_500(answer.await),
                };
                Ok::<_, Infallible>(response.map(|body| Answering { body, _busy: busy }))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(PATIENCE)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            tokio::select! {
                ended = connection => {
                    if let Err(error) = ended {
                        tracing::debug!("connection ended: {error}");
                    }
                }
                () = place.ended() => tracing::debug!("an idle connection made room"),
            }
        });
    }
    tokio::select! {
        () = graceful.shutdown() => {}
        () = tokio::time::sleep(GRACE) => tracing::warn!("stopped with requests under way"),
    }
    Ok(0)
}

/// The next connection, and its place among the others.
async fn next(
    listener: &TcpListener,
    connections: &Arc<Connections>,
) -> (Pin<Box<TimeoutStream<TcpStream>>>, Place) {
    let mut warned = false;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let mut stream = TimeoutStream::new(stream);
                stream.set_write_timeout(Some(PATIENCE));
                return (Box::pin(stream), connections.place().await);
            }
            Err(error) => {
                if !std::mem::replace(&mut warned, true) {
                    tracing::warn!("cannot accept a connection, and tries again: {error}");
                }
                // It may be a file that is wanted.
                connections.end_one();
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn or_500<B>(answer: Result<Response<B>>) -> Response<Either<B, Full<Bytes>>> {
    answer.map(|response| response.map(Either::Left)).unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        plain(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error:#}"))
    })
}

fn plain<B>(status: StatusCode, text: &str) -> Response<Either<B, Full<Bytes>>> {
    let mut response = Response::new(Either::Right(Full::from(format!("{text}\n"))));
    *response.status_mut() = status;
    response
}

#[cfg(unix)]
async fn stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return std::future::pending().await };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
}

#[cfg(not(unix))]
async fn stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}
