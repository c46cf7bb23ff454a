//! The items of a plan, each in a sandbox of its own, and what became of them noted in the catalogue.

use std::collections::VecDeque;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{DateTime, TimeDelta, Utc};
use f1_ingest_component::catalog::Reading;
use f1_ingest_component::catalog::lake::Version;
use f1_ingest_component::catalog::record::{Entry, Record, RunNote, SCHEMA, entries};
use f1_ingest_component::error::{Error, Kind};
use f1_ingest_component::http::url::authority;
use f1_ingest_component::job::Job;
use f1_ingest_component::jolpica::changes::Changes;
use f1_ingest_component::log::Log;
use f1_ingest_component::options::{Command, read};
use f1_ingest_component::plan::Planned;
use f1_ingest_component::plan::due::Why;
use f1_ingest_component::report::{Failure, Report};
use f1_ingest_component::s3::key::Key;
use f1_ingest_component::source::Source;
use indicatif::ProgressBar;

use super::hour::Hour;
use super::now;
use super::refusals::{Refusals, instant, shown};
use crate::budget::Budget;
use crate::lake::{Lake, document};
use crate::observe::Observers;
use crate::options::{HostOptions, When};
use crate::outcome::Outcome;
use crate::progress::of_plan;
use crate::runner::{Limit, Runner};
use crate::sandbox::Overdue;
use crate::signals::Ending;
use crate::variables::Variables;

/// So many items are done before they are noted, or so long.
const NOTED: (usize, Duration) = (100, Duration::from_secs(30));

/// How many items are under way at once where no upstream has to be spared.
const AT_ONCE: usize = 4;

/// A backfill under way.
pub struct Backfill<'a> {
    lake: &'a Lake,
    runner: Arc<Runner>,
    arguments: &'a [String],
    pub reading: Reading,
    /// Whether to sleep until a host that has had enough answers again.
    waits: bool,
    ending: Ending,
    log: Log,
    run: RunNote,
    hour: Hour,
    /// How many items may be under way.
    at_once: usize,
    bar: ProgressBar,
    fresh: Vec<Entry>,
    noted: (usize, Instant),
    /// All that happened, for the observers.
    pub report: Report,
    /// Which rows of new versions differ, a line an item.
    pub changes: Vec<String>,
    /// When the token ends, if there is one.
    pub token_ends: Option<u64>,
    refusals: Refusals,
}

/// An item that is to be fetched.
type Due = (Planned, Why);

/// What a sandbox is given for an item.
type Call = (Vec<String>, Variables, Job);

/// What comes before an item.
enum Before {
    Run(Box<Call>),
    /// Its hosts have had enough.
    PutOff,
    /// It has to wait until then.
    Wait(DateTime<Utc>),
}

/// What comes after an item.
enum Next {
    Go,
    /// This item again, from then on.
    Again(DateTime<Utc>),
    /// The end was asked for: the item is dropped.
    Dropped,
    /// The store takes nothing: there is no use in going on.
    Stop,
}

