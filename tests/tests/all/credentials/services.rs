//! Services next to a job, or of AWS, that give the session of a role.

use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use f1_ingest_tests::binary::{self, Run};
use f1_ingest_tests::installed::installed;
use f1_ingest_tests::s3_servers::Keys;
use f1_ingest_tests::server::Server;
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};
use serde_json::json;

use super::{home, keys, moto, place, run, stores};

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

/// As [`run`], in a runtime that is not ours and has no credentials to give: wasmtime's own command, if it
/// is installed.
fn run_elsewhere(home: &Path, variables: &[(&str, &str)]) -> Option<Run> {
    let wasmtime = installed("wasmtime-cli/bin/wasmtime")?;
    let component = home.join("f1-ingest.wasm");
    binary::run(&["component", "--output", component.to_str().unwrap()], &[]).expect(0);
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
fn a_service_asks_anew_for_each_run() {
    let home = home(&[]);
    let container = Upstream::start([answer(keys("session"))]);
    let upstream = Upstream::start([Reply::json(RESULTS)]);
    let mut variables = place(home.path());
    variables.push(("AWS_CONTAINER_CREDENTIALS_FULL_URI".into(), container.url("/")));
    variables.push(("JOLPICA_URL".into(), upstream.url("/")));
    let server = Server::ours(&["serve", "--listen", "127.0.0.1:0"], &variables);
    for (method, path, asked) in [("GET", "/healthz", 0), ("POST", "/ingest", 1), ("POST", "/ingest", 2)] {
        let (status, answer) = server.ask(method, path, "");
        assert_eq!(status, 200, "{answer}");
        assert_eq!(container.asked().len(), asked, "{path}");
    }
}
