//! What a run did: for the caller of `f1:ingest/job`, and as JSON for the caller of `POST /ingest`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{Error, Kind};

/// One object in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stored {
    pub source: String,
    pub key: String,
    /// Bytes of the document, before compression.
    pub size: u64,
    /// Of the document, in lower-case hex; None of one that was sent in parts while it was made.
    pub sha256: Option<String>,
}

/// One source that was not stored; an empty name is the run itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub source: String,
    pub error: Error,
}

/// The outcome of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    pub stored: Vec<Stored>,
    pub failed: Vec<Failure>,
    pub warnings: Vec<String>,
}

impl From<Error> for Report {
    fn from(error: Error) -> Self {
        Report { failed: vec![Failure { source: String::new(), error }], ..Report::default() }
    }
}

impl Report {
    /// 0 where all is stored; 75 where all that failed may succeed later; else the worst failure's.
    pub fn exit_code(&self) -> u8 {
        let codes = || self.failed.iter().map(|failure| failure.error.kind.exit_code());
        codes().find(|code| *code != 75).or(codes().next()).unwrap_or(0)
    }

    pub fn to_json(&self) -> Value {
        json!({
            "exit_code": self.exit_code(),
            "stored": self.stored,
            "failed": self.failed.iter().map(|Failure { source, error }| json!({
                "source": source,
                "kind": error.kind.name(),
                "message": error.message,
                "until": if let Kind::RateLimited(until) = error.kind { until } else { None },
            })).collect::<Vec<_>>(),
            "warnings": self.warnings,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_is_not_now_only_where_nothing_else_failed() {
        let report = |kinds: &[Kind]| Report {
            failed: kinds
                .iter()
                .map(|kind| Failure { source: "jolpica".into(), error: Error::new(*kind, "why") })
                .collect(),
            ..Report::default()
        };
        assert_eq!(report(&[]).exit_code(), 0);
        assert_eq!(report(&[Kind::RateLimited(None)]).exit_code(), 75);
        assert_eq!(report(&[Kind::NotPublished, Kind::Blocked]).exit_code(), 1);
        assert_eq!(report(&[Kind::Usage]).exit_code(), 2);
    }
}
