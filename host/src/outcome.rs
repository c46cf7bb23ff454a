//! What became of one run, seen from outside: when it began, how long it took, and the job's report or why there is
//! none.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Error;
use chrono::{DateTime, Utc};
use f1_ingest_component::error::{self, Kind};
use f1_ingest_component::report::{Failure, Report, Stored};
use serde_json::{Value, json};

/// What became of one run.
#[derive(Clone)]
pub struct Outcome {
    /// 32 hex digits, in the log's lines and the objects' metadata too; empty if the run never began.
    pub run_id: String,
    /// Whether nothing was to be stored: then it is no success that anybody waits for.
    pub is_dry: bool,
    /// Whether the job was started at all: not if it had no store, thread or credentials, for example.
    pub begun: bool,
    pub started: SystemTime,
    pub took: Duration,
    pub exit_code: u8,
    /// The job's own; of a run that was ended from outside, what the host saw of it.
    pub report: Report,
    /// Of a backfill: which rows of new versions differ from those before, a line an item.
    pub changes: Vec<String>,
    /// The unix second at which the token that signs in to livetiming ends, if the run had one.
    pub token_ends: Option<u64>,
    /// Why the job did not start or was ended from outside: a limit, a signal, a crash.
    pub why: Option<Arc<Error>>,
}

impl Outcome {
    /// A run that was refused before it had an id.
    pub fn not_begun(error: Error) -> Outcome {
        Outcome {
            run_id: String::new(),
            is_dry: false,
            begun: false,
            started: SystemTime::now(),
            took: Duration::ZERO,
            exit_code: exit_code(&error),
            report: Report::default(),
            changes: Vec::new(),
            token_ends: None,
            why: Some(Arc::new(error)),
        }
    }

    /// The exit code of the command that made the run.
    pub fn exit_code(&self) -> u8 {
        self.exit_code
    }

    /// Whether what was asked for is in the bucket.
    pub fn is_success(&self) -> bool {
        self.exit_code == 0 && !self.is_dry
    }

    /// When all upstreams that have had too many requests answer again, if they say so.
    pub fn comes_back(&self) -> Option<DateTime<Utc>> {
        let failed = self.report.failed.iter();
        let seconds = failed.filter_map(|failure| failure.error.until);
        DateTime::from_timestamp(seconds.max()?.try_into().ok()?, 0)
    }

    /// What is in the bucket now, and whether the run stored it: `stored`, or `unchanged`.
    pub fn kept(&self) -> impl Iterator<Item = (&'static str, &Stored)> {
        let Report { stored, unchanged, .. } = &self.report;
        let unchanged = unchanged.iter().map(|object| ("unchanged", object));
        stored.iter().map(|object| ("stored", object)).chain(unchanged)
    }

    /// What was not stored and why, as (source, kind, message). An empty source stands for the whole run.
    pub fn failures(&self) -> Vec<(&str, &'static str, String)> {
        let of_items =
            self.report.failed.iter().map(|Failure { source, error, .. }| {
                (source.as_str(), error.kind.name(), error.message.clone())
            });
        self.failure().into_iter().chain(of_items).collect()
    }

    /// What the whole run failed at.
    fn failure(&self) -> Option<(&'static str, &'static str, String)> {
        let error = self.why.as_ref()?;
        let kind = if exit_code(error) == 2 { Kind::Usage.name() } else { "stopped" };
        Some(("", kind, format!("{error:#}")))
    }

    /// The report as the component writes it, together with what only the host knows; times in (unix) seconds.
    pub fn to_json(&self) -> Value {
        let mut json = self.report.to_json();
        if let (Some((source, kind, message)), Some(failed)) = (self.failure(), json["failed"].as_array_mut())
        {
            let whole = json!({
                "source": source,
                "session": null,
                "kind": kind,
                "message": message,
                "status": null,
                "until": null,
            });
            failed.insert(0, whole);
        }
        json["exit_code"] = self.exit_code().into();
        json["dry_run"] = self.is_dry.into();
        json["changes"] = self.changes.clone().into();
        json["token_expires"] = self.token_ends.into();
        json["run_id"] = self.run_id.clone().into();
        json["started"] = seconds(self.started).into();
        json["seconds"] = self.took.as_secs_f64().into();
        json["version"] = env!("CARGO_PKG_VERSION").into();
        json
    }
}

/// The exit code of a failure: that of its kind if it has one, else 1.
pub fn exit_code(error: &Error) -> u8 {
    error.downcast_ref::<error::Error>().map_or(1, |error| error.kind.exit_code())
}

/// A time in unix seconds, with a fraction.
pub fn seconds(time: SystemTime) -> f64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
