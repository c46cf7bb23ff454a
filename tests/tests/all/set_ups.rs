//! Set-ups that people have: options that a store would refuse, keys out of files, feeds of lenient writers, recipes
//! carried out.

use std::path::Path;
use std::process::Command;

use f1_ingest_tests::binary::{f1_ingest, root, run, run_in};
use f1_ingest_tests::server::Server;
use f1_ingest_tests::store::{ACCESS_KEY, BUCKET, SECRET_KEY, Store};
use f1_ingest_tests::upstream::{RESULTS, Reply, Upstream};
use serde_json::Value;

fn recipe(name: &str) -> String {
    std::fs::read_to_string(root().join("host/deploy").join(name)).unwrap()
}

#[test]
fn what_a_store_would_refuse_is_refused_before_anything_is_sent() {
    let server = Upstream::start([Reply::json(RESULTS)]);
    let url = server.url("");
    let keys = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let right = ["run", "--bucket", BUCKET, "--jolpica-url", &url, "--endpoint-url", &url];
    let wrong: &[(&[&str], &[&str])] = &[
        (&["--metadata", "Source=mine"], &["--metadata", "Source"]),
        (&["--metadata", "SEASON=1999"], &["--metadata", "SEASON"]),
        (&["--metadata", "team=a", "--metadata", "Team=b"], &["--metadata", "Team", "twice"]),
        (&["--metadata", "place=São Paulo"], &["--metadata", "place", "ASCII"]),
        (&["--tag", "a=1", "--tag", "a=2"], &["--tag", "twice"]),
        (&["--storage-class", "GLÄCIER"], &["--storage-class"]),
        (&["--sse-kms-key-id", "schlüssel"], &["--sse-kms-key-id"]),
        (&["--jolpica-url", "https://são.example/"], &["--jolpica-url", "xn--"]),
        (&["--bucket", "192.168.5.4"], &["--bucket", "IP address"]),
        (&["--source", "fastf1"], &["--source", "did you mean --sources?"]),
        (&["--include_fastf1"], &["did you mean --include-fastf1?"]),
    ];
    for (arguments, named) in wrong {
        run(&[&right[..], arguments].concat(), &keys).expect(2).says(named);
    }
    let at_aws = ["run", "--jolpica-url", &url, "--bucket", "My-Lake"];
    run(&at_aws, &keys).expect(2).says(&["--bucket", "capitals"]);
    let variable = [("F1_S3_BUCKET", "lake\n"), keys[0], keys[1]];
    run(&["run", "--jolpica-url", &url], &variable).expect(2).says(&["F1_S3_BUCKET"]);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
        let given = [keys[0], keys[1], (name, "two\nlines")];
        run(&right, &given).expect(2).says(&[name]);
    }
    assert!(server.asked().is_empty(), "nothing was sent");
}

#[test]
fn keys_out_of_a_file_and_a_url_beyond_ascii_are_signed() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let ends = ["\n", "\r\n", " "];
    for end in ends {
        let (key, secret) = (format!("{ACCESS_KEY}{end}"), format!("{SECRET_KEY}{end}"));
        let endpoint = store.endpoint();
        let variables = [
            ("AWS_ACCESS_KEY_ID", key.as_str()),
            ("AWS_SECRET_ACCESS_KEY", &secret),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("F1_S3_BUCKET", BUCKET),
        ];
        run(&["run", "--jolpica-url", &upstream.url("/são")], &variables).expect(0);
    }
    let keys = store.keys();
    assert_eq!(keys.len(), ends.len());
    assert!(store.metadata(&keys[0]).contains("/s%C3%A3o"), "{}", store.metadata(&keys[0]));
}

