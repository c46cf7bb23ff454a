//! The Python that `tests/run` sets up, with the packages of `requirements.txt`.

use std::path::PathBuf;

use crate::binary::root;

/// The interpreter, or None, said on stderr, where it is absent.
pub fn python() -> Option<PathBuf> {
    let python = root().join("target/python/bin/python");
    if !python.exists() {
        eprintln!("skipped: there is no {}; tests/run makes it", python.display());
        return None;
    }
    Some(python)
}
