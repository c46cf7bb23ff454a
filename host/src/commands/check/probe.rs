//! Whether the store can do what a run needs: probe objects are written just as the run will write its own, read back,
//! overwritten in vain and deleted.

use chrono::{DateTime, Utc};
use f1_ingest_component::document::Document;
use f1_ingest_component::error::Result;
use f1_ingest_component::http::client::Client;
use f1_ingest_component::http::failure::Failed;
use f1_ingest_component::http::transport::{Clock, Response};
use f1_ingest_component::job::Job;
use f1_ingest_component::s3::client::S3Client;
use f1_ingest_component::s3::key::Key;
use f1_ingest_component::s3::refusal::{self, is_done};
use f1_ingest_component::s3::store::parts::Parts;
use f1_ingest_component::s3::store::{NewObject, Store};
use f1_ingest_component::session::SessionId;
use futures_util::future::join_all;
use http::header::{HeaderMap, HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode, Uri};

use super::findings::Findings;
use super::reachable;
use crate::native::Native;
use crate::proxies::Proxies;

const TIME: &str = "x-amz-meta-ingest_time_utc";

/// The item of the probes.
const ITEM: &str = "f1-ingest-check";

/// Tries out what the run will do; `session` is the one that its items are of, as far as it is known.
pub async fn store(
    findings: &mut Findings,
    client: &Client<Native>,
    job: &Job,
    session: Option<SessionId>,
) -> Result<()> {
    let s3 = S3Client::new(client, &job.bucket);
    if reachable(findings, &Proxies::of_environment(), "store", &s3.url("")?).await.is_none() {
        return Ok(());
    }
    let now = client.runtime.now();
    let first = Probe::new(&s3, job, now.timestamp()).await?;
    if !written(findings, &first, now).await {
        return Ok(());
    }
    let second = Probe::new(&s3, job, now.timestamp() + 1).await?;
    read_back(findings, &first).await;
    conditional(findings, &first, &second).await;
    let mut probes = vec![first, second];
    let store = Store::new(S3Client::new(client, &job.bucket));
    if may_be_long(job) {
        let third = Probe::new(&s3, job, now.timestamp() + 2).await?;
        in_parts(findings, &store, &third).await;
        probes.push(third);
    }
    if job.bucket.if_changed.is_some() {
        listing(findings, &store, job, session).await;
    }
    cleared(findings, &probes).await;
    Ok(())
}

/// Whether a document of the run may be longer than a part.
fn may_be_long(job: &Job) -> bool {
    let length = |file: &String| std::fs::metadata(file).map_or(0, |file| file.len());
    let is_long = job.mock_file.as_ref().is_some_and(|file| length(file) >= job.bucket.part_size as u64);
    is_long || job.items.iter().any(|item| item.source.is_streamed() && item.source.needs_session())
}

/// An object as the run will make it, but for what is in it.
struct Probe<'a> {
    s3: &'a S3Client<'a, Native>,
    job: &'a Job,
    key: Key,
    url: Uri,
    sha256: Option<String>,
    /// As it is sent.
    body: Vec<u8>,
}

impl<'a> Probe<'a> {
    async fn new(s3: &'a S3Client<'a, Native>, job: &'a Job, seconds: i64) -> Result<Probe<'a>> {
        let key = Key::new(&format!("{ITEM}/{}", s3.http.log.run_id), seconds)?;
        let mut parts = document(job);
        let body = parts.next().await?.to_vec();
        let (url, sha256) = (s3.url(&key.to_string())?, parts.sha256());
        Ok(Probe { s3, job, key, url, sha256, body })
    }

    fn object(&self) -> NewObject<'_> {
        NewObject {
            key: self.key.clone(),
            sha256: self.sha256.as_deref(),
            metadata: &[],
            gzip: self.job.bucket.gzip,
            wanted: &self.job.bucket.headers,
        }
    }

    /// Looks whether something is there, where a run does. A refusal is none of the object.
    async fn looked_at(&self) -> Result<()> {
        if self.job.bucket.is_conditional() {
            return Ok(());
        }
        let key = self.key.to_string();
        match self.s3.http.retry(async || self.s3.head(&key).await).await {
            Err(error) if error.kind.is_transient() => Err(error),
            _ => Ok(()),
        }
    }

    async fn put(&self) -> std::result::Result<Response, Failed> {
        let object = self.object();
        let mut headers = object.headers_of_put(&self.s3.http.log.run_id, &self.job.bucket, &self.body)?;
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        self.s3.send(&Method::PUT, &self.url, headers, Some(&self.body)).await
    }

    /// What the store finally says of the object: asked again, as a run does.
    async fn put_at_last(&self) -> Result<Response> {
        let put = async || {
            let response = self.put().await?;
            // The first try may have made it, and its answer have got lost.
            let is_there = response.status == StatusCode::PRECONDITION_FAILED;
            let failed = self.s3.refused(&Method::PUT, &response, &self.url);
            match failed.again.is_ever() && !is_there && !is_done(&Method::PUT, &response) {
                true => Err(failed),
                false => Ok(response),
            }
        };
        self.s3.http.retry(put).await
    }

    async fn ask(&self, method: Method) -> Result<Response> {
        let ask = async || {
            let response = self.s3.send(&method, &self.url, HeaderMap::new(), None).await?;
            match response.status.is_success() {
                true => Ok(response),
                false => Err(self.s3.refused(&method, &response, &self.url)),
            }
        };
        self.s3.http.retry(ask).await
    }
}

