//! `f1-ingest component`: the component that this binary carries, for any other runtime.

use std::borrow::Cow;
use std::path::Path;

use anyhow::{Context, Result};
use wasmtime::{Config, Engine};

use crate::compiled::plain;
use crate::sandbox::EMBEDDED_COMPONENT;
use crate::stdio::announce;

/// What the component asks of a runtime, and what it does for one.
const WORLD: &str = include_str!("../../../wit/world.wit");

/// Writes the component to `output`, and prints its world if `wit` is set. Fails if the file cannot be written.
///
/// A `precompiled` one is for wasmtime's own command of the same version, with what WASI 0.3 needs switched off:
/// `wasmtime run -S http,p3=n -W concurrency-support=n --allow-precompiled`. This host takes no precompiled file: it
/// could not tell a component from any other machine code.
pub fn component(output: Option<&Path>, precompiled: bool, wit: bool) -> Result<u8> {
    if wit {
        announce(WORLD);
    }
    if let Some(output) = output {
        let bytes = match precompiled {
            true => Cow::Owned(compiled().map_err(plain)?),
            false => Cow::Borrowed(EMBEDDED_COMPONENT),
        };
        std::fs::write(output, bytes).with_context(|| format!("cannot write {}", output.display()))?;
    }
    Ok(0)
}

fn compiled() -> wasmtime::Result<Vec<u8>> {
    Engine::new(&Config::new())?.precompile_component(EMBEDDED_COMPONENT)
}
