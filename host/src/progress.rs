//! What is being transferred, on stderr, for people who watch: a line that changes on a terminal, and a
//! line per request elsewhere.

use std::io::{IsTerminal, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Method, Uri};
use indicatif::{DecimalBytes, ProgressBar};
use tokio::io::AsyncWrite;

use crate::options;

/// The progress of a run.
#[derive(Clone)]
pub enum Progress {
    Hidden,
    Lines,
    Bar(ProgressBar),
}

impl Progress {
    pub fn new(when: options::Progress) -> Progress {
        match (when, std::io::stderr().is_terminal()) {
            (options::Progress::Never, _) | (options::Progress::Auto, false) => Progress::Hidden,
            (options::Progress::Always, false) => Progress::Lines,
            (_, true) => {
                let bar = ProgressBar::new_spinner();
                bar.enable_steady_tick(Duration::from_millis(100));
                Progress::Bar(bar)
            }
        }
    }

    /// A request has been sent. The query is not shown: it can be long, and can hold secrets.
    pub fn begin(&self, method: &Method, url: &Uri) -> Transfer {
        let label = match self {
            Progress::Hidden => String::new(),
            _ => format!("{method} {}{}", url.host().unwrap_or_default(), url.path()),
        };
        let transfer = Transfer { progress: self.clone(), label, bytes: 0 };
        transfer.show();
        transfer
    }

    /// Prints a line of text on stderr.
    pub fn say(&self, line: &str) {
        match self {
            Progress::Bar(bar) => bar.suspend(|| eprintln!("{line}")),
            _ => eprintln!("{line}"),
        }
    }

    /// Takes the line off the terminal.
    pub fn end(&self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// One response on its way.
pub struct Transfer {
    progress: Progress,
    label: String,
    bytes: u64,
}

impl Transfer {
    pub fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        self.show();
    }

    fn show(&self) {
        if let Progress::Bar(bar) = &self.progress {
            bar.set_message(format!("{} {}", self.label, DecimalBytes(self.bytes)));
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        if let Progress::Lines = self.progress {
            eprintln!("{} {}", self.label, DecimalBytes(self.bytes));
        }
    }
}

/// Standard output or error of the guest, with the progress line out of the way while it writes.
pub struct Beside<W> {
    pub bar: ProgressBar,
    pub to: W,
}

impl<W: Write + Unpin> AsyncWrite for Beside<W> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let bar = self.bar.clone();
        Poll::Ready(bar.suspend(|| self.to.write(data)))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(self.to.flush())
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        self.poll_flush(context)
    }
}
