//! The lines of a livetiming `.jsonStream` feed: a byte order mark, then `hh:mm:ss.mmm` and JSON a line.

use std::fmt;
use std::str::Utf8Error;

use super::lines::line_end;
use super::time::Timedelta;
use super::value::{Json, Value};

/// How many characters of a line are its timestamp: `00:00:00.000`.
const TIMESTAMP: usize = 12;

/// Why a feed, or a table made of it, could not be used. FastF1 raises and catches an exception here; the
/// table is null then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable(pub String);

impl Unusable {
    pub fn new(why: impl Into<String>) -> Unusable {
        Unusable(why.into())
    }
}

impl From<Utf8Error> for Unusable {
    fn from(error: Utf8Error) -> Unusable {
        Unusable(format!("the feed is not UTF-8: {error}"))
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One message: session time (None if the timestamp cannot be read) and content.
pub struct Message<'j, 'a> {
    pub time: Option<Timedelta>,
    pub content: Content<'j, 'a>,
}

/// What stands behind a timestamp: an object, or text (which FastF1 keeps as it is).
pub enum Content<'j, 'a> {
    Object(Value<'j, 'a>),
    Text(&'a str),
}

/// How many messages a feed held, and how many of them did not parse and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub messages: usize,
    pub undecodable: usize,
}

/// The lines of a feed that is there as a whole, as [`super::lines::Lines`] cuts one that arrives in chunks:
/// none is copied, and a feed that is not UTF-8 has no line at all.
pub fn lines(feed: &[u8]) -> Result<impl Iterator<Item = &str>, Unusable> {
    let text = std::str::from_utf8(feed)
        .map_err(|error| Unusable(format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    Ok(std::iter::from_fn(move || {
        let (line, after) = rest.split_at_checked(line_end(rest.as_bytes(), 0)?)?;
        rest = after;
        line.strip_suffix("\r\n")
    }))
}

/// A line's timestamp and what follows it.
pub fn split_timestamp(line: &str) -> (&str, &str) {
    match line.split_at_checked(TIMESTAMP) {
        Some(split @ (timestamp, _)) if timestamp.is_ascii() => split,
        _ => match line.char_indices().nth(TIMESTAMP) {
            Some((at, _)) => line.split_at(at),
            None => (line, ""),
        },
    }
}

/// Hands every message of a feed to `take`, in order. Lines that are not JSON are counted and skipped, as
/// FastF1 does; a line without content makes the feed unusable, as it does there.
pub fn each(feed: &[u8], take: &mut dyn FnMut(Message) -> Result<(), Unusable>) -> Result<Count, Unusable> {
    let mut count = Count::default();
    let mut json = Json::default();
    for line in lines(feed)? {
        count.messages += 1;
        let (timestamp, content) = split_timestamp(line);
        let content = match content.as_bytes().first() {
            Some(b'{') => match json.read(content) {
                Some(object) => Content::Object(object),
                None => {
                    count.undecodable += 1;
                    continue;
                }
            },
            Some(_) => Content::Text(content),
            None => {
                return Err(Unusable(format!("line {} is too short: {line:?}", count.messages)));
            }
        };
        take(Message { time: Timedelta::parse(timestamp), content })?;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(feed: &str) -> (Vec<String>, Result<Count, Unusable>) {
        let mut seen = Vec::new();
        let count = each(feed.as_bytes(), &mut |message| {
            let content = match message.content {
                Content::Object(object) => format!("{:?}", object.node()),
                Content::Text(text) => text.to_owned(),
            };
            seen.push(format!("{:?} {content}", message.time.map(Timedelta::millis)));
            Ok(())
        });
        (seen, count)
    }

    #[test]
    fn skips_and_counts_what_does_not_parse() {
        let (seen, count) = read(
            "\u{feff}00:00:01.500{\"a\":1}\r\n00:00:02.000{\"a\":\r\n0x:00:02.000{}\r\n00:00:03.000\"{}\"\r\n",
        );
        assert_eq!(seen, ["Some(1500) Object(3)", "None Object(1)", "Some(3000) \"{}\""]);
        assert_eq!(count, Ok(Count { messages: 4, undecodable: 1 }));
    }

    #[test]
    fn drops_what_follows_the_last_line_end() {
        let (seen, count) = read("00:00:01.000{}\r\n00:00:02.000{}");
        assert_eq!((seen.len(), count), (1, Ok(Count { messages: 1, undecodable: 0 })));
        assert_eq!(read("00:00:02.000{}").0.len(), 0);
        assert_eq!(read("").0.len(), 0);
    }

    #[test]
    fn a_line_without_content_makes_the_feed_unusable() {
        assert!(read("00:00:01.000\r\n").1.is_err());
        assert!(read("\r\n").1.is_err());
        assert!(each(b"00:00:01.000{}\xff\r\n", &mut |_| Ok(())).is_err());
    }
}
