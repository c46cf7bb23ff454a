//! Bodies of requests that are not waited for for ever.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A body that fails if a piece of it takes too long.
pub struct Patient<B> {
    body: B,
    patience: Duration,
    waited: Pin<Box<Sleep>>,
}

impl<B> Patient<B> {
    /// Each piece may take so long.
    pub fn new(body: B, patience: Duration) -> Patient<B> {
        Patient { body, patience, waited: Box::pin(sleep(patience)) }
    }
}

impl<B: Body<Error: Into<Failure>> + Unpin> Body for Patient<B> {
    type Data = B::Data;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Failure>>> {
        let this = &mut *self;
        if let Poll::Ready(piece) = Pin::new(&mut this.body).poll_frame(context) {
            this.waited.as_mut().reset(Instant::now() + this.patience);
            return Poll::Ready(piece.map(|piece| piece.map_err(Into::into)));
        }
        this.waited.as_mut().poll(context).map(|()| Some(Err("the body came too slowly".into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::{StreamExt, stream};
    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    #[tokio::test]
    async fn a_body_may_be_slow_but_not_stand_still() {
        let piece = || Ok::<_, Failure>(Frame::data(Bytes::from_static(b"x")));
        let patience = Duration::from_millis(200);
        let slow = stream::iter(0..6).then(|_| async {
            sleep(Duration::from_millis(50)).await;
            piece()
        });
        let slow = Patient::new(StreamBody::new(Box::pin(slow)), patience);
        assert_eq!(slow.collect().await.unwrap().to_bytes(), "xxxxxx");
        let stalled = stream::iter([piece()]).chain(stream::pending());
        let stalled = Patient::new(StreamBody::new(stalled), patience);
        assert!(stalled.collect().await.unwrap_err().to_string().contains("too slowly"));
    }
}
