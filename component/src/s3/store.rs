//! How a document becomes an object: a free key, a conditional PUT or an upload in parts, and the certainty that it
//! is ours.
//!
//! **Stores that overwrite.** AWS refuses to overwrite if `If-None-Match: *` asks it to; some stores ignore
//! that, and some look when a PUT begins and not when it ends. So at a store that is not AWS a key is looked at
//! before it is written until the store is known to refuse, which the first small object of a run, sent twice,
//! finds out; and always after it is written, as two runs can still meet. Who finds another run's object there
//! takes a later second. At a store that does not refuse, the last look waits until every run that saw the key
//! free has written to it: otherwise the first of two could look too early and miss that it was overwritten.

mod multipart;
mod newest;
mod object;
pub mod parts;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode, Uri};

use super::bucket::{Bucket, Previous};
use super::certainty::{Answer, Look, Step, before, judge};
use super::client::S3Client;
use super::key::Key;
use super::refusal;
use crate::document::{Document, Warnings};
use crate::error::{Error, Kind, Result};
use crate::http::failure::Failed;
use crate::http::transport::{Clock, Response, Transport};
use parts::Parts;

pub use object::{NewObject, OURS};

/// How many keys are tried for a document in one attempt at the whole operation.
const COLLISIONS: u32 = 100;

/// How many seconds a key may run ahead of the clock.
const AHEAD: i64 = 600;

/// The longest body that is sent a second time to find out about a store, in bytes.
const LONGEST_PROBE: usize = 1 << 20;

/// What another run may need longer than this one from its look at a key to the end of its writing.
const SETTLED: Duration = Duration::from_secs(1);

/// An object that is in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub key: Key,
    /// Bytes of the document, before compression.
    pub size: u64,
    /// Of the document, in lower-case hex; None of one that was sent in parts while it was made.
    pub sha256: Option<String>,
}

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It was stored, as this object.
    Stored(Object),
    /// The newest object of its item, which is this one, has the same bytes.
    Unchanged(Object),
}

/// A bucket, as one run writes to it.
pub struct Store<'a, R> {
    s3: S3Client<'a, R>,
    /// Goes into every object's metadata: tells an object that this run wrote from another run's.
    run_id: String,
    /// By item: an object that was sent and whose answer never came. It may be there, or come there yet, so
    /// that the next attempt tries the same key first.
    in_doubt: RefCell<HashMap<String, Object>>,
    /// Whether the store refuses to overwrite if it is asked not to, between runs at once too; None as long as it
    /// is not known.
    is_conditional: Cell<Option<bool>>,
    /// How many of the headers that the store refuses the user was told of.
    told: Cell<usize>,
}

/// What became of one key.
enum Outcome {
    Written(Object),
    /// The key is another run's.
    Taken,
    /// Another run is sending to the key as well.
    Contested,
}

impl<'a, R: Transport + Clock> Store<'a, R> {
    pub fn new(s3: S3Client<'a, R>) -> Self {
        let run_id = s3.http.log.run_id.clone();
        let is_conditional = Cell::new(s3.bucket.is_conditional().then_some(true));
        Store { s3, run_id, in_doubt: RefCell::default(), is_conditional, told: Cell::new(0) }
    }

