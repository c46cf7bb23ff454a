//! Files: replaced as a whole and on the disk when that is done, and kept inside a folder.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::path::{Component, Path, PathBuf};

use tempfile::NamedTempFile;

/// Replaces the content of `file` with `bytes` in one step, and returns when they are on the disk: a reader, or whoever
/// comes after a power cut, sees either the old content or the new.
///
/// What is no plain file of its own stays what it is, and is written in place: the target of a link, a pipe, a device, a
/// mounted file, a file in a folder where no others may be made. Fails if the folder is missing or cannot be written to.
pub fn write_whole(file: &Path, bytes: &[u8]) -> Result<()> {
    let (file, is_open_already) = end_of_links(file)?;
    let before = match fs::metadata(&file) {
        Ok(before) => Some(before),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if is_open_already || before.as_ref().is_some_and(|before| !before.is_file() || has_other_names(before)) {
        return write_in_place(&file, bytes, is_open_already);
    }
    let beside = match beside(&file, before.as_ref()) {
        Err(_) if before.is_some() => return write_in_place(&file, bytes, false),
        beside => beside?,
    };
    match put(beside, &file, bytes) {
        // A file that is mounted alone cannot be replaced.
        Err(_) if before.is_some() => write_in_place(&file, bytes, false),
        put => put,
    }
}

/// As [`write_whole`], for a secret: whatever is there gives way to a new file that nobody but this user can read. Makes
/// the folder.
pub fn write_private(file: &Path, bytes: &[u8]) -> Result<()> {
    make_private(folder_of(file))?;
    // Temporary files have that mode.
    put(named(&mut tempfile::Builder::new()).tempfile_in(folder_of(file))?, file, bytes)
}

/// Reads a file that holds a secret; none if there is none. Fails, and says what to do, if somebody else can read or own
/// it, if it is no file, or if it is longer than a secret is.
pub fn read_private(file: &Path) -> Result<Option<Vec<u8>>> {
    const LONGEST: u64 = 1 << 20;
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits() as i32);
    let opened = match options.open(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let about = opened.metadata()?;
    if !about.is_file() {
        return Err(Error::other("it is not a file; remove it"));
    }
    is_private(&about)?;
    let mut bytes = Vec::new();
    opened.take(LONGEST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LONGEST {
        true => Err(Error::other("it is too long to be one; remove it")),
        false => Ok(Some(bytes)),
    }
}

#[cfg(unix)]
fn is_private(about: &Metadata) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    if about.uid() != rustix::process::geteuid().as_raw() {
        return Err(Error::other("it belongs to another user, and is not used; remove it"));
    }
    let mode = about.mode() & 0o777;
    match mode & 0o077 {
        0 => Ok(()),
        _ => Err(Error::other(format!(
            "others can read or write it (mode {mode:o}), and it is not used; chmod 600 it if only you knew it, \
             else remove it"
        ))),
    }
}

#[cfg(not(unix))]
fn is_private(_: &Metadata) -> Result<()> {
    Ok(())
}

/// Gives a new file its content and its name.
fn put(new: NamedTempFile, file: &Path, bytes: &[u8]) -> Result<()> {
    new.as_file().write_all(bytes)?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    sync_folder(folder_of(file))
}

/// Makes sure that the entries of a folder are on the disk.
pub fn sync_folder(folder: &Path) -> Result<()> {
    match cfg!(unix) {
        true => File::open(folder)?.sync_all(),
        false => Ok(()),
    }
}

/// Makes a folder, and those above it, if they are missing, and returns when those that it made are on the disk.
pub fn make_lasting(folder: &Path) -> Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    make_lasting(folder_of(folder))?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists || !folder.is_dir() => Err(error),
        _ => sync_folder(folder_of(folder)),
    }
}

/// The folder that a file lies in.
pub fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Our own folder among the user's of a kind: in the one that `variable` names, or else in `usual` at home. None if there
/// is no such place.
pub fn own_folder(variable: &str, usual: &str) -> Option<PathBuf> {
    users_folder(variable, usual).map(|all| all.join("f1-ingest"))
}

/// The user's folder of a kind, for all programs.
pub fn users_folder(variable: &str, usual: &str) -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let all = set(variable).or_else(|| Some(set("HOME")?.join(usual)));
    all.filter(|all| all.is_absolute())
}

/// Makes a folder, and those above it, that nobody but this user may look into; one that is there stays as it is.
pub fn make_private(folder: &Path) -> Result<()> {
    let mut make = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
    make.recursive(true).create(folder)
}

/// Whether a relative path stays inside the folder that it is joined to. An empty path does not: it names that
/// folder itself.
pub fn is_inside(path: &Path) -> bool {
    !path.as_os_str().is_empty() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// Where a path leads to, and whether that is something which a process has open, such as `/dev/stdout`.
fn end_of_links(file: &Path) -> Result<(PathBuf, bool)> {
    const MOST: usize = 40;
    let mut at = file.to_owned();
    for _ in 0..MOST {
        if at.starts_with("/proc") || at.starts_with("/dev/fd") {
            return Ok((at, true));
        }
        match fs::read_link(&at) {
            Ok(target) => at = folder_of(&at).join(target),
            Err(_) => return Ok((at, false)),
        }
    }
    Err(Error::other("too many links"))
}

/// How a file is named until it is whole.
fn named<'a>(
    builder: &'a mut tempfile::Builder<'static, 'static>,
) -> &'a mut tempfile::Builder<'static, 'static> {
    builder.prefix(".f1-ingest-").suffix(".tmp")
}

