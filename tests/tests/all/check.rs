//! `f1-ingest check` names the cause before the first run does.

use f1_ingest_tests::binary::{Run, command};
use f1_ingest_tests::s3_servers::Server;
use f1_ingest_tests::store::{SECRET_KEY, Store, environment};
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};

/// Checks a run against `upstream` in the environment of a store, `changed` variables replaced; an empty one
/// counts as not set.
fn check(upstream: &Upstream, environment: Vec<(String, String)>, changed: &[(&str, &str)]) -> Run {
    let mut check = command(&["check", "--jolpica-url", &upstream.url("/results.json")], &[]);
    let run: Run = check.envs(environment).envs(changed.iter().copied()).output().unwrap().into();
    assert!(
        !run.stderr.contains(SECRET_KEY) && !run.stdout.contains(SECRET_KEY),
        "the secret shows:\n{run:?}"
    );
    run
}

/// The lines of a check that begin with `mark`.
fn lines<'a>(run: &'a Run, mark: &str) -> Vec<&'a str> {
    run.stdout.lines().filter(|line| line.starts_with(mark)).collect()
}

/// Asserts that exactly one thing failed, and that its line has all of `words`.
#[track_caller]
fn fails(run: Run, words: &[&str]) {
    let run = run.expect(1);
    let [line] = lines(&run, "FAILED")[..] else { panic!("not one line failed:\n{}", run.stdout) };
    assert!(words.iter().all(|word| line.contains(word)), "{words:?} are not all in\n{line}");
}

fn upstream() -> Upstream {
    Upstream::start([Reply::json(RESULTS)])
}

#[test]
fn what_works_is_said_to_work_and_leaves_nothing_behind() {
    for server in Server::all().into_iter().flatten() {
        let run = check(&upstream(), server.environment("writer").unwrap(), &[]).expect(0);
        let whole =
            ["jolpica", "credentials", "store", "clock", "write", "read back", "conditional", "delete"];
        for what in whole {
            assert!(run.stdout.contains(what), "{}: {what} is not in\n{}", server.offer.name, run.stdout);
        }
        assert!(run.stdout.contains("conditional writes  honoured"), "{}", run.stdout);
        let keeps_metadata = !server.offer.name.starts_with("Ceph 16");
        assert_eq!(run.stdout.contains("the same bytes and metadata"), keeps_metadata, "{}", run.stdout);
        assert!(server.objects().is_empty(), "{}", server.offer.name);
    }
}

#[test]
fn a_folder_is_checked_as_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    let upstream = upstream();
    let arguments = ["check", "--store", path, "--jolpica-url", &upstream.url("/")];
    let run: Run = command(&arguments, &[]).output().unwrap().into();
    let run = run.expect(0);
    assert_eq!(lines(&run, "FAILED").len() + lines(&run, "note").len(), 0, "{}", run.stdout);
}

#[test]
fn each_wrong_setting_has_its_name() {
    let (upstream, store) = (upstream(), Store::start());
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let table: &[Case] = &[
        (&[("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")], &["credentials", "--profile"]),
        (
            &[("AWS_SECRET_ACCESS_KEY", "wrong")],
            &["write", "SignatureDoesNotMatch", "check AWS_SECRET_ACCESS_KEY"],
        ),
        (&[("AWS_REGION", "mars-north-1")], &["write", "AuthorizationHeaderMalformed", "check --region"]),
        (&[("F1_S3_BUCKET", "no-such-bucket")], &["write", "NoSuchBucket", "--bucket"]),
        (
            &[("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")],
            &["store", "127.0.0.1:9", "connection was refused"],
        ),
    ];
    for (changed, words) in table {
        fails(check(&upstream, store.environment(), changed), words);
    }
    assert!(store.keys().is_empty());
}

#[test]
fn no_permission_has_its_name() {
    let Some(moto) = Server::moto() else { return };
    let stranger = moto.environment("stranger").unwrap();
    fails(check(&upstream(), stranger, &[]), &["write", "AccessDenied", "s3:PutObject"]);
}

#[test]
fn what_ceph_says_in_few_words_is_explained() {
    let Some(ceph) = Server::radosgw() else { return };
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);
    let table: &[Case] = &[
        ("writer", &[("AWS_SECRET_ACCESS_KEY", "wrong")], &["AccessDenied", "AWS_SECRET_ACCESS_KEY"]),
        ("writer", &[("F1_S3_BUCKET", "no-such-bucket")], &["NoSuchBucket", "--bucket"]),
        ("session", &[("AWS_SESSION_TOKEN", "wrong")], &["InvalidArgument", "AWS_SESSION_TOKEN"]),
        ("session", &[("AWS_SESSION_TOKEN", "")], &["AccessDenied", "AWS_SESSION_TOKEN"]),
        ("stranger", &[], &["AccessDenied", "s3:PutObject"]),
    ];
    for (user, changed, words) in table {
        fails(check(&upstream(), ceph.environment(user).unwrap(), changed), words);
    }
    assert!(ceph.objects().is_empty());
}

#[test]
fn a_clock_an_hour_off_has_its_name() {
    let now: chrono::DateTime<chrono::Utc> = std::time::SystemTime::now().into();
    let an_hour_ago = now - chrono::TimeDelta::hours(1);
    let date = an_hour_ago.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let skewed = "<Error><Code>RequestTimeTooSkewed</Code><Message>too large</Message></Error>";
    let store = Upstream::start([Reply::new(403, skewed).with("date", &date)]);
    let environment = Store::start().environment();
    fails(
        check(&upstream(), environment, &[("AWS_ENDPOINT_URL_S3", &store.url(""))]),
        &["clock", "s ahead of the store's", "NTP"],
    );
    assert_eq!(store.asked().len(), 2, "a look and a PUT");
}

