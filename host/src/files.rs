//! Files that others read while this program writes them.

use std::fs;
use std::io::Result;
use std::path::Path;

/// Puts `bytes` in the place of a file's old content at once: a reader sees the one or the other.
pub fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(".tmp");
    let unfinished = Path::new(&name);
    fs::write(unfinished, bytes)?;
    fs::rename(unfinished, file).inspect_err(|_| drop(fs::remove_file(unfinished)))
}