/// The document of a probe, as it is sent.
fn document(job: &Job) -> Parts<'static> {
    let document = Document::whole(br#"{"f1-ingest": "check"}"#.to_vec());
    Parts::new(document.body, job.bucket.part_size, job.bucket.gzip, true)
}

/// Whether the store takes an object.
async fn written(findings: &mut Findings, probe: &Probe<'_>, now: DateTime<Utc>) -> bool {
    let bucket = &probe.job.bucket;
    if let Err(error) = probe.looked_at().await {
        findings.failed("store", error);
        return false;
    }
    let response = match probe.put_at_last().await {
        Ok(response) => response,
        Err(error) => {
            findings.failed(if error.status.is_some() { "write" } else { "store" }, error);
            return false;
        }
    };
    findings.fine("store", format!("{} answers", bucket.url()));
    if !clock(findings, &response, now) {
        return false;
    }
    if !is_done(&Method::PUT, &response) {
        findings.failed("write", probe.s3.refused(&Method::PUT, &response, &probe.url).error);
        return false;
    }
    match probe.s3.region() {
        region if region == bucket.region => findings.fine("write", format!("{} takes objects", bucket.name)),
        region => findings.note("write", format!("{} is in {region}: correct --region", bucket.name)),
    }
    true
}

async fn read_back(findings: &mut Findings, probe: &Probe<'_>) {
    let what = "read back";
    match probe.ask(Method::GET).await {
        Ok(response) if response.body == probe.body && response.header(TIME).is_none() => {
            findings.note(
                what,
                "the same bytes, but not metadata with `_` in its name: Ceph before 17 turns it into `-`",
            );
        }
        Ok(response) if response.body == probe.body => findings.fine(what, "the same bytes and metadata"),
        Ok(response) => {
            let (url, length) = (&probe.url, response.body.len());
            findings
                .failed(what, format!("{url} holds {length} other bytes: something on the way changes them"));
        }
        Err(error) if error.status == Some(403) => findings.note(
            what,
            format!("{error}; a run does without, but cannot tell whether what nobody answered is stored"),
        ),
        Err(error) => findings.failed(what, error),
    }
}

async fn conditional(findings: &mut Findings, first: &Probe<'_>, second: &Probe<'_>) {
    let what = "conditional writes";
    let is_taken = first.put().await.is_ok_and(|again| again.status == StatusCode::PRECONDITION_FAILED);
    let racing = join_all((0..4).map(|_| second.put())).await;
    let written = racing.iter().flatten().filter(|answer| answer.status.is_success()).count();
    for header in first.s3.omitted().iter().filter(|header| **header != IF_NONE_MATCH) {
        findings.note("headers", format!("the store refuses {header}: objects are sent without"));
    }
    match (is_taken, written) {
        (true, 1) => findings.fine(what, "honoured, between concurrent writers too"),
        (true, _) => findings.note(
            what,
            "honoured, but not between concurrent writers: each run looks again after it has written",
        ),
        (false, _) => findings.note(
            what,
            "not honoured: each run looks before and after it writes, so that nothing is overwritten",
        ),
    }
}

/// Whether a long document can be sent in parts.
async fn in_parts(findings: &mut Findings, store: &Store<'_, Native>, probe: &Probe<'_>) {
    let what = "write in parts";
    match store.try_parts(&probe.object(), document(probe.job)).await {
        Ok(lacks) if lacks.is_empty() => findings.fine(what, "begun, listed, ended, completed"),
        Ok(lacks) => {
            lacks.iter().for_each(|error| findings.note(what, format!("{error}; a run does without")))
        }
        Err(error) => findings.failed(what, error),
    }
}

/// Whether the run will find what it is to compare with.
async fn listing(findings: &mut Findings, store: &Store<'_, Native>, job: &Job, session: Option<SessionId>) {
    for item in &job.items {
        let name = item.name(session);
        let newest = store.already_stored(&name, "").await;
        findings.verdict("list", newest.map(|_| format!("what is stored of {name} can be compared with")));
    }
}

async fn cleared(findings: &mut Findings, probes: &[Probe<'_>]) {
    for probe in probes {
        if let Err(error) = probe.ask(Method::DELETE).await {
            let message =
                format!("{error}; a run needs no such permission, but the probe is still there: delete it");
            return findings.note("delete", message);
        }
    }
    findings.fine("delete", "the probes are gone");
}

/// Compares this machine's clock with the store's; false if they differ by so much that the store refuses signatures.
fn clock(findings: &mut Findings, response: &Response, now: DateTime<Utc>) -> bool {
    /// From how many seconds on S3 refuses a signature.
    const MOST: i64 = 15 * 60;
    /// From how many seconds on the difference is worth a note.
    const LITTLE: i64 = 5;
    let Some(ahead) = refusal::skew(response, now) else { return true };
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    let text = format!("{} s {side} the store's; set this machine's clock (NTP)", ahead.abs());
    match ahead.abs() {
        skew if skew >= MOST => findings.failed("clock", text),
        skew if skew >= LITTLE => findings.note("clock", text),
        _ => findings.fine("clock", "agrees with the store's"),
    }
    ahead.abs() < MOST
}
