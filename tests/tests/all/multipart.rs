//! Long documents, against a real server: sent in parts, whole or not at all, in bounded memory.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use f1_ingest_tests::binary::{Run, command, run, run_in};
use f1_ingest_tests::store::{Store, environment, grow_old, keys, unfinished};
use f1_ingest_tests::upstream::{Reply, Upstream};
use sha2::{Digest, Sha256};

/// The least that S3 takes for a part.
const PART: usize = 5 << 20;

/// A folder with a JSON file of so many bytes in it, which do not compress to nothing.
fn mock(length: usize) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mock.json");
    let mut file = std::io::BufWriter::new(fs::File::create(&path).unwrap());
    let mut dice = 1u64;
    file.write_all(b"[").unwrap();
    for _ in 0..(length - 2) / 16 {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        write!(file, "{:>15},", dice >> 20).unwrap();
    }
    file.write_all(b"0]").unwrap();
    file.into_inner().unwrap();
    (folder, path)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Uploads a mock file in parts of [`PART`].
fn upload(file: &Path, environment: &[(String, String)], arguments: &[&str]) -> Run {
    let all = [&["run", "--mock-file", file.to_str().unwrap(), "--part-size", "5MiB"], arguments].concat();
    run_in(&all, environment)
}

#[test]
fn a_part_that_fails_is_sent_again_and_the_object_is_the_file() {
    let (store, (_folder, file)) = (Store::start(), mock(12 << 20));
    let forward = || Reply::Forward(store.address);
    // HEAD, create, list, two parts; the second fails.
    let proxy = Upstream::start([
        forward(),
        forward(),
        forward(),
        forward(),
        Reply::new(503, "<Error><Code>SlowDown</Code></Error>"),
        forward(),
    ]);
    let run = upload(&file, &environment(&proxy.url("")), &[]).expect(0);
    assert_eq!(store.keys(), run.keys());
    assert_eq!(sha256(&store.object(run.keys()[0])), sha256(&fs::read(&file).unwrap()));
    assert_eq!(unfinished(store.folder()), [""; 0]);

    let asked = proxy.asked();
    let sizes: Vec<usize> = asked
        .iter()
        .filter(|asked| asked.line.contains("partNumber="))
        .map(|asked| asked.body.len())
        .collect();
    let rest = fs::metadata(&file).unwrap().len() as usize - 2 * PART;
    assert_eq!(sizes, [PART, PART, PART, rest]);
    let complete = asked.iter().rfind(|asked| asked.line.starts_with("POST ")).unwrap();
    assert_eq!(complete.header("if-none-match"), Some("*"), "{complete:?}");
}

#[test]
fn what_fails_at_the_end_is_aborted_at_the_server() {
    let (store, (_folder, file)) = (Store::start(), mock(6 << 20));
    let mut replies = vec![Reply::Forward(store.address); 6];
    replies.push(Reply::new(200, "<Error><Code>AccessDenied</Code></Error>"));
    replies.push(Reply::Forward(store.address));
    let proxy = Upstream::start(replies);
    upload(&file, &environment(&proxy.url("")), &[]).expect(1).says(&["AccessDenied"]);
    let asked = proxy.asked();
    let last: Vec<&str> =
        asked[asked.len() - 2..].iter().filter_map(|asked| asked.line.split(' ').next()).collect();
    // The error came with a 200, so that the object is looked for.
    assert_eq!(last, ["DELETE", "HEAD"]);
    assert_eq!((store.keys().len(), unfinished(store.folder())), (0, vec![]));
}

#[test]
fn a_key_that_is_lost_at_the_end_is_made_anew() {
    let (store, (_folder, file)) = (Store::start(), mock(6 << 20));
    let mut replies = vec![Reply::Forward(store.address); 6];
    replies.push(Reply::new(412, "<Error><Code>PreconditionFailed</Code></Error>"));
    replies.push(Reply::Forward(store.address));
    let proxy = Upstream::start(replies);
    let run = upload(&file, &environment(&proxy.url("")), &[]).expect(0);
    assert_eq!(store.keys(), run.keys());
    assert_eq!(sha256(&store.object(run.keys()[0])), sha256(&fs::read(&file).unwrap()));
    assert_eq!(unfinished(store.folder()), [""; 0]);
}

