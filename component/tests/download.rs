//! Bodies that come in chunks and break off.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

use chrono::{DateTime, Utc};
use f1_ingest_component::client::Client;
use f1_ingest_component::download::Download;
use f1_ingest_component::error::{Error, Kind};
use f1_ingest_component::options::{Command, Job, parse};
use f1_ingest_component::runtime::{Chunks, Clock, Request, Response, SendError, Transport};
use futures_util::stream::{StreamExt, iter};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};

const URL: &str = "https://feeds.example/f1";

/// Answers in order, and remembers the `Range` and `If-Range` of each request.
#[derive(Default)]
struct Script {
    answers: RefCell<VecDeque<Response<Chunks>>>,
    asked: RefCell<Vec<[Option<String>; 2]>>,
    slept: Cell<Duration>,
}

impl Script {
    fn of(answers: impl IntoIterator<Item = Response<Chunks>>) -> Script {
        Script { answers: RefCell::new(answers.into_iter().collect()), ..Script::default() }
    }

    /// What is handed on of a download, and how it ends.
    fn download(&self) -> (Vec<u8>, Result<(), Error>) {
        let job = job();
        let client = Client::new(self, &job);
        let mut body = Vec::new();
        let all = async {
            let mut download = Download::start(&client, &Uri::from_static(URL), None).await?;
            while let Some(chunk) = download.next().await? {
                body.extend(chunk);
            }
            Ok(())
        };
        let end = pollster::block_on(all);
        (body, end)
    }

    fn ranges(&self) -> Vec<Option<String>> {
        self.asked.borrow().iter().map(|[range, _]| range.clone()).collect()
    }
}

impl Transport for &Script {
    async fn send(&self, _: &Request<'_>) -> Result<Response, SendError> {
        Err(SendError::Denied)
    }

    async fn open(&self, request: &Request<'_>) -> Result<Response<Chunks>, SendError> {
        let header = |name| request.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        self.asked.borrow_mut().push(["range", "if-range"].map(header));
        Ok(self.answers.borrow_mut().pop_front().expect("the script has an answer for every request"))
    }
}

impl Clock for &Script {
    fn now(&self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + self.slept.get()
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

fn job() -> Job {
    let arguments = ["--bucket", "lake", "--dry-run", "--jolpica-url", URL, "--requests-per-second", "0"];
    match parse(&arguments.map(str::to_owned), |_| None) {
        Ok(Command::Ingest(job)) => *job,
        other => panic!("{other:?}"),
    }
}

/// A chunk `!` is where the body breaks off.
fn answer(status: u16, headers: &[(&'static str, &'static str)], chunks: &[&[u8]]) -> Response<Chunks> {
    let pair = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
    let chunk = |chunk: &&[u8]| match *chunk {
        b"!" => Err(SendError::Network("the connection was closed".into())),
        chunk => Ok(chunk.to_vec()),
    };
    Response {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::from_iter(headers.iter().map(pair)),
        body: iter(chunks.iter().map(chunk).collect::<Vec<_>>()).boxed_local(),
    }
}

const ETAG: (&str, &str) = ("etag", "\"1\"");
const LENGTH: (&str, &str) = ("content-length", "6");

#[test]
fn what_breaks_off_goes_on_from_there() {
    let rest = || answer(206, &[("content-range", "bytes 3-5/6")], &[b"def"]);
    for broken in [&[b"abc".as_slice(), b"!"][..], &[b"a", b"bc"]] {
        let script = Script::of([answer(200, &[ETAG, LENGTH], broken), rest()]);
        assert_eq!(script.download(), (b"abcdef".to_vec(), Ok(())));
        let range = ["bytes=3-", "\"1\""].map(|value| Some(value.to_owned()));
        assert_eq!(*script.asked.borrow(), [[None, None], range]);
    }
}

#[test]
fn what_may_be_something_else_by_now_does_not_go_on() {
    let whole = || answer(200, &[("etag", "\"2\""), LENGTH], &[b"uvwxyz"]);
    let elsewhere = || answer(206, &[("content-range", "bytes 0-5/6")], &[b"abcdef"]);
    for (headers, answers, asked) in [
        (&[ETAG, LENGTH][..], vec![whole()], 2),
        (&[ETAG, LENGTH], vec![elsewhere()], 2),
        (&[("etag", "W/\"1\""), LENGTH], vec![], 1),
        (&[LENGTH], vec![], 1),
    ] {
        let script = Script::of([answer(200, headers, &[b"abc", b"!"])].into_iter().chain(answers));
        let (body, end) = script.download();
        assert_eq!((body, script.asked.borrow().len()), (b"abc".to_vec(), asked));
        let error = end.expect_err("half of it is missing");
        assert_eq!(error.kind, Kind::Network);
        assert!(error.message.contains(URL) && error.kind.is_transient(), "{error}");
    }
}

#[test]
fn what_breaks_off_before_its_first_byte_begins_anew() {
    let script =
        Script::of([answer(200, &[LENGTH], &[b"!"]), answer(200, &[LENGTH], &[b"ab", b"cd", b"ef"])]);
    assert_eq!(script.download(), (b"abcdef".to_vec(), Ok(())));
    assert_eq!(script.ranges(), [None, None]);
}

#[test]
fn what_keeps_breaking_off_is_given_up() {
    let rest = || answer(206, &[("content-range", "bytes 3-5/6")], &[b"!"]);
    let first = answer(200, &[ETAG, LENGTH], &[b"abc", b"!"]);
    let script = Script::of([first].into_iter().chain((0..4).map(|_| rest())));
    let (body, end) = script.download();
    assert_eq!(body, b"abc");
    assert_eq!(end.expect_err("the rest never comes").kind, Kind::Network);
    assert_eq!((script.asked.borrow().len(), script.slept.get().as_secs()), (5, 14));
}

#[test]
fn gzip_is_decoded_as_it_comes() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    let body = b"{\"a\":1}\n".repeat(20_000);
    encoder.write_all(&body).unwrap();
    let packed = encoder.finish().unwrap();
    let (head, tail) = packed.split_at(packed.len() / 2);
    let gzip = ("content-encoding", "gzip");
    let range: &'static str = format!("bytes {}-{}/{0}", head.len(), packed.len() - 1).leak();
    let script = Script::of([
        answer(200, &[ETAG, gzip], &[head, b"!"]),
        answer(206, &[("content-range", range), gzip], &[tail]),
    ]);
    let (decoded, end) = script.download();
    assert!(end.is_ok() && decoded == body, "{end:?}");

    let script = Script::of([answer(200, &[gzip], &[head])]);
    assert_eq!(script.download().1.expect_err("half of it is missing").kind, Kind::Network);
}

#[test]
fn what_is_read_whole_begins_anew() {
    let script =
        Script::of([answer(200, &[LENGTH], &[b"abc", b"!"]), answer(200, &[LENGTH], &[b"uvw", b"xyz"])]);
    let job = job();
    let response = pollster::block_on(Client::new(&script, &job).get(&Uri::from_static(URL), None));
    assert_eq!(response.unwrap().body, b"uvwxyz");
    assert_eq!(script.ranges(), [None, None]);
}
