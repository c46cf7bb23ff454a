//! What a run would store, if it is not to: compared with what is stored, if `--if-changed` is asked for too.

use crate::http::transport::{Clock, Transport};
use crate::log::Log;
use crate::report::WouldStore;
use crate::s3::store::Store;
use crate::session::SessionId;
use crate::source::Item;

/// What becomes of an item whose document has this size and hash. That the store does not tell is no failure.
pub async fn plan<R: Transport + Clock>(
    store: &Store<'_, R>,
    log: &Log,
    item: &Item,
    session: Option<SessionId>,
    (size, sha256): (u64, String),
) -> WouldStore {
    let (source, bucket) = (item.source.name(), store.bucket());
    let stored = match &bucket.if_changed {
        Some(_) => store.already_stored(&item.name(session), &sha256).await.map(Some),
        None => Ok(None),
    };
    let (changed, compared) = match stored {
        Ok(None) => (None, String::new()),
        Ok(Some(None)) => (Some(true), ", as it has changed".to_owned()),
        Ok(Some(Some(same))) => (Some(false), format!(" if it had changed since {}", same.key)),
        Err(error) => (None, format!(" if it has changed, which nobody can tell: {error}")),
    };
    let log = log.with([("bytes", size.into())]);
    log.info(&format!("{source}: would store {size} bytes in {}{compared}; this is a dry run", bucket.name));
    WouldStore { source: source.to_owned(), session, size, sha256, changed }
}
