//! s3s-fs, and what it lacks of multipart uploads: a list of those that are open, and a quick end.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::completion::{Completion, Seen};
use super::{names, uploads};

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
        list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output,
        list_parts: ListPartsInput -> ListPartsOutput,
        put_object: PutObjectInput -> PutObjectOutput,
        upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput,
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
