//! The whole program: each source is fetched and stored; what fails and may yet succeed is tried again.

use std::io::Write;
use std::time::Duration;

use crate::client::Client;
use crate::document::Document;
use crate::error::{Error, Result};
use crate::options::Job;
use crate::report::{Failure, Report, Stored};
use crate::runtime::{Clock, Transport};
use crate::s3::Store;
use crate::{fastf1, jolpica, mock};

/// Where a document comes from; the name is a segment of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Mock,
    Jolpica,
    Fastf1,
}

impl Source {
    fn name(self) -> &'static str {
        match self {
            Source::Mock => "mock",
            Source::Jolpica => "jolpica",
            Source::Fastf1 => "fastf1",
        }
    }
}

/// Runs `job` and says what became of it. Each key is printed on stdout as soon as it is stored.
pub async fn ingest<R: Transport + Clock>(job: &Job, runtime: R) -> Report {
    let client = Client::new(runtime, job);
    let store = Store::new(&client, &job.bucket);
    let mut report = Report::default();
    let mut pending = sources(job);
    for attempt in 1..=job.attempts {
        report.failed.retain(|failure| pending.iter().all(|source| source.name() != failure.source));
        for source in std::mem::take(&mut pending) {
            match fetch_and_store(source, job, &client, &store, &mut report.warnings).await {
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
    report
}

fn sources(job: &Job) -> Vec<Source> {
    match job.mock_file {
        Some(_) => vec![Source::Mock],
        None if job.include_fastf1 => vec![Source::Jolpica, Source::Fastf1],
        None => vec![Source::Jolpica],
    }
}

async fn fetch_and_store<R: Transport + Clock>(
    source: Source,
    job: &Job,
    client: &Client<R>,
    store: &Store<'_, R>,
    warnings: &mut Vec<String>,
) -> Result<Option<Stored>> {
    let name = source.name();
    let stored = match store.stored_earlier(name).await? {
        Some(stored) => stored,
        None => {
            let document = fetch(source, job, client).await?;
            // A streamed document knows what it lacks when it was read.
            let lacks = document.warnings.clone();
            let outcome = match job.dry_run {
                true => document.size().await.map(|size| {
                    let bucket = &job.bucket.name;
                    let would = format!("{name}: would store {size} bytes in {bucket}; this is a dry run");
                    client.log.info(&would);
                    None
                }),
                false => store.put(name, document).await.map(Some),
            };
            for warning in lacks.take() {
                client.log.warn(&format!("{name}: {warning}"));
                warnings.push(format!("{name}: {warning}"));
            }
            let Some(stored) = outcome? else { return Ok(None) };
            stored
        }
    };
    if let Err(error) = writeln!(std::io::stdout(), "{}", stored.key) {
        client.log.warn(&format!("{name}: the key cannot be printed: {error}"));
    }
    client
        .log
        .info(&format!("{name}: stored {} bytes in {} as {}", stored.size, job.bucket.name, stored.key));
    Ok(Some(stored))
}

async fn fetch<'a, R: Transport + Clock>(
    source: Source,
    job: &'a Job,
    client: &'a Client<R>,
) -> Result<Document<'a>> {
    match source {
        Source::Jolpica => jolpica::fetch(client, &job.jolpica_url).await,
        Source::Fastf1 => fastf1::fetch(client, job).await,
        Source::Mock => match &job.mock_file {
            Some(path) => mock::read(path),
            None => Err(Error::usage("--mock-file is missing")),
        },
    }
}
