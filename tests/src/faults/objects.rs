//! The objects of a bucket of `f1-ingest store`, as they lie in its folder: half an object would show.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flate2::read::GzDecoder;
use serde::Deserialize;

use crate::store::keys;

pub struct Object {
    pub bytes: Vec<u8>,
    /// None is half an object.
    pub attributes: Option<Attributes>,
}

/// What s3s-fs keeps beside an object.
#[derive(Debug, Deserialize)]
pub struct Attributes {
    pub user_metadata: BTreeMap<String, String>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
}

impl Object {
    pub fn run_id(&self) -> Option<&String> {
        self.attributes.as_ref()?.user_metadata.get("run-id")
    }

    /// The document in it; empty if it cannot be restored.
    pub fn restored(&self) -> Vec<u8> {
        let gzip = self.attributes.as_ref().and_then(|attributes| attributes.content_encoding.as_deref());
        if gzip != Some("gzip") {
            return self.bytes.clone();
        }
        let mut restored = Vec::new();
        let read = GzDecoder::new(&self.bytes[..]).read_to_end(&mut restored);
        read.map(|_| restored).unwrap_or_default()
    }
}

/// By their keys.
pub fn objects(bucket: &Path) -> BTreeMap<String, Object> {
    let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    let name = bucket.file_name().and_then(|name| name.to_str()).expect("a bucket has a name");
    let object = |key: String| {
        let file = format!(".bucket-{}.object-{}.metadata.json", encoded(name), encoded(&key));
        let attributes = fs::read(bucket.with_file_name(file)).ok();
        let attributes = attributes.and_then(|json| serde_json::from_slice(&json).ok());
        let bytes = fs::read(bucket.join(&key)).expect("an object is a file");
        (key, Object { bytes, attributes })
    };
    keys(bucket).into_iter().map(object).collect()
}
