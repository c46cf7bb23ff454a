//! Ends an upload by joining the files of its parts. s3s-fs would read and hash them once more, which takes half as long as
//! fetching, making and sending them, and would give the object its name before what is known of it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use s3s::crypto::{Checksum, Md5};
use s3s::dto::{CompleteMultipartUploadInput, ETag};
use s3s::{S3Result, s3_error};

use super::durable::New;
use super::names::{about, owner, part};
use super::refusal::unusable;
use crate::files::folder_of;

/// ETags of the parts that came, by the names of their files.
pub type Seen = HashMap<String, ETag>;

/// The least that a part but the last one has, in bytes.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
const SMALLEST: u64 = 5 << 20;

/// A new object, and the files that it is made of.
pub struct Completion {
    /// Of the whole object, as S3 makes it: the MD5 of the parts' MD5s, and how many parts there are.
    pub e_tag: String,
    new: New,
    parts: Vec<PathBuf>,
    /// s3s-fs's own file that says who began the upload.
    owner: PathBuf,
    /// Its file of the metadata that were given then.
    announced: PathBuf,
}

impl Completion {
    /// What a request to complete an upload asks for. Parts that this process has not seen come are read. Fails if a part is
    /// not there, or is not the one that is named. Parts that are joined are taken out of `seen`. The first parts, of these
    /// lengths, may have been appended to each other already.
    pub fn of(
        new: New,
        input: &CompleteMultipartUploadInput,
        seen: &mut Seen,
        appended: &[u64],
    ) -> S3Result<Completion> {
        let id = &input.upload_id;
        let announced = new.store.join(about(&new.bucket, &new.key, &format!("upload-{id}.metadata")));
        if !announced.is_file() {
            return Err(s3_error!(NoSuchUpload, "The upload is of another key"));
        }
        let named_parts =
            input.multipart_upload.as_ref().and_then(|named| named.parts.as_deref()).unwrap_or_default();
        let mut sums = Md5::new();
        let mut names = Vec::new();
        for (named, number) in named_parts.iter().zip(1..) {
            let name = part(id, number);
            let file = new.store.join(&name);
            let appended = appended.get(names.len()).copied();
            let is_there = named.part_number == Some(number) && (appended.is_some() || file.is_file());
            let e_tag = match seen.get(&name) {
                _ if !is_there => None,
                Some(e_tag) => Some(e_tag.clone()),
                None => Some(read(&file).map_err(unusable)?),
            };
            let e_tag = e_tag.filter(|e_tag| named.e_tag.as_ref().is_none_or(|named| named == e_tag));
            let sum = e_tag.as_ref().and_then(|e_tag| hex::decode(e_tag.as_strong()?).ok());
            let sum = sum.ok_or_else(|| {
                s3_error!(
                    InvalidPart,
                    "Part {} is not there, or is another; they go from 1 up without a gap",
                    number
                )
            })?;
            let is_last = named_parts.len() == names.len() + 1;
            let length = appended.map_or_else(|| Ok(file.metadata()?.len()), Ok).map_err(unusable)?;
            if !is_last && length < SMALLEST {
                return Err(s3_error!(EntityTooSmall, "Part {} is smaller than 5 MiB", number));
            }
            sums.update(&sum);
            names.push(name);
        }
        if names.is_empty() {
            return Err(s3_error!(InvalidPart, "You must specify at least one part"));
        }
        names.iter().for_each(|name| drop(seen.remove(name)));
        if appended.len() > names.len() {
            return Err(s3_error!(InvalidPart, "There are more parts than are named"));
        }
        let of_their_own = names.iter().take(1).chain(names.iter().skip(appended.len().max(1)));
        Ok(Completion {
            e_tag: format!("{}-{}", hex::encode(sums.finalize()), names.len()),
            parts: of_their_own.map(|name| new.store.join(name)).collect(),
            owner: new.store.join(owner(id)),
            announced,
            new,
        })
    }

    /// Makes the object, appending the other parts to the file of the first. After the first step no request can name
    /// the upload any more; if that fails or is killed later, what is left is cleared away.
    pub fn join(&self) -> io::Result<()> {
        fs::remove_file(&self.owner)?;
        let (first, others) = self.parts.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let staged = self.new.staged();
        fs::create_dir_all(folder_of(&staged))?;
        fs::rename(first, &staged)?;
        let mut whole = OpenOptions::new().write(true).open(&staged)?;
        whole.seek(SeekFrom::End(0))?;
        for other in others {
            io::copy(&mut File::open(other)?, &mut whole)?;
            fs::remove_file(other)?;
        }
        fs::rename(&self.announced, self.new.staged_about("metadata"))?;
        let internal = serde_json::json!({ "e_tag": self.e_tag }).to_string();
        fs::write(self.new.staged_about("internal"), internal)?;
        self.new.name()
    }
}

/// The ETag of a part.
fn read(part: &Path) -> io::Result<ETag> {
    let mut sum = Md5::new();
    let mut file = File::open(part)?;
    let mut piece = vec![0; 256 << 10];
    loop {
        match io::Read::read(&mut file, &mut piece)? {
            0 => return Ok(ETag::Strong(hex::encode(sum.finalize()))),
            read => sum.update(piece.get(..read).unwrap_or_default()),
        }
    }
}
