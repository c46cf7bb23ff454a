//! What becomes of a document in a store that fails, forgets and is shared. A whole one stands in for S3;
//! `tests/multipart.rs` of the workspace runs against a real server.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use chrono::{DateTime, Utc};
use f1_ingest_component::client::Client;
use f1_ingest_component::document::Document;
use f1_ingest_component::error::{Error, Kind, Result};
use f1_ingest_component::options::{Command, Job, parse};
use f1_ingest_component::report::Stored;
use f1_ingest_component::runtime::{Clock, Request, Response, SendError, Transport};
use f1_ingest_component::s3::Store;
use futures_util::stream::{StreamExt, iter};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use sha2::{Digest, Sha256};

const NOW: i64 = 1_795_521_600;
const KEY: &str = "raw/2026-11-24/mock/1795521600.json";
const PART: usize = 4;
const RUN_ID: HeaderName = HeaderName::from_static("x-amz-meta-run-id");

/// What goes wrong with a request, once.
enum Fault {
    /// Answered with this status and body, and nothing is done.
    Answer(u16, &'static str),
    /// Done, but the answer gets lost.
    Lost,
    /// Done, and another run's object is under its key right after it.
    Overtaken,
    /// Done twice, and the second answer comes.
    Twice,
    /// On its way for longer than anybody waits; see [`S3::late_ones_arrive`].
    Late,
}

#[derive(Default)]
struct Upload {
    key: String,
    initiated: String,
    headers: HeaderMap,
    parts: BTreeMap<usize, Vec<u8>>,
}

/// A bucket with conditional writes and multipart uploads.
#[derive(Default)]
struct S3 {
    objects: RefCell<BTreeMap<String, (HeaderMap, Vec<u8>)>>,
    uploads: RefCell<BTreeMap<String, Upload>>,
    begun: Cell<usize>,
    /// Whether `If-None-Match` is ignored.
    overwrites: bool,
    /// The first request that has this in its line meets the fault.
    faults: RefCell<Vec<(&'static str, Fault)>>,
    asked: RefCell<Vec<String>>,
    late: RefCell<Vec<Request<'static>>>,
    slept: Cell<Duration>,
    is_swift: bool,
}

impl S3 {
    fn open(&self, id: &str, key: &str, initiated: &str) {
        let upload = Upload { key: key.into(), initiated: initiated.into(), ..Upload::default() };
        self.uploads.borrow_mut().insert(id.into(), upload);
    }

    fn fails(self, request: &'static str, fault: Fault) -> S3 {
        self.faults.borrow_mut().push((request, fault));
        self
    }

    fn late_ones_arrive(&self) {
        for request in self.late.take() {
            self.answer(&request);
        }
    }

