//! Puts a store's folder in order, whatever a process that was killed, or anybody else, left there.

use std::fs;
use std::io::Result;
use std::path::Path;

use super::{durable, names};
use crate::random;

/// The note that an earlier version left of an object that was not whole yet.
const UNFINISHED: &str = ".f1-ingest.unfinished";

/// Ends what was begun and can be ended, and clears the rest away. Nobody else may be using the folder.
pub fn recover(folder: &Path) -> Result<()> {
    // No name in a note is to be trusted.
    if folder.join(UNFINISHED).symlink_metadata().is_ok() {
        set_aside(folder, UNFINISHED, "a note of an earlier version")?;
    }
    match folder.join(names::STAGED).symlink_metadata() {
        Ok(staged) if staged.is_dir() => durable::settle(folder),
        Ok(_) => set_aside(folder, names::STAGED, "not a folder"),
        Err(_) => Ok(()),
    }
}

fn set_aside(folder: &Path, name: &str, what: &str) -> Result<()> {
    let aside = format!("{name}.{}", random::hex_of(4));
    tracing::warn!("{}: {what}; set aside as {aside}", folder.join(name).display());
    fs::rename(folder.join(name), folder.join(aside))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::names::{STAGED, about};

    #[test]
    fn a_note_of_any_bytes_stops_nothing_and_removes_nothing_whole() {
        let top = tempfile::tempdir().unwrap();
        let folder = top.path().join("store");
        fs::create_dir_all(folder.join("bucket/sub")).unwrap();
        fs::write(folder.join("bucket/whole"), "whole").unwrap();
        fs::write(top.path().join("outside"), "outside").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(top.path(), folder.join("bucket/out")).unwrap();
        let long = format!("bucket/{}", "x".repeat(300));
        let notes: [&[u8]; 9] = [
            b"",
            b"\0\0\0",
            &[0xff, 0xfe, 7],
            long.as_bytes(),
            b"bucket/whole/below",
            b"bucket/a\0b",
            b"bucket/sub",
            b"../outside",
            b"bucket/out/outside",
        ];
        for name in [UNFINISHED, STAGED] {
            for note in notes {
                fs::write(folder.join(name), note).unwrap();
                recover(&folder).unwrap();
                assert!(folder.join(name).symlink_metadata().is_err(), "{name} {note:?}");
            }
            fs::create_dir(folder.join(name)).unwrap();
            recover(&folder).unwrap();
            assert!(!folder.join(name).exists());
        }
        #[cfg(unix)]
        for target in [top.path(), Path::new("nowhere")] {
            std::os::unix::fs::symlink(target, folder.join(STAGED)).unwrap();
            recover(&folder).unwrap();
            assert!(folder.join(STAGED).symlink_metadata().is_err());
        }
        assert!(folder.join("bucket/whole").exists() && folder.join("bucket/sub").exists());
        assert!(top.path().join("outside").exists());
    }

    #[test]
    fn odd_names_beside_what_is_staged_stop_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at(STAGED)).unwrap();
        for odd in ["", "x", "/", "bucket", "../../x", "/etc/x", "bucket/\u{0}"] {
            fs::write(at(&about(STAGED, odd, "metadata")), "{}").unwrap();
        }
        fs::write(at(".bucket-.object-.metadata.json"), "").unwrap();
        fs::write(at(".bucket-!.object-?.internal.json"), "").unwrap();
        recover(folder.path()).unwrap();
        assert!(!at(STAGED).exists());
    }
}
