//! What became of a run's token, for those who hear of the run.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use f1_ingest_component::log::Log;

use super::token::{Token, instant};
use super::{PASSWORD, USERNAME};

/// What was logged: a backfill is many runs, and a warning of the token is none of each.
static SAID: Mutex<Option<HashSet<String>>> = Mutex::new(None);

#[derive(Debug, Default, Clone)]
pub struct Told {
    /// Whether the run had a use for one.
    pub wanted: bool,
    /// The unix second of its end.
    pub ends: Option<u64>,
    /// Where it is from.
    pub place: Option<String>,
    /// Why there is no new one, though there is somebody to sign in.
    pub failure: Option<String>,
    pub warnings: Vec<String>,
}

impl Told {
    /// The run has this token. One that nobody renews is warned of a day ahead.
    pub fn has(&mut self, token: &Token, place: &str, renews: bool, now: u64, log: &Log) {
        self.ends = token.ends;
        self.place = Some(place.to_owned());
        if !renews && token.ends_soon(now) {
            let when = if token.is_valid(now) { "ends" } else { "has ended" };
            let at = token.ends.map(instant).unwrap_or_default();
            self.warn(
                format!(
                    "the F1TV token ({place}) {when} at {at}; get a new one (f1-ingest login), or set {USERNAME} and \
                     {PASSWORD}, by which runs sign in themselves"
                ),
                log,
            );
        }
    }

    /// There is no new token.
    pub fn failed(&mut self, why: &anyhow::Error, log: &Log) {
        let why = format!("not signed in to F1TV: {why:#}");
        self.failure = Some(why.clone());
        self.warn(why, log);
    }

    pub fn warn(&mut self, warning: String, log: &Log) {
        let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        if said.get_or_insert_default().insert(warning.clone()) {
            log.warn(&warning);
        }
        self.warnings.push(warning);
    }
}
