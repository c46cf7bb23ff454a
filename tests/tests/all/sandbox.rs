//! What the sandbox keeps from the component, and that each limit says its name.

use std::process::Stdio;
use std::time::Duration;

use f1_ingest_tests::binary::{Run, command, probe, run};
use f1_ingest_tests::upstream::{Reply, Upstream};

/// Runs the probe and tells it what to do.
fn tell(told: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let (component, store) = (probe().to_str().unwrap(), folder.path().to_str().unwrap());
    let all =
        [&["run", "--component", component, "--store", store, "--user-agent", told], arguments].concat();
    run(&all, variables)
}

#[test]
fn no_file_but_the_mock_file_can_be_read_and_none_written() {
    let folder = tempfile::tempdir().unwrap();
    let (mock, other) = (folder.path().join("mock.json"), folder.path().join("other.json"));
    std::fs::write(&mock, "\"mock\"").unwrap();
    std::fs::write(&other, "\"other\"").unwrap();
    let (mock, other) = (mock.to_str().unwrap(), other.to_str().unwrap());
    for path in ["/etc/passwd", "/proc/self/environ", other, "../Cargo.toml"] {
        let run = tell(&format!("read {path}"), &[], &[]).expect(0);
        assert!(run.stdout.starts_with("Err("), "{path}: {}", run.stdout);
        let run = tell(&format!("read {path}"), &["--mock-file", mock], &[]).expect(0);
        assert!(run.stdout.starts_with("Err("), "{path} beside a mock file: {}", run.stdout);
    }
    let run = tell(&format!("read {mock}"), &["--mock-file", mock], &[]).expect(0);
    assert!(run.stdout.contains("mock"), "{}", run.stdout);
    let beside = tell(&format!("list {}", folder.path().display()), &["--mock-file", mock], &[]).expect(0);
    assert!(!beside.stdout.contains("other.json"), "{}", beside.stdout);
}

#[test]
fn only_the_variables_that_the_job_reads_are_there() {
    let run = tell("env", &[], &[("SECRET_OF_ANOTHER", "x"), ("F1_LOG_FORMAT", "json"), ("PATH", "/bin")])
        .expect(0);
    assert!(run.stdout.contains("F1_LOG_FORMAT=json"), "{}", run.stdout);
    for name in ["SECRET_OF_ANOTHER", "PATH", "HOME"] {
        assert!(!run.stdout.lines().any(|line| line.starts_with(name)), "{name} is there: {}", run.stdout);
    }
}

#[test]
fn too_much_memory_ends_the_run_and_says_so() {
    tell("allocate 400", &[], &[]).expect(1).says(&["256 MiB", "--max-memory"]);
    tell("allocate 400", &["--max-memory", "512MiB"], &[]).expect(0);
    tell("allocate 100", &["--max-memory", "64MiB"], &[]).expect(1).says(&["64 MiB", "--max-memory"]);
}

#[test]
fn a_component_that_holds_handles_without_end_is_ended_before_they_fill_the_host() {
    for told in ["hold headers", "hold sleep"] {
        let folder = tempfile::tempdir().unwrap();
        let (component, store) = (probe().to_str().unwrap(), folder.path().to_str().unwrap());
        let arguments = ["run", "--component", component, "--store", store, "--user-agent", told];
        let mut run = command(&arguments, &[]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let status = format!("/proc/{}/status", run.id());
        let mut most = 0u64;
        while run.try_wait().unwrap().is_none() {
            let text = std::fs::read_to_string(&status).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
            let now = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            most = most.max(now.unwrap_or_default());
            std::thread::sleep(Duration::from_millis(5));
        }
        Run::from(run.wait_with_output().unwrap()).expect(1).says(&["stopped", "1000 handles"]);
        assert!(most < 400 << 10, "{told}: {most} KiB");
    }
}

#[test]
fn too_much_time_ends_the_run_and_says_so() {
    for told in ["spin", "sleep"] {
        tell(told, &["--timeout", "1"], &[]).expect(1).says(&["1 s", "--timeout"]);
    }
}

#[test]
fn a_host_that_the_options_do_not_name_is_refused() {
    let (hidden, upstream) = (Upstream::start([Reply::new(200, "")]), Upstream::start([Reply::new(200, "")]));
    let folder = tempfile::tempdir().unwrap();
    let (component, store) = (probe().to_str().unwrap(), folder.path().to_str().unwrap());
    let (url, hidden_host) = (upstream.url("/"), hidden.authority());
    let told = format!("get {hidden_host}");
    let base =
        ["run", "--component", component, "--store", store, "--jolpica-url", &url, "--user-agent", &told];
    let refused = run(&base, &[]);
    refused.says(&[&hidden_host, "--allow"]);
    assert!(refused.stdout.contains("HttpRequestDenied"), "{}", refused.stdout);
    assert!(hidden.asked().is_empty(), "{hidden_host} was asked");
    let allowed = run(&[&base[..], &["--allow", &hidden_host]].concat(), &[]).expect(0);
    assert!(allowed.stdout.contains("Ok(200)"), "{}", allowed.stdout);
    assert_eq!(hidden.asked().len(), 1);
}
