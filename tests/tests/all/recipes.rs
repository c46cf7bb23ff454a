//! The recipes in `host/deploy/`: each is read by the tool or schema that is for it, promises what it should,
//! and every command line in it is one that the program takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use f1_ingest_component::options::table::variables;
use f1_ingest_component::options::{Command as Asked, parse};
use f1_ingest_tests::binary::{Run, command, f1_ingest, root, run};
use f1_ingest_tests::installed::python;
use f1_ingest_tests::skip::skip;
use serde_json::{Value, json};

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "key"), ("AWS_SECRET_ACCESS_KEY", "secret")];

/// Variables that the job does not see.
const OF_THE_HOST: [&str; 5] =
    ["F1_INGEST_TOKEN", "F1_LIVETIMING_PROXY", "F1_PING_URL", "JOB_COMPLETION_COUNT", "XDG_STATE_HOME"];

fn path(recipe: &str) -> PathBuf {
    root().join("host/deploy").join(recipe)
}

fn text(recipe: &str) -> String {
    std::fs::read_to_string(path(recipe)).unwrap_or_else(|e| panic!("{recipe}: {e}"))
}

fn yaml(recipe: &str) -> Value {
    serde_norway::from_str(&text(recipe)).unwrap_or_else(|e| panic!("{recipe}: {e}"))
}

/// What follows the program's name in every line of a text, up to where a shell or a language ends it.
fn command_lines(text: &str) -> Vec<Vec<String>> {
    let subcommands = ["run", "backfill", "serve", "component", "store", "replay"];
    let ends = ['\'', '"', '|', ';', ')'];
    text.match_indices("f1-ingest ")
        .filter_map(|(at, name)| text[at + name.len()..].lines().next())
        .map(|rest| rest.split(ends).next().unwrap_or_default())
        .map(|line| line.split_whitespace().take_while(|word| !word.starts_with("2>")).map(str::to_owned))
        .map(Iterator::collect)
        .filter(|words: &Vec<String>| words.first().is_some_and(|word| subcommands.contains(&word.as_str())))
        .collect()
}

/// What is added to a command line so that it is understood and sends nothing, and what is the outcome.
fn harmless(command: &str) -> (&'static [&'static str], i32) {
    match command {
        // The last thing that is looked at before anything is sent.
        "run" => (&["--mock-file", "/no/such/file.json"], 2),
        // These need no schedule.
        "backfill" => (&["--store", ".", "--plan", "--endpoints", "seasons"], 0),
        _ => (&[], 0),
    }
}

/// Asserts that the program understands a command line, with these variables and credentials.
fn assert_taken(line: &[String], given: &[(String, String)]) {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    let (more, code) = harmless(&line[0]);
    let line = line.iter().map(|word| word.replace("%S/f1-ingest", here));
    let arguments: Vec<String> = line.chain(more.iter().map(|word| (*word).to_owned())).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut command = command(&arguments, &[("F1_S3_BUCKET", "my-lake")]);
    command.envs(KEYS).envs(given.iter().cloned()).current_dir(folder.path());
    let run = Run::from(command.output().unwrap()).expect(code);
    match arguments[0] {
        "run" => drop(run.says(&["/no/such/file.json"])),
        "backfill" => assert!(run.stdout.contains("to fetch;"), "{run:?}"),
        _ => {}
    }
}

/// Asserts that each variable is one that the program reads.
fn assert_read<'a>(names: impl IntoIterator<Item = &'a str>) {
    for name in names {
        let known = variables().any(|known| known == name) || OF_THE_HOST.contains(&name);
        assert!(known, "nobody reads {name}");
    }
}

/// Asserts that a validator of Python's packages takes a file, and refuses it when `broken` replaces `right`.
fn assert_valid(recipe: &str, right: &str, broken: &str, validate: impl Fn(&Path, &Path) -> Output) {
    let Some(python) = python() else { return };
    let valid = validate(&python, &path(recipe));
    assert!(valid.status.success(), "{recipe}: {valid:?}");
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join(Path::new(recipe).file_name().unwrap());
    let text = text(recipe);
    assert!(text.contains(right), "{recipe} has no {right}");
    std::fs::write(&copy, text.replace(right, broken)).unwrap();
    assert!(!validate(&python, &copy).status.success(), "{recipe} with {broken} is valid too");
}

/// Asserts that a runtime lets the component reach what the job wants to reach with these variables.
fn assert_reachable(given: &Value, allowed: &Value) {
    let given: BTreeMap<String, String> = serde_json::from_value(given.clone()).unwrap();
    assert_read(given.keys().map(String::as_str));
    let variable = |name: &str| {
        given
            .get(name)
            .cloned()
            .or_else(|| KEYS.iter().find(|(key, _)| *key == name).map(|(_, v)| (*v).into()))
    };
    let Ok(Asked::Ingest(job)) = parse(&["--include-fastf1".to_owned()], variable) else {
        panic!("{given:?}")
    };
    for host in job.hosts() {
        assert!(allowed.as_array().unwrap().contains(&json!(format!("https://{host}"))), "{host}: {allowed}");
    }
}

