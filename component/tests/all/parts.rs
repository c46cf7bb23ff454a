//! A document on its way into a store: in one piece or in parts, whole or not at all. A fake stands in for S3;
//! `multipart.rs` of the workspace's tests runs against a real server.

use std::io::Read;
use std::time::Duration;

use f1_ingest_component::document::Document;
use f1_ingest_component::error::{Error, Kind, Result};
use futures_util::stream::{StreamExt, iter};

use crate::support::s3::{Fault, KEY, S3, assert_nothing_left, document, job, only_object, put, put_by};
use crate::support::{self, NOW, World, job_with, sha256};

#[test]
fn a_part_has_a_size_that_s3_and_memory_allow() {
    let parsed = |option: &str, value: &str| -> Result<_> {
        let job = job_with(&["--bucket", "lake", "--dry-run", option, value], &[])?;
        Ok((job.bucket.part_size, job.bucket.gzip))
    };
    for (value, size) in [("5", 5 << 20), ("5MiB", 5 << 20), ("64MiB", 64 << 20), ("1GiB", 1 << 30)] {
        assert_eq!(parsed("--part-size", value), Ok((size, false)));
    }
    for (option, value) in
        [("--part-size", "4MiB"), ("--part-size", "5GiB"), ("--part-size", "many"), ("--compress", "zstd")]
    {
        let error = parsed(option, value).unwrap_err();
        assert!(error.kind == Kind::Usage && error.message.contains(option), "{error}");
    }
    assert_eq!(parsed("--compress", "gzip"), Ok((8 << 20, true)));
}

#[test]
fn a_document_shorter_than_a_part_is_one_put() {
    let s3 = S3::default();
    let stored = put(&s3, document("abc")).unwrap();
    // The store is not AWS: looked at before, written, tried to overwrite once, looked at after.
    assert_eq!(*s3.asked.borrow(), ["HEAD KEY", "PUT KEY", "PUT KEY", "HEAD KEY"]);
    assert_eq!(s3.time.passed(), Duration::ZERO, "it refuses: nobody else can write later");
    assert_eq!((stored.key.as_str(), stored.size, stored.sha256), (KEY, 3, Some(sha256(b"abc"))));
    assert_eq!(s3.objects.borrow()[KEY].0["x-amz-meta-sha256"], sha256(b"abc"));
}

#[test]
fn a_longer_one_is_sent_in_parts_and_appears_at_the_end() {
    let s3 = S3::default();
    let stored = put(&s3, document("abcdefghij")).unwrap();
    let asked = [
        "HEAD KEY",
        "POST KEY?uploads=",
        "GET ?uploads=&prefix=raw%2F",
        "PUT KEY?partNumber=1&uploadId=ours-1",
        "PUT KEY?partNumber=2&uploadId=ours-1",
        "PUT KEY?partNumber=3&uploadId=ours-1",
        // The store is not AWS.
        "HEAD KEY",
        "POST KEY?uploadId=ours-1",
        "HEAD KEY",
    ];
    assert_eq!(*s3.asked.borrow(), asked);
    assert_eq!(only_object(&s3), "abcdefghij");
    assert_eq!((stored.key.as_str(), stored.size, stored.sha256), (KEY, 10, None));
    let headers = s3.objects.borrow()[KEY].0.clone();
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(headers["x-amz-meta-source"], "mock");
    assert_eq!(headers["x-amz-meta-ingest_time_utc"], NOW.to_string());
    assert!(!headers.contains_key("x-amz-meta-sha256"), "nobody knew it");
}

#[test]
fn two_whole_parts_are_two_parts() {
    let s3 = S3::default();
    put(&s3, document("abcdefgh")).unwrap();
    assert_eq!(s3.asked.borrow().iter().filter(|line| line.contains("partNumber")).count(), 2);
    assert_eq!(only_object(&s3), "abcdefgh");
}

#[test]
fn a_hash_that_the_source_knows_is_metadata_and_is_checked() {
    let announced = |sha256| Document { sha256: Some(sha256), ..document("abcdefgh") };
    let s3 = S3::default();
    put(&s3, announced(sha256(b"abcdefgh"))).unwrap();
    assert_eq!(s3.objects.borrow()[KEY].0["x-amz-meta-sha256"], sha256(b"abcdefgh"));

    let s3 = S3::default();
    let error = put(&s3, announced(sha256(b"another"))).unwrap_err();
    assert!(error.message.contains("changed while it was read"), "{error}");
    assert_nothing_left(&s3);
}

