//! `../shared`: recordings of real upstreams and what FastF1 makes of them. Not part of the project.

use std::path::PathBuf;

use crate::binary::root;
use crate::skip::note;

/// A path in `../shared` (or in `$F1_SHARED`). None if it is absent, which is no failure anywhere: the project has
/// to pass without it. `tests/run` says at its end which it was.
pub fn shared(path: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("F1_SHARED").map_or_else(|| root().join("../shared"), PathBuf::from);
    let found = folder.join(path);
    let is_there = found.exists();
    note(if is_there { "shared-used" } else { "shared-absent" }, path);
    is_there.then_some(found)
}
