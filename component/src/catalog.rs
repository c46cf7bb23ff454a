//! What a bucket says of itself: which items are stored, in which versions, which were found unchanged, absent or
//! failing, and when.
//!
//! It lies in the bucket, under a prefix of its own, in objects that are never changed, so that any number of writers
//! can add to it at once:
//!
//! ```text
//! catalog/runs/<date>/<seconds>-<run id>-<n>.json       what a run did: a [`record::Record`]
//! catalog/snapshots/<date>/<seconds>-<run id>.json      all that was known by then: a [`lake::Lake`]
//! ```
//!
//! The keys below `raw/` are the truth about what is stored. Who reads begins with the newest snapshot that is whole,
//! and adds the records and keys that are younger, or not much older: everything that is added is added once, however
//! often it is read.

pub mod lake;
mod reader;
pub mod record;
mod writer;

pub use reader::{Reading, afresh, read};
pub use writer::{note, snapshot};

/// Where the catalogue lies in its bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    /// Reads `--catalog`; a slash at its end is optional.
    pub fn parse(text: &str) -> Result<Prefix, String> {
        let name = text.trim_end_matches('/');
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=".contains(c);
        match name {
            "" => Err("give a prefix, such as catalog/".into()),
            _ if name.starts_with('/') || name.contains("//") || !name.chars().all(is_plain) => {
                Err(format!("{text:?} is not a plain prefix of keys, such as catalog/"))
            }
            _ if format!("{name}/").starts_with(crate::s3::key::ROOT) => {
                Err(format!("{text:?} is where the documents are; take another prefix, such as catalog/"))
            }
            name => Ok(Prefix(format!("{name}/"))),
        }
    }

    fn runs(&self) -> String {
        format!("{}runs/", self.0)
    }

    fn snapshots(&self) -> String {
        format!("{}snapshots/", self.0)
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The date in the names of what was written at a time.
fn day(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default();
    time.date_naive().to_string()
}
