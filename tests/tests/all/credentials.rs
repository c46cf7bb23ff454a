//! Where credentials come from: each place that AWS documents, against a fake that checks what it is sent,
//! and moto, which lets nobody in who has not the right keys, token and signature.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use f1_ingest_tests::binary::{Run, Running, command, root};
use f1_ingest_tests::s3_servers::{Keys, Server};
use f1_ingest_tests::upstream::{Reply, Upstream};
use serde_json::json;
use tempfile::TempDir;

const RESULTS: &str = r#"{"MRData": {"total": "1"}}"#;

fn moto() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::moto().expect("tests/run makes target/python"))
}

fn keys(user: &str) -> &'static Keys {
    &moto().offer.users[user]
}

/// A home with these files in its `.aws`.
fn home(files: &[(&str, &str)]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = home.path().join(".aws").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    home
}

/// Variables that point to moto's bucket, and to this home; no credentials.
fn place(home: &Path) -> Vec<(String, String)> {
    let cache = std::env::var("XDG_CACHE_HOME")
        .or_else(|_| std::env::var("HOME").map(|home| format!("{home}/.cache")))
        .unwrap_or_default();
    let mut place = moto().environment("writer").unwrap();
    place.retain(|(name, _)| !name.contains("KEY"));
    let path = |name: &str| home.join(".aws").join(name).to_str().unwrap().to_owned();
    place.extend([
        ("HOME".into(), home.to_str().unwrap().to_owned()),
        ("XDG_CACHE_HOME".into(), cache),
        ("AWS_CONFIG_FILE".into(), path("config")),
        ("AWS_SHARED_CREDENTIALS_FILE".into(), path("credentials")),
        ("PATH".into(), "/usr/bin:/bin".into()),
    ]);
    place
}

/// One run into moto's bucket, with a log of everything, that shows no secret.
fn run(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let upstream = Upstream::start([Reply::json(RESULTS)]);
    let url = upstream.url("/");
    let all = [&["run", "--retries", "1", "--jolpica-url", &url], arguments].concat();
    let mut job = command(&all, &[]);
    job.envs(place(home)).envs(variables.iter().copied()).env("RUST_LOG", "trace");
    let run = Run::from(job.output().unwrap());
    for keys in moto().offer.users.values() {
        for secret in [Some(&keys.secret), keys.token.as_ref()].into_iter().flatten() {
            assert!(!run.stderr.contains(secret) && !run.stdout.contains(secret), "{secret} shows");
        }
    }
    run
}

fn stores(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) {
    let run = run(home, arguments, variables).expect(0);
    let objects = moto().objects();
    assert!(objects.contains_key(run.stdout.trim()), "{:?}", run.stdout);
}

fn profile(name: &str, keys: &Keys) -> String {
    let token = keys.token.iter().map(|token| format!("aws_session_token = {token}\n")).collect::<String>();
    format!("[{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\n{token}", keys.key, keys.secret)
}

/// What a metadata service answers.
fn answer(keys: &Keys) -> Reply {
    answer_until(keys, "2099-01-01T00:00:00Z")
}

fn answer_until(keys: &Keys, expiry: &str) -> Reply {
    let answer = json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": keys.key,
        "SecretAccessKey": keys.secret,
        "Token": keys.token,
        "LastUpdated": "2026-11-24T12:00:00Z",
        "Expiration": expiry,
    });
    Reply::json(answer.to_string())
}

#[test]
fn a_profile_has_keys() {
    let files =
        [("credentials", &*profile("default", keys("writer"))), ("config", "[profile other]\nregion = x\n")];
    stores(home(&files).path(), &[], &[]);
}

#[test]
fn a_profile_by_name_wins_over_the_environment_and_aws_profile_does_not() {
    let text = profile("default", keys("stranger")) + &profile("lake", keys("session"));
    let home = home(&[("credentials", &text)]);
    stores(home.path(), &["--profile", "lake"], &[]);
    stores(home.path(), &[], &[("AWS_PROFILE", "lake")]);
    let stranger = keys("stranger").variables();
    let stranger: Vec<_> = stranger.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    stores(home.path(), &["--profile", "lake"], &stranger);
    let environment = [&stranger[..], &[("AWS_PROFILE", "lake")]].concat();
    run(home.path(), &[], &environment).expect(1).says(&["AccessDenied"]);
    run(home.path(), &["--profile", "lak"], &[]).expect(2).says(&["lak", "--profile"]);
}

