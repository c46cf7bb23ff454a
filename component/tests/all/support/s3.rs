//! An S3 that fails, forgets and is shared, and documents for it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use f1_ingest_component::document::Document;
use f1_ingest_component::error::Result;
use f1_ingest_component::http::transport::Request;
use f1_ingest_component::job::Job;
use f1_ingest_component::s3::store::{Kept, Object, Store};
use futures_util::stream::{StreamExt, iter};
use http::{HeaderMap, HeaderValue, Method};

use super::{Answer, Fake, Time, World, answer, client, closed, headers, job_with, sha256, store};

pub const KEY: &str = "raw/2026-11-24/mock/1795521600.json";
const PART: usize = 4;

/// What goes wrong with a request, once.
pub enum Fault {
    /// Answered with this status and body, and nothing is done.
    Answer(u16, &'static str),
    /// Done, but the answer gets lost.
    Lost,
    /// Done, and another run's object is under its key right after it.
    Overtaken,
    /// Not done, another run's object is there instead, and no answer comes.
    LostAndOvertaken,
    /// As `Overtaken`, and the answer comes after a second or two.
    SlowAndOvertaken,
    /// Done twice, and the second answer comes.
    Twice,
    /// On its way for longer than anybody waits; see [`S3::late_ones_arrive`].
    Late,
}

#[derive(Default)]
pub struct Upload {
    key: String,
    initiated: String,
    headers: HeaderMap,
    parts: BTreeMap<usize, Vec<u8>>,
}

/// A bucket with conditional writes and multipart uploads.
#[derive(Default)]
pub struct S3 {
    pub objects: RefCell<BTreeMap<String, (HeaderMap, Vec<u8>)>>,
    pub uploads: RefCell<BTreeMap<String, Upload>>,
    pub begun: Cell<usize>,
    /// Whether `If-None-Match` is ignored.
    pub overwrites: bool,
    /// The first request that has this in its line meets the fault.
    pub faults: RefCell<Vec<(&'static str, Fault)>>,
    pub asked: RefCell<Vec<String>>,
    pub late: RefCell<Vec<Request<'static>>>,
    pub time: Time,
    pub is_swift: bool,
    /// Whether a request with `If-None-Match` gets this status.
    pub condition_is: Option<u16>,
    /// Whether a listing of uploads names two pages in turn.
    pub lists_for_ever: bool,
}

impl S3 {
    pub fn open(&self, id: &str, key: &str, initiated: &str) {
        let upload = Upload { key: key.into(), initiated: initiated.into(), ..Upload::default() };
        self.uploads.borrow_mut().insert(id.into(), upload);
    }

    pub fn fails(self, request: &'static str, fault: Fault) -> S3 {
        self.faults.borrow_mut().push((request, fault));
        self
    }

    pub fn late_ones_arrive(&self) {
        for request in self.late.take() {
            self.carry_out(&request);
        }
    }

