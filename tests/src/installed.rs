//! What `tests/run` installs under `target/`.

use std::path::PathBuf;

use crate::binary::root;
use crate::skip::skip;

/// A file or folder below `target/`; the test is skipped if it is absent.
pub fn installed(path: &str) -> Option<PathBuf> {
    let found = root().join("target").join(path);
    if !found.exists() {
        skip(&format!("there is no target/{path}; tests/run makes it"));
        return None;
    }
    Some(found)
}

/// The Python with the packages of `requirements.txt`.
pub fn python() -> Option<PathBuf> {
    installed("python/bin/python")
}
