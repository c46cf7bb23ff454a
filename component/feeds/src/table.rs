//! Tables as JSON, the way pandas' `DataFrame.to_json(orient="records")` writes them, row by row.

use std::io::{self, Write};

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
    const COLUMNS: &'static [&'static str];

    /// Exactly as many cells as there are columns.
    fn cells(&self) -> impl Iterator<Item = Cell<'_>>;
}

/// Writes rows as a JSON list of objects, each as soon as it comes. Fails where `out` fails.
pub fn write_rows<R: Row>(out: &mut impl Write, rows: impl IntoIterator<Item = R>) -> io::Result<()> {
    out.write_all(b"[")?;
    for (index, row) in rows.into_iter().enumerate() {
        if index > 0 {
            out.write_all(b",")?;
        }
        write_row(out, &row)?;
    }
    out.write_all(b"]")
}

/// Writes one row as a JSON object. Fails where `out` fails.
pub fn write_row<R: Row>(out: &mut impl Write, row: &R) -> io::Result<()> {
    for (position, (column, cell)) in R::COLUMNS.iter().zip(row.cells()).enumerate() {
        out.write_all(if position == 0 { b"{\"" } else { b",\"" })?;
        out.write_all(column.as_bytes())?;
        out.write_all(b"\":")?;
        write_cell(out, cell)?;
    }
    out.write_all(b"}")
}

fn write_cell(out: &mut impl Write, cell: Cell) -> io::Result<()> {
    match cell {
        Cell::Null => out.write_all(b"null"),
        Cell::Bool(is) => out.write_all(if is { b"true" } else { b"false" }),
        Cell::Int(number) => Ok(serde_json::to_writer(out, &number)?),
        Cell::Float(number) => write_float(out, number),
        Cell::Text(text) => Ok(serde_json::to_writer(out, text)?),
    }
}

/// Ten decimals at most, halves as pandas' encoder rounds them; an exponent where the number is too large
/// or too small for it.
fn write_float(out: &mut impl Write, number: f64) -> io::Result<()> {
    const DECIMALS: f64 = 1e10;
    let size = number.abs();
    if !number.is_finite() {
        return out.write_all(b"null");
    }
    if size > 1e16 - 1.0 || (size != 0.0 && size < 1e-15) {
        return write!(out, "{number:.9e}");
    }
    let mut whole = size.trunc();
    if whole == size {
        // Most numbers of telemetry; the general way takes five times as long.
        serde_json::to_writer(&mut *out, &(number as i64))?;
        return out.write_all(b".0");
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
    if fraction == 0.0 {
        return write!(out, "{sign}{whole}.0");
    }
    let digits = format!("{fraction:010}");
    write!(out, "{sign}{whole}.{}", digits.trim_end_matches('0'))
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
        const COLUMNS: &'static [&'static str] = &["Number", "Time"];

        fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
            [self.0.into(), self.1.into()].into_iter()
        }
    }

    fn json(rows: Vec<Pair>) -> String {
        let mut out = Vec::new();
        write_rows(&mut out, rows).expect("a vector takes everything");
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
