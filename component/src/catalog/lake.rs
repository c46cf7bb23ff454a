//! All that is known of a bucket: a pure sum of keys and records, in any order.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::record::{Became, Entry, Record, RunNote};
use crate::s3::key::Key;

/// How many runs are remembered.
const RUNS: usize = 200;

/// What a bucket holds and what was asked for in vain, by item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lake {
    pub items: BTreeMap<String, Known>,
    /// The last ones, from the oldest on.
    pub runs: Vec<RunNote>,
}

/// What is known of one item.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// In ascending order.
    #[serde(default, rename = "v")]
    pub versions: Vec<Version>,
    /// When its upstream was last asked with success, in unix seconds; stored, unchanged or absent.
    #[serde(default)]
    pub asked: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Since then nothing was stored: the upstream does not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent: Option<Said>,
    /// Since then nothing else came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Said>,
}

/// Why something is not there, and when that was said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub at: i64,
    pub why: String,
}

/// One object of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version {
    pub seconds: i64,
    /// Of the document; of the object, if only its key is known.
    pub size: u64,
    /// None: only its key is known, or it was sent while it was made.
    pub sha256: Option<[u8; 32]>,
}

impl Version {
    pub fn hash(&self) -> Option<String> {
        self.sha256.map(hex::encode)
    }
}

/// As `[seconds, size, hash]`: there are many.
impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.seconds, self.size, self.hash()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
        let (seconds, size, hash) = <(i64, u64, Option<String>)>::deserialize(deserializer)?;
        Ok(Version { seconds, size, sha256: hash.as_deref().and_then(bytes) })
    }
}

fn bytes(hash: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(hash, &mut bytes).ok()?;
    Some(bytes)
}

impl Known {
    pub fn newest(&self) -> Option<&Version> {
        self.versions.last()
    }

    fn add(&mut self, new: Version) {
        match self.versions.binary_search_by_key(&new.seconds, |version| version.seconds) {
            // A record says more than a key.
            Ok(at) => {
                if let Some(known) =
                    self.versions.get_mut(at).filter(|known| known.sha256.is_none() && new.sha256.is_some())
                {
                    *known = new;
                }
            }
            Err(at) => self.versions.insert(at, new),
        }
    }

    /// What was said before somebody had an answer holds no more.
    fn answered(&mut self, at: i64) {
        self.asked = self.asked.max(at);
        let is_over = |said: &Said| said.at <= at;
        if self.failed.as_ref().is_some_and(is_over) {
            self.failed = None;
        }
    }
}

impl Lake {
    /// Adds an object that is in the bucket. A key that is no document's adds nothing.
    pub fn add_key(&mut self, key: &str, size: u64) {
        let Ok(key) = key.parse::<Key>() else { return };
        let known = self.items.entry(key.item).or_default();
        known.add(Version { seconds: key.seconds, size, sha256: None });
        known.answered(key.seconds);
        if known.absent.as_ref().is_some_and(|said| said.at <= key.seconds) {
            known.absent = None;
        }
    }

    pub fn add(&mut self, record: Record) {
        for entry in record.entries {
            self.add_entry(entry);
        }
        self.add_run(record.run);
    }

    /// Adds what became of an item.
    pub fn add_entry(&mut self, Entry { item, at, became }: Entry) {
        let known = self.items.entry(item).or_default();
        match became {
            Became::Stored { seconds, size, sha256, warnings } => {
                let is_newest = known.newest().is_none_or(|newest| newest.seconds <= seconds);
                known.add(Version { seconds, size, sha256: sha256.as_deref().and_then(bytes) });
                if is_newest {
                    known.warnings = warnings;
                }
                known.answered(at.max(seconds));
                known.absent = known.absent.take().filter(|said| said.at > at);
            }
            Became::Unchanged { .. } => {
                known.answered(at);
                known.absent = known.absent.take().filter(|said| said.at > at);
            }
            Became::Absent { why } => {
                known.answered(at);
                let is_new = known.absent.as_ref().is_none_or(|said| said.at < at);
                let is_stored = known.newest().is_some_and(|newest| newest.seconds > at);
                if is_new && !is_stored {
                    known.absent = Some(Said { at, why });
                }
            }
            Became::Failed { why, .. } => {
                let is_new = known.failed.as_ref().is_none_or(|said| said.at < at);
                if is_new && known.asked < at {
                    known.failed = Some(Said { at, why });
                }
            }
        }
    }

