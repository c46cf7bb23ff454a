//! Who may use the store: whoever has its one pair of keys, and signs with them as AWS demands.

use std::path::PathBuf;

use http::Method;
use percent_encoding::percent_decode_str;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::{S3Auth, SecretKey};
use s3s::{S3Result, s3_error};

use super::refusal::{self, Wants};
use super::{listing, uploads};

/// The storage classes that a folder has.
const CLASSES: [&str; 2] = ["STANDARD", "REDUCED_REDUNDANCY"];

/// The store's only credentials.
pub struct OneKey {
    pub key: String,
    pub secret: SecretKey,
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

/// Refuses what AWS refuses and s3s or s3s-fs let pass: unsigned requests and headers, another region, session tokens,
/// buckets and uploads that are not there, storage classes of uploads, the removal of a bucket with objects, and keys that a
/// folder cannot hold. All of that before a body is read.
pub struct AsAws {
    pub region: String,
    /// The store's folder.
    pub folder: PathBuf,
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
        if let Some(name) = unsigned {
            return Err(s3_error!(
                AccessDenied,
                "There were headers present in the request which were not signed: {}",
                name
            ));
        }
        self.what_is_named(request)
    }
}

impl AsAws {
    /// Refuses requests for what is not there, or cannot be.
    fn what_is_named(&self, request: &S3AccessContext<'_>) -> S3Result<()> {
        let Some(bucket) = request.s3_path().get_bucket_name() else { return Ok(()) };
        let folder = self.folder.join(bucket);
        let operation = request.s3_op().name();
        // s3s-fs would make the bucket of an object that is put.
        if operation != "CreateBucket" && !folder.is_dir() {
            return Err(s3_error!(NoSuchBucket, "The specified bucket does not exist"));
        }
        // s3s-fs knows classes of objects that are sent whole only.
        let class = request.headers().get("x-amz-storage-class").and_then(|class| class.to_str().ok());
        if operation == "CreateMultipartUpload" && class.is_some_and(|class| !CLASSES.contains(&class)) {
            return Err(s3_error!(InvalidStorageClass, "This store has the storage classes {:?}", CLASSES));
        }
        if operation == "DeleteBucket" && listing::has_objects(&folder).map_err(refusal::unusable)? {
            return Err(s3_error!(BucketNotEmpty, "The bucket you tried to delete is not empty"));
        }
        if let Some(key) = request.s3_path().get_object_key() {
            let wants = match *request.method() {
                Method::PUT | Method::POST => Wants::Place,
                _ => Wants::Object,
            };
            refusal::of_key(&self.folder, bucket, key, wants)?;
        }
        if let Some(id) = uploads::id_in(request.uri())
            && !uploads::is_open(&self.folder, id)
        {
            return Err(s3_error!(NoSuchUpload, "The upload was completed or aborted, or never was"));
        }
        Ok(())
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
}
