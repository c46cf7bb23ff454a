//! Messages that say something of drivers: `{"Lines": {"44": {...}, ...}}`.

use std::borrow::Cow;

use serde::de::{IgnoredAny, MapAccess};

use super::feed::{self, Content, Count, Unusable};
use super::time::Timedelta;
use super::value::{Fields, Keyed, Leaf, Object};

/// Hands every driver's part of every message to `take`: number, session time, content. Fails where FastF1's
/// readers of such feeds raise.
pub fn each<'a, T: Fields<'a> + 'a>(
    feed: &'a [u8],
    mut take: impl FnMut(Cow<'a, str>, Option<Timedelta>, T) -> Result<(), Unusable>,
) -> Result<Count, Unusable> {
    feed::each::<Object<Lines<T>>>(feed, |message| {
        let lines = match message.content {
            Content::Object(Object::Is(Lines(lines))) => lines,
            // FastF1 looks for the key in the text.
            Content::Text(text) if text.contains("Lines") => {
                return Err(Unusable::new("a text stands where the drivers' lines should"));
            }
            Content::Object(Object::Not(_)) | Content::Text(_) => None,
        };
        let lines = match lines {
            Some(Keyed::Object(lines)) => lines,
            None => return Ok(()),
            Some(Keyed::List(list)) if list.is_empty() => return Ok(()),
            Some(Keyed::Not(Leaf::Text(text))) if text.is_empty() => return Ok(()),
            Some(_) => return Err(Unusable::new("the drivers' lines are no object")),
        };
        for (number, line) in lines {
            let Object::Is(line) = line else {
                return Err(Unusable::new(format!("the line of driver {number} is no object")));
            };
            take(number, message.time, line)?;
        }
        Ok(())
    })
}

struct Lines<'a, T>(Option<Keyed<'a, Object<'a, T>>>);

impl<T> Default for Lines<'_, T> {
    fn default() -> Self {
        Lines(None)
    }
}

impl<'de, T: Fields<'de>> Fields<'de> for Lines<'de, T> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "Lines" => self.0 = Some(map.next_value()?),
            _ => drop(map.next_value::<IgnoredAny>()?),
        }
        Ok(())
    }
}
