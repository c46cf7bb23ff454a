//! JSON values of a feed, read only as deep as a table needs them and without building a tree.
//!
//! FastF1 is written in Python: what happens where a value is not of the expected type is part of what it
//! gives. So nothing here fails on a type; it keeps what was there, and the caller decides as FastF1 does.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::python;
use super::time::Timedelta;

/// Any JSON value; of a list or an object only whether it holds anything.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf<'a> {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Cow<'a, str>),
    List { empty: bool },
    Object { empty: bool },
}

/// A value that should be an object with fixed keys, or what stood in its place.
#[derive(Debug, Clone)]
pub enum Object<'a, T> {
    Is(T),
    Not(Leaf<'a>),
}

/// A value that should hold entries by key: an object, or a list where the feed sends one instead.
#[derive(Debug, Clone)]
pub enum Keyed<'a, T> {
    /// In the order of the keys' first occurrence; a repeated key keeps its place and takes the last value.
    Object(Vec<(Cow<'a, str>, T)>),
    List(Vec<T>),
    Not(Leaf<'a>),
}

/// A struct of the keys that matter. A repeated key overwrites.
pub trait Fields<'de>: Default {
    /// Reads the value of `key` into the struct, or skips it: must take exactly one value from `map`.
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// Python's conversion of a value failed: the value cannot be read as a number, or is no such thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    Value,
    Type,
}

impl Leaf<'_> {
    /// Python's truth of the value.
    pub fn is_truthy(&self) -> bool {
        match self {
            Leaf::Null => false,
            Leaf::Bool(is) => *is,
            Leaf::Int(number) => *number != 0,
            Leaf::Float(number) => *number != 0.0,
            Leaf::Text(text) => !text.is_empty(),
            Leaf::List { empty } | Leaf::Object { empty } => !empty,
        }
    }

    pub fn text(&self) -> Option<&str> {
        match self {
            Leaf::Text(text) => Some(text),
            _ => None,
        }
    }

    /// FastF1's `to_timedelta` of any value: None for all that is no text of a time.
    pub fn timedelta(&self) -> Option<Timedelta> {
        self.text().and_then(Timedelta::parse)
    }

    /// Python's `int(value)`.
    pub fn int(&self) -> Result<i64, Conversion> {
        match self {
            Leaf::Bool(is) => Ok(i64::from(*is)),
            Leaf::Int(number) => Ok(*number),
            Leaf::Float(number) if number.is_finite() => Ok(number.trunc() as i64),
            Leaf::Text(text) => python::int(text).ok_or(Conversion::Value),
            Leaf::Float(_) => Err(Conversion::Value),
            Leaf::Null | Leaf::List { .. } | Leaf::Object { .. } => Err(Conversion::Type),
        }
    }

    /// Python's `float(value)`.
    pub fn float(&self) -> Result<f64, Conversion> {
        match self {
            Leaf::Text(text) => python::float(text).ok_or(Conversion::Value),
            _ => self.number().ok_or(Conversion::Type),
        }
    }

    /// The value where Python can compare it with a number; `true` is 1 there.
    pub fn number(&self) -> Option<f64> {
        match self {
            Leaf::Bool(is) => Some(f64::from(u8::from(*is))),
            Leaf::Int(number) => Some(*number as f64),
            Leaf::Float(number) => Some(*number),
            _ => None,
        }
    }
}

