//! s3s-fs, in turns, and what it lacks: objects that are made whole, listings that end at links, uploads that are listed and
//! ended quickly, and errors that say what they are.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::appended::Appended;
use super::completion::{Completion, Seen};
use super::durable::New;
use super::refusal::{Wants, in_words, of_key, unusable};
use super::spool::{Spool, Spooled};
use super::turns::{Turn, Turns};
use super::{listing, names, put, uploads};

/// A folder's objects and uploads.
pub struct Folder {
    s3: FileSystem,
    path: PathBuf,
    turns: Turns,
    spool: Spool,
    seen: Arc<Mutex<Seen>>,
    /// None if others than this process's own job may send requests.
    appended: Option<Appended>,
}

/// Who may send requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// The job that runs in this process, and nobody else.
    OwnJob,
    Anybody,
}

/// What has to hold of the object that has the key of a new one, for the new one to be made.
struct Condition {
    matches: Option<ETagCondition>,
    none_matches: Option<ETagCondition>,
}

impl Folder {
    /// Opens a folder that is there, and clears away what no request can name any more. Fails if it may not be written to.
    pub async fn open(path: &Path, clients: Clients) -> io::Result<Folder> {
        let turns = Turns::of(path);
        let turn = turns.next().await?;
        // s3s-fs clears temporary files away; no other process may be writing one then.
        let s3 = FileSystem::new(path).map_err(|error| io::Error::other(format!("{error:?}")))?;
        uploads::clear_torn(path)?;
        drop(turn);
        let appended = (clients == Clients::OwnJob).then(Appended::default);
        let (path, spool) = (path.to_owned(), Spool::new(path));
        Ok(Folder { s3, path, turns, spool, seen: Arc::default(), appended })
    }

    async fn turn(&self) -> S3Result<Turn> {
        self.turns.next().await.map_err(unusable)
    }

    fn at(&self, bucket: &str, key: &str) -> New {
        New { store: self.path.clone(), bucket: bucket.to_owned(), key: key.to_owned() }
    }

    /// Does something in the folder that takes time, and keeps the turn until it is done, even if nobody waits any more.
    async fn work<T: Send + 'static>(
        &self,
        turn: Turn,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> S3Result<T> {
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        });
        done.await.map_err(|error| s3_error!(InternalError, "{}", error))
    }

    /// Fails if a condition does not hold of the object that has the key of `new` now.
    async fn check(&self, new: &New, condition: Condition) -> S3Result<()> {
        let failed = |why: &'static str| Err(s3_error!(PreconditionFailed, "{}", why));
        let is_there = new.object().exists();
        match condition {
            Condition { none_matches: Some(ETagCondition::Any), .. } if is_there => {
                failed("Object already exists")
            }
            Condition { matches: Some(_), .. } if !is_there => failed("Object does not exist"),
            Condition { matches: Some(ETagCondition::ETag(wanted)), .. } => {
                let head = HeadObjectInput {
                    bucket: new.bucket.clone(),
                    key: new.key.clone(),
                    ..Default::default()
                };
                let there = self.s3.head_object(request(head)).await.map_err(in_words)?.output.e_tag;
                match there.is_some_and(|there| there.strong_cmp(&wanted)) {
                    true => Ok(()),
                    false => failed("ETag does not match"),
                }
            }
            _ => Ok(()),
        }
    }

    /// Gives an object that s3s-fs has staged its name; clears away what it failed at.
    async fn named<T>(&self, turn: Turn, new: New, staged: S3Result<T>) -> S3Result<T> {
        let failed = staged.is_err();
        let done = self.work(turn, move || match failed {
            true => {
                new.clear();
                Ok(())
            }
            false => new.name().inspect_err(|_| new.clear()),
        });
        let done = done.await?;
        let staged = staged.map_err(in_words)?;
        done.map_err(unusable)?;
        Ok(staged)
    }
}

/// A request of our own to s3s-fs.
pub fn request<T>(input: T) -> S3Request<T> {
    S3Request {
        input,
        method: Default::default(),
        uri: Default::default(),
        headers: Default::default(),
        extensions: Default::default(),
        credentials: None,
        region: None,
        service: None,
        trailing_headers: None,
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
            Box::pin(async move {
                let _turn = self.turn().await?;
                self.s3.$name(request).await.map_err(in_words)
            })
        }
    )*};
}

#[async_trait::async_trait]
impl S3 for Folder {
    pass_on! {
        abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput,
        create_bucket: CreateBucketInput -> CreateBucketOutput,
        create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput,
        delete_bucket: DeleteBucketInput -> DeleteBucketOutput,
        delete_object: DeleteObjectInput -> DeleteObjectOutput,
        get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput,
        get_object: GetObjectInput -> GetObjectOutput,
        head_bucket: HeadBucketInput -> HeadBucketOutput,
        head_object: HeadObjectInput -> HeadObjectOutput,
        list_buckets: ListBucketsInput -> ListBucketsOutput,
        list_parts: ListPartsInput -> ListPartsOutput,
    }

