//! What is being transferred, on stderr, for people who watch: on a terminal a line for each source, with bytes, rate
//! and, if a length is known, the time left; elsewhere a line for each request.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use f1_ingest_component::source::Source;
use http::{Method, Uri};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use indicatif::{DecimalBytes, HumanDuration, MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use tokio::io::AsyncWrite;
use wasmtime_wasi_http::WasiBody;

use crate::options::When;

/// How the progress of a run is shown.
#[derive(Clone)]
pub enum Progress {
    Hidden,
    Lines,
    Bars(Bars),
}

/// A line for each source that something was transferred for.
#[derive(Clone)]
pub struct Bars {
    all: MultiProgress,
    by_source: Arc<Mutex<HashMap<&'static str, ProgressBar>>>,
}

/// All lines of this process: those of one run after another stand below that of their plan.
static LINES: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

impl Default for Bars {
    fn default() -> Bars {
        Bars { all: LINES.clone(), by_source: Default::default() }
    }
}

/// The line of a plan of so many items; hidden if nobody watches.
pub fn of_plan(when: When, items: usize) -> ProgressBar {
    let Progress::Bars(bars) = Progress::new(when) else { return ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{bar:24} {pos} of {len} items  {wide_msg}");
    let bar =
        ProgressBar::new(items as u64).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bars.all.insert(0, bar)
}

impl Bars {
    /// The line of a source; it appears when it is first asked for.
    fn of(&self, source: &'static str) -> ProgressBar {
        let mut bars = self.by_source.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let bar = self.all.add(ProgressBar::new(0).with_prefix(source).with_style(style()));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        };
        bars.entry(source).or_insert_with(make).clone()
    }
}

/// The length of a line is how many bytes its source has moved so far, and how many are known to come.
fn style() -> ProgressStyle {
    let known = |state: &ProgressState, line: &mut dyn std::fmt::Write| {
        let length = state.len().unwrap_or_default();
        if length > state.pos() {
            let (length, left) = (DecimalBytes(length), HumanDuration(state.eta()));
            // A failed write here loses a line of progress, no more.
            let _ = write!(line, "of {length}, {left:#} left  ");
        }
    };
    let template =
        "{spinner} {prefix:<10}  {decimal_bytes:>9}  {decimal_bytes_per_sec:>11}  {known}{wide_msg}";
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("known", known)
}

impl Progress {
    /// What `--progress` asks for, given what stderr is.
    pub fn new(when: When) -> Progress {
        match (when, std::io::stderr().is_terminal()) {
            (When::Never, _) | (When::Auto, false) => Progress::Hidden,
            (When::Always, false) => Progress::Lines,
            (_, true) => Progress::Bars(Bars::default()),
        }
    }

    /// A request for `source` is on its way. Its query is not shown: it can be long and can hold secrets.
    pub fn begin(&self, source: Option<Source>, method: &Method, url: &Uri) -> Transfer {
        let (host, path) = (url.host().unwrap_or_default(), url.path());
        let label = format!("{method} {host}{path}");
        let bar = match self {
            Progress::Hidden => return Transfer(None),
            Progress::Lines => None,
            Progress::Bars(bars) => {
                Some(bars.of(source.map_or("", Source::name)).with_message(label.clone()))
            }
        };
        Transfer(Some(Arc::new(Moved { label, bar, bytes: AtomicU64::new(0) })))
    }

    /// Takes the lines out of the way while `say` writes to stderr.
    pub fn aside(&self, say: impl FnOnce()) {
        match self {
            Progress::Bars(bars) => bars.all.suspend(say),
            _ => say(),
        }
    }

    /// Takes the lines off the terminal.
    pub fn end(&self) {
        if let Progress::Bars(bars) = self {
            let bars = bars.by_source.lock().unwrap_or_else(PoisonError::into_inner);
            bars.values().for_each(ProgressBar::finish_and_clear);
        }
    }
}

/// A request and its response; none if nobody watches.
pub struct Transfer(Option<Arc<Moved>>);

struct Moved {
    label: String,
    /// The line of its source; without it the request gets a line of its own when it is done.
    bar: Option<ProgressBar>,
    bytes: AtomicU64,
}

impl Transfer {
    /// The body of the request or the response, counted as it passes.
    pub fn counted(&self, body: WasiBody) -> WasiBody {
        let Some(moved) = self.0.clone() else { return body };
        let to_come = body.size_hint().exact().unwrap_or_default();
        if let Some(bar) = &moved.bar {
            if bar.length() == Some(bar.position()) {
                // The rate before the pause says nothing about what comes.
                bar.reset_eta();
            }
            bar.inc_length(to_come);
        }
        let mut count = Count { moved, to_come };
        let count = move |frame: &Frame<Bytes>| {
            count.add(frame.data_ref().map_or(0, |data| data.len() as u64));
        };
        body.inspect_frame(count).boxed_unsync()
    }
}

impl Drop for Moved {
    fn drop(&mut self) {
        let (label, bytes) = (&self.label, DecimalBytes(*self.bytes.get_mut()));
        match &self.bar {
            // A reader of stderr that has gone must not end the run.
            None => drop(writeln!(std::io::stderr(), "{label} {bytes}")),
            Some(bar) if bar.message() == *label => bar.set_message(""),
            Some(_) => {}
        }
    }
}

/// Counts one body.
struct Count {
    moved: Arc<Moved>,
    /// Bytes that have not come yet, but are in the line's length already.
    to_come: u64,
}

impl Count {
    fn add(&mut self, bytes: u64) {
        self.moved.bytes.fetch_add(bytes, Ordering::Relaxed);
        if let Some(bar) = &self.moved.bar {
            let known = bytes.min(self.to_come);
            self.to_come -= known;
            bar.inc_length(bytes - known);
            bar.inc(bytes);
        }
    }
}

impl Drop for Count {
    fn drop(&mut self) {
        // The rest of a body that was broken off does not come any more.
        if let Some(bar) = &self.moved.bar {
            bar.dec_length(self.to_come);
        }
    }
}

/// A terminal beside the progress lines: takes them out of the way while the guest writes.
pub struct Beside<W> {
    pub bars: Bars,
    pub to: W,
}

impl<W: Write + Unpin> AsyncWrite for Beside<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let bars = self.bars.clone();
        Poll::Ready(bars.all.suspend(|| self.to.write(data)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(self.to.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.poll_flush(context)
    }
}
