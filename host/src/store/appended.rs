//! The parts of an upload that come from this process's own job: each is written once, as it comes, behind those before it in
//! the file of the first. They come one after the other, nobody else can name the upload, and nothing on their way could
//! change them, so that they wait for no turn and are not hashed.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use s3s::S3Result;
use s3s::dto::{ETag, StreamingBlob, UploadPartInput};

use super::names::part;
use super::put::has_checksum;
use super::refusal::unusable;
use super::spool::broken_off;
use crate::random;

/// By the ids of uploads, where in the file of the first part each part ends.
#[derive(Default)]
pub struct Appended(Mutex<HashMap<String, Vec<u64>>>);

impl Appended {
    /// The lengths of an upload's appended parts, which are then forgotten.
    pub fn take(&self, id: &str) -> Vec<u64> {
        let ends = self.uploads(|uploads| uploads.remove(id)).unwrap_or_default();
        let begins = std::iter::once(0).chain(ends.iter().copied());
        ends.iter().zip(begins).map(|(end, begin)| end - begin).collect()
    }

    /// Writes a part, if it is the next one or comes again, and gives its ETag; none, and its body is left, if it is another.
    /// One that comes again takes those behind it away. A part that breaks off leaves nothing.
    pub async fn append(&self, store: &Path, input: &mut UploadPartInput) -> S3Result<Option<ETag>> {
        let Some(before) = usize::try_from(input.part_number - 1).ok().filter(|_| !has_checksum!(input))
        else {
            return Ok(None);
        };
        let begin = self.uploads(|uploads| {
            let ends = uploads.entry(input.upload_id.clone()).or_default();
            let is_here = before <= ends.len();
            ends.truncate(before);
            is_here.then(|| ends.last().copied().unwrap_or_default())
        });
        let Some((begin, body)) = begin.and_then(|begin| Some((begin, input.body.take()?))) else {
            return Ok(None);
        };
        let end = written(&store.join(part(&input.upload_id, 1)), begin, body).await?;
        self.uploads(|uploads| uploads.entry(input.upload_id.clone()).or_default().push(end));
        Ok(Some(ETag::Strong(random::hex_of(16))))
    }

    fn uploads<T>(&self, look: impl FnOnce(&mut HashMap<String, Vec<u64>>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes a body to a file from `begin` on, in place of all that was there, and gives where it ends.
async fn written(path: &Path, begin: u64, mut body: StreamingBlob) -> S3Result<u64> {
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(path);
    let mut file = file.and_then(|file| file.set_len(begin).map(|()| file)).map_err(unusable)?;
    file.seek(SeekFrom::Start(begin)).map_err(unusable)?;
    let all = async {
        while let Some(piece) = body.next().await {
            file.write_all(&piece.map_err(broken_off)?).map_err(unusable)?;
        }
        file.stream_position().map_err(unusable)
    };
    let end = all.await;
    if end.is_err() {
        file.set_len(begin).map_err(unusable)?;
    }
    end
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Error;

    use bytes::Bytes;
    use futures_util::stream;

    use super::*;

    async fn send(appended: &Appended, store: &Path, number: i32, pieces: &[&'static str]) -> S3Result<bool> {
        let pieces: Vec<_> = pieces
            .iter()
            .map(|piece| match *piece {
                "broken" => Err(Error::other("broken off")),
                piece => Ok(Bytes::from_static(piece.as_bytes())),
            })
            .collect();
        let body = Some(StreamingBlob::wrap(stream::iter(pieces)));
        let mut input =
            UploadPartInput { upload_id: "a-1".into(), part_number: number, body, ..Default::default() };
        let e_tag = appended.append(store, &mut input).await?;
        assert_eq!(e_tag.is_none(), input.body.is_some(), "what is not taken is left");
        Ok(e_tag.is_some())
    }

    #[tokio::test]
    async fn parts_that_come_again_take_the_place_of_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let (store, appended) = (folder.path(), Appended::default());
        let whole = || fs::read_to_string(store.join(part("a-1", 1))).unwrap();
        assert!(send(&appended, store, 1, &["one, ", "and "]).await.unwrap());
        assert!(!send(&appended, store, 3, &["three"]).await.unwrap(), "there is a gap before it");
        assert!(send(&appended, store, 2, &["two", "broken"]).await.is_err());
        assert!(send(&appended, store, 2, &["zwei"]).await.unwrap());
        assert_eq!(whole(), "one, and zwei");
        assert!(send(&appended, store, 3, &["drei"]).await.unwrap());
        assert!(send(&appended, store, 2, &["two"]).await.unwrap());
        assert_eq!(whole(), "one, and two");
        assert_eq!(appended.take("a-1"), [9, 3]);
        assert!(appended.take("a-1").is_empty());
    }
}
