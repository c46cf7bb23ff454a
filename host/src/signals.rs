//! SIGTERM and Ctrl-C, as reasons to end a run.

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
