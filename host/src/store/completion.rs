//! Ends an upload by joining the files of its parts, where this process has seen all of them come. s3s-fs reads and
//! hashes them once more, which takes half as long as to fetch, make and send them.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use s3s::crypto::{Checksum, Md5};
use s3s::dto::{CompleteMultipartUploadInput, ETag};

use super::files::{described, owner, part};

/// The ETags of the parts that came, by the names of their files.
pub type Seen = HashMap<String, ETag>;

/// A new object, and all that it is made of.
pub struct Completion {
    pub e_tag: String,
    object: PathBuf,
    parts: Vec<PathBuf>,
    /// s3s-fs's own files: who began the upload, what was said of the object then, where that goes, and the ETag's.
    owner: PathBuf,
    described: PathBuf,
    metadata: PathBuf,
    internal: PathBuf,
}

impl Completion {
    /// None where a part is not known or not the one that is named, or the object is there: s3s-fs knows what to do.
    pub fn of(folder: &Path, input: &CompleteMultipartUploadInput, seen: &mut Seen) -> Option<Completion> {
        let CompleteMultipartUploadInput { bucket, key, upload_id: id, .. } = input;
        let object = folder.join(bucket).join(key);
        let named = input.multipart_upload.as_ref()?.parts.as_deref()?;
        let mut sums = Md5::new();
        let mut names = Vec::new();
        for (named, number) in named.iter().zip(1..) {
            let name = part(id, number);
            let e_tag = named.e_tag.as_ref().filter(|e_tag| seen.get(&name) == Some(e_tag))?;
            let sum = u128::from_str_radix(e_tag.as_strong()?, 16).ok()?;
            (named.part_number == Some(number)).then(|| sums.update(&sum.to_be_bytes()))?;
            names.push(name);
        }
        if names.is_empty()
            || input.if_match.is_some()
            || !super::is_inside(Path::new(key))
            || object.exists()
        {
            return None;
        }
        names.iter().for_each(|name| drop(seen.remove(name)));
        let file = |of: &str| folder.join(described(bucket, key, of));
        Some(Completion {
            e_tag: format!("{:032x}-{}", u128::from_be_bytes(sums.finalize()), names.len()),
            object,
            parts: names.iter().map(|name| folder.join(name)).collect(),
            owner: folder.join(owner(id)),
            described: file(&format!("upload-{id}.metadata")),
            metadata: file("metadata"),
            internal: file("internal"),
        })
    }

    /// The upload cannot be named any more from the first step on: what is left of one that is killed is cleared away.
    pub fn join(&self) -> io::Result<()> {
        fs::remove_file(&self.owner)?;
        fs::rename(&self.described, &self.metadata)?;
        let (first, others) = self.parts.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let mut whole = OpenOptions::new().write(true).open(first)?;
        whole.seek(SeekFrom::End(0))?;
        for other in others {
            io::copy(&mut File::open(other)?, &mut whole)?;
            fs::remove_file(other)?;
        }
        fs::write(&self.internal, serde_json::json!({ "e_tag": self.e_tag }).to_string())?;
        fs::create_dir_all(self.object.parent().unwrap_or(&self.object))?;
        fs::rename(first, &self.object)
    }
}
