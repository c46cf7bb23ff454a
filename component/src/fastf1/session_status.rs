//! SessionStatus: when a session was started, aborted, finished (FastF1's `session_status_data`).

use super::feed::{self, Content, Count, Unusable};
use super::time::Timedelta;

/// The session's statuses in the order of the feed.
#[derive(Debug, Clone, Default)]
pub struct SessionStatus {
    pub changes: Vec<StatusChange>,
    /// When the session was started for the first time.
    pub start: Option<Timedelta>,
    pub count: Count,
}

/// A status and the session time from which on it holds; None if the feed's timestamp cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusChange {
    pub time: Option<Timedelta>,
    /// Started, Aborted, Finished, Finalised, Ends, Inactive.
    pub status: String,
}

impl SessionStatus {
    pub fn read(feed: &[u8]) -> Result<SessionStatus, Unusable> {
        let mut changes = Vec::new();
        let count = feed::each(feed, &mut |message| {
            if let Content::Object(object) = message.content
                && let Some(status) = object.get("Status")
            {
                let status = status.text().unwrap_or_default().to_owned();
                changes.push(StatusChange { time: message.time, status });
            }
            Ok(())
        })?;
        let start = changes.iter().find(|change| change.status == "Started").and_then(|change| change.time);
        Ok(SessionStatus { changes, start, count })
    }
}
