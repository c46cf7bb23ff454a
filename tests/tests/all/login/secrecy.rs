//! Nobody sees user name, password, token, cookie or code: all that a run leaves behind is searched for them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use f1_ingest_tests::f1tv::{PASSWORD, USERNAME};
use f1_ingest_tests::upstream::{Reply, Upstream};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{LONG, User};

/// Every file below a folder, but for those that are to hold a secret.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files(&path, found),
            false if path.ends_with("f1-ingest/f1tv-token.json") => {}
            false => found.push((path.display().to_string(), fs::read(&path).unwrap_or_default())),
        }
    }
}

/// Asserts that none of the secrets, however it is written, is in any of the texts.
#[track_caller]
fn none_shows(user: &User, texts: &[(String, Vec<u8>)]) {
    for secret in user.f1tv.secrets() {
        let encoded = utf8_percent_encode(&secret, NON_ALPHANUMERIC).to_string();
        let json = Value::from(secret.as_str()).to_string();
        let lower = secret.to_lowercase();
        for form in [secret.as_str(), &encoded, json.trim_matches('"'), &lower] {
            for (name, text) in texts {
                let shows =
                    text.windows(form.len()).any(|window| window.eq_ignore_ascii_case(form.as_bytes()));
                assert!(!shows, "{form} is in {name}:\n{}", String::from_utf8_lossy(text));
            }
        }
    }
}

/// Runs with everything that can hear of a run, the log at this level.
fn hears(user: &User, level: &str, arguments: &[&str], texts: &mut Vec<(String, Vec<u8>)>) -> i32 {
    let collector = Upstream::start([Reply::new(200, "")]);
    let (monitor, url) = (Upstream::start([Reply::new(200, "")]), collector.url(""));
    let mut command = user.command(arguments);
    command
        .env("RUST_LOG", level)
        .env("GITHUB_STEP_SUMMARY", user.path("page"))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    command.env("F1_PING_URL", monitor.url("/ping"));
    let output = command.output().expect("f1-ingest starts");
    texts.push((format!("stdout of {arguments:?}"), output.stdout));
    texts.push((format!("stderr of {arguments:?}"), output.stderr));
    let heard = collector.asked().into_iter().chain(monitor.asked());
    texts.extend(heard.map(|asked| ("what an observer heard".to_owned(), format!("{asked:?}").into_bytes())));
    output.status.code().unwrap_or(-1)
}

#[test]
fn no_secret_is_anywhere() {
    let user = User::who_signs_in(LONG);
    let mut texts = Vec::new();
    let run = user.telemetry();
    let [record, summary, metrics] = ["record", "summary", "metrics"].map(|name| user.text(name));
    let files_of_it = ["--record", &record, "--summary", &summary, "--metrics-file", &metrics];
    let run: Vec<&str> = run.iter().map(String::as_str).chain(files_of_it).collect();
    let json = [&run[..], &["--log-format", "json"]].concat();
    for level in ["trace", "debug", "info", "warn", "error"] {
        assert_eq!(hears(&user, level, &run, &mut texts), 0, "{texts:?}");
        user.f1tv.revokes();
        assert_eq!(hears(&user, level, &json, &mut texts), 0);
        fs::remove_file(user.kept()).unwrap();
        user.f1tv.revokes();
    }
    for arguments in [&["login"][..], &["login", "--status"], &["check"], &["logout"], &["login", "--status"]]
    {
        let check = [&["check"], &run[1..9]].concat();
        hears(&user, "trace", if arguments == ["check"] { &check } else { arguments }, &mut texts);
        user.f1tv.revokes();
    }
    files(user.home.path(), &mut texts);
    texts.retain(|(name, _)| !name.contains("/tape/"));
    none_shows(&user, &texts);
    user.f1tv.is_content();
}

#[test]
fn what_a_host_says_of_the_sign_in_is_hidden() {
    let user = User::who_signs_in(LONG);
    let said = format!(
        "{} / {} / {PASSWORD}",
        USERNAME.to_uppercase(),
        utf8_percent_encode(PASSWORD, NON_ALPHANUMERIC)
    );
    for status in [400, 403, 429, 500] {
        let reply = Reply::new(status, serde_json::json!({"message": said}).to_string());
        user.f1tv.answers("submit", reply);
        let mut texts = Vec::new();
        hears(&user, "trace", &["login"], &mut texts);
        assert!(String::from_utf8_lossy(&texts[1].1).contains("\"*** / *** / ***\""), "{texts:?}");
        files(&user.path("state"), &mut texts);
        none_shows(&user, &texts);
    }
}

#[test]
fn no_child_has_user_name_or_password_and_no_argument_list_a_secret() {
    let user = User::who_signs_in(LONG);
    // A program that a run starts: it notes its environment, and every argument list of its line.
    let (program, noted) = (user.path("keys"), user.text("noted"));
    let script = format!(
        "#!/bin/sh\nenv >{noted}\nparent=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$PPID/status)\n\
         cat /proc/$PPID/cmdline /proc/$parent/cmdline | tr '\\0' ' ' >>{noted}\n\
         echo '{{\"Version\": 1, \"AccessKeyId\": \"AKIDTEST\", \"SecretAccessKey\": \"x\"}}'\n"
    );
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(user.path("config"), format!("[default]\ncredential_process = {}\n", program.display()))
        .unwrap();
    let choice = user.session.choice();
    let arguments = [
        "run",
        "--retries",
        "1",
        "--sources",
        "telemetry",
        "--bucket",
        "lake",
        "--endpoint-url",
        "http://127.0.0.1:9",
    ];
    let arguments: Vec<&str> = arguments.into_iter().chain(choice.iter().map(String::as_str)).collect();
    let mut command = user.command(&arguments);
    command.env("PATH", "/usr/bin:/bin").env("AWS_CONFIG_FILE", user.path("config"));
    command.output().unwrap();
    let noted = fs::read(user.path("noted")).expect("the program was started");
    assert!(String::from_utf8_lossy(&noted).contains("run --retries"), "{}", String::from_utf8_lossy(&noted));
    none_shows(&user, &[("what a child sees".to_owned(), noted)]);
}

#[test]
fn the_token_goes_neither_to_the_mirror_nor_after_a_redirect() {
    let user = User::who_signs_in(LONG);
    // The fake wants no token at any other host, and notes one that comes there.
    user.f1tv.answers("livetiming", Reply::new(403, "<Code>AccessDenied</Code>"));
    user.runs(&[]);
    assert!(
        user.f1tv.asked().iter().any(|asked| asked.header("host") == Some("livetiming-mirror.fastf1.dev"))
    );
    for to in ["https://livetiming-mirror.fastf1.dev/static/x", "https://livetiming.formula1.com/moved"] {
        user.f1tv.answers("livetiming", Reply::new(302, "").with("location", to));
        let before = user.f1tv.asked().len();
        user.runs(&[]);
        let asked = user.f1tv.asked();
        let moved: Vec<_> = asked[before..].iter().filter(|asked| asked.line.contains("/moved")).collect();
        assert!(moved.iter().all(|asked| asked.header("authorization").is_none()), "{moved:?}");
        assert_eq!(moved.is_empty(), to.contains("mirror"));
    }
    user.f1tv.is_content();
}
