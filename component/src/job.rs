//! The whole program: each item is fetched from its source and stored; what fails and may yet succeed is tried again.

use std::cell::OnceCell;
use std::io::Write;
use std::time::Duration;

use http::{HeaderValue, Uri};

use crate::catalog::record::{Record, RunNote};
use crate::catalog::{self, Prefix};
use crate::document::Document;
use crate::error::{Error, Result, one_line};
use crate::fastf1::{self, SessionData, Wanted};
use crate::http::client::{self, Client};
use crate::http::transport::{Clock, Transport};
use crate::http::url::authority;
use crate::log::{self, Log};
use crate::report::{Failure, Report, Stored};
use crate::s3::bucket::Bucket;
use crate::s3::client::S3Client;
use crate::s3::credentials::Keys;
use crate::s3::store::{Kept, Object, Store};
use crate::schedule::{SessionRequest, session_asked_for};
use crate::session::{Session, SessionId};
use crate::source::{Item, Of, Source};
use crate::upstreams::Upstreams;
use crate::{dry_run, jolpica, mock, raw_feeds};

/// One run, validated: nothing in here can turn out to be malformed once requests are under way.
#[derive(Debug)]
pub struct Job {
    /// The documents to keep.
    pub items: Vec<Item>,
    /// What the source `mock` reads.
    pub mock_file: Option<String>,
    /// Where the run notes what it has done; none: nowhere.
    pub catalog: Option<Prefix>,
    pub upstreams: Upstreams,
    pub bucket: Bucket,
    /// Attempts at the whole operation, at least 1.
    pub attempts: u32,
    pub user_agent: HeaderValue,
    /// A second and upstream host; 0 is no limit.
    pub requests_per_second: usize,
    pub dry_run: bool,
    pub log_format: log::Format,
    /// What the host calls this run; none: the job makes an id up.
    pub run_id: Option<String>,
    /// Whether the host wants to know which source each request is for.
    pub names_sources: bool,
}

impl Job {
    /// `host[:port]` of everything that this run may reach.
    pub fn hosts(&self) -> Vec<String> {
        let upstreams = self.items.iter().flat_map(Item::upstreams).map(|it| self.upstreams.url(*it));
        let store = self.asks_store().then(|| authority(&self.bucket.url()));
        upstreams.map(authority).chain(store).fold(Vec::new(), |mut hosts, host| {
            if !hosts.contains(&host) {
                hosts.push(host);
            }
            hosts
        })
    }

    /// The URLs that may redirect to any host: where a dump lies nobody knows before Jolpica says so.
    pub fn gates(&self) -> Vec<Uri> {
        let dump = self.items.iter().find(|item| item.is_dump());
        dump.and_then(|_| jolpica::dump::url(&self.upstreams.jolpica).ok()).into_iter().collect()
    }

    /// Whether the store is asked anything: to store, or to compare.
    pub fn asks_store(&self) -> bool {
        !self.dry_run || self.bucket.if_changed.is_some()
    }

    /// Whether something is to be stored and nobody is there to sign for it.
    pub fn lacks_credentials(&self) -> bool {
        matches!(self.bucket.keys, Keys::Nowhere) && !self.bucket.unsigned && !self.dry_run
    }

    /// How this run talks to the world; `made_up` is its id if it was given none.
    pub fn http(&self, made_up: u64) -> client::Config {
        let run_id = self.run_id.clone().unwrap_or_else(|| format!("{made_up:016x}"));
        client::Config {
            user_agent: self.user_agent.clone(),
            hosts: self.hosts(),
            gates: self.gates(),
            requests_per_second: self.requests_per_second,
            hourly: self.upstreams.hourly(),
            names_sources: self.names_sources,
            log: Log::new(self.log_format, run_id),
        }
    }
}

