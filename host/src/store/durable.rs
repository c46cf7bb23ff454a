//! What is stored is on the disk before anybody hears that it is: a power cut takes nothing back, and leaves nothing half.

use std::fs::{self, File};
use std::io::Result;
use std::path::{Path, PathBuf};

use super::names::{KNOWN, STAGED, about};
use crate::files::{folder_of, sync_folder};

/// The longest name of a file that all of today's file systems take, in bytes.
const LONGEST_NAME: usize = 255;

/// An object that is to be made under a key that is free.
pub struct New {
    pub store: PathBuf,
    pub bucket: String,
    pub key: String,
}

impl New {
    /// The file of the object.
    pub fn object(&self) -> PathBuf {
        self.store.join(&self.bucket).join(&self.key)
    }

    /// Why the folder cannot hold the key, if it cannot.
    pub fn check(&self) -> std::result::Result<(), String> {
        let files = self.key.split('/').map(str::to_owned);
        let known = KNOWN.map(|what| about(&self.bucket, &self.key, what));
        match files.chain(known).find(|name| name.len() > LONGEST_NAME || name.contains('\0')) {
            Some(_) => {
                Err("a file's name has at most 255 bytes and no zero byte: choose a shorter key".into())
            }
            None => Ok(()),
        }
    }

    /// Gives the staged object its name: first its bytes and what is known of it are synced, then it is there.
    pub fn name(&self) -> Result<()> {
        let (bucket, object) = (self.store.join(&self.bucket), self.object());
        File::open(bucket.join(STAGED))?.sync_all()?;
        for what in KNOWN {
            let staged = self.store.join(about(&self.bucket, STAGED, what));
            if staged.exists() {
                File::open(&staged)?.sync_all()?;
                fs::rename(staged, self.store.join(about(&self.bucket, &self.key, what)))?;
            }
        }
        sync_folder(&self.store)?;
        fs::create_dir_all(folder_of(&object))?;
        fs::rename(bucket.join(STAGED), object)
    }

    /// Removes what is left of a staged object.
    pub fn clear(&self) {
        clear_staged(&self.store, &self.bucket);
    }
}

/// Removes what a request that failed or was killed left staged in a bucket. That nothing is there is fine.
pub fn clear_staged(store: &Path, bucket: &str) {
    let known = KNOWN.map(|what| store.join(about(bucket, STAGED, what)));
    for file in known.into_iter().chain([store.join(bucket).join(STAGED)]) {
        let _ = fs::remove_file(file);
    }
}

/// Syncs an object, what s3s-fs keeps beside it, and all folders from its own up to the one that the store's lies in.
/// `object` lies in `store`, in the folder of its bucket.
pub fn object(store: &Path, object: &Path) -> Result<()> {
    File::open(object)?.sync_all()?;
    let key = object.strip_prefix(store).ok().and_then(|path| path.to_str()?.split_once('/'));
    if let Some((bucket, key)) = key {
        for what in KNOWN {
            let file = store.join(about(bucket, key, what));
            if file.exists() {
                File::open(file)?.sync_all()?;
            }
        }
    }
    let folders = object.ancestors().skip(1).take_while(|folder| folder.starts_with(store));
    folders.chain([folder_of(store)]).try_for_each(sync_folder)
}
