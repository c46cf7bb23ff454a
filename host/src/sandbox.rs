//! What the component may do and how much of it: its requests, environment, files, memory and time.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use f1_ingest_component::error::Error;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable, ResourceTableError};
use wasmtime::{Config, Engine, ResourceLimiter, Store, StoreContextMut, Trap};
use wasmtime_wasi::cli::AsyncStdoutStream;
use wasmtime_wasi::p2::subscribe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::compiled::{self, plain};
use crate::options::HostOptions;
use crate::outbound::{Hooks, Outbound};
use crate::progress::{Beside, Progress};
use crate::stop::{Nap, Stop, within};
use crate::variables::Variables;
use crate::witness::Heard;

/// The component that `build.rs` built.
pub const EMBEDDED_COMPONENT: &[u8] = include_bytes!(env!("F1_INGEST_COMPONENT"));

/// Its BLAKE3 hash, in hex.
const EMBEDDED_HASH: &str = env!("F1_INGEST_COMPONENT_HASH");

/// What a guest may hold of the host: requests, bodies, lists of headers, things to wait for. Far more than the job
/// needs. Each takes the host's memory, a list of headers up to 128 KiB.
const HANDLES: usize = 1_000;

/// How often a busy guest is interrupted, if it is at all.
const TICK: Duration = Duration::from_millis(20);

/// What becomes of a guest that computes on when its time is over.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Overdue {
    /// It is interrupted: this process goes on without it.
    Interrupted,
    /// It ends with the process, which is about to end. To ask whether it is to be interrupted takes a guest a quarter
    /// of its time.
    LeftBehind,
}

/// A component, compiled and linked to WASI, and its limits.
pub struct Sandbox {
    engine: Engine,
    pub component: InstancePre<Guest>,
    overdue: Overdue,
    /// The memory limit, in bytes.
    memory: usize,
}

impl Sandbox {
    /// Compiles the component that the options name and links it. Fails if the file cannot be read, is not a component
    /// or needs more of its runtime than WASI.
    pub fn new(options: &HostOptions, overdue: Overdue) -> Result<Sandbox> {
        let mut config = Config::new();
        config.epoch_interruption(overdue == Overdue::Interrupted);
        // Both are for debuggers, and would lengthen what every start reads.
        config.generate_address_map(false);
        config.native_unwind_info(false);
        let engine = Engine::new(&config).map_err(plain)?;
        let component = match &options.component {
            None => compiled::component(&engine, EMBEDDED_COMPONENT, EMBEDDED_HASH).map_err(plain)?,
            Some(file) => load(&engine, file, options.timeout)?,
        };
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(plain)?;
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker).map_err(plain)?;
        wakeful(&mut linker).map_err(plain)?;
        let component = linker.instantiate_pre(&component).map_err(|error| {
            Error::usage(format!("the component needs something that the sandbox lacks: {error:#}"))
        })?;
        if overdue == Overdue::Interrupted {
            tick(&engine);
        }
        Ok(Sandbox { engine, component, overdue, memory: options.max_memory })
    }

    /// A fresh sandbox for one run: these variables, this file, these requests, and nothing else.
    pub fn guest(
        &self,
        variables: &Variables,
        file: Option<&MockFile>,
        outbound: Arc<Outbound>,
    ) -> Result<Store<Guest>> {
        let mut wasi = WasiCtx::builder();
        for (name, value) in variables {
            wasi.env(name, value);
        }
        streams(&mut wasi, &outbound);
        if let Some(file) = file {
            wasi.preopened_dir(file.folder.path(), &file.shown_in, FsPerms::ReadOnly).map_err(plain)?;
        }
        let guest = Guest {
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            table: handles(),
            stop: outbound.watch.stop.clone(),
            hooks: Hooks(outbound),
            memory: Memory { limit: self.memory, used: 0, hit: false },
        };
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.memory);
        if self.overdue == Overdue::Interrupted {
            store.set_epoch_deadline(1);
            store.epoch_deadline_async_yield_and_update(1);
        }
        Ok(store)
    }

    /// Calls the component.
    ///
    /// The error is one line: which limit was hit and what raises it, or how the component crashed.
    pub async fn limited<T>(
        &self,
        guest: &mut Store<Guest>,
        call: impl AsyncFnOnce(&mut Store<Guest>) -> wasmtime::Result<T>,
    ) -> Result<T> {
        call(guest).await.map_err(|error| match error.downcast_ref::<Trap>() {
            _ if guest.data().memory.hit => {
                let mebibytes = self.memory as f64 / f64::from(1 << 20);
                anyhow!("stopped: {mebibytes} MiB of memory are not enough, raise --max-memory")
            }
            Some(trap) => anyhow!("the component crashed: {trap}"),
            None if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) => {
                anyhow!("stopped: the component holds more than {HANDLES} handles of the host's")
            }
            None => anyhow!("the component failed: {}", error.root_cause()),
        })
    }
}