    async fn put_object(
        &self,
        mut request: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        request.credentials = None;
        let PutObjectInput { bucket, key, .. } = &request.input;
        // The key of a form is known only now.
        of_key(&self.path, bucket, key, Wants::Place)?;
        let new = self.at(bucket, key);
        let Some(body) = request.input.body.take() else { return Err(s3_error!(IncompleteBody)) };
        let body = self.spool.read(body, request.input.content_length).await?;
        let turn = self.turn().await?;
        let (matches, none_matches) = (request.input.if_match.take(), request.input.if_none_match.take());
        self.check(&new, Condition { matches, none_matches }).await?;
        if new.key.ends_with('/') {
            request.input.body = Some(body.into_body());
            return self.s3.put_object(request).await.map_err(in_words);
        }
        let body = match body {
            Spooled::Short(pieces, room) if put::is_plain(&request) => {
                let made = self.work(turn, move || {
                    let _held = room;
                    let e_tag = put::stage(&new, &request.input, &pieces);
                    e_tag.and_then(|e_tag| new.name().map(|()| e_tag)).inspect_err(|_| new.clear())
                });
                let e_tag = Some(ETag::Strong(made.await?.map_err(unusable)?));
                return Ok(S3Response::new(PutObjectOutput { e_tag, ..Default::default() }));
            }
            body => body,
        };
        request.input.body = Some(body.into_body());
        (request.input.bucket, request.input.key) = (names::STAGED.to_owned(), new.staged_key());
        let staged = self.s3.put_object(request).await;
        self.named(turn, new, staged).await
    }

    async fn copy_object(
        &self,
        mut request: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        request.credentials = None;
        let CopyObjectInput { bucket, key, copy_source, .. } = &request.input;
        source(&self.path, copy_source)?;
        let new = self.at(bucket, key);
        let turn = self.turn().await?;
        fs::create_dir_all(self.path.join(names::STAGED)).map_err(unusable)?;
        (request.input.bucket, request.input.key) = (names::STAGED.to_owned(), new.staged_key());
        let staged = self.s3.copy_object(request).await;
        self.named(turn, new, staged).await
    }

    async fn upload_part(
        &self,
        mut request: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        request.credentials = None;
        let name = names::part(&request.input.upload_id, request.input.part_number);
        if let Some(appended) = &self.appended
            && request.trailing_headers.is_none()
            && let Some(e_tag) = appended.append(&self.path, &mut request.input).await?
        {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(name, e_tag.clone());
            return Ok(S3Response::new(UploadPartOutput { e_tag: Some(e_tag), ..Default::default() }));
        }
        if let Some(body) = request.input.body.take() {
            let body = self.spool.read(body, request.input.content_length).await?;
            request.input.body = Some(body.into_body());
        }
        let _turn = self.turn().await?;
        let response = self.s3.upload_part(request).await.map_err(in_words)?;
        let e_tag = response.output.e_tag.clone();
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(e_tag.map(|e_tag| (name, e_tag)));
        Ok(response)
    }

    async fn upload_part_copy(
        &self,
        mut request: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        request.credentials = None;
        source(&self.path, &request.input.copy_source)?;
        let name = names::part(&request.input.upload_id, request.input.part_number);
        let _turn = self.turn().await?;
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        self.s3.upload_part_copy(request).await.map_err(in_words)
    }

    async fn complete_multipart_upload(
        &self,
        request: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let mut input = request.input;
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let new = self.at(&bucket, &key);
        let turn = self.turn().await?;
        if !uploads::is_open(&self.path, &input.upload_id) {
            return Err(s3_error!(NoSuchUpload, "The upload was completed or aborted, or never was"));
        }
        let (matches, none_matches) = (input.if_match.take(), input.if_none_match.take());
        self.check(&new, Condition { matches, none_matches }).await?;
        let appended = self.appended.as_ref().map(|appended| appended.take(&input.upload_id));
        let (seen, path) = (self.seen.clone(), self.path.clone());
        let joined = self.work(turn, move || {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            let appended = appended.unwrap_or_default();
            let known = Completion::of(new.clone(), &input, &mut seen, &appended)?;
            let joined = known.join().inspect_err(|_| {
                new.clear();
                if let Err(error) = uploads::clear_torn(&path) {
                    tracing::warn!("{}: {error}", path.display());
                }
            });
            joined.map(|()| known.e_tag).map_err(unusable)
        });
        let output = CompleteMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            e_tag: Some(ETag::Strong(joined.await??)),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    async fn delete_objects(
        &self,
        mut request: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        request.credentials = None;
        let DeleteObjectsInput { bucket, delete, .. } = &request.input;
        delete
            .objects
            .iter()
            .try_for_each(|object| of_key(&self.path, bucket, &object.key, Wants::Object))?;
        let _turn = self.turn().await?;
        self.s3.delete_objects(request).await.map_err(in_words)
    }

    async fn list_objects(
        &self,
        request: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let listed = self.list_objects_v2(request.map_input(Into::into)).await?;
        Ok(listed.map_output(|listed| ListObjectsOutput {
            contents: listed.contents,
            common_prefixes: listed.common_prefixes,
            delimiter: listed.delimiter,
            encoding_type: listed.encoding_type,
            name: listed.name,
            prefix: listed.prefix,
            max_keys: listed.max_keys,
            is_truncated: listed.is_truncated,
            next_marker: listed.next_continuation_token,
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let bucket = self.path.join(&request.input.bucket);
        let turn = self.turn().await?;
        let page = self.work(turn, move || listing::page(&bucket, request.input)).await?;
        page.map(S3Response::new).map_err(unusable)
    }

    async fn list_multipart_uploads(
        &self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let ListMultipartUploadsInput { bucket, prefix, .. } = request.input;
        let _turn = self.turn().await?;
        let mut uploads =
            uploads::open(&self.path, &bucket, prefix.as_deref().unwrap_or_default()).map_err(unusable)?;
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

/// Refuses to copy what is no object.
fn source(store: &Path, source: &CopySource) -> S3Result<()> {
    match source {
        CopySource::Bucket { bucket, key, .. } => of_key(store, bucket, key, Wants::Object),
        _ => Err(s3_error!(NotImplemented)),
    }
}
