//! What no server on loopback can be: hosts with https, redirects between them, and hours that pass.

use std::cell::RefCell;
use std::time::Duration;

use f1_ingest_component::error::{Kind, Result};
use f1_ingest_component::http::transport::{Request, Response, SendError};
use f1_ingest_component::job::{Job, ingest};
use http::{HeaderMap, Uri};

use crate::support::{self, Answer, Fake, NOW, Script, Time, World, closed, headers};

const URL: &str = "https://results.example/f1";

fn answer(status: u16, pairs: &[(&'static str, &'static str)]) -> Answer {
    support::answer(status, headers(pairs), &[b"body"])
}

fn job(arguments: &[&str]) -> Job {
    support::job(&[&["--bucket", "lake", "--dry-run", "--jolpica-url", URL], arguments].concat())
}

fn get(script: &Script, job: &Job) -> Result<Response> {
    pollster::block_on(support::client(World(script), job).get(&Uri::from_static(URL), Some("token")))
}

#[test]
fn a_redirect_within_the_host_is_followed_without_the_token() {
    let script = Script::of([answer(301, &[("location", "/new")]), answer(200, &[])]);
    assert_eq!(get(&script, &job(&[])).unwrap().body, b"body");
    let asked = script.asked.borrow();
    let token = |headers: &HeaderMap| headers.get("authorization").map(|token| token.as_bytes().to_vec());
    let asked: Vec<_> = asked.iter().map(|(url, headers)| (url.as_str(), token(headers))).collect();
    assert_eq!(asked, [(URL, Some(b"Bearer token".to_vec())), ("https://results.example/new", None)]);
}

#[test]
fn a_host_that_the_job_may_not_reach_is_not_followed_to() {
    for location in ["https://elsewhere.example/f1", "//elsewhere.example/f1", "http://results.example/f1"] {
        let script = Script::of([answer(302, &[("location", location)])]);
        let error = get(&script, &job(&[])).unwrap_err();
        assert_eq!(error.kind, Kind::Denied, "{error}");
        assert_eq!(script.asked.borrow().len(), 1);
    }
}

#[test]
fn redirects_in_a_circle_end() {
    let script = Script::of((0..6).map(|_| answer(302, &[("location", "/f1")])));
    let error = get(&script, &job(&["--requests-per-second", "0"])).unwrap_err();
    assert!(error.message.contains("redirects more than 5 times"), "{error}");
}

#[test]
fn a_part_that_was_not_asked_for_is_asked_for_again_and_never_taken_for_the_whole() {
    let part = || answer(206, &[("content-range", "bytes 0-3/9")]);
    let script = Script::of([part(), answer(200, &[])]);
    assert_eq!(get(&script, &job(&[])).unwrap().body, b"body");
    let script = Script::of((0..5).map(|_| part()));
    let error = get(&script, &job(&[])).unwrap_err();
    assert!(error.kind == Kind::Network && error.message.contains("206"), "{error}");
}

#[test]
fn retry_after_is_waited_for_up_to_five_minutes() {
    let script = Script::of([answer(429, &[("retry-after", "300")]), answer(200, &[])]);
    get(&script, &job(&[])).unwrap();
    assert_eq!(script.time.passed().as_secs(), 300);

    let script = Script::of([answer(429, &[("retry-after", "301")])]);
    let error = get(&script, &job(&[])).unwrap_err();
    assert_eq!((error.kind, error.until), (Kind::RateLimited, Some(NOW as u64 + 301)));
}

#[test]
fn four_retries_wait_0_2_4_and_8_seconds() {
    let script = Script::of((0..5).map(|_| Err(closed())));
    let error = get(&script, &job(&[])).unwrap_err();
    assert_eq!(error.kind, Kind::Network);
    assert!(error.message.contains(URL), "{error}");
    assert_eq!((script.asked.borrow().len(), script.time.passed().as_secs()), (5, 14));
}

#[test]
fn a_second_has_four_requests_and_an_hour_two_hundred() {
    let script = Script::of((0..200).map(|_| answer(200, &[])));
    let job = job(&[]);
    let client = support::client(World(&script), &job);
    let error = pollster::block_on(async {
        for _ in 0..200 {
            client.get(&Uri::from_static(URL), None).await.unwrap();
        }
        client.get(&Uri::from_static(URL), None).await.unwrap_err()
    });
    assert_eq!(script.time.passed().as_secs(), 49, "200 requests take 49 pauses");
    assert!(error.kind == Kind::RateLimited && error.until.is_some(), "{error}");
    assert!(error.message.contains("this run has used up"), "{error}");
    assert_eq!(script.asked.borrow().len(), 200);
}

