//! Messages that say something of drivers: `{"Lines": {"44": {...}, ...}}`.

use super::feed::{self, Content, Count, Unusable};
use super::time::Timedelta;
use super::value::{Node, Value};

/// What is done with a driver's part of a message: number, session time, an object.
type Take<'t> = dyn FnMut(&str, Option<Timedelta>, Value) -> Result<(), Unusable> + 't;

/// Hands every driver's part of every message to `take`. Fails if FastF1's readers of such feeds raise.
pub fn each(feed: &[u8], take: &mut Take) -> Result<Count, Unusable> {
    feed::each(feed, &mut |message| {
        let lines = match message.content {
            Content::Object(object) => object.get("Lines"),
            // FastF1 looks for the key in the text.
            Content::Text(text) if text.contains("Lines") => {
                return Err(Unusable::new("text stands in the place of the drivers' lines"));
            }
            Content::Text(_) => None,
        };
        let Some(lines) = lines else { return Ok(()) };
        match lines.node() {
            Node::Object(_) => {}
            Node::List(_) | Node::Text(_) if !lines.is_truthy() => return Ok(()),
            _ => return Err(Unusable::new("the drivers' lines are not an object")),
        }
        for (number, line) in lines.distinct_entries() {
            if !line.is_object() {
                return Err(Unusable::new(format!("the line of driver {number} is not an object")));
            }
            take(number, message.time, line)?;
        }
        Ok(())
    })
}
