//! What one run did, as it notes it.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Kind};
use crate::report::{Failure, Report, Stored};
use crate::s3::key::Key;

/// The records of this version.
pub const SCHEMA: u32 = 1;

/// What a run did, or a part of it: a long run notes what it has done now and then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    pub schema: u32,
    pub run: RunNote,
    pub entries: Vec<Entry>,
}

/// A run as a whole, as far as it has come. Times in unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNote {
    pub id: String,
    /// `run`, `backfill`, `serve`
    pub command: String,
    pub began: i64,
    pub ended: i64,
    /// None: it was still under way.
    pub exit_code: Option<u8>,
    pub stored: u32,
    pub unchanged: u32,
    pub absent: u32,
    pub failed: u32,
    /// Not now.
    pub later: u32,
}

impl Record {
    /// What a run did that has ended `now`.
    pub fn of(report: &Report, run: RunNote, now: i64) -> Record {
        let entries: Vec<Entry> = entries(report, now);
        let mut run = RunNote { ended: now, exit_code: Some(report.exit_code()), ..run };
        entries.iter().for_each(|entry| run.count(&entry.became));
        Record { schema: SCHEMA, run, entries }
    }
}

/// What became of each item of a run.
pub fn entries(report: &Report, now: i64) -> Vec<Entry> {
    let key = |object: &Stored| object.key.parse::<Key>().ok();
    let stored = report.stored.iter().filter_map(|object| {
        let Key { item, seconds, .. } = key(object)?;
        let own = format!("{}: ", object.source);
        let warnings = report.warnings.iter().filter(|warning| warning.starts_with(&own)).cloned().collect();
        let (size, sha256) = (object.size, object.sha256.clone());
        Some(Entry { item, at: now, became: Became::Stored { seconds, size, sha256, warnings } })
    });
    let unchanged = report.unchanged.iter().filter_map(|object| {
        let Key { item, seconds, .. } = key(object)?;
        Some(Entry { item, at: now, became: Became::Unchanged { seconds } })
    });
    let failed = report
        .failed
        .iter()
        .filter(|failure| !failure.item.is_empty())
        .map(|Failure { item, error, .. }| Entry { item: item.clone(), at: now, became: error.into() });
    stored.chain(unchanged).chain(failed).collect()
}

impl RunNote {
    pub fn new(id: String, command: &str, began: i64) -> RunNote {
        let command = command.to_owned();
        RunNote {
            id,
            command,
            began,
            ended: began,
            exit_code: None,
            stored: 0,
            unchanged: 0,
            absent: 0,
            failed: 0,
            later: 0,
        }
    }

    /// Counts what became of an item.
    pub fn count(&mut self, became: &Became) {
        let count = match became {
            Became::Stored { .. } => &mut self.stored,
            Became::Unchanged { .. } => &mut self.unchanged,
            Became::Absent { .. } => &mut self.absent,
            Became::Failed { .. } => &mut self.failed,
        };
        *count += 1;
    }
}

/// What became of one item, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub item: String,
    pub at: i64,
    #[serde(flatten)]
    pub became: Became,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "became", rename_all = "kebab-case")]
pub enum Became {
    Stored {
        /// The seconds of its key.
        seconds: i64,
        /// Of the document, before any compression.
        size: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
        /// What it lacks.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        warnings: Vec<String>,
    },
    /// As the object of these seconds.
    Unchanged {
        seconds: i64,
    },
    /// The upstream does not have it.
    Absent {
        why: String,
    },
    Failed {
        kind: String,
        why: String,
    },
}

impl From<&Error> for Became {
    fn from(error: &Error) -> Became {
        let why = error.message.clone();
        match error.kind {
            Kind::NotFound | Kind::NotPublished => Became::Absent { why },
            kind => Became::Failed { kind: kind.name().to_owned(), why },
        }
    }
}
