//! Cuts feeds into lines. Only CRLF ends one (FastF1's `fetch_page`), and a byte order mark before the first is
//! not part of it. A feed that is still written stops anywhere, so what follows the last line end is dropped.

use std::str::Utf8Error;

pub const LINE_END: &[u8] = b"\r\n";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The place behind the first line end from `from` on.
pub fn line_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut ends = memchr::memchr_iter(b'\n', bytes.get(from..)?).map(|found| from + found + 1);
    ends.find(|end| bytes.get(..*end).is_some_and(|line| line.ends_with(LINE_END)))
}

/// Cuts a feed that arrives in chunks of any size, and holds what is not a whole line yet.
#[derive(Default)]
pub struct Lines {
    held: Vec<u8>,
    /// The place of what was not handed out yet.
    begin: usize,
    /// Up to where `held` holds no further line end.
    searched: usize,
    has_mark: Option<bool>,
}

impl Lines {
    pub fn push(&mut self, chunk: &[u8]) {
        self.held.drain(..self.begin);
        self.searched -= self.begin;
        self.begin = 0;
        self.held.extend_from_slice(chunk);
        let is_mark = self.held.starts_with(BYTE_ORDER_MARK);
        // The beginning of a mark may become one.
        if self.has_mark.is_none() && (is_mark || !BYTE_ORDER_MARK.starts_with(&self.held)) {
            self.has_mark = Some(is_mark);
            self.skip(if is_mark { BYTE_ORDER_MARK.len() } else { 0 });
        }
    }

    /// The next line that has come as a whole, with its end.
    pub fn next_line(&mut self) -> Option<&[u8]> {
        let Some(end) = line_end(&self.held, self.searched) else {
            self.searched = self.held.len();
            return None;
        };
        let line = self.held.get(self.begin..end);
        (self.begin, self.searched) = (end, end);
        line
    }

    /// Whether the feed begins with a byte order mark. None while too little of it has come to tell.
    pub fn has_mark(&self) -> Option<bool> {
        self.has_mark
    }

    /// What follows the last line that was handed out.
    pub fn rest(&self) -> &[u8] {
        self.held.get(self.begin..).unwrap_or_default()
    }

    /// Drops the first bytes of the rest.
    pub fn skip(&mut self, length: usize) {
        self.begin = self.held.len().min(self.begin + length);
        self.searched = self.searched.max(self.begin);
    }
}

/// A line without its end, or what follows the last one. FastF1 decodes a feed as a whole, so it fails there if
/// any part is not UTF-8.
pub fn text(line: &[u8]) -> Result<&str, Utf8Error> {
    std::str::from_utf8(line.strip_suffix(LINE_END).unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(feed: &[u8], size: usize, seen: &mut Vec<String>) -> Result<(), Utf8Error> {
        let mut lines = Lines::default();
        for chunk in feed.chunks(size) {
            lines.push(chunk);
            while let Some(line) = lines.next_line() {
                seen.push(text(line)?.to_owned());
            }
        }
        text(lines.rest()).map(drop)
    }

    fn cut(feed: &[u8], size: usize) -> (Vec<String>, bool) {
        let mut seen = Vec::new();
        let read = read(feed, size, &mut seen);
        (seen, read.is_ok())
    }

    #[test]
    fn finds_the_same_lines_however_the_feed_is_cut() {
        let feed = "\u{feff}São\r\n\r\n\u{feff}a\rb\nc\r\r\ndropped\r";
        for size in 1..=feed.len() {
            let lines = ["São", "", "\u{feff}a\rb\nc\r"].map(str::to_owned).to_vec();
            assert_eq!(cut(feed.as_bytes(), size), (lines, true), "in chunks of {size}");
        }
    }

    #[test]
    fn fails_where_any_part_is_not_utf8() {
        for feed in [b"a\r\nb\xff\r\n".as_slice(), b"a\r\nb\xff"] {
            assert_eq!(cut(feed, 2), (vec!["a".to_owned()], false));
        }
    }

    #[test]
    fn the_beginning_of_a_byte_order_mark_is_none() {
        let mut lines = Lines::default();
        for (chunk, has_mark) in [("\u{feff}".as_bytes(), None), (b"\r\n", Some(false))] {
            lines.push(chunk.get(..2).expect("two bytes"));
            assert_eq!(lines.has_mark(), has_mark);
        }
        assert_eq!(lines.next_line(), Some(b"\xef\xbb\r\n".as_slice()));
        assert_eq!(lines.next_line(), None);
        assert_eq!(lines.rest(), b"");
    }

    #[test]
    fn a_rest_can_be_dropped() {
        let mut lines = Lines::default();
        lines.push(b"a\r\nbcd\r");
        assert_eq!(lines.next_line(), Some(b"a\r\n".as_slice()));
        assert_eq!(lines.next_line(), None);
        lines.skip(2);
        assert_eq!(lines.rest(), b"d\r");
        lines.push(b"\ne");
        assert_eq!(lines.next_line(), Some(b"d\r\n".as_slice()));
        assert_eq!(lines.next_line(), None);
        assert_eq!(lines.rest(), b"e");
    }
}
