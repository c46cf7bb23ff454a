//! What became of one run, seen from outside: when it began, how long it took, and the job's report or why there is
//! none.

use std::time::{Duration, SystemTime};

use anyhow::Error;
use chrono::{DateTime, Utc};
use f1_ingest_component::error::{self, Kind};
use f1_ingest_component::report::{Failure, Report, Stored};
use serde_json::{Value, json};

/// What became of one run.
pub struct Outcome {
    /// 32 hex digits, in the log's lines and the objects' metadata too; empty if the run never began.
    pub run_id: String,
    /// Whether the job was started at all: not if it had no store, thread or credentials, for example.
    pub begun: bool,
    pub started: SystemTime,
    pub took: Duration,
    /// The job's exit code and report; or why the job did not start or was ended from outside: a limit, a crash.
    pub result: Result<(u8, Report), Error>,
}

impl Outcome {
    /// A run that was refused before it had an id.
    pub fn not_begun(error: Error) -> Outcome {
        Outcome {
            run_id: String::new(),
            begun: false,
            started: SystemTime::now(),
            took: Duration::ZERO,
            result: Err(error),
        }
    }

    /// The exit code of the command that made the run.
    pub fn exit_code(&self) -> u8 {
        match &self.result {
            Ok((code, _)) => *code,
            Err(error) => exit_code(error),
        }
    }

    /// When all upstreams that have had too many requests answer again, if they say so.
    pub fn comes_back(&self) -> Option<DateTime<Utc>> {
        let failed = self.report().into_iter().flat_map(|report| &report.failed);
        let seconds = failed.filter_map(|failure| failure.error.until);
        DateTime::from_timestamp(seconds.max()?.try_into().ok()?, 0)
    }

    /// The job's report; none if the run was ended from outside.
    pub fn report(&self) -> Option<&Report> {
        self.result.as_ref().ok().map(|(_, report)| report)
    }

    /// What is in the bucket now, and whether the run stored it: `stored`, or `unchanged`.
    pub fn kept(&self) -> impl Iterator<Item = (&'static str, &Stored)> {
        let all = |what: &'static str, objects: fn(&Report) -> &[Stored]| {
            self.report().into_iter().flat_map(objects).map(move |object| (what, object))
        };
        all("stored", |report| &report.stored).chain(all("unchanged", |report| &report.unchanged))
    }

    /// What was not stored and why, as (source, kind, message). An empty source stands for the whole run.
    pub fn failures(&self) -> Vec<(&str, &'static str, String)> {
        match &self.result {
            Ok((_, report)) => report
                .failed
                .iter()
                .map(|Failure { source, error, .. }| {
                    (source.as_str(), error.kind.name(), error.message.clone())
                })
                .collect(),
            Err(error) => {
                let kind = if exit_code(error) == 2 { Kind::Usage.name() } else { "stopped" };
                vec![("", kind, format!("{error:#}"))]
            }
        }
    }

    /// The report as the component writes it, together with what only the host knows; times in (unix) seconds.
    pub fn to_json(&self) -> Value {
        let mut json = match self.report() {
            Some(report) => report.to_json(),
            None => {
                let failed: Vec<Value> = (self.failures().iter())
                    .map(|(source, kind, message)| {
                        json!({
                            "source": source,
                            "session": null,
                            "kind": kind,
                            "message": message,
                            "status": null,
                            "until": null,
                        })
                    })
                    .collect();
                json!({"stored": [], "unchanged": [], "failed": failed, "warnings": []})
            }
        };
        json["exit_code"] = self.exit_code().into();
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
