//! What a page in a browser of the same machine can ask of our servers: nothing.

use f1_ingest_tests::binary::root;
use f1_ingest_tests::server::{Server, answer};
use f1_ingest_tests::store::Store;
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};

/// Headers that only a browser sends for a page of somebody else's.
const PAGES: [&str; 4] = [
    "origin: https://elsewhere.example\r\n",
    "origin: null\r\n",
    "sec-fetch-site: cross-site\r\n",
    "sec-fetch-site: cross-site\r\norigin: http://127.0.0.1:1\r\n",
];

/// Names that somebody made resolve to this machine.
const NAMES: [&str; 2] = ["rebound.example", "127.0.0.1.rebound.example:8080"];

/// The status of a request as a page or a program sends it: with this `Host`, and further lines.
fn status(server: &Server, request: &str, host: &str, lines: &str, body: &str) -> u16 {
    use std::io::Write;
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    let length = body.len();
    let head =
        format!("{request} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n");
    stream.write_all(format!("{head}{lines}\r\n{body}").as_bytes()).unwrap();
    answer(stream).0
}

/// Asserts that a server refuses a request from pages, and answers a program with another status.
fn assert_for_programs(server: &Server, request: &str) {
    let port = server.address.rsplit(':').next().unwrap();
    for lines in PAGES {
        assert_eq!(status(server, request, &server.address, lines, ""), 403, "{request} {lines}");
    }
    for name in NAMES {
        assert_eq!(status(server, request, name, "", ""), 403, "{request} {name}");
        let own = format!("origin: http://{name}\r\n");
        assert_eq!(status(server, request, name, &own, ""), 403, "{request} {name} as its own");
    }
    for host in
        [format!("localhost:{port}"), format!("[::1]:{port}"), "127.0.0.1".into(), "localhost:1".into()]
    {
        assert_ne!(status(server, request, &host, "", ""), 403, "{request} {host}");
        assert_ne!(status(server, request, &host, "sec-fetch-site: none\r\n", ""), 403, "{request} {host}");
    }
}

fn serve(more: &[(&str, &str)]) -> (Upstream, Store, Server) {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let mut variables = store.environment();
    variables.push(("JOLPICA_URL".into(), upstream.url("/results.json")));
    variables.extend(more.iter().map(|(name, value)| (name.to_string(), value.to_string())));
    let server = Server::ours(&["serve", "--listen", "127.0.0.1:0"], &variables);
    (upstream, store, server)
}

#[test]
fn no_page_drives_or_reads_a_service() {
    let (upstream, _store, server) = serve(&[]);
    for request in ["GET /metrics", "GET /healthz", "GET /ingest"] {
        assert_for_programs(&server, request);
    }
    for lines in PAGES {
        for request in ["POST /ingest", "OPTIONS /ingest"] {
            assert_eq!(status(&server, request, &server.address, lines, ""), 403, "{request} {lines}");
        }
    }
    for name in NAMES {
        assert_eq!(status(&server, "POST /ingest", name, "", ""), 403, "{name}");
    }
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let lines = format!("content-type: {kind}\r\n");
        let body = r#"{"dry-run": true}"#;
        assert_eq!(status(&server, "POST /ingest", &server.address, &lines, body), 415, "{kind}");
    }
    assert!(upstream.asked().is_empty(), "something ran");

    let json = "content-type: application/json\r\n";
    assert_eq!(status(&server, "POST /ingest", "localhost", json, r#"{"dry-run": true}"#), 200);
    // What curl sends for `-d ''`.
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    assert_eq!(status(&server, "POST /ingest", &server.address, form, ""), 200);
}

#[test]
fn whoever_knows_the_token_is_no_page() {
    let (upstream, _store, server) = serve(&[("F1_INGEST_TOKEN", "a-token-of-ours")]);
    for lines in PAGES {
        assert_eq!(status(&server, "POST /ingest", &server.address, lines, ""), 401, "{lines}");
    }
    assert!(upstream.asked().is_empty());
    let lines = format!("{}authorization: Bearer a-token-of-ours\r\ncontent-type: text/plain\r\n", PAGES[0]);
    assert_eq!(status(&server, "POST /ingest", "jobs.example", &lines, r#"{"retries": 1}"#), 200);
}

#[test]
fn no_page_asks_a_store_and_nothing_of_it_is_looked_at() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::ours(&["store", folder.path().to_str().unwrap(), "--listen", "127.0.0.1:0"], &[]);
    let of_folder = || {
        let mut names: Vec<_> =
            std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        names
    };
    // Unsigned, it is refused as well, but by S3's rules and in its words.
    let (_, why) = server.ask("GET", "/f1-data/x", "");
    assert!(why.contains("<Code>AccessDenied</Code>"), "{why}");
    let before = of_folder();
    let port = server.address.rsplit(':').next().unwrap();
    for request in ["GET", "PUT", "POST", "DELETE", "OPTIONS"] {
        for lines in PAGES {
            let stream = server.send(request, "/f1-data/x", lines, "x");
            let (status, why) = answer(stream);
            assert!(status == 403 && why.contains("page of another site"), "{request} {lines} {why}");
        }
        let name = format!("rebound.example:{port}");
        assert_eq!(status(&server, &format!("{request} /f1-data/x"), &name, "", "x"), 403);
    }
    assert_eq!(of_folder(), before);
}

#[test]
fn no_page_reads_a_recording() {
    let recording = root().join("host/demo");
    let server = Server::ours(&["replay", recording.to_str().unwrap(), "--listen", "127.0.0.1:0"], &[]);
    assert_for_programs(&server, "GET /api.jolpi.ca/ergast/f1/current/last/results.json");
}
