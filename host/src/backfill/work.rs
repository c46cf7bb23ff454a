//! The items of a plan, one after the other, each in a sandbox of its own, and what became of them noted in the
//! catalogue.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use f1_ingest_component::catalog::Reading;
use f1_ingest_component::catalog::lake::Version;
use f1_ingest_component::catalog::record::{Entry, Record, RunNote, SCHEMA, entries};
use f1_ingest_component::error::{Error, Kind};
use f1_ingest_component::http::url::authority;
use f1_ingest_component::jolpica::changes::Changes;
use f1_ingest_component::log::Log;
use f1_ingest_component::options::{Command, read};
use f1_ingest_component::plan::Planned;
use f1_ingest_component::plan::due::Why;
use f1_ingest_component::report::{Failure, Report};
use f1_ingest_component::s3::key::Key;
use f1_ingest_component::source::Source;
use f1_ingest_component::upstreams::Upstream;
use indicatif::ProgressBar;

use super::now;
use crate::budget::Budget;
use crate::lake::{Lake, document};
use crate::observe::Observers;
use crate::options::HostOptions;
use crate::progress::of_plan;
use crate::runner::{Limit, Runner};
use crate::sandbox::Overdue;
use crate::signals::Ending;

/// So many items are done before they are noted, or so long.
const NOTED: (usize, Duration) = (100, Duration::from_secs(30));

/// So many failures of one host in a row that it is not asked again in this run.
const ENOUGH: u32 = 3;

/// A backfill under way.
pub struct Backfill<'a> {
    lake: &'a Lake,
    runner: Runner,
    arguments: &'a [String],
    pub reading: Reading,
    /// Whether to sleep until a host that has had enough answers again.
    waits: bool,
    ending: Ending,
    log: Log,
    run: RunNote,
    budget: Option<Budget>,
    bar: ProgressBar,
    fresh: Vec<Entry>,
    noted: (usize, Instant),
    /// All that happened, for the observers.
    pub report: Report,
    /// Which rows of new versions differ, a line an item.
    pub changes: Vec<String>,
    /// When the token ends, if there is one.
    pub token_ends: Option<u64>,
    /// Why the items of a host are put off.
    put_off: HashMap<String, PutOff>,
    failures: HashMap<String, u32>,
}

/// Why the items of a host wait, and until when, if it is known.
struct PutOff {
    kind: Kind,
    until: Option<u64>,
    items: usize,
}

/// The time of a unix second.
fn instant(seconds: u64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(seconds.try_into().ok()?, 0)
}