#[test]
fn every_command_line_is_taken() {
    let recipes = [
        "crontab",
        "f1-ingest.service",
        "f1-ingest-backfill.service",
        "Jenkinsfile",
        "github-actions.yml",
        "spin.toml",
        "wasmcloud.yaml",
    ];
    for recipe in recipes {
        let lines = command_lines(&text(recipe));
        assert!(!lines.is_empty(), "{recipe} has no command line");
        lines.iter().for_each(|line| assert_taken(line, &[]));
    }
}

#[test]
fn cron_runs_at_noon() {
    let text = text("crontab");
    let line = text.lines().find(|line| !line.starts_with('#')).unwrap();
    let schedule = line.split_whitespace().take(5).collect::<Vec<_>>().join(" ");
    assert_eq!(schedule, "0 12 * * *");
    run(&["serve", "--schedule", &schedule, "--help"], &[]).expect(0);
    assert!(!line.contains('%'), "cron ends a line at a per cent sign");
}

#[test]
fn systemd_takes_the_units() {
    let analyze = |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).output();
    if analyze(&["--version"]).is_err() {
        skip("there is no systemd-analyze");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    for name in ["f1-ingest", "f1-ingest-backfill"] {
        let (service, timer) = (format!("{name}.service"), format!("{name}.timer"));
        let text_of_service =
            text(&service).replace("/usr/local/bin/f1-ingest", f1_ingest().to_str().unwrap());
        let (unit, timer) = (file(&service, &text_of_service), file(&timer, &text(&timer)));
        let verified = analyze(&["verify", &unit, &timer]).unwrap();
        assert!(verified.status.success() && verified.stderr.is_empty(), "{verified:?}");
        // systemd's own measure of what a unit could do to the machine: 10.0 is everything, 2.5 is "OK".
        let secure = analyze(&["security", "--offline=yes", "--threshold=25", &unit]).unwrap();
        assert!(secure.status.success(), "{}", String::from_utf8_lossy(&secure.stdout));
        for kept in ["Restart=on-failure", "RestartPreventExitStatus=1 2"] {
            assert!(text_of_service.lines().any(|line| line == kept), "{name}: only 75 is tried again");
        }
        let wrong = file(&service, &text_of_service.replace("RestartSec=20min", "RestartSec=soon"));
        assert!(!analyze(&["verify", &wrong]).unwrap().stderr.is_empty(), "a wrong unit is verified too");
    }
}

#[test]
fn slurms_tasks_take_a_shard_each_and_their_part_of_the_hour() {
    let home = tempfile::tempdir().unwrap();
    let environment = home.path().join("environment");
    std::fs::write(&environment, "F1_S3_BUCKET='my-lake'\nAWS_ACCESS_KEY_ID='key'\n").unwrap();
    // Says how it was called, and calls the program as `assert_taken` does.
    std::fs::write(
        home.path().join("f1-ingest"),
        "#!/bin/bash\nprintf '%s\\n' \"$@\" \"$XDG_STATE_HOME $AWS_ACCESS_KEY_ID\"\n",
    )
    .unwrap();
    Command::new("chmod").args(["+x", "f1-ingest"]).current_dir(home.path()).status().unwrap();
    let called = |index: &str, count: &str, more: &[(&str, &str)]| {
        let (here, usual) = (home.path().display(), std::env::var("PATH").unwrap());
        let output = Command::new("bash")
            .arg(path("slurm.sh"))
            .env_clear()
            .envs([("SLURM_ARRAY_TASK_ID", index), ("SLURM_ARRAY_TASK_COUNT", count)])
            .envs([("HOME", here.to_string()), ("PATH", format!("{here}:{usual}"))])
            .env("F1_ENVIRONMENT", &environment)
            .envs(more.iter().copied())
            .output()
            .unwrap();
        let output = Run::from(output).expect(0);
        let mut words: Vec<String> = output.stdout.lines().map(str::to_owned).collect();
        let state = words.pop().unwrap();
        assert!(state.ends_with(" key"), "{state}");
        assert_taken(&words, &[]);
        (words.join(" "), state)
    };
    let (first, state) = called("0", "4", &[]);
    assert!(first.ends_with("--shard 0/4 --requests-per-hour 50"), "{first}");
    let (again, other) = called("3", "1", &[("SHARDS", "4")]);
    assert!(again.ends_with("--shard 3/4 --requests-per-hour 50"), "{again}");
    assert_ne!(state, other, "each counts for itself");
    assert!(text("slurm.sh").contains("#SBATCH --array=0-3\n"));

    assert_valid("slurm.sh", "set -a\n", "set -a; echo $HOME\n", |python, file| {
        Command::new(python.with_file_name("shellcheck")).arg(file).output().unwrap()
    });
}

