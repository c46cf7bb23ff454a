//! Bodies that come in chunks and break off.

use std::io::Write;

use f1_ingest_component::error::{Kind, Result};
use f1_ingest_component::http::download::Download;
use f1_ingest_component::job::Job;
use http::Uri;

use crate::support::{self, Answer, Script, World, headers};

const URL: &str = "https://feeds.example/f1";

/// What is handed on of a download, and how it ends.
fn download(script: &Script) -> (Vec<u8>, Result<()>) {
    let job = job();
    let client = support::client(World(script), &job);
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

/// The `Range` and `If-Range` of each request.
fn ranges(script: &Script) -> Vec<[Option<String>; 2]> {
    let ranges = |(_, headers): &(_, http::HeaderMap)| {
        ["range", "if-range"].map(|name| headers.get(name).map(|value| value.to_str().unwrap().to_owned()))
    };
    script.asked.borrow().iter().map(ranges).collect()
}

fn job() -> Job {
    support::job(&["--bucket", "lake", "--dry-run", "--jolpica-url", URL, "--requests-per-second", "0"])
}

fn answer(status: u16, pairs: &[(&'static str, &'static str)], chunks: &[&[u8]]) -> Answer {
    support::answer(status, headers(pairs), chunks)
}

const ETAG: (&str, &str) = ("etag", "\"1\"");
const LENGTH: (&str, &str) = ("content-length", "6");

#[test]
fn what_breaks_off_goes_on_from_there() {
    let rest = || answer(206, &[("content-range", "bytes 3-5/6")], &[b"def"]);
    for broken in [&[b"abc".as_slice(), b"!"][..], &[b"a", b"bc"]] {
        let script = Script::of([answer(200, &[ETAG, LENGTH], broken), rest()]);
        assert_eq!(download(&script), (b"abcdef".to_vec(), Ok(())));
        let range = ["bytes=3-", "\"1\""].map(|value| Some(value.to_owned()));
        assert_eq!(ranges(&script), [[None, None], range]);
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
        let (body, end) = download(&script);
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
    assert_eq!(download(&script), (b"abcdef".to_vec(), Ok(())));
    assert_eq!(ranges(&script), [[None, None], [None, None]]);
}

#[test]
fn what_keeps_breaking_off_is_given_up() {
    let rest = || answer(206, &[("content-range", "bytes 3-5/6")], &[b"!"]);
    let first = answer(200, &[ETAG, LENGTH], &[b"abc", b"!"]);
    let script = Script::of([first].into_iter().chain((0..4).map(|_| rest())));
    let (body, end) = download(&script);
    assert_eq!(body, b"abc");
    assert_eq!(end.expect_err("the rest never comes").kind, Kind::Network);
    assert_eq!((script.asked.borrow().len(), script.time.passed().as_secs()), (5, 14));
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
    let (decoded, end) = download(&script);
    assert!(end.is_ok() && decoded == body, "{end:?}");

    let script = Script::of([answer(200, &[gzip], &[head])]);
    assert_eq!(download(&script).1.expect_err("half of it is missing").kind, Kind::Network);
}

#[test]
fn what_is_read_whole_begins_anew() {
    let script =
        Script::of([answer(200, &[LENGTH], &[b"abc", b"!"]), answer(200, &[LENGTH], &[b"uvw", b"xyz"])]);
    let job = job();
    let response =
        pollster::block_on(support::client(World(&script), &job).get(&Uri::from_static(URL), None));
    assert_eq!(response.unwrap().body, b"uvwxyz");
    assert_eq!(ranges(&script), [[None, None], [None, None]]);
}
