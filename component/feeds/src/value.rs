//! JSON values of a feed: a text is read whole, into a flat list, and looked at from there.
//!
//! FastF1 is written in Python: what happens if a value is not of the expected type is part of what it
//! gives. So nothing here fails on a type; the caller sees what was there and decides as FastF1 does.

mod lenient;

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::python;
use super::time::Timedelta;

/// A JSON text, read. Every list and object is followed by what it holds.
#[derive(Debug, Default)]
pub struct Json<'a>(Vec<Node<'a>>);

/// One value. A list counts its own node and all that it holds; so does an object, whose keys are nodes too.
#[derive(Debug, Clone, PartialEq)]
pub enum Node<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    List(usize),
    Object(usize),
}

/// A value and what it holds.
#[derive(Clone, Copy)]
pub struct Value<'j, 'a>(&'j [Node<'a>]);

/// Python's conversion of a value failed: the value cannot be read as a number, or is not such a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    Value,
    Type,
}

impl<'a> Json<'a> {
    /// Reads `text` in place of what was read before. None if Python's `json` does not read it either.
    pub fn read(&mut self, text: &'a str) -> Option<Value<'_, 'a>> {
        self.0.clear();
        // Eight bytes a value is about what telemetry has, and it is the longest text.
        self.0.reserve(text.len() / 8);
        let mut json = serde_json::Deserializer::from_str(text);
        if Appender(&mut self.0).deserialize(&mut json).and_then(|()| json.end()).is_err() {
            self.0.clear();
            lenient::append(text, &mut self.0)?;
        }
        Some(Value(&self.0))
    }
}

impl<'a> Json<'a> {
    /// As [`Json::read`], of bytes that may not even be text.
    pub fn read_bytes(&mut self, bytes: &'a [u8]) -> Option<Value<'_, 'a>> {
        std::str::from_utf8(bytes).ok().and_then(|text| self.read(text))
    }
}

impl<'j, 'a> Value<'j, 'a> {
    pub fn node(self) -> &'j Node<'a> {
        self.0.first().unwrap_or(&Node::Null)
    }

    pub fn is_object(self) -> bool {
        matches!(self.node(), Node::Object(_))
    }

    pub fn is_list(self) -> bool {
        matches!(self.node(), Node::List(_))
    }

    /// Python's truth of the value.
    pub fn is_truthy(self) -> bool {
        match self.node() {
            Node::Null => false,
            Node::Bool(is) => *is,
            Node::Int(number) => *number != 0,
            Node::Float(number) => *number != 0.0,
            Node::Text(text) => !text.is_empty(),
            Node::List(nodes) | Node::Object(nodes) => *nodes > 1,
        }
    }

    pub fn text(self) -> Option<&'j str> {
        match self.node() {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// FastF1's `to_timedelta` of any value: None for all but the text of a time.
    pub fn timedelta(self) -> Option<Timedelta> {
        self.text().and_then(Timedelta::parse)
    }

    /// Python's `int(value)`.
    pub fn int(self) -> Result<i64, Conversion> {
        match self.node() {
            Node::Bool(is) => Ok(i64::from(*is)),
            Node::Int(number) => Ok(*number),
            Node::Float(number) if number.is_finite() => Ok(number.trunc() as i64),
            Node::Text(text) => python::int(text).ok_or(Conversion::Value),
            Node::Float(_) => Err(Conversion::Value),
            Node::Null | Node::List(_) | Node::Object(_) => Err(Conversion::Type),
        }
    }

    /// Python's `float(value)`.
    pub fn float(self) -> Result<f64, Conversion> {
        match self.node() {
            Node::Text(text) => python::float(text).ok_or(Conversion::Value),
            _ => self.number().ok_or(Conversion::Type),
        }
    }

    /// The value if Python can compare it with a number; `true` is 1 there.
    pub fn number(self) -> Option<f64> {
        match self.node() {
            Node::Bool(is) => Some(f64::from(u8::from(*is))),
            Node::Int(number) => Some(*number as f64),
            Node::Float(number) => Some(*number),
            _ => None,
        }
    }

    /// Python's `str(value)`, of a list or an object only the outside; None for null.
    pub fn python_text(self) -> Option<Cow<'j, str>> {
        Some(match self.node() {
            Node::Null => return None,
            Node::Bool(true) => "True".into(),
            Node::Bool(false) => "False".into(),
            Node::Int(number) => number.to_string().into(),
            Node::Float(number) => python::float_text(*number).into(),
            Node::Text(text) => Cow::Borrowed(text),
            Node::List(_) => "[]".into(),
            Node::Object(_) => "{}".into(),
        })
    }

    /// Keys and values of an object as they were sent; nothing for other values.
    pub fn entries(self) -> Entries<'j, 'a> {
        Entries(if self.is_object() { self.inside() } else { &[] })
    }

    /// As [`Value::entries`], each key once: at its first place, with its last value.
    pub fn distinct_entries(self) -> impl Iterator<Item = (&'j str, Value<'j, 'a>)> {
        let entries: Vec<_> = self.entries().collect();
        (0..entries.len()).filter_map(move |place| {
            let (before, after) = entries.split_at_checked(place)?;
            let ((key, value), after) = after.split_first()?;
            let last = after.iter().rev().find(|(later, _)| later == key);
            let is_first = before.iter().all(|(earlier, _)| earlier != key);
            is_first.then_some((*key, last.map_or(*value, |(_, value)| *value)))
        })
    }

