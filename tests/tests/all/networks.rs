//! The network that people have: proxies, certificates of their own, and servers that are not quite right.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use f1_ingest_tests::binary::{Run, command};
use f1_ingest_tests::store::{Store, environment};
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream, carry_out, read};
use flate2::Compression;
use flate2::write::GzEncoder;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

/// One attempt in these surroundings.
fn attempt(arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    command(&[&["run", "--retries", "1"], arguments].concat(), variables).output().unwrap().into()
}

/// An attempt at `url` that stores nothing.
fn dry(url: &str, variables: &[(&str, &str)]) -> Run {
    attempt(&["--dry-run", "--bucket", "lake", "--jolpica-url", url], variables)
}

fn last_line(run: &Run) -> &str {
    run.stderr.lines().last().unwrap_or_default()
}

#[test]
fn a_host_in_no_proxy_is_asked_without_one() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let proxy = Upstream::start([Reply::new(502, "")]);
    let (url, proxy_url) = (upstream.url("/f1"), proxy.url(""));
    let store = environment(&store.endpoint());
    let variables: Vec<_> = store.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    for (name, value) in [("NO_PROXY", "*"), ("no_proxy", "x, 127.0.0.0/8")] {
        let variables = [&variables[..], &[("HTTP_PROXY", &proxy_url), (name, value)]].concat();
        attempt(&["--jolpica-url", &url], &variables).expect(0);
    }
    assert!(proxy.asked().is_empty());
}

#[test]
fn a_proxy_that_refuses_is_at_fault_at_once() {
    for (status, remedy) in [(407, "wants a sign-in"), (403, "NO_PROXY")] {
        let proxy = Upstream::start([Reply::new(status, "")]);
        let (address, proxy) = (proxy.authority(), proxy.url(""));
        for (url, variable) in
            [("https://results.example/f1", "HTTPS_PROXY"), ("http://results.example/f1", "HTTP_PROXY")]
        {
            if status == 403 && variable == "HTTP_PROXY" {
                continue; // Nothing tells it from the upstream's own.
            }
            let run = dry(url, &[(variable, &proxy)]);
            let run = run.expect(1);
            assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
            for word in [url, &address, variable, remedy, &status.to_string()] {
                assert!(last_line(&run).contains(word), "{word}: {}", run.stderr);
            }
        }
    }
    let proxy = Upstream::start([Reply::new(407, "")]).url("").replace("http://", "http://me:secret@");
    let run = dry("https://results.example/f1", &[("HTTPS_PROXY", &proxy)]).expect(1);
    run.says(&["refuses the user or password", "407"]);
    assert!(!run.stderr.contains("secret"), "{}", run.stderr);
}

#[test]
fn what_is_dead_is_one_line_a_source() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let (alive, stored, refused) = (upstream.url("/f1"), store.endpoint(), "http://127.0.0.1:9");
    let nowhere = "http://no-such-host.invalid/f1";
    let proxy = ("HTTP_PROXY", "http://127.0.0.1:9");
    type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], &'a str, &'a str);
    let table: [Case; 4] = [
        (nowhere, &stored, &[], nowhere, "resolved"),
        ("http://127.0.0.1:9/f1", refused, &[], "http://127.0.0.1:9/f1", "was refused"),
        (&alive, refused, &[], "http://127.0.0.1:9/lake/", "was refused"),
        (&alive, &stored, &[proxy], &alive, "proxy 127.0.0.1:9 (HTTP_PROXY)"),
    ];
    thread::scope(|scope| {
        for (url, endpoint, variables, named, cause) in table {
            scope.spawn(move || {
                let arguments = ["run", "--include-fastf1", "--jolpica-url", url];
                let dead = [
                    ("F1_SCHEDULE_URL", refused),
                    ("F1_LIVETIMING_URL", refused),
                    ("F1_LIVETIMING_MIRROR_URL", refused),
                ];
                let mut command = command(&arguments, &[&dead, variables].concat());
                let run: Run = command.envs(environment(endpoint)).output().unwrap().into();
                let run = run.expect(1);
                assert_eq!(run.stderr.lines().count(), 2, "{}", run.stderr);
                assert!(run.stderr.lines().all(|line| line.contains(" error ")), "{}", run.stderr);
                run.says(&["jolpica: ", named, cause, "check the network"]).says(&["fastf1: "]);
            });
        }
    });
}

#[test]
fn what_the_environment_names_and_nobody_can_use_is_wrong_usage() {
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = empty.path().to_str().unwrap();
    let table = [
        ("HTTPS_PROXY", "socks5://127.0.0.1:1080", "socks5"),
        ("all_proxy", "socks4a://127.0.0.1:1080", "socks4a"),
        ("REQUESTS_CA_BUNDLE", "/no/such/file.pem", "/no/such/file.pem"),
        ("CURL_CA_BUNDLE", empty, "no certificate"),
        ("SSL_CERT_FILE", "/no/such/file.pem", "/no/such/file.pem"),
        ("SSL_CERT_DIR", "/no/such/folder", "/no/such/folder"),
    ];
    for (variable, value, word) in table {
        let run = dry("https://results.example/f1", &[(variable, value)]);
        run.expect(2).says(&[variable, word]);
    }
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s"), ("AWS_CA_BUNDLE", "/no/such")];
    let upstream = Upstream::start([Reply::json(RESULTS)]);
    let run = attempt(&["--bucket", "lake", "--jolpica-url", &upstream.url("/f1")], &keys);
    run.expect(2).says(&["AWS_CA_BUNDLE", "/no/such"]);
    assert!(upstream.asked().is_empty(), "nothing is sent");
}

