//! `NO_PROXY`, beside Python's requests.

use std::io::Write;
use std::process::{Command, Stdio};

use f1_ingest_tests::installed::python;
use http::Uri;

#[path = "../../../host/src/no_proxy.rs"]
mod ours;

/// The same decision as that of requests, for every URL with every pair of variables.
#[test]
fn no_proxy_means_what_it_means_to_requests() {
    let hosts = [
        "localhost",
        "example.org",
        "a.example.org",
        "notexample.org",
        "EXAMPLE.org",
        "127.0.0.1",
        "10.1.2.3",
        "127.1",
        "10.1.2.300",
        "[::1]",
        "[2001:db8::5]",
        "minio",
    ];
    let names = [
        "",
        " ",
        "*",
        " *",
        "*,x",
        "localhost",
        "LOCALHOST",
        ".localhost",
        "localhost:9000",
        "localhost:443",
        ":9000",
        "example.org",
        ".example.org",
        "..example.org",
        "*.example.org",
        "example.org.",
        "org",
        "ple.org",
        "Example.ORG",
        "example.org:9000",
        "x, example.org ,y",
        "x example.org",
        "\texample.org",
        "127.0.0.1",
        "127.0.0.1:9000",
        "127.0.0.0/8",
        "10.0.0.0/8",
        "10.1.2.3/32",
        "10.1.2.0/0",
        "10.0.0.0/33",
        "10.0.0.0/8/8",
        "10/8",
        "10.1/16",
        "0x0a.0.0.0/8",
        "012.0.0.0/8",
        "10.0.0.0/+8",
        "10.0.0.0/x",
        "1.2.3",
        ".0.1",
        "::1",
        "[::1]",
        "[::1]:9000",
        "2001:db8::/32",
        "db8:",
        ".",
        ",",
        "minio,10.0.0.0/8, .example.org",
    ];
    let mut cases = Vec::new();
    for host in hosts {
        for port in ["", ":9000", ":443"] {
            let url = format!("https://{host}{port}/f1?a=b");
            for name in names {
                cases.push((url.clone(), None, Some(name)));
                cases.push((url.clone(), Some(name), None));
            }
            cases.push((url.clone(), Some(""), Some("*")));
            cases.push((url.clone(), Some(""), Some("org,localhost")));
            cases.push((url, Some("minio"), Some("*")));
        }
    }
    let script = "
import json, os, sys
from requests.utils import should_bypass_proxies
for url, lower, upper in json.load(sys.stdin):
    for name, value in (('no_proxy', lower), ('NO_PROXY', upper)):
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    print(int(should_bypass_proxies(url, None)))
";
    let Some(python) = python() else { return };
    let mut requests = Command::new(python);
    let requests = requests.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut requests = requests.spawn().expect("Python starts");
    requests.stdin.take().unwrap().write_all(serde_json::to_string(&cases).unwrap().as_bytes()).unwrap();
    let theirs = requests.wait_with_output().unwrap().stdout;
    let theirs: Vec<bool> = String::from_utf8(theirs).unwrap().lines().map(|line| line == "1").collect();
    assert_eq!(theirs.len(), cases.len());
    assert!(theirs.iter().filter(|bypasses| **bypasses).count() > cases.len() / 10);
    let ours = |(url, lower, upper): &(String, Option<&str>, Option<&str>)| {
        let value = |name: &str| if name == "no_proxy" { *lower } else { *upper };
        ours::NoProxy::of(|name| value(name).map(str::to_owned)).covers(&url.parse::<Uri>().unwrap())
    };
    let wrong: Vec<_> = cases.iter().zip(theirs).filter(|(case, theirs)| ours(case) != *theirs).collect();
    assert!(
        wrong.is_empty(),
        "{} of {} differ: {:?}",
        wrong.len(),
        cases.len(),
        &wrong[..wrong.len().min(20)]
    );
}
