//! Profiles: their keys, roles, processes, sessions and regions; and what is asked for if there is none.

use std::fs;

use f1_ingest_tests::s3_servers::Keys;
use f1_ingest_tests::upstream::{Reply, Upstream};
use serde_json::json;

use super::{home, keys, moto, run, stores};

fn profile(name: &str, keys: &Keys) -> String {
    let token = keys.token.iter().map(|token| format!("aws_session_token = {token}\n")).collect::<String>();
    format!("[{name}]\naws_access_key_id = {}\naws_secret_access_key = {}\n{token}", keys.key, keys.secret)
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
fn the_region_is_the_profiles_if_nothing_else_names_one() {
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
