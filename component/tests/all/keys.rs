//! Which key a document gets if answers are lost, late or doubled, and if other runs write too.

use std::time::Duration;

use f1_ingest_component::error::Kind;

use crate::support::s3::{Fault, KEY, S3, assert_nothing_left, document, job, only_object, put, put_by};
use crate::support::{self, World};

#[test]
fn an_answer_that_got_lost_is_looked_for() {
    let s3 = S3::default().fails("json?uploadId", Fault::Lost);
    let stored = put(&s3, document("abcdefghij")).unwrap();
    assert_eq!((stored.key.as_str(), only_object(&s3).as_str()), (KEY, "abcdefghij"));
    let asked = s3.asked.borrow();
    let last: Vec<&str> = asked[asked.len() - 4..].iter().map(String::as_str).collect();
    assert_eq!(last, ["HEAD KEY", "POST KEY?uploadId=ours-1", "HEAD KEY", "HEAD KEY"]);
}

#[test]
fn a_request_that_arrives_twice_makes_one_object() {
    for (request, text) in [("PUT raw", "abc"), ("json?uploadId", "abcdefghij")] {
        let s3 = S3::default().fails(request, Fault::Twice);
        let stored = put(&s3, document(text)).unwrap();
        assert_eq!((stored.key.as_str(), only_object(&s3).as_str()), (KEY, text));
        assert!(s3.time.passed() <= Duration::from_secs(1), "for other runs, not to try again");
    }
}

#[test]
fn what_may_come_yet_is_waited_for_at_its_key() {
    for (request, text) in [("PUT raw", "abc"), ("json?uploadId", "abcdefghij")] {
        for comes_before in [true, false] {
            let late = |s3: S3, _| s3.fails(request, Fault::Late);
            let s3 = (0..5).fold(S3::default(), late);
            let job = job(&[]);
            let client = support::client(World(&s3), &job);
            let store = support::store(&client, &job);
            put_by(&store, document(text)).unwrap_err();
            assert_eq!(pollster::block_on(store.stored_earlier("mock")), Ok(None));
            if comes_before {
                s3.late_ones_arrive();
            }
            let stored = put_by(&store, document(text)).unwrap();
            s3.late_ones_arrive();
            assert_eq!((stored.key.as_str(), only_object(&s3).as_str()), (KEY, text));
        }
    }
}

#[test]
fn a_key_that_was_found_taken_and_nobody_could_look_at_is_looked_at_again() {
    for answer in [(503, ""), (200, "")] {
        let s3 = S3::default().fails("HEAD raw", Fault::Answer(404, "")).fails("PUT raw", Fault::Twice);
        let s3 = (0..5).fold(s3, |s3, _| s3.fails("HEAD raw", Fault::Answer(answer.0, answer.1)));
        let job = job(&[]);
        let client = support::client(World(&s3), &job);
        let store = support::store(&client, &job);
        put_by(&store, document("abc")).unwrap_err();
        let stored = pollster::block_on(store.stored_earlier("mock")).unwrap().unwrap();
        assert_eq!((stored.key.to_string().as_str(), only_object(&s3).as_str()), (KEY, "abc"));
    }
}

#[test]
fn a_taken_key_that_may_not_be_looked_at_gives_way_to_the_next() {
    let s3 = S3::default().fails("PUT raw", Fault::Answer(412, ""));
    let forbidden = || ("HEAD raw", Fault::Answer(403, ""));
    s3.faults.borrow_mut().extend([forbidden(), forbidden()]);
    assert_eq!(put(&s3, document("abc")).unwrap().key, KEY.replace("1600", "1601"));
}

#[test]
fn a_key_that_is_lost_at_the_end_is_for_the_next_attempt() {
    for (status, body) in [(412, ""), (409, "<Error><Code>ConditionalRequestConflict</Code></Error>")] {
        let s3 = S3::default().fails("json?uploadId", Fault::Answer(status, body));
        let error = put(&s3, document("abcdefghij")).unwrap_err();
        assert!(error.kind.is_transient(), "{error}");
        assert_nothing_left(&s3);
        assert_eq!(s3.asked.borrow().iter().filter(|line| line.starts_with("POST KEY?uploadId")).count(), 1);
    }
}