/// Interrupts the engine's guests from time to time, for as long as there is the engine.
fn tick(engine: &Engine) {
    let ticks = engine.weak();
    std::thread::spawn(move || {
        while let Some(engine) = ticks.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    });
}

fn load(engine: &Engine, file: &Path, limit: Duration) -> Result<Component> {
    let usage = |error| Error::usage(format!("--component {}: {error:#}", file.display()));
    // It may be a pipe that nobody writes to.
    let read = within(limit, {
        let file = file.to_owned();
        move || std::fs::read(file)
    });
    let bytes = read?.map_err(|error| usage(error.into()))?;
    let hash = blake3::hash(&bytes).to_hex();
    Ok(compiled::component(engine, &bytes, &hash)
        .map_err(|error| usage(anyhow!("{}", error.root_cause())))?)
}

/// Lets a stop wake a guest that sleeps.
fn wakeful(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance("wasi:clocks/monotonic-clock@0.2.12")?.func_wrap(
        "subscribe-duration",
        |mut store: StoreContextMut<'_, Guest>, (nanoseconds,): (u64,)| {
            let Guest { table, stop, .. } = store.data_mut();
            let nap = table.push(Nap::new(Duration::from_nanos(nanoseconds), stop))?;
            Ok((subscribe(table, nap)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Room for [`HANDLES`].
fn handles() -> ResourceTable {
    let mut table = ResourceTable::new();
    table.set_max_capacity(HANDLES);
    table
}

/// Gives the guest this process's stdout and stderr, but no input.
fn streams(wasi: &mut WasiCtxBuilder, outbound: &Outbound) {
    /// Bytes that a guest may write before it has to wait.
    const BUDGET: usize = 64 << 10;
    let witness = outbound.watch.witness.clone();
    match &outbound.progress {
        Progress::Bars(bars) => {
            wasi.stdout(AsyncStdoutStream::new(
                BUDGET,
                Heard { witness, to: Beside { bars: bars.clone(), to: std::io::stdout() } },
            ));
            wasi.stderr(AsyncStdoutStream::new(BUDGET, Beside { bars: bars.clone(), to: std::io::stderr() }));
        }
        _ => {
            wasi.stdout(AsyncStdoutStream::new(BUDGET, Heard { witness, to: tokio::io::stdout() }));
            wasi.stderr(AsyncStdoutStream::new(BUDGET, tokio::io::stderr()));
        }
    }
}

/// The one file that a run may read.
///
/// WASI gives access to directories only, so the guest gets a private one that holds this file alone.
pub struct MockFile {
    folder: tempfile::TempDir,
    /// The directory part of the path that the guest will open.
    shown_in: String,
}

impl MockFile {
    /// Makes `path` readable to the guest under the same path. Fails if it is not a file that can be read.
    pub fn new(path: &str) -> Result<MockFile> {
        let usage = |error: &dyn std::fmt::Display| Error::usage(format!("--mock-file {path}: {error}"));
        let file = Path::new(path).canonicalize().map_err(|error| usage(&error))?;
        // A pipe would be opened as soon as somebody writes to it.
        let name =
            Path::new(path).file_name().filter(|_| file.is_file()).ok_or_else(|| usage(&"not a file"))?;
        std::fs::File::open(&file).map_err(|error| usage(&error))?;
        let folder = tempfile::tempdir().context("--mock-file needs a temporary folder: /tmp, or TMPDIR")?;
        let inside = folder.path().join(name);
        std::fs::hard_link(&file, &inside)
            .or_else(|_| std::fs::copy(&file, &inside).map(drop))
            .context("cannot copy the mock file")?;
        let parent = Path::new(path).parent().and_then(Path::to_str).unwrap_or_default();
        let shown_in = if parent.is_empty() { "." } else { parent };
        Ok(MockFile { folder, shown_in: shown_in.to_owned() })
    }
}

/// Counts the guest's memory, and ends a guest that wants more than the limit.
struct Memory {
    /// In bytes, as is `used`.
    limit: usize,
    used: usize,
    /// Whether the limit was hit.
    hit: bool,
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        if used > self.limit {
            self.hit = true;
            wasmtime::bail!("more than {} bytes of memory", self.limit);
        }
        self.used = used;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        /// Far more than a component of this size has. A limit, because a table takes the host's memory.
        const ELEMENTS: usize = 100_000;
        Ok(desired <= ELEMENTS)
    }
}

/// What the host keeps for a running component.
pub struct Guest {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    hooks: Hooks,
    stop: Stop,
    memory: Memory,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { ctx: &mut self.http, table: &mut self.table, hooks: &mut self.hooks }
    }
}