    /// Adds a run, or what it has done since it was noted last.
    fn add_run(&mut self, run: RunNote) {
        match self.runs.iter_mut().find(|known| known.id == run.id) {
            Some(known) if known.ended <= run.ended => *known = run,
            Some(_) => {}
            None => {
                let at = self.runs.partition_point(|known| (known.began, &known.id) < (run.began, &run.id));
                self.runs.insert(at, run);
                if self.runs.len() > RUNS {
                    self.runs.remove(0);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stored(item: &str, seconds: i64) -> Entry {
        let sha256 = Some(format!("{seconds:064x}"));
        let became = Became::Stored { seconds, size: 7, sha256, warnings: Vec::new() };
        Entry { item: item.to_owned(), at: seconds, became }
    }

    fn said(item: &str, at: i64, is_absent: bool) -> Entry {
        let why = format!("said at {at}");
        let became =
            if is_absent { Became::Absent { why } } else { Became::Failed { kind: "network".into(), why } };
        Entry { item: item.to_owned(), at, became }
    }

    #[test]
    fn what_is_stored_is_no_longer_absent_or_failed() {
        let mut lake = Lake::default();
        lake.add_entry(said("a", 10, true));
        lake.add_entry(said("a", 20, false));
        let known = lake.items["a"].clone();
        assert!(known.absent.is_some() && known.failed.is_some() && known.asked == 10);
        lake.add_entry(stored("a", 30));
        let known = &lake.items["a"];
        assert!(known.absent.is_none() && known.failed.is_none() && known.asked == 30);
        assert_eq!(known.newest().map(|version| version.seconds), Some(30));
    }

    #[test]
    fn a_key_alone_is_a_version_without_a_hash() {
        let mut lake = Lake::default();
        lake.add_key("raw/1970-01-01/jolpica/2024/results/30.json", 9);
        lake.add_key("raw/1970-01-01/x.txt", 9);
        let known = |lake: &Lake| lake.items["jolpica/2024/results"].versions.clone();
        assert_eq!(known(&lake), [Version { seconds: 30, size: 9, sha256: None }]);
        lake.add_entry(stored("jolpica/2024/results", 30));
        assert_eq!(known(&lake)[0].size, 7);
        lake.add_key("raw/1970-01-01/jolpica/2024/results/30.json", 9);
        assert!(known(&lake)[0].sha256.is_some(), "a record says more");
        assert_eq!(lake.items.len(), 1);
    }

    proptest! {
        /// Writers do not wait for each other, and readers read some things twice.
        #[test]
        fn the_order_in_which_things_are_read_makes_no_difference(
            things in prop::collection::vec((0..3u8, 0..4i64, 0..3usize), 1..12),
            order in any::<u64>(),
        ) {
            let entries = |reverse: bool| {
                let mut all: Vec<Entry> = things.iter().enumerate().map(|(n, (what, at, item))| {
                    // No two answers of one item come in the same second.
                    let (at, item) = (at * 100 + n as i64, ["a", "b", "c"][*item]);
                    match what { 0 => stored(item, at), 1 => said(item, at, true), _ => said(item, at, false) }
                }).collect();
                if reverse { all.rotate_left(order as usize % things.len()); all.extend(all.clone()); }
                all
            };
            let sum = |entries: Vec<Entry>| {
                let mut lake = Lake::default();
                entries.into_iter().for_each(|entry| lake.add_entry(entry));
                lake
            };
            prop_assert_eq!(sum(entries(false)), sum(entries(true)));
        }
    }

    #[test]
    fn it_is_written_and_read_back() {
        let mut lake = Lake::default();
        lake.add_entry(stored("a", 30));
        lake.add_entry(said("b", 20, false));
        let run = RunNote { ended: 9, ..RunNote::new("r".into(), "run", 1) };
        lake.add(Record { schema: 1, run, entries: vec![said("c", 5, true)] });
        let text = serde_json::to_string(&lake).unwrap();
        assert_eq!(serde_json::from_str::<Lake>(&text).unwrap(), lake);
    }
}