#[test]
fn an_hour_of_other_length_and_number_is_kept_to_and_none_lifts_the_limit() {
    let asked = |arguments: &[&str]| {
        let script = Script::of((0..500).map(|_| answer(200, &[])));
        let job = job(&[&["--requests-per-second", "0"], arguments].concat());
        let client = support::client(World(&script), &job);
        let url = Uri::from_static(URL);
        while script.asked.borrow().len() < 500 && pollster::block_on(client.get(&url, None)).is_ok() {}
        script.asked.borrow().len()
    };
    assert_eq!(asked(&["--requests-per-hour", "3"]), 3);
    assert_eq!(asked(&["--requests-per-hour", "300"]), 300);
    assert_eq!(asked(&["--requests-per-hour", "0"]), 500);

    let script = Script::of((0..2).map(|_| answer(200, &[])));
    let job = job(&["--requests-per-hour", "1", "--budget-hour", "10"]);
    let client = support::client(World(&script), &job);
    let get = || pollster::block_on(client.get(&Uri::from_static(URL), None));
    get().unwrap();
    assert_eq!(get().unwrap_err().until, Some(NOW as u64 + 10));
    script.time.pass(Duration::from_secs(10));
    get().unwrap();
}

#[test]
fn a_host_that_keeps_the_budget_is_taken_at_its_word_at_once() {
    let script = Script::of([answer(429, &[("retry-after", "7"), ("f1-ingest-budget", "used-up")])]);
    let error = get(&script, &job(&[])).unwrap_err();
    assert_eq!((error.kind, error.status, error.until), (Kind::RateLimited, None, Some(NOW as u64 + 7)));
    assert!(error.message.contains("this machine has used up"), "{error}");
    assert_eq!((script.asked.borrow().len(), script.time.passed().as_secs()), (1, 0));
}

/// A world where connections to these hosts never come about, and whose others answer with results.
struct Dead {
    hosts: &'static [&'static str],
    asked: RefCell<Vec<String>>,
    time: Time,
}

impl Fake for Dead {
    fn time(&self) -> &Time {
        &self.time
    }

    fn answer(&self, request: &Request<'_>) -> Answer {
        let host = request.url.host().unwrap();
        self.asked.borrow_mut().push(host.to_owned());
        match self.hosts.contains(&host) {
            true => Err(SendError::Unreachable("the connection was refused".into())),
            false => support::answer(200, HeaderMap::new(), &[br#"{"MRData": {"total": "1"}}"#]),
        }
    }
}

/// Which hosts a run of both sources asks, in order, and how long it takes; both fail for the network.
fn dead(hosts: &'static [&'static str]) -> (Vec<String>, u64) {
    let world = Dead { hosts, asked: RefCell::default(), time: Time::default() };
    let urls = [
        ("JOLPICA_URL", "https://jolpica/f1"),
        ("F1_SCHEDULE_URL", "https://schedule/"),
        ("F1_LIVETIMING_URL", "https://livetiming/"),
        ("F1_LIVETIMING_MIRROR_URL", "https://mirror/"),
        ("AWS_ENDPOINT_URL", "https://store/"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let job = support::job_with(&["--bucket", "lake", "--include-fastf1"], &urls).unwrap();
    let report = pollster::block_on(ingest(&job, World(&world)));
    assert_eq!(report.failed.len(), 2, "{report:?}");
    for failure in &report.failed {
        let said = &failure.error.message;
        assert!(failure.error.kind == Kind::Network && said.contains("the connection was refused"), "{said}");
    }
    (world.asked.into_inner(), world.time.passed().as_secs())
}

#[test]
fn a_dead_network_is_given_up_after_the_retries_of_one_request() {
    let (asked, seconds) = dead(&["jolpica", "schedule", "livetiming", "mirror", "store"]);
    assert_eq!(asked, ["jolpica", "jolpica", "jolpica", "jolpica", "jolpica", "store"]);
    assert_eq!(seconds, 14);
    let (asked, seconds) = dead(&["jolpica", "schedule", "livetiming", "mirror"]);
    assert_eq!(asked[5..], ["store", "schedule", "livetiming"], "one try each");
    assert_eq!(seconds, 14);
}

#[test]
fn nothing_is_fetched_for_a_dead_store() {
    let (asked, seconds) = dead(&["store"]);
    assert_eq!(asked, ["jolpica", "store", "store", "store", "store", "store"]);
    assert_eq!(seconds, 14);
}

#[test]
fn a_host_that_comes_back_is_waited_for() {
    let refused = || Err(SendError::Unreachable("refused".into()));
    let script = Script::of([refused(), refused(), refused(), refused(), answer(200, &[])]);
    assert_eq!(get(&script, &job(&[])).unwrap().body, b"body");
    assert_eq!(script.time.passed().as_secs(), 14);
}