#[test]
fn a_proxy_that_is_down_has_its_name() {
    let (upstream, store) = (upstream(), Store::start());
    let down = [("HTTP_PROXY", "http://user:word@127.0.0.1:9")];
    let run = check(&upstream, store.environment(), &down).expect(1);
    let failed = lines(&run, "FAILED");
    assert_eq!(failed.len(), 2, "{}", run.stdout);
    for line in failed {
        assert!(line.contains("proxy 127.0.0.1:9 is down") && line.contains("HTTP_PROXY"), "{line}");
        assert!(!line.contains("word@"), "{line}");
    }
    assert!(upstream.asked().is_empty());
}

#[test]
fn an_upstream_that_refuses_has_its_name() {
    let store = Store::start();
    let table = [(403, "refuses this address"), (401, "sign-in"), (404, "does not exist")];
    for (status, words) in table {
        let upstream = Upstream::start([Reply::new(status, "")]);
        fails(check(&upstream, store.environment(), &[]), &["jolpica", words, &status.to_string()]);
    }
    let empty = Upstream::start([Reply::json(r#"{"MRData": {"total": "0"}}"#)]);
    let run = check(&empty, store.environment(), &[]).expect(0);
    assert!(lines(&run, "note")[0].contains("not published"), "{}", run.stdout);
}

#[test]
fn what_a_store_does_not_hold_to_is_said() {
    let store = Store::start();
    let address = store.address;
    let page = || Reply::new(200, "<html>");
    let changed = Upstream::start([Reply::by(move |asked| match asked.line.starts_with("GET ") {
        true => page(),
        false => Reply::Forward(address),
    })]);
    let anything = Upstream::start([page()]);
    for (at, words) in
        [(&changed, ["read back", "6 other bytes"]), (&anything, ["store", "from no S3 store"])]
    {
        let endpoint = at.url("");
        fails(check(&upstream(), store.environment(), &[("AWS_ENDPOINT_URL_S3", &endpoint)]), &words);
    }
}

/// Checks a run with these options at a real store, whose answer to a request that has `refused` in its head is this.
fn with_refusal(options: &[&str], refused: &'static str, status: u16, code: &'static str) -> (Run, Upstream) {
    let store = Store::start();
    let address = store.address;
    let proxy = Upstream::start([Reply::by(move |asked| {
        let is_met = asked.line.contains(refused) || asked.headers.iter().any(|(name, _)| name == refused);
        let body = format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
        if is_met { Reply::new(status, body) } else { Reply::Forward(address) }
    })]);
    let upstream = upstream();
    let url = upstream.url("/results.json");
    let mut check = command(&[&["check", "--jolpica-url", &url], options].concat(), &[]);
    let run: Run = check.envs(environment(&proxy.url(""))).output().unwrap().into();
    assert!(store.keys().is_empty(), "{}", run.stdout);
    (run, proxy)
}

#[test]
fn a_probe_is_made_as_the_run_makes_its_objects() {
    let folder = tempfile::tempdir().unwrap();
    let long = folder.path().join("long.json");
    std::fs::write(&long, format!("\"{}\"", "x".repeat(5 << 20))).unwrap();
    let parts = ["--mock-file", long.to_str().unwrap(), "--part-size", "5MiB"];
    type Case<'a> = (&'a [&'a str], &'static str, &'a str);
    let table: [Case; 9] = [
        (&["--storage-class", "GLACIER"], "x-amz-storage-class", "write"),
        (&["--sse", "aws:kms"], "x-amz-server-side-encryption", "write"),
        (&["--tag", "a=b"], "x-amz-tagging", "write"),
        (&["--acl", "private"], "x-amz-acl", "write"),
        (&["--metadata", "team=red"], "x-amz-meta-team", "write"),
        (&["--compress", "gzip"], "content-encoding", "write"),
        (&["--if-changed"], "list-type=2", "list"),
        (&parts, "uploads= HTTP", "write in parts"),
        (&parts, "partNumber=1", "write in parts"),
    ];
    for (options, refused, what) in table {
        let (run, _) = with_refusal(options, refused, 403, "AccessDenied");
        fails(run, &[what, "AccessDenied"]);
    }
    // What a run goes without is no failure.
    let (run, proxy) =
        with_refusal(&["--checksum", "crc32c"], "x-amz-checksum-crc32c", 501, "NotImplemented");
    let run = run.expect(0);
    assert!(lines(&run, "note").iter().any(|line| line.contains("x-amz-checksum-crc32c")), "{}", run.stdout);
    assert!(proxy.asked().iter().any(|asked| asked.header("x-amz-checksum-crc32c").is_some()));
    let (run, _) = with_refusal(&parts, "uploads=&prefix", 403, "AccessDenied");
    let run = run.expect(0);
    assert!(lines(&run, "note").iter().any(|line| line.contains("write in parts")), "{}", run.stdout);
}

#[test]
fn what_keeps_a_run_from_beginning_is_found() {
    let store = Store::start();
    let table: [(&[&str], i32, &str); 3] = [
        (&["--summary", "/no/such/folder/x.json"], 2, "--summary"),
        (&["--component", "/no/such.wasm"], 2, "/no/such.wasm"),
        (&["--mock-file", "/no/such.json"], 1, "/no/such.json"),
    ];
    for (options, code, named) in table {
        let mut check = command(&[&["check"], options].concat(), &[]);
        let run: Run = check.envs(store.environment()).output().unwrap().into();
        let run = run.expect(code);
        assert!(format!("{}{}", run.stdout, run.stderr).contains(named), "{run:?}");
    }
}
