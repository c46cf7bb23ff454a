//! Tables as JSON, the way pandas' `DataFrame.to_json(orient="records")` writes them, row by row.

mod out;

use super::time::{Timedelta, Timestamp};
pub use out::Out;

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

/// What writes itself as one row's names and cells, a comma before each.
pub trait Written {
    fn write(&self, out: &mut Out);
}

impl<R: Row> Written for R {
    fn write(&self, out: &mut Out) {
        for (column, cell) in R::COLUMNS.iter().zip(self.cells()) {
            out.name(column).cell(cell);
        }
    }
}

/// The room that a name, a number or a short text is written in. To write all of it and go on before its end takes a few
/// instructions; to copy a number of bytes that is not known ahead takes a call out of the sandbox, twenty of them for a
/// row of telemetry.
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
        columns[index] = Column::new(names[index]);
        index += 1;
    }
    columns
}

impl Column {
    pub const fn new(name: &str) -> Column {
        let name = name.as_bytes();
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
pub fn write_rows<R: Written>(json: &mut Vec<u8>, rows: impl IntoIterator<Item = R>) {
    json.push(b'[');
    let mut out = Out::behind(std::mem::take(json));
    for (index, row) in rows.into_iter().enumerate() {
        out.row(index > 0, &row);
    }
    *json = out.finish();
    json.push(b']');
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
