//! The embedded S3: objects as files in a folder, metadata beside them, behind real signatures.

mod completion;
mod files;

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow};
use f1_ingest_component::error::Error;
use f1_ingest_component::options::{Bucket, EMBEDDED_STORE};
use http::{Method, Request, Response, Uri};
use http_body_util::BodyExt;
use percent_encoding::percent_decode_str;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3Result, s3_error};
use wasmtime_wasi_http::{Error as HttpError, WasiBody};

use crate::listen;
use crate::run::Variables;
use files::Files;

/// The bucket of a job that names none.
pub const BUCKET: &str = "f1-data";
const REGION: &str = "us-east-2";

/// Points a job to the embedded store, with credentials of its own. What the environment says about
/// another store must not mix with it.
pub fn into_variables(variables: &mut Variables) {
    let ours = [
        ("AWS_ENDPOINT_URL_S3", format!("http://{EMBEDDED_STORE}")),
        ("AWS_ACCESS_KEY_ID", random_key()),
        ("AWS_SECRET_ACCESS_KEY", random_key()),
    ];
    variables.retain(|(name, _)| name != "AWS_SESSION_TOKEN" && ours.iter().all(|(our, _)| our != name));
    variables.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    if !variables.iter().any(|(name, value)| name == "F1_S3_BUCKET" && !value.is_empty()) {
        variables.push(("F1_S3_BUCKET".to_owned(), BUCKET.to_owned()));
    }
}

