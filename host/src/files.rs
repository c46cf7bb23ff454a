//! Files: replaced as a whole, and kept inside a folder.

use std::fs;
use std::io::Result;
use std::path::{Component, Path};

/// Replaces the content of `file` with `bytes` in one step: a reader sees either the old content or the new.
/// `<file>.tmp` holds the bytes until then. Fails if the folder is missing or cannot be written to.
pub fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".tmp");
    let unfinished = Path::new(&name);
    fs::write(unfinished, bytes)?;
    fs::rename(unfinished, file).inspect_err(|_| drop(fs::remove_file(unfinished)))
}

/// Whether a relative path stays inside the folder that it is joined to. An empty path does not: it names that
/// folder itself.
pub fn is_inside(path: &Path) -> bool {
    !path.as_os_str().is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)))
}