#[test]
fn gzip_compresses_what_is_sent_and_hashes_what_is_restored() {
    for text in ["abc", &"abcdefgh".repeat(100)] {
        let s3 = S3::default();
        let job = job(&["--compress", "gzip"]);
        let client = support::client(World(&s3), &job);
        let stored = put_by(&support::store(&client, &job), document(text)).unwrap();
        let objects = s3.objects.borrow();
        let (headers, body) = &objects[KEY];
        assert_eq!(headers["content-encoding"], "gzip");
        let mut restored = String::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut restored).unwrap();
        assert_eq!(restored, text);
        // Of what was sent in parts nobody knows it.
        let sha256 = (s3.begun.get() == 0).then(|| sha256(text.as_bytes()));
        assert_eq!((stored.size, stored.sha256), (text.len() as u64, sha256));
    }
}

#[test]
fn a_part_that_fails_is_sent_again_by_itself() {
    let answers = [
        (503, "<Error><Code>SlowDown</Code></Error>"),
        (400, "<Error><Code>IncompleteBody</Code></Error>"),
        (400, "<Error><Code>BadDigest</Code></Error>"),
        (400, "<Error><Code>XAmzContentSHA256Mismatch</Code></Error>"),
    ];
    let answers = answers.into_iter().map(|(status, body)| Fault::Answer(status, body));
    for fault in answers.chain([Fault::Lost]) {
        let s3 = S3::default().fails("partNumber=2", fault);
        put(&s3, document("abcdefghij")).unwrap();
        let sent = |number| {
            let part = format!("partNumber={number}&");
            s3.asked.borrow().iter().filter(|line| line.contains(&part)).count()
        };
        assert_eq!([sent(1), sent(2), sent(3)], [1, 2, 1]);
        assert_eq!(only_object(&s3), "abcdefghij");
    }
}

#[test]
fn what_fails_for_good_is_aborted() {
    let denied = "<Error><Code>AccessDenied</Code></Error>";
    for request in ["partNumber=2", "POST KEY?uploadId"] {
        let request = request.replace("KEY", KEY).leak();
        let s3 = S3::default().fails(request, Fault::Answer(403, denied));
        let error = put(&s3, document("abcdefghij")).unwrap_err();
        assert_eq!(error.kind, Kind::Credentials, "{error}");
        assert_nothing_left(&s3);
    }
}

#[test]
fn a_document_that_breaks_off_is_aborted() {
    let s3 = S3::default();
    let broken = Error::new(Kind::Network, "the feed broke off");
    let pieces = vec![Ok(b"abcdefghij".to_vec()), Err(broken.clone())];
    let error = put(&s3, Document::streamed(iter(pieces).boxed_local())).unwrap_err();
    assert_eq!(error, broken);
    assert_nothing_left(&s3);
}

#[test]
fn a_success_with_an_error_in_it_is_none() {
    let complete = "json?uploadId";
    let error = |code| Fault::Answer(200, code);
    let s3 = S3::default()
        .fails(complete, error("<?xml version=\"1.0\"?>\n <Error><Code>InternalError</Code></Error>"));
    put(&s3, document("abcdefghij")).unwrap();
    assert_eq!(only_object(&s3), "abcdefghij");

    let s3 = S3::default().fails(complete, error("<Error><Code>AccessDenied</Code></Error>"));
    assert_eq!(put(&s3, document("abcdefghij")).unwrap_err().kind, Kind::Credentials);
    assert_nothing_left(&s3);
}

#[test]
fn a_success_that_is_cut_or_not_the_stores_is_none() {
    for request in ["PUT raw", "?uploads=", "json?uploadId", "partNumber=1", "GET ", "uploadId=ours-1"] {
        for body in [
            "",
            "<html>welcome</html>",
            "<CompleteMultipartUploadResult><ETag>",
            "<Error><Code>Unheard</Code></Error>",
        ] {
            let text = if request == "PUT raw" { "abc" } else { "abcdefghij" };
            let s3 = S3::default().fails(request, Fault::Answer(200, body));
            put(&s3, document(text)).unwrap();
            assert_eq!(only_object(&s3), text, "{request} {body}");
        }
    }
}

#[test]
fn a_store_that_does_not_list_uploads_still_stores() {
    for answer in [
        (403, "<Error><Code>AccessDenied</Code></Error>"),
        (501, "<Error><Code>NotImplemented</Code></Error>"),
    ] {
        let s3 = S3::default().fails("GET ", Fault::Answer(answer.0, answer.1));
        put(&s3, document("abcdefghij")).unwrap();
        assert_eq!(only_object(&s3), "abcdefghij");
        assert_eq!(s3.asked.borrow().iter().filter(|line| line.starts_with("GET ")).count(), 1);
    }
}

#[test]
fn more_parts_than_s3_takes_are_one_clear_error() {
    let s3 = S3::default();
    let error = put(&s3, document(&"abcd".repeat(10_001))).unwrap_err();
    assert_eq!(error.kind, Kind::StoreRefused);
    assert!(error.message.contains("40000 bytes") && error.message.contains("--part-size"), "{error}");
    assert_nothing_left(&s3);
}
