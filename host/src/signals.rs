//! SIGTERM and Ctrl-C, as reasons to end a run.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use chrono::{DateTime, Utc};
use tokio::runtime::Runtime;

use crate::stop::Cause;

/// Signals to come.
pub struct Signals {
    /// None: they are somebody else's.
    #[cfg(unix)]
    heard: Option<[(tokio::signal::unix::Signal, Cause); 2]>,
    #[cfg(not(unix))]
    heard: bool,
}

impl Signals {
    /// From now on, if `heeds`, signals no longer end the process by themselves.
    #[cfg(unix)]
    pub fn new(heeds: bool, runtime: &Runtime) -> Signals {
        use tokio::signal::unix::{SignalKind, signal};
        let _inside = runtime.enter();
        let both = || {
            let (terminate, interrupt) = (SignalKind::terminate(), SignalKind::interrupt());
            Ok::<_, std::io::Error>([
                (signal(terminate)?, Cause::Terminated),
                (signal(interrupt)?, Cause::Interrupted),
            ])
        };
        Signals { heard: heeds.then(both).and_then(Result::ok) }
    }

    #[cfg(not(unix))]
    pub fn new(heeds: bool, _: &Runtime) -> Signals {
        Signals { heard: heeds }
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub async fn next(&mut self) -> Cause {
        let Some([(terminate, terminated), (interrupt, interrupted)]) = &mut self.heard else {
            return std::future::pending().await;
        };
        tokio::select! {
            Some(()) = terminate.recv() => *terminated,
            Some(()) = interrupt.recv() => *interrupted,
            else => std::future::pending().await,
        }
    }

    #[cfg(not(unix))]
    pub async fn next(&mut self) -> Cause {
        if !self.heard || tokio::signal::ctrl_c().await.is_err() {
            return std::future::pending().await;
        }
        Cause::Interrupted
    }
}

/// The signal that is to end the whole, if one has come.
#[derive(Clone, Default)]
pub struct Ending(Arc<Mutex<Option<Cause>>>);

impl Ending {
    /// From now on signals end the whole in order.
    pub fn heeded() -> Result<Ending> {
        let ending = Ending::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (mut signals, heard) = (Signals::new(true, &runtime), ending.clone());
        std::thread::spawn(move || {
            let cause = runtime.block_on(signals.next());
            heard.end(cause);
        });
        Ok(ending)
    }

    /// Ends the whole, as the signal would.
    pub fn end(&self, cause: Cause) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(cause);
    }

    pub fn cause(&self) -> Option<Cause> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps until then, or until the end.
    pub fn sleep_until(&self, until: DateTime<Utc>) {
        while self.cause().is_none() && Utc::now() < until {
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
