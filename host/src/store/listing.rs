//! A page of a bucket's listing: a walk through its folders in the order of keys, which begins where the page does and ends
//! where it is full. s3s-fs reads the whole bucket for each page, and panics at a link.

use std::fs;
use std::io::{ErrorKind, Result};
use std::path::Path;
use std::time::SystemTime;

use s3s::dto::{CommonPrefix, ListObjectsV2Input, ListObjectsV2Output, Object, Timestamp};

/// How many keys a page has, unless the client asks for fewer.
const PAGE: i32 = 1000;

/// What a page is to have.
#[derive(Debug, Clone, Copy)]
struct Query<'a> {
    prefix: &'a str,
    /// Keys up to this one are left out.
    after: &'a str,
    /// Whether what lies deeper than a folder is that folder.
    by_folder: bool,
    most: usize,
}

/// An object, or a prefix that others share, which was modified at no time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    key: String,
    size: u64,
    modified: Option<SystemTime>,
}

/// The answer to ListObjectsV2. A page begins behind the last key of the one before, or where the client says.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>
pub fn page(bucket: &Path, input: ListObjectsV2Input) -> Result<ListObjectsV2Output> {
    let most = input.max_keys.unwrap_or(PAGE).clamp(0, PAGE);
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        after: input.continuation_token.as_deref().max(input.start_after.as_deref()).unwrap_or_default(),
        by_folder: delimiter == Some("/"),
        most: usize::try_from(most).unwrap_or_default(),
    };
    let (entries, is_truncated) = match delimiter {
        None | Some("/") => cut(bucket, query)?,
        Some(delimiter) => shared(bucket, query, delimiter)?,
    };
    let last = entries.last().filter(|_| is_truncated).map(|entry| entry.key.clone());
    let count = i32::try_from(entries.len()).ok();
    let (prefixes, objects): (Vec<_>, Vec<_>) =
        entries.into_iter().partition(|entry| entry.modified.is_none());
    let object = |Entry { key, size, modified }: Entry| Object {
        key: Some(key),
        size: i64::try_from(size).ok(),
        last_modified: modified.map(Timestamp::from),
        ..Object::default()
    };
    let prefix = |entry: Entry| CommonPrefix { prefix: Some(entry.key) };
    Ok(ListObjectsV2Output {
        key_count: count,
        max_keys: Some(most),
        is_truncated: Some(last.is_some()),
        contents: (!objects.is_empty()).then(|| objects.into_iter().map(object).collect()),
        common_prefixes: (!prefixes.is_empty()).then(|| prefixes.into_iter().map(prefix).collect()),
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

/// A page whose keys share what comes before a delimiter that is no folder's: of everything that there is.
fn shared(bucket: &Path, query: Query<'_>, delimiter: &str) -> Result<(Vec<Entry>, bool)> {
    let (all, _) = cut(bucket, Query { after: "", most: usize::MAX, ..query })?;
    let folded = all.into_iter().map(|entry| {
        let rest = entry.key.get(query.prefix.len()..).unwrap_or_default();
        match rest.split_once(delimiter) {
            None => entry,
            Some((before, _)) => {
                let key = format!("{}{before}{delimiter}", query.prefix);
                Entry { key, size: 0, modified: None }
            }
        }
    });
    let mut entries: Vec<Entry> = folded.filter(|entry| *entry.key > *query.after).collect();
    entries.sort_by(|a, b| a.key.cmp(&b.key));
    entries.dedup_by(|a, b| a.key == b.key);
    let is_truncated = entries.len() > query.most;
    entries.truncate(query.most);
    Ok((entries, is_truncated))
}

/// A page, and whether more follows. Keys that are no UTF-8 are nobody's.
fn cut(bucket: &Path, query: Query<'_>) -> Result<(Vec<Entry>, bool)> {
    let mut found = Vec::new();
    let is_full = walk(bucket, "", query, &mut found)?;
    found.truncate(query.most);
    Ok((found, is_full))
}

/// Adds what is below a folder; true once there is more than a page.
fn walk(folder: &Path, base: &str, query: Query<'_>, found: &mut Vec<Entry>) -> Result<bool> {
    let Query { prefix, after, by_folder, most } = query;
    for key in keys(folder, base)? {
        let is_folder = key.ends_with('/');
        let may_have = key.starts_with(prefix) || is_folder && prefix.starts_with(&key);
        let is_over = *key <= *after && !(is_folder && after.starts_with(&key));
        if !may_have || is_over {
            continue;
        }
        let path = folder.join(key[base.len()..].trim_end_matches('/'));
        if is_folder && by_folder && key.len() > prefix.len() && key.starts_with(prefix) {
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

/// Whether there is an object in a folder.
pub fn has_objects(folder: &Path) -> Result<bool> {
    for key in keys(folder, "")? {
        if !key.ends_with('/') || has_objects(&folder.join(key.trim_end_matches('/')))? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The keys directly in a folder, in their order; folders have a slash at their end. None of a folder that has gone.
fn keys(folder: &Path, base: &str) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut keys = Vec::new();
    for entry in entries {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let Some(name) = name.to_str().filter(|_| kind.is_dir() || kind.is_file()) else { continue };
        let slash = if kind.is_dir() { "/" } else { "" };
        keys.push(format!("{base}{name}{slash}"));
    }
    keys.sort_unstable();
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bucket() -> tempfile::TempDir {
        let bucket = tempfile::tempdir().unwrap();
        for key in ["raw/a/1", "raw/a/2", "raw/b", "rav", "x/y/z", "é/ü"] {
            let file = bucket.path().join(key);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, key).unwrap();
        }
        fs::create_dir_all(bucket.path().join("empty/folder")).unwrap();
        #[cfg(unix)]
        for (target, link) in [(".", "circle"), ("raw", "raw/a/up"), ("nowhere", "é/dangling"), ("rav", "qé")]
        {
            std::os::unix::fs::symlink(target, bucket.path().join(link)).unwrap();
        }
        bucket
    }

    fn asked(prefix: &str, delimiter: Option<&str>) -> ListObjectsV2Input {
        let (prefix, delimiter) = (Some(prefix.to_owned()), delimiter.map(str::to_owned));
        ListObjectsV2Input { prefix, delimiter, ..Default::default() }
    }

    fn names(page: ListObjectsV2Output) -> (Vec<String>, Vec<String>, Option<String>) {
        let keys = page.contents.into_iter().flatten().filter_map(|object| object.key).collect();
        let prefixes =
            page.common_prefixes.into_iter().flatten().filter_map(|prefix| prefix.prefix).collect();
        (keys, prefixes, page.next_continuation_token)
    }

    #[test]
    fn objects_are_listed_by_prefix_and_delimiter_and_links_are_none() {
        let bucket = bucket();
        for (prefix, delimiter, keys, prefixes) in [
            ("", None, &["rav", "raw/a/1", "raw/a/2", "raw/b", "x/y/z", "é/ü"][..], &[][..]),
            ("", Some("/"), &["rav"], &["raw/", "x/", "é/"]),
            ("raw/", Some("/"), &["raw/b"], &["raw/a/"]),
            ("ra", Some("/"), &["rav"], &["raw/"]),
            ("raw/a/", Some("/"), &["raw/a/1", "raw/a/2"], &[]),
            ("é", Some("/"), &[], &["é/"]),
            ("", Some("a"), &["x/y/z", "é/ü"], &["ra"]),
            ("/", None, &[], &[]),
            ("../", None, &[], &[]),
        ] {
            let listed = names(page(bucket.path(), asked(prefix, delimiter)).unwrap());
            let expected = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
            assert_eq!(listed, (expected(keys), expected(prefixes), None), "{prefix:?} {delimiter:?}");
        }
        assert!(has_objects(bucket.path()).unwrap());
        assert!(!has_objects(&bucket.path().join("empty")).unwrap());
    }

    #[test]
    fn pages_go_on_where_the_last_one_ended() {
        let bucket = bucket();
        let (mut all, mut token, mut pages) = (Vec::new(), None, 0);
        loop {
            let input =
                ListObjectsV2Input { max_keys: Some(2), continuation_token: token, ..asked("", Some("/")) };
            let (keys, prefixes, next) = names(page(bucket.path(), input).unwrap());
            all.extend(keys.into_iter().chain(prefixes));
            (token, pages) = (next, pages + 1);
            if token.is_none() {
                break;
            }
        }
        assert_eq!((all, pages), (["rav", "raw/", "x/", "é/"].map(str::to_owned).to_vec(), 2));
    }

    fn bucket_of(keys: &[String]) -> tempfile::TempDir {
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
            let (page, is_truncated) = cut(bucket, Query { prefix, after: &after, by_folder, most }).unwrap();
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
            let folder = bucket_of(&keys);
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
        let folder = bucket_of(&["a/x".to_owned()]);
        fs::create_dir_all(folder.path().join("b/c")).unwrap();
        assert_eq!(all(folder.path(), "", true, 9), ["a/"]);
    }
}