#[test]
fn the_jenkinsfile_is_groovy_and_tells_the_exit_codes_apart() {
    let script = "import sys; from groovy_parser.parser import parse_groovy_content; \
        parse_groovy_content(open(sys.argv[1]).read())";
    assert_valid("Jenkinsfile", "if (code == 75) {", "if (code == 75 {", |python, file| {
        Command::new(python).args(["-c", script]).arg(file).output().unwrap()
    });
    let text = text("Jenkinsfile");
    for promised in
        ["TZ=UTC\\n0 12 * * *", "withCredentials", "returnStatus: true", "code == 75", "unstable(", "error("]
    {
        assert!(text.contains(promised), "{promised} is not in the Jenkinsfile");
    }
}

#[test]
fn the_workflow_is_one_of_githubs_and_tells_the_exit_codes_apart() {
    assert_valid("github-actions.yml", "timeout-minutes:", "timeout-hours:", |python, file| {
        let schema = ["-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"];
        Command::new(python).args(schema).arg(file).output().unwrap()
    });
    let workflow = yaml("github-actions.yml");
    assert_eq!(workflow["on"]["schedule"][0]["cron"], "0 12 * * *");
    let step = workflow["jobs"]["ingest"]["steps"].as_array().unwrap().last().unwrap();
    assert_read(step["env"].as_object().unwrap().keys().map(String::as_str));
    let script = step["run"].as_str().unwrap();
    for (code, expected) in [(0, 0), (1, 1), (2, 2), (75, 0)] {
        let script = format!("f1-ingest() {{ return {code}; }}\n{script}");
        // As GitHub runs it.
        let output = Command::new("bash").args(["-e", "-c", &script]).output().unwrap();
        assert_eq!(output.status.code(), Some(expected), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).contains("::warning::"), code == 75);
    }
}

#[test]
fn every_action_is_pinned_by_its_digest_and_names_its_version() {
    let mut pinned = 0;
    for file in [".github/workflows/ci.yml", "host/deploy/github-actions.yml"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        for used in text.lines().filter_map(|line| line.split_once("uses:")).map(|(_, used)| used.trim()) {
            let (digest, version) = used
                .split_once('@')
                .and_then(|(_, pin)| pin.split_once(" # v"))
                .unwrap_or_else(|| panic!("{file}: {used}"));
            let is_digest = digest.len() == 40 && digest.bytes().all(|b| b.is_ascii_hexdigit());
            let is_version = version.split('.').count() == 3
                && version.split('.').all(|number| number.parse::<u32>().is_ok());
            assert!(is_digest && is_version, "{file}: {used}");
            pinned += 1;
        }
    }
    assert!(pinned >= 4, "{pinned} actions");
    let workflows = std::fs::read_dir(root().join(".github/workflows")).unwrap().count();
    assert_eq!(workflows, 1, "there is a workflow that is not looked at");
}

