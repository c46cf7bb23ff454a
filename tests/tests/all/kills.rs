//! SIGKILL at random moments: the folder works on, and what was printed, or answered, is there, whole, and with what was
//! known of it.
//!
//! `F1_KILLS=1000` carries out a longer series, `F1_KILL_SEED=7` another one.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use f1_ingest_tests::binary::{Running, command, run};
use f1_ingest_tests::server::Server;
use f1_ingest_tests::signed::{Answer, ask};
use f1_ingest_tests::store::{BUCKET, environment, keys};
use sha2::{Digest, Sha256};

const CLIENTS: u64 = 3;

/// How many kills each of the three tests has.
fn kills() -> u64 {
    number("F1_KILLS", 60).div_ceil(3)
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// Xorshift, <https://www.jstatsoft.org/article/view/v008i14>.
struct Chance(u64);

impl Chance {
    fn new(of: u64) -> Chance {
        Chance((number("F1_KILL_SEED", 1) << 8 | of).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }

    fn moment(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(longest.as_micros() as u64))
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// `f1-ingest store` on a folder.
fn store(folder: &Path) -> (Server, SocketAddr) {
    let server = Server::ours(&["store", path(folder), "--listen", "127.0.0.1:0"], &environment(""));
    let address = server.address.parse().unwrap();
    (server, address)
}

fn get(address: SocketAddr, key: &str) -> Answer {
    ask(address, "GET", &format!("/{BUCKET}/{key}"), &[], b"").unwrap()
}

/// Asserts that an object is there, and that what is known of it is of its own bytes.
#[track_caller]
fn assert_whole(answer: &Answer, key: &str) {
    assert_eq!(answer.status, 200, "{key}: {}", answer.text());
    assert_eq!(answer.header("x-amz-meta-sha256"), Some(&*hash(&answer.body)), "{key}");
}

/// Asserts that all keys that were printed have their documents, that all others are whole, and that nothing else is left
/// but uploads that somebody may still end.
fn assert_kept(folder: &Path, printed: &BTreeMap<String, String>) {
    let (_server, address) = store(folder);
    let there = keys(&folder.join(BUCKET));
    for key in &there {
        assert_whole(&get(address, key), key);
    }
    for (key, hash_of) in printed {
        assert!(there.contains(key), "{key} was printed");
        assert_eq!(&hash(&get(address, key).body), hash_of, "{key}");
    }
    for entry in fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_known = [".upload-", ".upload_id-", ".bucket-"].iter().any(|start| name.starts_with(start));
        assert!(is_known || name == BUCKET || name == ".f1-ingest.lock", "{name} is left");
    }
}

#[test]
fn runs_that_are_killed_leave_what_they_printed() {
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("store");
    let documents: Vec<_> = [("short", 10), ("long", 11 << 20)]
        .into_iter()
        .map(|(name, length)| {
            let (file, text) = (top.path().join(name), format!("\"{}\"", "x".repeat(length)));
            fs::write(&file, &text).unwrap();
            (file, hash(text.as_bytes()))
        })
        .collect();
    let arguments = |document: &Path| {
        let line = ["run", "--store", path(&folder), "--bucket", BUCKET, "--retries", "1"];
        let more = ["--part-size", "5MiB", "--mock-file", path(document)];
        line.into_iter().chain(more).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut printed = BTreeMap::new();
    let whole_run = |(document, hash): &(std::path::PathBuf, String), printed: &mut BTreeMap<_, _>| {
        let arguments = arguments(document);
        let began = Instant::now();
        let run = run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]).expect(0);
        printed.extend(run.keys().iter().map(|key| (key.to_string(), hash.clone())));
        began.elapsed()
    };
    // The first one has the component compiled.
    let took: Vec<_> = [0, 0, 1].map(|n: usize| whole_run(&documents[n], &mut printed)).to_vec();
    let mut chance = Chance::new(1);
    for n in 0..kills() {
        let which = chance.below(2) as usize;
        let (document, hash) = &documents[which];
        let mut run = command(&[], &[]);
        run.args(arguments(document)).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut run = run.spawn().unwrap();
        thread::sleep(chance.moment(took[which + 1] * 5 / 4));
        run.kill().unwrap();
        let output = run.wait_with_output().unwrap().stdout;
        let lines = String::from_utf8(output).unwrap();
        let keys = lines.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
        printed.extend(keys.map(|key| (key.to_owned(), hash.clone())));
        if n % 10 == 9 {
            whole_run(&documents[0], &mut printed);
        }
    }
    whole_run(&documents[1], &mut printed);
    assert_kept(&folder, &printed);
}

#[test]
fn a_service_that_is_killed_leaves_what_it_printed_and_starts_again() {
    let top = tempfile::tempdir().unwrap();
    let (folder, file, state) = (top.path().join("store"), top.path().join("m"), top.path().join("state"));
    fs::write(&file, "{}").unwrap();
    let lines = top.path().join("stdout");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--store", path(&folder), "--bucket", BUCKET];
    let more = ["--mock-file", path(&file), "--schedule", "* * * * * *", "--state", path(&state)];
    let mut chance = Chance::new(2);
    for _ in 0..kills() {
        let mut serve = command(&[&arguments[..], &more].concat(), &[]);
        let stdout = File::options().create(true).append(true).open(&lines).unwrap();
        let mut serve = serve.stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(serve.stderr.take().unwrap());
        let mut serve = Running(serve);
        let mut said = stderr.lines().map_while(Result::ok);
        let is_up = said.any(|line| line.contains("listening on"));
        assert!(is_up, "it does not start: {:?}", fs::read_to_string(&state));
        // It goes on to write there.
        let reader = thread::spawn(move || said.count());
        thread::sleep(chance.moment(Duration::from_millis(1_300)));
        serve.0.kill().unwrap();
        serve.0.wait().unwrap();
        reader.join().unwrap();
    }
    let printed = fs::read_to_string(&lines).unwrap();
    let printed = printed.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let printed: BTreeMap<_, _> = printed.map(|key| (key.to_owned(), hash(b"{}"))).collect();
    assert!(!printed.is_empty());
    assert_kept(&folder, &printed);
    let left = fs::read_dir(top.path()).unwrap().count();
    assert!(left <= 4 + kills() as usize, "temporary files of --state: {left}");
}

/// What one client knows.
struct Client {
    number: u64,
    chance: Chance,
    count: u64,
    /// The bodies that the store said it has, with their ETags, by key.
    told: BTreeMap<String, (Vec<u8>, String)>,
    /// What it gave no answer to.
    asked: BTreeMap<String, Vec<u8>>,
}

impl Client {
    /// Puts, replaces, copies and lists objects until there is no answer.
    fn work(&mut self, address: SocketAddr) {
        while self.step(address).is_ok() {}
    }

    fn step(&mut self, address: SocketAddr) -> std::io::Result<()> {
        self.count += 1;
        let name = match self.chance.below(2) {
            0 => self.chance.below(4),
            _ => 100 + self.count,
        };
        let key = format!("raw/{}/{name}.json", self.number);
        let length = [10, 3_000, 400_000][self.chance.below(3) as usize];
        let mut body = format!("{} {} ", self.number, self.count).repeat(length / 6).into_bytes();
        let target = format!("/{BUCKET}/{key}");
        let sha256 = hash(&body);
        let known = [("x-amz-meta-sha256", sha256.as_str())];
        let answer = match self.chance.below(8) {
            0 => {
                body.resize((5 << 20) + length, b'x');
                let sha256 = hash(&body);
                self.asked.insert(key.clone(), body.clone());
                self.in_parts(address, &target, &[("x-amz-meta-sha256", &sha256)], &body)?
            }
            1 if !self.told.is_empty() => {
                let (from, (of, _)) = self.told.iter().next().unwrap();
                let from = format!("/{BUCKET}/{from}");
                body = of.clone();
                self.asked.insert(key.clone(), body.clone());
                ask(address, "PUT", &target, &[("x-amz-copy-source", &from)], b"")?
            }
            2 => {
                let list = format!("/{BUCKET}?delimiter=%2F&list-type=2&prefix=raw%2F");
                assert_eq!(ask(address, "GET", &list, &[], b"")?.status, 200);
                return Ok(());
            }
            _ => {
                self.asked.insert(key.clone(), body.clone());
                ask(address, "PUT", &target, &known, &body)?
            }
        };
        assert_eq!(answer.status, 200, "{key}: {}", answer.text());
        let e_tag = tag(&answer);
        self.asked.remove(&key);
        self.told.insert(key, (body, e_tag));
        Ok(())
    }

    fn in_parts(
        &self,
        address: SocketAddr,
        target: &str,
        known: &[(&str, &str)],
        body: &[u8],
    ) -> std::io::Result<Answer> {
        let begun = ask(address, "POST", &format!("{target}?uploads="), known, b"")?.text();
        let id = between(&begun, "<UploadId>", "</UploadId>");
        let mut parts = String::new();
        for (part, number) in body.chunks(5 << 20).zip(1..) {
            let answer =
                ask(address, "PUT", &format!("{target}?partNumber={number}&uploadId={id}"), &[], part)?;
            assert_eq!(answer.status, 200, "{}", answer.text());
            let e_tag = tag(&answer);
            parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{e_tag}</ETag></Part>");
        }
        let all = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
        ask(address, "POST", &format!("{target}?uploadId={id}"), &[], all.as_bytes())
    }

    /// Asserts that what the store said it has is there, or what came after that without an answer, and nothing in between.
    fn check(&mut self, address: SocketAddr, keys: impl Fn(&str) -> bool) {
        for (key, (body, e_tag)) in self.told.iter_mut().filter(|(key, _)| keys(key)) {
            let answer = get(address, key);
            assert_whole(&answer, key);
            match self.asked.remove(key) {
                Some(later) if answer.body == later => (*body, *e_tag) = (later, tag(&answer)),
                _ => assert!(answer.body == *body && tag(&answer) == *e_tag, "{key}: {}", answer.head),
            }
        }
        for (key, body) in std::mem::take(&mut self.asked) {
            let answer = get(address, &key);
            if answer.status != 404 {
                assert_whole(&answer, &key);
                assert!(answer.body == body, "{key}");
                self.told.insert(key, (body, tag(&answer)));
            }
        }
    }
}

fn between<'t>(text: &'t str, start: &str, end: &str) -> &'t str {
    text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map(|(found, _)| found).unwrap_or(text)
}

