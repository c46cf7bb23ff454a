//! The bytes of timing feeds out of a stored `livetiming` document, by the rule in README.md.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow)]
    feeds: BTreeMap<String, Entries<'a>>,
}

type Entries<'a> = Vec<(Option<String>, &'a RawValue)>;

/// The feeds of a document, by topic.
pub fn feeds(document: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let document: Document = serde_json::from_slice(document).expect("a stored document is JSON");
    document.feeds.iter().map(|(topic, entries)| (topic.clone(), bytes(entries))).collect()
}

/// The feed that a list of entries stands for.
pub fn feed(entries: &str) -> Vec<u8> {
    bytes(&serde_json::from_str::<Entries>(entries).expect("entries are JSON"))
}

fn bytes(entries: &Entries) -> Vec<u8> {
    let mut feed = Vec::new();
    let has_mark = !matches!(entries.first(), Some((None, payload)) if payload.get() == "null");
    if has_mark {
        feed.extend("\u{feff}".as_bytes());
    }
    for (time, payload) in entries.iter().skip(usize::from(!has_mark)) {
        match time {
            Some(time) => feed.extend(format!("{time}{payload}\r\n").into_bytes()),
            None => feed.extend(odd(payload.get())),
        }
    }
    feed
}

fn odd(payload: &str) -> Vec<u8> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Odd {
        Text(String),
        Bytes { base64: String },
    }
    match serde_json::from_str(payload).expect("a text or base64") {
        Odd::Text(text) => text.into_bytes(),
        Odd::Bytes { base64 } => BASE64.decode(base64).expect("base64"),
    }
}
