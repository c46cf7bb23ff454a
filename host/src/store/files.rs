//! s3s-fs, and what it lacks of multipart uploads: a list of them, and an end for those that nobody can end.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::completion::{Completion, Seen};

/// A folder's objects and uploads.
pub struct Files {
    files: FileSystem,
    folder: PathBuf,
    seen: Mutex<Seen>,
}

impl Files {
    /// s3s-fs clears temporary files away when it opens a folder, so that nobody else may be writing there.
    pub fn open(folder: &Path) -> s3s_fs::Result<Files> {
        Ok(Files { files: FileSystem::new(folder)?, folder: folder.to_owned(), seen: Mutex::default() })
    }
}

/// Hands requests on, without the name of who sent them: s3s-fs lets only the access key that began an upload
/// go on with it, and here every key that the store has had is the same owner's.
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
            self.files.$name(request)
        }
    )*};
}

#[async_trait::async_trait]
impl S3 for Files {
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
        let name = part(&request.input.upload_id, request.input.part_number);
        let response = self.files.upload_part(request).await?;
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
            Completion::of(&self.folder, &request.input, &mut seen)
        };
        let Some(known) = known else { return self.files.complete_multipart_upload(request).await };
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
        let mut uploads = open_uploads(&self.folder, &bucket, prefix.as_deref().unwrap_or_default())
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

/// Whether there is an upload of this id.
pub fn is_open(folder: &Path, id: &str) -> bool {
    let is_id = id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_id && folder.join(owner(id)).is_file()
}

/// The name that s3s-fs 0.14 gives the file of who began an upload.
pub fn owner(id: &str) -> String {
    format!(".upload-{id}.json")
}

/// That of a part.
pub fn part(id: &str, number: i32) -> String {
    format!(".upload_id-{id}.part-{number}")
}

/// Those of what is known of an object: `metadata`, `internal`, or `upload-<id>.metadata` before it is there.
pub fn described(bucket: &str, key: &str, of: &str) -> String {
    let encoded = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
    format!(".bucket-{}.object-{}.{of}.json", encoded(bucket), encoded(key))
}

/// What a file of s3s-fs holds of an upload; the name says which.
enum Piece<'a> {
    /// `.upload-<id>.json`
    Owner,
    /// `.upload_id-<id>.part-<number>`
    Part,
    /// `.bucket-<base64>.object-<base64>.upload-<id>.metadata.json`: the bucket and the key, encoded.
    Metadata(&'a str, &'a str),
}

fn piece(name: &str) -> Option<(&str, Piece<'_>)> {
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

fn names(folder: &Path) -> io::Result<Vec<String>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn open_uploads(folder: &Path, bucket: &str, prefix: &str) -> io::Result<Vec<MultipartUpload>> {
    let decoded = |text: &str| String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok();
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

/// Removes what is left of uploads that were killed while they began, were completed or aborted: no request
/// can name them any more. Nobody else may be using the folder.
pub fn clear_torn_uploads(folder: &Path) -> io::Result<()> {
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
        torn.iter().try_for_each(|name| fs::remove_file(folder.join(name)))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
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
        let uploads = open_uploads(folder.path(), "bucket", "raw/").unwrap();
        assert_eq!(uploads.len(), 1);
        assert_eq!(
            (uploads[0].key.as_deref(), uploads[0].upload_id.as_deref()),
            (Some("raw/a.json"), Some("1a-b"))
        );
        assert!(open_uploads(folder.path(), "bucket", "curated/").unwrap().is_empty());
        assert!(open_uploads(folder.path(), "another", "raw/").unwrap().is_empty());
        assert!(
            is_open(folder.path(), "1a-b")
                && !is_open(folder.path(), "../1a-b")
                && !is_open(folder.path(), "3")
        );

        clear_torn_uploads(folder.path()).unwrap();
        let mut left = names(folder.path()).unwrap();
        left.sort();
        let mut kept = kept.map(str::to_owned);
        kept.sort();
        assert_eq!(left, kept);
    }
}
