//! The multipart uploads in a store's folder: those that are open, and what is left of those that nobody can end.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;

use http::Uri;
use s3s::dto::MultipartUpload;

use super::names::{Piece, decoded, owner, piece};

/// The id of the upload that a request belongs to.
pub fn id_in(url: &Uri) -> Option<&str> {
    url.query()?.split('&').find_map(|field| field.strip_prefix("uploadId="))
}

/// Whether there is an open upload of this id.
pub fn is_open(folder: &Path, id: &str) -> bool {
    let is_id = id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_id && folder.join(owner(id)).is_file()
}

/// The open uploads of a bucket whose keys begin with `prefix`, in no particular order.
pub fn open(folder: &Path, bucket: &str, prefix: &str) -> io::Result<Vec<MultipartUpload>> {
    let mut uploads = Vec::new();
    for name in names(folder)? {
        let Some((id, Piece::Metadata(in_bucket, key))) = piece(&name) else { continue };
        let Some(key) = decoded(key).filter(|key| key.starts_with(prefix)) else { continue };
        if is_open(folder, id) && decoded(in_bucket).as_deref() == Some(bucket) {
            uploads.push(MultipartUpload {
                key: Some(key),
                upload_id: Some(id.to_owned()),
                initiated: Some(fs::metadata(folder.join(&name))?.modified()?.into()),
                ..Default::default()
            });
        }
    }
    Ok(uploads)
}

/// Removes what is left of uploads that were killed while they began, were completed or were aborted: no request can
/// name them any more. Nobody else may be using the folder.
pub fn clear_torn(folder: &Path) -> io::Result<()> {
    let names = names(folder)?;
    let (mut owned, mut described) = (HashSet::new(), HashSet::new());
    let mut pieces: HashMap<&str, Vec<&str>> = HashMap::new();
    for name in &names {
        let Some((id, piece)) = piece(name) else { continue };
        pieces.entry(id).or_default().push(name);
        match piece {
            Piece::Owner => drop(owned.insert(id)),
            Piece::Metadata(..) => drop(described.insert(id)),
            Piece::Part => {}
        }
    }
    for (_, torn) in pieces.iter().filter(|(id, _)| !(owned.contains(*id) && described.contains(*id))) {
        for name in torn.iter() {
            if let Err(error) = fs::remove_file(folder.join(name)) {
                tracing::warn!("{name}, of an upload that was killed, cannot be removed: {error}");
            }
        }
    }
    Ok(())
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn only_whole_uploads_are_listed_and_survive_a_clearing() {
        let folder = tempfile::tempdir().unwrap();
        let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        let metadata = |id: &str| {
            let (bucket, key) = (encoded("bucket"), encoded("raw/a.json"));
            format!(".bucket-{bucket}.object-{key}.upload-{id}.metadata.json")
        };
        let kept = [
            ".upload-1a-b.json",
            ".upload_id-1a-b.part-1",
            &metadata("1a-b"),
            ".bucket-x.object-y.metadata.json",
            ".bucket-x.object-y.internal.json",
            "bucket",
        ];
        let torn = [".upload-2.json", ".upload_id-3.part-1", ".upload_id-3.part-10", &metadata("4")];
        for name in kept.iter().chain(&torn) {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let uploads = open(folder.path(), "bucket", "raw/").unwrap();
        assert_eq!(uploads.len(), 1);
        assert_eq!(
            (uploads[0].key.as_deref(), uploads[0].upload_id.as_deref()),
            (Some("raw/a.json"), Some("1a-b"))
        );
        assert!(open(folder.path(), "bucket", "curated/").unwrap().is_empty());
        assert!(open(folder.path(), "another", "raw/").unwrap().is_empty());
        assert!(
            is_open(folder.path(), "1a-b")
                && !is_open(folder.path(), "../1a-b")
                && !is_open(folder.path(), "3")
        );

        clear_torn(folder.path()).unwrap();
        let mut left = names(folder.path()).unwrap();
        left.sort();
        let mut kept = kept.map(str::to_owned);
        kept.sort();
        assert_eq!(left, kept);
    }
}
