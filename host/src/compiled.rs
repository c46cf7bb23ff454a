//! Compiled components, kept between runs: compiling takes longer than most runs.
//!
//! wasmtime has a cache of its own, but compresses what it keeps, and unpacking took half of a short run. These files
//! are mapped into memory as they are.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::anyhow;
use wasmtime::component::Component;
use wasmtime::{Engine, Result};

/// How many compiled components are kept: the newest ones.
const KEPT: usize = 4;

/// Compiles `wasm`, or takes what an earlier run kept. If it cannot be kept, everything works, only more slowly. Fails
/// if `wasm` is not a component.
pub fn component(engine: &Engine, wasm: &[u8]) -> Result<Component> {
    let file = folder().map(|folder| folder.join(name(engine, wasm)));
    if let Some(component) = file.as_deref().and_then(|file| kept(engine, file)) {
        return Ok(component);
    }
    let component = Component::from_binary(engine, wasm)?;
    if let Some(file) = file
        && let Err(error) = keep(&component, &file)
    {
        tracing::debug!("compiled code is not kept in {}: {error:#}", file.display());
    }
    Ok(component)
}

/// A folder of ours in `XDG_CACHE_HOME` or `~/.cache`.
fn folder() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    caches.filter(|caches| caches.is_absolute()).map(|caches| caches.join("f1-ingest"))
}

/// A name for the code that a component compiles to with this wasmtime, its settings and this processor.
fn name(engine: &Engine, wasm: &[u8]) -> String {
    let mut hash = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hash);
    wasm.hash(&mut hash);
    format!("{:016x}.cwasm", hash.finish())
}

#[allow(unsafe_code)]
fn kept(engine: &Engine, file: &Path) -> Option<Component> {
    if !file.exists() {
        return None;
    }
    // SAFETY: the code in the file is run as it is, so it has to be code that wasmtime compiled. `keep` puts nothing
    // else there, and puts it there whole or not at all, in a folder that only this user can write to. wasmtime refuses
    // a file of another version or with other settings.
    let component = unsafe { Component::deserialize_file(engine, file) };
    component
        .inspect_err(|error| {
            tracing::debug!("not taken from {}, but compiled again: {error:#}", file.display())
        })
        .ok()
}

/// wasmtime's error as one of anyhow's, which the rest of the host uses.
pub fn plain(error: wasmtime::Error) -> anyhow::Error {
    anyhow!("{error:#}")
}

fn keep(component: &Component, file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut make = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut make, 0o700);
    make.recursive(true).create(folder)?;
    let compiled = component.serialize().map_err(plain)?;
    let mut unfinished = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut unfinished, &compiled)?;
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
