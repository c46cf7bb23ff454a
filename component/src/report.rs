//! What a run did: for the caller of `f1:ingest/job`, and as JSON for the caller of `POST /ingest`.

use serde_json::{Value, json};

use crate::error::{Error, Kind};
use crate::session::SessionId;

/// One object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    pub source: String,
    /// Which session it is of, if it is of one.
    pub session: Option<SessionId>,
    pub key: String,
    /// Bytes of the document, before compression.
    pub size: u64,
    /// Of the document, in lower-case hex; None of one that was sent in parts while it was made.
    pub sha256: Option<String>,
}

/// One document that a dry run would store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WouldStore {
    pub source: String,
    pub session: Option<SessionId>,
    /// Bytes of the document, before compression.
    pub size: u64,
    /// Of the document, in lower-case hex.
    pub sha256: String,
    /// Whether the newest object of its item has other bytes, or there is none; None if nobody asked or could tell.
    pub changed: Option<bool>,
}

/// One source that was not stored; an empty name is the run itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub source: String,
    /// The middle of the key that its document was to have, as far as it was known.
    pub item: String,
    /// Which session was to be stored, as far as it was known.
    pub session: Option<SessionId>,
    pub error: Error,
}

/// The outcome of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub stored: Vec<Stored>,
    /// What is not stored again, as the newest object has the same bytes: that object.
    pub unchanged: Vec<Stored>,
    /// Of a dry run only.
    pub would_store: Vec<WouldStore>,
    pub failed: Vec<Failure>,
    pub warnings: Vec<String>,
}

/// Of a run as a whole.
impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure { source: String::new(), item: String::new(), session: None, error }
    }
}

impl From<Error> for Report {
    fn from(error: Error) -> Self {
        Report { failed: vec![error.into()], ..Report::default() }
    }
}

impl Report {
    /// 0 if nothing failed; 75 if all that failed may succeed later; else the worst failure's.
    pub fn exit_code(&self) -> u8 {
        let codes = || self.failed.iter().map(|failure| failure.error.kind.exit_code());
        codes().find(|code| *code != 75).or(codes().next()).unwrap_or(0)
    }

    pub fn to_json(&self) -> Value {
        let objects = |objects: &[Stored]| objects.iter().map(object).collect::<Vec<_>>();
        json!({
            "exit_code": self.exit_code(),
            "stored": objects(&self.stored),
            "unchanged": objects(&self.unchanged),
            "would_store": self.would_store.iter().map(would_store).collect::<Vec<_>>(),
            "failed": self.failed.iter().map(failure).collect::<Vec<_>>(),
            "warnings": self.warnings,
        })
    }
}

fn object(Stored { source, session, key, size, sha256 }: &Stored) -> Value {
    json!({"source": source, "session": of(session), "key": key, "size": size, "sha256": sha256})
}

fn would_store(WouldStore { source, session, size, sha256, changed }: &WouldStore) -> Value {
    json!({"source": source, "session": of(session), "size": size, "sha256": sha256, "changed": changed})
}

fn failure(Failure { source, item, session, error }: &Failure) -> Value {
    json!({
        "source": source,
        "item": item,
        "session": of(session),
        "kind": error.kind.name(),
        "message": error.message,
        "status": error.status,
        "url": error.url,
        "until": error.until.filter(|_| error.kind == Kind::RateLimited),
    })
}

/// A session in JSON, or null.
fn of(session: &Option<SessionId>) -> Value {
    let json = |SessionId { season, round, name }: &SessionId| json!({"season": season, "round": round, "name": name.abbreviation()});
    session.as_ref().map_or(Value::Null, json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_not_now_only_if_nothing_else_failed() {
        let report = |kinds: &[Kind]| Report {
            failed: kinds
                .iter()
                .map(|kind| Failure {
                    item: String::new(),
                    source: "jolpica".into(),
                    session: None,
                    error: Error::new(*kind, "why"),
                })
                .collect(),
            ..Report::default()
        };
        assert_eq!(report(&[]).exit_code(), 0);
        assert_eq!(report(&[Kind::RateLimited]).exit_code(), 75);
        assert_eq!(report(&[Kind::NotPublished, Kind::Blocked]).exit_code(), 1);
        assert_eq!(report(&[Kind::Usage]).exit_code(), 2);
    }
}
