//! A page of a bucket's listing: a walk through its folders in the order of keys, which begins where the page does and
//! ends where it is full. s3s-fs reads the whole bucket for each page.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use s3s::dto::{CommonPrefix, ListObjectsV2Input, ListObjectsV2Output, Object, Timestamp};

/// How many keys a page has at most.
const MOST: i32 = 1000;

/// What a page is to have.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    pub prefix: &'a str,
    /// Keys up to this one are left out.
    pub after: &'a str,
    /// Whether what lies deeper than a folder is that folder.
    pub by_folder: bool,
    pub most: usize,
}

/// An object, or a folder by the slash at its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub size: u64,
    pub modified: Option<SystemTime>,
}

/// The page, and whether more follows. Keys that are no UTF-8 are nobody's.
pub fn page(bucket: &Path, query: Query<'_>) -> io::Result<(Vec<Entry>, bool)> {
    let mut found = Vec::new();
    let is_full = walk(bucket, "", query, &mut found)?;
    found.truncate(query.most);
    Ok((found, is_full))
}

/// The answer to ListObjectsV2: the page of what is in a bucket's folder. A page begins where the last key of the one before
/// says, or where the client does.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
pub fn page_of(bucket: &Path, input: ListObjectsV2Input) -> io::Result<ListObjectsV2Output> {
    let (prefix, after) = (input.prefix.as_deref(), input.start_after.as_deref());
    let most = usize::try_from(input.max_keys.unwrap_or(MOST)).unwrap_or_default().min(MOST as usize);
    let query = Query {
        prefix: prefix.unwrap_or_default(),
        after: input.continuation_token.as_deref().max(after).unwrap_or_default(),
        by_folder: input.delimiter.is_some(),
        most,
    };
    let (entries, is_truncated) = page(bucket, query)?;
    let last = entries.last().filter(|_| is_truncated).map(|entry| entry.key.clone());
    let count = i32::try_from(entries.len()).ok();
    let (folders, objects): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.modified.is_none());
    let object = |Entry { key, size, modified }: Entry| Object {
        key: Some(key),
        size: i64::try_from(size).ok(),
        last_modified: modified.map(Timestamp::from),
        ..Object::default()
    };
    Ok(ListObjectsV2Output {
        key_count: count,
        max_keys: i32::try_from(most).ok(),
        is_truncated: Some(is_truncated),
        contents: Some(objects.into_iter().map(object).collect()),
        common_prefixes: Some(
            folders.into_iter().map(|folder| CommonPrefix { prefix: Some(folder.key) }).collect(),
        ),
        next_continuation_token: last,
        continuation_token: input.continuation_token,
        delimiter: input.delimiter,
        encoding_type: input.encoding_type,
        name: Some(input.bucket),
        prefix: input.prefix,
        start_after: input.start_after,
        ..ListObjectsV2Output::default()
    })
}

/// Adds what is below a folder; true once there is more than a page.
fn walk(folder: &Path, base: &str, query: Query<'_>, found: &mut Vec<Entry>) -> io::Result<bool> {
    let Query { prefix, after, by_folder, most } = query;
    for key in keys(folder, base)? {
        let is_folder = key.ends_with('/');
        let may_have = key.starts_with(prefix) || is_folder && prefix.starts_with(&key);
        let is_over = *key <= *after && !(is_folder && after.starts_with(&key));
        if !may_have || is_over {
            continue;
        }
        let path = folder.join(key[base.len()..].trim_end_matches('/'));
        if is_folder && by_folder && key.starts_with(prefix) {
            // One that is left of something unfinished has no objects.
            if *key > *after && has_objects(&path)? {
                found.push(Entry { key, size: 0, modified: None });
            }
        } else if is_folder {
            if walk(&path, &key, query, found)? {
                return Ok(true);
            }
        } else if let Ok(about) = fs::metadata(&path) {
            found.push(Entry { key, size: about.len(), modified: about.modified().ok() });
        }
        if found.len() > most {
            return Ok(true);
        }
    }
    Ok(false)
}

fn has_objects(folder: &Path) -> io::Result<bool> {
    for key in keys(folder, "")? {
        if !key.ends_with('/') || has_objects(&folder.join(key.trim_end_matches('/')))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The keys directly in a folder, in their order; folders have a slash at their end. None of a folder that has gone.
fn keys(folder: &Path, base: &str) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut keys = Vec::new();
    for entry in entries {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let Some(name) = name.to_str().filter(|_| kind.is_dir() || kind.is_file()) else { continue };
        let slash = if kind.is_dir() { "/" } else { "" };
        if name != super::names::STAGED {
            keys.push(format!("{base}{name}{slash}"));
        }
    }
    keys.sort_unstable();
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket(keys: &[String]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for key in keys {
            let path = folder.path().join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, key).unwrap();
        }
        folder
    }

    fn all(bucket: &Path, prefix: &str, by_folder: bool, most: usize) -> Vec<String> {
        let (mut all, mut after) = (Vec::new(), String::new());
        loop {
            let (page, is_truncated) =
                page(bucket, Query { prefix, after: &after, by_folder, most }).unwrap();
            assert!(page.len() <= most && (!is_truncated || page.len() == most));
            all.extend(page.into_iter().map(|entry| entry.key));
            if !is_truncated {
                return all;
            }
            after.clone_from(all.last().unwrap());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn pages_of_any_length_are_the_sorted_keys(
            names in prop::collection::btree_set("(f/)?[a-b.0]{1,2}x(/[a-b.]{1,2}y){0,2}z", 0..12),
            prefix in "(f|f/|a|)",
            most in 1..4usize,
        ) {
            let keys: Vec<String> = names.into_iter().collect();
            let folder = bucket(&keys);
            let expected: Vec<String> = keys.iter().filter(|key| key.starts_with(&prefix)).cloned().collect();
            prop_assert_eq!(all(folder.path(), &prefix, false, most), expected.clone());
            let mut folded: Vec<String> = expected.iter().map(|key| {
                let rest = &key[prefix.len()..];
                rest.find('/').map_or(key.clone(), |at| key[..prefix.len() + at + 1].to_owned())
            }).collect();
            folded.dedup();
            prop_assert_eq!(all(folder.path(), &prefix, true, most), folded);
        }
    }

    #[test]
    fn a_folder_without_objects_is_not_there() {
        let folder = bucket(&["a/x".to_owned()]);
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        assert_eq!(all(folder.path(), "", true, 9), ["a/"]);
    }
}
