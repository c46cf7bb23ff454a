//! What the host itself writes to stdout and stderr. A reader that has gone must not end the program, so a
//! failed write is not an error here.

use std::io::Write;
use std::time::Duration;

use f1_ingest_component::log::{Format, Log};

use crate::variables::variable;

/// Writes `text` to stdout in one piece: its reader may close the pipe after the line that it looked for.
pub fn announce(text: &str) {
    if let Err(error) = std::io::stdout().lock().write_all(text.as_bytes()) {
        tracing::debug!("nobody reads stdout: {error}");
    }
}

/// Writes a line to stderr: what the program does.
pub fn say(text: &str) {
    line(text, Log::info);
}

/// Writes a line to stderr: why the program failed.
pub fn complain(text: &str) {
    line(text, Log::error);
}

/// With the program's name before it; or as JSON, at the level of `say`, if the log is to be JSON.
fn line(text: &str, say: fn(&Log, &str)) {
    let text = text.to_owned();
    aside(move || match is_json() {
        true => say(&Log::new(Format::Json, String::new()), &text),
        false => drop(std::io::stderr().lock().write_all(format!("f1-ingest: {text}\n").as_bytes())),
    });
}

/// Whether the log is to be JSON, as the command line or the environment says.
pub fn is_json() -> bool {
    let arguments: Vec<String> =
        std::env::args_os().map(|text| text.to_string_lossy().into_owned()).collect();
    Format::wanted(&arguments, variable("F1_LOG_FORMAT")) == Format::Json
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