#[test]
fn a_role_is_assumed_with_the_keys_of_its_source_profile() {
    let role = moto().offer.role.as_ref().unwrap();
    let config =
        format!("[profile lake]\nrole_arn = {role}\nsource_profile = base\nrole_session_name = nightly\n");
    let home = home(&[("config", &config), ("credentials", &profile("base", keys("writer")))]);
    let sts = [("AWS_ENDPOINT_URL_STS", moto().offer.endpoint.as_str())];
    stores(home.path(), &["--profile", "lake"], &sts);

    fs::write(home.path().join(".aws/credentials"), profile("base", keys("stranger"))).unwrap();
    run(home.path(), &["--profile", "lake"], &sts)
        .expect(1)
        .says(&["no credentials from the profile", "service error"]);
}

#[test]
fn a_process_gives_credentials() {
    let Keys { key, secret, token } = keys("session");
    let answer = json!({
        "Version": 1, "AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token,
        "Expiration": "2099-01-01T00:00:00Z",
    });
    let home = home(&[("answer", &answer.to_string())]);
    let file = home.path().join(".aws/answer");
    let config = |command: &str| {
        fs::write(home.path().join(".aws/config"), format!("[default]\ncredential_process = {command}\n"))
            .unwrap();
    };
    config(&format!("cat {}", file.display()));
    stores(home.path(), &[], &[]);
    config("false");
    run(home.path(), &[], &[]).expect(1).says(&["no credentials from the profile", "external process"]);

    fs::write(&file, answer.to_string().replace("2099", "2020")).unwrap();
    config(&format!("cat {}", file.display()));
    run(home.path(), &[], &[]).expect(1).says(&["expired"]);
}

#[test]
fn sso_gives_the_session_of_a_role() {
    // Named after the SHA-1 of the session's name, `work`.
    let token = json!({
        "accessToken": "an-sso-token", "expiresAt": "2099-01-01T00:00:00Z", "region": "us-east-1",
        "startUrl": "https://example.org/start",
    });
    let config = "[default]\nsso_session = work\nsso_account_id = 123456789012\nsso_role_name = ingest\n\
        [sso-session work]\nsso_region = us-east-1\nsso_start_url = https://example.org/start\n";
    let home = home(&[
        ("config", config),
        ("sso/cache/e274eeff768c6396088ec6eb091f4bf4d47ab1e0.json", &token.to_string()),
    ]);
    let Keys { key, secret, token } = keys("session");
    let answer = json!({"roleCredentials": {
        "accessKeyId": key, "secretAccessKey": secret, "sessionToken": token, "expiration": 4_070_908_800_000u64,
    }});
    let portal = Upstream::start([Reply::json(answer.to_string())]);
    stores(home.path(), &[], &[("AWS_ENDPOINT_URL_SSO", &portal.url(""))]);
    let [asked] = &portal.asked()[..] else { panic!("{:?}", portal.asked()) };
    assert!(asked.line.starts_with("GET /federation/credentials?"), "{}", asked.line);
    assert!(asked.line.contains("role_name=ingest") && asked.line.contains("account_id=123456789012"));
    assert_eq!(asked.header("x-amz-sso_bearer_token"), Some("an-sso-token"));
}

#[test]
fn a_web_identity_is_exchanged_for_a_session() {
    let role = moto().offer.role.as_ref().unwrap();
    let home = home(&[("token", "a.jwt.token")]);
    let Keys { key, secret, token } = keys("session");
    let session = format!(
        "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
         <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>{key}</AccessKeyId>\
         <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{}</SessionToken>\
         <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
         </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>",
        token.as_ref().unwrap()
    );
    let sts = Upstream::start([Reply::new(200, session).with("content-type", "text/xml")]);
    let file = home.path().join(".aws/token");
    let variables = [
        ("AWS_ENDPOINT_URL_STS", &*sts.url("")),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ROLE_ARN", role),
        ("AWS_ROLE_SESSION_NAME", "nightly"),
    ];
    stores(home.path(), &[], &variables);
    let [asked] = &sts.asked()[..] else { panic!("{:?}", sts.asked()) };
    let body = String::from_utf8_lossy(&asked.body);
    for field in [
        "Action=AssumeRoleWithWebIdentity",
        "RoleSessionName=nightly",
        "WebIdentityToken=a.jwt.token",
        "RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fingest",
    ] {
        assert!(body.contains(field), "{field} is not in {body}");
    }
    assert_eq!(asked.header("authorization"), None, "nobody can sign yet");
}

