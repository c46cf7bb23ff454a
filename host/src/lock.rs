//! A lock between processes, on a file.

use std::fs::{File, TryLockError};
use std::io::Result;
use std::time::Duration;

/// Takes the lock without a thread that waits for it: whoever loses patience drops this, and nothing is left waiting.
pub async fn taken(file: File) -> Result<File> {
    const LONGEST: Duration = Duration::from_millis(16);
    let mut pause = Duration::from_millis(1);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(pause).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
        pause = (pause * 2).min(LONGEST);
    }
}
