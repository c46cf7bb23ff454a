//! What the host saw of a run, for the report of one that did not live to write its own: the keys that it printed and
//! the requests that it sent to its store.

use std::collections::BTreeMap;
use std::io::Result;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use f1_ingest_component::report::{Report, Stored};
use f1_ingest_component::session::{SessionId, SessionName};
use http::{HeaderMap, Method, Request, Response};
use percent_encoding::percent_decode_str;
use tokio::io::AsyncWrite;

/// Under which all objects of a run are.
const RAW: &str = "raw/";

/// Watches one run.
#[derive(Default)]
pub struct Witness(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    has_sent: bool,
    /// What of stdout is no whole line yet.
    rest: Vec<u8>,
    /// Keys that are in the bucket, in the order in which that became known.
    kept: Vec<String>,
    objects: BTreeMap<String, Object>,
}

/// What is known of a key.
#[derive(Default)]
struct Object {
    /// Bytes sent, by part; an object in one piece is its part 0.
    sent: BTreeMap<u32, u64>,
    /// Bytes of the object that was there.
    found: u64,
    sha256: Option<String>,
}

/// A request to the store, as far as it tells of an object.
pub struct Noted {
    key: Option<String>,
    /// Whether an answer that is a success means that the object is there.
    makes_it: bool,
}

impl Witness {
    /// Whether the run has sent anything to anybody.
    pub fn has_sent(&self) -> bool {
        self.seen().has_sent
    }

    /// Something left the run.
    pub fn sent(&self) {
        self.seen().has_sent = true;
    }

    /// A request goes to the store.
    pub fn asked<B>(&self, request: &Request<B>) -> Noted {
        let path = percent_decode_str(request.uri().path()).decode_utf8_lossy();
        let key = path.rfind(&format!("/{RAW}")).map(|at| path[at + 1..].to_owned());
        let parameter = |name: &str| {
            let query = request.uri().query().unwrap_or_default();
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let part = parameter("partNumber").and_then(|part| part.parse().ok());
        let is_put = request.method() == Method::PUT;
        if let Some(key) = key.as_ref().filter(|_| is_put || request.method() == Method::POST) {
            let mut seen = self.seen();
            let object = seen.objects.entry(key.clone()).or_default();
            if is_put {
                object.sent.insert(part.unwrap_or_default(), length(request.headers()));
            }
            let sha256 = request.headers().get("x-amz-meta-sha256").and_then(|hash| hash.to_str().ok());
            object.sha256 = sha256.map(str::to_owned).or(object.sha256.take());
        }
        Noted { key, makes_it: is_put && part.is_none() }
    }

    /// The store answered it.
    pub fn answered<B>(&self, noted: Noted, response: &Response<B>) {
        let Some(key) = noted.key.filter(|_| response.status().is_success()) else { return };
        let mut seen = self.seen();
        match noted.makes_it {
            true => seen.keep(&key),
            false => {
                let found = length(response.headers());
                let hash = response.headers().get("x-amz-meta-sha256").and_then(|hash| hash.to_str().ok());
                let object = seen.objects.entry(key).or_default();
                object.found = found;
                object.sha256 = object.sha256.take().or(hash.map(str::to_owned));
            }
        }
    }

    /// The run wrote to stdout: each line is the key of an object that is in the bucket.
    pub fn printed(&self, text: &[u8]) {
        /// Far more than a key has; a line that is longer is none.
        const LONGEST: usize = 8 << 10;
        let mut seen = self.seen();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            if seen.rest.len() <= LONGEST {
                seen.rest.extend(line);
            }
            if line.ends_with(b"\n") {
                let line = String::from_utf8_lossy(&std::mem::take(&mut seen.rest)).trim_end().to_owned();
                if line.starts_with(RAW) && line.len() <= LONGEST {
                    seen.keep(&line);
                }
            }
        }
    }