fn shown(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// How many requests to Jolpica an item takes.
fn jolpica(planned: &Planned) -> u32 {
    let cost = planned.cost.iter().filter(|(upstream, _)| *upstream == Upstream::Jolpica);
    cost.map(|(_, requests)| requests).sum()
}

/// What comes after an item.
enum Next {
    Go,
    /// This item again, from then on.
    Again(DateTime<Utc>),
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
        let run = RunNote::new(log.run_id.clone(), "backfill", now());
        Ok(Backfill {
            lake,
            runner: Runner::new(host, Overdue::Interrupted, Observers::default())?,
            arguments,
            reading,
            waits,
            ending,
            log,
            run,
            budget: Budget::of(&lake.job).filter(|_| !is_replay),
            bar,
            fresh: Vec::new(),
            noted: (0, Instant::now()),
            report: Report::default(),
            changes: Vec::new(),
            token_ends: None,
            put_off: HashMap::new(),
            failures: HashMap::new(),
        })
    }

    /// Fetches what is due, and gives the exit code.
    pub fn all(&mut self, due: Vec<(Planned, Why)>) -> Result<u8> {
        let count = due.len();
        self.bar.set_length(count as u64);
        let of_jolpica = |(planned, _): &(Planned, Why)| jolpica(planned) as usize;
        let mut requests: usize = due.iter().map(of_jolpica).sum();
        for (done, (planned, why)) in due.into_iter().enumerate() {
            self.bar.set_position(done as u64);
            self.bar.set_message(self.left(requests));
            requests -= jolpica(&planned) as usize;
            let next = loop {
                if self.ending.cause().is_some() {
                    break Next::Stop;
                }
                match self.one(&planned, why)? {
                    Next::Again(at) => {
                        let line = format!("{done} of {count} items are done; going on at {}", shown(at));
                        self.bar.suspend(|| self.log.info(&line));
                        self.note()?;
                        self.ending.sleep_until(at);
                    }
                    next => break next,
                }
            };
            if self.fresh.len() >= NOTED.0 || self.noted.1.elapsed() >= NOTED.1 {
                self.note()?;
            }
            if matches!(next, Next::Stop) {
                self.run.later += (count - done) as u32;
                break;
            }
        }
        self.bar.finish_and_clear();
        let code = self.exit_code();
        self.run.exit_code = Some(code);
        self.note()?;
        Ok(code)
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

    fn one(&mut self, planned: &Planned, why: Why) -> Result<Next> {
        let hosts = self.hosts_of(planned);
        if let Some((_, put_off)) = self.put_off.iter_mut().find(|(host, _)| hosts.contains(host)) {
            put_off.items += 1;
            self.run.later += 1;
            return Ok(Next::Go);
        }
        if let Some(next) = self.must_wait(planned) {
            return Ok(next);
        }
        let mut arguments = self.arguments.to_vec();
        arguments.extend([format!("--items={}", planned.name)]);
        arguments.extend(self.compared(planned, why)?);
        let variables = self.lake.variables.clone();
        let Command::Ingest(job) = read(&arguments, |name| variables.get(name).cloned())? else {
            return Ok(Next::Stop);
        };
        let before = self.newest(planned).map(|newest| newest.seconds);
        let limit = Limit { began: Instant::now(), heeds_signals: true };
        let outcome = self.runner.ingest(arguments, variables, *job, limit)?;
        self.token_ends = outcome.token_ends.or(self.token_ends);
        let Report { stored, unchanged, failed, warnings, .. } = outcome.report;
        if outcome.why.is_some() && self.ending.cause().is_some() && stored.is_empty() && unchanged.is_empty()
        {
            return Ok(Next::Stop);
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
                self.failures.retain(|host, _| !hosts.contains(host));
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

    /// What is left of the hour, and how long so many requests take at least.
    fn left(&self, requests: usize) -> String {
        let Some(Ok(left)) = self.budget.as_ref().map(Budget::left) else { return String::new() };
        let hours = requests.saturating_sub(left.left).div_ceil(left.of.max(1));
        let time = if hours > 0 { format!(", {hours} h to go") } else { String::new() };
        format!("jolpica: {left}{time}")
    }

    /// Whether the hour has no room for all requests of an item: half a document would be asked for in vain.
    fn must_wait(&mut self, planned: &Planned) -> Option<Next> {
        let budget = self.budget.as_ref()?;
        let requests = jolpica(planned) as usize;
        if requests == 0 {
            return None;
        }
        let at = budget.room_for(requests).ok()??;
        if self.waits {
            return Some(Next::Again(at));
        }
        let until = u64::try_from(at.timestamp() + 1).ok();
        let host = authority(&self.lake.job.upstreams.jolpica);
        self.put_off.insert(host, PutOff { kind: Kind::RateLimited, until, items: 1 });
        self.run.later += 1;
        Some(Next::Go)
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
            (Kind::RateLimited, Some(host)) => {
                self.put_off(host, &failure);
                self.run.later += 1;
                return Next::Go;
            }
            (Kind::Conflict, _) => {
                self.run.later += 1;
                return Next::Go;
            }
            (Kind::Blocked | Kind::SignIn, Some(host)) => self.put_off(host, &failure),
            (Kind::Network | Kind::Unavailable | Kind::NotJson, Some(host)) => {
                let failures = self.failures.entry(host.clone()).or_default();
                *failures += 1;
                if *failures == ENOUGH {
                    self.put_off(host, &failure);
                }
            }
            _ => {}
        }
        let is_of_store = error.host() == Some(self.lake.store())
            || matches!(error.kind, Kind::Credentials | Kind::NoSuchBucket | Kind::ClockSkew | Kind::Usage);
        self.report.failed.push(failure);
        self.became(vec![entry]);
        if is_of_store { Next::Stop } else { Next::Go }
    }

    fn put_off(&mut self, host: String, failure: &Failure) {
        let Failure { error, .. } = failure;
        self.put_off.insert(
            host,
            PutOff {
                kind: error.kind,
                until: error.until,
                items: usize::from(error.kind == Kind::RateLimited),
            },
        );
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
        lines.extend(self.put_off.iter().map(|(host, PutOff { kind, until, items })| {
            let when = match until.and_then(instant) {
                Some(until) => format!("it goes on at {}", shown(until)),
                None => "the next run asks again".into(),
            };
            format!("{host} ({}) puts off {items} items; {when}", kind.name())
        }));
        lines
    }
}
