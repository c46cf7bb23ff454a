//! `check` and `run` agree: options × what a store grants × the network, drawn by a seed. The store is a real one, behind
//! a policy that answers in its place what it does not grant.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use f1_ingest_tests::binary::{Run, command};
use f1_ingest_tests::store::{Store, environment};
use f1_ingest_tests::synthetic::dice::Dice;
use f1_ingest_tests::upstream::{Asked, RESULTS, Reply, Upstream};

const SET_UPS: usize = 100;

/// They mostly wait.
const AT_ONCE: usize = 12;

/// `LONG` is a file that is sent in parts, `SHORT` one that is not.
const OPTIONS: &[&[&str]] = &[
    &[],
    &["--if-changed"],
    &["--storage-class", "STANDARD_IA"],
    &["--sse", "AES256"],
    &["--sse", "aws:kms", "--sse-kms-key-id", "key"],
    &["--acl", "private"],
    &["--tag", "team=red", "--metadata", "team=red"],
    &["--checksum", "crc32"],
    &["--checksum", "crc64nvme", "--compress", "gzip"],
    &["--compress", "gzip", "--if-changed"],
    &["--dry-run"],
    &["--mock-file", "SHORT", "--if-changed"],
    &["--mock-file", "LONG", "--part-size", "5MiB"],
    &["--mock-file", "LONG", "--part-size", "5MiB", "--checksum", "crc32c", "--tag", "a=b"],
    &["--mock-file", "LONG", "--part-size", "5MiB", "--storage-class", "GLACIER_IR"],
    &["--mock-file", "missing.json"],
    &["--no-sign-request"],
    &["--region", "mars-north-1"],
    &["--bucket", "no-such-bucket"],
    &["--summary", "/no/such/folder/summary.json"],
];

