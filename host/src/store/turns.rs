//! Turns in a store's folder: whoever changes it, or looks into it, is alone there, among all processes.

use std::fs::File;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::recovery::recover;
use crate::lock::taken;

pub const LOCK: &str = ".f1-ingest.lock";

/// The queue before one folder.
pub struct Turns {
    folder: PathBuf,
    /// One at a time in this process; the lock file does the same between processes.
    here: Arc<tokio::sync::Mutex<()>>,
}

/// The right to be in the folder, until dropped.
pub struct Turn {
    // Let go of first: who is next here would find it taken, and sleep.
    _lock: File,
    _here: OwnedMutexGuard<()>,
}

impl Turns {
    pub fn of(folder: &Path) -> Turns {
        Turns { folder: folder.to_owned(), here: Default::default() }
    }

    /// Waits for a turn, for as long as it takes, and puts in order what killed processes left. Fails if the folder may
    /// not be written to.
    pub async fn next(&self) -> Result<Turn> {
        let here = self.here.clone().lock_owned().await;
        let lock = taken(File::create(self.folder.join(LOCK))?, &self.folder).await?;
        recover(&self.folder)?;
        Ok(Turn { _lock: lock, _here: here })
    }
}
