//! The role of a container, as time passes. The fake is the endpoint that AWS puts next to the job, and an S3.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::time::Duration;

use chrono::DateTime;
use f1_ingest_component::document::Document;
use f1_ingest_component::error::{Kind, Result};
use f1_ingest_component::http::transport::Request;
use f1_ingest_component::job::Job;
use f1_ingest_component::s3::client::S3Client;

use crate::support::{self, Answer, Fake, NOW, Time, World, answer, headers, job_with};

/// Answers metadata requests in order, and takes every object.
#[derive(Default)]
struct Cloud {
    answers: RefCell<VecDeque<(u16, String)>>,
    /// Each request: its line, and what it proves itself with.
    asked: RefCell<Vec<String>>,
    time: Time,
}

impl Cloud {
    fn new(answers: &[(u16, String)]) -> Cloud {
        Cloud { answers: RefCell::new(answers.iter().cloned().collect()), ..Cloud::default() }
    }
}

impl Fake for Cloud {
    fn time(&self) -> &Time {
        &self.time
    }

    fn answer(&self, request: &Request<'_>) -> Answer {
        let proof = request.headers.get("authorization").and_then(|proof| proof.to_str().ok());
        let proof = proof.unwrap_or_default().split('/').next().unwrap_or_default();
        self.asked.borrow_mut().push(format!("{} {} {proof}", request.method, request.url));
        let is_s3 = request.url.host().is_some_and(|host| host.ends_with("amazonaws.com"));
        let (status, body) = match is_s3 {
            true => (200, String::new()),
            false => self.answers.borrow_mut().pop_front().expect("the cloud has an answer left"),
        };
        answer(status, headers(&[("etag", "\"e\"")]), &[body.as_bytes()])
    }
}

/// Keys that last so many seconds from the start.
fn keys(id: &str, seconds: i64) -> (u16, String) {
    let expiry = DateTime::from_timestamp(NOW + seconds, 0).unwrap().to_rfc3339();
    let answer = format!(
        r#"{{"Code": "Success", "AccessKeyId": "{id}", "SecretAccessKey": "the-secret", "Token": "a-token", "Expiration": "{expiry}"}}"#
    );
    (200, answer)
}

fn job(variables: &[(&str, &str)]) -> Result<Job> {
    job_with(&["--bucket", "lake"], variables)
}

/// The keys at each of these moments, in seconds from the start, or why there are none.
fn at(cloud: &Cloud, job: &Job, moments: &[u64]) -> Vec<Result<String>> {
    let client = support::client(World(cloud), job);
    let s3 = S3Client::new(&client, &job.bucket);
    let mut found = Vec::new();
    for moment in moments {
        cloud.time.set(Duration::from_secs(*moment));
        let credentials = pollster::block_on(s3.credentials());
        found.push(credentials.map(|credentials| credentials.unwrap().access_key_id().to_owned()));
    }
    found
}