/// The ETag in an answer's head, or in its body.
fn tag(answer: &Answer) -> String {
    let text = answer.text();
    let quoted = answer.header("etag").unwrap_or_else(|| between(&text, "<ETag>", "</ETag>"));
    quoted.replace("&quot;", "").replace('"', "")
}

#[test]
fn a_store_that_is_killed_has_what_it_said_it_has() {
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("store");
    fs::create_dir_all(folder.join(BUCKET)).unwrap();
    let mut clients: Vec<_> = (1..=CLIENTS)
        .map(|number| Client {
            number,
            chance: Chance::new(16 + number),
            count: 0,
            told: BTreeMap::new(),
            asked: BTreeMap::new(),
        })
        .collect();
    let mut chance = Chance::new(3);
    for _ in 0..kills() {
        let (mut server, address) = store(&folder);
        thread::scope(|scope| {
            for client in &mut clients {
                // What may have changed when the last one was killed.
                let fresh: Vec<_> = client.asked.keys().cloned().collect();
                client.check(address, |key| fresh.iter().any(|fresh| fresh == key) || key.len() < 12);
                scope.spawn(|| client.work(address));
            }
            thread::sleep(chance.moment(Duration::from_millis(250)));
            server.process.0.kill().unwrap();
        });
    }
    let (_server, address) = store(&folder);
    clients.iter_mut().for_each(|client| client.check(address, |_| true));
    assert!(clients.iter().all(|client| client.told.len() > 3), "nothing was tried");
    assert_kept(&folder, &BTreeMap::new());
}

