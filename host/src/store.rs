//! The embedded S3: objects as files in a folder, metadata beside them, behind real signatures.

mod access;
mod completion;
mod durable;
mod folder;
mod listing;
mod names;
mod uploads;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use f1_ingest_component::error::Error;
use f1_ingest_component::s3::bucket::{Bucket, EMBEDDED_STORE};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use s3s::service::{S3Service, S3ServiceBuilder};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::files::is_inside;
use crate::lock;
use crate::pool::internal;
use crate::random;
use crate::variables::Variables;
use access::{AsAws, OneKey};
use folder::Folder;
use names::STAGED;

/// The bucket of a job that names none.
pub const BUCKET: &str = "f1-data";

/// Points a job to the embedded S3, with credentials for this run. What the environment says about another store must
/// not mix with them.
pub fn into_variables(variables: &mut Variables) {
    let ours = [
        ("AWS_ENDPOINT_URL_S3", format!("http://{EMBEDDED_STORE}")),
        ("AWS_ACCESS_KEY_ID", random_key()),
        ("AWS_SECRET_ACCESS_KEY", random_key()),
    ];
    variables.remove("AWS_SESSION_TOKEN");
    variables.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    variables.entry("F1_S3_BUCKET".to_owned()).or_insert_with(|| BUCKET.to_owned());
}

/// An access key, or a secret, that nobody else knows.
pub fn random_key() -> String {
    random::hex_of(20)
}

/// An S3 over a folder.
pub struct EmbeddedS3 {
    service: S3Service,
    folder: PathBuf,
    /// One request at a time in this process; the lock file does the same between processes.
    turn: tokio::sync::Mutex<()>,
}

impl EmbeddedS3 {
    /// The S3 of one job, with the keys in its variables. Makes the folder and the bucket if they are missing; fails
    /// if it cannot.
    pub fn for_job(folder: &Path, variables: &Variables, bucket: &Bucket) -> Result<EmbeddedS3> {
        let value = |name: &str| variables.get(name).map(String::as_str).unwrap_or_default();
        let (key, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
        let store = EmbeddedS3::open(folder, key, secret, &bucket.region)?;
        fs::create_dir_all(folder.join(&bucket.name)).context("--store: cannot make the bucket")?;
        Ok(store)
    }

    /// Opens a folder for requests that are signed with these keys for this region. Makes the folder if it is missing;
    /// fails, as wrong usage, if it cannot be used.
    pub fn open(folder: &Path, key: &str, secret: &str, region: &str) -> Result<EmbeddedS3> {
        let usage = |error: anyhow::Error| Error::usage(format!("{}: {error:#}", folder.display()));
        fs::create_dir_all(folder).map_err(|error| usage(error.into()))?;
        let lock = File::create(folder.join(LOCK)).map_err(|error| usage(error.into()))?;
        // s3s-fs clears temporary files away when it opens a folder; no other process may be writing one then.
        lock.lock()?;
        let opened = Folder::open(folder).map_err(|error| usage(anyhow!("{error:?}")))?;
        clear_killed(folder)?;
        drop(lock);
        let mut service = S3ServiceBuilder::new(opened);
        service.set_auth(OneKey { key: key.to_owned(), secret: secret.into() });
        service.set_access(AsAws { region: region.to_owned(), folder: folder.to_owned() });
        Ok(EmbeddedS3 { service: service.build(), folder: folder.to_owned(), turn: Default::default() })
    }

    /// Answers a guest's request.
    pub async fn call(&self, request: Request<WasiBody>) -> Result<Response<WasiBody>, HttpError> {
        let request = request.map(s3s::Body::http_body_unsync);
        let response = self.answer(request).await.map_err(|error| internal(format!("{error:#}")))?;
        Ok(response.map(|body| body.map_err(internal).boxed_unsync()))
    }

    /// Answers any client's request.
    ///
    /// s3s-fs first looks whether an object is there and writes it later. So requests take turns: `If-None-Match: *` holds
    /// between two of them. An object gets its name when it is whole, and is on the disk before this answers.
    pub async fn answer(&self, request: Request<s3s::Body>) -> Result<Response<s3s::Body>> {
        if !access::is_signed(&request) {
            // It will be refused: whatever it says, and however slowly, it keeps nobody waiting.
            self.clear_if_free();
            return self.service.call(request).await.map_err(|error| anyhow!("{error:?}"));
        }
        let _turn = self.turn.lock().await;
        let _lock = lock::taken(File::create(self.folder.join(LOCK))?).await?;
        self.clear_unfinished()?;
        let object = object(&request).map(|object| self.folder.join(object));
        let response = self.service.call(request).await.map_err(|error| anyhow!("{error:?}"))?;
        if let Some(object) = object.filter(|object| response.status().is_success() && object.is_file()) {
            let folder = self.folder.clone();
            tokio::task::spawn_blocking(move || durable::object(&folder, &object)).await??;
        }
        Ok(response)
    }

    /// Clears up unless somebody is at work in the folder. Whoever comes next with a right to be here hears of failures.
    fn clear_if_free(&self) {
        let Ok(_turn) = self.turn.try_lock() else { return };
        if let Ok(lock) = File::create(self.folder.join(LOCK))
            && lock.try_lock().is_ok()
            && let Err(error) = self.clear_unfinished()
        {
            tracing::debug!("{}: {error:#}", self.folder.display());
        }
    }

    /// Sets a note of an earlier version aside, whatever is in it: no name in it is to be trusted.
    fn clear_unfinished(&self) -> Result<()> {
        let note = self.folder.join(UNFINISHED);
        if note.symlink_metadata().is_ok() {
            let aside = format!("{UNFINISHED}.{}", random::hex_of(4));
            tracing::warn!("{}: a note of an earlier version; set aside as {aside}", note.display());
            fs::rename(&note, self.folder.join(aside))?;
            uploads::clear_torn(&self.folder)?;
        }
        Ok(())
    }
}

/// Removes what requests that were killed left: staged objects, and uploads that no request can name any more.
fn clear_killed(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.path().join(STAGED).exists() {
            durable::clear_staged(folder, &entry.file_name().to_string_lossy());
        }
    }
    Ok(uploads::clear_torn(folder)?)
}

