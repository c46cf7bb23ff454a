//! Every option and variable, both ways; and what is refused before anything is sent.

use f1_ingest_tests::binary::{run, run_in};
use f1_ingest_tests::store::{ACCESS_KEY, BUCKET, SECRET_KEY, Store};
use f1_ingest_tests::upstream::{Asked, RESULTS, Reply, Upstream};

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", ACCESS_KEY), ("AWS_SECRET_ACCESS_KEY", SECRET_KEY)];

/// An S3 endpoint that has nothing, takes everything and remembers what it was asked.
fn endpoint() -> Upstream {
    Upstream::start([Reply::new(404, ""), Reply::new(200, "").with("etag", "\"e\"")])
}

/// The first PUT that `endpoint` got from a run with these arguments and variables.
fn put(endpoint: &Upstream, arguments: &[&str], variables: &[(&str, &str)]) -> Asked {
    let arguments: Vec<&str> = ["run"].iter().chain(arguments).copied().collect();
    run(&arguments, &[&KEYS[..], variables].concat()).expect(0);
    let put = endpoint.asked().into_iter().find(|asked| asked.line.starts_with("PUT"));
    put.expect("the store was asked")
}

#[test]
fn each_option_has_its_variables_and_wins_over_them() {
    let jolpica = Upstream::start([Reply::json(RESULTS)]);
    let results = jolpica.url("/results");
    let defaults = [("F1_S3_BUCKET", "from-variable"), ("JOLPICA_URL", results.as_str())];
    // option, its value, variables in their order, what the PUT shows of a value
    let bucket = |value: &str| format!("PUT /{value}/raw/");
    let region = |value: &str| format!("/{value}/s3/aws4_request");
    let agent = |value: &str| value.to_owned();
    type Shown<'a> = &'a dyn Fn(&str) -> String;
    let table: [(&[&str], &[&str], Shown); 3] = [
        (&["--bucket", "-b"], &["F1_S3_BUCKET"], &bucket),
        (&["--region", "-r"], &["AWS_REGION", "AWS_DEFAULT_REGION"], &region),
        (&["--user-agent"], &["F1_USER_AGENT"], &agent),
    ];
    for (names, variables, shown) in table {
        let look = |arguments: &[&str], extra: &[(&str, &str)]| {
            let store = endpoint();
            let url = store.url("");
            let endpoint = [("AWS_ENDPOINT_URL", url.as_str())];
            let base =
                defaults.iter().filter(|(name, _)| !extra.iter().any(|(other, _)| other == name)).copied();
            let all: Vec<_> = base.chain(endpoint).chain(extra.iter().copied()).collect();
            let asked = put(&store, arguments, &all);
            format!("{} {:?}", asked.line, asked.headers)
        };
        for (n, variable) in variables.iter().enumerate() {
            let later: Vec<(&str, &str)> = variables[n..].iter().map(|name| (*name, "later-one")).collect();
            let seen = look(&[], &[&later[1..], &[(*variable, "the-variable")]].concat());
            assert!(seen.contains(&shown("the-variable")), "{variable}: {seen}");
        }
        for name in names {
            let seen = look(&[name, "the-option"], &[(variables[0], "the-variable")]);
            assert!(seen.contains(&shown("the-option")), "{name}: {seen}");
        }
    }
    let store = endpoint();
    let asked = put(&store, &["--endpoint-url", &store.url("")], &defaults);
    let authorization = asked.header("authorization").unwrap();
    assert!(authorization.contains("/us-east-2/s3/aws4_request"), "the default region: {authorization}");
}

#[test]
fn the_endpoint_comes_from_the_option_then_from_either_variable() {
    let jolpica = Upstream::start([Reply::json(RESULTS)]);
    let (first, second, third) = (endpoint(), endpoint(), endpoint());
    let (one, two, three) = (first.url("/"), second.url("/base"), third.url(""));
    let results = jolpica.url("/");
    let base = ["run", "--bucket", BUCKET, "--jolpica-url", &results];
    let both = [("AWS_ENDPOINT_URL_S3", two.as_str()), ("AWS_ENDPOINT_URL", three.as_str())];
    run(&[&base[..], &["--endpoint-url", &one]].concat(), &[&KEYS[..], &both].concat()).expect(0);
    run(&base, &[&KEYS[..], &both].concat()).expect(0);
    run(&base, &[&KEYS[..], &both[1..]].concat()).expect(0);
    for (server, path) in [(first, "/lake/raw/"), (second, "/base/lake/raw/"), (third, "/lake/raw/")] {
        let asked = server.asked();
        assert!(!asked.is_empty());
        assert!(asked.iter().all(|asked| asked.line.contains(&format!(" {path}"))), "{asked:?}");
    }
}