    fn answer(&self, request: &Request<'_>) -> (u16, HeaderMap, String) {
        let body = request.body.unwrap_or_default();
        assert_eq!(request.headers["x-amz-content-sha256"], hex(body), "the payload is signed");
        let query: BTreeMap<&str, &str> = request
            .url
            .query()
            .unwrap_or_default()
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let key = request.url.path().trim_start_matches("/lake/").to_owned();
        let say = |status, body: &str| (status, HeaderMap::new(), body.to_owned());
        let tagged = |mut headers: HeaderMap, body: &[u8]| {
            let etag = HeaderValue::try_from(format!("\"{}\"", hex(body))).unwrap();
            headers.insert(http::header::ETAG, etag);
            (200, headers, String::new())
        };
        let no_such_upload = say(404, "<Error><Code>NoSuchUpload</Code></Error>");
        let is_conditional = request.headers.contains_key("if-none-match") && !self.overwrites;
        let taken = || is_conditional && self.objects.borrow().contains_key(&key);
        let mut uploads = self.uploads.borrow_mut();
        match (request.method.clone(), query.get("uploadId"), query.contains_key("uploads")) {
            (Method::HEAD, ..) => match self.objects.borrow().get(&key) {
                Some((headers, body)) => tagged(headers.clone(), body),
                None => say(404, ""),
            },
            (Method::POST, None, true) => {
                self.begun.set(self.begun.get() + 1);
                let id = format!("ours-{}", self.begun.get());
                let headers = request.headers.clone();
                let initiated = "2026-11-24T12:00:00.000Z".to_owned();
                uploads.insert(id.clone(), Upload { key, initiated, headers, ..Upload::default() });
                say(200, &format!("<Result><UploadId>{id}</UploadId></Result>"))
            }
            (Method::GET, None, true) => {
                // One a page.
                let from = query.get("upload-id-marker").copied().unwrap_or_default();
                let mut later = uploads.iter().filter(|(id, _)| id.as_str() > from);
                let Some((id, Upload { key, initiated, .. })) = later.next() else {
                    return say(200, "<Result></Result>");
                };
                let upload = format!(
                    "<Upload><Key>{key}</Key><UploadId>{id}</UploadId><Initiated>{initiated}</Initiated></Upload>"
                );
                let next = format!(
                    "<NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>{id}</NextUploadIdMarker>"
                );
                let is_cut = later.next().is_some();
                say(200, &format!("<Result><IsTruncated>{is_cut}</IsTruncated>{next}{upload}</Result>"))
            }
            (Method::PUT, Some(id), _) => match uploads.get_mut(*id) {
                Some(upload) => {
                    upload.parts.insert(query["partNumber"].parse().unwrap(), body.to_vec());
                    tagged(HeaderMap::new(), body)
                }
                None => no_such_upload,
            },
            (Method::POST, Some(id), _) => match uploads.get(*id) {
                Some(_) if taken() => say(412, "<Error><Code>PreconditionFailed</Code></Error>"),
                Some(upload) => {
                    assert!(request.headers.contains_key("if-none-match"));
                    let listed = |(number, part): (&usize, &Vec<u8>)| {
                        let etag = hex(part);
                        format!("<Part><PartNumber>{number}</PartNumber><ETag>\"{etag}\"</ETag></Part>")
                    };
                    let list: String = upload.parts.iter().map(listed).collect();
                    assert!(str::from_utf8(body).unwrap().contains(&list), "{list}");
                    let whole = upload.parts.values().flatten().copied().collect();
                    self.objects.borrow_mut().insert(key, (upload.headers.clone(), whole));
                    uploads.remove(*id);
                    say(200, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")
                }
                None => no_such_upload,
            },
            (Method::DELETE, Some(id), _) => match uploads.remove(*id) {
                Some(_) => say(204, ""),
                None => no_such_upload,
            },
            (Method::PUT, None, _) if taken() => say(412, ""),
            (Method::PUT, None, _) => {
                self.objects.borrow_mut().insert(key, (request.headers.clone(), body.to_vec()));
                tagged(HeaderMap::new(), body)
            }
            _ => panic!("{request:?}"),
        }
    }
}

impl Transport for &S3 {
    async fn send(&self, request: &Request<'_>) -> std::result::Result<Response, SendError> {
        let path = request.url.path_and_query().unwrap().as_str().trim_start_matches("/lake/");
        let line = format!("{} {path}", request.method);
        self.asked.borrow_mut().push(line.replace(KEY, "KEY"));
        let fault = {
            let mut faults = self.faults.borrow_mut();
            let met = faults.iter().position(|(part, _)| line.contains(part));
            met.map(|met| faults.remove(met).1)
        };
        let lost = || Err(SendError::Network("the connection was closed".into()));
        let (status, mut headers, body) = match fault {
            Some(Fault::Answer(status, body)) => (status, HeaderMap::new(), body.to_owned()),
            Some(Fault::Lost) => {
                self.answer(request);
                return lost();
            }
            Some(Fault::Late) => {
                let Request { method, url, headers, body } = request.clone();
                let body = body.map(|body| &*body.to_vec().leak());
                self.late.borrow_mut().push(Request { method, url, headers, body });
                return lost();
            }
            Some(Fault::Overtaken) => {
                let answer = self.answer(request);
                let run_id = HeaderMap::from_iter([(RUN_ID, HeaderValue::from_static("another"))]);
                let key = request.url.path().trim_start_matches("/lake/").to_owned();
                self.objects.borrow_mut().insert(key, (run_id, b"another's".to_vec()));
                answer
            }
            Some(Fault::Twice) => {
                self.answer(request);
                self.answer(request)
            }
            None => self.answer(request),
        };
        if self.is_swift {
            headers.insert("x-openstack-request-id", HeaderValue::from_static("tx1"));
        }
        Ok(Response { status: StatusCode::from_u16(status).unwrap(), headers, body: body.into_bytes() })
    }
}

impl Clock for &S3 {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp(NOW, 0).unwrap() + self.slept.get()
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

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn job(arguments: &[&str]) -> Job {
    let base = ["--bucket", "lake", "--endpoint-url", "http://store.example"];
    let arguments: Vec<String> = base.iter().chain(arguments).map(|argument| argument.to_string()).collect();
    let keys = |name: &str| name.ends_with("ACCESS_KEY_ID") || name.ends_with("SECRET_ACCESS_KEY");
    match parse(&arguments, |name| keys(name).then(|| "key".to_owned())) {
        Ok(Command::Ingest(mut job)) => {
            job.bucket.part_size = PART;
            *job
        }
        other => panic!("{other:?}"),
    }
}

/// A document that comes byte by byte.
fn document(text: &str) -> Document<'_> {
    Document::streamed(iter(text.bytes().map(|byte| Ok(vec![byte]))).boxed_local())
}

fn put(s3: &S3, document: Document<'_>) -> Result<Stored> {
    let job = job(&[]);
    let client = Client::new(s3, &job);
    pollster::block_on(Store::new(&client, &job.bucket).put("mock", document))
}

/// The one object's body, with nothing left open.
fn only_object(s3: &S3) -> String {
    assert!(s3.uploads.borrow().is_empty(), "an upload is open: {:?}", s3.asked.borrow());
    let objects = s3.objects.borrow();
    assert_eq!(objects.len(), 1, "{:?}", objects.keys());
    let (_, body) = objects.values().next().unwrap();
    String::from_utf8(body.clone()).unwrap()
}

fn assert_nothing_left(s3: &S3) {
    assert!(s3.objects.borrow().is_empty() && s3.uploads.borrow().is_empty(), "{:?}", s3.asked.borrow());
}

#[test]
fn a_part_has_a_size_that_s3_and_memory_allow() {
    let parsed = |option: &str, value: &str| {
        let variables = |name: &str| match name {
            "F1_S3_BUCKET" => Some("lake".to_owned()),
            _ => None,
        };
        let arguments = ["--dry-run".to_owned(), option.to_owned(), value.to_owned()];
        match parse(&arguments, variables) {
            Ok(Command::Ingest(job)) => Ok((job.bucket.part_size, job.bucket.gzip)),
            other => Err(other.expect_err("neither help nor version was asked for")),
        }
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
    assert_eq!(s3.slept.get(), Duration::ZERO, "it refuses: nobody else can write later");
    assert_eq!((stored.key.as_str(), stored.size, stored.sha256), (KEY, 3, Some(hex(b"abc"))));
    assert_eq!(s3.objects.borrow()[KEY].0["x-amz-meta-sha256"], hex(b"abc"));
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
    put(&s3, announced(hex(b"abcdefgh"))).unwrap();
    assert_eq!(s3.objects.borrow()[KEY].0["x-amz-meta-sha256"], hex(b"abcdefgh"));

    let s3 = S3::default();
    let error = put(&s3, announced(hex(b"another"))).unwrap_err();
    assert!(error.message.contains("changed while it was read"), "{error}");
    assert_nothing_left(&s3);
}

#[test]
fn gzip_compresses_what_is_sent_and_hashes_what_is_restored() {
    for text in ["abc", &"abcdefgh".repeat(100)] {
        let s3 = S3::default();
        let job = job(&["--compress", "gzip"]);
        let client = Client::new(&s3, &job);
        let stored =
            pollster::block_on(Store::new(&client, &job.bucket).put("mock", document(text))).unwrap();
        let objects = s3.objects.borrow();
        let (headers, body) = &objects[KEY];
        assert_eq!(headers["content-encoding"], "gzip");
        let mut restored = String::new();
        flate2::read::GzDecoder::new(&body[..]).read_to_string(&mut restored).unwrap();
        assert_eq!(restored, text);
        // Of what was sent in parts nobody knows it.
        let sha256 = (s3.begun.get() == 0).then(|| hex(text.as_bytes()));
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
fn an_answer_that_got_lost_is_looked_for() {
    let s3 = S3::default().fails("json?uploadId", Fault::Lost);
    let stored = put(&s3, document("abcdefghij")).unwrap();
    assert_eq!((stored.key.as_str(), only_object(&s3).as_str()), (KEY, "abcdefghij"));
    let asked = s3.asked.borrow();
    let last: Vec<&str> = asked[asked.len() - 4..].iter().map(String::as_str).collect();
    assert_eq!(last, ["POST KEY?uploadId=ours-1", "POST KEY?uploadId=ours-1", "HEAD KEY", "HEAD KEY"]);
}

#[test]
fn a_request_that_arrives_twice_makes_one_object() {
    for (request, text) in [("PUT raw", "abc"), ("json?uploadId", "abcdefghij")] {
        let s3 = S3::default().fails(request, Fault::Twice);
        let stored = put(&s3, document(text)).unwrap();
        assert_eq!((stored.key.as_str(), only_object(&s3).as_str()), (KEY, text));
        assert!(s3.slept.get() <= Duration::from_secs(1), "for other runs, not to try again");
    }
}

#[test]
fn what_may_come_yet_is_waited_for_at_its_key() {
    for (request, text) in [("PUT raw", "abc"), ("json?uploadId", "abcdefghij")] {
        for comes_before in [true, false] {
            let late = |s3: S3, _| s3.fails(request, Fault::Late);
            let s3 = (0..5).fold(S3::default(), late);
            let job = job(&[]);
            let client = Client::new(&s3, &job);
            let store = Store::new(&client, &job.bucket);
            pollster::block_on(store.put("mock", document(text))).unwrap_err();
            assert_eq!(pollster::block_on(store.stored_earlier("mock")), Ok(None));
            if comes_before {
                s3.late_ones_arrive();
            }
            let stored = pollster::block_on(store.put("mock", document(text))).unwrap();
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
        let client = Client::new(&s3, &job);
        let store = Store::new(&client, &job.bucket);
        pollster::block_on(store.put("mock", document("abc"))).unwrap_err();
        let stored = pollster::block_on(store.stored_earlier("mock")).unwrap().unwrap();
        assert_eq!((stored.key.as_str(), only_object(&s3).as_str()), (KEY, "abc"));
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
        let client = Client::new(&s3, &job);
        let store = Store::new(&client, &job.bucket);
        let put = |text| {
            let document = document(text);
            let warnings = document.warnings.clone();
            let stored = pollster::block_on(store.put("mock", document)).unwrap();
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
        assert!(s3.slept.get() >= Duration::from_secs(2), "it is waited for other runs");
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
        assert_eq!(s3.slept.get() > Duration::ZERO, is_swift);
    }
}

#[test]
fn what_a_killed_run_left_is_ended_and_nothing_else() {
    let s3 = S3::default();
    s3.open("killed", "raw/2026-11-23/mock/1795435200.json", "2026-11-23T12:00:00.000Z");
    s3.open("other-source", "raw/2026-11-23/telemetry/1795435200.json", "2026-11-23T12:00:00.000Z");
    s3.open("other-source-long-ago", "raw/2026-11-01/telemetry/1793534400.json", "2026-11-01T12:00:00.000Z");
    s3.open("somebodys", "raw/upload.bin", "2020-01-01T00:00:00.000Z");
    put(&s3, document("abcdefghij")).unwrap();
    let uploads = s3.uploads.borrow();
    assert_eq!(uploads.keys().collect::<Vec<_>>(), ["other-source", "somebodys"]);
    assert!(s3.objects.borrow().contains_key(KEY));
}

#[test]
fn a_run_takes_over_once_and_then_yields() {
    let s3 = S3::default();
    let job = job(&[]);
    let client = Client::new(&s3, &job);
    let store = Store::new(&client, &job.bucket);
    pollster::block_on(store.put("mock", document("abcdefghij"))).unwrap();
    s3.objects.borrow_mut().clear();
    s3.open("another-runs", KEY, "2026-11-24T12:00:00.000Z");
    let stored = pollster::block_on(store.put("mock", document("abcdefghij"))).unwrap();
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
