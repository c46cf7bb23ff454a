//! What is kept between runs, in files of the user's that nobody else can read; or, where there can be none, in this
//! process.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use serde_json::{Value, json};

use super::formula1::{ANSWER, CONNECT, FASTF1_FILE, FILE_VERSION};
use super::token::{Token, seconds};
use crate::files::{make_private, own_folder, read_private, users_folder, write_private};
use crate::lock;

/// The names of the files: the token, why there is none, and what is locked while one is got.
const TOKEN: &str = "f1tv-token.json";
const HELD: &str = "f1tv-refused.json";
const LOCK: &str = "f1tv-token.lock";

/// As long as a sign-in of another process's can take.
const PATIENCE: Duration = Duration::from_secs(5 * (CONNECT.as_secs() + ANSWER.as_secs()));

/// What could not be in a file: this process's alone.
static OWN: Mutex<BTreeMap<&'static str, Vec<u8>>> = Mutex::new(BTreeMap::new());

/// A token that is kept, and how it came about.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    pub token: Token,
    /// When it was signed in for because livetiming had refused the one before, if so.
    pub after_refusal: Option<u64>,
}

/// This user's place for it; none if there is no folder.
pub struct Store(Option<PathBuf>);

/// Held by the one process that signs in.
pub struct Lock(#[expect(dead_code, reason = "dropping it lets go")] Option<File>);

impl Store {
    pub fn of_user() -> Store {
        Store(own_folder("XDG_STATE_HOME", ".local/state"))
    }

    /// Waits until no other process signs in. Fails if that takes longer than a sign-in can; where there is no file to
    /// lock, there is nothing to wait for.
    pub async fn lock(&self) -> Result<Lock> {
        let Some(folder) = &self.0 else { return Ok(Lock(None)) };
        let path = folder.join(LOCK);
        let Ok(file) = make_private(folder).and_then(|()| File::create(&path)) else { return Ok(Lock(None)) };
        let taken = tokio::time::timeout(PATIENCE, lock::taken(file, &path)).await;
        let taken = taken.map_err(|_| anyhow!("another process does not let go of it"))?;
        Ok(Lock(Some(taken.with_context(|| path.display().to_string())?)))
    }

    /// Our own token, or else FastF1's, and the file that it is from. Fails, and says of which file, if that must not be
    /// used or cannot be read.
    pub fn token(&self) -> Result<Option<(Kept, String)>> {
        if let Some((bytes, place)) = self.read(TOKEN)? {
            let kept = kept(&bytes).with_context(|| {
                format!("{place} does not hold a token: sign in again (f1-ingest login), which replaces it")
            })?;
            return Ok(Some((kept, place)));
        }
        let Some(file) = fastf1() else { return Ok(None) };
        let place = file.display().to_string();
        let bytes = read_private(&file).with_context(|| place.clone())?;
        // Of another version than we know, it is as if it was not there.
        Ok(bytes.and_then(|bytes| Some((kept(&bytes)?, place))))
    }

    /// Keeps a token from now on. Fails, with the file's name, if it can be in no file: then it is this process's alone.
    pub fn keep(&self, kept: &Kept) -> Result<()> {
        let Kept { token, after_refusal } = kept;
        let mut json = json!({
            "version": FILE_VERSION,
            "value": token.secret(),
            "expires_at": token.ends.unwrap_or_default(),
        });
        if let Some(at) = after_refusal {
            json["after_refusal"] = (*at).into();
        }
        self.write(TOKEN, json.to_string().into_bytes())
    }

    /// Forgets our token. Gives whether there was one.
    pub fn drop_token(&self) -> Result<bool> {
        self.remove(TOKEN)
    }

    /// Forgets our token, and why there is none. Gives whether there was one.
    pub fn forget(&self) -> Result<bool> {
        let was_there = self.drop_token()?;
        self.remove(HELD)?;
        Ok(was_there)
    }

    /// The note of why there is no token, if there is one that can be read.
    pub fn held(&self) -> Option<Value> {
        serde_json::from_slice(&self.read(HELD).ok()??.0).ok()
    }

    pub fn hold(&self, note: &Value) -> Result<()> {
        self.write(HELD, note.to_string().into_bytes())
    }

    pub fn hold_nothing(&self) {
        // What is left over is replaced, or outlived, by what comes.
        let _ = self.remove(HELD);
    }

    fn read(&self, name: &'static str) -> Result<Option<(Vec<u8>, String)>> {
        if let Some(bytes) = own().get(name) {
            return Ok(Some((bytes.clone(), "this process".to_owned())));
        }
        let Some(file) = self.file(name) else { return Ok(None) };
        let place = file.display().to_string();
        let bytes = read_private(&file).with_context(|| place.clone())?;
        Ok(bytes.map(|bytes| (bytes, place)))
    }

    fn write(&self, name: &'static str, bytes: Vec<u8>) -> Result<()> {
        let written = match self.file(name) {
            Some(file) => write_private(&file, &bytes).with_context(|| file.display().to_string()),
            None => Err(anyhow!("there is no folder for state; set HOME or XDG_STATE_HOME")),
        };
        let mut own = own();
        match written {
            Ok(()) => drop(own.remove(name)),
            Err(_) => drop(own.insert(name, bytes)),
        }
        written
    }

    fn remove(&self, name: &'static str) -> Result<bool> {
        let was_own = own().remove(name).is_some();
        let Some(file) = self.file(name) else { return Ok(was_own) };
        match fs::remove_file(&file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(was_own),
            Err(error) => Err(error).with_context(|| file.display().to_string()),
        }
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        self.0.as_ref().map(|folder| folder.join(name))
    }
}

/// FastF1's own token, where it keeps it.
pub fn fastf1() -> Option<PathBuf> {
    let usual = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
    users_folder("XDG_DATA_HOME", usual).map(|folder| folder.join(Path::new(FASTF1_FILE)))
}

/// The token in a file's bytes, as FastF1 writes it and we do.
fn kept(bytes: &[u8]) -> Option<Kept> {
    let json: Value = serde_json::from_slice(bytes).ok()?;
    if json.get("version")?.as_u64() != Some(FILE_VERSION) {
        return None;
    }
    let mut token = Token::parse(json.get("value")?.as_str()?)?;
    let ends = seconds(json.get("expires_at")?)?;
    // What the token says of itself counts.
    token.ends = token.ends.or(Some(ends));
    Some(Kept { token, after_refusal: json.get("after_refusal").and_then(seconds) })
}

fn own() -> MutexGuard<'static, BTreeMap<&'static str, Vec<u8>>> {
    OWN.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_fastf1_writes_it() {
        let read = |text: &str| kept(text.as_bytes()).map(|kept| kept.token.ends);
        let fastf1 = r#"{"version": 1, "value": "opaque", "expires_at": 1795521600.0}"#;
        assert_eq!(read(fastf1), Some(Some(1_795_521_600)));
        for other in [
            r#"{"version": 2, "value": "opaque", "expires_at": 1795521600}"#,
            r#"{"version": 1, "value": "two words", "expires_at": 1795521600}"#,
            r#"{"version": 1, "value": "opaque", "expires_at": "soon"}"#,
            r#"{"version": 1, "value": "opaque"}"#,
            "[]",
            "",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_kept_is_read_back_and_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store(Some(folder.path().to_owned()));
        let mut token = Token::parse("opaque").unwrap();
        token.ends = Some(7);
        store.keep(&Kept { token, after_refusal: Some(5) }).unwrap();
        let (kept, place) = store.token().unwrap().unwrap();
        assert_eq!((kept.token.secret(), kept.token.ends, kept.after_refusal), ("opaque", Some(7), Some(5)));
        assert!(place.ends_with(TOKEN));
        fs::write(folder.path().join(TOKEN), "{").unwrap();
        assert!(store.token().err().unwrap().to_string().contains("f1-ingest login"));
        assert!(store.forget().unwrap());
        assert!(!store.forget().unwrap());
    }
}