    /// What is in the bucket, as far as the host knows.
    pub fn report(&self) -> Report {
        let seen = self.seen();
        let mut report = Report::default();
        for key in &seen.kept {
            let Some((source, session)) = item(key) else { continue };
            let none = Object::default();
            let object = seen.objects.get(key).unwrap_or(&none);
            let is_sent = !object.sent.is_empty();
            let size = if is_sent { object.sent.values().sum() } else { object.found };
            let side = if is_sent { &mut report.stored } else { &mut report.unchanged };
            side.push(Stored { source, session, key: key.clone(), size, sha256: object.sha256.clone() });
        }
        report
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The guest's stdout, on its way to `to`.
pub struct Heard<W> {
    pub witness: Arc<Witness>,
    pub to: W,
}

impl<W: AsyncWrite + Unpin> AsyncWrite for Heard<W> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize>> {
        let written = ready!(Pin::new(&mut self.to).poll_write(context, data))?;
        self.witness.printed(&data[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.to).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.to).poll_shutdown(context)
    }
}

impl Seen {
    fn keep(&mut self, key: &str) {
        if !self.kept.iter().any(|kept| kept == key) {
            self.kept.push(key.to_owned());
        }
    }
}

fn length(headers: &HeaderMap) -> u64 {
    let length = headers.get("content-length").and_then(|length| length.to_str().ok()?.parse().ok());
    length.unwrap_or_default()
}

/// Source and session of `raw/<date>/<source>[/<season>/<round>/<session>]/<seconds>.json`.
fn item(key: &str) -> Option<(String, Option<SessionId>)> {
    let mut parts = key.strip_prefix(RAW)?.split('/').skip(1);
    let source = parts.next()?.to_owned();
    let mut session = || {
        let (season, round) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(SessionId { season, round, name: SessionName::parse(parts.next()?).ok()? })
    };
    Some((source, session()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(witness: &Witness, method: &str, path: &str, length: u64, status: u16) {
        let request = Request::builder().method(method).uri(path).header("content-length", length);
        let noted = witness.asked(&request.header("x-amz-meta-sha256", "ab").body(()).unwrap());
        let response = Response::builder().status(status).header("content-length", length);
        witness.answered(noted, &response.body(()).unwrap());
    }

    #[test]
    fn an_object_is_kept_if_the_store_took_it_whole_or_its_key_was_printed() {
        let witness = Witness::default();
        exchange(&witness, "PUT", "/lake/raw/2026-11-24/jolpica/1.json", 7, 200);
        exchange(&witness, "PUT", "/lake/raw/2026-11-24/mock/1.json", 7, 503);
        exchange(
            &witness,
            "PUT",
            "/lake/raw/2026-11-24/telemetry/2024/05/Q/2.json?partNumber=1&uploadId=u",
            5,
            200,
        );
        exchange(
            &witness,
            "PUT",
            "/lake/raw/2026-11-24/telemetry/2024/05/Q/2.json?partNumber=2&uploadId=u",
            4,
            200,
        );
        exchange(&witness, "HEAD", "/lake/raw/2026-11-20/livetiming/3.json", 9, 200);
        witness.printed(b"raw/2026-11-24/telemetry/2024/05/Q/2.js");
        assert_eq!(witness.report().stored.len(), 1, "half a line is no key");
        witness.printed(b"on\nraw/2026-11-20/livetiming/3.json\n");
        let report = witness.report();
        let told = |objects: &[Stored]| {
            objects.iter().map(|object| format!("{} {}", object.source, object.size)).collect::<Vec<_>>()
        };
        assert_eq!(told(&report.stored), ["jolpica 7", "telemetry 9"]);
        assert_eq!(told(&report.unchanged), ["livetiming 9"]);
        assert_eq!(report.stored[1].session.map(|session| session.round), Some(5));
        assert_eq!(report.stored[0].sha256.as_deref(), Some("ab"));
    }
}