const URL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const CONTAINER: [(&str, &str); 2] =
    [(URL, "http://169.254.170.23/v1/credentials"), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a-token-to-ask")];

#[test]
fn keys_are_asked_for_again_five_minutes_before_they_expire() {
    let cloud = Cloud::new(&[keys("first", 3600), keys("second", 7200)]);
    let job = job(&CONTAINER).unwrap();
    let found = at(&cloud, &job, &[0, 1, 3299, 3300, 6899]);
    let expected = ["first", "first", "first", "second", "second"];
    assert_eq!(found, expected.map(|id| Ok(id.to_owned())));
    assert_eq!(*cloud.asked.borrow(), ["GET http://169.254.170.23/v1/credentials a-token-to-ask"; 2]);
}

#[test]
fn every_request_is_signed_with_the_keys_of_its_moment() {
    let cloud = Cloud::new(&[keys("first", 3600), keys("second", 7200)]);
    let job = job(&CONTAINER).unwrap();
    let client = support::client(World(&cloud), &job);
    let store = support::store(&client, &job);
    for _ in 0..2 {
        pollster::block_on(store.put("mock", Document::whole(b"{}".to_vec()))).unwrap();
        cloud.time.pass(Duration::from_secs(3500));
    }
    let asked = cloud.asked.borrow();
    let signed: Vec<_> = asked.iter().filter_map(|asked| asked.split("Credential=").nth(1)).collect();
    assert_eq!(signed, ["first", "second"]);
}

#[test]
fn keys_that_are_still_good_are_used_if_there_are_no_newer_ones() {
    let refused = || (500, "busy".to_owned());
    let cloud = Cloud::new(&[keys("first", 3600), refused(), refused()]);
    let found = at(&cloud, &job(&CONTAINER).unwrap(), &[0, 3599, 3600]);
    assert_eq!(found[..2], ["first", "first"].map(|id| Ok(id.to_owned())));
    let error = found[2].clone().unwrap_err();
    assert!(error.kind.is_transient() && error.message.contains("169.254.170.23"), "{error}");
}

#[test]
fn a_container_that_refuses_says_why() {
    let unauthorized = r#"{"code": "AccessDeniedException", "message": "the token is wrong"}"#;
    for (status, answer, why) in [
        (403, unauthorized, "the token is wrong"),
        // It may hold some of the keys.
        (200, r#"{"SecretAccessKey": "the-secret"}"#, "gave no credentials (HTTP 200)"),
    ] {
        let cloud = Cloud::new(&[(status, answer.to_owned())]);
        let error = at(&cloud, &job(&CONTAINER).unwrap(), &[0]).remove(0).unwrap_err();
        assert_eq!(error.kind, Kind::Credentials);
        assert!(error.message.contains(why), "{error}");
        let secrets = ["a-token-to-ask", "the-secret"];
        assert!(!secrets.iter().any(|secret| error.message.contains(secret)), "{error}");
    }
}

#[test]
fn a_token_in_a_file_is_read_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let job =
        job(&[CONTAINER[0], ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap())]).unwrap();
    let cloud = Cloud::new(&[keys("first", 60), keys("second", 60)]);
    for token in ["one\n", "two"] {
        std::fs::write(&file, token).unwrap();
        at(&cloud, &job, &[0])[0].as_ref().unwrap();
    }
    let asked = cloud.asked.borrow();
    assert!(asked[0].ends_with(" one") && asked[1].ends_with(" two"), "{asked:?}");
    std::fs::remove_file(&file).unwrap();
    let error = at(&cloud, &job, &[0]).remove(0).unwrap_err();
    assert!(error.message.contains(file.to_str().unwrap()), "{error}");
}

#[test]
fn a_token_goes_to_containers_and_this_machine_only() {
    for (url, fine) in [
        ("http://169.254.170.2/x", true),
        ("http://[fd00:ec2::23]/v1/credentials", true),
        ("http://127.0.0.1:8080/x", true),
        ("http://localhost/x", true),
        ("https://credentials.example/x", true),
        ("http://credentials.example/x", false),
        ("http://127.evil.example/x", false),
        ("http://169.254.169.254/x", false),
        ("ftp://127.0.0.1/x", false),
        ("127.0.0.1", false),
    ] {
        let parsed = job(&[(URL, url)]);
        assert_eq!(
            parsed.as_ref().map(|_| ()).map_err(|error| error.kind),
            fine.then_some(()).ok_or(Kind::Usage)
        );
    }
    let cloud = Cloud::new(&[keys("first", 60)]);
    let both = [(URL, "http://127.0.0.1/x"), ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/y")];
    at(&cloud, &job(&both).unwrap(), &[0])[0].as_ref().unwrap();
    assert_eq!(*cloud.asked.borrow(), ["GET http://169.254.170.2/v2/y "]);
}

#[test]
fn no_debug_shows_a_secret() {
    let secrets = ["a-token-to-ask", "the-secret"];
    let given = [("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "the-secret")];
    for variables in [&CONTAINER, &given] {
        let shown = format!("{:?}", job(variables).unwrap());
        assert!(!secrets.iter().any(|secret| shown.contains(secret)), "{shown}");
    }
}
