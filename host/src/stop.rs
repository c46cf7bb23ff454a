//! How a run is ended from outside: why, in which steps, and what that means for its requests and its sleep.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Error, Result, anyhow};
use bytes::Bytes;
use f1_ingest_component::http::transport::STOPPED;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::watch;
use wasmtime_wasi::p2::Pollable;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::pool::internal;

/// Why a run is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It has had its `--timeout`.
    Timeout(Duration),
    /// SIGTERM.
    Terminated,
    /// Ctrl-C.
    Interrupted,
}

impl Cause {
    /// The process's exit code: that of a shell for a program that the signal ended.
    pub fn exit_code(self) -> u8 {
        match self {
            Cause::Timeout(_) => 1,
            Cause::Interrupted => 130,
            Cause::Terminated => 143,
        }
    }

    /// One line: what ended the run, and what to do about it.
    pub fn why(self) -> Error {
        match self {
            Cause::Timeout(limit) => {
                anyhow!("stopped: {} s are not enough, raise --timeout", limit.as_secs())
            }
            Cause::Interrupted => anyhow!("stopped by Ctrl-C before it was done; run it again"),
            Cause::Terminated => anyhow!("stopped by SIGTERM before it was done; run it again"),
        }
    }

    /// How long after [`Stage::Stopping`] the next two stages begin. `--timeout` is kept within a second.
    pub fn pauses(self) -> (Duration, Duration) {
        match self {
            Cause::Timeout(_) => (Duration::from_millis(150), Duration::from_millis(500)),
            _ => (Duration::from_secs(1), Duration::from_secs(5)),
        }
    }
}

/// What a run may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    Going,
    /// It reads no more from upstreams and begins nothing new at the store, but may look and abort there.
    Stopping,
    /// What it was writing to the store ends too, and so does its sleep.
    Ending,
    /// It is dropped.
    Over,
}

/// The stage of one run. Its clones tell the same.
#[derive(Clone)]
pub struct Stop(Arc<watch::Sender<Stage>>);

impl Default for Stop {
    fn default() -> Stop {
        Stop(Arc::new(watch::Sender::new(Stage::Going)))
    }
}

impl Stop {
    /// Goes on to a stage; never back.
    pub fn to(&self, stage: Stage) {
        self.0.send_if_modified(|now| {
            let is_later = stage > *now;
            *now = stage.max(*now);
            is_later
        });
    }

    /// Whether the run is at that stage, or past it.
    pub fn is(&self, stage: Stage) -> bool {
        *self.0.borrow() >= stage
    }

    /// Waits for a stage.
    pub async fn reached(&self, stage: Stage) {
        // The sender is `self`, so it does not go away meanwhile.
        let _ = self.0.subscribe().wait_for(|now| *now >= stage).await;
    }

    /// A body that ends with an error when the run is stopped.
    pub fn cuts(&self, body: WasiBody) -> Cut {
        let stop = self.clone();
        Cut { body, stopped: Box::pin(async move { stop.reached(Stage::Stopping).await }) }
    }
}

/// What `work` gives, if it is done within `limit`. Otherwise its thread is left alone: it may wait for what never comes.
pub fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let (done, waiting) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(work()));
    waiting.recv_timeout(limit).map_err(|_| Cause::Timeout(limit).why())
}

/// The error of a request that is refused or ended because the run is stopped.
pub fn stopped() -> HttpError {
    internal(STOPPED)
}

/// See [`Stop::cuts`].
pub struct Cut {
    body: WasiBody,
    stopped: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Body for Cut {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        match self.stopped.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(stopped()))),
            Poll::Pending => Pin::new(&mut self.body).poll_frame(context),
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

/// A guest's sleep. One that began before the run was stopped ends early, as WASI has no signal to wake a guest with;
/// what it waits for while it ends takes its time.
pub struct Nap {
    until: Option<tokio::time::Instant>,
    wakes: Option<Stop>,
}

impl Nap {
    /// Sleeps for `duration`; for ever if that is past all clocks.
    pub fn new(duration: Duration, stop: &Stop) -> Nap {
        let until = tokio::time::Instant::now().checked_add(duration);
        Nap { until, wakes: (!stop.is(Stage::Stopping)).then(|| stop.clone()) }
    }
}

#[async_trait::async_trait]
impl Pollable for Nap {
    async fn ready(&mut self) {
        let over = async {
            match self.until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let woken = async {
            match &self.wakes {
                Some(stop) => stop.reached(Stage::Ending).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = over => {}
            () = woken => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_nap_ends_early_only_if_it_began_before_the_stop() {
        let stop = Stop::default();
        let hour = Duration::from_secs(3600);
        let mut before = Nap::new(hour, &stop);
        stop.to(Stage::Stopping);
        let mut after = Nap::new(hour, &stop);
        let moment = Duration::from_millis(20);
        assert!(tokio::time::timeout(moment, before.ready()).await.is_err(), "what it does may end in order");
        stop.to(Stage::Ending);
        before.ready().await;
        assert!(tokio::time::timeout(moment, after.ready()).await.is_err());
        stop.to(Stage::Going);
        assert!(stop.is(Stage::Ending), "there is no way back");
    }
}
