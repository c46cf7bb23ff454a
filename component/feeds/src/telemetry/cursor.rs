//! Steps through a record that is written as livetiming writes it.

/// What is left of a record.
pub struct Cursor<'a>(pub &'a str);

impl<'a> Cursor<'a> {
    pub fn skip(&mut self, text: &str) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(text)?;
        Some(self)
    }

    /// A text up to its closing quote, which is skipped.
    pub fn text(&mut self) -> Option<&'a str> {
        let end = self.0.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\')?;
        let (text, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.strip_prefix('"')?;
        Some(text)
    }

    /// The whole number that comes after `before`.
    pub fn number(&mut self, before: &str) -> Option<i64> {
        let number = self.0.strip_prefix(before)?;
        let digits = number.strip_prefix('-').unwrap_or(number);
        let length = digits.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=18).contains(&length) || (length > 1 && digits.starts_with('0')) {
            return None;
        }
        let (text, rest) = digits.split_at_checked(length)?;
        self.0 = rest;
        let size = text.bytes().fold(0, |size, digit| 10 * size + i64::from(digit - b'0'));
        Some(if digits.len() < number.len() { -size } else { size })
    }
}
