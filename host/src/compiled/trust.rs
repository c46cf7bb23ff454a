//! Whether a folder and a file are this user's alone: whatever else could write to them could have its code run here.

use std::fs::File;
use std::path::Path;

use anyhow::{Result, bail};

/// Fails unless the folder is this user's, no link, and nobody else can write to it or put another one in its place.
#[cfg(unix)]
pub fn folder(path: &Path) -> Result<()> {
    use std::os::unix::fs::MetadataExt;

    const STICKY: u32 = 0o1000;
    let me = rustix::process::geteuid().as_raw();
    let folder = std::fs::symlink_metadata(path)?;
    if !folder.is_dir() || folder.uid() != me {
        bail!("{} is a link or somebody else's: remove it", path.display());
    }
    if folder.mode() & 0o022 != 0 {
        bail!("others may write to {}: chmod go-w it", path.display());
    }
    for above in path.canonicalize()?.ancestors().skip(1) {
        let folder = std::fs::metadata(above)?;
        let is_ours = folder.uid() == me || folder.uid() == 0;
        if !is_ours || (folder.mode() & 0o022 != 0 && folder.mode() & STICKY == 0) {
            bail!("others may write to {}: chmod go-w it, or set XDG_CACHE_HOME", above.display());
        }
    }
    Ok(())
}

/// Opens a file. Fails unless it is this user's, no link, and nobody else can write to it.
#[cfg(unix)]
pub fn open(path: &Path) -> Result<File> {
    use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

    use rustix::fs::OFlags;

    // A pipe in its place would be waited for.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = File::options().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() || found.uid() != rustix::process::geteuid().as_raw() || found.mode() & 0o022 != 0 {
        bail!("it is not this user's alone");
    }
    Ok(file)
}

#[cfg(not(unix))]
pub fn folder(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(not(unix))]
pub fn open(path: &Path) -> Result<File> {
    Ok(File::open(path)?)
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_what_nobody_else_can_write_to_or_replace_is_trusted() {
        let top = tempfile::tempdir().unwrap();
        let (parent, at) = (top.path().join("parent"), top.path().join("parent/cache"));
        fs::create_dir_all(&at).unwrap();
        mode(&parent, 0o755);
        for (own, above, trusted) in [
            (0o700, 0o755, true),
            (0o755, 0o1777, true),
            (0o770, 0o755, false),
            (0o707, 0o755, false),
            (0o700, 0o777, false),
            (0o700, 0o775, false),
        ] {
            mode(&at, own);
            mode(&parent, above);
            assert_eq!(folder(&at).is_ok(), trusted, "{own:o} in {above:o}");
        }
        let link = top.path().join("link");
        symlink(&at, &link).unwrap();
        assert!(folder(&link).is_err());

        let file = at.join("file");
        fs::write(&file, "").unwrap();
        for (own, trusted) in [(0o600, true), (0o644, true), (0o664, false), (0o646, false)] {
            mode(&file, own);
            assert_eq!(open(&file).is_ok(), trusted, "{own:o}");
        }
        let link = at.join("link");
        symlink(&file, &link).unwrap();
        assert!(open(&link).is_err() && open(&at).is_err());
    }
}