/// An empty file beside another one, with a name of its own and with the owner and mode that the other one has.
fn beside(file: &Path, before: Option<&Metadata>) -> Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    named(&mut builder);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let new = builder.tempfile_in(folder_of(file))?;
    if let Some(before) = before {
        #[cfg(unix)]
        {
            use std::os::unix::fs::{MetadataExt, fchown};
            let made = new.as_file().metadata()?;
            if (made.uid(), made.gid()) != (before.uid(), before.gid()) {
                fchown(new.as_file(), Some(before.uid()), Some(before.gid()))?;
            }
        }
        new.as_file().set_permissions(before.permissions())?;
    }
    Ok(new)
}

fn write_in_place(file: &Path, bytes: &[u8], append: bool) -> Result<()> {
    let mut options = OpenOptions::new();
    options.append(append).write(true).truncate(!append);
    let mut file = open_for_writing(&options, file)?;
    file.write_all(bytes)?;
    match file.metadata()?.is_file() {
        true => file.sync_all(),
        false => Ok(()),
    }
}

/// Opens a file; a pipe that nobody reads must not hold up the program for ever.
#[cfg(unix)]
fn open_for_writing(options: &OpenOptions, file: &Path) -> Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    use std::time::Duration;

    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

    let mut options = options.clone();
    options.custom_flags(OFlags::NONBLOCK.bits() as i32);
    for _ in 0..20 {
        match options.open(file) {
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                std::thread::sleep(Duration::from_millis(50));
            }
            opened => {
                let opened = opened?;
                fcntl_setfl(&opened, fcntl_getfl(&opened)? - OFlags::NONBLOCK)?;
                return Ok(opened);
            }
        }
    }
    Err(Error::new(ErrorKind::BrokenPipe, "nobody reads the pipe"))
}

#[cfg(not(unix))]
fn open_for_writing(options: &OpenOptions, file: &Path) -> Result<File> {
    options.open(file)
}

/// Whether a file has hard links: a new file under one of its names would leave the others behind.
#[cfg(unix)]
fn has_other_names(file: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(file) > 1
}

#[cfg(not(unix))]
fn has_other_names(_: &Metadata) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_file_is_replaced_and_keeps_its_mode_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        write_whole(&file, b"one").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let first = fs::metadata(&file).unwrap().ino();
        write_whole(&file, b"two").unwrap();
        let second = fs::metadata(&file).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"two");
        assert_eq!(second.mode() & 0o777, 0o640);
        assert_ne!(first, second.ino(), "it is another file");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_whole(&folder.path().join("missing/file"), b"").is_err());
    }

    #[test]
    fn a_secret_is_for_its_user_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sub/secret");
        assert!(read_private(&file).unwrap().is_none());
        write_private(&file, b"one").unwrap();
        assert_eq!(read_private(&file).unwrap().as_deref(), Some(&b"one"[..]));
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&file), mode(folder_of(&file))), (0o600, 0o700));
        for open in [0o640, 0o604, 0o620, 0o602] {
            fs::set_permissions(&file, fs::Permissions::from_mode(open)).unwrap();
            let why = read_private(&file).unwrap_err().to_string();
            assert!(why.contains("chmod 600") && why.contains(&format!("{open:o}")), "{why}");
        }
        write_private(&file, b"two").unwrap();
        assert_eq!(mode(&file), 0o600);
        assert!(read_private(folder.path()).unwrap_err().to_string().contains("not a file"));
        if rustix::process::geteuid().is_root() {
            std::os::unix::fs::chown(&file, Some(65534), None).unwrap();
            assert!(read_private(&file).unwrap_err().to_string().contains("another user"));
        }
    }

    #[test]
    fn links_stay_links() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        fs::write(at("sub/target"), "old").unwrap();
        symlink("sub/target", at("link")).unwrap();
        symlink("link", at("link-to-link")).unwrap();
        symlink("sub/new", at("dangling")).unwrap();
        symlink("circle", at("circle")).unwrap();
        fs::write(at("name"), "old").unwrap();
        fs::hard_link(at("name"), at("other-name")).unwrap();
        for (name, target) in
            [("link-to-link", "sub/target"), ("dangling", "sub/new"), ("name", "other-name")]
        {
            write_whole(&at(name), name.as_bytes()).unwrap();
            assert_eq!(fs::read(at(target)).unwrap(), name.as_bytes());
        }
        assert!(at("link").is_symlink() && at("link-to-link").is_symlink() && at("dangling").is_symlink());
        assert!(write_whole(&at("circle"), b"").is_err());
    }

    #[test]
    fn a_pipe_stays_a_pipe_and_one_without_a_reader_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(write_whole(&pipe, b"x").unwrap_err().to_string().contains("nobody reads"));
        let reader = std::thread::spawn({
            let pipe = pipe.clone();
            move || fs::read(pipe).unwrap()
        });
        write_whole(&pipe, b"said").unwrap();
        assert_eq!(reader.join().unwrap(), b"said");
        assert!(!fs::metadata(&pipe).unwrap().is_file());
        write_whole(Path::new("/dev/null"), b"x").unwrap();
    }

    #[test]
    fn what_a_process_has_open_is_added_to() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("out"), folder.path().join("stdout"));
        let mut open = File::create(&file).unwrap();
        open.write_all(b"key\n").unwrap();
        symlink(format!("/proc/self/fd/{}", open.as_raw_fd()), &link).unwrap();
        write_whole(&link, b"summary\n").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"key\nsummary\n");
    }

    #[test]
    fn writers_at_once_each_have_a_temporary_file_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::thread::scope(|scope| {
            for writer in 0..8u8 {
                let file = &file;
                scope.spawn(move || {
                    for _ in 0..20 {
                        write_whole(file, &[writer; 10_000]).unwrap();
                    }
                });
            }
        });
        let text = fs::read(&file).unwrap();
        assert!(text.len() == 10_000 && text.iter().all(|byte| *byte == text[0]));
    }
}
