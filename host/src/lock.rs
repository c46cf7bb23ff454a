//! A lock between processes, on a file.

use std::fs::{File, TryLockError};
use std::io::Result;
use std::path::Path;
use std::time::{Duration, Instant};

/// After how long it is worth a line that another process is at work.
const LONG: Duration = Duration::from_secs(1);

/// Takes the lock without a thread that waits for it: whoever loses patience drops this, and nothing is left waiting. `what`
/// is what it locks.
pub async fn taken(file: File, what: &Path) -> Result<File> {
    const LONGEST: Duration = Duration::from_millis(16);
    let mut pause = Duration::from_millis(1);
    let (began, mut said) = (Instant::now(), false);
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => tokio::time::sleep(pause).await,
            Err(TryLockError::Error(error)) => return Err(error),
        }
        pause = (pause * 2).min(LONGEST);
        if began.elapsed() > LONG && !std::mem::replace(&mut said, true) {
            tracing::warn!("{}: another process holds its lock; waiting for it", what.display());
        }
    }
}
