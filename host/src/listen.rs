//! A small HTTP server: bind, serve, and shut down in order.

use std::convert::Infallible;
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
use tokio::net::TcpListener;

/// How long requests that are under way may still take after a signal to stop.
const GRACE: Duration = Duration::from_secs(10);

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
/// the exit code. If `answer` fails, its error is logged and answered with a 500.
pub async fn serve<B, F>(
    listener: TcpListener,
    answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    stopping: impl Future<Output = ()>,
) -> Result<u8>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: std::fmt::Display + Send + Sync + Into<Box<dyn std::error::Error + Send + Sync>>,
    F: Future<Output = Result<Response<B>>> + Send,
{
    let connections = GracefulShutdown::new();
    let mut end = std::pin::pin!(async {
        stop().await;
        tokio::select! {
            () = stopping => {}
            () = stop() => tracing::warn!("stopped at once"),
        }
    });
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut end => break,
        };
        let answer = answer.clone();
        let service = service_fn(move |request| {
            let answer = answer(request);
            async move { Ok::<_, Infallible>(or_500(answer.await)) }
        });
        let connection =
            http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("connection ended: {error}");
            }
        });
    }
    tokio::select! {
        () = connections.shutdown() => {}
        () = tokio::time::sleep(GRACE) => tracing::warn!("stopped with requests under way"),
    }
    Ok(0)
}

fn or_500<B>(answer: Result<Response<B>>) -> Response<Either<B, Full<Bytes>>>
where
    B: Body<Data = Bytes>,
{
    answer.map(|response| response.map(Either::Left)).unwrap_or_else(|error| {
        tracing::error!("{error:#}");
        let mut response = Response::new(Either::Right(Full::from(format!("{error:#}\n"))));
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
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
