//! What goes wrong: each failure names its cause, the URL and the remedy, and nothing is lost or doubled.

use std::time::{Duration, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use f1_ingest_tests::binary::{Run, run, run_in};
use f1_ingest_tests::store::{ACCESS_KEY, BUCKET, SECRET_KEY, Store, environment};
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};

/// One attempt at the whole operation, unless `arguments` say otherwise.
fn ingest(upstream: &Upstream, endpoint: &str, arguments: &[&str]) -> Run {
    let url = upstream.url("/results.json");
    let all = [&["run", "--jolpica-url", &url, "--retries", "1"], arguments].concat();
    let run = run_in(&all, &environment(endpoint));
    assert!(!run.stderr.contains(SECRET_KEY), "the secret shows:\n{}", run.stderr);
    run
}

#[test]
fn a_source_that_fails_twice_and_then_works_is_stored_once() {
    let (broken, fine) = (Reply::new(503, "busy"), Reply::json(RESULTS));
    let (upstream, store) = (Upstream::start([broken, Reply::Hangup, fine]), Store::start());
    let run = ingest(&upstream, &store.endpoint(), &[]).expect(0);
    assert_eq!(store.keys(), run.keys());
    assert_eq!(upstream.asked().len(), 3);
    run.says(&["503", "retry 1 of 4"]).says(&["retry 2 of 4"]);
}

#[test]
fn the_whole_operation_is_tried_again_five_seconds_later() {
    let html = Reply::new(200, "<html>maintenance</html>").with("content-type", "text/html");
    let (upstream, store) = (Upstream::start([html, Reply::json(RESULTS)]), Store::start());
    let run = ingest(&upstream, &store.endpoint(), &["--retries", "2"]).expect(0);
    run.says(&["attempt 1 of 2", "5 s"]);
    assert_eq!(store.keys(), run.keys());
    let asked = upstream.asked();
    assert!(asked[1].at - asked[0].at >= Duration::from_secs(5));
}

#[test]
fn a_server_that_never_answers_is_given_up_after_20_seconds() {
    let (upstream, store) = (Upstream::start([Reply::Silence, Reply::json(RESULTS)]), Store::start());
    let run = ingest(&upstream, &store.endpoint(), &[]).expect(0);
    run.says(&["/results.json", "no answer for 20 s", "retry 1"]);
    assert_eq!(store.keys(), run.keys());
}

#[test]
fn html_with_status_200_is_not_stored() {
    let html = Reply::new(200, "<html>maintenance</html>").with("content-type", "text/html");
    let (upstream, store) = (Upstream::start([html]), Store::start());
    ingest(&upstream, &store.endpoint(), &[]).expect(1).says(&["/results.json", "not", "JSON", "text/html"]);
    assert!(store.keys().is_empty());
}

#[test]
fn a_body_that_is_cut_short_is_noticed_and_fetched_again() {
    let cut = Reply::cut_short(RESULTS, 10);
    let (upstream, store) = (Upstream::start([cut, Reply::json(RESULTS)]), Store::start());
    let run = ingest(&upstream, &store.endpoint(), &[]).expect(0);
    run.says(&["broke off after 10 bytes", "retry 1"]);
    assert_eq!(store.object(run.keys()[0]), RESULTS.as_bytes());
}

#[test]
fn json_that_ends_in_the_middle_is_not_stored() {
    let (upstream, store) = (Upstream::start([Reply::json(&RESULTS[..12])]), Store::start());
    ingest(&upstream, &store.endpoint(), &[]).expect(1).says(&["/results.json", "ends in the middle"]);
    assert!(store.keys().is_empty());
}

#[test]
fn retry_after_is_obeyed_in_both_forms() {
    let store = Store::start();
    let in_four_seconds = DateTime::<Utc>::from(SystemTime::now()) + TimeDelta::seconds(4);
    for value in [&in_four_seconds.format("%a, %d %b %Y %H:%M:%S GMT").to_string(), "3"] {
        let busy = Reply::new(429, "").with("retry-after", value);
        let upstream = Upstream::start([busy, Reply::json(RESULTS)]);
        ingest(&upstream, &store.endpoint(), &[]).expect(0);
        let asked = upstream.asked();
        let waited = asked[1].at - asked[0].at;
        assert!(waited >= Duration::from_millis(1500), "{value}: waited {waited:?}");
    }
}

#[test]
fn a_rate_limit_that_lasts_is_exit_code_75() {
    let store = Store::start();
    let hour = Upstream::start([Reply::new(429, "").with("retry-after", "3600")]);
    ingest(&hour, &store.endpoint(), &["--retries", "3"]).expect(75).says(&[
        "too many requests",
        "after 20",
        "429",
    ]);
    assert_eq!(hour.asked().len(), 1, "an hour is not waited for");
    let always = Upstream::start([Reply::new(429, "")]);
    ingest(&always, &store.endpoint(), &["--retries", "3"])
        .expect(75)
        .says(&["too many requests", "/results.json"]);
    assert_eq!(always.asked().len(), 5, "no Retry-After: 4 retries");
}