/// A server with a certificate of its own making; the file that names its certificate or authority.
struct Tls {
    address: SocketAddr,
    folder: TempDir,
}

impl Tls {
    fn start(parameters: CertificateParams, is_signed: bool, replies: Vec<Reply>) -> Tls {
        let key = KeyPair::generate().unwrap();
        let folder = TempDir::new().unwrap();
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, folder.path().display().to_string());
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = rcgen::CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let (certificate, trusted) = match is_signed {
            true => (parameters.signed_by(&key, &ca).unwrap(), ca.pem()),
            false => {
                let own = parameters.self_signed(&key).unwrap();
                let pem = own.pem();
                (own, pem)
            }
        };
        std::fs::write(folder.path().join("ca.pem"), trusted).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = config.with_single_cert(vec![certificate.der().clone()], key.into()).unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let mut replies = replies.into_iter().cycle();
            for stream in listener.incoming().flatten() {
                if serve(stream, &config, &mut replies).is_none() {
                    continue;
                }
            }
        });
        Tls { address, folder }
    }

    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    fn trusted(&self) -> String {
        self.folder.path().join("ca.pem").to_str().unwrap().to_owned()
    }
}

fn serve(
    stream: TcpStream,
    config: &Arc<ServerConfig>,
    replies: &mut impl Iterator<Item = Reply>,
) -> Option<()> {
    let mut stream = StreamOwned::new(ServerConnection::new(config.clone()).ok()?, stream);
    let asked = read(&mut stream)?;
    carry_out(replies.next()?, &mut stream, &asked)?;
    stream.conn.send_close_notify();
    stream.flush().ok()
}

fn localhost() -> CertificateParams {
    CertificateParams::new(["localhost".to_owned()]).unwrap()
}

#[test]
fn the_variables_of_requests_and_boto3_name_certificates() {
    let upstream = Tls::start(localhost(), true, vec![Reply::json(RESULTS)]);
    let file = upstream.trusted();
    let folder = Path::new(&file).parent().unwrap().to_str().unwrap();
    let url = upstream.url("/f1");
    for (variable, value) in [
        ("REQUESTS_CA_BUNDLE", file.as_str()),
        ("CURL_CA_BUNDLE", &file),
        ("SSL_CERT_FILE", &file),
        ("SSL_CERT_DIR", folder),
        ("REQUESTS_CA_BUNDLE", folder),
    ] {
        dry(&url, &[(variable, value)]).expect(0);
    }
    // AWS's variable is for AWS, and the first variable that is set wins.
    let another = Tls::start(localhost(), true, vec![Reply::json(RESULTS)]);
    let other = another.trusted();
    dry(&url, &[("AWS_CA_BUNDLE", &file), ("SSL_CERT_FILE", &other)]).expect(1);
    dry(&url, &[("REQUESTS_CA_BUNDLE", &other), ("SSL_CERT_FILE", &file)]).expect(1);

    // To the store: AWS_CA_BUNDLE, else REQUESTS_CA_BUNDLE, as in botocore.
    let store = Tls::start(localhost(), true, vec![Reply::new(403, "")]);
    let endpoint = store.url("");
    let plain = Upstream::start([Reply::json(RESULTS)]).url("/f1");
    let arguments = ["--jolpica-url", &plain, "--endpoint-url", &endpoint, "--bucket", "lake"];
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let trusted = store.trusted();
    for (variables, is_trusted) in [
        ([("AWS_CA_BUNDLE", trusted.as_str()), ("REQUESTS_CA_BUNDLE", &other)], true),
        ([("CURL_CA_BUNDLE", &other), ("REQUESTS_CA_BUNDLE", &trusted)], true),
        ([("AWS_CA_BUNDLE", &other), ("REQUESTS_CA_BUNDLE", &trusted)], false),
    ] {
        let run = attempt(&arguments, &[&keys[..], &variables].concat()).expect(1);
        assert_eq!(!run.stderr.contains("unknown authority"), is_trusted, "{}", run.stderr);
    }

    // Between the two the profile's own, whichever profile counts.
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("config");
    let profiles = format!("[default]\nca_bundle = {trusted}\n[profile wrong]\nca_bundle = {other}\n");
    std::fs::write(&config, profiles).unwrap();
    let config = ("AWS_CONFIG_FILE", config.to_str().unwrap());
    for (variables, is_trusted) in [
        ([("REQUESTS_CA_BUNDLE", other.as_str()), ("CURL_CA_BUNDLE", &other)], true),
        ([("AWS_CA_BUNDLE", &other), ("REQUESTS_CA_BUNDLE", &trusted)], false),
        ([("AWS_CA_BUNDLE", &trusted), ("AWS_PROFILE", "wrong")], true),
        ([("REQUESTS_CA_BUNDLE", &trusted), ("AWS_PROFILE", "wrong")], false),
    ] {
        let run = attempt(&arguments, &[&keys[..], &variables, &[config]].concat()).expect(1);
        assert_eq!(!run.stderr.contains("unknown authority"), is_trusted, "{}", run.stderr);
    }
    std::fs::write(config.1, "[default]\nca_bundle = /no/such/file.pem\n").unwrap();
    let run = attempt(&arguments, &[&keys[..], &[config]].concat()).expect(2);
    run.says(&["ca_bundle=/no/such/file.pem", "PEM"]);
    // Upstreams are no business of AWS's.
    dry(&url, &[config, ("SSL_CERT_FILE", &file)]).expect(0);
}

