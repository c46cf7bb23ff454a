//! How many connections a server has at once: so many that files are left for what it does. If it has no room, the one
//! that has been idle for longest makes some.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;

/// The connections that are open.
pub struct Connections {
    most: usize,
    open: Mutex<Vec<Arc<State>>>,
    /// A connection was closed, or became idle.
    changed: Notify,
}

struct State {
    /// None while a request is answered.
    idle_since: Mutex<Option<Instant>>,
    /// It has to make room.
    ended: Notify,
}

impl Connections {
    /// At most this many.
    pub fn new(most: usize) -> Arc<Connections> {
        Arc::new(Connections { most, open: Mutex::default(), changed: Notify::new() })
    }

    /// A place for one more connection, as soon as there is one. Only one caller at a time may wait.
    pub async fn place(self: &Arc<Self>) -> Place {
        while self.open().len() >= self.most {
            self.end_one();
            self.changed.notified().await;
        }
        let state = Arc::new(State { idle_since: Mutex::new(Some(Instant::now())), ended: Notify::new() });
        self.open().push(state.clone());
        Place { state, connections: self.clone() }
    }

    /// Ends the connection that has been idle for longest, if one is.
    pub fn end_one(&self) {
        let open = self.open();
        let idle =
            open.iter().filter_map(|state| Some((locked(&state.idle_since).as_ref().copied()?, state)));
        if let Some((_, state)) = idle.min_by_key(|(since, _)| *since) {
            state.ended.notify_one();
        }
    }

    fn open(&self) -> MutexGuard<'_, Vec<Arc<State>>> {
        locked(&self.open)
    }
}

/// The place of one connection, until dropped.
pub struct Place {
    state: Arc<State>,
    connections: Arc<Connections>,
}

impl Place {
    /// Waits until the connection has to make room, which it need not if a request has come meanwhile.
    pub async fn ended(&self) {
        loop {
            self.state.ended.notified().await;
            if locked(&self.state.idle_since).is_some() {
                return;
            }
        }
    }

    /// A request has come: the connection is not idle until what this gives is dropped.
    pub fn busy(&self) -> Busy {
        *locked(&self.state.idle_since) = None;
        Busy { state: self.state.clone(), connections: self.connections.clone() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.open().retain(|other| !Arc::ptr_eq(other, &self.state));
        self.connections.changed.notify_one();
    }
}

/// A request that is being answered.
pub struct Busy {
    state: Arc<State>,
    connections: Arc<Connections>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        *locked(&self.state.idle_since) = Some(Instant::now());
        self.connections.changed.notify_one();
    }
}

/// The body of an answer: the connection is busy until it is sent.
pub struct Answering<B> {
    pub body: B,
    pub _busy: Busy,
}

impl<B: Body + Unpin> Body for Answering<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many connections leave two thirds of this process's files to what it does. A `store` or a `replay` has a few
/// files open for a request; a run of `serve` has a store, upstreams and a runtime.
pub fn most() -> usize {
    (open_files() / 3).clamp(4, 1024)
}

#[cfg(unix)]
fn open_files() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
fn open_files() -> usize {
    usize::MAX
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Whether something comes without anything else having to happen.
    async fn comes<T>(what: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(Duration::from_millis(50), what).await.ok()
    }

    #[tokio::test]
    async fn the_connection_that_was_idle_for_longest_makes_room() {
        let connections = Connections::new(3);
        let (busy, first, second) =
            (connections.place().await, connections.place().await, connections.place().await);
        let request = busy.busy();
        drop(first.busy());
        let waiting = tokio::spawn({
            let connections = connections.clone();
            async move { connections.place().await }
        });
        comes(second.ended()).await.expect("the first one was busy since");
        assert!(comes(first.ended()).await.is_none() && comes(busy.ended()).await.is_none());
        assert!(!waiting.is_finished(), "the file of the second one is still open");
        drop(second);
        comes(waiting).await.expect("there is room").unwrap();
        drop(request);
    }

    #[tokio::test]
    async fn who_is_answered_is_not_interrupted() {
        let connections = Connections::new(1);
        let place = connections.place().await;
        let busy = place.busy();
        assert!(comes(connections.place()).await.is_none());
        assert!(comes(place.ended()).await.is_none());
        drop(busy);
        let (next, ()) = tokio::join!(connections.place(), async {
            place.ended().await;
            drop(place);
        });
        drop(next);
    }
}
