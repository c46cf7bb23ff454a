//! The sign-in by user name and password: the whole of it, and each step broken in turn.

use f1_ingest_tests::binary::Run;
use f1_ingest_tests::f1tv::{PASSWORD, USERNAME, now};
use f1_ingest_tests::upstream::Reply;
use serde_json::{Value, json};

use super::{LONG, User};

#[test]
fn the_whole_sign_in_works_and_is_kept() {
    use std::os::unix::fs::MetadataExt;
    let user = User::who_signs_in(LONG);
    let run = user.does(&["login"]).expect(0);
    user.f1tv.is_content();
    assert!(run.stdout.contains("Joe Racer") && run.stdout.contains("F1 TV Pro Annual"), "{}", run.stdout);
    assert_eq!(run.stderr, "");
    let steps: Vec<_> = user.f1tv.asked().iter().map(|asked| asked.line.clone()).collect();
    assert_eq!(steps.len(), 4, "{steps:?}");
    let kept: Value = serde_json::from_slice(&std::fs::read(user.kept()).unwrap()).unwrap();
    assert_eq!(kept["version"], 1);
    assert!(kept["expires_at"].as_u64().is_some_and(|ends| ends.abs_diff(now() + LONG) < 60), "{kept}");
    assert!(user.f1tv.secrets().iter().any(|secret| kept["value"] == **secret));
    assert_eq!(std::fs::metadata(user.kept()).unwrap().mode() & 0o777, 0o600);
    // Nothing is left beside it but the lock.
    let folder = std::fs::read_dir(user.kept().parent().unwrap()).unwrap();
    assert_eq!(folder.count(), 2);
}

/// How a step is broken.
enum Broken {
    Answers(Reply),
    Twisted(fn(&mut Value)),
}

/// Signs in with a step broken.
fn signs_in(user: &User, step: &'static str, broken: Broken) -> Run {
    match broken {
        Broken::Answers(reply) => user.f1tv.answers(step, reply),
        Broken::Twisted(twist) => user.f1tv.twists(step, twist),
    }
    user.does(&["login"])
}

fn page(status: u16, text: &str) -> Broken {
    Broken::Answers(Reply::new(status, text).with("content-type", "text/html; charset=utf-8"))
}

fn says(status: u16, json: Value) -> Broken {
    Broken::Answers(Reply::new(status, json.to_string()).with("content-type", "application/json"))
}

const CHALLENGE: &str =
    "<html><head><title>Pardon Our\n Interruption</title><script>var x</script></head><p>No";

