//! The file that processes share: what they have sent in the last hour, by host.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use super::{millis, now};
use crate::files::{folder_of, make_private, own_folder, write_whole};
use crate::lock;

/// A file that is longer is not ours.
const LARGEST: u64 = 64 << 20;

/// What was sent; times are unix milliseconds.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// When a file that could not be read was last written: until then, any host may have had an hour's requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<u64>,
    /// By host.
    pub sent: BTreeMap<String, Vec<u64>>,
}

impl Noted {
    /// Forgets what is that old.
    pub fn forget(&mut self, age: Duration, now: Duration) {
        let is_old = |at: &u64| Duration::from_millis(*at) + age <= now;
        // Of a clock that was ahead.
        self.lost = self.lost.map(|at| at.min(millis(now))).filter(|at| !is_old(at));
        self.sent.retain(|_, times| !times.iter().all(is_old));
    }
}

/// Changes the file, while no other process does. Waits for it so `long` at most. A damaged file is set aside, of which
/// `complain` hears. Fails, and says of which file, if it cannot be written to.
pub async fn changed<T>(
    file: &Path,
    long: Duration,
    complain: impl Fn(&str),
    change: impl FnOnce(&mut Noted) -> T,
) -> Result<T> {
    let named = |file: &Path| file.display().to_string();
    make_private(folder_of(file)).with_context(|| named(folder_of(file)))?;
    let lock = file.with_extension("lock");
    let opened = File::create(&lock).with_context(|| named(&lock))?;
    let locked = tokio::time::timeout(long, lock::taken(opened, file)).await;
    let locked = locked.unwrap_or_else(|_| Err(Error::other("another process does not let go of it")));
    let _lock = locked.with_context(|| named(&lock))?;
    let mut noted = match parsed(file)? {
        Some(noted) => noted,
        None => {
            let (lost, aside) = (lost(file), file.with_extension("damaged"));
            fs::rename(file, &aside).with_context(|| named(file))?;
            let (file, aside) = (file.display(), aside.display());
            complain(&format!(
                "{file} is damaged, and set aside as {aside}; until an hour after it was written, the hour's requests \
                 count as used up"
            ));
            lost
        }
    };
    let result = change(&mut noted);
    write_whole(file, &serde_json::to_vec(&noted)?).with_context(|| named(file))?;
    Ok(result)
}

/// What the file holds. Fails if it cannot be read.
pub fn read(file: &Path) -> Result<Noted> {
    Ok(parsed(file)?.unwrap_or_else(|| lost(file)))
}

/// The file of this user. Fails if there is no place for it.
pub fn file() -> Result<PathBuf> {
    let folder = own_folder("XDG_STATE_HOME", ".local/state");
    Ok(folder.context("there is no folder for state; set HOME or XDG_STATE_HOME")?.join("requests.json"))
}

/// What is in a file: nothing if it is not there, none if it is damaged. Fails if it cannot be read.
fn parsed(file: &Path) -> Result<Option<Noted>> {
    let about = match fs::metadata(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Some(Noted::default())),
        about => about.with_context(|| file.display().to_string())?,
    };
    if !about.is_file() {
        bail!("{}: not a file", file.display());
    }
    if about.len() > LARGEST {
        return Ok(None);
    }
    let bytes = fs::read(file).with_context(|| file.display().to_string())?;
    Ok(serde_json::from_slice(&bytes).ok())
}

/// What a damaged file leaves to know.
fn lost(file: &Path) -> Noted {
    let written = fs::metadata(file).and_then(|about| about.modified()).ok();
    let written = written.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    let at = written.map_or_else(now, |at| at.min(now()));
    Noted { lost: Some(millis(at)), sent: BTreeMap::new() }
}