    pub fn bucket(&self) -> &'a Bucket {
        self.s3.bucket
    }

    /// As [`S3Client::reach`].
    pub async fn reach(&self, is_much: bool) -> Result<()> {
        self.s3.reach(is_much).await
    }

    /// Stores `document` under the first free second from now on: in one piece if it is shorter than a part.
    pub async fn put(&self, item: &str, document: Document<'_>) -> Result<Kept> {
        let Document { body, metadata, sha256: announced, warnings } = document;
        let Bucket { part_size, gzip, .. } = *self.bucket();
        if let Some(sha256) = &announced
            && let Some(same) = self.already_stored(item, sha256).await?
        {
            return Ok(Kept::Unchanged(same));
        }
        let mut parts = Parts::new(body, part_size, gzip, announced.is_some());
        parts.next().await?;
        let whole = if parts.is_last() { parts.sha256() } else { None };
        if let (Some(whole), Some(announced)) = (&whole, &announced) {
            same_as_announced(item, whole, announced)?;
        }
        if let (Some(sha256), None) = (&whole, &announced)
            && let Some(same) = self.already_stored(item, sha256).await?
        {
            return Ok(Kept::Unchanged(same));
        }
        let sha256 = whole.as_deref().or(announced.as_deref());
        let in_doubt = self.in_doubt.borrow().get(item).map(|object| object.key.seconds);
        let now = || self.s3.http.runtime.now().timestamp();
        let mut seconds = in_doubt.unwrap_or_else(now);
        for collision in 0..COLLISIONS {
            let key = Key::new(item, seconds)?;
            let wanted = &self.bucket().headers;
            let object = NewObject { key, sha256, metadata: &metadata, gzip, wanted };
            let is_whole = parts.is_last();
            let is_looked_at = !is_whole || self.is_conditional.get() != Some(true);
            let there = if is_looked_at { self.look(&object).await? } else { None };
            let outcome = match there {
                Some(outcome) => outcome,
                None if is_whole => self.put_whole(&object, &mut parts, &warnings).await?,
                None => self.put_in_parts(&object, &mut parts, &warnings).await?,
            };
            let random = self.s3.http.runtime.random();
            let step = match outcome {
                Outcome::Written(object) => return Ok(Kept::Stored(object)),
                Outcome::Taken => step(collision, random),
                // Runs that yield to each other must not meet again.
                Outcome::Contested => step(collision.max(CONTESTED), random),
            };
            let log = self.s3.http.log.with([("key", object.key.to_string().into())]);
            log.info(&format!("{} is taken, trying a later second", object.key));
            seconds += step;
            if seconds > now() + AHEAD {
                seconds = now() + step;
            }
        }
        let message = format!(
            "{COLLISIONS} keys of {item} were all taken in {}: too many runs of it at once; try again later",
            self.bucket().name
        );
        Err(Error::new(Kind::Conflict, message))
    }

    /// The object that a document of `item` is compared with, if it has this hash; none if nothing is compared.
    pub async fn already_stored(&self, item: &str, sha256: &str) -> Result<Option<Object>> {
        let newest = match &self.bucket().if_changed {
            Some(Previous::Known(_, known)) if known != sha256 => None,
            // Its metadata need not tell: it may have been sent while it was made.
            Some(Previous::Known(key, known)) => {
                let there = self.known(key.clone()).await?;
                there.map(|object| Object { sha256: Some(known.clone()), ..object })
            }
            Some(Previous::Newest) => self.newest(item).await?,
            None => None,
        };
        Ok(newest.filter(|newest| newest.sha256.as_deref() == Some(sha256)))
    }

    /// An object of this run that was sent in an earlier attempt, if it turns out to be stored.
    pub async fn stored_earlier(&self, item: &str) -> Result<Option<Object>> {
        let Some(object) = self.in_doubt.borrow().get(item).cloned() else { return Ok(None) };
        let ours = self.there(&object.key).await?.is_some_and(|there| self.is_ours(&there, &object));
        if ours {
            self.in_doubt.borrow_mut().remove(item);
        }
        Ok(ours.then_some(object))
    }

    /// As [`Store::stored_earlier`], for the last time: a request that nobody waits for any more may still be carried out.
    pub async fn stored_after_all(&self, item: &str) -> Result<Option<Object>> {
        if self.in_doubt.borrow().contains_key(item) {
            self.s3.http.runtime.sleep(SETTLED).await;
        }
        self.stored_earlier(item).await
    }

    /// What is at a key, asked until somebody says so. Nothing, if asking again is no use: a HEAD's refusal (403 to
    /// credentials that may not list) says nothing about an object, and what is wrong the PUT's answer says in words.
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>
    async fn there(&self, key: &Key) -> Result<Option<Response>> {
        let key = key.to_string();
        let looked = self.s3.http.retry(async || self.s3.head(&key).await).await;
        match looked {
            Err(error) if !error.kind.is_transient() => Ok(None),
            looked => looked,
        }
    }

    /// What becomes of a key that is looked at before it is written; none if it is free.
    async fn look(&self, object: &NewObject<'_>) -> Result<Option<Outcome>> {
        let there = match self.there(&object.key).await {
            Ok(there) => there,
            // The condition will hold.
            Err(_) if self.is_conditional.get() == Some(true) => None,
            Err(error) => return Err(error),
        };
        let Some(there) = there else { return Ok(None) };
        let in_doubt = self.in_doubt.borrow();
        let same_key = in_doubt.get(&object.key.item).filter(|sent| sent.key == object.key);
        let ours = same_key.filter(|sent| self.is_ours(&there, sent));
        Ok(Some(ours.cloned().map_or(Outcome::Taken, Outcome::Written)))
    }

    async fn put_whole(
        &self,
        object: &NewObject<'_>,
        parts: &mut Parts<'_>,
        warnings: &Warnings,
    ) -> Result<Outcome> {
        let began = self.s3.http.runtime.uptime();
        let made = object.made(parts.size());
        let url = self.s3.url(&object.key.to_string())?;
        let body = parts.next().await?;
        let headers = object.headers_of_put(&self.run_id, self.bucket(), body)?;
        let outcome = self.make(made, Method::PUT, &url, &headers, body, warnings).await?;
        let Outcome::Written(made) = &outcome else { return Ok(outcome) };
        if self.is_conditional.get().is_none() && body.len() <= LONGEST_PROBE {
            // Until then nobody else who saw the key free can be sure of it and have printed it.
            let is_soon = self.s3.http.runtime.uptime().saturating_sub(began) < SETTLED;
            if is_soon || matches!(self.seen(made).await, Ok(Some(true))) {
                self.probe(&url, headers, body, warnings).await;
            }
        }
        if self.holds_anothers(made, began).await? {
            warnings.add(format!("another run wrote {} in the same moment", object.key));
            return Ok(Outcome::Taken);
        }
        Ok(outcome)
    }

    /// Finds out whether the store honours `If-None-Match`, on an object that this run has just written.
    async fn probe(&self, url: &Uri, mut headers: HeaderMap, body: &[u8], warnings: &Warnings) {
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let Ok(response) = self.s3.send(&Method::PUT, url, headers, Some(body)).await else { return };
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
                self.bucket().url()
            ));
        }
    }

    /// Whether another run's object lies by now where this run has written one. `began` is the uptime at which the key
    /// was looked at and was free. Fails if nobody says so: then the object is in doubt.
    async fn holds_anothers(&self, object: &Object, began: Duration) -> Result<bool> {
        if self.bucket().is_conditional() {
            return Ok(false);
        }
        let runtime = &self.s3.http.runtime;
        if self.is_conditional.get() != Some(true) {
            runtime.sleep(runtime.uptime().saturating_sub(began) + SETTLED).await;
        }
        let there = self.there(&object.key).await.inspect_err(|_| self.set_doubt(object, true))?;
        let run_id = there.as_ref().and_then(|there| there.header("x-amz-meta-run-id"));
        Ok(run_id.is_some_and(|run_id| run_id != self.run_id))
    }

    fn set_doubt(&self, object: &Object, in_doubt: bool) {
        let mut all = self.in_doubt.borrow_mut();
        match in_doubt {
            true => drop(all.insert(object.key.item.clone(), object.clone())),
            false => drop(all.remove(&object.key.item)),
        }
    }

    /// Sends the request that makes `object` if nothing is at its key, until it is known what became of it.
    async fn make(
        &self,
        object: Object,
        method: Method,
        url: &Uri,
        headers: &HeaderMap,
        body: &[u8],
        warnings: &Warnings,
    ) -> Result<Outcome> {
        let was_sent = Cell::new(false);
        let send = async || {
            if was_sent.replace(true) && self.is_conditional.get() != Some(true) {
                let looked = self.seen(&object).await;
                match (before(Look::of(&looked)), looked) {
                    (Some(Step::Written), _) => {
                        self.set_doubt(&object, false);
                        return Ok(Outcome::Written(object.clone()));
                    }
                    (Some(Step::Taken), _) => {
                        self.set_doubt(&object, false);
                        return Ok(Outcome::Taken);
                    }
                    (Some(_), Err(failed)) => return Err(failed),
                    _ => {}
                }
            }
            let mut headers = headers.clone();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
            let sent = self.s3.send(&method, url, headers, Some(body)).await;
            self.tell_of_omissions(warnings);
            let answer = Answer::of(&method, &sent);
            let mut verdict = judge(self.is_in_doubt(&object), answer, None);
            let mut failed_look = None;
            if verdict.step == Step::Look {
                let looked = self.seen(&object).await;
                verdict = judge(self.is_in_doubt(&object), answer, Some(Look::of(&looked)));
                failed_look = looked.err().filter(|_| verdict.in_doubt);
            }
            self.set_doubt(&object, verdict.in_doubt);
            match verdict.step {
                Step::Written => Ok(Outcome::Written(object.clone())),
                Step::Taken => Ok(Outcome::Taken),
                Step::Look | Step::Fail => Err(match (failed_look, sent) {
                    (Some(failed), _) | (None, Err(failed)) => failed,
                    (None, Ok(response)) => self.s3.refused(&method, &response, url),
                }),
            }
        };
        self.s3.http.retry(send).await
    }

    /// Says, once, what the store refuses. Without a condition the key was looked at, since nothing was known of this store.
    fn tell_of_omissions(&self, warnings: &Warnings) {
        let omitted = self.s3.omitted();
        for header in omitted.iter().skip(self.told.replace(omitted.len())) {
            let instead = match *header == IF_NONE_MATCH {
                true => {
                    "If-None-Match: keys are looked at before and after they are written instead".to_owned()
                }
                false => format!("{header}: objects are sent without; the signed SHA-256 protects the bytes"),
            };
            if *header == IF_NONE_MATCH {
                self.is_conditional.set(Some(false));
            }
            warnings.add(format!("{} refuses {instead}", self.bucket().url()));
        }
    }

    fn is_in_doubt(&self, object: &Object) -> bool {
        self.in_doubt.borrow().contains_key(&object.key.item)
    }

    /// Whether what is at the key of an object is this run's, and this very document. Asked once.
    async fn seen(&self, object: &Object) -> std::result::Result<Option<bool>, Failed> {
        let there = self.s3.head(&object.key.to_string()).await?;
        Ok(there.map(|there| self.is_ours(&there, object)))
    }

    /// Whether this run wrote an object, of this document: an earlier attempt may have had another.
    fn is_ours(&self, there: &Response, object: &Object) -> bool {
        there.header("x-amz-meta-run-id") == Some(&self.run_id)
            && there.header("x-amz-meta-sha256").is_none_or(|sha256| object.sha256.as_deref() == Some(sha256))
    }
}

/// From this collision on, runs that yielded to each other go on.
const CONTESTED: u32 = 7;

/// How many seconds later the next key is: the next second at first, then one at random out of more and more.
fn step(collision: u32, random: u64) -> i64 {
    let window = 1u64 << collision.saturating_sub(4).min(6);
    1 + (random % window) as i64
}

/// Fails if a document is another one than its source announced.
fn same_as_announced(item: &str, read: &str, announced: &str) -> Result<()> {
    if read == announced {
        return Ok(());
    }
    let message = format!("{item}: the document changed while it was read");
    Err(Error::new(Kind::Unavailable, message))
}
