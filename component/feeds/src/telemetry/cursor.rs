//! Steps through a record that is written as livetiming writes it.

/// A record, read up to some place.
pub struct Cursor<'a> {
    record: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(record: &'a str) -> Cursor<'a> {
        Cursor { record, at: 0 }
    }

    pub fn is_at_the_end(&self) -> bool {
        self.at == self.record.len()
    }

    fn rest(&self) -> Option<&'a [u8]> {
        self.record.as_bytes().get(self.at..)
    }

    /// Skips `text`, which is known when this is compiled.
    #[inline(always)]
    pub fn skip(&mut self, text: &str) -> Option<&mut Self> {
        starts_with(self.rest()?, text.as_bytes()).then(|| self.at += text.len())?;
        Some(self)
    }

    /// A text up to its closing quote, which is skipped.
    pub fn text(&mut self) -> Option<&'a str> {
        let end = self.rest()?.iter().position(|byte| *byte < b' ' || *byte == b'"' || *byte == b'\\')?;
        let text = self.record.get(self.at..self.at + end)?;
        self.at += end;
        self.skip("\"").map(|_| text)
    }

    /// The whole number that comes after `before`, which is known when this is compiled. Nothing is skipped if none
    /// does.
    #[inline(always)]
    pub fn number(&mut self, before: &str) -> Option<i64> {
        let rest = self.rest()?;
        starts_with(rest, before.as_bytes()).then_some(())?;
        let (number, end) = whole(rest, before.len())?;
        self.at += end;
        Some(number)
    }
}

/// A number of at most 18 digits, without a leading zero, and where it ends.
fn whole(bytes: &[u8], begin: usize) -> Option<(i64, usize)> {
    let is_negative = bytes.get(begin) == Some(&b'-');
    let begin = begin + usize::from(is_negative);
    let (mut size, mut at) = (0_i64, begin);
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        size = size.wrapping_mul(10).wrapping_add(i64::from(digit));
        at += 1;
    }
    let length = at - begin;
    if !(1..=18).contains(&length) || (length > 1 && bytes.get(begin) == Some(&b'0')) {
        return None;
    }
    Some((if is_negative { -size } else { size }, at))
}

/// As [`slice::starts_with`], for a `text` that is known when this is compiled: a few words are compared instead of
/// a function called that goes byte by byte.
#[inline(always)]
fn starts_with(bytes: &[u8], text: &[u8]) -> bool {
    let Some(bytes) = bytes.get(..text.len()) else { return false };
    let last = text.len().saturating_sub(8);
    match text.len() {
        0..8 => word(bytes, 0) == word(text, 0),
        8..=16 => word(bytes, 0) == word(text, 0) && word(bytes, last) == word(text, last),
        17..=24 => [0, 8, last].into_iter().all(|at| word(bytes, at) == word(text, at)),
        _ => bytes == text,
    }
}

/// Eight bytes from some place on, or all that there are.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> u64 {
    let bytes = bytes.get(at..).unwrap_or_default();
    match bytes.first_chunk() {
        Some(word) => u64::from_le_bytes(*word),
        None => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn compares_as_any_slices(text in "[ab]{0,30}", other in "[ab]{0,30}", at in 0..40_usize, more in "[ab]{0,9}") {
            let longer = [text.as_bytes(), more.as_bytes()].concat();
            prop_assert!(starts_with(&longer, text.as_bytes()));
            let is_start = other.starts_with(&text);
            prop_assert_eq!(starts_with(other.as_bytes(), text.as_bytes()), is_start);
            let mut changed = longer;
            if let Some(byte) = changed.get_mut(at) {
                *byte += 2;
            }
            prop_assert_eq!(starts_with(&changed, text.as_bytes()), at >= text.len());
        }
    }
}
