//! Reads a catalogue: the newest snapshot that is whole, then what is younger.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream::{StreamExt, iter};
use serde::{Deserialize, Serialize};

use super::lake::Lake;
use super::record::{Record, SCHEMA};
use super::{Prefix, day};
use crate::error::Result;
use crate::http::transport::{Clock, Transport};
use crate::s3::client::S3Client;
use crate::s3::key::ROOT;

/// By how much clocks of writers may differ, and how long a run may hold its record back.
const MARGIN: TimeDelta = TimeDelta::days(2);

/// Snapshots are looked for in so many days first, as there may be many older ones.
const RECENT: TimeDelta = TimeDelta::days(40);

/// How many records are read at once: most of the time goes by on the way to the store and back.
const AT_ONCE: usize = 32;

/// From so many records, or keys, on, the next reader is spared them by a snapshot.
const MANY_RECORDS: usize = 32;
const MANY_KEYS: usize = 2000;

/// All that was known at a moment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Snapshot<C, L> {
    pub schema: u32,
    /// In unix seconds, by the clock of who made it.
    pub made: i64,
    /// The keys of the records that are in it, of those that are not much older.
    pub covers: C,
    pub lake: L,
}

/// As it is read.
type Whole = Snapshot<Vec<String>, Lake>;

/// A catalogue that was read.
#[derive(Debug, Default)]
pub struct Reading {
    pub lake: Lake,
    /// Objects of the catalogue that could not be read, which were left out.
    pub damaged: Vec<String>,
    /// The records that are in the lake.
    pub(super) covers: Vec<String>,
    records: usize,
    keys: usize,
}

impl Reading {
    /// Whether it took so long to read that the next reader should be spared it.
    pub fn is_long(&self) -> bool {
        self.records >= MANY_RECORDS || self.keys >= MANY_KEYS
    }
}

/// Reads the catalogue of a bucket. One that is missing, or damaged, is made up from what is there.
///
/// Needs s3:ListBucket and s3:GetObject. Fails if the store refuses a listing.
pub async fn read<R: Transport + Clock>(s3: &S3Client<'_, R>, prefix: &Prefix) -> Result<Reading> {
    let mut damaged = Vec::new();
    let (reading, since) = match newest_snapshot(s3, prefix, &mut damaged).await? {
        Some(Snapshot { made, covers, lake, .. }) => {
            let made = DateTime::from_timestamp(made, 0).unwrap_or_default();
            (Reading { lake, covers, damaged, ..Reading::default() }, made - MARGIN)
        }
        None => (Reading { damaged, ..Reading::default() }, DateTime::UNIX_EPOCH),
    };
    completed(s3, prefix, since, reading).await
}

/// Reads a bucket as if it had no snapshot: from its records and keys alone.
pub async fn afresh<R: Transport + Clock>(s3: &S3Client<'_, R>, prefix: &Prefix) -> Result<Reading> {
    completed(s3, prefix, DateTime::UNIX_EPOCH, Reading::default()).await
}

/// Adds the records and keys from `since` on.
async fn completed<R: Transport + Clock>(
    s3: &S3Client<'_, R>,
    prefix: &Prefix,
    since: DateTime<Utc>,
    mut reading: Reading,
) -> Result<Reading> {
    records(s3, prefix, since, &mut reading).await?;
    s3.listed(ROOT, &after(ROOT, since), |object| {
        reading.keys += 1;
        reading.lake.add_key(&object.key, object.size);
    })
    .await?;
    Ok(reading)
}

/// Below `prefix`, what no object of that day or later comes before.
fn after(prefix: &str, since: DateTime<Utc>) -> String {
    match since == DateTime::UNIX_EPOCH {
        true => String::new(),
        false => format!("{prefix}{}", day(since.timestamp())),
    }
}

async fn newest_snapshot<R: Transport + Clock>(
    s3: &S3Client<'_, R>,
    prefix: &Prefix,
    damaged: &mut Vec<String>,
) -> Result<Option<Whole>> {
    let folder = prefix.snapshots();
    for since in [s3.http.runtime.now() - RECENT, DateTime::UNIX_EPOCH] {
        let mut names = Vec::new();
        s3.listed(&folder, &after(&folder, since), |object| names.push(object.key)).await?;
        for name in names.into_iter().rev() {
            let Some(object) = s3.get(&name).await? else { continue };
            match serde_json::from_slice::<Whole>(&object.body) {
                Ok(snapshot) if snapshot.schema == SCHEMA => return Ok(Some(snapshot)),
                _ if damaged.contains(&name) => {}
                _ => damaged.push(name),
            }
        }
    }
    Ok(None)
}

/// Adds the records from `since` on that are not in the lake yet.
async fn records<R: Transport + Clock>(
    s3: &S3Client<'_, R>,
    prefix: &Prefix,
    since: DateTime<Utc>,
    reading: &mut Reading,
) -> Result<()> {
    let known: HashSet<String> = reading.covers.drain(..).collect();
    let folder = prefix.runs();
    let (mut old, mut new) = (Vec::new(), Vec::new());
    s3.listed(&folder, &after(&folder, since), |object| {
        if known.contains(&object.key) { old.push(object.key) } else { new.push(object.key) }
    })
    .await?;
    reading.covers = old;
    let mut read = iter(new).map(async |name| (s3.get(&name).await, name)).buffered(AT_ONCE);
    while let Some((object, name)) = read.next().await {
        let Some(object) = object? else { continue };
        match serde_json::from_slice::<Record>(&object.body) {
            Ok(record) if record.schema == SCHEMA => {
                reading.lake.add(record);
                reading.records += 1;
                reading.covers.push(name);
            }
            _ => reading.damaged.push(name),
        }
    }
    Ok(())
}
