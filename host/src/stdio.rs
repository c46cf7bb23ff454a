//! What the host itself writes to stdout and stderr. A reader that has gone must not end the program, so a
//! failed write is not an error here.

use std::io::Write;
use std::time::Duration;

/// Writes `text` to stdout in one piece: its reader may close the pipe after the line that it looked for.
pub fn announce(text: &str) {
    if let Err(error) = std::io::stdout().lock().write_all(text.as_bytes()) {
        tracing::debug!("nobody reads stdout: {error}");
    }
}

/// Writes a line to stderr, with the program's name before it.
pub fn say(text: &str) {
    let line = format!("f1-ingest: {text}\n");
    aside(move || drop(std::io::stderr().lock().write_all(line.as_bytes())));
}

/// Lets `say` write what it has to say, but does not wait for long: nobody may be reading the pipe, and it may be full.
pub fn aside(say: impl FnOnce() + Send + 'static) {
    const PATIENCE: Duration = Duration::from_millis(200);
    let (done, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        say();
        done.send(())
    });
    // Unsaid or said, it goes on.
    let _ = said.recv_timeout(PATIENCE);
}
