//! Log lines on stderr, as text or as one JSON object a line.

use std::io::Write;

use chrono::{SecondsFormat, Utc};
use serde_json::{Map, Value};

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

    /// What a command line asks for, or else a variable. It is asked before either was understood, as a collector of logs
    /// must hear of a refusal as well.
    pub fn wanted(arguments: &[String], variable: Option<String>) -> Format {
        let option = arguments.iter().enumerate().rev().find_map(|(at, argument)| match argument.as_str() {
            "--log-format" => arguments.get(at + 1).cloned(),
            argument => argument.strip_prefix("--log-format=").map(str::to_owned),
        });
        option.or(variable).and_then(|format| Format::parse(&format).ok()).unwrap_or(Format::Text)
    }
}

/// What a JSON line has beside its message: `source`, `item`, `key`, `bytes`, `url`, `status`, `attempt`.
pub type Field = (&'static str, Value);

/// Writes lines in one format.
#[derive(Debug, Clone)]
pub struct Log {
    pub format: Format,
    /// Tells the lines of one run from another's; only JSON lines show it.
    pub run_id: String,
    /// What the lines are about; only JSON lines show it.
    fields: Vec<Field>,
}

impl Log {
    pub fn new(format: Format, run_id: String) -> Log {
        Log { format, run_id, fields: Vec::new() }
    }

    /// A log whose lines have these fields too.
    pub fn with(&self, fields: impl IntoIterator<Item = Field>) -> Log {
        let fields = self.fields.iter().cloned().chain(fields).collect();
        Log { fields, ..self.clone() }
    }

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
            Format::Json => format!("{}\n", self.object(&time, level, &message)),
        };
        // A reader of the log that has gone must not end the job: `eprintln!` would panic.
        let _ = std::io::stderr().write_all(line.as_bytes());
    }

    fn object(&self, time: &str, level: &str, message: &str) -> Value {
        let always = [("time", time), ("level", level), ("run_id", &self.run_id), ("message", message)];
        let always = always.map(|(name, value)| (name, Value::from(value)));
        let fields = always.into_iter().chain(self.fields.iter().cloned());
        Value::Object(Map::from_iter(fields.map(|(name, value)| (name.to_owned(), value))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_line_has_the_fields_of_what_it_is_about() {
        let log = Log::new(Format::Json, "r".into()).with([("source", "jolpica".into())]);
        let log = log.with([("attempt", 2.into()), ("source", "fastf1".into())]);
        let expected = serde_json::json!({
            "time": "t", "level": "warn", "run_id": "r", "message": "m", "source": "fastf1", "attempt": 2,
        });
        assert_eq!(log.object("t", "warn", "m"), expected);
    }
}