#[test]
fn each_refusal_of_an_upstream_has_its_name() {
    let table: [(u16, i32, &str); 4] = [
        (401, 1, "sign-in"),
        (403, 1, "refuses this address"),
        (404, 1, "does not exist"),
        (400, 1, "refuses the request"),
    ];
    let store = Store::start();
    for (status, code, words) in table {
        let upstream = Upstream::start([Reply::new(status, "")]);
        ingest(&upstream, &store.endpoint(), &[]).expect(code).says(&[
            "/results.json",
            words,
            &status.to_string(),
        ]);
        assert_eq!(upstream.asked().len(), 1, "{status} is no reason to try again");
    }
    let empty = Upstream::start([Reply::json(r#"{"MRData": {"total": "0"}}"#)]);
    ingest(&empty, &store.endpoint(), &[]).expect(75).says(&["not published"]);
    assert!(store.keys().is_empty());
}

#[test]
fn nobody_listening_is_a_network_error() {
    let store = Store::start();
    let url = "http://127.0.0.1:9/results.json";
    let run = run_in(&["run", "--jolpica-url", url, "--retries", "1"], &store.environment()).expect(1);
    run.says(&[url, "refused", "check the network"]);
}

#[test]
fn a_redirect_is_followed_to_https_and_allowed_hosts_only() {
    let store = Store::start();
    for (location, why) in
        [("http://127.0.0.1:9/", "not https"), ("https://example.org/x", "may not reach"), ("", "URL")]
    {
        let upstream = Upstream::start([Reply::new(302, "").with("location", location)]);
        ingest(&upstream, &store.endpoint(), &[]).expect(1).says(&["/results.json redirects", why]);
    }
}

#[test]
fn a_wrong_secret_is_refused_once() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let proxy = Upstream::start([Reply::Forward(store.address)]);
    let (url, endpoint) = (upstream.url("/"), proxy.url(""));
    let wrong = [("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", "wrong")];
    let arguments = ["run", "--bucket", BUCKET, "--jolpica-url", &url, "--endpoint-url", &endpoint];
    let run = run(&arguments, &wrong).expect(1);
    run.says(&["SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY", "/lake/raw/"]);
    assert_eq!(proxy.asked().len(), 2, "a look at the key and one PUT: no retry storm");
    assert!(store.keys().is_empty());
    assert!(!run.stderr.to_lowercase().contains("signature="), "{}", run.stderr);
}

#[test]
fn the_store_refuses_what_s3_refuses() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    ingest(&upstream, &store.endpoint(), &["--bucket", "no-such-bucket"])
        .expect(1)
        .says(&["NoSuchBucket", "--bucket"]);
    ingest(&upstream, &store.endpoint(), &["--region", "eu-north-1"]).expect(1).says(&["--region"]);
    assert!(store.keys().is_empty());
}

#[test]
fn a_store_that_stumbles_is_asked_again() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let error =
        |status, code| Reply::new(status, format!("<Error><Code>{code}</Code><Message>m</Message></Error>"));
    let stumbles =
        [error(503, "SlowDown"), error(400, "RequestTimeout"), error(409, "ConditionalRequestConflict")];
    // Each of them is sent to a key that was looked at and is free.
    let stumbles = stumbles.into_iter().flat_map(|stumble| [Reply::new(404, ""), stumble]);
    let proxy = Upstream::start(stumbles.chain([Reply::Forward(store.address)]));
    let run = ingest(&upstream, &proxy.url(""), &[]).expect(0);
    assert_eq!(store.keys(), run.keys());
    // Four attempts with a look before each, whether the store would overwrite, looked at before as well, and a look after.
    let methods: Vec<String> = proxy.asked().iter().map(|asked| asked.line[..4].trim().to_owned()).collect();
    assert_eq!(methods, ["HEAD", "PUT", "HEAD", "PUT", "HEAD", "PUT", "HEAD", "PUT", "HEAD", "PUT", "HEAD"]);
    assert_eq!(upstream.asked().len(), 1, "the source is not fetched again");
}

#[test]
fn a_taken_second_gives_way_to_the_next() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let taken = Reply::new(412, "<Error><Code>PreconditionFailed</Code></Error>");
    let proxy = Upstream::start([Reply::new(404, ""), taken, Reply::Forward(store.address)]);
    let run = ingest(&upstream, &proxy.url(""), &[]).expect(0);
    assert_eq!(store.keys(), run.keys());
    let seconds =
        |line: &str| line.split('/').nth(5).unwrap().split('.').next().unwrap().parse::<u64>().unwrap();
    let mut asked = proxy.asked();
    asked.retain(|asked| asked.line.starts_with("PUT"));
    assert_eq!(seconds(&asked[1].line), seconds(&asked[0].line) + 1);
    assert!(asked.iter().all(|asked| asked.header("if-none-match") == Some("*")));
    let sent = |n: usize| asked[n].header("x-amz-meta-ingest_time_utc").unwrap().parse::<u64>().unwrap();
    assert_eq!(sent(1), seconds(&asked[1].line), "metadata and key have the same seconds");
}

#[test]
fn answers_that_all_get_lost_do_not_make_what_is_stored_a_failure() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let (forward, lost) = (Reply::Forward(store.address), Reply::ForwardAndHangup(store.address));
    let proxy = Upstream::start([vec![forward.clone()], vec![lost; 5], vec![forward]].concat());
    let run = ingest(&upstream, &proxy.url(""), &[]).expect(0);
    assert_eq!(store.keys(), run.keys());
    assert_eq!(proxy.asked().len(), 7, "looked at, put, and looked for");
}

#[test]
fn a_wrong_clock_is_named() {
    let upstream = Upstream::start([Reply::json(RESULTS)]);
    let skewed =
        "<Error><Code>RequestTimeTooSkewed</Code><Message>The difference is too large.</Message></Error>";
    let store = Upstream::start([Reply::new(403, skewed).with("date", "Tue, 24 Nov 2020 12:00:00 GMT")]);
    ingest(&upstream, &store.url(""), &[]).expect(1).says(&["RequestTimeTooSkewed", "clock", "ahead of"]);
    assert_eq!(store.asked().len(), 2);
}