#[test]
fn runs_at_once_all_store_their_document() {
    let (store, (_folder, file)) = (Store::start(), mock(6 << 20));
    let runs: Vec<_> = (0..3)
        .map(|_| {
            let (file, environment) = (file.clone(), store.environment());
            thread::spawn(move || upload(&file, &environment, &[]).expect(0).stdout)
        })
        .collect();
    let mut printed: Vec<String> =
        runs.into_iter().map(|run| run.join().unwrap().trim().to_owned()).collect();
    printed.sort();
    assert_eq!(printed, store.keys(), "every printed key is an object of its own");
    assert_eq!(printed.len(), 3);
    assert_eq!(unfinished(store.folder()), [""; 0]);
}

/// Lets so many bytes through to a store, and then no more.
struct Gate {
    address: SocketAddr,
    passed: Arc<Mutex<u64>>,
    is_shut: Receiver<()>,
}

impl Gate {
    fn start(store: SocketAddr, limit: u64) -> Gate {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let passed = Arc::new(Mutex::new(0));
        let (shut, is_shut) = channel();
        let count = passed.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(store).unwrap();
                let (mut answers, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
                thread::spawn(move || std::io::copy(&mut answers, &mut back));
                let (count, shut) = (count.clone(), shut.clone());
                thread::spawn(move || pass(client, server, limit, &count, &shut));
            }
        });
        Gate { address, passed, is_shut }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

fn pass(mut client: TcpStream, mut server: TcpStream, limit: u64, count: &Mutex<u64>, shut: &Sender<()>) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = client.read(&mut buffer) {
        let mut passed = count.lock().unwrap();
        let let_through = (limit - *passed).min(read as u64);
        *passed += let_through;
        let full = *passed == limit;
        drop(passed);
        if server.write_all(&buffer[..let_through as usize]).is_err() {
            break;
        }
        if full {
            let _ = shut.send(());
        }
    }
    let _ = server.shutdown(Shutdown::Both);
}

#[test]
fn a_host_that_is_killed_leaves_no_object_and_once_it_is_surely_dead_no_upload() {
    let (_folder, file) = mock(12 << 20);
    let arguments = ["run", "--mock-file", file.to_str().unwrap(), "--part-size", "5MiB"];
    let total = {
        let store = Store::start();
        let gate = Gate::start(store.address, u64::MAX);
        upload(&file, &environment(&gate.url()), &[]).expect(0);
        *gate.passed.lock().unwrap()
    };
    let mut left_open = 0;
    // From the first byte of the first request to the last ones of the completion. The look after it is shorter
    // than the completion and both have headers of some 600 bytes.
    for moment in (0..10).map(|tenth| (total * tenth / 9).clamp(1, total - 1000)) {
        let store = Store::start();
        let gate = Gate::start(store.address, moment);
        let mut host = command(&arguments, &[]);
        host.envs(environment(&gate.url())).stdout(Stdio::null()).stderr(Stdio::null());
        let mut host = host.spawn().unwrap();
        gate.is_shut.recv_timeout(Duration::from_secs(120)).expect("the upload gets that far");
        host.kill().unwrap();
        host.wait().unwrap();
        assert_eq!(store.keys(), [""; 0], "killed after {moment} bytes of {total}");
        left_open += usize::from(!unfinished(store.folder()).is_empty());
        let uploads = || {
            let names = unfinished(store.folder()).into_iter();
            names.filter(|name| name.contains(".upload-")).collect::<Vec<_>>()
        };
        let left = uploads();
        assert_eq!(upload(&file, &store.environment(), &[]).expect(0).keys(), store.keys());
        assert_eq!(uploads(), left, "what may be alive is left alone");

        for key in store.keys() {
            fs::remove_file(store.bucket().join(key)).unwrap();
        }
        grow_old(store.folder());
        let run = upload(&file, &store.environment(), &[]).expect(0);
        assert_eq!(store.keys(), run.keys());
        assert_eq!(unfinished(store.folder()), [""; 0], "killed after {moment} bytes of {total}");
    }
    assert!(left_open >= 8, "hardly any kill met an upload: {left_open}");
}

