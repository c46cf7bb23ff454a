//! The embedded S3: objects as files in a folder, metadata beside them, behind real signatures.

mod access;
mod appended;
mod completion;
mod durable;
mod folder;
mod listing;
mod names;
mod put;
mod recovery;
mod refusal;
mod spool;
mod turns;
mod uploads;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow};
use f1_ingest_component::error::Error;
use f1_ingest_component::s3::bucket::{Bucket, EMBEDDED_STORE};
use http::{Request, Response};
use http_body_util::BodyExt;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::files::{folder_of, make_lasting, sync_folder};
use crate::pool::internal;
use crate::random;
use crate::variables::Variables;
use access::{AsAws, OneKey};
use folder::Folder;
use turns::LOCK;

pub use folder::{Clients, request};

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

/// What was opened last, and with which folder, keys and region: the jobs of a backfill share it, as opening a folder looks
/// through all that is in it.
static LAST: Mutex<Option<([String; 4], EmbeddedS3)>> = Mutex::new(None);

/// An S3 over a folder. Of any number of requests, and of processes, one at a time is in the folder, once it may be and its
/// body has come, so that `If-None-Match: *` holds between them.
#[derive(Clone)]
pub struct EmbeddedS3 {
    service: S3Service,
}

impl EmbeddedS3 {
    /// The S3 of one job, with the keys in its variables. Makes the folder and the bucket if they are missing; fails
    /// if it cannot.
    pub async fn for_job(folder: &Path, variables: &Variables, bucket: &Bucket) -> Result<EmbeddedS3> {
        let value = |name: &str| variables.get(name).map(String::as_str).unwrap_or_default();
        let (key, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
        let named = [&*folder.to_string_lossy(), key, secret, &bucket.region].map(str::to_owned);
        let last = || LAST.lock().unwrap_or_else(PoisonError::into_inner);
        let open = last().as_ref().filter(|(of, _)| *of == named).map(|(_, store)| store.clone());
        let store = match open {
            Some(store) => store,
            None => EmbeddedS3::open(folder, key, secret, &bucket.region, Clients::OwnJob).await?,
        };
        *last() = Some((named, store.clone()));
        let path = folder.join(&bucket.name);
        make_lasting(&path).map_err(|error| unusable(&path, &error))?;
        Ok(store)
    }

    /// Opens a folder for requests that are signed with these keys for this region. Makes the folder if it is missing;
    /// fails, as wrong usage, if it cannot be used. Waits for others that are at work in it.
    pub async fn open(
        folder: &Path,
        key: &str,
        secret: &str,
        region: &str,
        clients: Clients,
    ) -> Result<EmbeddedS3> {
        // Whoever made the folder may have been killed before it was on the disk.
        let is_new = !folder.join(LOCK).exists();
        let made = make_lasting(folder).and_then(|()| match is_new {
            true => sync_folder(folder_of(folder)),
            false => Ok(()),
        });
        made.map_err(|error| unusable(folder, &error))?;
        let opened = Folder::open(folder, clients).await.map_err(|error| unusable(folder, &error))?;
        let mut service = S3ServiceBuilder::new(opened);
        service.set_config(Arc::new(StaticConfigProvider::new(Arc::new(limits()))));
        service.set_auth(OneKey { key: key.to_owned(), secret: secret.into() });
        service.set_access(AsAws { region: region.to_owned(), folder: folder.to_owned() });
        Ok(EmbeddedS3 { service: service.build() })
    }

    /// Answers a guest's request.
    pub async fn call(&self, request: Request<WasiBody>) -> Result<Response<WasiBody>, HttpError> {
        let request = request.map(s3s::Body::http_body_unsync);
        let response = self.answer(request).await.map_err(|error| internal(format!("{error:#}")))?;
        Ok(response.map(|body| body.map_err(internal).boxed_unsync()))
    }

    /// Answers any client's request.
    pub async fn answer(&self, request: Request<s3s::Body>) -> Result<Response<s3s::Body>> {
        self.service.call(request).await.map_err(|error| anyhow!("{error:?}"))
    }
}

/// A browser's form with a file is read into memory before it is known who sent it, and nobody needs one here.
fn limits() -> S3Config {
    let mut limits = S3Config::default();
    limits.post_object_max_file_size = 1 << 20;
    limits
}

fn unusable(folder: &Path, error: &std::io::Error) -> Error {
    Error::usage(format!("the store's folder {} cannot be used: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use names::{KNOWN, STAGED, about};

    #[tokio::test]
    async fn what_was_killed_half_way_leaves_no_object() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let open = || EmbeddedS3::open(folder.path(), "key", "secret", "us-east-2", Clients::Anybody);
        drop(open().await.unwrap());
        fs::create_dir(at("bucket")).unwrap();
        fs::create_dir_all(at(STAGED).join("bucket")).unwrap();
        fs::write(at(STAGED).join("bucket/half"), "half").unwrap();
        fs::write(at(&about(STAGED, "bucket/half", "metadata")), "{}").unwrap();
        fs::write(at("bucket/whole"), "whole").unwrap();
        fs::write(at(".upload_id-a.part-2"), "half").unwrap();
        fs::write(at(".tmp.0.internal.part"), "half").unwrap();
        open().await.unwrap();
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().flatten().map(|file| file.file_name()).collect();
        left.sort();
        assert_eq!(left, [turns::LOCK, "bucket"]);
        assert!(at("bucket/whole").exists() && !at("bucket/half").exists());
        assert!(KNOWN.iter().all(|what| !at(&about("bucket", "half", what)).exists()));
    }
}
