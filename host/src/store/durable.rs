//! What is stored is on the disk before anybody hears that it is: a power cut takes nothing back.

use std::fs::File;
use std::io::Result;
use std::path::Path;

use super::names::about;
use crate::files::{folder_of, sync_folder};

/// Syncs an object, what s3s-fs keeps beside it, and all folders from its own up to the one that the store's lies in.
/// `object` lies in `store`, in the folder of its bucket.
pub fn object(store: &Path, object: &Path) -> Result<()> {
    File::open(object)?.sync_all()?;
    let key = object.strip_prefix(store).ok().and_then(|path| path.to_str()?.split_once('/'));
    if let Some((bucket, key)) = key {
        for what in ["metadata", "internal"] {
            let file = store.join(about(bucket, key, what));
            if file.exists() {
                File::open(file)?.sync_all()?;
            }
        }
    }
    let folders = object.ancestors().skip(1).take_while(|folder| folder.starts_with(store));
    folders.chain([folder_of(store)]).try_for_each(sync_folder)
}
