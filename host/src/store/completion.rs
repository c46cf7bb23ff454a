//! Ends an upload by joining the files of its parts, if this process has seen all of them come. s3s-fs would read and
//! hash them once more, which takes half as long as fetching, making and sending them.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use s3s::crypto::{Checksum, Md5};
use s3s::dto::{CompleteMultipartUploadInput, ETag};

use super::names::{about, owner, part};
use crate::files::is_inside;

/// ETags of the parts that came, by the names of their files.
pub type Seen = HashMap<String, ETag>;

/// A new object, and the files that it is made of.
pub struct Completion {
    /// Of the whole object, as S3 makes it: the MD5 of the parts' MD5s, and how many parts there are.
    pub e_tag: String,
    object: PathBuf,
    parts: Vec<PathBuf>,
    /// s3s-fs's own file that says who began the upload.
    owner: PathBuf,
    /// Its file of the metadata that were given then, and the name that it is to have now.
    announced: PathBuf,
    metadata: PathBuf,
    /// Its file of the object's ETag.
    internal: PathBuf,
}

impl Completion {
    /// What a request to complete an upload asks for. None if a part is not known or not the one that is named, or if
    /// the object is there: s3s-fs knows what to do then. Parts that are joined are taken out of `seen`.
    pub fn of(folder: &Path, input: &CompleteMultipartUploadInput, seen: &mut Seen) -> Option<Completion> {
        let CompleteMultipartUploadInput { bucket, key, upload_id: id, .. } = input;
        let object = folder.join(bucket).join(key);
        let named = input.multipart_upload.as_ref()?.parts.as_deref()?;
        let mut sums = Md5::new();
        let mut names = Vec::new();
        for (named, number) in named.iter().zip(1..) {
            let name = part(id, number);
            let e_tag = named.e_tag.as_ref().filter(|e_tag| seen.get(&name) == Some(e_tag))?;
            let sum = hex::decode(e_tag.as_strong()?).ok()?;
            (named.part_number == Some(number)).then(|| sums.update(&sum))?;
            names.push(name);
        }
        if names.is_empty() || input.if_match.is_some() || !is_inside(Path::new(key)) || object.exists() {
            return None;
        }
        names.iter().for_each(|name| drop(seen.remove(name)));
        let file = |what: &str| folder.join(about(bucket, key, what));
        Some(Completion {
            e_tag: format!("{}-{}", hex::encode(sums.finalize()), names.len()),
            object,
            parts: names.iter().map(|name| folder.join(name)).collect(),
            owner: folder.join(owner(id)),
            announced: file(&format!("upload-{id}.metadata")),
            metadata: file("metadata"),
            internal: file("internal"),
        })
    }

    /// Makes the object, appending the other parts to the file of the first. After the first step no request can name
    /// the upload any more; if the process is killed later, what is left is cleared away at the next request.
    pub fn join(&self) -> io::Result<()> {
        fs::remove_file(&self.owner)?;
        fs::rename(&self.announced, &self.metadata)?;
        let (first, others) = self.parts.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut whole = OpenOptions::new().write(true).open(first)?;
        whole.seek(SeekFrom::End(0))?;
        for other in others {
            io::copy(&mut File::open(other)?, &mut whole)?;
            fs::remove_file(other)?;
        }
        fs::write(&self.internal, serde_json::json!({ "e_tag": self.e_tag }).to_string())?;
        fs::create_dir_all(self.object.parent().unwrap_or(&self.object))?;
        // Data before the name that makes them an object; the rest is synced with its folders.
        whole.sync_all()?;
        fs::rename(first, &self.object)
    }
}
