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
use f1_ingest_feeds::lines::{LINE_END, Lines};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How many bytes of a line are its timestamp: `00:00:00.000`.
const TIMESTAMP: usize = 12;

/// The longest line that is held, in bytes. Real ones have some hundred thousand at most; what is longer
/// becomes texts of this length.
const LONGEST: usize = 1 << 20;

/// Takes a feed in chunks of any size, and gives entries.
#[derive(Default)]
pub struct Entries {
    lines: Lines,
    list: List,
}

impl Entries {
    /// Writes the entries that `chunk` completes.
    pub fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        let Entries { lines, list } = self;
        lines.push(chunk);
        if let Some(has_mark) = lines.has_mark() {
            list.begin(has_mark, out);
        }
        while let Some(line) = lines.next_line() {
            list.write(line, out);
        }
        while let Some(piece) = lines.rest().get(..LONGEST) {
            list.write(piece, out);
            lines.skip(LONGEST);
        }
    }

    /// The end of the feed.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        self.list.begin(self.lines.has_mark().unwrap_or(false), out);
        if !self.lines.rest().is_empty() {
            self.list.write(self.lines.rest(), out);
        }
    }
}

/// What is written of the list.
#[derive(Default)]
struct List {
    begun: bool,
    /// Whether an entry was written.
    any: bool,
}

impl List {
    fn begin(&mut self, has_mark: bool, out: &mut Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) && !has_mark {
            self.entry(b"null", b"null", out);
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

/// Timestamp and payload of a line, if it is made of just these.
fn message(line: &[u8]) -> Option<(&str, &str)> {
    let line = std::str::from_utf8(line.strip_suffix(LINE_END)?).ok()?;
    let (time, payload) = line.split_at_checked(TIMESTAMP)?;
    let is_time = time.bytes().all(|byte| byte.is_ascii_digit() || byte == b':' || byte == b'.');
    // White space around a value is not part of it: whoever reads the list does not see it.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn list(feed: &[u8], size: usize) -> String {
        let (mut entries, mut out) = (Entries::default(), Vec::new());
        feed.chunks(size).for_each(|chunk| entries.push(chunk, &mut out));
        entries.finish(&mut out);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn a_feed_makes_the_same_list_however_it_arrives() {
        let cases: [(&[u8], &str); 6] = [
            (b"", "[null,null]"),
            (b"\xef\xbb\xbf", ""),
            (b"\xef\xbb", r#"[null,null],[null,{"base64":"77s="}]"#),
            (b"\r\n", r#"[null,null],[null,"\r\n"]"#),
            (
                b"\xef\xbb\xbf00:00:01.500{\"a\":1}\r\n00:00:02.000{\"a\":\r\n\xff\r\nx\ny\r\r\n00:",
                r#"["00:00:01.500",{"a":1}],[null,"00:00:02.000{\"a\":\r\n"],[null,{"base64":"/w0K"}],[null,"x\ny\r\r\n"],[null,"00:"]"#,
            ),
            (b"00:00:01.500 {}\r\n", r#"[null,null],[null,"00:00:01.500 {}\r\n"]"#),
        ];
        for (feed, expected) in cases {
            for size in 1..=feed.len().max(1) {
                assert_eq!(list(feed, size), expected, "in chunks of {size}");
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_comes_in_pieces() {
        let feed = ["x".repeat(2 * LONGEST + 1), "\r\n00:00:01.500{}\r\n".into()].concat();
        let piece = "x".repeat(LONGEST);
        let expected =
            format!(r#"[null,null],[null,"{piece}"],[null,"{piece}"],[null,"x\r\n"],["00:00:01.500",{{}}]"#);
        assert!(list(feed.as_bytes(), LONGEST / 4) == expected);
    }
}
