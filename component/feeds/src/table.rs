//! Tables as JSON, the way pandas' `DataFrame.to_json(orient="records")` writes them, row by row.

use super::time::{Timedelta, Timestamp};

/// One cell. What pandas has no value for (None, NaN, NaT, an infinity) is null.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Cell<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(&'a str),
}

/// A kind of row: its columns, in order, and its cells in that order.
pub trait Row {
    const COLUMNS: &'static [Column];

    /// Exactly as many cells as there are columns.
    fn cells(&self) -> impl Iterator<Item = Cell<'_>>;
}

/// The room that a name, a number or a short text is written in. To write all of it and cut it takes a few instructions;
/// to copy a number of bytes that is not known ahead takes a call out of the sandbox, twenty of them for a row of
/// telemetry.
const ROOM: usize = 32;

/// A column of a table: its name as each row has it, `,"name":`.
pub struct Column {
    name: [u8; ROOM],
    length: usize,
}

pub const fn columns<const N: usize>(names: [&str; N]) -> [Column; N] {
    let mut columns = [const { Column { name: [0; ROOM], length: 0 } }; N];
    let mut index = 0;
    while index < N {
        columns[index] = Column::new(names[index].as_bytes());
        index += 1;
    }
    columns
}

impl Column {
    const fn new(name: &[u8]) -> Column {
        let mut column = Column { name: *b",\"                              ", length: 2 };
        while column.length < name.len() + 2 {
            column.name[column.length] = name[column.length - 2];
            column.length += 1;
        }
        column.name[column.length] = b'"';
        column.name[column.length + 1] = b':';
        column.length += 2;
        column
    }
}

/// Writes rows as a JSON list of objects.
pub fn write_rows<R: Row>(out: &mut Vec<u8>, rows: impl IntoIterator<Item = R>) {
    out.push(b'[');
    for (index, row) in rows.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        write_row(out, &row);
    }
    out.push(b']');
}

/// Writes one row as a JSON object.
pub fn write_row<R: Row>(out: &mut Vec<u8>, row: &R) {
    let begin = out.len();
    for (column, cell) in R::COLUMNS.iter().zip(row.cells()) {
        let end = out.len() + column.length;
        out.extend_from_slice(&column.name);
        out.truncate(end);
        write_cell(out, cell);
    }
    if let Some(comma) = out.get_mut(begin) {
        *comma = b'{';
    }
    out.push(b'}');
}

fn write_cell(out: &mut Vec<u8>, cell: Cell) {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Bool(true) => out.extend_from_slice(b"true"),
        Cell::Bool(false) => out.extend_from_slice(b"false"),
        Cell::Int(number) => write_int(out, number),
        Cell::Float(number) => write_float(out, number),
        Cell::Text(text) => write_text(out, text),
    }
}

fn write_int(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    write_digits(out, number.unsigned_abs());
}

fn write_digits(out: &mut Vec<u8>, number: u64) {
    const EIGHT: u64 = 100_000_000;
    const ZEROS: u64 = u64::from_le_bytes(*b"00000000");
    let digits = eight_digits(number % EIGHT);
    if number >= EIGHT {
        write_digits(out, number / EIGHT);
        return out.extend_from_slice(&(digits + ZEROS).to_le_bytes());
    }
    let leading = (digits.trailing_zeros() / 8).min(7);
    let end = out.len() + 8 - leading as usize;
    out.extend_from_slice(&((digits + ZEROS) >> (8 * leading)).to_le_bytes());
    out.truncate(end);
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

/// A short text is checked while it is copied.
fn write_text(out: &mut Vec<u8>, text: &str) {
    let begin = out.len();
    let mut is_plain = text.len() + 2 <= ROOM;
    if is_plain {
        out.extend_from_slice(&[b'"'; ROOM]);
        out.truncate(begin + text.len() + 2);
        for (slot, byte) in out.get_mut(begin + 1..).unwrap_or_default().iter_mut().zip(text.bytes()) {
            is_plain &= byte >= b' ' && byte != b'"' && byte != b'\\';
            *slot = byte;
        }
    }
    if !is_plain {
        out.truncate(begin);
        // A vector takes everything.
        drop(serde_json::to_writer(out, text));
    }
}

/// Ten decimals at most, halves as pandas' encoder rounds them; an exponent if the number is too large
/// or too small for it.
fn write_float(out: &mut Vec<u8>, number: f64) {
    const DECIMALS: f64 = 1e10;
    let size = number.abs();
    if !number.is_finite() {
        return out.extend_from_slice(b"null");
    }
    if size > 1e16 - 1.0 || (size != 0.0 && size < 1e-15) {
        return out.extend_from_slice(format!("{number:.9e}").as_bytes());
    }
    let mut whole = size.trunc();
    if whole == size {
        // Most numbers of telemetry.
        write_int(out, number as i64);
        return out.extend_from_slice(b".0");
    }
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
    out.extend_from_slice(format!("{sign}{whole}.{digits}").as_bytes());
}

impl From<bool> for Cell<'_> {
    fn from(is: bool) -> Self {
        Cell::Bool(is)
    }
}

impl From<i64> for Cell<'_> {
    fn from(number: i64) -> Self {
        Cell::Int(number)
    }
}

impl From<f64> for Cell<'_> {
    fn from(number: f64) -> Self {
        Cell::Float(number)
    }
}

impl<'a> From<&'a str> for Cell<'a> {
    fn from(text: &'a str) -> Self {
        Cell::Text(text)
    }
}

impl From<Timedelta> for Cell<'_> {
    fn from(span: Timedelta) -> Self {
        Cell::Int(span.millis())
    }
}

impl From<Timestamp> for Cell<'_> {
    fn from(moment: Timestamp) -> Self {
        Cell::Int(moment.millis())
    }
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Pair(f64, Option<Timedelta>);

    impl Row for Pair {
        const COLUMNS: &'static [Column] = &columns(["Number", "Time"]);

        fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
            [self.0.into(), self.1.into()].into_iter()
        }
    }

    fn json(rows: Vec<Pair>) -> String {
        let mut out = Vec::new();
        write_rows(&mut out, rows);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    #[test]
    fn writes_rows_as_pandas_does() {
        assert_eq!(json(Vec::new()), "[]");
        assert_eq!(
            json(vec![Pair(1.0, None), Pair(f64::NAN, Some(Timedelta(-1999)))]),
            r#"[{"Number":1.0,"Time":null},{"Number":null,"Time":-1}]"#
        );
    }

    #[test]
    fn writes_any_whole_number_and_any_text() {
        let mut number = 1_i64;
        for _ in 0..10_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            for number in [number, number >> 20, number >> 40, number % 1000 * 10_i64.pow(number as u32 % 16)]
            {
                let mut out = Vec::new();
                write_int(&mut out, number);
                assert_eq!(String::from_utf8(out).ok(), Some(number.to_string()));
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
            let mut out = Vec::new();
            write_text(&mut out, text);
            assert_eq!(out, serde_json::to_vec(text).expect("JSON"));
        }
    }

    #[test]
    fn writes_floats_as_pandas_does() {
        let cases = [
            (0.1234567890123, "0.123456789"),
            (-2.5, "-2.5"),
            (0.99999999999, "1.0"),
            (1013.0000000001, "1013.0000000001"),
            (1e17, "1.000000000e17"),
            (1e-16, "1.000000000e-16"),
            (f64::INFINITY, "null"),
        ];
        for (number, text) in cases {
            assert_eq!(json(vec![Pair(number, None)]), format!(r#"[{{"Number":{text},"Time":null}}]"#));
        }
    }
}
