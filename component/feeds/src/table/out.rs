//! JSON into room that is there.

use super::{Cell, Column, ROOM, Written};

/// JSON that is being written. There is room ahead: what is short is written as whole words, and cut by going on before
/// their end.
pub struct Out {
    bytes: Vec<u8>,
    at: usize,
}

impl Out {
    pub fn new(room: usize) -> Out {
        Out { bytes: vec![0; room], at: 0 }
    }

    /// Behind what is written already.
    pub fn behind(bytes: Vec<u8>) -> Out {
        Out { at: bytes.len(), bytes }
    }

    /// How many bytes were written.
    pub fn length(&self) -> usize {
        self.at
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.truncate(self.at);
        self.bytes
    }

    /// A row as an object, behind a comma if another one is before it.
    pub fn row(&mut self, is_behind: bool, row: &impl Written) {
        self.word(*b",", usize::from(is_behind));
        let begin = self.at;
        row.write(self);
        if let Some(comma) = self.bytes.get_mut(begin) {
            *comma = b'{';
        }
        self.word(*b"}", 1);
    }

    /// `,"name":`, before a value.
    #[inline]
    pub fn name(&mut self, column: &Column) -> &mut Self {
        self.word(column.name, column.length);
        self
    }

    /// The first `length` bytes of `word`.
    #[inline]
    fn word<const N: usize>(&mut self, word: [u8; N], length: usize) {
        if self.bytes.len() - self.at < N {
            self.grow();
        }
        if let Some(slot) = self.bytes.get_mut(self.at..).and_then(<[u8]>::first_chunk_mut) {
            *slot = word;
            self.at += length;
        }
    }

    #[cold]
    fn grow(&mut self) {
        const STEP: usize = 4 << 10;
        self.bytes.resize(self.at + STEP, 0);
    }

    #[cold]
    fn long(&mut self, text: &[u8]) {
        self.bytes.truncate(self.at);
        self.bytes.extend_from_slice(text);
        self.at = self.bytes.len();
    }

    pub fn cell(&mut self, cell: Cell) {
        match cell {
            Cell::Null => self.word(*b"null", 4),
            Cell::Bool(is) => self.bool(is),
            Cell::Int(number) => self.int(number),
            Cell::Float(number) => self.float(number),
            Cell::Text(text) => self.text(text),
        }
    }

    #[inline]
    pub fn bool(&mut self, is: bool) {
        if is { self.word(*b"true", 4) } else { self.word(*b"false", 5) }
    }

    #[inline]
    pub fn int(&mut self, number: i64) {
        if number < 0 {
            self.word(*b"-", 1);
        }
        self.digits(number.unsigned_abs());
    }

    /// A whole number as a float.
    #[inline]
    pub fn whole(&mut self, number: i64) {
        /// Below it, all are floats.
        const MOST: u64 = 1 << 53;
        if number.unsigned_abs() >= MOST {
            return self.float(number as f64);
        }
        self.int(number);
        self.word(*b".0", 2);
    }

    #[inline]
    fn digits(&mut self, number: u64) {
        if number < 10_000 {
            let (digits, length) = four_digits(number as u32);
            self.word(digits, length);
        } else {
            self.more_digits(number);
        }
    }

    fn more_digits(&mut self, number: u64) {
        const EIGHT: u64 = 100_000_000;
        const ZEROS: u64 = u64::from_le_bytes(*b"00000000");
        if number >= EIGHT {
            self.digits(number / EIGHT);
            return self.word((eight_digits(number % EIGHT) + ZEROS).to_le_bytes(), 8);
        }
        let digits = eight_digits(number);
        let leading = (digits.trailing_zeros() / 8).min(7);
        self.word(((digits + ZEROS) >> (8 * leading)).to_le_bytes(), 8 - leading as usize);
    }

    /// A short text is checked while it is copied; one that is known when this is compiled is a word.
    #[inline]
    pub fn text(&mut self, text: &str) {
        let mut word = [b'"'; ROOM];
        let mut is_plain = text.len() + 2 <= ROOM;
        if is_plain {
            for (slot, byte) in word.iter_mut().skip(1).zip(text.bytes()) {
                is_plain &= byte >= b' ' && byte != b'"' && byte != b'\\';
                *slot = byte;
            }
        }
        if is_plain {
            self.word(word, text.len() + 2);
        } else {
            self.long(serde_json::Value::from(text).to_string().as_bytes());
        }
    }

    fn float(&mut self, number: f64) {
        // Most are.
        if number.trunc() == number && number.abs() <= 1e16 - 1.0 {
            self.int(number as i64);
            self.word(*b".0", 2);
        } else {
            self.long(float_text(number).as_bytes());
        }
    }
}

/// The digits of a number below 10^4, and how many.
fn four_digits(number: u32) -> ([u8; 4], usize) {
    let hundreds = (number * 5243) >> 19;
    let twos = hundreds | ((number - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f;
    let digits = tens | ((twos - tens * 10) << 8);
    let leading = (digits.trailing_zeros() / 8).min(3);
    let text = (digits + u32::from_le_bytes(*b"0000")) >> (8 * leading);
    (text.to_le_bytes(), 4 - leading as usize)
}

/// The digits of a number below 10^8, the first one in the lowest byte: halved to four and four digits, these to two
/// and two, and so on, all in the one word.
fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

/// Ten decimals at most, halves as pandas' encoder rounds them; an exponent if the number is too large
/// or too small for it.
fn float_text(number: f64) -> String {
    const DECIMALS: f64 = 1e10;
    let size = number.abs();
    if !number.is_finite() {
        return "null".to_owned();
    }
    if size > 1e16 - 1.0 || (size != 0.0 && size < 1e-15) {
        return format!("{number:.9e}");
    }
    let mut whole = size.trunc();
    let scaled = (size - whole) * DECIMALS;
    let mut fraction = scaled.trunc();
    let rest = scaled - fraction;
    if rest > 0.5 || (rest == 0.5 && (fraction == 0.0 || fraction % 2.0 == 1.0)) {
        fraction += 1.0;
    }
    if fraction >= DECIMALS {
        fraction = 0.0;
        whole += 1.0;
    }
    let sign = if number < 0.0 { "-" } else { "" };
    let digits = format!("{fraction:010}");
    let digits = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    format!("{sign}{whole}.{digits}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_any_whole_number_and_any_text() {
        let mut number = 1_i64;
        for _ in 0..10_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            for number in [number, number >> 20, number >> 40, number % 1000 * 10_i64.pow(number as u32 % 16)]
            {
                let mut out = Out::new(0);
                out.int(number);
                assert_eq!(String::from_utf8(out.finish()).ok(), Some(number.to_string()));
                let [mut whole, mut float] = [Out::new(0), Out::new(0)];
                whole.whole(number);
                float.cell((number as f64).into());
                assert_eq!(whole.finish(), float.finish());
            }
        }
        for text in [
            "",
            "car",
            "S\u{e3}o \"Paulo\"",
            "a\\b",
            "\u{1}\u{7f}",
            "Twenty-nine characters, plain",
            &"x".repeat(99),
        ] {
            let mut out = Out::new(0);
            out.text(text);
            assert_eq!(out.finish(), serde_json::to_vec(text).expect("JSON"));
        }
    }
}