    /// The values of a list; nothing for other values.
    pub fn items(self) -> Items<'j, 'a> {
        Items(if self.is_list() { self.inside() } else { &[] })
    }

    /// The value of an object's key, the last one that was sent.
    pub fn get(self, key: &str) -> Option<Value<'j, 'a>> {
        self.entries().filter(|(known, _)| *known == key).last().map(|(_, value)| value)
    }

    /// The text of an object's key; empty if there is none.
    pub fn text_of(self, key: &str) -> &'j str {
        self.get(key).and_then(Value::text).unwrap_or_default()
    }

    /// The value at the end of a path of keys.
    pub fn at(self, path: &[&str]) -> Option<Value<'j, 'a>> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// As [`Value::get`], of several keys at once.
    pub fn get_all<const N: usize>(self, keys: [&str; N]) -> [Option<Value<'j, 'a>>; N] {
        let mut values = [None; N];
        for (key, value) in self.entries() {
            for (known, slot) in keys.iter().zip(&mut values) {
                if *known == key {
                    *slot = Some(value);
                }
            }
        }
        values
    }

    fn inside(self) -> &'j [Node<'a>] {
        self.0.get(1..).unwrap_or_default()
    }
}

/// See [`Value::entries`].
pub struct Entries<'j, 'a>(&'j [Node<'a>]);

/// See [`Value::items`].
pub struct Items<'j, 'a>(&'j [Node<'a>]);

impl<'j, 'a> Iterator for Entries<'j, 'a> {
    type Item = (&'j str, Value<'j, 'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (Node::Text(key), rest) = self.0.split_first()? else { return None };
        let (value, rest) = first_value(rest)?;
        self.0 = rest;
        Some((key, value))
    }
}

impl<'j, 'a> Iterator for Items<'j, 'a> {
    type Item = Value<'j, 'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (value, rest) = first_value(self.0)?;
        self.0 = rest;
        Some(value)
    }
}

fn first_value<'j, 'a>(nodes: &'j [Node<'a>]) -> Option<(Value<'j, 'a>, &'j [Node<'a>])> {
    let length = match nodes.first()? {
        Node::List(nodes) | Node::Object(nodes) => *nodes,
        _ => 1,
    };
    let (value, rest) = nodes.split_at_checked(length)?;
    Some((Value(value), rest))
}

/// Reads any value behind the nodes that are there.
struct Appender<'n, 'a>(&'n mut Vec<Node<'a>>);

impl<'de: 'a, 'a> DeserializeSeed<'de> for Appender<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'a> Appender<'_, 'a> {
    fn push(self, node: Node<'a>) {
        self.0.push(node);
    }

    /// Sets the node of a list or an object, at its place, once all that it holds is there.
    fn close(self, place: usize, node: fn(usize) -> Node<'a>) {
        let length = self.0.len() - place;
        if let Some(open) = self.0.get_mut(place) {
            *open = node(length);
        }
    }
}

impl<'de: 'a, 'a> Visitor<'de> for Appender<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        self.push(Node::Null);
        Ok(())
    }
    fn visit_bool<E>(self, is: bool) -> Result<(), E> {
        self.push(Node::Bool(is));
        Ok(())
    }
    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.push(Node::Int(number));
        Ok(())
    }
    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.push(i64::try_from(number).map_or(Node::Float(number as f64), Node::Int));
        Ok(())
    }
    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.push(Node::Float(number));
        Ok(())
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.push(Node::Text(Cow::Owned(text.to_owned())));
        Ok(())
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.push(Node::Text(Cow::Borrowed(text)));
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let place = self.0.len();
        self.0.push(Node::List(1));
        while list.next_element_seed(Appender(self.0))?.is_some() {}
        self.close(place, Node::List);
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let place = self.0.len();
        self.0.push(Node::Object(1));
        while let Some(Key(key)) = map.next_key()? {
            self.0.push(Node::Text(key));
            map.next_value_seed(Appender(self.0))?;
        }
        self.close(place, Node::Object);
        Ok(())
    }
}

/// An object's key, borrowed if it holds no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyText;

        impl<'de> Visitor<'de> for KeyText {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
        }

        deserializer.deserialize_str(KeyText)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_seen_with_what_it_holds() {
        let mut json = Json::default();
        let value = json.read(r#"{"a":[1,{"b":"\u0041"},[]],"c":null,"a":-2.5,"d":true}"#).expect("JSON");
        let keys: Vec<&str> = value.entries().map(|(key, _)| key).collect();
        assert_eq!(keys, ["a", "c", "a", "d"]);
        let list = value.entries().next().expect("an entry").1;
        let texts: Vec<_> = list.items().map(|item| item.get("b").and_then(Value::text)).collect();
        assert_eq!(texts, [None, Some("A"), None]);
        let last: Vec<_> = value.distinct_entries().map(|(key, value)| (key, value.number())).collect();
        assert_eq!(last, [("a", Some(-2.5)), ("c", None), ("d", Some(1.0))]);
        assert_eq!(value.get("a").and_then(Value::number), Some(-2.5));
        assert!(list.entries().next().is_none() && value.items().next().is_none());
    }

    #[test]
    fn what_is_no_json_is_nothing() {
        let mut json = Json::default();
        for text in ["", "{", "{}{}", "[1,]", "{\"a\"}", "\"\\x\""] {
            assert!(json.read(text).is_none(), "{text}");
        }
        assert!(json.read("[1]").is_some_and(Value::is_truthy));
    }
}
