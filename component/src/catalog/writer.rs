//! Adds to a catalogue.

use super::reader::{Reading, Snapshot};
use super::record::{Record, SCHEMA};
use super::{Prefix, day};
use crate::error::{Error, Kind, Result};
use crate::http::transport::{Clock, Transport};
use crate::s3::client::S3Client;

/// Writes down what a run has done; `part` counts its records.
pub async fn note<R: Transport + Clock>(
    s3: &S3Client<'_, R>,
    prefix: &Prefix,
    record: &Record,
    part: usize,
) -> Result<()> {
    let (id, at) = (&record.run.id, record.run.ended);
    let key = format!("{}{}/{at}-{id}-{part}.json", prefix.runs(), day(at));
    s3.put_json(&key, &json(record)?).await
}

/// Writes down all that is known, for the next reader.
pub async fn snapshot<R: Transport + Clock>(
    s3: &S3Client<'_, R>,
    prefix: &Prefix,
    reading: &Reading,
    id: &str,
) -> Result<()> {
    let made = s3.http.runtime.now().timestamp();
    let key = format!("{}{}/{made}-{id}.json", prefix.snapshots(), day(made));
    let Reading { lake, covers, .. } = reading;
    s3.put_json(&key, &json(&Snapshot { schema: SCHEMA, made, covers, lake })?).await
}

fn json(what: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(what)
        .map_err(|error| Error::new(Kind::StoreRefused, format!("the catalogue cannot be written: {error}")))
}
