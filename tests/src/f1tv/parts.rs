//! How the hosts write and read.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::upstream::Reply;

/// What the upstreams answer, by URL.
pub fn read(recording: &Path) -> HashMap<String, Vec<u8>> {
    let Ok(index) = fs::read(recording.join("index.json")) else { return HashMap::new() };
    let index: HashMap<String, Value> = serde_json::from_slice(&index).expect("an index");
    let body =
        |entry: &Value| fs::read(recording.join(entry["file"].as_str().expect("a file"))).expect("a body");
    index.into_iter().map(|(url, entry)| (url, body(&entry))).collect()
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// A JWT that nobody checks the signature of.
pub fn jwt(claims: &Value, number: u64) -> String {
    let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.sig-{number}", part(&json!({"alg": "RS256", "kid": "x"})), part(claims))
}

pub fn pairs(text: &str) -> BTreeMap<String, String> {
    let plain = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
    text.split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (plain(name), plain(value)))
        .collect()
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub fn recorded(recording: &HashMap<String, Vec<u8>>, host: &str, target: &str) -> Reply {
    match recording.get(&format!("https://{host}{target}")) {
        Some(body) => Reply::new(200, body.clone()),
        None => Reply::new(404, ""),
    }
}