/// Runs `job` and says what became of it. Each key is printed on stdout as soon as it is certain.
pub async fn ingest<R: Transport + Clock>(job: &Job, runtime: R) -> Report {
    let config = job.http(runtime.random());
    let began = runtime.now().timestamp();
    let client = Client::new(runtime, config);
    let store = Store::new(S3Client::new(&client, &job.bucket));
    let run = Run { job, client: &client, store, sessions: Asked::of(&job.items) };
    let mut report = Report::default();
    let mut pending: Vec<(&Item, Option<Error>)> = job.items.iter().map(|item| (item, None)).collect();
    for attempt in 1..=job.attempts {
        for (item, failure) in &mut pending {
            if failure.as_ref().is_none_or(|error: &Error| error.is_transient()) {
                client.work_at(item.source.name());
                *failure = run.fetch_and_store(item, &mut report).await.err();
                if let Some(error) = &failure {
                    let log = run.log_of(item).with(error.fields()).with([("attempt", attempt.into())]);
                    log.error(&format!("{}: {error}", item.source.name()));
                }
            }
        }
        pending.retain(|(_, failure)| failure.is_some());
        let may_help = pending.iter().flat_map(|(_, failure)| failure).any(|error| error.is_transient());
        if !may_help || attempt == job.attempts {
            break;
        }
        let wait = 5 * attempt;
        client.log.warn(&format!("attempt {attempt} of {} failed; the next one in {wait} s", job.attempts));
        client.runtime.sleep(Duration::from_secs(wait.into())).await;
    }
    for (item, failure) in pending {
        run.give_up(item, failure, &mut report).await;
    }
    let chosen = run.sessions.iter().flat_map(|asked| asked.chosen.get());
    report.warnings.extend(chosen.flat_map(|session| session.corrected.clone()));
    if let Some(prefix) = job.catalog.as_ref().filter(|_| !job.dry_run) {
        let now = client.runtime.now().timestamp();
        let record = Record::of(&report, RunNote::new(client.log.run_id.clone(), "run", began), now);
        if let Err(error) = catalog::note(&S3Client::new(&client, &job.bucket), prefix, &record, 0).await {
            client.log.warn(&error.message);
            report.warnings.push(error.message);
        }
    }
    report
}

/// A run under way.
struct Run<'a, R> {
    job: &'a Job,
    client: &'a Client<R>,
    store: Store<'a, R>,
    /// Those that the items are of.
    sessions: Vec<Asked<'a>>,
}

/// A session that was asked for, and what items of it share.
struct Asked<'a> {
    request: &'a SessionRequest,
    /// Chosen for the first item that needs it, kept for the next.
    chosen: OnceCell<Session>,
    /// What FastF1's tables and telemetry are both made of, loaded for the first of them.
    data: OnceCell<SessionData>,
    wanted: Wanted,
}

impl<'a> Asked<'a> {
    fn of(items: &'a [Item]) -> Vec<Asked<'a>> {
        let mut all: Vec<Asked> = Vec::new();
        for request in items.iter().filter_map(Item::session) {
            if all.iter().all(|asked| asked.request != request) {
                let wants = |source| {
                    items.iter().any(|item| item.source == source && item.session() == Some(request))
                };
                let wanted = Wanted { tables: wants(Source::Fastf1), telemetry: wants(Source::Telemetry) };
                all.push(Asked { request, chosen: OnceCell::new(), data: OnceCell::new(), wanted });
            }
        }
        all
    }
}

impl<R: Transport + Clock> Run<'_, R> {
    async fn fetch_and_store(&self, item: &Item, report: &mut Report) -> Result<()> {
        let Run { job, store, .. } = self;
        if !job.dry_run {
            store.reach(item.source.needs_session()).await?;
        }
        let session = self.session_of(item).await?;
        let (source, name) = (item.source.name(), item.name(session));
        if let Some(object) = store.stored_earlier(&name).await? {
            report.stored.push(self.stored(item, session, object));
            return Ok(());
        }
        let mut document = self.fetch(item, session).await?;
        // A streamed document knows what it lacks when it was read.
        let mut lacks = document.warnings.clone();
        let kept = async {
            if job.dry_run {
                let document = document.read().await?;
                let plan = dry_run::plan(store, &self.log_of(item), item, session, document).await;
                report.would_store.push(plan);
                return Ok(None);
            }
            if job.bucket.if_changed.is_some() && item.source.is_streamed() {
                // The hash is metadata, which go ahead of a long document: it is read for that first.
                let (_, sha256) = document.read().await?;
                if let Some(object) = store.already_stored(&name, &sha256).await? {
                    return Ok(Some(Kept::Unchanged(object)));
                }
                document = Document { sha256: Some(sha256), ..self.fetch(item, session).await? };
                lacks = document.warnings.clone();
            }
            store.put(&name, document).await.map(Some)
        }
        .await;
        for note in lacks.take_notes() {
            self.log_of(item).info(&format!("{source}: {note}"));
        }
        for warning in lacks.take() {
            let warning = one_line(&format!("{source}: {warning}"));
            self.log_of(item).warn(&warning);
            report.warnings.push(warning);
        }
        match kept? {
            Some(Kept::Stored(object)) => report.stored.push(self.stored(item, session, object)),
            Some(Kept::Unchanged(object)) => report.unchanged.push(self.unchanged(item, session, object)),
            None => {}
        }
        Ok(())
    }

