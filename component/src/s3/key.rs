//! The names of objects: `raw/<YYYY-MM-DD>/<item>/<unix seconds>.json`, the date in UTC. A few items are no JSON, and their keys
//! end accordingly.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate};

use crate::error::{Error, Kind, Result};

/// What the keys of all documents begin with.
pub const ROOT: &str = "raw/";

/// How a kind of document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Format {
    /// The end of its keys.
    suffix: &'static str,
    content_type: &'static str,
}

const JSON: Format = Format { suffix: ".json", content_type: "application/json" };

/// The items that are no JSON.
const OTHERS: &[(&str, Format)] =
    &[("jolpica/dump", Format { suffix: ".zip", content_type: "application/zip" })];

fn format_of(item: &str) -> Format {
    OTHERS.iter().find(|(other, _)| *other == item).map_or(JSON, |(_, format)| *format)
}

/// The key of one document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    date: NaiveDate,
    /// `jolpica`, or `fastf1/2024/05/Q`
    pub item: String,
    /// When it was ingested, in unix seconds.
    pub seconds: i64,
}

impl Key {
    /// The key of `item` at a time.
    ///
    /// Fails if the time is in no year that a date can have.
    pub fn new(item: &str, seconds: i64) -> Result<Key> {
        let time = DateTime::from_timestamp(seconds, 0)
            .ok_or_else(|| Error::new(Kind::ClockSkew, "this machine's clock is not in any year; set it"))?;
        Ok(Key { date: time.date_naive(), item: item.to_owned(), seconds })
    }

    /// Where the document comes from: the first word of its item.
    pub fn source(&self) -> &str {
        self.item.split('/').next().unwrap_or_default()
    }

    /// What its document is.
    pub fn content_type(&self) -> &'static str {
        format_of(&self.item).content_type
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Key { date, item, seconds } = self;
        write!(f, "{ROOT}{date}/{item}/{seconds}{}", format_of(item).suffix)
    }
}

/// Somebody else's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOurs;

impl FromStr for Key {
    type Err = NotOurs;

    fn from_str(text: &str) -> std::result::Result<Key, NotOurs> {
        let parts = || {
            let (date, rest) = text.strip_prefix(ROOT)?.split_once('/')?;
            let (item, name) = rest.rsplit_once('/')?;
            let seconds = name.strip_suffix(format_of(item).suffix)?.parse().ok()?;
            let mut date = date.split('-');
            let mut number = || date.next()?.parse::<u32>().ok();
            let (year, month, day) = (number()?, number()?, number()?);
            let date = NaiveDate::from_ymd_opt(year.try_into().ok()?, month, day)?;
            Some(Key { date, item: item.to_owned(), seconds })
        };
        // What is written in another way (a sign, a zero in front) is another key.
        parts().filter(|key| !key.item.is_empty() && key.to_string() == text).ok_or(NotOurs)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_date_is_that_of_the_seconds_in_utc() {
        let key = |seconds| Key::new("jolpica", seconds).unwrap().to_string();
        assert_eq!(key(1_735_689_599), "raw/2024-12-31/jolpica/1735689599.json");
        assert_eq!(key(1_735_689_600), "raw/2025-01-01/jolpica/1735689600.json");
        assert!(Key::new("jolpica", i64::MAX).is_err());
    }

    #[test]
    fn only_our_keys_have_an_item() {
        let item = |key: &str| key.parse().map(|key: Key| key.item);
        assert_eq!(item("raw/2026-11-24/mock/1795521600.json"), Ok("mock".to_owned()));
        let of_a_session = "raw/2026-11-24/telemetry/2024/05/R/1795521600.json";
        assert_eq!(item(of_a_session), Ok("telemetry/2024/05/R".to_owned()));
        for key in [
            "raw/2026-11-24/mock/latest.json",
            "raw/2026-11-24/mock/.json",
            "raw/2026-11-24/mock/+1.json",
            "raw/2026-11-24/mock/01.json",
            "raw/2026-11-24/1795521600.json",
            "raw/by-season/mock/1795521600.json",
            "raw/2026-11-24/mock/1795521600.parquet",
            "curated/2026-11-24/mock/1795521600.json",
        ] {
            assert_eq!(item(key), Err(NotOurs), "{key}");
        }
    }

    #[test]
    fn the_item_says_how_its_keys_end() {
        let key = Key::new("jolpica/dump", 1_795_521_600).unwrap();
        assert_eq!(key.to_string(), "raw/2026-11-24/jolpica/dump/1795521600.zip");
        assert_eq!(key.content_type(), "application/zip");
        assert_eq!(key.to_string().parse(), Ok(key));
        for other in ["jolpica/dump/1795521600.json", "jolpica/drivers/1795521600.zip"] {
            assert_eq!(format!("raw/2026-11-24/{other}").parse::<Key>(), Err(NotOurs), "{other}");
        }
    }

    proptest! {
        #[test]
        fn a_key_reads_back_as_itself(item in "[a-z0-9]{1,9}(/[A-Za-z0-9]{1,9}){0,3}", seconds in 0i64..1 << 35) {
            let key = Key::new(&item, seconds).unwrap();
            prop_assert_eq!(key.to_string().parse(), Ok(key));
        }
    }
}