#[test]
fn an_upload_goes_on_at_a_store_that_was_killed() {
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("store");
    fs::create_dir_all(folder.join(BUCKET)).unwrap();
    let target = format!("/{BUCKET}/raw/x.json");
    let (server, address) = store(&folder);
    ask(address, "PUT", &target, &[("x-amz-meta-is", "old")], b"old").unwrap();
    let begun =
        ask(address, "POST", &format!("{target}?uploads="), &[("x-amz-meta-is", "new")], b"").unwrap();
    let begun = begun.text();
    let id = between(&begun, "<UploadId>", "</UploadId>");
    let part = vec![b'x'; 5 << 20];
    let sent = ask(address, "PUT", &format!("{target}?partNumber=1&uploadId={id}"), &[], &part).unwrap();
    drop(server);
    let (_server, address) = store(&folder);
    let end = |e_tag: &str| {
        let part = format!("<Part><PartNumber>1</PartNumber><ETag>{e_tag}</ETag></Part>");
        let all = format!("<CompleteMultipartUpload>{part}</CompleteMultipartUpload>");
        ask(address, "POST", &format!("{target}?uploadId={id}"), &[], all.as_bytes()).unwrap()
    };
    let wrong = end("00000000000000000000000000000000");
    assert!(wrong.status == 400 && wrong.text().contains("InvalidPart"), "{}", wrong.text());
    let there = get(address, "raw/x.json");
    assert!(there.body == b"old" && there.header("x-amz-meta-is") == Some("old"), "{}", there.head);
    let ended = end(&tag(&sent));
    assert_eq!(ended.status, 200, "{}", ended.text());
    let there = get(address, "raw/x.json");
    assert!(there.body == part && there.header("x-amz-meta-is") == Some("new"), "{}", there.head);
    assert!(tag(&there) == tag(&ended) && tag(&there).ends_with("-1"));
}
