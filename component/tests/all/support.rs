//! What stands in for the world: answers that a test gives, a clock that it moves, the job of a command line.

pub mod s3;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use f1_ingest_component::error::Result;
use f1_ingest_component::http::client::Client;
use f1_ingest_component::http::transport::{Chunks, Clock, Request, Response, SendError, Transport};
use f1_ingest_component::job::Job;
use f1_ingest_component::options::{Command, read};
use f1_ingest_component::s3::client::S3Client;
use f1_ingest_component::s3::store::Store;
use futures_util::stream::{StreamExt, TryStreamExt, iter};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

/// When a test begins if it does not say otherwise: noon of 24 November 2026.
pub const NOW: i64 = 1_795_521_600;

/// What a test puts in the place of the network.
pub trait Fake {
    fn time(&self) -> &Time;
    fn answer(&self, request: &Request<'_>) -> Answer;
}

pub type Answer = std::result::Result<Response<Chunks>, SendError>;

/// Passes when somebody sleeps, or when the test says so.
pub struct Time {
    start: DateTime<Utc>,
    passed: Cell<Duration>,
}

impl Time {
    pub fn from(start: DateTime<Utc>) -> Time {
        Time { start, passed: Cell::default() }
    }

    pub fn passed(&self) -> Duration {
        self.passed.get()
    }

    pub fn pass(&self, duration: Duration) {
        self.set(self.passed() + duration);
    }

    /// So long after the start.
    pub fn set(&self, passed: Duration) {
        self.passed.set(passed);
    }
}

impl Default for Time {
    fn default() -> Time {
        Time::from(DateTime::from_timestamp(NOW, 0).unwrap())
    }
}

/// A runtime whose requests a fake answers.
pub struct World<'a, F>(pub &'a F);

impl<F: Fake> Transport for World<'_, F> {
    async fn send(&self, request: &Request<'_>) -> std::result::Result<Response, SendError> {
        let Response { status, headers, body } = self.0.answer(request)?;
        Ok(Response { status, headers, body: body.try_concat().await? })
    }

    async fn open(&self, request: &Request<'_>) -> Answer {
        self.0.answer(request)
    }
}

impl<F: Fake> Clock for World<'_, F> {
    fn now(&self) -> DateTime<Utc> {
        self.0.time().start + self.uptime()
    }

    fn uptime(&self) -> Duration {
        self.0.time().passed()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.time().pass(duration);
    }

    fn random(&self) -> u64 {
        0
    }
}

/// Gives its answers in order, and remembers URL and headers of each request.
#[derive(Default)]
pub struct Script {
    answers: RefCell<VecDeque<Answer>>,
    pub asked: RefCell<Vec<(String, HeaderMap)>>,
    pub time: Time,
}

impl Script {
    pub fn of(answers: impl IntoIterator<Item = Answer>) -> Script {
        Script { answers: RefCell::new(answers.into_iter().collect()), ..Script::default() }
    }
}

impl Fake for Script {
    fn time(&self) -> &Time {
        &self.time
    }

    fn answer(&self, request: &Request<'_>) -> Answer {
        self.asked.borrow_mut().push((request.url.to_string(), request.headers.clone()));
        self.answers.borrow_mut().pop_front().expect("the script has an answer for every request")
    }
}

/// An answer with a body of these chunks; the chunk `!` is where it breaks off.
pub fn answer(status: u16, headers: HeaderMap, chunks: &[&[u8]]) -> Answer {
    let chunk = |chunk: &&[u8]| match *chunk {
        b"!" => Err(closed()),
        chunk => Ok(chunk.to_vec()),
    };
    let body = iter(chunks.iter().map(chunk).collect::<Vec<_>>()).boxed_local();
    Ok(Response { status: StatusCode::from_u16(status).unwrap(), headers, body })
}

pub fn closed() -> SendError {
    SendError::Network("the connection was closed".into())
}

pub fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    pairs.iter().map(pair).collect()
}

/// The job of a command line and these variables.
pub fn job_with(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Job> {
    let arguments: Vec<String> = arguments.iter().map(|argument| argument.to_string()).collect();
    let variable =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
    match read(&arguments, variable)? {
        Command::Ingest(job) => Ok(*job),
        other => panic!("{other:?}"),
    }
}

pub fn job(arguments: &[&str]) -> Job {
    job_with(arguments, &[]).unwrap()
}

/// The job's client in a fake's world.
pub fn client<R: Transport + Clock>(runtime: R, job: &Job) -> Client<R> {
    Client::new(runtime, job.http(0))
}

/// The job's store.
pub fn store<'a, R: Transport + Clock>(client: &'a Client<R>, job: &'a Job) -> Store<'a, R> {
    Store::new(S3Client::new(client, &job.bucket))
}

/// In hex.
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
