//! The options that every object has as headers: encryption, class, metadata and tags.

use std::collections::HashSet;

use http::HeaderMap;

use super::syntax::{header_value, pairs};
use super::values::Values;
use crate::error::{Error, Result};
use crate::http::percent::encoded;
use crate::s3::sign;
use crate::s3::store::OURS;

/// Options that are one header of every object each.
const HEADERS: &[(&str, &str)] = &[
    ("sse", "x-amz-server-side-encryption"),
    ("sse-kms-key-id", "x-amz-server-side-encryption-aws-kms-key-id"),
    ("storage-class", "x-amz-storage-class"),
    ("acl", "x-amz-acl"),
];

/// Metadata of a document that is of one session.
const OF_A_SESSION: &[&str] = &["season", "round", "session"];

/// Characters of a tag's name and value, and how many tags an object can have.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html>
const LONGEST_TAG: (usize, usize) = (128, 256);
const MOST_TAGS: usize = 10;

/// What every object gets beside its own headers. Fails, as wrong usage, on what a store would refuse.
pub fn headers<V: Fn(&str) -> Option<String>>(values: &Values<V>) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (option, header) in HEADERS {
        if let Some(value) = values.parsed(option, header_value)? {
            headers.insert(*header, value);
        }
    }
    for (name, value) in values.parsed("metadata", metadata)?.unwrap_or_default() {
        let header = sign::header(&format!("x-amz-meta-{name}"), &value);
        headers.extend([header.map_err(|e| Error::usage(format!("--metadata {name}: {e}")))?]);
    }
    let tags = values.parsed("tag", tags)?.unwrap_or_default();
    if !tags.is_empty() {
        let encoded = tags.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let value = header_value(&encoded.collect::<Vec<_>>().join("&")).map_err(Error::usage)?;
        headers.insert("x-amz-tagging", value);
    }
    Ok(headers)
}

/// The names of headers have no case, and S3 joins the values of one that comes twice.
fn metadata(text: &str) -> std::result::Result<Vec<(String, String)>, String> {
    let pairs = pairs(text)?;
    let mut seen = HashSet::new();
    for (name, value) in &pairs {
        let lower = name.to_ascii_lowercase();
        if OURS.iter().chain(OF_A_SESSION).any(|ours| *ours == lower) {
            return Err(format!("{name}: the job sets {lower} itself; choose another name"));
        }
        if !(name.is_ascii() && value.is_ascii()) {
            return Err(format!(
                "{name}={value}: S3 takes ASCII only in metadata; write it in ASCII, or as --tag"
            ));
        }
        if !seen.insert(lower) {
            return Err(format!("{name} is given twice; names of metadata have no case"));
        }
    }
    Ok(pairs)
}

fn tags(text: &str) -> std::result::Result<Vec<(String, String)>, String> {
    let pairs = pairs(text)?;
    if pairs.len() > MOST_TAGS {
        return Err(format!("{} tags; an object has {MOST_TAGS} at most", pairs.len()));
    }
    let mut seen = HashSet::new();
    for (name, value) in &pairs {
        if name.chars().count() > LONGEST_TAG.0 || value.chars().count() > LONGEST_TAG.1 {
            let (name_limit, value_limit) = LONGEST_TAG;
            return Err(format!(
                "{name}: a tag's name has {name_limit} characters at most, its value {value_limit}"
            ));
        }
        if !seen.insert(name) {
            return Err(format!("{name} is given twice"));
        }
    }
    Ok(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_metadata_is_taken_whatever_its_case() {
        for name in OURS.iter().chain(OF_A_SESSION) {
            for name in [(*name).to_owned(), name.to_ascii_uppercase()] {
                let error = metadata(&format!("{name}=mine")).unwrap_err();
                assert!(error.contains(&name) && error.contains("itself"), "{error}");
            }
        }
        assert!(metadata("Team=a\nteam=b").unwrap_err().contains("twice"));
        assert_eq!(metadata("Team=a\nteams=b=c").unwrap().len(), 2);
    }

    #[test]
    fn metadata_are_ascii_and_tags_may_be_anything() {
        for text in ["place=São Paulo", "plaça=x"] {
            assert!(metadata(text).unwrap_err().contains("ASCII"), "{text}");
            assert!(tags(text).is_ok(), "{text}");
        }
        assert!(tags("a=1\na=2").unwrap_err().contains("twice"));
        assert_eq!(tags("a=1\nA=2").unwrap().len(), 2);
        assert!(tags(&(0..11).map(|n| format!("t{n}=")).collect::<Vec<_>>().join("\n")).is_err());
        assert!(
            tags(&format!("{}=", "ü".repeat(128))).is_ok() && tags(&format!("{}=", "ü".repeat(129))).is_err()
        );
    }
}
