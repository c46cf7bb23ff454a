//! Log lines on stderr, as text or as one JSON object a line.

use std::io::Write;

use chrono::{SecondsFormat, Utc};
use serde_json::json;

use crate::error::one_line;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

impl Format {
    pub fn parse(text: &str) -> std::result::Result<Format, String> {
        match text {
            "text" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            _ => Err(format!("{text:?} is neither text nor json")),
        }
    }
}

/// Writes lines in one format.
#[derive(Debug, Clone)]
pub struct Log {
    pub format: Format,
    /// Tells the lines of one run from another's; only JSON lines show it.
    pub run_id: String,
}

impl Log {
    /// What the job did.
    pub fn info(&self, message: &str) {
        self.line("info", message);
    }

    /// What went wrong and was dealt with.
    pub fn warn(&self, message: &str) {
        self.line("warn", message);
    }

    /// What was not done.
    pub fn error(&self, message: &str) {
        self.line("error", message);
    }

    fn line(&self, level: &str, message: &str) {
        let message = one_line(message);
        let time = chrono::DateTime::<Utc>::from(std::time::SystemTime::now())
            .to_rfc3339_opts(SecondsFormat::Millis, true);
        let line = match self.format {
            Format::Text => format!("{time} {level:<5} {message}\n"),
            Format::Json => format!(
                "{}\n",
                json!({"time": time, "level": level, "run_id": self.run_id, "message": message})
            ),
        };
        // A reader of the log that has gone must not end the job: `eprintln!` would panic.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
}
