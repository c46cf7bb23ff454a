//! A made-up Jolpica: 1950 to 2026, every endpoint, on loopback. Whoever starts one decides how it answers, and can
//! change its history meanwhile.

pub mod history;
pub mod page;
pub mod rows;

use std::sync::{Arc, Mutex};

use crate::upstream::{Asked, Reply, Upstream};
use history::History;
use page::{CAP, Page};

/// The server.
pub struct Jolpica {
    upstream: Upstream,
    history: Arc<Mutex<History>>,
}

/// A request that is to be answered.
pub struct Turn<'a> {
    /// How many were before it.
    pub number: usize,
    /// Path and query.
    pub target: &'a str,
    pub history: &'a mut History,
}

impl Turn<'_> {
    /// The right answer.
    pub fn answer(&self) -> Reply {
        self.with(CAP, |page| page.reply())
    }

    /// The right answer of at most `cap` rows, as `meddle` has it; redirects and refusals stay as they are.
    pub fn with(&self, cap: usize, meddle: impl FnOnce(Page) -> Reply) -> Reply {
        Page::of(self.history, self.target, cap).map_or_else(|refusal| refusal, meddle)
    }
}

impl Jolpica {
    /// One without faults.
    pub fn start(history: History) -> Jolpica {
        Jolpica::answering(history, |turn| turn.answer())
    }

    /// One that answers as it is told.
    pub fn answering(history: History, answer: impl FnMut(Turn<'_>) -> Reply + Send + 'static) -> Jolpica {
        let history = Arc::new(Mutex::new(history));
        let (shared, turns) = (history.clone(), Mutex::new((0, answer)));
        let upstream = Upstream::start([Reply::by(move |asked| {
            let mut turns = turns.lock().expect("no test thread panicked");
            let (number, answer) = &mut *turns;
            let mut history = shared.lock().expect("no test thread panicked");
            let target = asked.line.split(' ').nth(1).unwrap_or_default();
            let reply = answer(Turn { number: *number, target, history: &mut history });
            *number += 1;
            reply
        })]);
        Jolpica { upstream, history }
    }

    /// The URL of a document, like `2024/results.json`.
    pub fn url(&self, document: &str) -> String {
        self.upstream.url(&format!("/ergast/f1/{document}"))
    }

    /// Its host and port.
    pub fn authority(&self) -> String {
        self.upstream.authority()
    }

    /// Changes what it knows from now on.
    pub fn change(&self, change: impl FnOnce(&mut History)) {
        change(&mut self.history.lock().expect("no test thread panicked"));
    }

    /// All rows of a document as they are now, in the one answer that a large enough limit gives.
    pub fn whole(&self, document: &str) -> String {
        let history = self.history.lock().expect("no test thread panicked");
        Page::whole(&history, &format!("/ergast/f1/{document}")).text()
    }

    /// The requests as they came.
    pub fn requests(&self) -> Vec<Asked> {
        self.upstream.asked()
    }

    /// What was asked for, without the path that all have in common.
    pub fn asked(&self) -> Vec<String> {
        let target = |line: String| line.split(' ').nth(1).unwrap_or_default().replace("/ergast/f1/", "");
        self.upstream.asked().into_iter().map(|asked| target(asked.line)).collect()
    }
}
