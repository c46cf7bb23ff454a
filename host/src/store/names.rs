//! The names that s3s-fs 0.14 gives to its own files in the store's folder. Whatever here writes or reads such a file
//! takes its name from this module.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// The file that says who began an upload.
pub fn owner(id: &str) -> String {
    format!(".upload-{id}.json")
}

/// The file of an upload's part.
pub fn part(id: &str, number: i32) -> String {
    format!(".upload_id-{id}.part-{number}")
}

/// A file of what is known about an object. `what` is `metadata`, `internal`, or `upload-<id>.metadata` before the
/// object is there.
pub fn about(bucket: &str, key: &str, what: &str) -> String {
    format!(".bucket-{}.object-{}.{what}.json", encoded(bucket), encoded(key))
}

/// The bucket in which an object is made before it has its own name: its key there is its bucket and key. No client can
/// name it, as no bucket's name begins with a dot.
pub const STAGED: &str = ".f1-ingest.staged";

/// The files of what is known about an object that is there.
pub const KNOWN: [&str; 2] = ["metadata", "internal"];

/// What a file holds of an upload.
pub enum Piece<'a> {
    /// `.upload-<id>.json`
    Owner,
    /// `.upload_id-<id>.part-<number>`
    Part,
    /// `.bucket-<base64>.object-<base64>.upload-<id>.metadata.json`: the bucket and the key, for [`decoded`].
    Metadata(&'a str, &'a str),
}

/// The id of the upload that a file belongs to, and what the file holds of it; none if it belongs to no upload.
pub fn piece(name: &str) -> Option<(&str, Piece<'_>)> {
    if let Some(rest) = name.strip_prefix(".upload-") {
        return Some((rest.strip_suffix(".json")?, Piece::Owner));
    }
    if let Some(rest) = name.strip_prefix(".upload_id-") {
        return Some((rest.split_once(".part-")?.0, Piece::Part));
    }
    let (bucket, rest) = name.strip_prefix(".bucket-")?.split_once(".object-")?;
    let (key, rest) = rest.split_once(".upload-")?;
    Some((rest.strip_suffix(".metadata.json")?, Piece::Metadata(bucket, key)))
}

/// The bucket and key of the object that is to have what a file holds, and what that is; none if the file belongs to no
/// object that was staged.
pub fn staged(name: &str) -> Option<(String, String, &str)> {
    let (bucket, rest) = name.strip_prefix(".bucket-")?.split_once(".object-")?;
    let (key, what) = rest.strip_suffix(".json")?.split_once('.')?;
    let staged =
        decoded(key).filter(|_| decoded(bucket).as_deref() == Some(STAGED) && KNOWN.contains(&what))?;
    let (bucket, key) = staged.split_once('/')?;
    Some((bucket.to_owned(), key.to_owned(), what))
}

/// A bucket or key as it stands in a name.
pub fn decoded(text: &str) -> Option<String> {
    String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

fn encoded(text: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(text)
}
