//! What the request that begins an object says about it: type, encoding and metadata.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue};

use super::Object;
use crate::error::{Error, Kind, Result};
use crate::s3::bucket::Bucket;
use crate::s3::key::Key;
use crate::s3::sign;

/// Metadata that the job itself sets; the source's own (`source-url` ...) go before those of the user too.
pub const OURS: &[&str] = &["source", "ingest_time_utc", "sha256", "job-version", "run-id", "source-url"];

/// An object that is about to be made.
pub struct NewObject<'a> {
    pub key: Key,
    /// Of the document, if it is known by now: the metadata of an object in parts is sent ahead of them.
    pub sha256: Option<&'a str>,
    /// What the source adds: name and value.
    pub metadata: &'a [(&'static str, String)],
    pub gzip: bool,
    /// What the user wants of every object.
    pub wanted: &'a HeaderMap,
}

impl NewObject<'_> {
    /// The object, once it is there; its document has so many bytes.
    pub fn made(&self, size: u64) -> Object {
        Object { key: self.key.clone(), size, sha256: self.sha256.map(str::to_owned) }
    }

    /// The headers of a PutObject with this body, but for its condition. `run_id` tells this run's objects from others'.
    ///
    /// Fails if a value fits into no header.
    pub fn headers_of_put(&self, run_id: &str, bucket: &Bucket, body: &[u8]) -> Result<HeaderMap> {
        let mut headers = self.headers(run_id)?;
        if let Some(checksum) = &bucket.checksum {
            headers.extend(sign::header(&checksum.header(), &checksum.of(body)).ok());
        }
        if let Some(sha256) = self.sha256.filter(|_| !self.gzip && !bucket.unsigned) {
            headers.extend(sign::header(sign::CONTENT_SHA256, sha256).ok());
        }
        Ok(headers)
    }

    /// The headers of a CreateMultipartUpload.
    ///
    /// Fails if a value fits into no header.
    pub fn headers_of_upload(&self, run_id: &str, bucket: &Bucket) -> Result<HeaderMap> {
        let mut headers = self.headers(run_id)?;
        if let Some(checksum) = &bucket.checksum {
            headers.insert("x-amz-checksum-algorithm", HeaderValue::from_static(checksum.algorithm));
        }
        Ok(headers)
    }

    fn headers(&self, run_id: &str) -> Result<HeaderMap> {
        let always = [
            ("source", self.key.source().to_owned()),
            ("ingest_time_utc", self.key.seconds.to_string()),
            ("job-version", env!("CARGO_PKG_VERSION").to_owned()),
            ("run-id", run_id.to_owned()),
        ];
        let sha256 = self.sha256.map(|sha256| ("sha256", sha256.to_owned()));
        let mut headers = self.wanted.clone();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.key.content_type()));
        if self.gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        for (name, value) in always.iter().chain(&sha256).chain(self.metadata) {
            let header = sign::header(&format!("x-amz-meta-{name}"), value).map_err(|e| {
                let message = format!("the metadata {name} {value:?} fits into no header: {e}");
                Error::new(Kind::StoreRefused, message)
            })?;
            headers.extend([header]);
        }
        Ok(headers)
    }
}
