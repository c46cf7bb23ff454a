//! AWS's configuration files, generated, as botocore reads them and as a run does.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use f1_ingest_tests::binary::{Run, command, root};
use f1_ingest_tests::installed::python;
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde::Deserialize;
use serde_json::json;

const CASES: usize = 250;

/// Names of profiles: plain, with a space, beyond ASCII.
const NAMES: [&str; 4] = ["default", "lake", "my lake", "größe"];

/// What botocore makes of two files.
#[derive(Debug, Deserialize)]
struct Expected {
    /// The access key and the region of a signature.
    signed: Option<(String, String)>,
    error: bool,
}

fn setting() -> impl Strategy<Value = String> {
    let name = select(vec!["region", "Region", "aws_access_key_id", "aws_secret_access_key", "output", "s3"]);
    let value = select(vec!["eu-west-3", "us-west-1", "AKONE", "AKTWO", "json", ""]);
    let delimiter = select(vec![" = ", "=", ": ", " : ", ":"]);
    let indent = select(vec!["", "", "  ", "\t", "    "]);
    let line = (indent, name, delimiter, value)
        .prop_map(|(indent, name, delimiter, value)| format!("{indent}{name}{delimiter}{value}"));
    prop_oneof![
        20 => line,
        2 => select(vec!["", "# region = mars", "; a comment", "   "]).prop_map(str::to_owned),
        1 => select(vec!["  max_queue_size = 5", "no delimiter", "  = nothing"]).prop_map(str::to_owned),
    ]
}

/// A whole profile, as people have it.
fn keys() -> impl Strategy<Value = Vec<String>> {
    let indent = select(vec!["", "  "]);
    (indent, select(vec!["AKONE", "AKTWO"]), select(vec![" = ", ": "])).prop_map(|(indent, key, is)| {
        vec![format!("{indent}aws_access_key_id{is}{key}"), format!("{indent}aws_secret_access_key{is}s")]
    })
}

/// A file; `header` writes the name of a section.
fn file(header: fn(&str) -> String) -> impl Strategy<Value = String> {
    let settings = prop_oneof![2 => prop::collection::vec(setting(), 0..4), 3 => keys()];
    let section = (select(NAMES.to_vec()), select(vec!["", "", "", " "]), settings).prop_map(
        move |(name, indent, settings)| format!("{indent}{}\n{}\n", header(name), settings.join("\n")),
    );
    let end = select(vec!["\n", "\r\n"]);
    (prop::collection::vec(section, 0..4), end)
        .prop_map(|(sections, end)| sections.concat().replace('\n', end))
}

fn in_config(name: &str) -> String {
    match name {
        "default" => "[default]".into(),
        name if name.contains(' ') => format!("[profile \"{name}\"]"),
        name => format!("[profile {name}]"),
    }
}

fn ours(folder: &Path, profile: Option<&str>, bucket: &str, store: &Upstream, api: &str) -> Run {
    let url = store.url("");
    let arguments =
        ["run", "--bucket", bucket, "--endpoint-url", &url, "--jolpica-url", api, "--retries", "1"];
    let mut run = command(&arguments, &[]);
    run.env("AWS_CONFIG_FILE", folder.join("config"));
    run.env("AWS_SHARED_CREDENTIALS_FILE", folder.join("credentials"));
    run.envs(profile.map(|name| ("AWS_PROFILE", name)));
    run.output().expect("f1-ingest starts").into()
}

#[test]
fn generated_files_are_read_as_botocore_reads_them() {
    let Some(python) = python() else { return };
    let mut runner = TestRunner::deterministic();
    let files =
        (file(in_config), file(|name| format!("[{name}]")), select(vec![None, Some(1), Some(2), Some(3)]));
    let folder = tempfile::tempdir().unwrap();
    let mut asked = Vec::new();
    let mut cases = Vec::new();
    for case in 0..CASES {
        let (config, credentials, profile) = files.new_tree(&mut runner).unwrap().current();
        let folder = folder.path().join(case.to_string());
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("config"), &config).unwrap();
        std::fs::write(folder.join("credentials"), &credentials).unwrap();
        let profile = profile.map(|name: usize| NAMES[name]);
        let question = json!({
            "config": folder.join("config"),
            "credentials": folder.join("credentials"),
            "profile": profile,
        });
        writeln!(asked, "{question}").unwrap();
        cases.push((folder, profile, config, credentials));
    }
    let mut botocore = Command::new(python)
        .arg(root().join("tests/s3/botocore_profiles.py"))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = botocore.stdin.take().expect("stdin is piped");
    let questions = std::thread::spawn(move || stdin.write_all(&asked));
    let answers = botocore.wait_with_output().expect("Python ends");
    questions.join().unwrap().unwrap();
    let answers: Vec<Expected> =
        serde_json::Deserializer::from_slice(&answers.stdout).into_iter().map(Result::unwrap).collect();
    assert_eq!(answers.len(), CASES);

    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), endpoint());
    let api = upstream.url("/results.json");
    let (mut signed, mut errors) = (0, 0);
    for (case, ((folder, profile, config, credentials), expected)) in cases.iter().zip(&answers).enumerate() {
        let bucket = format!("case-{case}");
        let run = ours(folder, *profile, &bucket, &store, &api);
        let put = store.asked().into_iter().find(|asked| asked.line.contains(&format!(" /{bucket}/")));
        let found = put.map(|put| scope(put.header("authorization").expect("it is signed")));
        let files =
            format!("{profile:?}\n--- config\n{config}\n--- credentials\n{credentials}\n{}", run.stderr);
        assert_eq!(found, expected.signed, "{files}");
        if expected.error {
            assert_eq!(run.code, 2, "{files}");
        }
        signed += usize::from(found.is_some());
        errors += usize::from(expected.error);
    }
    assert!(signed > CASES / 6 && errors > CASES / 6, "{signed} signed and {errors} errors of {CASES}");
}

/// An S3 endpoint that has nothing and takes everything.
fn endpoint() -> Upstream {
    Upstream::start([Reply::new(404, ""), Reply::new(200, "").with("etag", "\"e\"")])
}

/// Access key and region in `Credential=<key>/<date>/<region>/s3/aws4_request`.
fn scope(authorization: &str) -> (String, String) {
    let credential = authorization.split("Credential=").nth(1).expect("a signature of version 4");
    let parts: Vec<&str> = credential.split('/').collect();
    (parts[0].to_owned(), parts[2].to_owned())
}
