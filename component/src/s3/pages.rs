//! A listing of many pages, which has to end.

use std::collections::HashSet;

use crate::error::{Error, Kind, Result};

/// As many pages as a bucket can sensibly have: of a thousand entries each.
const MOST: usize = 10_000;

/// The pages that were asked for, by where they begin.
#[derive(Default)]
pub struct Pages(HashSet<String>);

impl Pages {
    /// The page that begins `from` there is next.
    ///
    /// Fails if the listing comes back to a page, or does not end.
    pub fn turn(&mut self, from: &str) -> Result<()> {
        if self.0.len() < MOST && self.0.insert(from.to_owned()) {
            return Ok(());
        }
        let message = "the store's listing does not end: it names pages again and again; see the store's log";
        Err(Error::new(Kind::StoreRefused, message))
    }
}
