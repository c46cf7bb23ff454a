//! Objects in a bucket: the key, a conditional PUT or an upload in parts, and the certainty that it is ours.
//!
//! **Stores that overwrite.** AWS refuses to overwrite where `If-None-Match: *` asks it to; some stores ignore
//! that, and some look when a PUT begins and not when it ends. So at a store that is not AWS a key is looked at
//! before it is written until the store is known to refuse, which the first small object of a run, sent twice,
//! finds out; and always after it is written, as two runs can still meet. Who finds another run's object there
//! takes a later second. At a store that does not refuse, the last look waits until every run that saw the key
//! free has written to it: otherwise the first of two could look too early and miss that it was overwritten.

pub mod checksum;
pub mod credentials;
pub mod headers;
pub mod multipart;
pub mod newest;
pub mod parts;
pub mod refusal;
pub mod sign;
pub mod uri;
pub mod xml;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_credential_types::Credentials;
use chrono::DateTime;
use http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode, Uri};

use crate::client::Client;
use crate::document::{Document, Warnings};
use crate::error::{Error, Kind, Result};
use crate::options::Bucket;
use crate::report::Stored;
use crate::retry::{Again, Failed};
use crate::runtime::{Clock, Request, Response, Transport};
use headers::Object;
use parts::Parts;

/// How many keys are tried for a document.
const COLLISIONS: u64 = 60;

/// The longest body that is sent a second time to find out about a store, in bytes.
const LONGEST_PROBE: usize = 1 << 20;

/// What another run may need longer than this one from its look at a key to the end of its writing.
const SETTLED: Duration = Duration::from_secs(1);

/// A bucket, as one run writes to it.
pub struct Store<'a, R> {
    client: &'a Client<R>,
    bucket: &'a Bucket,
    /// Goes into every object's metadata: tells an object that this run wrote from another run's.
    run_id: String,
    /// By source: an object that was sent and whose answer never came. It may be there, or come there yet, so
    /// that the next attempt tries the same key first.
    in_doubt: RefCell<HashMap<String, Stored>>,
    /// Sources whose uploads this run has taken over from earlier ones; see [`multipart`].
    taken_over: RefCell<HashSet<String>>,
    /// Those that were asked for, and when they expire, in unix seconds.
    credentials: RefCell<Option<(Credentials, i64)>>,
    /// The bucket's own region, once the store has sent us there.
    region: RefCell<Option<String>>,
    /// Whether the store refuses to overwrite where it is asked not to, between runs at once too; None as long as it
    /// is not known.
    is_conditional: Cell<Option<bool>>,
}

enum Outcome {
    Written(Stored),
    /// The key is another run's.
    Taken,
    /// Another run is sending to the key as well.
    Contested,
}

impl<'a, R: Transport + Clock> Store<'a, R> {
    pub fn new(client: &'a Client<R>, bucket: &'a Bucket) -> Self {
        let run_id = client.log.run_id.clone();
        let is_conditional = Cell::new(bucket.is_conditional().then_some(true));
        Store {
            client,
            bucket,
            run_id,
            in_doubt: RefCell::default(),
            taken_over: RefCell::default(),
            credentials: RefCell::default(),
            region: RefCell::default(),
            is_conditional,
        }
    }