#[test]
fn an_embedded_store_that_is_killed_is_whole_after_the_next_run() {
    let (_folder, file) = mock(25 << 20);
    for moment in 1..5 {
        let store = killed(&file, moment);
        let bucket = store.path().join("f1-data");
        assert_eq!(keys(&bucket), [""; 0], "killed at part {moment}");
        assert_ne!(unfinished(store.path()), [""; 0], "the kill met no upload");
        grow_old(store.path());
        let run = upload(&file, &[], &["--store", store.path().to_str().unwrap()]).expect(0);
        assert_eq!(unfinished(store.path()), [""; 0], "killed at part {moment}");
        assert_eq!(keys(&bucket), run.keys());
        assert_eq!(sha256(&fs::read(bucket.join(run.keys()[0])).unwrap()), sha256(&fs::read(&file).unwrap()));
    }
}

/// A store whose host was killed when so many parts were there.
fn killed(file: &Path, moment: u64) -> tempfile::TempDir {
    loop {
        let store = tempfile::tempdir().unwrap();
        let folder = store.path().to_str().unwrap();
        let arguments =
            ["run", "--mock-file", file.to_str().unwrap(), "--part-size", "5MiB", "--store", folder];
        let mut host = command(&arguments, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Parts lie behind each other in the file of the first.
        let length = |name: String| fs::metadata(store.path().join(name)).map_or(0, |file| file.len());
        let written = || -> u64 {
            unfinished(store.path()).into_iter().filter(|name| name.contains(".part-")).map(length).sum()
        };
        while host.try_wait().unwrap().is_none() && written() < moment * (5 << 20) {
            thread::sleep(Duration::from_millis(1));
        }
        let _ = host.kill();
        // A run that was too quick to be killed does not count.
        if !host.wait().unwrap().success() {
            return store;
        }
    }
}

#[test]
fn a_long_document_needs_hardly_more_memory_than_a_part() {
    for (length, compress) in [(300_000_000, &[][..]), (40_000_000, &["--compress", "gzip"])] {
        let (_folder, file) = mock(length);
        let folder = tempfile::tempdir().unwrap();
        let store = ["--store", folder.path().to_str().unwrap(), "--max-memory", "32MiB"];
        let all = [&["run", "--mock-file", file.to_str().unwrap()], &store[..], compress].concat();
        let stored = format!("stored {} bytes", fs::metadata(&file).unwrap().len());
        run(&all, &[]).expect(0).says(&[&stored]);
    }
}

#[test]
fn boto3_restores_what_was_compressed() {
    let script = r"
import gzip, hashlib
o = s3.get_object(Bucket=sys.argv[1], Key=sys.argv[2])
body = gzip.decompress(o['Body'].read())
print(json.dumps([o['ContentEncoding'], o['Metadata']['sha256'], hashlib.sha256(body).hexdigest()]))";
    for length in [1000, 24 << 20] {
        let (store, (_folder, file)) = (Store::start(), mock(length));
        let run = upload(&file, &store.environment(), &["--compress", "gzip"]).expect(0);
        let key = run.keys()[0];
        let stored = store.object(key).len();
        assert!(stored < length && (length < PART) == (stored < PART), "{length} became {stored}");
        let Some(restored) = store.boto3(script, &[key]) else { return };
        let sha256 = sha256(&fs::read(&file).unwrap());
        assert_eq!(restored, serde_json::json!(["gzip", sha256, sha256]));
    }
}

#[test]
fn the_embedded_store_answers_boto3_about_uploads() {
    let script = r"
from botocore.exceptions import ClientError
bucket, taken, key = sys.argv[1], 'raw/2026-11-24/mock/1.json', 'raw/2026-11-24/mock/2.json'
def code(call, **more):
    try:
        return call(Bucket=bucket, **more) and 'done'
    except ClientError as error:
        return error.response['Error']['Code']
def listed(prefix):
    found = s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get('Uploads', [])
    return [upload['Key'] for upload in found if upload['UploadId'] and upload['Initiated']]
def begun(key):
    upload = {'Key': key, 'UploadId': s3.create_multipart_upload(Bucket=bucket, Key=key)['UploadId']}
    tag = s3.upload_part(Bucket=bucket, PartNumber=1, Body=b'{}', **upload)['ETag']
    return upload, {'MultipartUpload': {'Parts': [{'PartNumber': 1, 'ETag': tag}]}, 'IfNoneMatch': '*', **upload}
s3.put_object(Bucket=bucket, Key=taken, Body=b'another')
(lost, lost_complete), (upload, complete) = begun(taken), begun(key)
print(json.dumps([
    listed('raw/'), listed('curated/'),
    code(s3.complete_multipart_upload, **lost_complete), code(s3.complete_multipart_upload, **complete),
    s3.get_object(Bucket=bucket, Key=key)['Body'].read().decode(), listed('raw/'),
    code(s3.abort_multipart_upload, **lost), listed('raw/'),
    code(s3.complete_multipart_upload, **complete), code(s3.abort_multipart_upload, **lost),
    code(s3.upload_part, PartNumber=1, Body=b'x', **lost),
]))";
    let store = Store::start();
    let Some(answers) = store.boto3(script, &[]) else { return };
    let (taken, key, gone) = ("raw/2026-11-24/mock/1.json", "raw/2026-11-24/mock/2.json", "NoSuchUpload");
    let expected = serde_json::json!([
        [taken, key],
        [],
        "PreconditionFailed",
        "done",
        "{}",
        [taken],
        "done",
        [],
        gone,
        gone,
        gone
    ]);
    assert_eq!(answers, expected);
    assert_eq!(unfinished(store.folder()), [""; 0]);
}

/// As at AWS, an ETag that is not a part's ends nothing.
#[test]
fn an_object_of_parts_is_made_of_the_parts_that_are_named() {
    let script = r"
import hashlib
bucket, parts = sys.argv[1], [b'a' * (5 << 20), b'b' * (6 << 20), b'c']
def stored(key, last_tag):
    meta = {'source': 'mock'}
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, Metadata=meta, ContentType='application/json')
    named = {'Bucket': bucket, 'Key': key, 'UploadId': upload['UploadId']}
    tags = [s3.upload_part(PartNumber=n, Body=part, **named)['ETag'] for n, part in enumerate(parts, 1)]
    tags[-1] = last_tag or tags[-1]
    listed = [{'PartNumber': n, 'ETag': tag} for n, tag in enumerate(tags, 1)]
    try:
        tag = s3.complete_multipart_upload(MultipartUpload={'Parts': listed}, **named)['ETag']
    except s3.exceptions.ClientError as e:
        s3.abort_multipart_upload(**named)
        return e.response['Error']['Code']
    o = s3.get_object(Bucket=bucket, Key=key)
    same = o['Body'].read() == b''.join(parts)
    return [tag, o['ETag'], same, o['Metadata'], o['ContentType']]
sums = [hashlib.md5(part).digest() for part in parts]
tag = '\x22' + hashlib.md5(b''.join(sums)).hexdigest() + '-3\x22'
print(json.dumps([tag, stored('raw/1.json', None), stored('raw/2.json', '\x22' + '0' * 32 + '\x22')]))";
    let store = Store::start();
    let Some(answers) = store.boto3(script, &[]) else { return };
    let expected = serde_json::json!([answers[0], answers[0], true, {"source": "mock"}, "application/json"]);
    assert_eq!((&answers[1], &answers[2]), (&expected, &"InvalidPart".into()));
    assert_eq!(unfinished(store.folder()), [""; 0]);
}