impl<T> Object<'_, T> {
    pub fn get(&self) -> Option<&T> {
        match self {
            Object::Is(fields) => Some(fields),
            Object::Not(_) => None,
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Leaf<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Any<'a> {
            type Value = Leaf<'a>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("any value")
            }
            fn visit_unit<E>(self) -> Result<Leaf<'a>, E> {
                Ok(Leaf::Null)
            }
            fn visit_bool<E>(self, is: bool) -> Result<Leaf<'a>, E> {
                Ok(Leaf::Bool(is))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Leaf<'a>, E> {
                Ok(Leaf::Int(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Leaf<'a>, E> {
                Ok(i64::try_from(number).map_or(Leaf::Float(number as f64), Leaf::Int))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Leaf<'a>, E> {
                Ok(Leaf::Float(number))
            }
            fn visit_str<E>(self, text: &str) -> Result<Leaf<'a>, E> {
                Ok(Leaf::Text(Cow::Owned(text.to_owned())))
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Leaf<'a>, E> {
                Ok(Leaf::Text(Cow::Borrowed(text)))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Leaf<'a>, A::Error> {
                let mut empty = true;
                while list.next_element::<IgnoredAny>()?.is_some() {
                    empty = false;
                }
                Ok(Leaf::List { empty })
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Leaf<'a>, A::Error> {
                let mut empty = true;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    empty = false;
                }
                Ok(Leaf::Object { empty })
            }
        }

        deserializer.deserialize_any(Any(PhantomData))
    }
}

/// The visitor of [`Object`] and [`Keyed`]: objects and lists as `C` collects them, the rest as a leaf.
struct Collecting<C>(PhantomData<C>);

trait Collect<'de>: Sized {
    fn object<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
    fn list<A: SeqAccess<'de>>(list: A) -> Result<Self, A::Error>;
    fn leaf(leaf: Leaf<'de>) -> Self;
}

impl<'de, C: Collect<'de>> Visitor<'de> for Collecting<C> {
    type Value = C;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any value")
    }
    fn visit_unit<E>(self) -> Result<C, E> {
        Ok(C::leaf(Leaf::Null))
    }
    fn visit_bool<E>(self, is: bool) -> Result<C, E> {
        Ok(C::leaf(Leaf::Bool(is)))
    }
    fn visit_i64<E>(self, number: i64) -> Result<C, E> {
        Ok(C::leaf(Leaf::Int(number)))
    }
    fn visit_u64<E>(self, number: u64) -> Result<C, E> {
        Ok(C::leaf(Leaf::Float(number as f64)))
    }
    fn visit_f64<E>(self, number: f64) -> Result<C, E> {
        Ok(C::leaf(Leaf::Float(number)))
    }
    fn visit_str<E>(self, text: &str) -> Result<C, E> {
        Ok(C::leaf(Leaf::Text(Cow::Owned(text.to_owned()))))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<C, E> {
        Ok(C::leaf(Leaf::Text(Cow::Borrowed(text))))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<C, A::Error> {
        C::list(list)
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<C, A::Error> {
        C::object(map)
    }
}

impl<'de, T: Fields<'de>> Collect<'de> for Object<'de, T> {
    fn object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        let mut fields = T::default();
        while let Some(Key(key)) = map.next_key()? {
            fields.read(&key, &mut map)?;
        }
        Ok(Object::Is(fields))
    }
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut empty = true;
        while list.next_element::<IgnoredAny>()?.is_some() {
            empty = false;
        }
        Ok(Object::Not(Leaf::List { empty }))
    }
    fn leaf(leaf: Leaf<'de>) -> Self {
        Object::Not(leaf)
    }
}

impl<'de, T: Deserialize<'de>> Collect<'de> for Keyed<'de, T> {
    fn object<A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        // Most objects hold one entry.
        let mut entries: Vec<(Cow<'de, str>, T)> = Vec::with_capacity(1);
        while let Some((Key(key), value)) = map.next_entry()? {
            match entries.iter_mut().find(|(known, _)| *known == key) {
                Some(entry) => entry.1 = value,
                None => entries.push((key, value)),
            }
        }
        Ok(Keyed::Object(entries))
    }
    fn list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Keyed::List(values))
    }
    fn leaf(leaf: Leaf<'de>) -> Self {
        Keyed::Not(leaf)
    }
}

impl<'de, T: Fields<'de>> Deserialize<'de> for Object<'de, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Collecting::<Self>(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Keyed<'de, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Collecting::<Self>(PhantomData))
    }
}

/// An object's key, borrowed where it holds no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
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

        deserializer.deserialize_str(Text)
    }
}