fn random_key() -> String {
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An S3 over a folder.
pub struct Store {
    service: S3Service,
    folder: PathBuf,
    /// One request at a time in this process; the lock file does the same between processes.
    turn: tokio::sync::Mutex<()>,
}

impl Store {
    /// The store of one job, its bucket made.
    pub fn for_job(folder: &Path, variables: &Variables, bucket: &Bucket) -> Result<Store> {
        let value =
            |name: &str| variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let key = value("AWS_ACCESS_KEY_ID").unwrap_or_default();
        let secret = value("AWS_SECRET_ACCESS_KEY").unwrap_or_default();
        let store = Store::open(folder, key, secret, &bucket.region)?;
        fs::create_dir_all(folder.join(&bucket.name)).context("--store: cannot make the bucket")?;
        Ok(store)
    }

    fn open(folder: &Path, key: &str, secret: &str, region: &str) -> Result<Store> {
        let usage = |error: anyhow::Error| Error::usage(format!("{}: {error:#}", folder.display()));
        fs::create_dir_all(folder).map_err(|error| usage(error.into()))?;
        let lock = File::create(folder.join(LOCK)).map_err(|error| usage(error.into()))?;
        // s3s-fs clears away temporary files when it opens a folder: not while another process writes one.
        lock.lock()?;
        let files = Files::open(folder).map_err(|error| usage(anyhow!("{error:?}")))?;
        files::clear_torn_uploads(folder)?;
        drop(lock);
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(OneKey { key: key.to_owned(), secret: secret.into() });
        service.set_access(AsAws { region: region.to_owned(), folder: folder.to_owned() });
        Ok(Store { service: service.build(), folder: folder.to_owned(), turn: Default::default() })
    }

    /// Answers a guest's request.
    pub async fn call(&self, request: Request<WasiBody>) -> Result<Response<WasiBody>, HttpError> {
        let request = request.map(s3s::Body::http_body_unsync);
        let response = self.answer(request).await.map_err(|error| internal(format!("{error:#}")))?;
        Ok(response.map(|body| body.map_err(internal).boxed_unsync()))
    }

    /// s3s-fs looks whether an object is there and writes it later, metadata last. Requests take turns, so
    /// that `If-None-Match: *` holds between two of them, and a PUT or completion that failed or was killed
    /// half-way leaves no object: a note names the object until it is whole.
    async fn answer(&self, request: Request<s3s::Body>) -> Result<Response<s3s::Body>> {
        let _turn = self.turn.lock().await;
        let lock = File::create(self.folder.join(LOCK))?;
        let _lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await??;
        self.clear_unfinished()?;
        let object = object(&request).map(|object| self.folder.join(object)).filter(|path| !path.exists());
        if let Some(object) = &object {
            let relative = object.strip_prefix(&self.folder)?;
            fs::write(self.folder.join(UNFINISHED), relative.to_string_lossy().as_bytes())?;
        }
        let response = self.service.call(request).await.map_err(|error| anyhow!("{error:?}"))?;
        if object.is_some() {
            match response.status().is_success() {
                true => fs::remove_file(self.folder.join(UNFINISHED))?,
                false => self.clear_unfinished()?,
            }
        }
        Ok(response)
    }

    /// Removes the object that a note says was not finished, and the rest of what it was put together from.
    fn clear_unfinished(&self) -> Result<()> {
        let note = self.folder.join(UNFINISHED);
        let object = match fs::read_to_string(&note) {
            Ok(object) => PathBuf::from(object),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        if is_inside(&object) {
            match fs::remove_file(self.folder.join(object)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        files::clear_torn_uploads(&self.folder)?;
        Ok(fs::remove_file(note)?)
    }
}

const LOCK: &str = ".f1-ingest.lock";
const UNFINISHED: &str = ".f1-ingest.unfinished";

/// The file of the object that a request makes, relative to the store's folder.
fn object(request: &Request<s3s::Body>) -> Option<PathBuf> {
    let path = percent_decode_str(request.uri().path().trim_start_matches('/')).decode_utf8().ok()?;
    let object = PathBuf::from(path.as_ref());
    let is_object = is_inside(&object) && object.components().count() > 1 && !path.ends_with('/');
    let makes_it = match *request.method() {
        Method::PUT => upload_id(request.uri()).is_none(),
        Method::POST => upload_id(request.uri()).is_some(),
        _ => false,
    };
    (is_object && makes_it).then_some(object)
}

/// The upload that a request belongs to.
fn upload_id(url: &Uri) -> Option<&str> {
    url.query()?.split('&').find_map(|field| field.strip_prefix("uploadId="))
}

fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

fn internal(error: impl std::fmt::Display) -> HttpError {
    HttpError::InternalError(Some(error.to_string()))
}

/// The store's only credentials.
struct OneKey {
    key: String,
    secret: SecretKey,
}

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, key: &str) -> S3Result<SecretKey> {
        if key != self.key {
            return Err(s3_error!(InvalidAccessKeyId, "this store has another access key"));
        }
        Ok(self.secret.clone())
    }
}

/// Refuses what AWS refuses and s3s or s3s-fs let pass.
struct AsAws {
    region: String,
    folder: PathBuf,
}

#[async_trait::async_trait]
impl S3Access for AsAws {
    async fn check(&self, request: &mut S3AccessContext<'_>) -> S3Result<()> {
        if request.credentials().is_none() {
            return Err(s3_error!(AccessDenied, "the request is not signed"));
        }
        let query = request.uri().query().unwrap_or_default().to_owned();
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let signature =
            header("authorization").map(signed_by_header).unwrap_or_else(|| signed_by_query(&query));
        let Some(Signature { region, signed }) = signature else {
            return Err(s3_error!(InvalidRequest, "only signature version 4 is supported"));
        };
        if region != self.region {
            return Err(s3_error!(
                AuthorizationHeaderMalformed,
                "the region '{}' is wrong; expecting '{}'",
                region,
                self.region
            ));
        }
        let has_token = request.headers().contains_key("x-amz-security-token")
            || query.to_ascii_lowercase().contains("x-amz-security-token=");
        if has_token {
            return Err(s3_error!(InvalidToken, "these credentials have no session token"));
        }
        let unsigned = request.headers().keys().map(|name| name.as_str()).find(|name| {
            name.starts_with("x-amz-") && !signed.iter().any(|signed| signed.eq_ignore_ascii_case(name))
        });
        // s3s-fs would make the bucket of an object that is put.
        if let Some(bucket) = request.s3_path().get_bucket_name()
            && request.s3_op().name() != "CreateBucket"
            && !self.folder.join(bucket).is_dir()
        {
            return Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"));
        }
        if let Some(id) = upload_id(request.uri())
            && !files::is_open(&self.folder, id)
        {
            return Err(s3_error!(NoSuchUpload, "The upload was completed or aborted, or never was"));
        }
        match unsigned {
            Some(name) => Err(s3_error!(
                AccessDenied,
                "There were headers present in the request which were not signed: {}",
                name
            )),
            None => Ok(()),
        }
    }
}

/// What a version 4 signature says about itself.
#[derive(Debug, PartialEq)]
struct Signature {
    region: String,
    /// Names of the headers that it covers.
    signed: Vec<String>,
}

impl Signature {
    fn new(credential: &str, signed: &str) -> Option<Signature> {
        let region = credential.rsplit('/').nth(2)?.to_owned();
        Some(Signature { region, signed: signed.split(';').map(str::to_owned).collect() })
    }
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-auth-using-authorization-header.html>
fn signed_by_header(authorization: &str) -> Option<Signature> {
    let fields = authorization.strip_prefix("AWS4-HMAC-SHA256")?;
    let field =
        |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    Signature::new(field("Credential")?, field("SignedHeaders")?)
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html>
fn signed_by_query(query: &str) -> Option<Signature> {
    let field = |name: &str| {
        let value = query.split('&').find_map(|field| field.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_decode_str(value).decode_utf8().ok()?.into_owned())
    };
    Signature::new(&field("X-Amz-Credential")?, &field("X-Amz-SignedHeaders")?)
}

/// `f1-ingest store`: the folder for any S3 client, until it is told to stop.
pub fn serve(folder: &Path, address: &str) -> Result<u8> {
    let given = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let key = given("AWS_ACCESS_KEY_ID").unwrap_or_else(random_key);
    let secret = given("AWS_SECRET_ACCESS_KEY").unwrap_or_else(random_key);
    let region =
        given("AWS_REGION").or_else(|| given("AWS_DEFAULT_REGION")).unwrap_or_else(|| REGION.to_owned());
    let store = Arc::new(Store::open(folder, &key, &secret, &region)?);
    listen::runtime()?.block_on(async {
        let listener = listen::bind(address).await?;
        let endpoint = listener.local_addr()?;
        listen::announce(&format!(
            "# {} as an S3 store, until Ctrl-C:\n\
             export AWS_ENDPOINT_URL_S3=http://{endpoint}\n\
             export AWS_REGION={region}\n\
             export AWS_ACCESS_KEY_ID={key}\n\
             export AWS_SECRET_ACCESS_KEY={secret}\n",
            folder.display()
        ));
        listen::serve(
            listener,
            // A request that came whole is done to its end, as at S3: its client may not wait for it.
            move |request| {
                let store = store.clone();
                async move {
                    tokio::spawn(async move { store.answer(request.map(s3s::Body::from)).await }).await?
                }
            },
            async {},
        )
        .await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_signature_are_read() {
        let expected =
            Some(Signature { region: "eu-west-1".into(), signed: vec!["host".into(), "x-amz-date".into()] });
        let header = "AWS4-HMAC-SHA256 Credential=AK/20260820/eu-west-1/s3/aws4_request, \
                      SignedHeaders=host;x-amz-date,Signature=00";
        assert_eq!(signed_by_header(header), expected);
        let query = "X-Amz-Credential=A%2FK%2F20260820%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-SignedHeaders=host%3Bx-amz-date";
        assert_eq!(signed_by_query(query), expected);
        assert_eq!(signed_by_header("AWS AK:signature"), None);
        assert_eq!(signed_by_query(""), None);
    }

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
        let store = Store::open(folder.path(), "key", "secret", REGION).unwrap();
        fs::create_dir(folder.path().join("bucket")).unwrap();
        fs::write(folder.path().join("bucket/half"), "half").unwrap();
        fs::write(folder.path().join("bucket/whole"), "whole").unwrap();
        fs::write(folder.path().join(UNFINISHED), "bucket/half").unwrap();
        fs::write(folder.path().join(".upload_id-a.part-2"), "half").unwrap();
        store.answer(Request::new(s3s::Body::empty())).await.unwrap();
        assert!(!folder.path().join("bucket/half").exists());
        assert!(!folder.path().join(".upload_id-a.part-2").exists());
        assert!(folder.path().join("bucket/whole").exists());
        assert!(!folder.path().join(UNFINISHED).exists());
    }
}