#[test]
fn a_service_reads_options_of_the_body_only() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let mut variables = store.environment();
    variables.push(("JOLPICA_URL".into(), upstream.url("/")));
    let server = Server::ours(&["serve", "--listen", "127.0.0.1:0"], &variables);
    let (status, why) = server.ask("POST", "/ingest?dry-run=true", "");
    assert!(status == 400 && why.contains("body"), "{status} {why}");
    let (status, why) = server.ask("POST", "/ingest", r#"{"dry_run": true}"#);
    assert!(status == 400 && why.contains(r#"mean \"dry-run\""#), "{status} {why}");
    assert_eq!((store.keys().len(), server.ask("GET", "/healthz?x=1", "").0), (0, 200));
}

/// The recipe's install step, twice, with what the cache keeps between: with a small program in place of ours.
#[test]
fn the_workflow_installs_a_second_time() {
    let workflow: Value = serde_norway::from_str(&recipe("github-actions.yml")).unwrap();
    let steps = workflow["jobs"]["ingest"]["steps"].as_array().unwrap();
    let cached = steps.iter().find_map(|step| step["with"]["path"].as_str()).unwrap();
    let install = steps.iter().find(|step| step["name"] == "Install").unwrap()["run"].as_str().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    std::fs::create_dir_all(source.join("host/src")).unwrap();
    std::fs::write(source.join("host/src/main.rs"), "fn main() {}").unwrap();
    let manifest = "[package]\nname = \"f1-ingest\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    std::fs::write(source.join("host/Cargo.toml"), manifest).unwrap();
    let tools = Path::new(env!("CARGO")).parent().unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    let home = |name: &str| folder.path().join(name);
    let installed = |name: &str| {
        let home = home(name);
        std::fs::create_dir_all(home.join(".cargo")).unwrap();
        Command::new("bash")
            .args(["-e", "-c", &format!("rustup() {{ :; }}\n{install}")])
            .current_dir(&source)
            .env("PATH", &path)
            .env("HOME", &home)
            .env("CARGO_HOME", home.join(".cargo"))
            .env("GITHUB_PATH", home.join("path"))
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .unwrap()
    };
    let first = installed("first");
    assert!(first.status.success(), "{first:?}");
    let bin = std::fs::read_to_string(home("first").join("path")).unwrap();
    assert!(Path::new(bin.trim()).join("f1-ingest").exists(), "{bin}");
    for kept in cached.lines().filter_map(|line| line.trim().strip_prefix("~/")) {
        let (from, to) = (home("first").join(kept), home("second").join(kept));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        if from.exists() {
            assert!(Command::new("cp").arg("-r").args([&from, &to]).status().unwrap().success());
        }
    }
    let second = installed("second");
    assert!(second.status.success(), "{}", String::from_utf8_lossy(&second.stderr));
}

#[test]
fn crons_command_runs_with_crons_environment_and_no_secret_on_its_line() {
    let (upstream, store) = (Upstream::start([Reply::json(RESULTS)]), Store::start());
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let text = recipe("crontab");
    let line = text.lines().find(|line| !line.starts_with('#')).unwrap();
    let (_, command) = line.split_once("root  ").unwrap();
    assert!(!command.contains("AWS_"), "a secret on the line is in `ps`: {command}");
    let command = command
        .replace("/etc/f1-ingest/environment", &at("environment"))
        .replace("/usr/local/bin/f1-ingest", f1_ingest().to_str().unwrap())
        .replace("/var/log/f1-ingest.log", &at("log"));
    let mut variables = store.environment();
    variables.push(("JOLPICA_URL".into(), upstream.url("/")));
    let lines: String = variables.iter().map(|(name, value)| format!("{name}='{value}'\n")).collect();
    std::fs::write(at("environment"), lines).unwrap();
    let cron = [("HOME", folder.path().to_str().unwrap()), ("SHELL", "/bin/sh"), ("PATH", "/usr/bin:/bin")];
    let output = Command::new("/bin/sh").args(["-c", &command]).env_clear().envs(cron).output().unwrap();
    let log = std::fs::read_to_string(at("log")).unwrap_or_default();
    assert!(output.status.success(), "{output:?} {log}");
    assert_eq!(store.keys().len(), 1, "{log}");
}

#[test]
fn the_image_is_built_for_the_machine_that_builds_it() {
    let text = recipe("Dockerfile").replace("\\\n", "");
    let builds = text.lines().find_map(|line| line.strip_prefix("RUN case ")).unwrap();
    for (machine, target) in [
        ("x86_64", Some("x86_64-unknown-linux-musl")),
        ("aarch64", Some("aarch64-unknown-linux-musl")),
        ("riscv64", None),
    ] {
        let fakes = format!("uname() {{ echo {machine}; }}\ncargo() {{ echo \"$@\"; }}\n");
        let output = Command::new("sh").args(["-c", &format!("{fakes}case {builds}")]).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(output.status.success(), target.is_some(), "{machine}: {output:?}");
        assert!(target.is_none_or(|target| said.trim().ends_with(&format!("--target {target}"))), "{said}");
    }
}

/// Starts a service with a recipe's command line, and asks for its health.
fn serves(mut words: Vec<String>, state: &str) {
    let folder = tempfile::tempdir().unwrap();
    for word in &mut words {
        *word = word.replace(state, folder.path().to_str().unwrap()).replace("0.0.0.0:8080", "127.0.0.1:0");
    }
    if !words.iter().any(|word| word == "--listen") {
        words.extend(["--listen", "127.0.0.1:0"].map(str::to_owned));
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let given = [
        ("F1_S3_BUCKET", "lake"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("F1_INGEST_TOKEN", "token"),
    ];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let server = Server::ours(&words, &given);
    assert_eq!(server.ask("GET", "/healthz", "").0, 200);
    assert_eq!(server.ask("POST", "/ingest", "").0, 401);
}

#[test]
fn systemd_and_kubernetes_start_the_service() {
    let unit = recipe("f1-ingest-serve.service");
    let line =
        unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/f1-ingest ")).unwrap();
    let parts = line.split('"').enumerate();
    let words = parts.flat_map(|(n, part)| match n % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    serves(words.collect(), "%S/f1-ingest");

    let text = recipe("kubernetes/serve.yaml");
    let documents: Vec<Value> =
        text.split("\n---\n").map(|document| serde_norway::from_str(document).unwrap()).collect();
    let pod = &documents[0]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let words = container["args"].as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
    serves(words.collect(), "/state");
    assert_eq!(
        (&documents[0]["spec"]["replicas"], &pod["securityContext"]["runAsNonRoot"]),
        (&1.into(), &true.into())
    );
    assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
    assert!(pod["terminationGracePeriodSeconds"].as_u64() > Some(1800), "longer than a run");
    let systemd = Command::new("systemd-analyze").arg("--version").output();
    if systemd.is_ok() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("f1-ingest-serve.service");
        std::fs::write(&file, unit.replace("/usr/local/bin/f1-ingest", f1_ingest().to_str().unwrap()))
            .unwrap();
        let verified = Command::new("systemd-analyze").arg("verify").arg(&file).output().unwrap();
        assert!(verified.status.success() && verified.stderr.is_empty(), "{verified:?}");
    }
}

#[test]
fn a_near_miss_of_a_races_name_is_a_warning_and_a_repair_is_none() {
    use f1_ingest_tests::synthetic::{CATALOGUE, recording};
    let folder = tempfile::tempdir().unwrap();
    let (recordings, summary) = (folder.path().join("recording"), folder.path().join("summary.json"));
    let (_, plan) = &CATALOGUE[0];
    let session = recording::write(plan, &recordings).unwrap();
    let event = session.path.split('/').nth(1).unwrap().split_once('_').unwrap().1.replace('_', " ");
    let misspelt = event.replacen(' ', "x ", 1);
    let store = folder.path().join("store");
    for (name, corrected) in [(&event, false), (&misspelt, true)] {
        let season = session.season.to_string();
        let paths = [&recordings, &store, &summary].map(|path| path.to_str().unwrap().to_owned());
        let arguments = [
            "run",
            "--replay",
            &paths[0],
            "--store",
            &paths[1],
            "--summary",
            &paths[2],
            "--sources",
            "fastf1",
            "--season",
            &season,
            "--round",
            name,
            "--session",
            &session.name,
        ];
        let run = run_in(&arguments, &[]).expect(0);
        let report: Value = serde_json::from_slice(&std::fs::read(&summary).unwrap()).unwrap();
        let said = |text: &str| text.contains(&format!("{misspelt:?}")) && text.contains(&event);
        let warned = report["warnings"].as_array().unwrap().iter().any(|text| said(text.as_str().unwrap()));
        assert_eq!(warned, corrected, "{report}");
        let repairs = ["corrected the count", "contradict", "late data", "made of the laps", "no JSON"];
        let is_repair = |line: &str| repairs.iter().any(|repair| line.contains(repair));
        let levels: Vec<&str> = run
            .stderr
            .lines()
            .filter(|line| is_repair(line))
            .filter_map(|line| line.split_whitespace().nth(1))
            .collect();
        assert!(!levels.is_empty() && levels.iter().all(|level| *level == "info"), "{}", run.stderr);
        assert!(!report["warnings"].as_array().unwrap().iter().any(|text| is_repair(text.as_str().unwrap())));
        assert_eq!(
            run.stderr.lines().any(|line| line.contains(" warn ") && said(line)),
            corrected,
            "{}",
            run.stderr
        );
    }
}
