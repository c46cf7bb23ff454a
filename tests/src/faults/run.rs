//! One run of a plan: the real host, from its command line to its end.

use std::fs::{self, File};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::Met;
use super::plan::Run;
use crate::binary::{Running, command};
use crate::store::environment;
use crate::synthetic::dice::Dice;

/// What a host may take to start and to end beyond its `--timeout`, on a busy machine.
pub const SLACK: Duration = Duration::from_secs(30);

/// How a run ended.
pub struct End {
    pub document: Vec<u8>,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub run_id: String,
    pub took: Duration,
    /// What its requests met, if there was a proxy before the store.
    pub met: Vec<Met>,
}

/// The bucket that a seed's runs write to.
pub fn bucket(seed: u64) -> String {
    format!("seed-{seed}")
}

/// Carries out the run of this number, its files in `folder`. A host that does not end is killed.
pub fn run(seed: u64, number: usize, run: &Run, endpoint: &str, folder: &Path) -> End {
    let document = document(seed, number, run.length);
    let file = |kind: &str| folder.join(format!("{number}.{kind}"));
    fs::write(file("json"), &document).expect("there is room for a file");
    let (path, bucket) = (file("json").display().to_string(), bucket(seed));
    let (attempts, limit) = (run.attempts.to_string(), run.limit.to_string());
    let base = ["run", "--bucket", &bucket, "--retries", &attempts, "--timeout", &limit];
    let document_in_parts = ["--mock-file", &path, "--part-size", "5MiB", "--log-format", "json"];
    let mut host = command(&[&base[..], &document_in_parts, &run.options].concat(), &[]);
    host.envs(environment(endpoint));
    host.stdout(File::create(file("stdout")).expect("there is room for a file"));
    host.stderr(File::create(file("stderr")).expect("there is room for a file"));
    let begin = Instant::now();
    let mut host = Running(host.spawn().expect("f1-ingest starts"));
    let code = loop {
        if let Some(status) = host.0.try_wait().expect("f1-ingest is a child") {
            break status.code().unwrap_or(-1);
        }
        if begin.elapsed() > Duration::from_secs(run.limit) + SLACK {
            let _ = host.0.kill();
        }
        thread::sleep(Duration::from_millis(10));
    };
    let took = begin.elapsed();
    let said = |kind: &str| fs::read_to_string(file(kind)).expect("f1-ingest writes text");
    let (stdout, stderr) = (said("stdout"), said("stderr"));
    let run_id = stderr.split("\"run_id\":\"").nth(1).and_then(|rest| rest.split('"').next());
    let run_id = run_id.unwrap_or_default().to_owned();
    End { document, code, stdout, stderr, run_id, took, met: Vec::new() }
}

/// A JSON string of this length that nobody else's document is.
fn document(seed: u64, number: usize, length: usize) -> Vec<u8> {
    let dice = &mut Dice::new(seed, &format!("document {number}"));
    let mut text = String::from("\"");
    while text.len() < length {
        let bytes: Vec<u8> = (0..768).map(|_| dice.between(0, 255) as u8).collect();
        BASE64_URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
    }
    text.truncate(length - 1);
    text.push('"');
    text.into_bytes()
}
