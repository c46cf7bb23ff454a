//! What a client hears of what a folder cannot do.

use std::io::{Error, ErrorKind};
use std::path::Path;

use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::names::{KNOWN, STAGED, about};

/// The longest name of a file that all of today's file systems take, in bytes.
const LONGEST_NAME: usize = 255;

/// Of a folder that cannot be used.
pub fn unusable(error: Error) -> S3Error {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            s3_error!(error, ServiceUnavailable, "the store's disk is full: make room")
        }
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            s3_error!(
                error,
                ServiceUnavailable,
                "the store's folder may not be written to: correct its rights"
            )
        }
        _ => s3_error!(InternalError, "the store's folder cannot be used: {}", error),
    }
}

/// What s3s-fs failed with, in words if the folder is the reason.
pub fn in_words(mut error: S3Error) -> S3Error {
    if *error.code() != S3ErrorCode::InternalError {
        return error;
    }
    match error.source().and_then(|source| source.downcast_ref::<Error>()) {
        Some(source) => unusable(Error::new(source.kind(), source.to_string())),
        None => {
            if let (None, Some(source)) = (error.message(), error.source()) {
                error.set_message(source.to_string());
            }
            error
        }
    }
}

/// What a request wants of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// What is there.
    Object,
    /// To put something there.
    Place,
}

/// Refuses a key that a folder cannot hold, or that leads elsewhere.
pub fn of_key(store: &Path, bucket: &str, key: &str, wants: Wants) -> S3Result<()> {
    let names: Vec<&str> = key.strip_suffix('/').unwrap_or(key).split('/').collect();
    if let Some(odd) = names.iter().find(|name| ["", ".", ".."].contains(name)) {
        return Err(s3_error!(
            InvalidRequest,
            "a folder cannot hold the key {:?}: {:?} is no name of a file",
            key,
            odd
        ));
    }
    if wants == Wants::Place {
        too_long(bucket, key, &names)?;
    }
    let mut at = store.to_owned();
    for (n, name) in [bucket].iter().chain(&names).enumerate() {
        at.push(name);
        let Ok(there) = at.symlink_metadata() else { return Ok(()) };
        let is_last = n == names.len();
        let is_folder_wanted = !is_last || key.ends_with('/');
        if there.is_symlink() {
            return Err(s3_error!(
                InvalidRequest,
                "{:?} in the store's folder is a link, and no link is followed there",
                name
            ));
        }
        match (there.is_dir(), is_folder_wanted, wants) {
            (true, true, _) => {}
            (true, false, Wants::Object) => {
                return Err(s3_error!(NoSuchKey, "there are only keys below {:?}", key));
            }
            (true, false, Wants::Place) => {
                return Err(s3_error!(
                    InvalidRequest,
                    "the key {:?} is a folder of other keys, so it cannot be an object in a folder",
                    key
                ));
            }
            (false, true, Wants::Object) => return Err(s3_error!(NoSuchKey)),
            (false, true, Wants::Place) => {
                return Err(s3_error!(
                    InvalidRequest,
                    "{:?} is an object, so the key {:?} cannot lie below it in a folder",
                    name,
                    key
                ));
            }
            (false, false, _) if !there.is_file() => {
                return Err(s3_error!(InvalidRequest, "{:?} in the store's folder is no plain file", name));
            }
            (false, false, _) => {}
        }
    }
    Ok(())
}

fn too_long(bucket: &str, key: &str, names: &[&str]) -> S3Result<()> {
    let staged = format!("{bucket}/{key}");
    let known = KNOWN.map(|what| about(STAGED, &staged, what));
    let mut files = names.iter().copied().chain(known.iter().map(String::as_str));
    match files.find(|name| name.len() > LONGEST_NAME || name.contains('\0')) {
        Some(_) => Err(s3_error!(
            KeyTooLongError,
            "a file's name has at most 255 bytes and no zero byte: choose a shorter key"
        )),
        None => Ok(()),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn keys_that_a_folder_cannot_hold_and_that_lead_elsewhere_are_refused() {
        let top = tempfile::tempdir().unwrap();
        let store = top.path().join("store");
        fs::create_dir_all(store.join("lake/folder")).unwrap();
        fs::write(store.join("lake/file"), "").unwrap();
        fs::write(top.path().join("outside"), "").unwrap();
        symlink(top.path(), store.join("lake/out")).unwrap();
        symlink("nowhere", store.join("lake/dangling")).unwrap();
        symlink("lake", store.join("linked")).unwrap();
        std::os::unix::net::UnixListener::bind(store.join("lake/socket")).unwrap();
        let why = |bucket: &str, key: &str, wants| {
            of_key(&store, bucket, key, wants).err().map(|error| error.message().unwrap_or("-").to_owned())
        };
        let long = "x".repeat(256);
        for (key, reading, writing) in [
            ("file", None, None),
            ("new/below.json", None, None),
            ("folder/", None, None),
            ("../outside", Some("\"..\" is no name of a file"), Some("\"..\" is no name of a file")),
            ("a/../../outside", Some("\"..\""), Some("\"..\"")),
            ("a//b", Some("\"\" is no"), Some("\"\" is no")),
            ("./a", Some("\".\" is no"), Some("\".\" is no")),
            ("/", Some("\"\" is no"), Some("\"\" is no")),
            ("out", Some("is a link"), Some("is a link")),
            ("out/outside", Some("is a link"), Some("is a link")),
            ("dangling", Some("is a link"), Some("is a link")),
            ("socket", Some("no plain file"), Some("no plain file")),
            ("folder", Some("keys below"), Some("folder of other keys")),
            ("file/below", Some("-"), Some("\"file\" is an object")),
            (&long, None, Some("at most 255 bytes")),
            ("a\0b", None, Some("no zero byte")),
        ] {
            for (wants, expected) in [(Wants::Object, reading), (Wants::Place, writing)] {
                let why = why("lake", key, wants);
                let is_right = match (&why, expected) {
                    (Some(why), Some(expected)) => why.contains(expected),
                    (why, expected) => why.is_none() && expected.is_none(),
                };
                assert!(is_right, "{key:?} {wants:?}: {why:?}, not {expected:?}");
            }
        }
        assert!(why("linked", "file", Wants::Object).unwrap().contains("is a link"));
    }
}