    fn carry_out(&self, request: &Request<'_>) -> (u16, HeaderMap, String) {
        let body = request.body.unwrap_or_default();
        assert_eq!(request.headers["x-amz-content-sha256"], sha256(body), "the payload is signed");
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
            let etag = HeaderValue::try_from(format!("\"{}\"", sha256(body))).unwrap();
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
                if self.lists_for_ever {
                    let next = if query.contains_key("key-marker") && query["key-marker"] == "a" {
                        "b"
                    } else {
                        "a"
                    };
                    return say(
                        200,
                        &format!(
                            "<Result><IsTruncated>true</IsTruncated><NextKeyMarker>{next}</NextKeyMarker></Result>"
                        ),
                    );
                }
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
                    assert!(request.headers.contains_key("if-none-match") || self.condition_is.is_some());
                    let listed = |(number, part): (&usize, &Vec<u8>)| {
                        let etag = sha256(part);
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

impl Fake for S3 {
    fn time(&self) -> &Time {
        &self.time
    }

    fn answer(&self, request: &Request<'_>) -> Answer {
        let path = request.url.path_and_query().unwrap().as_str().trim_start_matches("/lake/");
        let line = format!("{} {path}", request.method);
        self.asked.borrow_mut().push(line.replace(KEY, "KEY"));
        let fault = {
            let mut faults = self.faults.borrow_mut();
            let met = faults.iter().position(|(part, _)| line.contains(part));
            met.map(|met| faults.remove(met).1)
        };
        let refused = self.condition_is.filter(|_| request.headers.contains_key("if-none-match"));
        if let Some(status) = refused {
            let body = b"<Error><Code>NotImplemented</Code><Message>A header you provided</Message></Error>";
            return answer(status, HeaderMap::new(), &[body]);
        }
        let (status, mut answered, body) = match fault {
            Some(Fault::Answer(status, body)) => (status, HeaderMap::new(), body.to_owned()),
            Some(Fault::Lost) => {
                self.carry_out(request);
                return Err(closed());
            }
            Some(Fault::Late) => {
                let Request { method, url, headers, body } = request.clone();
                let body = body.map(|body| &*body.to_vec().leak());
                self.late.borrow_mut().push(Request { method, url, headers, body });
                return Err(closed());
            }
            Some(fault @ (Fault::Overtaken | Fault::SlowAndOvertaken)) => {
                if matches!(fault, Fault::SlowAndOvertaken) {
                    self.time.pass(Duration::from_secs(2));
                }
                let answer = self.carry_out(request);
                let run_id = headers(&[("x-amz-meta-run-id", "another")]);
                let key = request.url.path().trim_start_matches("/lake/").to_owned();
                self.objects.borrow_mut().insert(key, (run_id, b"another's".to_vec()));
                answer
            }
            Some(Fault::LostAndOvertaken) => {
                let run_id = headers(&[("x-amz-meta-run-id", "another")]);
                let key = request.url.path().trim_start_matches("/lake/").to_owned();
                self.objects.borrow_mut().insert(key, (run_id, b"another's".to_vec()));
                return Err(closed());
            }
            Some(Fault::Twice) => {
                self.carry_out(request);
                self.carry_out(request)
            }
            None => self.carry_out(request),
        };
        if self.is_swift {
            answered.insert("x-openstack-request-id", HeaderValue::from_static("tx1"));
        }
        answer(status, answered, &[body.as_bytes()])
    }
}

/// A job that stores in it, in parts of so few bytes.
pub fn job(arguments: &[&str]) -> Job {
    let base = ["--bucket", "lake", "--endpoint-url", "http://store.example"];
    let keys = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "key")];
    let mut job = job_with(&[&base, arguments].concat(), &keys).unwrap();
    job.bucket.part_size = PART;
    job
}

/// A document that comes byte by byte.
pub fn document(text: &str) -> Document<'_> {
    Document::streamed(iter(text.bytes().map(|byte| Ok(vec![byte]))).boxed_local())
}

/// An object as a caller is told of it.
#[derive(Debug, PartialEq)]
pub struct Told {
    pub key: String,
    pub size: u64,
    pub sha256: Option<String>,
}

/// Puts a document by a run of its own.
pub fn put(s3: &S3, document: Document<'_>) -> Result<Told> {
    let job = job(&[]);
    let client = client(World(s3), &job);
    put_by(&store(&client, &job), document)
}

/// Puts a document; it is stored, not unchanged.
pub fn put_by(store: &Store<'_, World<'_, S3>>, document: Document<'_>) -> Result<Told> {
    match pollster::block_on(store.put("mock", document))? {
        Kept::Stored(Object { key, size, sha256 }) => Ok(Told { key: key.to_string(), size, sha256 }),
        Kept::Unchanged(object) => panic!("{object:?} is unchanged"),
    }
}

/// The one object's body, with nothing left open.
pub fn only_object(s3: &S3) -> String {
    assert!(s3.uploads.borrow().is_empty(), "an upload is open: {:?}", s3.asked.borrow());
    let objects = s3.objects.borrow();
    assert_eq!(objects.len(), 1, "{:?}", objects.keys());
    let (_, body) = objects.values().next().unwrap();
    String::from_utf8(body.clone()).unwrap()
}

pub fn assert_nothing_left(s3: &S3) {
    assert!(s3.objects.borrow().is_empty() && s3.uploads.borrow().is_empty(), "{:?}", s3.asked.borrow());
}
