//! The proxy that is for livetiming alone.

use f1_ingest_tests::binary::run;
use f1_ingest_tests::upstream::{Reply, Upstream};
use tempfile::TempDir;

use super::{BASE, World, absent, feed, plain};

#[test]
fn only_livetimings_requests_go_through_its_proxy() {
    let proxy =
        Upstream::start([Reply::by(
            |asked| {
                if asked.line.contains("DriverList") { feed() } else { absent() }
            },
        )]);
    let named = proxy.url("").replace("http://", "http://me:secret@");
    let (upstream, season) = World { mirror: |_| plain(404), ..BASE }.start();
    let urls = ["/schedule", "/mirror/static", "/f1/x.json"].map(|path| upstream.url(path));
    let season = season.to_string();
    let by_option: (&[&str], &[(&str, &str)]) = (&["--livetiming-proxy", &named], &[]);
    let by_variable: (&[&str], &[(&str, &str)]) = (&[], &[("F1_LIVETIMING_PROXY", &named)]);
    for (command, (option, variable)) in [("run", by_option), ("run", by_variable), ("check", by_option)] {
        let folder = TempDir::new().unwrap();
        let store = folder.path().join("store");
        let fixed = [command, "--sources", "fastf1", "--season", &season, "--round", "1", "--retries", "1"];
        let urls = [
            ["--schedule-url", &urls[0]],
            ["--livetiming-url", "http://livetiming.example/static"],
            ["--livetiming-mirror-url", &urls[1]],
            ["--jolpica-url", &urls[2]],
        ];
        let more = ["--requests-per-second", "0", "--store", store.to_str().unwrap()];
        // What the environment says of proxies counts for the rest.
        let environment = [&[("NO_PROXY", "*"), ("RUST_LOG", "info")], variable].concat();
        let before = proxy.asked().len();
        let run = run(&[&fixed[..], urls.as_flattened(), &more, option].concat(), &environment);
        // A check has Jolpica's refusal to tell of.
        assert_eq!(run.code, i32::from(command == "check"), "{run:?}");
        assert!(!format!("{run:?}").contains("secret"), "{run:?}");
        assert!(proxy.asked().len() > before, "{command}: {run:?}");
    }
    for asked in proxy.asked() {
        assert!(asked.line.starts_with("GET http://livetiming.example/static/"), "{}", asked.line);
        assert_eq!(asked.header("proxy-authorization"), Some("Basic bWU6c2VjcmV0"));
    }
    let lines: Vec<_> = upstream.asked().into_iter().map(|asked| asked.line).collect();
    for path in ["/schedule/", "/mirror/static/", "/f1/"] {
        assert!(lines.iter().any(|line| line.contains(path)), "{path} is not in {lines:?}");
    }
}

#[test]
fn a_proxy_that_is_none_or_down_is_named_by_its_option() {
    let (upstream, season) = BASE.start();
    let (schedule, season) = (upstream.url("/schedule"), season.to_string());
    let does = |command: &str, proxy: &str, variables: &[(&str, &str)]| {
        let folder = TempDir::new().unwrap();
        let store = folder.path().join("store");
        let chosen =
            [command, "--sources", "livetiming", "--season", &season, "--round", "1", "--retries", "1"];
        let (mirror, jolpica) = (upstream.url("/mirror/static"), upstream.url("/f1/x.json"));
        let urls =
            ["--schedule-url", &schedule, "--livetiming-mirror-url", &mirror, "--jolpica-url", &jolpica];
        let more = ["--store", store.to_str().unwrap()];
        let option: &[&str] = if proxy.is_empty() { &[] } else { &["--livetiming-proxy", proxy] };
        let run = run(&[&chosen[..], &urls, &more, option].concat(), variables);
        assert!(!format!("{run:?}").contains("secret"), "{run:?}");
        run
    };
    for command in ["run", "check"] {
        let socks = does(command, "socks5://me:secret@127.0.0.1:9", &[]).expect(2);
        socks.says(&["--livetiming-proxy", "socks5", "http://", "leave it out"]);
        does(command, "", &[("F1_LIVETIMING_PROXY", "http://me:secret@a b")])
            .expect(2)
            .says(&["F1_LIVETIMING_PROXY", "not the URL of a proxy"]);
    }
    let down = does("check", "http://me:secret@127.0.0.1:9", &[]).expect(1);
    let line = down.stdout.lines().find(|line| line.starts_with("FAILED  livetiming ")).expect("a finding");
    assert!(line.contains("proxy 127.0.0.1:9 is down") && line.contains("--livetiming-proxy"), "{line}");
    does("run", "http://me:secret@127.0.0.1:9", &[]).expect(1).says(&["127.0.0.1:9", "--livetiming-proxy"]);
}