#[test]
fn a_container_gives_the_session_of_its_role() {
    let home = home(&[("token", "from-a-file")]);
    let ecs = Upstream::start([answer(keys("session"))]);
    let url = ecs.url("/v2/credentials");
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic from-the-environment"),
        // A proxy cannot reach it, and must not see it.
        ("HTTP_PROXY", "http://127.0.0.1:9"),
        ("NO_PROXY", "127.0.0.1"),
    ];
    stores(home.path(), &[], &variables);
    let file = home.path().join(".aws/token");
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap()),
    ];
    stores(home.path(), &[], &variables);
    let asked = ecs.asked();
    let tokens: Vec<_> = asked.iter().map(|asked| asked.header("authorization").unwrap()).collect();
    assert_eq!(tokens, ["Basic from-the-environment", "from-a-file"]);
    assert!(asked.iter().all(|asked| asked.line == "GET /v2/credentials HTTP/1.1"), "{asked:?}");
}

/// An instant that keys which expire then are not used without asking for newer ones.
fn in_a_minute() -> String {
    let now: DateTime<Utc> = SystemTime::now().into();
    (now + TimeDelta::minutes(1)).to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[test]
fn keys_that_are_about_to_expire_are_asked_for_again_in_the_same_run() {
    let old = Keys { token: Some("of-a-session-that-is-over".into()), ..keys("session").clone() };
    let old = answer_until(&old, &in_a_minute());
    let container = Upstream::start([old, answer(keys("session"))]);
    // The first keys are refused: what is stored is signed with the second.
    stores(home(&[]).path(), &[], &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container.url("/"))]);
    assert_eq!(container.asked().len(), 2);
}

#[test]
fn keys_that_cannot_be_renewed_are_used_as_long_as_they_are_good() {
    let container = [answer_until(keys("session"), &in_a_minute()), Reply::new(403, "{}")];
    let container = Upstream::start(container);
    let variables = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*container.url("/"))];
    let run = run(home(&[]).path(), &[], &variables).expect(0);
    run.says(&["no credentials from the container role", "are used until they expire"]);
    assert!(moto().objects().contains_key(run.stdout.trim()));
}

/// As [`run`], in a runtime that is not ours and has no credentials to give: wasmtime's own command, where it is
/// installed.
fn run_elsewhere(home: &Path, variables: &[(&str, &str)]) -> Option<Run> {
    let wasmtime = root().join("target/wasmtime-cli/bin/wasmtime");
    if !wasmtime.exists() {
        eprintln!("skipped: there is no {}; tests/run makes it", wasmtime.display());
        return None;
    }
    let component = home.join("f1-ingest.wasm");
    f1_ingest_tests::binary::run(&["component", "--output", component.to_str().unwrap()], &[]).expect(0);
    let upstream = Upstream::start([Reply::json(RESULTS)]);
    let mut job = Command::new(wasmtime);
    job.args(["run", "-S", "http", "--dir", home.to_str().unwrap()]);
    let place = place(home);
    let place = place.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in place.filter(|(name, _)| *name != "PATH").chain(variables.iter().copied()) {
        job.arg("--env").arg(format!("{name}={value}"));
    }
    job.arg(component).args(["--retries", "1", "--jolpica-url", &upstream.url("/")]);
    Some(job.output().unwrap().into())
}

#[test]
fn a_runtime_that_is_not_ours_asks_the_container_through_the_component() {
    let home = home(&[("token", "from-a-file")]);
    let file = home.path().join(".aws/token");
    let container =
        Upstream::start([answer_until(keys("stranger"), &in_a_minute()), answer(keys("session"))]);
    let url = container.url("/v1/credentials");
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap()),
    ];
    let Some(run) = run_elsewhere(home.path(), &variables) else { return };
    let run = run.expect(0);
    assert!(moto().objects().contains_key(run.stdout.trim()), "{run:?}");
    let tokens: Vec<_> =
        container.asked().iter().map(|asked| asked.header("authorization").map(str::to_owned)).collect();
    assert_eq!(tokens, [Some("from-a-file".to_owned()), Some("from-a-file".to_owned())]);
}