const LOCK: &str = ".f1-ingest.lock";
/// The note that an earlier version left of an object that was not whole yet.
const UNFINISHED: &str = ".f1-ingest.unfinished";

/// The file of the object that a request is to make, relative to the store's folder; none if it is to make none.
fn object(request: &Request<s3s::Body>) -> Option<PathBuf> {
    let path = percent_decode_str(request.uri().path().trim_start_matches('/')).decode_utf8().ok()?;
    let object = PathBuf::from(path.as_ref());
    let is_object = is_inside(&object) && object.components().count() > 1 && !path.ends_with('/');
    let makes_it = match *request.method() {
        Method::PUT => uploads::id_in(request.uri()).is_none(),
        Method::POST => uploads::id_in(request.uri()).is_some(),
        _ => false,
    };
    (is_object && makes_it).then_some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_an_object_needs_a_note() {
        let object = |method: &str, path: &str| {
            object(&Request::builder().method(method).uri(path).body(s3s::Body::empty()).unwrap())
        };
        assert_eq!(object("PUT", "/bucket/raw/a%20b.json"), Some("bucket/raw/a b.json".into()));
        assert_eq!(object("PUT", "/bucket"), None);
        assert_eq!(object("GET", "/bucket/x"), None);
        assert_eq!(object("PUT", "/bucket/x?partNumber=1&uploadId=u"), None);
        assert_eq!(object("POST", "/bucket/x?uploads="), None);
        assert_eq!(object("POST", "/bucket/x?uploadId=u"), Some("bucket/x".into()));
        assert_eq!(object("PUT", "/bucket/../../x"), None);
    }

    #[tokio::test]
    async fn what_was_killed_half_way_leaves_no_object() {
        let folder = tempfile::tempdir().unwrap();
        let store = EmbeddedS3::open(folder.path(), "key", "secret", "us-east-2").unwrap();
        fs::create_dir(folder.path().join("bucket")).unwrap();
        fs::write(folder.path().join("bucket").join(STAGED), "half").unwrap();
        fs::write(folder.path().join(names::about("bucket", STAGED, "metadata")), "{}").unwrap();
        fs::write(folder.path().join("bucket/whole"), "whole").unwrap();
        fs::write(folder.path().join(".upload_id-a.part-2"), "half").unwrap();
        fs::write(folder.path().join(UNFINISHED), "bucket/whole").unwrap();
        drop(store);
        let store = EmbeddedS3::open(folder.path(), "key", "secret", "us-east-2").unwrap();
        store.answer(Request::new(s3s::Body::empty())).await.unwrap();
        assert!(!folder.path().join("bucket").join(STAGED).exists());
        assert!(!folder.path().join(names::about("bucket", STAGED, "metadata")).exists());
        assert!(!folder.path().join(".upload_id-a.part-2").exists());
        assert!(folder.path().join("bucket/whole").exists(), "no name in a note is to be trusted");
        assert!(!folder.path().join(UNFINISHED).exists());
    }

    #[tokio::test]
    async fn a_note_of_any_bytes_stops_nothing_and_removes_nothing_whole() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("store");
        let store = EmbeddedS3::open(&folder, "key", "secret", "us-east-2").unwrap();
        fs::create_dir_all(folder.join("bucket/sub")).unwrap();
        fs::write(folder.join("bucket/whole"), "whole").unwrap();
        fs::write(top.path().join("outside"), "outside").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(top.path(), folder.join("bucket/out")).unwrap();
        let long = format!("bucket/{}", "x".repeat(300));
        let notes: [&[u8]; 9] = [
            b"",
            b"\0\0\0",
            &[0xff, 0xfe, 7],
            long.as_bytes(),
            b"bucket/whole/below",
            b"bucket/a\0b",
            b"bucket/sub",
            b"../outside",
            b"bucket/out/outside",
        ];
        for note in notes {
            fs::write(folder.join(UNFINISHED), note).unwrap();
            store.clear_unfinished().unwrap();
            assert!(!folder.join(UNFINISHED).exists(), "{note:?}");
        }
        fs::create_dir(folder.join(UNFINISHED)).unwrap();
        store.clear_unfinished().unwrap();
        assert!(!folder.join(UNFINISHED).exists());
        assert!(folder.join("bucket/whole").exists() && folder.join("bucket/sub").exists());
        assert!(top.path().join("outside").exists());
    }
}
