//! What the host itself writes to stdout and stderr. A reader that has gone must not end the program, so a
//! failed write is not an error here.

use std::io::Write;

/// Writes `text` to stdout in one piece: its reader may close the pipe after the line that it looked for.
pub fn announce(text: &str) {
    if let Err(error) = std::io::stdout().lock().write_all(text.as_bytes()) {
        tracing::debug!("nobody reads stdout: {error}");
    }
}

/// Writes a line to stderr, with the program's name before it.
pub fn say(text: &str) {
    let _ = std::io::stderr().lock().write_all(format!("f1-ingest: {text}\n").as_bytes());
}
