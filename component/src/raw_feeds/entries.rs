//! A feed as a list of JSON, from which its bytes can be restored.
//!
//! A feed is a byte order mark and lines of a timestamp, a payload and CRLF. What is so is an entry
//! `["00:00:01.234",payload]`, the payload byte for byte as it came. What is not:
//!
//! - `[null,null]`, the first entry: the feed has no byte order mark;
//! - `[null,"text"]`: these bytes, as they came, line end included;
//! - `[null,{"base64":"..."}]`: the same for bytes that are not UTF-8.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const LINE_END: &[u8] = b"\r\n";

/// How many bytes of a line are its timestamp: `00:00:00.000`.
const TIMESTAMP: usize = 12;

/// The longest line that is held, in bytes. Real ones have some hundred thousand at most; what is longer
/// becomes texts of this length.
const LONGEST: usize = 1 << 20;

/// Takes a feed in chunks of any size, and gives entries.
#[derive(Default)]
pub struct Entries {
    pending: Vec<u8>,
    /// Up to where `pending` holds no line end.
    searched: usize,
    begun: bool,
    /// Whether an entry was written.
    any: bool,
}

impl Entries {
    /// Writes the entries that `chunk` completes.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        self.pending.extend_from_slice(chunk);
        if self.pending.len() < BYTE_ORDER_MARK.len() && !self.begun {
            return;
        }
        self.begin(out);
        let pending = std::mem::take(&mut self.pending);
        let mut start = 0;
        while let Some(end) = memchr::memchr(b'\n', pending.get(self.searched..).unwrap_or_default()) {
            self.searched += end + 1;
            let line = pending.get(start..self.searched).unwrap_or_default();
            if line.ends_with(LINE_END) {
                self.write(line, out);
                start = self.searched;
            }
        }
        let mut rest = pending.get(start..).unwrap_or_default();
        while let Some((piece, more)) = rest.split_at_checked(LONGEST) {
            self.write(piece, out);
            rest = more;
        }
        self.searched = rest.len();
        self.pending = rest.to_vec();
    }

    /// The end of the feed.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.begin(out);
        let rest = std::mem::take(&mut self.pending);
        if !rest.is_empty() {
            self.write(&rest, out);
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.begun, true) {
            return;
        }
        match self.pending.strip_prefix(BYTE_ORDER_MARK) {
            Some(rest) => self.pending = rest.to_vec(),
            None => self.entry(b"null", b"null", out),
        }
    }

    fn write(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        match (message(bytes), std::str::from_utf8(bytes)) {
            (Some((time, payload)), _) => {
                self.entry(format!("\"{time}\"").as_bytes(), payload.as_bytes(), out);
            }
            (None, Ok(text)) => self.entry(b"null", quoted(text).as_bytes(), out),
            (None, Err(_)) => {
                let base64 = format!("{{\"base64\":\"{}\"}}", BASE64.encode(bytes));
                self.entry(b"null", base64.as_bytes(), out);
            }
        }
    }

    fn entry(&mut self, time: &[u8], payload: &[u8], out: &mut Vec<u8>) {
        let comma: &[u8] = if std::mem::replace(&mut self.any, true) { b"," } else { b"" };
        out.extend([comma, b"[", time, b",", payload, b"]"].concat());
    }
}

/// A text as JSON.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Timestamp and payload of a line, where it is made of just these.
fn message(line: &[u8]) -> Option<(&str, &str)> {
    let line = std::str::from_utf8(line.strip_suffix(LINE_END)?).ok()?;
    let (time, payload) = line.split_at_checked(TIMESTAMP)?;
    let is_time = time.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.');
    // White space around a value is none of it: whoever reads the list does not see it.
    let is_bare = payload.trim_ascii().len() == payload.len();
    (is_time && is_bare && serde_json::from_str::<Sound>(payload).is_ok()).then_some((time, payload))
}

/// JSON that everybody can read: strings of valid Unicode, numbers in range, and not too deep.
struct Sound;

impl<'de> Deserialize<'de> for Sound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Sound, D::Error> {
        deserializer.deserialize_any(Sound)
    }
}

impl<'de> Visitor<'de> for Sound {
    type Value = Sound;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Sound, E> {
        Ok(Sound)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Sound, A::Error> {
        while let Some(Sound) = items.next_element()? {}
        Ok(Sound)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Sound, A::Error> {
        while let Some((Sound, Sound)) = fields.next_entry()? {}
        Ok(Sound)
    }
}