#[test]
fn a_proxy_is_asked_but_for_the_hosts_that_need_none() {
    let (proxy, store) = (Upstream::start([Reply::json(RESULTS)]), endpoint());
    let (proxy_url, url) = (proxy.url(""), store.url(""));
    let arguments =
        ["--bucket", BUCKET, "--jolpica-url", "http://results.example/f1?limit=100", "--endpoint-url", &url];
    put(&store, &arguments, &[("HTTP_PROXY", &proxy_url), ("NO_PROXY", "127.0.0.1")]);
    let lines: Vec<String> = proxy.asked().into_iter().map(|asked| asked.line).collect();
    assert_eq!(lines, ["GET http://results.example/f1?limit=100 HTTP/1.1"]);
}

#[test]
fn a_session_token_is_sent_and_signed() {
    let jolpica = Upstream::start([Reply::json(RESULTS)]);
    let store = endpoint();
    let (results, url) = (jolpica.url("/"), store.url(""));
    let arguments = ["--bucket", BUCKET, "--jolpica-url", &results, "--endpoint-url", &url];
    let asked = put(&store, &arguments, &[("AWS_SESSION_TOKEN", "a-session-token")]);
    assert_eq!(asked.header("x-amz-security-token"), Some("a-session-token"));
    assert!(asked.header("authorization").unwrap().contains("x-amz-security-token"));
}

#[test]
fn logs_are_text_or_one_object_a_line() {
    let jolpica = Upstream::start([Reply::json(RESULTS)]);
    let store = Store::start();
    let results = jolpica.url("/");
    let environment = store.environment();
    let json = run_in(&["run", "--jolpica-url", &results, "--log-format", "json"], &environment).expect(0);
    assert!(!json.stderr.is_empty());
    for line in json.stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert!(
            line["time"].is_string() && line["level"].is_string() && line["message"].is_string(),
            "{line}"
        );
    }
    let text = run_in(&["run", "--jolpica-url", &results], &environment).expect(0);
    assert!(text.stderr.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_err()));
}

#[test]
fn wrong_usage_is_one_line_and_exit_code_2_and_nothing_is_sent() {
    let server = endpoint();
    let url = server.url("");
    let right = ["--bucket", BUCKET, "--jolpica-url", &url, "--endpoint-url", &url];
    let wrong: &[(&[&str], &str)] = &[
        (&["--no-such-option"], "--no-such-option"),
        (&["stray"], "stray"),
        (&["--bucket", "x"], "--bucket"),
        (&["--bucket", "no/slash"], "--bucket"),
        (&["--region", "us east"], "--region"),
        (&["--retries", "0"], "--retries"),
        (&["--retries", "many"], "--retries"),
        (&["--retries"], "--retries"),
        (&["--jolpica-url", "ftp://example.org/"], "--jolpica-url"),
        (&["--jolpica-url", "https://me:secret@example.org/"], "--jolpica-url"),
        (&["--endpoint-url", "example.org"], "--endpoint-url"),
        (&["--log-format", "xml"], "--log-format"),
        (&["--user-agent", "Jos\u{e9}"], "--user-agent"),
        (&["--requests-per-second", "-1"], "--requests-per-second"),
        (&["--requests-per-hour", "10001"], "--requests-per-hour"),
        (&["--budget-hour", "0"], "--budget-hour"),
        (&["--timeout", "soon"], "--timeout"),
        (&["--max-memory", "much"], "--max-memory"),
    ];
    for (arguments, named) in wrong {
        let all = [&["run"], &right[..], arguments].concat();
        let run = run(&all, &KEYS).expect(2);
        run.says(&[named]);
        assert_eq!(run.stdout, "", "{arguments:?}");
        assert!(!run.stderr.contains("secret@"), "{}", run.stderr);
    }
    run(&["run", "--jolpica-url", &url, "--endpoint-url", &url], &KEYS)
        .expect(2)
        .says(&["--bucket", "F1_S3_BUCKET"]);
    run(&[&["run"], &right[..]].concat(), &[]).expect(2).says(&["AWS_ACCESS_KEY_ID"]);
    run(&[&["run"], &right[..]].concat(), &KEYS[..1]).expect(2).says(&["AWS_SECRET_ACCESS_KEY"]);
    assert!(server.asked().is_empty(), "nothing was sent");
}

#[test]
fn help_and_version_go_to_stdout() {
    let help = run(&["run", "--help"], &[]).expect(0);
    for option in ["--bucket", "--jolpica-url", "F1_S3_BUCKET", "--store", "--replay", "75"] {
        assert!(help.stdout.contains(option), "{option} is not in\n{}", help.stdout);
    }
    let version = run(&["run", "--version"], &[]).expect(0);
    assert!(version.stdout.contains(env!("CARGO_PKG_VERSION")), "{}", version.stdout);
}
