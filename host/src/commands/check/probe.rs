//! Whether the store can do what a run needs: a probe object is written, read back, overwritten and deleted.

use std::cell::Cell;

use chrono::{DateTime, Utc};
use f1_ingest_component::http::client::Client;
use f1_ingest_component::http::transport::{Clock, Response};
use f1_ingest_component::job::Job;
use f1_ingest_component::s3::client::S3Client;
use f1_ingest_component::s3::refusal;
use futures_util::future::join_all;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, IF_NONE_MATCH};
use http::{Method, StatusCode, Uri};

use super::findings::Findings;
use super::reachable;
use crate::native::Native;

/// Writes an object, reads it back, tries to overwrite it, and deletes it.
pub async fn store(findings: &mut Findings, client: &Client<Native>, job: &Job) {
    let store = S3Client::new(client, &job.bucket);
    let probe = |n: u32| store.url(&format!("raw/f1-ingest-check/{}-{n}.json", client.log.run_id));
    let (Ok(url), Ok(second)) = (probe(1), probe(2)) else { return };
    if reachable(findings, "store", &url).await.is_none() {
        return;
    }
    const BODY: &[u8] = br#"{"f1-ingest": "check"}"#;
    const TIME: &str = "x-amz-meta-ingest_time_utc";
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
    headers.insert(TIME, HeaderValue::from_static("0"));
    let knows_condition = Cell::new(true);
    let put = async |url: &Uri| {
        let mut headers = headers.clone();
        if !knows_condition.get() {
            headers.remove(IF_NONE_MATCH);
        }
        store.send(&Method::PUT, url, headers, Some(BODY)).await
    };
    let ask = async |method: Method, url: &Uri| {
        let response =
            store.send(&method, url, HeaderMap::new(), None).await.map_err(|failed| failed.error)?;
        match response.status.is_success() {
            true => Ok(response),
            false => Err(store.refused(&method, &response, url).error),
        }
    };

    let mut answer = put(&url).await;
    if answer.as_ref().is_ok_and(refusal::is_unknown_condition) {
        knows_condition.set(false);
        answer = put(&url).await;
    }
    let response = match answer {
        Ok(response) => response,
        Err(failed) => return findings.failed("store", failed.error),
    };
    findings.fine("store", format!("{} answers", job.bucket.url()));
    if !clock(findings, &response, client.runtime.now()) {
        return;
    }
    if !response.status.is_success() {
        return findings.failed("write", store.refused(&Method::PUT, &response, &url).error);
    }
    match store.region() {
        region if region == job.bucket.region => {
            findings.fine("write", format!("{} takes objects", job.bucket.name));
        }
        region => findings.note("write", format!("{} is in {region}: correct --region", job.bucket.name)),
    }

    match ask(Method::GET, &url).await {
        Ok(response) if response.body == BODY && response.header(TIME).is_none() => {
            findings.note(
                "read back",
                "the same bytes, but not metadata with `_` in its name: Ceph before 17 turns it into `-`",
            );
        }
        Ok(response) if response.body == BODY => findings.fine("read back", "the same bytes and metadata"),
        Ok(response) => findings.failed(
            "read back",
            format!("{url} holds {} other bytes: something on the way changes them", response.body.len()),
        ),
        Err(error) => findings.failed("read back", error),
    }

    let what = "conditional writes";
    let is_taken = |answer: &Result<Response, _>| {
        answer.as_ref().is_ok_and(|response| response.status == StatusCode::PRECONDITION_FAILED)
    };
    let racing = join_all((0..4).map(|_| put(&second))).await;
    let written = racing.iter().filter(|answer| answer.as_ref().is_ok_and(|r| r.status.is_success())).count();
    match (is_taken(&put(&url).await), written) {
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

    for url in [&url, &second] {
        if let Err(error) = ask(Method::DELETE, url).await {
            return findings.note(
                "delete",
                format!("{error}; a run needs no such permission, but the probe is still there: delete it"),
            );
        }
    }
    findings.fine("delete", "the probe is gone");
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