    /// Stores `document` under the first free second from now on: in one piece if it is shorter than a part.
    pub async fn put(&self, source: &str, document: Document<'_>) -> Result<Stored> {
        let Document { body, metadata, sha256: announced, warnings } = document;
        let Bucket { part_size, gzip, .. } = *self.bucket;
        let mut parts = Parts::new(body, part_size, gzip, announced.is_some());
        parts.next().await?;
        let whole = if parts.is_last() { parts.sha256() } else { None };
        if let (Some(whole), Some(announced)) = (&whole, &announced) {
            unchanged(source, whole, announced)?;
        }
        let sha256 = whole.as_deref().or(announced.as_deref());
        if let Some(sha256) = sha256.filter(|_| self.bucket.if_changed)
            && let Some(stored) = self.already_stored(source, sha256).await?
        {
            return Ok(stored);
        }
        let in_doubt = self.in_doubt.borrow().get(source).and_then(|stored| seconds(&stored.key));
        let mut seconds = in_doubt.unwrap_or_else(|| self.client.runtime.now().timestamp());
        for _ in 0..COLLISIONS {
            let key = key(source, seconds)?;
            let wanted = &self.bucket.headers;
            let object = Object { source, key, seconds, sha256, metadata: &metadata, gzip, wanted };
            let is_whole = parts.is_last();
            let is_looked_at = !is_whole || self.is_conditional.get() != Some(true);
            let there = if is_looked_at { self.look(&object).await } else { None };
            let outcome = match there {
                Some(outcome) => outcome,
                None if is_whole => self.put_whole(&object, &mut parts, &warnings).await?,
                None => self.put_in_parts(&object, &mut parts).await?,
            };
            let step = match outcome {
                Outcome::Written(stored) => return Ok(stored),
                Outcome::Taken => 1,
                // Runs that yield to each other must not meet again.
                Outcome::Contested => 1 + (self.client.runtime.random() % 8) as i64,
            };
            self.client.log.info(&format!("{} is taken, trying a later second", object.key));
            seconds += step;
        }
        let message =
            format!("the next {COLLISIONS} seconds of {source} are all taken in {}", self.bucket.name);
        Err(Error::new(Kind::StoreRefused, message))
    }

    /// The newest object of `source`, where its document has this hash.
    pub async fn already_stored(&self, source: &str, sha256: &str) -> Result<Option<Stored>> {
        let newest = self.newest(source).await?.filter(|newest| newest.sha256.as_deref() == Some(sha256));
        if let Some(stored) = &newest {
            self.client.log.info(&format!("{source} has not changed since {}", stored.key));
        }
        Ok(newest)
    }

    /// An object of this run that was sent in an earlier attempt, where it turns out to be stored.
    pub async fn stored_earlier(&self, source: &str) -> Result<Option<Stored>> {
        let Some(stored) = self.in_doubt.borrow().get(source).cloned() else { return Ok(None) };
        let ours = self.client.retry(async || self.holds_ours(&stored).await).await?;
        if ours {
            self.in_doubt.borrow_mut().remove(source);
        }
        Ok(ours.then_some(stored))
    }

    /// What is at a key before it is written. A refusal to say is no reason to stop: the condition may hold.
    async fn look(&self, object: &Object<'_>) -> Option<Outcome> {
        let there = self.head(&object.key).await.ok()??;
        let in_doubt = self.in_doubt.borrow();
        let same_key = in_doubt.get(object.source).filter(|stored| stored.key == object.key);
        let ours = same_key.filter(|stored| self.is_ours(&there, stored));
        Some(ours.cloned().map_or(Outcome::Taken, Outcome::Written))
    }

    async fn put_whole(
        &self,
        object: &Object<'_>,
        parts: &mut Parts<'_>,
        warnings: &Warnings,
    ) -> Result<Outcome> {
        let began = self.client.runtime.uptime();
        let mut headers = object.headers(&self.run_id)?;
        let stored = object.stored(parts.size());
        let url = self.url(&object.key)?;
        let body = parts.next().await?;
        if let Some(checksum) = &self.bucket.checksum {
            headers.extend(sign::header(&checksum.header(), &checksum.of(body)).ok());
        }
        if let Some(sha256) = object.sha256.filter(|_| !object.gzip && !self.bucket.unsigned) {
            headers.extend(sign::header(sign::CONTENT_SHA256, sha256).ok());
        }
        let outcome = self.make(stored, Method::PUT, &url, headers.clone(), body).await?;
        if !matches!(outcome, Outcome::Written(_)) {
            return Ok(outcome);
        }
        if self.is_conditional.get().is_none() && body.len() <= LONGEST_PROBE {
            self.probe(&url, headers, body, warnings).await;
        }
        if self.holds_anothers(&object.key, began).await {
            warnings.add(format!("another run wrote {} in the same moment", object.key));
            return Ok(Outcome::Taken);
        }
        Ok(outcome)
    }

