//! The sign-in in a browser: what the page and its add-on bring is taken once, and nobody else is heard.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use f1_ingest_tests::binary::{Run, Running};
use f1_ingest_tests::f1tv::SIGNED;
use f1_ingest_tests::server::eventually;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::{LONG, User};

/// `login --browser`, waiting for what a browser brings.
struct Waiting {
    process: Running,
    port: u16,
    page: String,
}

impl Waiting {
    fn new(user: &User) -> Waiting {
        // What opens pages on Linux, found by its name.
        let bin = user.path("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::write(
            bin.join("xdg-open"),
            format!("#!/bin/sh\necho \"$@\" >{0}\nenv >>{0}\n", user.text("opened")),
        )
        .unwrap();
        fs::set_permissions(bin.join("xdg-open"), fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = user.command(&["login", "--browser"]);
        command
            .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = Running(command.spawn().unwrap());
        let mut line = String::new();
        let mut stdout = BufReader::new(process.0.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        process.0.stdout = Some(stdout.into_inner());
        let page = line.trim().rsplit(' ').next().unwrap().to_owned();
        let port = page.strip_prefix("https://f1login.fastf1.dev?port=").expect(&line).parse().unwrap();
        Waiting { process, port, page }
    }

    /// All that comes back to such a request.
    fn asks(&self, head: &str, body: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return String::new() };
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let host = if head.contains("\r\nhost: ") {
            String::new()
        } else {
            format!("host: 127.0.0.1:{}\r\n", self.port)
        };
        // Whoever is not heard may not be read to the end.
        let _ =
            stream.write_all(format!("{head}{host}content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// What an origin posts.
    fn posts(&self, origin: &str, body: &str) -> String {
        self.asks(
            &format!("POST /auth HTTP/1.1\r\norigin: {origin}\r\ncontent-type: application/json\r\n"),
            body,
        )
    }

    fn ends(mut self) -> Run {
        let mut run = Run { code: 0, stdout: String::new(), stderr: String::new() };
        run.code = self.process.0.wait().unwrap().code().unwrap_or(-1);
        self.process.0.stdout.take().unwrap().read_to_string(&mut run.stdout).unwrap();
        self.process.0.stderr.take().unwrap().read_to_string(&mut run.stderr).unwrap();
        run
    }
}

const PAGE: &str = "https://f1login.fastf1.dev";

/// The session's cookie with a token in it.
fn session(token: &str) -> String {
    let cookie = json!({"data": {"subscriptionToken": token}}).to_string();
    json!({"loginSession": utf8_percent_encode(&cookie, NON_ALPHANUMERIC).to_string()}).to_string()
}

#[test]
fn a_browser_brings_the_token() {
    let user = User::who_signs_in(LONG);
    let waiting = Waiting::new(&user);
    eventually("the page is opened", || {
        fs::read_to_string(user.path("opened")).is_ok_and(|it| it.contains("PATH="))
    });
    let opened = fs::read_to_string(user.path("opened")).unwrap();
    assert_eq!(opened.lines().next(), Some(waiting.page.as_str()));
    assert!(!opened.contains("F1_PASSWORD") && !opened.contains("F1_USERNAME"), "{opened}");
    let asked =
        format!("OPTIONS /auth HTTP/1.1\r\norigin: {PAGE}\r\naccess-control-request-method: POST\r\n");
    let allowed = waiting.asks(&asked, "");
    for line in ["200 OK", &format!("access-control-allow-origin: {PAGE}"), "POST, OPTIONS", "Content-Type"] {
        assert!(allowed.contains(line), "{line}: {allowed}");
    }
    let answer = waiting.posts(PAGE, &session(SIGNED));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"status": "ok"}"#), "{answer}");
    let run = waiting.ends().expect(0);
    assert!(run.stdout.contains("Bea Browser"), "{}", run.stdout);
    assert!(fs::read_to_string(user.kept()).unwrap().contains(SIGNED));
    user.runs(&[]).expect(0);
    assert_eq!(user.f1tv.forms(), 0);
    user.f1tv.is_content();
}

#[test]
fn whoever_else_comes_gets_nothing() {
    let user = User::new(LONG);
    let waiting = Waiting::new(&user);
    let gets_nothing = |answer: String| {
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let is_nothing = !answer.contains("access-control") && !answer.contains(" 200 ") && body.is_empty();
        assert!(is_nothing, "{answer}");
    };
    for origin in [
        "https://evil.example",
        "null",
        "http://f1login.fastf1.dev",
        "https://f1login.fastf1.dev.evil.example",
    ] {
        gets_nothing(waiting.posts(origin, &session(SIGNED)));
        gets_nothing(waiting.asks(&format!("OPTIONS /auth HTTP/1.1\r\norigin: {origin}\r\n"), ""));
    }
    gets_nothing(
        waiting.asks(
            &format!("POST /auth HTTP/1.1\r\norigin: {PAGE}\r\nhost: evil.example\r\n"),
            &session(SIGNED),
        ),
    );
    gets_nothing(waiting.asks(&format!("POST /other HTTP/1.1\r\norigin: {PAGE}\r\n"), &session(SIGNED)));
    gets_nothing(waiting.asks("GET /auth HTTP/1.1\r\n", ""));
    gets_nothing(waiting.posts(PAGE, &session(&"x".repeat(4 << 20))));
    gets_nothing(waiting.posts(PAGE, "no JSON"));
    gets_nothing(waiting.posts(PAGE, r#"{"loginSession": "%7B"}"#));
    assert!(!user.kept().exists());
    // The keys come late enough for a second one.
    let gate = f1_ingest_tests::upstream::Gate::default();
    let keys = f1_ingest_tests::upstream::Reply::Held(
        gate.clone(),
        Box::new(f1_ingest_tests::upstream::Reply::new(503, "")),
    );
    user.f1tv.answers("keys", keys);
    assert!(waiting.posts(PAGE, &session(SIGNED)).contains(" 200 "));
    gets_nothing(waiting.posts(PAGE, &session(SIGNED)));
    gate.open();
    waiting.ends().expect(1).says(&["step 1 of 2", "api.formula1.com", "503"]);
}

#[test]
fn a_token_that_formula_1_has_not_signed_is_not_kept() {
    let user = User::new(LONG);
    let (head, _) = SIGNED.rsplit_once('.').unwrap();
    let table = [
        (user.f1tv.issued(LONG), "does not publish"),
        (format!("{head}.AAAA"), "signature is wrong"),
        (SIGNED.replacen("eyJleHAi", "eyJleHBi", 1), "signature is wrong"),
        (SIGNED.replacen("eyJhbGciOiAiUlMyNTYi", "eyJhbGciOiAibm9uZSIg", 1), "not signed by RS256"),
        ("opaque".to_owned(), "no JWT"),
        (String::new(), "no F1TV subscription"),
    ];
    for (token, words) in table {
        let waiting = Waiting::new(&user);
        waiting.posts(PAGE, &session(&token));
        let run = waiting.ends().expect(1);
        run.says(&["step 2 of 2", words]);
        assert!(token.is_empty() || !run.stderr.contains(&token));
        assert!(!user.kept().exists());
    }
}
