//! Objects in a bucket: the key, the metadata, one conditional PUT, and the certainty that it is ours.

pub mod refusal;
pub mod sign;

use std::cell::RefCell;
use std::collections::HashMap;

use chrono::DateTime;
use futures_util::TryStreamExt;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode, Uri};
use sha2::{Digest, Sha256};

use crate::client::Client;
use crate::document::Document;
use crate::error::{Error, Kind, Result};
use crate::options::Bucket;
use crate::report::Stored;
use crate::retry::Failed;
use crate::runtime::{Clock, Request, Response, Transport};

/// How many seconds ahead a free key is looked for.
const COLLISIONS: u64 = 60;

/// A bucket, as one run writes to it.
pub struct Store<'a, R> {
    client: &'a Client<R>,
    bucket: &'a Bucket,
    /// Goes into every object's metadata: tells an object that this run wrote from another run's.
    run_id: String,
    /// By source: an object that was sent and whose answer never came. It may be there.
    in_doubt: RefCell<HashMap<String, Stored>>,
}

enum Outcome {
    Written,
    /// The key holds another run's object.
    Taken,
}

impl<'a, R: Transport + Clock> Store<'a, R> {
    pub fn new(client: &'a Client<R>, bucket: &'a Bucket) -> Self {
        let run_id = format!("{:016x}", client.runtime.random());
        Store { client, bucket, run_id, in_doubt: RefCell::default() }
    }

    /// Stores `document` under the first free second from now on.
    pub async fn put(&self, source: &str, document: Document<'_>) -> Result<Stored> {
        let Document { body, metadata, .. } = document;
        let body: Vec<u8> = body.try_concat().await?;
        let sha256 = hex(&Sha256::digest(&body));
        let now = self.client.runtime.now().timestamp();
        for seconds in (now..).take(COLLISIONS as usize) {
            let stored = Stored {
                source: source.to_owned(),
                key: key(source, seconds)?,
                size: body.len() as u64,
                sha256: sha256.clone(),
            };
            let headers = self.headers(&metadata, &stored, seconds)?;
            match self.put_once(&stored, &headers, &body).await? {
                Outcome::Written => return Ok(stored),
                Outcome::Taken => {
                    self.client.log.info(&format!("{} is taken, trying the next second", stored.key))
                }
            }
        }
        let message =
            format!("the next {COLLISIONS} seconds of {source} are all taken in {}", self.bucket.name);
        Err(Error::new(Kind::StoreRefused, message))
    }

    /// An object of this run that was sent in an earlier attempt, where it turns out to be stored.
    pub async fn stored_earlier(&self, source: &str) -> Result<Option<Stored>> {
        let Some(stored) = self.in_doubt.borrow().get(source).cloned() else { return Ok(None) };
        let ours = self.client.retry(async || self.holds_ours(&stored.key).await).await?;
        self.in_doubt.borrow_mut().remove(source);
        Ok(ours.then_some(stored))
    }

    async fn put_once(&self, stored: &Stored, headers: &HeaderMap, body: &[u8]) -> Result<Outcome> {
        let url = self.url(&stored.key)?;
        let in_doubt = |doubt: bool| match doubt {
            true => drop(self.in_doubt.borrow_mut().insert(stored.source.clone(), stored.clone())),
            false => drop(self.in_doubt.borrow_mut().remove(&stored.source)),
        };
        let doubted = || self.in_doubt.borrow().contains_key(&stored.source);
        self.client
            .retry(async || {
                let answer = self.send(Method::PUT, &url, headers.clone(), Some(body)).await;
                let response = match answer {
                    Ok(response) => response,
                    Err(failed) => {
                        in_doubt(doubted() || failed.error.kind == Kind::Network);
                        return Err(failed);
                    }
                };
                match response.status {
                    status if status.is_success() => {
                        in_doubt(false);
                        Ok(Outcome::Written)
                    }
                    StatusCode::PRECONDITION_FAILED => {
                        let ours = doubted() && self.holds_ours(&stored.key).await?;
                        in_doubt(false);
                        Ok(if ours { Outcome::Written } else { Outcome::Taken })
                    }
                    status => {
                        in_doubt(doubted() || status.is_server_error());
                        Err(self.refused(&response, &url))
                    }
                }
            })
            .await
    }

    /// Whether the object at `key` was written by this run.
    async fn holds_ours(&self, key: &str) -> std::result::Result<bool, Failed> {
        let url = self.url(key)?;
        let response = self.send(Method::HEAD, &url, HeaderMap::new(), None).await?;
        match response.status {
            status if status.is_success() => Ok(response.header("x-amz-meta-run-id") == Some(&self.run_id)),
            StatusCode::NOT_FOUND => Ok(false),
            _ => Err(self.refused(&response, &url)),
        }
    }

    async fn send(
        &self,
        method: Method,
        url: &Uri,
        headers: HeaderMap,
        body: Option<&[u8]>,
    ) -> std::result::Result<Response, Failed> {
        let mut request = Request { method, url: url.clone(), headers, body };
        sign::sign(&mut request, self.bucket, self.client.runtime.now())?;
        self.client.send(&request).await
    }

    fn refused(&self, response: &Response, url: &Uri) -> Failed {
        refusal::failed(response, url, self.bucket, self.client.runtime.now())
    }

    fn url(&self, key: &str) -> Result<Uri> {
        let url = format!("{}/{key}", self.bucket.url().to_string().trim_end_matches('/'));
        url.parse().map_err(|_| Error::usage(format!("{url} is no URL")))
    }

    fn headers(
        &self,
        metadata: &[(&'static str, String)],
        stored: &Stored,
        seconds: i64,
    ) -> Result<HeaderMap> {
        let always = [
            ("source", stored.source.clone()),
            ("ingest_time_utc", seconds.to_string()),
            ("sha256", stored.sha256.clone()),
            ("job-version", env!("CARGO_PKG_VERSION").to_owned()),
            ("run-id", self.run_id.clone()),
        ];
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        for (name, value) in always.iter().chain(metadata) {
            let header = sign::header(&format!("x-amz-meta-{name}"), value).map_err(|e| {
                Error::usage(format!("the metadata {name} {value:?} fits into no header: {e}"))
            })?;
            headers.extend([header]);
        }
        Ok(headers)
    }
}

/// `raw/<YYYY-MM-DD>/<source>/<unix seconds>.json`, the date in UTC.
fn key(source: &str, seconds: i64) -> Result<String> {
    let time = DateTime::from_timestamp(seconds, 0)
        .ok_or_else(|| Error::new(Kind::ClockSkew, "this machine's clock is not in any year; set it"))?;
    Ok(format!("raw/{}/{source}/{seconds}.json", time.format("%Y-%m-%d")))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_keys_date_is_that_of_its_seconds_in_utc() {
        assert_eq!(key("jolpica", 1_735_689_599).unwrap(), "raw/2024-12-31/jolpica/1735689599.json");
        assert_eq!(key("jolpica", 1_735_689_600).unwrap(), "raw/2025-01-01/jolpica/1735689600.json");
    }
}