#[test]
fn the_region_is_the_profiles_where_nothing_else_names_one() {
    let config = "[default]\nregion = eu-west-3\n[profile lake]\nregion = eu-north-1\n";
    let home = home(&[
        ("config", config),
        ("credentials", &(profile("default", keys("writer")) + &profile("lake", keys("writer")))),
    ]);
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);
    let table: [Case; 5] = [
        (&[], &[], "eu-west-3"),
        (&["--profile", "lake"], &[], "eu-north-1"),
        (&[], &[("AWS_PROFILE", "lake")], "eu-north-1"),
        (&[], &[("AWS_DEFAULT_REGION", "us-west-1")], "us-west-1"),
        (&["--region", "us-west-2"], &[], "us-west-2"),
    ];
    for (arguments, variables, region) in table {
        let store = Upstream::start([Reply::new(404, ""), Reply::new(200, "").with("etag", "\"e\"")]);
        let url = store.url("");
        let all = [&["--endpoint-url", &url], arguments].concat();
        let run = run(home.path(), &all, &[&[("AWS_REGION", "")], variables].concat()).expect(0);
        let signature = store.asked()[0].header("authorization").unwrap().to_owned();
        assert!(signature.contains(&format!("/{region}/s3/aws4_request")), "{region}: {signature}");
        let said = run.stderr.contains(&format!("the region is {region}, as the profile says"));
        assert_eq!(said, region.starts_with("eu-"), "{}", run.stderr);
    }
}

#[test]
fn an_instance_gives_the_session_of_its_role() {
    let home = home(&[]);
    let instance = Upstream::start([
        Reply::new(200, "a-token").with("x-aws-ec2-metadata-token-ttl-seconds", "21600"),
        Reply::new(200, "ingest"),
        answer(keys("session")),
    ]);
    let url = instance.url("");
    let variables =
        [("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", url.as_str())];
    stores(home.path(), &[], &variables);
    let asked = instance.asked();
    assert_eq!(asked[0].line, "PUT /latest/api/token HTTP/1.1");
    assert!(asked[0].header("x-aws-ec2-metadata-token-ttl-seconds").is_some());
    assert_eq!(asked.len(), 3);
    assert!(asked[2].line.ends_with("/security-credentials/ingest HTTP/1.1"), "{}", asked[2].line);
    for asked in &asked[1..] {
        assert_eq!(asked.header("x-aws-ec2-metadata-token"), Some("a-token"), "{}", asked.line);
    }
}

#[test]
fn nothing_anywhere_is_wrong_usage_and_nothing_is_sent() {
    let run = run(home(&[]).path(), &[], &[]).expect(2);
    run.says(&["no credentials", "AWS_ACCESS_KEY_ID", "--profile", "--no-sign-request"]);
}

#[test]
fn a_store_without_signatures_gets_none() {
    let store = Upstream::start([Reply::new(404, ""), Reply::new(200, "").with("etag", "\"e\"")]);
    let arguments = ["--no-sign-request", "--endpoint-url", &store.url("")];
    run(home(&[]).path(), &arguments, &[]).expect(0);
    let asked = store.asked();
    assert!(asked.iter().any(|asked| asked.line.starts_with("PUT /lake/raw/")), "{asked:?}");
    assert!(asked.iter().all(|asked| asked.header("authorization").is_none()));
}

#[test]
fn a_service_asks_anew_for_each_run() {
    let home = home(&[]);
    let container = Upstream::start([answer(keys("session"))]);
    let upstream = Upstream::start([Reply::json(RESULTS)]);
    let mut variables = place(home.path());
    variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI".into(), container.url("/")));
    variables.push(("JOLPICA_URL".into(), upstream.url("/")));
    let mut serve = command(&["serve", "--listen", "127.0.0.1:0"], &[]);
    let mut serve = serve.envs(variables).stderr(Stdio::piped()).spawn().unwrap();
    let stderr = serve.stderr.take().unwrap();
    let _serve = Running(serve);
    let address = |line: String| Some(line.split("http://").nth(1)?.split(['/', ' ']).next()?.to_owned());
    let mut lines = BufReader::new(stderr).lines().map_while(Result::ok);
    let address = lines.find_map(address).unwrap();
    for (path, asked) in [("GET /healthz", 0), ("POST /ingest", 1), ("POST /ingest", 2)] {
        let mut stream = TcpStream::connect(&address).unwrap();
        let head = format!("{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(container.asked().len(), asked, "{path}");
    }
}