#[test]
fn each_broken_step_says_which_it_is_and_what_to_do() {
    use Broken::{Answers, Twisted};
    let echo = format!("No <b>such</b> user {} with {PASSWORD}\n\u{1b}[31m!", USERNAME.to_lowercase());
    // The step, how it is broken, the exit code, and what the one line says.
    let table: Vec<(&str, Broken, i32, &[&str])> = vec![
        (
            "settings",
            Answers(Reply::Hangup),
            1,
            &["step 1 of 5", "account.formula1.com", "check the network"],
        ),
        ("settings", Answers(Reply::new(200, "var x;")), 1, &["step 1 of 5", "davinci", "newer version"]),
        (
            "settings",
            Answers(Reply::new(200, "{davinci:{clientId:\"c\"}}")),
            1,
            &["without acrValues", "newer"],
        ),
        (
            "settings",
            page(403, CHALLENGE),
            75,
            &["step 1 of 5", "403: \"Pardon Our Interruption\"", "bot protection"],
        ),
        ("settings", page(200, CHALLENGE), 75, &["step 1 of 5", "bot protection"]),
        ("settings", Answers(Reply::new(404, "")), 1, &["answers 404;", "newer version"]),
        (
            "settings",
            Answers(Reply::new(302, "").with("location", "https://elsewhere.example/x")),
            1,
            &["leads to elsewhere.example", "newer version"],
        ),
        ("settings", Answers(Reply::new(502, "")), 1, &["answers 502", "error of its own"]),
        (
            "form",
            says(400, json!({"error": "invalid_client"})),
            1,
            &["step 2 of 5", "400: \"invalid_client\"", "newer"],
        ),
        (
            "form",
            Twisted(|form| form["interactionId"].take().as_null().unwrap_or(())),
            1,
            &["describes no form"],
        ),
        ("form", page(200, CHALLENGE), 75, &["step 2 of 5", "bot protection"]),
        (
            "form",
            Twisted(|form| form["_links"]["next"]["href"] = "https://id.formula1.com.evil.example/x".into()),
            1,
            &["step 2 of 5", "id.formula1.com.evil.example", "refused"],
        ),
        ("submit", Answers(Reply::Hangup), 1, &["step 3 of 5", "check the network"]),
        (
            "submit",
            says(400, json!({"message": echo})),
            1,
            &["\"No such user *** with *** [31m!\"", "in a browser"],
        ),
        (
            "submit",
            says(400, json!({"message": "Invalid username and/or password"})),
            1,
            &["step 3 of 5", "wrong user name or password", "F1_PASSWORD"],
        ),
        (
            "submit",
            says(200, json!({"status": "IN_PROGRESS", "eventName": "otpForm", "interactionId": "i"})),
            1,
            &["step 3 of 5", "second factor", "--browser"],
        ),
        (
            "submit",
            says(400, json!({"message": "Account locked"})),
            1,
            &["account is locked", "account.formula1.com"],
        ),
        (
            "submit",
            says(400, json!({"message": "Solve the captcha"})),
            75,
            &["step 3 of 5", "bot protection"],
        ),
        (
            "submit",
            says(429, json!({"message": "Slow down"})),
            75,
            &["429: \"Slow down\"", "too many sign-ins"],
        ),
        ("submit", page(403, CHALLENGE), 75, &["step 3 of 5", "bot protection"]),
        (
            "submit",
            Twisted(|done| done["authorizeResponse"]["state"] = "x".into()),
            1,
            &["step 3 of 5", "another state"],
        ),
        (
            "submit",
            Twisted(|done| done["authorizeResponse"]["code"] = "".into()),
            1,
            &["step 3 of 5", "no code"],
        ),
        (
            "exchange",
            says(400, json!({"error": "invalid_grant"})),
            1,
            &["step 4 of 5", "invalid_grant", "newer"],
        ),
        (
            "exchange",
            Twisted(|token| token["access_token"] = 7.into()),
            1,
            &["step 4 of 5", "no access token"],
        ),
        (
            "exchange",
            Twisted(|token| token["id_token"] = "e30.eyJub25jZSI6Im90aGVyIn0.c2ln".into()),
            1,
            &["step 4 of 5", "another nonce"],
        ),
        (
            "exchange",
            Twisted(|token| token["access_token"] = "opaque".into()),
            1,
            &["step 5 of 5", "can be read"],
        ),
        (
            "access",
            Twisted(|claims| claims["subscriptionToken"] = Value::Null),
            1,
            &["step 5 of 5", "no F1TV subscription"],
        ),
        ("claims", Twisted(|claims| claims["exp"] = Value::Null), 1, &["step 5 of 5", "when it ends"]),
    ];
    let user = User::who_signs_in(LONG);
    let mut messages = std::collections::BTreeSet::new();
    for (step, broken, code, words) in table {
        let before = user.f1tv.forms();
        let run = signs_in(&user, step, broken).expect(code);
        assert_eq!((run.stderr.lines().count(), run.stdout.as_str()), (1, ""), "{}", run.stderr);
        run.says(words);
        let is_plain = !run.stderr.trim_end().contains(|c: char| c.is_control() || c == '<');
        assert!(is_plain, "{}", run.stderr);
        assert!(messages.insert(run.stderr.clone()), "twice: {}", run.stderr);
        assert!(user.f1tv.forms() <= before + 1, "nothing is sent twice: {}", run.stderr);
        for secret in user.f1tv.secrets() {
            assert!(!run.stderr.contains(&secret), "{secret} shows: {}", run.stderr);
        }
        assert!(!user.kept().exists());
        user.f1tv.mends();
        // What came of it was not kept.
        user.f1tv.revokes();
    }
    user.f1tv.is_content();
    user.does(&["login"]).expect(0);
}

#[test]
fn without_a_terminal_and_without_variables_nothing_is_sent() {
    let user = User::new(LONG);
    user.does(&["login"]).expect(2).says(&["no terminal", "F1_USERNAME", "--token-stdin"]);
    assert!(user.f1tv.asked().is_empty());
}

#[test]
fn a_person_types_a_password_that_does_not_show() {
    // `script` gives the program a terminal; it is part of every Debian.
    let user = User::new(LONG);
    let program = f1_ingest_tests::binary::f1_ingest().to_str().unwrap().to_owned();
    let mut script = std::process::Command::new("script");
    script.args(["-qec", &format!("{program} login"), "/dev/null"]).env_clear().envs(user.environment());
    script
        .env("PATH", "/usr/bin:/bin")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped());
    let Ok(mut child) = script.spawn() else { return };
    let mut typing = child.stdin.take().unwrap();
    for line in [USERNAME, PASSWORD] {
        // Whoever types ahead of the prompt is echoed by the terminal itself.
        std::thread::sleep(std::time::Duration::from_secs(2));
        std::io::Write::write_all(&mut typing, format!("{line}\n").as_bytes()).unwrap();
    }
    let shown = child.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("signed in to F1TV: Joe Racer"), "{shown}");
    assert!(shown.contains("F1TV password") && !shown.contains(PASSWORD), "{shown}");
    user.f1tv.is_content();
}
