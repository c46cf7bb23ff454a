//! The whole program: each source is fetched and stored; what fails and may yet succeed is tried again.

use std::cell::OnceCell;
use std::io::Write;
use std::time::Duration;

use crate::client::Client;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::fastf1::Loaded;
use crate::log::Log;
use crate::options::Job;
use crate::report::{Failure, Report, Stored};
use crate::runtime::{Clock, Transport};
use crate::s3::Store;
use crate::schedule::{Session, session_asked_for};
use crate::{fastf1, jolpica, mock, raw_feeds};

/// Where a document comes from; the name is a segment of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Mock,
    Jolpica,
    Fastf1,
    Telemetry,
    Livetiming,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Source::Mock => "mock",
            Source::Jolpica => "jolpica",
            Source::Fastf1 => "fastf1",
            Source::Telemetry => "telemetry",
            Source::Livetiming => "livetiming",
        }
    }

    /// Whether the document is made while it is read, and can be made again.
    fn is_streamed(self) -> bool {
        matches!(self, Source::Telemetry | Source::Livetiming)
    }
}

/// Runs `job` and says what became of it. Each key is printed on stdout as soon as it is stored.
pub async fn ingest<R: Transport + Clock>(job: &Job, runtime: R) -> Report {
    let client = Client::new(runtime, job);
    let store = Store::new(&client, &job.bucket);
    let shared = Shared::default();
    let mut report = Report::default();
    let mut pending = sources(job);
    for attempt in 1..=job.attempts {
        report.failed.retain(|failure| pending.iter().all(|source| source.name() != failure.source));
        for source in std::mem::take(&mut pending) {
            match fetch_and_store(source, job, &shared, &client, &store, &mut report.warnings).await {
                Ok(stored) => report.stored.extend(stored),
                Err(error) => {
                    client.log.error(&format!("{}: {error}", source.name()));
                    if error.kind.is_transient() {
                        pending.push(source);
                    }
                    report.failed.push(Failure { source: source.name().into(), error });
                }
            }
        }
        if pending.is_empty() || attempt == job.attempts {
            break;
        }
        let wait = 5 * attempt;
        client.log.warn(&format!("attempt {attempt} of {} failed; the next one in {wait} s", job.attempts));
        client.runtime.sleep(Duration::from_secs(wait.into())).await;
    }
    // The answers may be what was lost.
    for failure in std::mem::take(&mut report.failed) {
        match store.stored_earlier(&failure.source).await {
            Ok(Some(stored)) => report.stored.push(said(stored, job, &client.log)),
            _ => report.failed.push(failure),
        }
    }
    report
}

fn sources(job: &Job) -> Vec<Source> {
    if job.mock_file.is_some() {
        return vec![Source::Mock];
    }
    let asked_for = [
        (Source::Jolpica, true),
        (Source::Fastf1, job.include_fastf1),
        (Source::Telemetry, job.include_telemetry),
        (Source::Livetiming, job.include_livetiming),
    ];
    asked_for.into_iter().filter(|(_, asked)| *asked).map(|(source, _)| source).collect()
}

/// The session that the job is about, and what FastF1's tables and telemetry are both made of: chosen and
/// loaded for the first source that needs it, kept for the next.
#[derive(Default)]
struct Shared {
    session: OnceCell<Session>,
    loaded: OnceCell<Loaded>,
}

impl Shared {
    async fn session<R: Transport + Clock>(&self, client: &Client<R>, job: &Job) -> Result<&Session> {
        if let Some(session) = self.session.get() {
            return Ok(session);
        }
        let session = session_asked_for(client, job).await?;
        client.log.info(&format!("the session is {session}"));
        Ok(self.session.get_or_init(|| session))
    }

    async fn loaded<R: Transport + Clock>(&self, client: &Client<R>, job: &Job) -> Result<&Loaded> {
        if let Some(loaded) = self.loaded.get() {
            return Ok(loaded);
        }
        let loaded = fastf1::load(client, job, self.session(client, job).await?).await?;
        Ok(self.loaded.get_or_init(|| loaded))
    }
}

async fn fetch_and_store<R: Transport + Clock>(
    source: Source,
    job: &Job,
    shared: &Shared,
    client: &Client<R>,
    store: &Store<'_, R>,
    warnings: &mut Vec<String>,
) -> Result<Option<Stored>> {
    let name = source.name();
    if let Some(stored) = store.stored_earlier(name).await? {
        return Ok(Some(said(stored, job, &client.log)));
    }
    let mut document = fetch(source, job, shared, client).await?;
    // A streamed document knows what it lacks when it was read.
    let mut lacks = document.warnings.clone();
    let outcome = async {
        if job.dry_run {
            let (bucket, (size, _)) = (&job.bucket.name, document.read().await?);
            client.log.info(&format!("{name}: would store {size} bytes in {bucket}; this is a dry run"));
            return Ok(None);
        }
        if job.bucket.if_changed && source.is_streamed() {
            // The hash is metadata, which go ahead of a long document: it is read for that first.
            let (_, sha256) = document.read().await?;
            if let Some(stored) = store.already_stored(name, &sha256).await? {
                return Ok(Some(stored));
            }
            document = Document { sha256: Some(sha256), ..fetch(source, job, shared, client).await? };
            lacks = document.warnings.clone();
        }
        store.put(name, document).await.map(Some)
    }
    .await;
    for warning in lacks.take() {
        client.log.warn(&format!("{name}: {warning}"));
        warnings.push(format!("{name}: {warning}"));
    }
    Ok(outcome?.map(|stored| said(stored, job, &client.log)))
}

/// Prints the key of what was stored.
fn said(stored: Stored, job: &Job, log: &Log) -> Stored {
    let Stored { source, key, size, .. } = &stored;
    if let Err(error) = writeln!(std::io::stdout(), "{key}") {
        log.warn(&format!("{source}: the key cannot be printed: {error}"));
    }
    log.info(&format!("{source}: stored {size} bytes in {} as {key}", job.bucket.name));
    stored
}

async fn fetch<'a, R: Transport + Clock>(
    source: Source,
    job: &'a Job,
    shared: &'a Shared,
    client: &'a Client<R>,
) -> Result<Document<'a>> {
    match source {
        Source::Jolpica => jolpica::fetch(client, &job.jolpica_url).await,
        Source::Fastf1 => shared.loaded(client, job).await?.tables(),
        Source::Telemetry => shared.loaded(client, job).await?.telemetry(),
        Source::Livetiming => raw_feeds::fetch(client, job, shared.session(client, job).await?).await,
        Source::Mock => match &job.mock_file {
            Some(path) => mock::read(path),
            None => Err(Error::usage("--mock-file is missing")),
        },
    }
}