impl<'a> Backfill<'a> {
    pub fn new(
        lake: &'a Lake,
        host: HostOptions,
        arguments: &'a [String],
        reading: Reading,
        waits: bool,
        ending: Ending,
        log: Log,
    ) -> Result<Backfill<'a>> {
        let (is_replay, bar) = (!host.replay.is_empty(), of_plan(host.progress, 0));
        let budget = Budget::of(&lake.job).filter(|_| !is_replay);
        let is_free = lake.job.requests_per_second == 0 && budget.is_none();
        let at_once = if is_free { AT_ONCE } else { 1 };
        // One bar for the item under way, not for many.
        let progress = if is_free { When::Never } else { host.progress };
        let host = HostOptions { progress, ..host };
        let run = RunNote::new(log.run_id.clone(), "backfill", now());
        Ok(Backfill {
            lake,
            runner: Arc::new(Runner::new(host, Overdue::Interrupted, Observers::default())?),
            arguments,
            reading,
            waits,
            ending,
            log,
            run,
            hour: Hour(budget),
            at_once,
            bar,
            fresh: Vec::new(),
            noted: (0, Instant::now()),
            report: Report::default(),
            changes: Vec::new(),
            token_ends: None,
            refusals: Refusals::default(),
        })
    }

    /// Fetches what is due, and gives the exit code.
    pub fn all(&mut self, due: Vec<Due>) -> Result<u8> {
        self.bar.set_length(due.len() as u64);
        let runner = self.runner.clone();
        std::thread::scope(|scope| {
            let (done, ended) = mpsc::channel();
            let begin = |due: Due, call: Call| {
                let (runner, done) = (&runner, done.clone());
                scope.spawn(move || {
                    let (arguments, variables, job) = call;
                    let limit = Limit { began: Instant::now(), heeds_signals: true };
                    let outcome = runner.ingest(arguments, variables, job, limit);
                    // Nobody waits any more once something else has failed.
                    let _ = done.send((due, outcome));
                });
            };
            self.each(due.into(), begin, &ended)
        })?;
        self.bar.finish_and_clear();
        let code = self.exit_code();
        self.run.exit_code = Some(code);
        self.note()?;
        Ok(code)
    }

    /// Has items begun, as many at once as may be, and sees to what becomes of them, until all is done or nothing can be.
    fn each(
        &mut self,
        mut due: VecDeque<Due>,
        mut begin: impl FnMut(Due, Call),
        ended: &mpsc::Receiver<(Due, Result<Outcome>)>,
    ) -> Result<()> {
        let count = due.len();
        let (mut under_way, mut is_over) = (0, false);
        let mut pause: Option<DateTime<Utc>> = None;
        loop {
            is_over |= self.ending.cause().is_some();
            let may_begin = !is_over && pause.is_none() && under_way < self.at_once;
            if let Some((planned, why)) = due.pop_front_if(|_| may_begin) {
                let left = due.iter().map(|(planned, _)| planned).chain([&planned]);
                self.bar.set_message(self.hour.left(left));
                match self.before(&planned, why)? {
                    Before::Run(call) => {
                        begin((planned, why), *call);
                        under_way += 1;
                    }
                    Before::PutOff => self.run.later += 1,
                    Before::Wait(until) => {
                        due.push_front((planned, why));
                        pause = Some(until);
                    }
                }
                continue;
            }
            if under_way > 0 {
                let (item, outcome) = ended.recv()?;
                under_way -= 1;
                match self.after(&item.0, outcome?)? {
                    Next::Go => {}
                    Next::Stop => is_over = true,
                    Next::Dropped => due.push_front(item),
                    Next::Again(at) => {
                        due.push_front(item);
                        pause = pause.max(Some(at));
                    }
                }
                self.bar.set_position((count - due.len() - under_way) as u64);
                if self.fresh.len() >= NOTED.0 || self.noted.1.elapsed() >= NOTED.1 {
                    self.note()?;
                }
                continue;
            }
            let Some(until) = pause.take().filter(|_| !is_over) else { break };
            let line =
                format!("{} of {count} items are done; going on at {}", count - due.len(), shown(until));
            self.bar.suspend(|| self.log.info(&line));
            self.note()?;
            self.ending.sleep_until(until);
        }
        self.run.later += due.len() as u32;
        Ok(())
    }

    /// Signals first, then what failed, then what is to come.
    fn exit_code(&self) -> u8 {
        match self.ending.cause() {
            Some(cause) => cause.exit_code(),
            None if self.run.failed > 0 => 1,
            None if self.run.later > 0 => 75,
            None => 0,
        }
    }

    fn before(&mut self, planned: &Planned, why: Why) -> Result<Before> {
        if self.refusals.put_off(&self.hosts_of(planned)) {
            return Ok(Before::PutOff);
        }
        if let Some(until) = self.hour.full_until(planned) {
            if self.waits {
                return Ok(Before::Wait(until));
            }
            let host = authority(&self.lake.job.upstreams.jolpica);
            self.refusals.wait(host, Kind::RateLimited, u64::try_from(until.timestamp() + 1).ok());
            return Ok(Before::PutOff);
        }
        let mut arguments = self.arguments.to_vec();
        arguments.extend([format!("--items={}", planned.name)]);
        arguments.extend(self.compared(planned, why)?);
        let variables = self.lake.variables.clone();
        match read(&arguments, |name| variables.get(name).cloned())? {
            Command::Ingest(job) => Ok(Before::Run(Box::new((arguments, variables, *job)))),
            Command::Help | Command::Version => Err(Error::usage("--help and --version stand alone").into()),
        }
    }

    fn after(&mut self, planned: &Planned, outcome: Outcome) -> Result<Next> {
        let before = self.newest(planned).map(|newest| newest.seconds);
        self.token_ends = outcome.token_ends.or(self.token_ends);
        let Report { stored, unchanged, failed, warnings, .. } = outcome.report;
        if outcome.why.is_some() && self.ending.cause().is_some() && stored.is_empty() && unchanged.is_empty()
        {
            return Ok(Next::Dropped);
        }
        let report = Report { stored, unchanged, warnings, ..Report::default() };
        let next = match failed.into_iter().next() {
            Some(failure) => self.failed(planned, failure),
            None if report.stored.is_empty() && report.unchanged.is_empty() => {
                let why = outcome.why.map(|why| format!("{why:#}")).unwrap_or_default();
                let error = Error::new(Kind::Unavailable, why);
                let source = planned.name.split('/').next().unwrap_or_default().to_owned();
                self.failed(planned, Failure { source, item: planned.name.clone(), session: None, error })
            }
            None => {
                self.refusals.answered(&self.hosts_of(planned));
                Next::Go
            }
        };
        self.became(entries(&report, now()));
        for stored in &report.stored {
            self.compare(planned, before, &stored.key);
        }
        self.report.stored.extend(report.stored);
        self.report.unchanged.extend(report.unchanged);
        // What is said of the token is said once.
        let warnings = report.warnings.into_iter();
        let fresh: Vec<_> = warnings.filter(|warning| !self.report.warnings.contains(warning)).collect();
        self.report.warnings.extend(fresh);
        Ok(next)
    }

    /// Says what a new version has that the one before had not.
    fn compare(&mut self, planned: &Planned, before: Option<i64>, new: &str) {
        let old = before.and_then(|seconds| Key::new(&planned.name, seconds).ok());
        let Some(old) = old.filter(|_| planned.name.starts_with(Source::Jolpica.name())) else { return };
        let document = |key: &str| document(self.lake.get(key).ok()??).ok();
        let changes =
            document(&old.to_string()).zip(document(new)).and_then(|(old, new)| Changes::between(&old, &new));
        if let Some(changes) = changes {
            let line = format!("{}: {changes}", planned.name);
            self.bar.suspend(|| self.log.info(&line));
            self.changes.push(line);
        }
    }

    /// The options by which a document that is there is stored again only if it has changed.
    fn compared(&self, planned: &Planned, why: Why) -> Result<Option<String>> {
        let Some(newest) = self.newest(planned).filter(|_| why != Why::New) else { return Ok(None) };
        let key = Key::new(&planned.name, newest.seconds)?.to_string();
        let hash = match newest.hash() {
            Some(hash) => Some(hash),
            None => self.lake.hash(&key)?,
        };
        Ok(hash.map(|hash| format!("--if-changed-from={key}:{hash}")))
    }

    fn newest(&self, planned: &Planned) -> Option<Version> {
        self.reading.lake.items.get(&planned.name)?.newest().copied()
    }

    fn failed(&mut self, planned: &Planned, failure: Failure) -> Next {
        let error = &failure.error;
        let host = error.host().filter(|host| self.hosts_of(planned).contains(host));
        let entry = Entry { item: planned.name.clone(), at: now(), became: error.into() };
        match (error.kind, host) {
            (Kind::NotFound | Kind::NotPublished, _) => {
                self.became(vec![entry]);
                return Next::Go;
            }
            (Kind::RateLimited, Some(_)) if self.waits => {
                let until = error.until.and_then(instant);
                return Next::Again(until.unwrap_or(Utc::now() + TimeDelta::minutes(15)));
            }
            (Kind::RateLimited | Kind::BotProtection, Some(host)) => {
                self.refusals.refused(host, error);
                self.run.later += 1;
                return Next::Go;
            }
            (Kind::Conflict, _) => {
                self.run.later += 1;
                return Next::Go;
            }
            (Kind::Blocked | Kind::SignIn, Some(host)) => self.refusals.refused(host, error),
            (Kind::Network | Kind::Unavailable | Kind::NotJson, Some(host)) => {
                self.refusals.failed(host, error);
            }
            _ => {}
        }
        let is_of_store = error.host() == Some(self.lake.store())
            || matches!(error.kind, Kind::Credentials | Kind::NoSuchBucket | Kind::ClockSkew | Kind::Usage);
        self.report.failed.push(failure);
        self.became(vec![entry]);
        if is_of_store { Next::Stop } else { Next::Go }
    }

    /// `host[:port]` of the upstreams that an item is made from. The mirror serves where livetiming does not.
    fn hosts_of(&self, planned: &Planned) -> Vec<String> {
        let upstreams = &self.lake.job.upstreams;
        let url = planned.cost.iter().map(|(upstream, _)| upstreams.url(*upstream));
        url.map(authority).collect()
    }

    fn became(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            self.run.count(&entry.became);
            self.reading.lake.add_entry(entry.clone());
            self.fresh.push(entry);
        }
    }

    /// Writes down what was not yet.
    fn note(&mut self) -> Result<()> {
        self.run.ended = now();
        let entries = std::mem::take(&mut self.fresh);
        if !entries.is_empty() || self.run.exit_code.is_some() {
            let record = Record { schema: SCHEMA, run: self.run.clone(), entries };
            self.lake.note(&record, self.noted.0)?;
            self.noted.0 += 1;
        }
        self.noted.1 = Instant::now();
        Ok(())
    }

    /// What became of it all, a line each.
    pub fn lines(&self, sorted: (usize, usize, usize)) -> Vec<String> {
        let RunNote { stored, unchanged, absent, failed, later, .. } = self.run;
        let (kept, known_absent, future) = sorted;
        let mut lines = vec![format!(
            "stored {stored}, unchanged {unchanged}, absent {absent}, failed {failed}, not now {later}; \
             {kept} were there, {known_absent} known to be absent, {future} still to come"
        )];
        lines.extend(self.refusals.lines());
        lines
    }
}
