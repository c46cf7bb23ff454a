//! Compiled components, kept between runs: compiling takes longer than most runs.
//!
//! wasmtime has a cache of its own, but compresses what it keeps, and unpacking took half of a short run. These files
//! hold the code as it is, its key and a checksum.

mod trust;

use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, anyhow, bail};
use crc_fast::{CrcAlgorithm, Digest};
use wasmtime::component::Component;
use wasmtime::{Engine, Result};

use crate::files::{folder_of, make_private, own_folder};

/// How many compiled components are kept: the newest ones. There are two for each version: one can be interrupted.
const KEPT: usize = 8;

/// How many bytes follow the code: its key, and a checksum.
const SEAL: usize = 32 + 8;

/// What these bytes are: other versions' files, which end otherwise, have other names.
const SEALED_BY: &[u8] = b"key and CRC-64";

/// Compiles `wasm`, which has this BLAKE3 hash, or takes what an earlier run kept. If it cannot be kept, everything works,
/// only more slowly. Fails if `wasm` is not a component.
pub fn component(engine: &Engine, wasm: &[u8], hash: &str) -> Result<Component> {
    let key = key(engine, hash);
    let folder = own_folder("XDG_CACHE_HOME", ".cache");
    let file = folder.map(|folder| folder.join(format!("{}.cwasm", hex::encode(&key[..16]))));
    match file.as_deref().map(|file| found(engine, file, &key)) {
        Some(Ok(Some(component))) => return Ok(component),
        Some(Err(error)) => tracing::warn!("compiling anew, which takes longer: {error:#}"),
        _ => {}
    }
    let component = Component::from_binary(engine, wasm)?;
    if let Some(file) = file
        && let Err(error) = keep(&component, &file, &key)
    {
        tracing::debug!("compiled code is not kept in {}: {error:#}", file.display());
    }
    Ok(component)
}

fn found(engine: &Engine, file: &Path, key: &[u8; 32]) -> anyhow::Result<Option<Component>> {
    let folder = folder_of(file);
    if folder.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    trust::folder(folder)?;
    kept(engine, file, key).with_context(|| format!("{} is not taken", file.display()))
}

/// What a component is compiled to with this wasmtime, its settings and this processor has this digest's key: no other
/// component's code, and no other wasmtime's, passes for it.
///
/// Who may write to such a file could forge any digest that is kept there; `trust` keeps others away. What is left is
/// damage, and CRC-64 sees it in a tenth of the time that a cryptographic hash takes, which every start would wait for.
fn key(engine: &Engine, hash: &str) -> [u8; 32] {
    struct Into<'a>(&'a mut blake3::Hasher);
    impl Hasher for Into<'_> {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = blake3::Hasher::new();
    engine.precompile_compatibility_hash().hash(&mut Into(&mut hasher));
    hasher.update(SEALED_BY);
    *hasher.update(hash.as_bytes()).finalize().as_bytes()
}

/// What was kept for `key`; none if there is nothing. Fails, and says why, if what is there cannot be trusted.
#[allow(unsafe_code)]
fn kept(engine: &Engine, file: &Path, key: &[u8; 32]) -> anyhow::Result<Option<Component>> {
    if file.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    let file = trust::open(file)?;
    // Into memory of our own: a mapped file could change, or end, under our feet.
    let mut copy = Copy::new()?;
    copy_checked(file, key, &mut copy)?;
    // SAFETY: the code is run as it is, so it has to be code that wasmtime compiled. `keep` puts nothing else into such a
    // file; `trust` has seen that nobody but this user can write to the file, to its folder, or put others in their
    // place; the digest, that these bytes are what `keep` wrote, for this component, this wasmtime and its settings.
    // Nobody else has the copy.
    let component = unsafe {
        match &copy {
            #[cfg(target_os = "linux")]
            Copy::Mapped(file) => Component::deserialize_file(engine, path_of(file)),
            Copy::Bytes(bytes) => Component::deserialize(engine, bytes),
        }
    };
    component.map(Some).map_err(plain)
}

/// Copies code whose digest follows it. Fails if they do not belong together; the copy is nobody's then.
fn copy_checked(mut file: File, key: &[u8; 32], copy: &mut Copy) -> anyhow::Result<()> {
    let mut left = file.metadata()?.len().checked_sub(SEAL as u64).context("it is cut short")?;
    let (mut sum, mut piece) = (checksum(), vec![0; 1 << 18]);
    while left > 0 {
        let length = left.min(piece.len() as u64);
        let piece = &mut piece[..length as usize];
        file.read_exact(piece)?;
        sum.update(piece);
        copy.write_all(piece)?;
        left -= length;
    }
    let mut seal = [0; SEAL];
    file.read_exact(&mut seal)?;
    if seal != sealed(key, &sum) {
        bail!("it is damaged, or another component's");
    }
    Ok(())
}

fn checksum() -> Digest {
    Digest::new(CrcAlgorithm::Crc64Nvme)
}

/// What follows code that has this key and checksum.
fn sealed(key: &[u8; 32], sum: &Digest) -> [u8; SEAL] {
    let mut seal = [0; SEAL];
    let (of_key, of_sum) = seal.split_at_mut(key.len());
    of_key.copy_from_slice(key);
    of_sum.copy_from_slice(&sum.finalize().to_le_bytes());
    seal
}

/// Compiled code in memory.
enum Copy {
    /// A file without a name, of which wasmtime maps the pages that it needs, without copying them again.
    #[cfg(target_os = "linux")]
    Mapped(File),
    Bytes(Vec<u8>),
}

impl Copy {
    fn new() -> std::io::Result<Copy> {
        #[cfg(target_os = "linux")]
        if Path::new("/proc/self/fd").exists() {
            let file = rustix::fs::memfd_create("f1-ingest", rustix::fs::MemfdFlags::CLOEXEC)?;
            return Ok(Copy::Mapped(file.into()));
        }
        Ok(Copy::Bytes(Vec::new()))
    }

    fn write_all(&mut self, piece: &[u8]) -> std::io::Result<()> {
        match self {
            #[cfg(target_os = "linux")]
            Copy::Mapped(file) => file.write_all(piece),
            Copy::Bytes(bytes) => bytes.write_all(piece),
        }
    }
}

/// Where a file of this process can be opened that has no name.
#[cfg(target_os = "linux")]
fn path_of(file: &File) -> PathBuf {
    use std::os::fd::AsRawFd;
    format!("/proc/self/fd/{}", file.as_raw_fd()).into()
}

/// wasmtime's error as one of anyhow's, which the rest of the host uses.
pub fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}

fn keep(component: &Component, file: &Path, key: &[u8; 32]) -> anyhow::Result<()> {
    let folder = folder_of(file);
    make_private(folder)?;
    trust::folder(folder)?;
    let compiled = component.serialize().map_err(plain)?;
    let mut unfinished = tempfile::NamedTempFile::new_in(folder)?;
    unfinished.write_all(&compiled)?;
    let mut sum = checksum();
    sum.update(&compiled);
    unfinished.write_all(&sealed(key, &sum))?;
    unfinished.persist(file)?;
    let mut files: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .filter_map(|file| {
            file.ok().and_then(|file| Some((file.metadata().ok()?.modified().ok()?, file.path())))
        })
        .filter(|(_, path)| path.extension().is_some_and(|extension| extension == "cwasm"))
        .collect();
    files.sort();
    for (_, old) in files.iter().rev().skip(KEPT) {
        fs::remove_file(old)?;
    }
    Ok(())
}
