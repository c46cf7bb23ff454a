//! JSON in the order it was written: the upstreams' key order reaches FastF1's tables.

use std::fmt::{self, Write};

/// A JSON value; an object keeps the order of its fields.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub fn object() -> Json {
        Json::Object(Vec::new())
    }

    /// An object with these fields; a dot in a name makes a nested object.
    pub fn with<const N: usize>(fields: [(&str, Json); N]) -> Json {
        let mut object = Json::object();
        for (path, value) in fields {
            object.set(path, value);
        }
        object
    }

    /// Sets the field at `path` (`Sectors.2.Value`), making the objects on the way.
    pub fn set(&mut self, path: &str, value: impl Into<Json>) {
        if !matches!(self, Json::Object(_)) {
            *self = Json::object();
        }
        let Json::Object(fields) = self else { return };
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let at = fields.iter().position(|(field, _)| field == name).unwrap_or_else(|| {
            fields.push((name.to_owned(), Json::Null));
            fields.len() - 1
        });
        match rest {
            None => fields[at].1 = value.into(),
            Some(rest) => fields[at].1.set(rest, value),
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, items: &[Json]| {
            items.iter().enumerate().try_for_each(|(i, item)| {
                if i > 0 {
                    f.write_char(',')?;
                }
                item.fmt(f)
            })
        };
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => value.fmt(f),
            Json::Int(value) => value.fmt(f),
            Json::Text(text) => write_text(f, text),
            Json::List(items) => {
                f.write_char('[')?;
                list(f, items)?;
                f.write_char(']')
            }
            Json::Object(fields) => {
                f.write_char('{')?;
                for (i, (name, value)) in fields.iter().enumerate() {
                    if i > 0 {
                        f.write_char(',')?;
                    }
                    write_text(f, name)?;
                    f.write_char(':')?;
                    value.fmt(f)?;
                }
                f.write_char('}')
            }
        }
    }
}

/// The texts here are our own: quotes, backslashes and control characters are all there is to escape.
fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char('"')
}

impl From<&str> for Json {
    fn from(text: &str) -> Json {
        Json::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Json {
        Json::Text(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Json {
        Json::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(value: i64) -> Json {
        Json::Int(value)
    }
}

impl From<Vec<Json>> for Json {
    fn from(items: Vec<Json>) -> Json {
        Json::List(items)
    }
}

impl FromIterator<(String, Json)> for Json {
    fn from_iter<I: IntoIterator<Item = (String, Json)>>(fields: I) -> Json {
        Json::Object(fields.into_iter().collect())
    }
}
