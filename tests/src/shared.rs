//! `../shared`: recordings of real upstreams and what FastF1 makes of them. Not part of the project.

use std::path::PathBuf;

use crate::binary::root;

/// A path in `../shared` (or in `$F1_SHARED`), or None, said on stderr, where it is absent.
pub fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("F1_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let found = folder.join(path);
    if !found.exists() {
        eprintln!("skipped: {} is not here", found.display());
        return None;
    }
    Some(found)
}