    async fn fetch<'a>(&'a self, item: &Item, session: Option<SessionId>) -> Result<Document<'a>> {
        let Run { job, client, .. } = self;
        match item.source {
            Source::Jolpica => {
                let api = &job.upstreams.jolpica;
                match (&item.of, session) {
                    (Of::Table(table), _) => jolpica::fetch_table(client, api, table).await,
                    (_, Some(session)) => jolpica::fetch_results(client, api, &session).await,
                    (_, None) => jolpica::fetch(client, api).await,
                }
            }
            Source::Fastf1 => self.data(item).await?.tables(),
            Source::Telemetry => self.data(item).await?.telemetry(),
            Source::Livetiming => {
                raw_feeds::fetch(client, &job.upstreams.livetiming, self.choose(item).await?).await
            }
            Source::Mock => match &job.mock_file {
                Some(path) => mock::read(path),
                None => Err(Error::usage("--mock-file is missing")),
            },
        }
    }

    /// Which session the item is of, if it is of one.
    async fn session_of(&self, item: &Item) -> Result<Option<SessionId>> {
        match item.session() {
            None => Ok(None),
            Some(request) if !item.source.needs_session() && request.exact().is_some() => Ok(request.exact()),
            Some(_) => Ok(Some(self.choose(item).await?.id())),
        }
    }

    async fn choose(&self, item: &Item) -> Result<&Session> {
        let asked = self.asked(item)?;
        if let Some(session) = asked.chosen.get() {
            return Ok(session);
        }
        let session = session_asked_for(self.client, &self.job.upstreams, asked.request).await?;
        self.client.log.info(&format!("the session is {session}"));
        if let Some(corrected) = &session.corrected {
            self.client.log.warn(corrected);
        }
        Ok(asked.chosen.get_or_init(|| session))
    }

    fn asked(&self, item: &Item) -> Result<&Asked<'_>> {
        let asked = self.sessions.iter().find(|asked| Some(asked.request) == item.session());
        asked.ok_or_else(|| Error::usage("no session was asked for"))
    }

    async fn data(&self, item: &Item) -> Result<&SessionData> {
        let asked = self.asked(item)?;
        if let Some(data) = asked.data.get() {
            return Ok(data);
        }
        let session = self.choose(item).await?;
        let data = fastf1::load(self.client, &self.job.upstreams, session, asked.wanted).await?;
        Ok(asked.data.get_or_init(|| data))
    }

    /// Which session the item is of, as far as it is known.
    fn known_session(&self, item: &Item) -> Option<SessionId> {
        let request = item.session()?;
        let chosen = self.asked(item).ok().and_then(|asked| asked.chosen.get());
        chosen.map(Session::id).or(request.exact())
    }

    /// Looks once more, as the answers may be what was lost; then the failure stands.
    async fn give_up(&self, item: &Item, failure: Option<Error>, report: &mut Report) {
        let session = self.known_session(item);
        match self.store.stored_after_all(&item.name(session)).await {
            Ok(Some(object)) => report.stored.push(self.stored(item, session, object)),
            _ => report.failed.extend(failure.map(|error| {
                let source = item.source.name().to_owned();
                Failure { source, item: item.name(session), session, error }
            })),
        }
    }

    /// For lines about an item.
    fn log_of(&self, item: &Item) -> Log {
        let name = item.name(self.known_session(item));
        self.client.log.with([("source", item.source.name().into()), ("item", name.into())])
    }

    fn stored(&self, item: &Item, session: Option<SessionId>, object: Object) -> Stored {
        let what = format!("stored {} bytes in {} as", object.size, self.job.bucket.name);
        self.said(item, session, object, &what)
    }

    fn unchanged(&self, item: &Item, session: Option<SessionId>, object: Object) -> Stored {
        self.said(item, session, object, "has not changed since")
    }

    /// Prints the key of an object that is in the bucket.
    fn said(&self, item: &Item, session: Option<SessionId>, object: Object, what: &str) -> Stored {
        let Object { key, size, sha256 } = object;
        let (source, key) = (item.source.name(), key.to_string());
        let log = self.log_of(item).with([("key", key.clone().into()), ("bytes", size.into())]);
        if let Err(error) = writeln!(std::io::stdout(), "{key}") {
            log.warn(&format!("{source}: the key cannot be printed: {error}"));
        }
        log.info(&format!("{source}: {what} {key}"));
        Stored { source: source.to_owned(), session, key, size, sha256 }
    }
}