#[test]
fn parts_that_another_run_overtook_are_for_the_next_attempt() {
    // Seen before the completion, and after it.
    for (request, completed) in [("partNumber=3", 0), ("json?uploadId", 1)] {
        let s3 = S3 { overwrites: true, ..S3::default() }.fails(request, Fault::Overtaken);
        let error = put(&s3, document("abcdefghij")).unwrap_err();
        assert!(error.kind.is_transient() && error.message.contains("another run"), "{error}");
        assert_eq!(only_object(&s3), "another's");
        let asked = s3.asked.borrow();
        assert_eq!(asked.iter().filter(|line| line.starts_with("POST KEY?uploadId")).count(), completed);
    }
}

#[test]
fn a_store_that_overwrites_is_known_after_one_object_and_its_keys_are_looked_at() {
    // Another run writes after this one has looked, and is overwritten; or after this one has written.
    for (overtaken, yields) in [("HEAD", 0), ("PUT", 1)] {
        let s3 = S3 { overwrites: true, ..S3::default() };
        let job = job(&[]);
        let client = support::client(World(&s3), &job);
        let store = support::store(&client, &job);
        let put = |text| {
            let document = document(text);
            let warnings = document.warnings.clone();
            let stored = put_by(&store, document).unwrap();
            (stored.key, warnings.take())
        };
        let (key, warnings) = put("abc");
        assert_eq!(key, KEY);
        assert!(warnings[0].contains("ignores If-None-Match"), "{warnings:?}");
        s3.objects.borrow_mut().clear();
        s3.faults.borrow_mut().push((overtaken, Fault::Overtaken));
        let (key, warnings) = put("def");
        // The first one has waited for a second.
        assert_eq!(key, KEY.replace("1600", &format!("160{}", 1 + yields)));
        assert_eq!(s3.objects.borrow()[&key].1, b"def");
        assert_eq!(warnings.len(), yields, "{warnings:?}");
        assert!(s3.time.passed() >= Duration::from_secs(2), "it is waited for other runs");
    }
}

#[test]
fn a_key_that_is_taken_is_seen_before_anything_is_sent() {
    let s3 = S3::default();
    put(&s3, document("abc")).unwrap();
    let stored = put(&s3, document("abcdefghij")).unwrap();
    assert_eq!(stored.key, KEY.replace("1600", "1601"));
    assert_eq!(s3.objects.borrow()[KEY].1, b"abc");
}

#[test]
fn only_a_store_that_looks_in_time_is_taken_at_its_word_at_once() {
    for is_swift in [false, true] {
        let s3 = S3 { is_swift, ..S3::default() };
        put(&s3, document("abc")).unwrap();
        assert_eq!(s3.time.passed() > Duration::ZERO, is_swift);
    }
}

#[test]
fn what_a_killed_run_left_is_ended_and_nothing_else() {
    let s3 = S3::default();
    // A run may last seven days.
    s3.open("killed", "raw/2026-11-17/mock/1794916799.json", "2026-11-17T11:59:59.000Z");
    s3.open("may-be-alive", "raw/2026-11-17/mock/1794916801.json", "2026-11-17T12:00:01.000Z");
    s3.open("other-source", "raw/2026-11-23/telemetry/1795435200.json", "2026-11-23T12:00:00.000Z");
    s3.open("other-source-long-ago", "raw/2026-11-01/telemetry/1793534400.json", "2026-11-01T12:00:00.000Z");
    s3.open("somebodys", "raw/upload.bin", "2020-01-01T00:00:00.000Z");
    put(&s3, document("abcdefghij")).unwrap();
    let uploads = s3.uploads.borrow();
    assert_eq!(uploads.keys().collect::<Vec<_>>(), ["may-be-alive", "other-source", "somebodys"]);
    assert!(s3.objects.borrow().contains_key(KEY));
}

#[test]
fn a_run_yields_to_the_upload_of_another() {
    let s3 = S3::default();
    let job = job(&[]);
    let client = support::client(World(&s3), &job);
    let store = support::store(&client, &job);
    put_by(&store, document("abcdefghij")).unwrap();
    s3.objects.borrow_mut().clear();
    s3.open("another-runs", KEY, "2026-11-24T12:00:00.000Z");
    let stored = put_by(&store, document("abcdefghij")).unwrap();
    assert_eq!(stored.key, KEY.replace("1600", "1601"));
    assert_eq!(s3.uploads.borrow().keys().collect::<Vec<_>>(), ["another-runs"]);
}

#[test]
fn an_upload_that_another_run_took_over_is_for_the_next_attempt() {
    let gone = "<Error><Code>NoSuchUpload</Code></Error>";
    let s3 = S3::default().fails("partNumber=2", Fault::Answer(404, gone));
    let error = put(&s3, document("abcdefghij")).unwrap_err();
    assert!(error.kind.is_transient(), "{error}");
    assert_nothing_left(&s3);
}

