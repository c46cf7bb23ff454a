//! What no server on loopback can be: hosts with https, redirects between them, and hours that pass.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use f1_ingest_component::client::Client;
use f1_ingest_component::error::Kind;
use f1_ingest_component::options::{Command, Job, parse};
use f1_ingest_component::runtime::{Clock, Request, Response, SendError, Transport};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};

/// Answers in order, and remembers what it was asked and how long it was let sleep.
#[derive(Default)]
struct Script {
    answers: RefCell<VecDeque<Result<Response, SendError>>>,
    asked: RefCell<Vec<(String, bool)>>,
    slept: Cell<Duration>,
}

impl Transport for &Script {
    async fn send(&self, request: &Request<'_>) -> Result<Response, SendError> {
        let signed_in = request.headers.get("authorization").is_some_and(|token| token == "Bearer token");
        self.asked.borrow_mut().push((request.url.to_string(), signed_in));
        self.answers.borrow_mut().pop_front().expect("the script has an answer for every request")
    }
}

impl Clock for &Script {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_521_600, 0).unwrap() + self.slept.get()
    }

    fn uptime(&self) -> Duration {
        self.slept.get()
    }

    async fn sleep(&self, duration: Duration) {
        self.slept.set(self.slept.get() + duration);
    }

    fn random(&self) -> u64 {
        0
    }
}

fn answer(status: u16, headers: &[(&'static str, &'static str)]) -> Result<Response, SendError> {
    let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let headers = HeaderMap::from_iter(headers.iter().map(pair));
    Ok(Response { status: StatusCode::from_u16(status).unwrap(), headers, body: b"body".to_vec() })
}

fn job(arguments: &[&str]) -> Job {
    let base = ["--bucket", "lake", "--dry-run", "--jolpica-url", "https://results.example/f1"];
    let arguments: Vec<String> = base.iter().chain(arguments).map(|argument| argument.to_string()).collect();
    match parse(&arguments, |_| None) {
        Ok(Command::Ingest(job)) => *job,
        other => panic!("{other:?}"),
    }
}

const URL: &str = "https://results.example/f1";

fn get(script: &Script, job: &Job) -> f1_ingest_component::error::Result<Response> {
    pollster::block_on(Client::new(script, job).get(&Uri::from_static(URL), Some("token")))
}

#[test]
fn a_redirect_within_the_host_keeps_the_token() {
    let script = Script::default();
    script.answers.borrow_mut().extend([answer(301, &[("location", "/new")]), answer(200, &[])]);
    assert_eq!(get(&script, &job(&[])).unwrap().body, b"body");
    let asked = [(URL.to_owned(), true), ("https://results.example/new".to_owned(), true)];
    assert_eq!(*script.asked.borrow(), asked);
}

#[test]
fn a_host_that_the_job_may_not_reach_is_not_followed_to() {
    for location in ["https://elsewhere.example/f1", "//elsewhere.example/f1", "http://results.example/f1"] {
        let script = Script::default();
        script.answers.borrow_mut().push_back(answer(302, &[("location", location)]));
        let error = get(&script, &job(&[])).unwrap_err();
        assert_eq!(error.kind, Kind::Denied, "{error}");
        assert_eq!(script.asked.borrow().len(), 1);
    }
}

#[test]
fn redirects_in_a_circle_end() {
    let script = Script::default();
    script.answers.borrow_mut().extend((0..6).map(|_| answer(302, &[("location", "/f1")])));
    let error = get(&script, &job(&["--requests-per-second", "0"])).unwrap_err();
    assert!(error.message.contains("redirects more than 5 times"), "{error}");
}

#[test]
fn retry_after_is_waited_for_up_to_five_minutes() {
    let script = Script::default();
    script.answers.borrow_mut().extend([answer(429, &[("retry-after", "300")]), answer(200, &[])]);
    get(&script, &job(&[])).unwrap();
    assert_eq!(script.slept.get().as_secs(), 300);

    let script = Script::default();
    script.answers.borrow_mut().push_back(answer(429, &[("retry-after", "301")]));
    let error = get(&script, &job(&[])).unwrap_err();
    assert_eq!(error.kind, Kind::RateLimited(Some(1_795_521_600 + 301)));
}

#[test]
fn four_retries_wait_0_2_4_and_8_seconds() {
    let script = Script::default();
    let broken = || Err(SendError::Network("the connection was closed".into()));
    script.answers.borrow_mut().extend((0..5).map(|_| broken()));
    let error = get(&script, &job(&[])).unwrap_err();
    assert_eq!(error.kind, Kind::Network);
    assert!(error.message.contains(URL), "{error}");
    assert_eq!((script.asked.borrow().len(), script.slept.get().as_secs()), (5, 14));
}

#[test]
fn a_second_has_four_requests_and_an_hour_two_hundred() {
    let script = Script::default();
    script.answers.borrow_mut().extend((0..200).map(|_| answer(200, &[])));
    let job = job(&[]);
    let client = Client::new(&script, &job);
    let error = pollster::block_on(async {
        for _ in 0..200 {
            client.get(&Uri::from_static(URL), None).await.unwrap();
        }
        client.get(&Uri::from_static(URL), None).await.unwrap_err()
    });
    assert_eq!(script.slept.get().as_secs(), 49, "200 requests take 49 pauses");
    assert!(matches!(error.kind, Kind::RateLimited(Some(_))), "{error}");
    assert_eq!(script.asked.borrow().len(), 200);
}