#[test]
fn kubernetes_takes_the_jobs_and_gives_them_no_privileges() {
    for (recipe, right, broken) in [
        ("kubernetes/cronjob.yaml", "concurrencyPolicy: Forbid", "concurrencyPolicy: [Forbid]"),
        ("kubernetes/backfill-cronjob.yaml", "concurrencyPolicy: Forbid", "concurrencyPolicy: [Forbid]"),
        ("kubernetes/indexed-job.yaml", "completions: 4", "completion: 4"),
    ] {
        let check = "import sys, yaml, kubernetes_validate as k; \
            k.validate(yaml.safe_load(open(sys.argv[1])), '1.31', strict=True)";
        assert_valid(recipe, right, broken, |python, file| {
            Command::new(python).args(["-c", check]).arg(file).output().unwrap()
        });
        let document = yaml(recipe);
        let job = match recipe.contains("cron") {
            true => {
                let cron = &document["spec"];
                assert_eq!((&cron["schedule"], &cron["timeZone"]), (&json!("0 12 * * *"), &json!("Etc/UTC")));
                assert_eq!(cron["concurrencyPolicy"], "Forbid");
                assert!(
                    cron["startingDeadlineSeconds"].as_u64() >= Some(200),
                    "100 missed starts end a CronJob"
                );
                &cron["jobTemplate"]["spec"]
            }
            false => &document["spec"],
        };
        assert!(job["activeDeadlineSeconds"].is_u64());
        let pod = &job["template"]["spec"];
        assert_eq!(pod["restartPolicy"], "Never", "a podFailurePolicy wants it");
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        let [container] = &pod["containers"].as_array().unwrap()[..] else { panic!("{pod}") };
        let context = &container["securityContext"];
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["capabilities"]["drop"], json!(["ALL"]));

        let mut codes = BTreeMap::new();
        for rule in job["podFailurePolicy"]["rules"].as_array().unwrap() {
            if let Some(values) = rule["onExitCodes"]["values"].as_array() {
                assert_eq!(rule["onExitCodes"]["containerName"], container["name"]);
                codes.extend(values.iter().map(|code| (code.as_u64(), rule["action"].as_str())));
            }
        }
        let count = Some("Count");
        assert_eq!(
            codes,
            BTreeMap::from([(Some(1), count), (Some(2), Some("FailJob")), (Some(75), count)]),
            "{recipe}"
        );

        let given: Vec<(String, String)> = container["env"]
            .as_array()
            .unwrap()
            .iter()
            .map(|set| (set["name"].as_str().unwrap().to_owned(), set["value"].as_str().unwrap().to_owned()))
            .collect();
        assert_read(given.iter().map(|(name, _)| name.as_str()));
        let arguments: Vec<String> = (container["args"].as_array().unwrap().iter())
            .map(|argument| argument.as_str().unwrap().to_owned())
            .collect();
        assert!(arguments.iter().all(|argument| !argument.contains("$(")), "{arguments:?}");
        for index in 0..job["completions"].as_u64().unwrap_or(1) {
            // What Kubernetes sets itself.
            let index = ("JOB_COMPLETION_INDEX".to_owned(), index.to_string());
            let set = job["completionMode"] == "Indexed";
            assert_taken(
                &arguments,
                &[&given[..], &set.then_some(index).into_iter().collect::<Vec<_>>()].concat(),
            );
        }
    }
}

#[test]
fn the_indexed_jobs_pods_know_how_many_they_are_and_share_the_hour() {
    let job = &yaml("kubernetes/indexed-job.yaml")["spec"];
    let container = &job["template"]["spec"]["containers"][0];
    let count = container["env"].as_array().unwrap().iter().find(|set| set["name"] == "JOB_COMPLETION_COUNT");
    assert_eq!(count.unwrap()["value"], json!(job["completions"].to_string()));
    let arguments = container["args"].as_array().unwrap();
    let at = arguments.iter().position(|argument| argument == "--requests-per-hour").unwrap();
    let share: u64 = arguments[at + 1].as_str().unwrap().parse().unwrap();
    assert_eq!(share * job["parallelism"].as_u64().unwrap(), 200);
}

#[test]
fn other_runtimes_let_the_component_reach_what_the_job_needs() {
    let spin: Value = toml::from_str(&text("spin.toml")).unwrap();
    let component = &spin["component"]["f1-ingest"];
    assert_reachable(&component["environment"], &component["allowed_outbound_hosts"]);
    assert_eq!((&spin["spin_manifest_version"], &component["source"]), (&json!(2), &json!("f1-ingest.wasm")));
    let routes: Vec<&Value> =
        spin["trigger"]["http"].as_array().unwrap().iter().map(|t| &t["route"]).collect();
    assert_eq!(routes, ["/ingest", "/healthz"]);

    let wasmcloud = yaml("wasmcloud.yaml");
    let workload = &wasmcloud["spec"]["template"]["spec"];
    let resources = &workload["components"][0]["localResources"];
    assert_reachable(&resources["environment"]["config"], &resources["allowedHosts"]);
    assert_eq!(workload["hostInterfaces"][0]["interfaces"], json!(["incoming-handler"]));
}

#[test]
fn the_image_holds_a_static_program_and_certificates_and_runs_as_nobody() {
    let text = text("Dockerfile");
    let instructions: Vec<&str> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let toolchain = std::fs::read_to_string(root().join("rust-toolchain.toml")).unwrap();
    let channel =
        toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap().trim_matches('"');
    let image = instructions[0].strip_prefix("FROM docker.io/library/rust:").unwrap();
    assert!(channel.starts_with(image.split('-').next().unwrap()), "{image} is not Rust {channel}");
    assert!(text.contains("--locked --package f1-ingest --target x86_64-unknown-linux-musl"));

    let scratch = instructions.iter().position(|line| *line == "FROM scratch").unwrap();
    let last = &instructions[scratch..];
    assert!(last.iter().all(|line| !line.starts_with("RUN") && !line.starts_with("ADD")), "{last:?}");
    assert!(last.iter().any(|line| line.contains("ca-certificates.crt")), "{last:?}");
    assert!(last.contains(&"USER 65532:65532") && last.contains(&"ENTRYPOINT [\"/f1-ingest\"]"), "{last:?}");
    assert_taken(&["run".to_owned()], &[]);
    assert!(last.contains(&"CMD [\"run\"]"));
}