#[test]
fn a_certificate_that_is_not_accepted_is_explained_at_once() {
    let day = Duration::from_secs(24 * 3600);
    let mut old = localhost();
    old.not_before = (SystemTime::now() - 3 * day).into();
    old.not_after = (SystemTime::now() - day).into();
    let mut early = localhost();
    early.not_before = (SystemTime::now() + day).into();
    let mut ca = localhost();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let other = CertificateParams::new(["other.example".to_owned()]).unwrap();
    let another = Tls::start(localhost(), true, vec![]);
    let table = [
        (old, true, None, "has expired, on 20", "clock"),
        (early, true, None, "not valid yet", "clock"),
        (other, true, None, "localhost but for other.example", "correct the host"),
        (localhost(), true, Some(another.trusted()), "unknown authority", "SSL_CERT_FILE"),
        (ca, false, None, "CA's certificate", "basicConstraints"),
    ];
    for (parameters, is_signed, trusted, cause, remedy) in table {
        let server = Tls::start(parameters, is_signed, vec![Reply::json(RESULTS)]);
        let (url, trusted) = (server.url("/f1"), trusted.unwrap_or(server.trusted()));
        let arguments = ["--retries", "3", "--dry-run", "--bucket", "lake", "--jolpica-url", &url];
        let run = attempt(&arguments, &[("SSL_CERT_FILE", &trusted)]);
        let run = run.expect(1);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
        run.says(&[&url, cause, remedy]);
    }
    let plain = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/f1", plain.local_addr().unwrap());
    thread::spawn(move || {
        for mut stream in plain.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            let _ = stream.read(&mut [0; 4096]);
        }
    });
    let run = dry(&url, &[("SSL_CERT_FILE", &another.trusted())]);
    let run = run.expect(1);
    run.says(&["does not speak TLS", "http://"]);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[test]
fn a_relative_redirect_is_followed() {
    for location in ["results/", "?format=json", "../f1/", "/f1/results/"] {
        let moved = Reply::new(301, "").with("location", location);
        let upstream = Tls::start(localhost(), true, vec![moved.clone(), Reply::json(RESULTS)]);
        dry(&upstream.url("/f1/x"), &[("SSL_CERT_FILE", &upstream.trusted())]).expect(0);
        let upstream = Upstream::start([moved, Reply::json(RESULTS)]);
        dry(&upstream.url("/f1/x"), &[]).expect(0);
        assert_eq!(upstream.asked().len(), 2);
    }
}

#[test]
fn a_body_is_read_as_requests_reads_it() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(RESULTS.as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let zeros = [&gzip[..], &[0; 512]].concat();
    let line_end = [&gzip[..], b"\r\n"].concat();
    for (coding, body) in [
        ("aws-chunked", RESULTS.as_bytes()),
        ("utf-8", RESULTS.as_bytes()),
        ("none", RESULTS.as_bytes()),
        ("gzip, aws-chunked", &gzip),
        ("gzip", &zeros),
        ("gzip", &line_end),
    ] {
        let upstream = Upstream::start([Reply::json(body).with("content-encoding", coding)]);
        let run = dry(&upstream.url("/f1"), &[]);
        run.expect(0).says(&[&format!("would store {} bytes", RESULTS.len())]);
    }
}

#[test]
fn a_retry_after_beyond_all_time_names_no_instant() {
    for endless in ["18446744073709551615", "99999999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let upstream = Upstream::start([Reply::new(429, "").with("retry-after", endless)]);
        let folder = TempDir::new().unwrap();
        let summary = folder.path().join("summary.json");
        let url = upstream.url("/f1");
        let summary_file = summary.to_str().unwrap();
        let arguments = ["--dry-run", "--bucket", "lake", "--jolpica-url", &url, "--summary", summary_file];
        attempt(&arguments, &[]).expect(75).says(&["too many requests", "try again"]);
        let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap();
        assert!(report["failed"][0]["until"].is_null(), "{report}");
    }
}
