//! What a check has found: a line for each thing, printed at once.

use std::fmt::Display;

use f1_ingest_component::error::Result;

use crate::stdio::announce;

/// What was found so far.
#[derive(Default)]
pub struct Findings {
    /// Whether anything will keep a run from working.
    pub failed: bool,
}

impl Findings {
    /// `what` works.
    pub fn fine(&self, what: &str, text: impl Display) {
        self.line("ok", what, text);
    }

    /// `what` does not keep a run from working, but is worth knowing.
    pub fn note(&self, what: &str, text: impl Display) {
        self.line("note", what, text);
    }

    /// `what` will keep a run from working.
    pub fn failed(&mut self, what: &str, text: impl Display) {
        self.failed = true;
        self.line("FAILED", what, text);
    }

    fn line(&self, mark: &str, what: &str, text: impl Display) {
        announce(&format!("{mark:<6}  {what:<18}  {text}\n"));
    }

    /// How `what` went when it was tried.
    pub fn verdict(&mut self, what: &str, verdict: Result<String>) {
        match verdict {
            Ok(text) => self.fine(what, text),
            // "Not now" does not mean that the set-up is wrong.
            Err(error) if error.kind.exit_code() == 75 => self.note(what, error),
            Err(error) => self.failed(what, error),
        }
    }
}