    /// Finds out whether the store honours `If-None-Match`, on an object that this run has just written.
    async fn probe(&self, url: &Uri, mut headers: HeaderMap, body: &[u8], warnings: &Warnings) {
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let Ok(response) = self.send(&Method::PUT, url, headers, Some(body)).await else { return };
        let is_refused = response.status == StatusCode::PRECONDITION_FAILED;
        // Swift looks when a PUT begins: one that takes longer overwrites what came meanwhile.
        let is_early = response.header("x-openstack-request-id").is_some();
        let is_written = refusal::is_done(&Method::PUT, &response);
        if is_refused || is_written {
            self.is_conditional.set(Some(is_refused && !is_early));
        }
        if is_written {
            warnings.add(format!(
                "{} ignores If-None-Match: keys are looked at before and after they are written instead",
                self.bucket.url()
            ));
        }
    }

    /// Whether the object at `key`, which this run has written, is known to be of another run by now. `began` is
    /// the uptime at which the key was looked at and was free.
    async fn holds_anothers(&self, key: &str, began: Duration) -> bool {
        if self.bucket.is_conditional() {
            return false;
        }
        let runtime = &self.client.runtime;
        if self.is_conditional.get() != Some(true) {
            runtime.sleep(runtime.uptime().saturating_sub(began) + SETTLED).await;
        }
        let Ok(Some(object)) = self.head(key).await else { return false };
        object.header("x-amz-meta-run-id").is_some_and(|run_id| run_id != self.run_id)
    }

    /// Sends the request that makes an object where there is none, until its outcome is known.
    async fn make(
        &self,
        stored: Stored,
        method: Method,
        url: &Uri,
        mut headers: HeaderMap,
        body: &[u8],
    ) -> Result<Outcome> {
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let in_doubt = |doubt: bool| match doubt {
            true => drop(self.in_doubt.borrow_mut().insert(stored.source.clone(), stored.clone())),
            false => drop(self.in_doubt.borrow_mut().remove(&stored.source)),
        };
        let doubted = || self.in_doubt.borrow().contains_key(&stored.source);
        let send = async || {
            let answer = self.send(&method, url, headers.clone(), Some(body)).await;
            let response = match answer {
                Ok(response) => response,
                Err(failed) => {
                    in_doubt(doubted() || failed.error.kind == Kind::Network);
                    return Err(failed);
                }
            };
            let is_made = refusal::is_done(&method, &response);
            // An earlier one, or this one doubled on its way, may have made it. An upload that was completed is gone.
            let may_be_made =
                matches!(response.status, StatusCode::PRECONDITION_FAILED | StatusCode::NOT_FOUND);
            let holds_ours = if may_be_made { self.holds_ours(&stored).await } else { Ok(false) };
            let is_ours = match holds_ours {
                Ok(is_ours) => is_ours,
                // Credentials that cannot look: nothing says that it is ours.
                Err(Failed { again: Again::Never, .. }) if !doubted() => false,
                Err(failed) => {
                    in_doubt(true);
                    return Err(failed);
                }
            };
            if is_made || is_ours {
                in_doubt(false);
                return Ok(Outcome::Written(stored.clone()));
            }
            in_doubt(match response.status {
                StatusCode::PRECONDITION_FAILED => false,
                status => doubted() || status.is_server_error() || status.is_success(),
            });
            match response.status {
                StatusCode::PRECONDITION_FAILED => Ok(Outcome::Taken),
                _ => Err(self.refused(&method, &response, url)),
            }
        };
        self.client.retry(send).await
    }

    /// Whether what this run meant to store is at its key.
    async fn holds_ours(&self, stored: &Stored) -> std::result::Result<bool, Failed> {
        let object = self.head(&stored.key).await?;
        Ok(object.is_some_and(|object| self.is_ours(&object, stored)))
    }

    /// Whether this run wrote an object, of this document: an earlier attempt may have had another.
    fn is_ours(&self, object: &Response, stored: &Stored) -> bool {
        object.header("x-amz-meta-run-id") == Some(&self.run_id)
            && object
                .header("x-amz-meta-sha256")
                .is_none_or(|sha256| stored.sha256.as_deref() == Some(sha256))
    }

