//! What is being transferred, on stderr, for people who watch: a line per host with bytes, rate and, where the
//! length is known, the time left on a terminal; a line per request elsewhere.

use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Method, Uri};
use indicatif::{DecimalBytes, MultiProgress, ProgressBar, ProgressStyle};
use tokio::io::AsyncWrite;

use crate::options;

/// The progress of a run.
#[derive(Clone)]
pub enum Progress {
    Hidden,
    Lines,
    Bars(Bars),
}

/// A line for each host that was asked.
#[derive(Clone, Default)]
pub struct Bars {
    all: MultiProgress,
    by_host: Arc<Mutex<HashMap<String, ProgressBar>>>,
}

const LINE: &str = "{spinner} {prefix}  {bytes}  {bytes_per_sec}  {msg}";
const LINE_WITH_LENGTH: &str =
    "{spinner} {prefix}  {bytes} of {total_bytes}  {bytes_per_sec}, {eta} left  {msg}";

impl Bars {
    fn of(&self, host: &str) -> ProgressBar {
        let mut bars = self.by_host.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let bar = self.all.add(ProgressBar::new_spinner().with_prefix(host.to_owned()));
            bar.set_style(style(LINE));
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        };
        bars.entry(host.to_owned()).or_insert_with(make).clone()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Progress {
    pub fn new(when: options::Progress) -> Progress {
        match (when, std::io::stderr().is_terminal()) {
            (options::Progress::Never, _) | (options::Progress::Auto, false) => Progress::Hidden,
            (options::Progress::Always, false) => Progress::Lines,
            (_, true) => Progress::Bars(Bars::default()),
        }
    }

    /// A request has been sent. The query is not shown: it can be long, and can hold secrets.
    pub fn begin(&self, method: &Method, url: &Uri) -> Transfer {
        let (host, path) = (url.host().unwrap_or_default(), url.path());
        let shown = match self {
            Progress::Hidden => Shown::Nowhere,
            Progress::Lines => Shown::AsLine(format!("{method} {host}{path}")),
            Progress::Bars(bars) => {
                let bar = bars.of(host);
                bar.set_message(format!("{method} {path}"));
                Shown::On(bar)
            }
        };
        Transfer { shown, bytes: 0 }
    }

    /// Lets `say` write on stderr, with the lines out of the way.
    pub fn aside(&self, say: impl FnOnce()) {
        match self {
            Progress::Bars(bars) => bars.all.suspend(say),
            _ => say(),
        }
    }

    /// Takes the lines off the terminal.
    pub fn end(&self) {
        if let Progress::Bars(bars) = self {
            let bars = bars.by_host.lock().unwrap_or_else(PoisonError::into_inner);
            bars.values().for_each(ProgressBar::finish_and_clear);
        }
    }
}

/// One response on its way.
pub struct Transfer {
    shown: Shown,
    bytes: u64,
}

enum Shown {
    Nowhere,
    AsLine(String),
    On(ProgressBar),
}

impl Transfer {
    /// The response's length, where it says one.
    pub fn expect(&mut self, length: Option<u64>) {
        if let (Shown::On(bar), Some(length)) = (&self.shown, length) {
            // What came before from this host stays on its line.
            bar.set_length(bar.position() + length);
            bar.set_style(style(LINE_WITH_LENGTH));
        }
    }

    pub fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        if let Shown::On(bar) = &self.shown {
            bar.inc(bytes);
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        match &self.shown {
            // A reader of stderr that has gone must not end the run.
            Shown::AsLine(label) => {
                drop(writeln!(std::io::stderr(), "{label} {}", DecimalBytes(self.bytes)));
            }
            Shown::On(bar) => {
                bar.unset_length();
                bar.set_style(style(LINE));
            }
            Shown::Nowhere => {}
        }
    }
}

/// Standard output or error of the guest, with the progress lines out of the way while it writes.
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
