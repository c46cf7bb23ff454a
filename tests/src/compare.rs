//! Compares two documents of tables cell by cell, and says how many cells agree.
//!
//! A cell agrees if both sides hold the same JSON value (1 and 1.0 are one number, null equals only
//! null). A missing or extra row or column counts as cells that differ, and so does another column order.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// JSON whose objects keep the order of their fields.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    /// The field of an object; null is what anything else has.
    pub fn get(&self, name: &str) -> &Value {
        match self {
            Value::Object(fields) => {
                fields.iter().find(|(field, _)| field == name).map_or(&Value::Null, |(_, v)| v)
            }
            _ => &Value::Null,
        }
    }
}

/// What came of a comparison.
#[derive(Debug, Default)]
pub struct Agreement {
    pub agree: usize,
    pub total: usize,
    /// The first of the cells that differ, and how.
    pub differences: Vec<String>,
}

/// Differences that are worth showing.
const SHOWN: usize = 12;

impl Agreement {
    pub fn is_complete(&self) -> bool {
        self.agree == self.total
    }

    fn cell(&mut self, agrees: bool, difference: impl FnOnce() -> String) {
        self.total += 1;
        if agrees {
            self.agree += 1;
        } else if self.differences.len() < SHOWN {
            self.differences.push(difference());
        }
    }
}

impl fmt::Display for Agreement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Agreement { agree, total, differences } = self;
        write!(
            f,
            "{agree} of {total} cells agree ({:.3} %)",
            100.0 * *agree as f64 / (*total).max(1) as f64
        )?;
        differences.iter().try_for_each(|difference| write!(f, "\n    {difference}"))
    }
}

/// Compares documents of the shape `{"table": [record, ...] | {"key": [record, ...]} | null}`.
pub fn compare(expected: &Value, actual: &Value) -> Agreement {
    let mut agreement = Agreement::default();
    walk("", expected, actual, &mut agreement);
    agreement
}

/// Compares two documents as they are written, the first one by Python, which takes less memory. A cell is what
/// stands between two commas, such as `"RPM":4234.0`; no text may hold a comma or a colon and a space after it.
pub fn compare_written(expected: &str, actual: &str) -> Agreement {
    let expected = expected.replace(", ", ",").replace(": ", ":");
    let (wanted, given) = (cells(&expected), cells(actual));
    let mut agreement = Agreement::default();
    for n in 0..wanted.len().max(given.len()) {
        let (want, got) = (wanted.get(n), given.get(n));
        agreement.cell(want == got, || format!("cell {n}: expected {want:?}, got {got:?}"));
    }
    if agreement.is_complete() && expected != actual {
        agreement.cell(false, || "the cells agree, but not the brackets around them".to_owned());
    }
    agreement
}

fn cells(document: &str) -> Vec<&str> {
    document.split(',').map(|cell| cell.trim_matches(['[', ']', '{', '}'])).collect()
}

fn walk(name: &str, expected: &Value, actual: &Value, agreement: &mut Agreement) {
    let empty = Vec::new();
    match (expected, actual) {
        (Value::Object(fields), other) | (other, Value::Object(fields)) => {
            let others = if let Value::Object(others) = other { others } else { &empty };
            for key in names(fields, others) {
                walk(&format!("{name}/{key}"), expected.get(key), actual.get(key), agreement);
            }
        }
        (Value::List(expected), Value::List(actual)) => table(name, expected, actual, agreement),
        (Value::List(rows), other) | (other, Value::List(rows)) => {
            for (i, row) in rows.iter().enumerate() {
                for column in columns(row) {
                    agreement.cell(false, || {
                        format!("{name}[{i}].{column}: there is a table on one side, {other:?} on the other")
                    });
                }
            }
            if rows.is_empty() {
                agreement.cell(false, || format!("{name}: expected {expected:?}, got {actual:?}"));
            }
        }
        _ => agreement.cell(expected == actual, || format!("{name}: expected {expected:?}, got {actual:?}")),
    }
}

fn table(name: &str, expected: &[Value], actual: &[Value], agreement: &mut Agreement) {
    let absent = Value::Object(Vec::new());
    for i in 0..expected.len().max(actual.len()) {
        let (want, got) = (expected.get(i).unwrap_or(&absent), actual.get(i).unwrap_or(&absent));
        let (Value::Object(wanted), Value::Object(given)) = (want, got) else {
            agreement.cell(want == got, || format!("{name}[{i}]: expected {want:?}, got {got:?}"));
            continue;
        };
        for column in names(wanted, given) {
            let find = |fields: &[(String, Value)]| {
                fields.iter().find(|(field, _)| field == column).map(|(_, v)| v.clone())
            };
            let (want, got) = (find(wanted), find(given));
            agreement.cell(want == got, || format!("{name}[{i}].{column}: expected {want:?}, got {got:?}"));
        }
        let (want, got) = (names(wanted, &[]), names(given, &[]));
        if want != got && want.len() == got.len() && want.iter().all(|name| got.contains(name)) {
            agreement.cell(false, || format!("{name}[{i}]: expected columns {want:?}, got {got:?}"));
        }
    }
}

/// The names of both, each once.
fn names<'a>(fields: &'a [(String, Value)], others: &'a [(String, Value)]) -> Vec<&'a str> {
    let extra = others.iter().filter(|(name, _)| !fields.iter().any(|(field, _)| field == name));
    fields.iter().chain(extra).map(|(name, _)| name.as_str()).collect()
}

fn columns(row: &Value) -> Vec<&str> {
    if let Value::Object(fields) = row { names(fields, &[]) } else { vec![] }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Value, A::Error> {
        let mut object = Vec::new();
        while let Some(field) = fields.next_entry()? {
            object.push(field);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agreement(expected: &str, actual: &str) -> (usize, usize) {
        let parse = |text| serde_json::from_str(text).expect("JSON");
        let Agreement { agree, total, .. } = compare(&parse(expected), &parse(actual));
        (agree, total)
    }

    #[test]
    fn counts_cells_that_agree() {
        let laps = r#"{"laps": [{"a": 1, "b": null}, {"a": 2, "b": true}], "weather": null}"#;
        assert_eq!(agreement(laps, laps), (5, 5));
        assert_eq!(agreement(laps, &laps.replace("1,", "1.0,")), (5, 5));
        assert_eq!(agreement(laps, &laps.replace("true", "1")), (4, 5), "a truth value is not a number");
        assert_eq!(
            agreement(laps, &laps.replace(r#", {"a": 2, "b": true}"#, "")),
            (3, 5),
            "a row is missing"
        );
        assert_eq!(agreement(laps, &laps.replace(r#""b": null"#, r#""c": null"#)), (4, 6), "another column");
        assert_eq!(agreement(laps, r#"{"laps": null, "weather": null}"#), (1, 5), "no table at all");
    }

    #[test]
    fn minds_the_order_of_columns_and_looks_into_tables_of_tables() {
        let car = r#"{"car_data": {"1": [{"x": 1, "y": 2}], "2": []}}"#;
        assert_eq!(agreement(car, car), (2, 2));
        assert_eq!(agreement(car, r#"{"car_data": {"1": [{"y": 2, "x": 1}], "2": []}}"#), (2, 3));
        assert_eq!(agreement(r#"{"car_data": {}}"#, car), (0, 3));
    }
}