    /// What the store says of the object at `key`, where there is one.
    async fn head(&self, key: &str) -> std::result::Result<Option<Response>, Failed> {
        let url = self.url(key)?;
        let response = self.send(&Method::HEAD, &url, HeaderMap::new(), None).await?;
        match response.status {
            StatusCode::NOT_FOUND => Ok(None),
            _ if refusal::is_done(&Method::HEAD, &response) => Ok(Some(response)),
            _ => Err(self.refused(&Method::HEAD, &response, &url)),
        }
    }

    /// Sends one request, signed; once more, to the bucket's own region, where the store sends us there.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Redirects.html>
    pub async fn send(
        &self,
        method: &Method,
        url: &Uri,
        headers: HeaderMap,
        body: Option<&[u8]>,
    ) -> std::result::Result<Response, Failed> {
        let region = self.region();
        let response = self.send_in(&region, method, url, headers.clone(), body).await?;
        let Some(other) = refusal::other_region(&response, self.bucket, &region) else { return Ok(response) };
        if self.region.borrow().is_some() {
            return Ok(response);
        }
        self.client.log.warn(&format!(
            "{} is in {other}, not in {region}: --region {other} saves a request",
            self.bucket.name
        ));
        let rest = url.to_string().split_off(base(&self.bucket.url_in(&region)).len());
        let moved = base(&self.bucket.url_in(&other)) + &rest;
        let Ok(moved) = moved.parse() else { return Ok(response) };
        self.region.replace(Some(other.clone()));
        self.send_in(&other, method, &moved, headers, body).await
    }

    async fn send_in(
        &self,
        region: &str,
        method: &Method,
        url: &Uri,
        headers: HeaderMap,
        body: Option<&[u8]>,
    ) -> std::result::Result<Response, Failed> {
        let mut request = Request { method: method.clone(), url: url.clone(), headers, body };
        let credentials = self.credentials().await?;
        sign::sign(&mut request, credentials.as_ref(), region, self.client.runtime.now())?;
        self.client.send(&request).await
    }

    /// The bucket's region, as far as it is known.
    pub fn region(&self) -> String {
        self.region.borrow().clone().unwrap_or_else(|| self.bucket.region.clone())
    }

    /// What a response that is no success means.
    pub fn refused(&self, method: &Method, response: &Response, url: &Uri) -> Failed {
        let mut failed = refusal::failed(method, response, url, &self.region(), self.client.runtime.now());
        // The upload is lost: only the whole document, sent anew, can become an object.
        // <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>
        if *method == Method::POST && response.status == StatusCode::CONFLICT {
            failed.again = Again::Never;
        }
        failed
    }

    /// The URL of a key, or of the bucket itself with a query.
    pub fn url(&self, key: &str) -> Result<Uri> {
        let url = format!("{}/{key}", base(&self.bucket.url_in(&self.region())));
        url.parse().map_err(|_| Error::usage(format!("{url} is no URL")))
    }
}

/// A URL without the slash that `Uri` puts behind an authority.
fn base(url: &Uri) -> String {
    url.to_string().trim_end_matches('/').to_owned()
}

/// Fails where a document is another one than its source announced.
fn unchanged(source: &str, read: &str, announced: &str) -> Result<()> {
    if read == announced {
        return Ok(());
    }
    let message = format!("{source}: the document changed while it was read");
    Err(Error::new(Kind::Unavailable(StatusCode::CONFLICT.as_u16()), message))
}

/// `raw/<YYYY-MM-DD>/<source>/<unix seconds>.json`, the date in UTC.
fn key(source: &str, seconds: i64) -> Result<String> {
    let time = DateTime::from_timestamp(seconds, 0)
        .ok_or_else(|| Error::new(Kind::ClockSkew, "this machine's clock is not in any year; set it"))?;
    Ok(format!("raw/{}/{source}/{seconds}.json", time.date_naive()))
}

/// The time in a key.
fn seconds(key: &str) -> Option<i64> {
    key.rsplit('/').next()?.strip_suffix(".json")?.parse().ok()
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
