//! `f1-ingest demo`: the whole job at once, with nothing but this binary.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use f1_ingest_component::options::Command;
use s3s::S3;
use s3s::dto::{HeadObjectInput, HeadObjectOutput, ListObjectsV2Input, Object};

use crate::observe::Observers;
use crate::options::HostOptions;
use crate::prepare::prepare;
use crate::runner::{Limit, Runner};
use crate::sandbox::Overdue;
use crate::store::{BUCKET, request};
use crate::variables::Variables;

/// The recording of a made-up race, by file name: it answers for the upstreams.
const RECORDING: &[(&str, &str)] = &[
    ("index.json", include_str!("../../demo/index.json")),
    (
        "api.jolpi.ca/ergast/f1/current/last/results.json",
        include_str!("../../demo/api.jolpi.ca/ergast/f1/current/last/results.json"),
    ),
];
/// The folder of the demo's own store: an invented race is not to lie among real ones.
const FOLDER: &str = "f1-demo";
/// The folder that is proposed for real ones.
const REAL: &str = "f1-data";

/// Runs the job against the recording and an embedded store, shows what it stored, and gives its exit code. Fails if
/// the working directory cannot be written to.
pub fn demo() -> Result<u8> {
    let recording = tempfile::tempdir()?;
    for (name, text) in RECORDING {
        let path = recording.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(&path))?;
        fs::write(path, text)?;
    }
    let host = HostOptions {
        store: Some(PathBuf::from(FOLDER)),
        replay: vec![recording.path().to_owned()],
        ..HostOptions::default()
    };
    // Nothing from the environment: it may be set up for the real thing.
    let (variables, command) = prepare(&host, &[], Variables::new())?;
    let Command::Ingest(job) = command else { return Err(anyhow!("no arguments ask for a run")) };

    println!("The job fetches the last race's result (here from a recording, of a race that never was) and");
    println!("stores it in an S3 bucket (here in ./{FOLDER}). It prints the key of what it stored:\n");
    let runner = Runner::new(host, Overdue::LeftBehind, Observers::default())?;
    let outcome = runner.ingest(Vec::new(), variables, *job, Limit::from_now())?;
    let Some(stored) = outcome.report.stored.last() else { return Ok(outcome.exit_code()) };

    println!("\nThe bucket {BUCKET} now holds:\n");
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(show_objects(Path::new(FOLDER)))?;
    println!("\n{} begins:\n", stored.key);
    let text = fs::read_to_string(Path::new(FOLDER).join(BUCKET).join(&stored.key))?;
    for line in text.lines().take(6) {
        println!("  {}", shortened(line, 100));
    }
    println!("{}", next());
    Ok(outcome.exit_code())
}

/// What to try next, with the command as it was called.
fn next() -> String {
    let command = std::env::args().next().unwrap_or_else(|| "f1-ingest".to_owned());
    format!(
        "
Next:

  # the real API, stored in a folder
  {command} run --store {REAL}

  # that folder for any S3 client
  {command} store {REAL}

  # the real API, your bucket at AWS (or elsewhere: --endpoint-url URL)
  export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...
  {command} run --bucket my-bucket --region eu-west-1

  # everything else
  {command} run --help"
    )
}

/// Lists keys, sizes and metadata, as an S3 client would see them.
async fn show_objects(folder: &Path) -> Result<()> {
    let files = s3s_fs::FileSystem::new(folder).map_err(|error| anyhow!("{error:?}"))?;
    let list = ListObjectsV2Input { bucket: BUCKET.to_owned(), ..Default::default() };
    let listed = files.list_objects_v2(request(list)).await.map_err(|error| anyhow!("{error}"))?;
    for Object { key, size, .. } in listed.output.contents.unwrap_or_default() {
        let key = key.context("an object without a key")?;
        println!("  {key}  {} bytes", size.unwrap_or_default());
        let head = HeadObjectInput { bucket: BUCKET.to_owned(), key, ..Default::default() };
        let head = files.head_object(request(head)).await.map_err(|error| anyhow!("{error}"))?.output;
        print_metadata(head);
    }
    Ok(())
}

fn print_metadata(head: HeadObjectOutput) {
    if let Some(content_type) = head.content_type {
        println!("      Content-Type: {content_type}");
    }
    let mut metadata: Vec<_> = head.metadata.into_iter().flatten().collect();
    metadata.sort();
    for (name, value) in metadata {
        println!("      x-amz-meta-{name}: {value}");
    }
}

/// The first `length` characters of a line.
fn shortened(line: &str, length: usize) -> String {
    match line.char_indices().nth(length) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None => line.to_owned(),
    }
}