/// What a store does not grant: a request that it answers itself, and how.
type Policy = (&'static str, fn(&Asked, usize) -> Option<Reply>);

const POLICIES: &[Policy] = &[
    ("grants everything", |_, _| None),
    ("grants everything, too", |_, _| None),
    ("no looking", |asked, _| denied(asked.is("HEAD ", "") || asked.is("GET ", ".json"))),
    ("no listing", |asked, _| denied(asked.is("GET ", "list-type"))),
    ("no listing of uploads", |asked, _| denied(asked.is("GET ", "uploads="))),
    ("no beginning of uploads", |asked, _| denied(asked.is("POST ", "uploads="))),
    ("no parts", |asked, _| denied(asked.is("PUT ", "partNumber"))),
    ("no completion", |asked, _| denied(asked.is("POST ", "uploadId"))),
    ("no ending of uploads", |asked, _| denied(asked.is("DELETE ", "uploadId"))),
    ("no deleting", |asked, _| denied(asked.is("DELETE ", ""))),
    ("no writing", |asked, _| denied(asked.is("PUT ", ""))),
    ("no tags", |asked, _| denied(asked.has("x-amz-tagging"))),
    ("no access list", |asked, _| denied(asked.has("x-amz-acl"))),
    ("no class", |asked, _| refused(asked.has("x-amz-storage-class"), 400, "InvalidStorageClass")),
    ("no encryption", |asked, _| refused(asked.has("x-amz-server-side-encryption"), 501, "NotImplemented")),
    ("no key", |asked, _| {
        refused(asked.has("x-amz-server-side-encryption-aws-kms-key-id"), 400, "KMS.NotFoundException")
    }),
    ("no condition", |asked, _| refused(asked.has("if-none-match"), 501, "NotImplemented")),
    ("no condition, 400", |asked, _| refused(asked.has("if-none-match"), 400, "NotImplemented")),
    ("no condition of a completion", |asked, _| {
        refused(asked.has("if-none-match") && asked.is("POST ", ""), 501, "NotImplemented")
    }),
    ("no checksum", |asked, _| refused(asked.has("x-amz-checksum-"), 400, "InvalidRequest")),
    ("stumbles", |_, number| refused(number % 4 == 1, 503, "SlowDown")),
    ("is over", |_, _| refused(true, 403, "AllAccessDisabled")),
];

/// What is between a run and the outside, and what is there: variables, and the upstream's answers.
type Network = (&'static str, &'static [(&'static str, &'static str)], fn() -> Vec<Reply>);

const NETWORKS: &[Network] = &[
    ("plain", &[], results),
    ("plain, too", &[], results),
    ("plain as well", &[], results),
    (
        "an exception from a proxy that is down",
        &[("HTTP_PROXY", "http://127.0.0.1:9"), ("NO_PROXY", "127.0.0.1")],
        results,
    ),
    ("a proxy that nobody can use", &[("HTTP_PROXY", "socks5://127.0.0.1:9")], results),
    ("an upstream that stumbles", &[], || vec![Reply::new(503, ""), Reply::Hangup, Reply::json(RESULTS)]),
    ("an upstream that forbids", &[], || vec![Reply::new(403, "")]),
    ("an upstream that sends a page", &[], || vec![Reply::new(200, "<html>")]),
    ("nothing published", &[], || vec![Reply::json(r#"{"MRData": {"total": "0"}}"#)]),
    ("no keys", &[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")], results),
    ("a wrong secret", &[("AWS_SECRET_ACCESS_KEY", "wrong")], results),
];

fn results() -> Vec<Reply> {
    vec![Reply::json(RESULTS)]
}

fn refused(is_met: bool, status: u16, code: &str) -> Option<Reply> {
    is_met.then(|| Reply::new(status, format!("<Error><Code>{code}</Code><Message>no</Message></Error>")))
}

fn denied(is_met: bool) -> Option<Reply> {
    refused(is_met, 403, "AccessDenied")
}

trait Says {
    /// Whether the request has this method and this in its path.
    fn is(&self, method: &str, path: &str) -> bool;
    /// Whether it has a header whose name begins so.
    fn has(&self, header: &str) -> bool;
}

impl Says for Asked {
    fn is(&self, method: &str, path: &str) -> bool {
        self.line.starts_with(method) && self.line.contains(path)
    }

    fn has(&self, header: &str) -> bool {
        self.headers.iter().any(|(name, _)| name.starts_with(header))
    }
}

/// One set-up: options, what the store grants, the network.
type SetUp = (&'static [&'static str], Policy, Network);

/// Every option, policy and network is in some, and so is every pair of an option and a policy that is about it.
fn set_ups() -> Vec<SetUp> {
    let mut dice = Dice::new(14, "set-ups");
    let (mut options, mut policies, mut networks): (Vec<_>, Vec<_>, Vec<_>) = Default::default();
    for n in 0..SET_UPS {
        options.push(OPTIONS[n % OPTIONS.len()]);
        policies.push(POLICIES[n % POLICIES.len()]);
        networks.push(NETWORKS[n % NETWORKS.len()]);
    }
    dice.shuffle(&mut options);
    dice.shuffle(&mut policies);
    dice.shuffle(&mut networks);
    options.into_iter().zip(policies).zip(networks).map(|((a, b), c)| (a, b, c)).collect()
}

/// Whether a command says that a set-up works, and what it said.
fn carried_out(
    name: &str,
    (options, (_, policy), (_, variables, replies)): SetUp,
    files: &[(&str, &str)],
) -> Run {
    let (upstream, store) = (Upstream::start(replies()), Store::start());
    let (address, policy, count): (SocketAddr, _, _) = (store.address, policy, AtomicUsize::new(0));
    let proxy = Upstream::start([Reply::by(move |asked| {
        policy(asked, count.fetch_add(1, Ordering::Relaxed)).unwrap_or(Reply::Forward(address))
    })]);
    let file = |word: &&'static str| files.iter().find(|(name, _)| name == word).map_or(*word, |file| file.1);
    let options: Vec<&str> = options.iter().map(file).collect();
    let url = upstream.url("/results.json");
    let given = ["--jolpica-url", &url, "--retries", "1", "--requests-per-second", "0"];
    let mut command = command(&[&[name], &given[..], &options].concat(), &[]);
    command.envs(environment(&proxy.url(""))).envs(variables.iter().copied());
    command.output().unwrap().into()
}

#[test]
fn check_and_run_agree_on_a_hundred_set_ups() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (long, short) = (path("long.json"), path("short.json"));
    std::fs::write(&long, format!("\"{}\"", "x".repeat(6 << 20))).unwrap();
    std::fs::write(&short, "{}").unwrap();
    let files = [("LONG", long.as_str()), ("SHORT", short.as_str())];
    let (set_ups, next) = (set_ups(), AtomicUsize::new(0));
    let (wrong, verdicts) = (Mutex::new(Vec::new()), Mutex::new(BTreeSet::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(set_up) = set_ups.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let [check, run] = ["check", "run"].map(|name| carried_out(name, *set_up, &files));
                    let works = run.code == 0;
                    verdicts.lock().unwrap().insert(works);
                    // "Not now" says nothing of the rest.
                    if (check.code == 0) != works && run.code != 75 {
                        let (options, (policy, _), (network, ..)) = set_up;
                        let said = format!("{}{}{}", check.stdout, check.stderr, run.stderr);
                        let what = format!("{options:?}, {policy}, {network}: {} {}", check.code, run.code);
                        wrong.lock().unwrap().push(format!("{what}\n{said}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{} set-ups:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(verdicts.into_inner().unwrap().len(), 2, "some work, some do not");
}
