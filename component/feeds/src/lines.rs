//! Cuts a feed that arrives in chunks into its lines, holding no more than one line.

use super::feed::Unusable;

const LINE_END: &[u8] = b"\r\n";
const BYTE_ORDER_MARK: char = '\u{feff}';

/// What has arrived and not yet been handed out.
///
/// Only CRLF ends a line, and what follows the last one is dropped (FastF1's `fetch_page`): a feed is cut
/// there while it is written.
#[derive(Default)]
pub struct Lines {
    pending: Vec<u8>,
    /// Up to where `pending` holds no line end.
    searched: usize,
    begun: bool,
}

impl Lines {
    /// Hands each line that `chunk` completes to `take`. Fails where a line is not UTF-8.
    pub fn push(&mut self, chunk: &[u8], mut take: impl FnMut(&str)) -> Result<(), Unusable> {
        self.pending.extend_from_slice(chunk);
        let mut start = 0;
        while let Some(end) = find_line_end(&self.pending, self.searched) {
            let line = text(self.pending.get(start..end).unwrap_or_default())?;
            let mark = if self.begun { None } else { line.strip_prefix(BYTE_ORDER_MARK) };
            self.begun = true;
            take(mark.unwrap_or(line));
            start = end + LINE_END.len();
            self.searched = start;
        }
        self.pending.drain(..start);
        self.searched = self.pending.len().saturating_sub(1);
        Ok(())
    }

    /// The end of the feed. Fails where what is dropped is not UTF-8: FastF1 decodes a feed as a whole.
    pub fn finish(self) -> Result<(), Unusable> {
        text(&self.pending).map(drop)
    }
}

fn find_line_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut ends = memchr::memchr_iter(b'\r', bytes.get(from..)?).map(|found| from + found);
    ends.find(|end| bytes.get(*end..).is_some_and(|rest| rest.starts_with(LINE_END)))
}

fn text(bytes: &[u8]) -> Result<&str, Unusable> {
    std::str::from_utf8(bytes).map_err(|error| Unusable::new(format!("the feed is not UTF-8: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(feed: &[u8], size: usize) -> (Vec<String>, bool) {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        let pushed =
            feed.chunks(size).try_for_each(|chunk| lines.push(chunk, |line| seen.push(line.to_owned())));
        (seen, pushed.and_then(|()| lines.finish()).is_ok())
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
}
