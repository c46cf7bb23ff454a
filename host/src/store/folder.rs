//! s3s-fs, and what it lacks of multipart uploads: a list of those that are open, and a quick end.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::completion::{Completion, Seen};
use super::durable::New;
use super::{listing, names, uploads};
use crate::files::is_inside;

/// A folder's objects and uploads.
pub struct Folder {
    s3: FileSystem,
    path: PathBuf,
    seen: Mutex<Seen>,
}

impl Folder {
    /// Opens a folder that is there. Nobody else may be writing into it: s3s-fs clears temporary files away.
    pub fn open(path: &Path) -> s3s_fs::Result<Folder> {
        Ok(Folder { s3: FileSystem::new(path)?, path: path.to_owned(), seen: Mutex::default() })
    }
}

/// What a client hears of a folder that cannot be written to.
fn unusable(error: io::Error) -> s3s::S3Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            s3_error!(error, ServiceUnavailable, "the store's disk is full: make room")
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            s3_error!(
                error,
                ServiceUnavailable,
                "the store's folder may not be written to: correct its rights"
            )
        }
        _ => s3_error!(error, InternalError),
    }
}

/// Passes requests on to s3s-fs, without the name of who sent them: s3s-fs lets only the access key that began an
/// upload go on with it, and here all keys that the store has had belong to the same owner.
macro_rules! pass_on {
    ($($name:ident: $input:ident -> $output:ident,)*) => {$(
        fn $name<'a, 'b>(
            &'a self,
            mut request: S3Request<$input>,
        ) -> Pin<Box<dyn Future<Output = S3Result<S3Response<$output>>> + Send + 'b>>
        where
            'a: 'b,
            Self: 'b,
        {
            request.credentials = None;
            self.s3.$name(request)
        }
    )*};
}

#[async_trait::async_trait]
impl S3 for Folder {
    pass_on! {
        abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput,
        copy_object: CopyObjectInput -> CopyObjectOutput,
        create_bucket: CreateBucketInput -> CreateBucketOutput,
        create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput,
        delete_bucket: DeleteBucketInput -> DeleteBucketOutput,
        delete_object: DeleteObjectInput -> DeleteObjectOutput,
        delete_objects: DeleteObjectsInput -> DeleteObjectsOutput,
        get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput,
        get_object: GetObjectInput -> GetObjectOutput,
        head_bucket: HeadBucketInput -> HeadBucketOutput,
        head_object: HeadObjectInput -> HeadObjectOutput,
        list_buckets: ListBucketsInput -> ListBucketsOutput,
        list_objects: ListObjectsInput -> ListObjectsOutput,
        list_parts: ListPartsInput -> ListPartsOutput,
        upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput,
    }

    /// s3s-fs gives an object its name before its bytes are on the disk and before its metadata. So a new object is written
    /// under another name, and gets its own when it is whole.
    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        request.credentials = None;
        let PutObjectInput { bucket, key, .. } = &request.input;
        let new = New { store: self.path.clone(), bucket: bucket.clone(), key: key.clone() };
        if !is_inside(Path::new(key)) || key.ends_with('/') || new.object().exists() {
            return self.s3.put_object(request).await;
        }
        new.check().map_err(|why| s3_error!(KeyTooLongError, "{}", why))?;
        request.input.key = names::STAGED.to_owned();
        let response = self.s3.put_object(request).await;
        if response.is_err() {
            new.clear();
            return response;
        }
        let named = tokio::task::spawn_blocking(move || new.name().inspect_err(|_| new.clear())).await;
        named.map_err(io::Error::other).flatten().map_err(unusable)?;
        response
    }

    async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        request.credentials = None;
        let name = names::part(&request.input.upload_id, request.input.part_number);
        let response = self.s3.upload_part(request).await?;
        let e_tag = response.output.e_tag.clone();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(e_tag.map(|e_tag| (name, e_tag)));
        Ok(response)
    }

    async fn complete_multipart_upload(
        &self,
        mut request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        request.credentials = None;
        let known = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            Completion::of(&self.path, &request.input, &mut seen)
        };
        let Some(known) = known else { return self.s3.complete_multipart_upload(request).await };
        let CompleteMultipartUploadInput { bucket, key, .. } = request.input;
        let e_tag = Some(ETag::Strong(known.e_tag.clone()));
        let joined = tokio::task::spawn_blocking(move || known.join()).await;
        joined.map_err(io::Error::other).flatten().map_err(|error| s3_error!(error, InternalError))?;
        let output = CompleteMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            e_tag,
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    /// s3s-fs reads the whole bucket for each page.
    async fn list_objects_v2(
        &self,
        mut request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        request.credentials = None;
        let is_plain = matches!(request.input.delimiter.as_deref(), None | Some("/"));
        let bucket = self.path.join(&request.input.bucket);
        if !is_plain || !is_inside(Path::new(&request.input.bucket)) || !bucket.is_dir() {
            return self.s3.list_objects_v2(request).await;
        }
        let page = tokio::task::spawn_blocking(move || listing::page_of(&bucket, request.input)).await;
        let output = page.map_err(io::Error::other).flatten().map_err(unusable)?;
        Ok(S3Response::new(output))
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let ListMultipartUploadsInput { bucket, prefix, .. } = request.input;
        let mut uploads = uploads::open(&self.path, &bucket, prefix.as_deref().unwrap_or_default())
            .map_err(|error| s3_error!(error, InternalError))?;
        uploads.sort_by(|a, b| (&a.key, &a.upload_id).cmp(&(&b.key, &b.upload_id)));
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(bucket),
            prefix,
            is_truncated: Some(false),
            uploads: Some(uploads),
            ..Default::default()
        }))
    }
}