#[test]
fn a_key_is_looked_at_again_before_a_request_is_sent_again() {
    for overwrites in [true, false] {
        let s3 = S3 { overwrites, ..S3::default() }.fails("PUT raw", Fault::LostAndOvertaken);
        let stored = put(&s3, document("abc")).unwrap();
        assert_eq!(stored.key, KEY.replace("1600", "1601"));
        assert_eq!(s3.objects.borrow()[KEY].1, b"another's", "what another run stored stays");
    }
}

#[test]
fn a_key_that_was_completed_while_ours_began_is_seen_before_anything_is_sent() {
    let s3 = S3::default().fails("POST raw", Fault::Overtaken);
    s3.open("under-way", &KEY.replace("1600", "1609"), "2026-11-24T12:00:00.000Z");
    let stored = put(&s3, document("abcdefghij")).unwrap();
    assert_eq!(stored.key, KEY.replace("1600", "1601"));
    assert_eq!(s3.objects.borrow()[KEY].1, b"another's");
    let to_the_taken = |line: &&String| line.starts_with("PUT KEY?") || line.starts_with("POST KEY?uploadId");
    assert_eq!(s3.asked.borrow().iter().filter(to_the_taken).count(), 0);
}

#[test]
fn a_store_is_not_tried_out_on_what_another_run_may_have_printed() {
    // The answer took so long that another run could be sure of the key.
    let s3 = S3 { overwrites: true, ..S3::default() }.fails("PUT raw", Fault::SlowAndOvertaken);
    let stored = put(&s3, document("abc")).unwrap();
    assert_eq!(stored.key, KEY.replace("1600", "1601"));
    assert_eq!(s3.objects.borrow()[KEY].1, b"another's");
}

#[test]
fn runs_that_find_many_keys_taken_spread_out_and_stay_near_the_clock() {
    let s3 = S3::default();
    for taken in 0..90 {
        let key = KEY.replace("1795521600", &(1_795_521_600 + taken).to_string());
        s3.objects.borrow_mut().insert(key, Default::default());
    }
    let stored = put(&s3, document("abc")).unwrap();
    let seconds: i64 = stored.key.rsplit('/').next().unwrap().trim_end_matches(".json").parse().unwrap();
    assert_eq!(seconds, 1_795_521_690, "it takes the next free second");

    let full = S3::default();
    for taken in 0..1000 {
        let key = KEY.replace("1795521600", &(1_795_521_600 + taken).to_string());
        full.objects.borrow_mut().insert(key, Default::default());
    }
    let error = put(&full, document("abc")).unwrap_err();
    assert_eq!((error.kind, error.kind.exit_code(), error.kind.is_transient()), (Kind::Conflict, 75, true));
}

#[test]
fn a_listing_that_comes_back_to_a_page_ends() {
    let s3 = S3 { lists_for_ever: true, ..S3::default() };
    put(&s3, document("abcdefghij")).unwrap();
    assert_eq!(only_object(&s3), "abcdefghij");
    let lists = s3.asked.borrow().iter().filter(|line| line.starts_with("GET ")).count();
    assert_eq!(lists, 3, "the first page, the second, and the first again");
}

#[test]
fn a_store_that_refuses_the_condition_gets_its_objects_without_it() {
    for status in [501, 400] {
        for text in ["abc", "abcdefghij"] {
            let s3 = S3 { condition_is: Some(status), overwrites: true, ..S3::default() };
            let document = document(text);
            let warnings = document.warnings.clone();
            assert_eq!(put(&s3, document).unwrap().key, KEY);
            assert_eq!(only_object(&s3), text);
            let [warning] = &warnings.take()[..] else { panic!("it is said once") };
            assert!(warning.contains("refuses If-None-Match"), "{warning}");
        }
    }
}

#[test]
fn credentials_that_may_not_look_store_after_an_outage() {
    let slow = || ("PUT raw", Fault::Answer(503, "<Error><Code>SlowDown</Code></Error>"));
    let s3 = S3::default();
    let s3 = (0..5).fold(s3, |s3, _| s3.fails(slow().0, slow().1));
    let s3 = (0..20).fold(s3, |s3, _| s3.fails("HEAD raw", Fault::Answer(403, "")));
    let job = job(&[]);
    let client = support::client(World(&s3), &job);
    let store = support::store(&client, &job);
    put_by(&store, document("abc")).unwrap_err();
    assert_eq!(pollster::block_on(store.stored_earlier("mock")), Ok(None));
    assert_eq!(put_by(&store, document("abc")).unwrap().key, KEY);
}
