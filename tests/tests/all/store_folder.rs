//! `f1-ingest store` and `run --store` where a key, the folder, its disk or a client is not as it should be: a clear word to
//! whom it concerns, and everybody else goes on.

use std::fs::{self, File};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use f1_ingest_tests::binary::{Run, command, f1_ingest, run};
use f1_ingest_tests::server::{Says, Server, eventually};
use f1_ingest_tests::signed::{Answer, answer, ask, begin};
use f1_ingest_tests::skip::skip;
use f1_ingest_tests::store::{BUCKET, Store, environment, keys};
use tempfile::TempDir;

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn asked(address: SocketAddr, method: &str, target: &str, body: &[u8]) -> Answer {
    ask(address, method, target, &[], body).unwrap()
}

/// Asserts that a store takes an object, gives it, and lists it.
#[track_caller]
fn assert_works(address: SocketAddr, key: &str) {
    let target = format!("/{BUCKET}/{key}");
    let put = asked(address, "PUT", &target, b"works");
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(asked(address, "GET", &target, b"").body, b"works");
    let listed = asked(address, "GET", &format!("/{BUCKET}?delimiter=%2F&list-type=2&prefix=raw%2F"), b"");
    assert!(listed.status == 200 && listed.text().contains(key), "{}", listed.text());
}

/// A run that stores a document of this length in this folder.
fn mock_run(folder: &Path, length: usize) -> (TempDir, Vec<String>) {
    let top = tempfile::tempdir().unwrap();
    let file = top.path().join("m.json");
    fs::write(&file, format!("\"{}\"", "x".repeat(length))).unwrap();
    let arguments =
        ["run", "--bucket", BUCKET, "--store", path(folder), "--retries", "1", "--mock-file", path(&file)];
    let arguments = arguments.map(str::to_owned).to_vec();
    (top, arguments)
}

fn stores(folder: &Path) -> Run {
    let (_top, arguments) = mock_run(folder, 10);
    run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), &[]).expect(0)
}

#[test]
fn a_client_that_stalls_keeps_nobody_waiting_whatever_it_announced() {
    let store = Store::start();
    let begun = asked(store.address, "POST", &format!("/{BUCKET}/raw/parts.json?uploads="), b"").text();
    let id = begun.split(['<', '>']).skip_while(|word| *word != "UploadId").nth(1).unwrap();
    let targets = ["raw/slow.json".to_owned(), format!("raw/parts.json?partNumber=1&uploadId={id}")];
    for (key, length) in targets.iter().flat_map(|key| [(key, 1 << 20), (key, 40 << 20)]) {
        let target = format!("/{BUCKET}/{key}");
        let body = vec![b'x'; length];
        let (first, rest) = body.split_at(length / 2);
        let mut slow = begin(store.address, "PUT", &target, &[], length).unwrap();
        slow.write_all(first).unwrap();
        let mut gone = begin(store.address, "PUT", &format!("/{BUCKET}/raw/gone.json"), &[], length).unwrap();
        gone.write_all(first).unwrap();
        assert_works(store.address, "raw/quick.json");
        stores(store.folder());
        assert_eq!(asked(store.address, "GET", &format!("/{BUCKET}/raw/slow.json"), b"").status, 404);
        drop(gone);
        slow.write_all(rest).unwrap();
        let slow = answer(slow).unwrap();
        assert_eq!(slow.status, 200, "{}", slow.text());
        if !key.contains('?') {
            assert!(asked(store.address, "GET", &target, b"").body == body);
            assert_eq!(asked(store.address, "DELETE", &target, b"").status, 204);
        }
        assert_eq!(asked(store.address, "GET", &format!("/{BUCKET}/raw/gone.json"), b"").status, 404);
    }
}

#[test]
fn who_may_not_is_told_so_before_anything_is_sent() {
    let store = Store::start();
    let before = fs::read_dir(store.folder()).unwrap().count();
    for (target, status) in
        [("/elsewhere/x", 404), ("/lake/../x", 400), ("/lake/x?partNumber=1&uploadId=ab-1", 404)]
    {
        let waiting = begin(store.address, "PUT", target, &[], 40 << 20).unwrap();
        assert_eq!(answer(waiting).unwrap().status, status, "{target}");
    }
    let mut unsigned = std::net::TcpStream::connect(store.address).unwrap();
    let head = format!("PUT /{BUCKET}/x HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", store.address);
    write!(unsigned, "{head}content-length: 40000000\r\n\r\n").unwrap();
    assert_eq!(answer(unsigned).unwrap().status, 403);
    let form = "--x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na\r\n--x\r\n\
                Content-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n";
    let form = format!("{form}{}\r\n--x--\r\n", "x".repeat(3 << 20));
    let mut stream = std::net::TcpStream::connect(store.address).unwrap();
    let head = format!("POST /{BUCKET} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", store.address);
    let kind =
        format!("content-type: multipart/form-data; boundary=x\r\ncontent-length: {}\r\n\r\n", form.len());
    // It need not be read to its end.
    let _ = stream.write_all(format!("{head}{kind}{form}").as_bytes());
    if let Ok(refused) = answer(stream) {
        assert!(refused.text().contains("EntityTooLarge"), "{}\n{}", refused.head, refused.text());
    }
    assert_eq!(fs::read_dir(store.folder()).unwrap().count(), before);
}

#[test]
fn keys_that_a_folder_cannot_hold_are_refused_in_words() {
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("store");
    fs::create_dir_all(folder.join(BUCKET).join("folder")).unwrap();
    fs::write(folder.join(BUCKET).join("folder/file"), "file").unwrap();
    fs::write(top.path().join("outside"), "outside").unwrap();
    for (target, link) in
        [(top.path(), "out"), (Path::new("."), "circle"), (Path::new("nowhere"), "dangling")]
    {
        std::os::unix::fs::symlink(target, folder.join(BUCKET).join(link)).unwrap();
    }
    let arguments = ["store", path(&folder), "--listen", "127.0.0.1:0"];
    let server = Server::ours(&arguments, &environment(""));
    let address = server.address.parse().unwrap();
    let long = "x".repeat(300);
    let table = [
        ("../outside", "no name of a file"),
        ("a/../../outside", "no name of a file"),
        ("a//b", "no name of a file"),
        ("a/./b", "no name of a file"),
        ("a%00b", "at most 255 bytes"),
        (&long, "at most 255 bytes"),
        ("folder", "a folder of other keys"),
        ("folder/file/below", "cannot lie below it"),
        ("out/outside", "is a link"),
        ("circle/folder/file", "is a link"),
        ("dangling", "is a link"),
    ];
    for (key, why) in table {
        let target = format!("/{BUCKET}/{key}");
        for (method, query) in [("PUT", ""), ("POST", "?uploads=")] {
            let refused = asked(address, method, &format!("{target}{query}"), b"");
            let text = refused.text();
            assert!(refused.status == 400 && text.contains(why), "{method} {key}: {}\n{text}", refused.head);
        }
        for method in ["GET", "HEAD", "DELETE"] {
            let status = asked(address, method, &target, b"").status;
            assert!([204, 400, 404].contains(&status), "{method} {key}: {status}");
        }
        let from = format!("/{BUCKET}/{key}");
        let copied =
            ask(address, "PUT", &format!("/{BUCKET}/copy"), &[("x-amz-copy-source", &from)], b"").unwrap();
        assert!([400, 404].contains(&copied.status), "a copy of {key}: {}", copied.head);
    }
    // What s3s itself has to say.
    for key in [
        "%ff",
        "%",
        "%2e%2e/outside",
        "a%0ab",
        "a%5cb",
        "a%3fb",
        "%F0%9F%8F%8E",
        "-",
        "~",
        "con",
        ".hidden",
        "*",
    ] {
        for method in ["PUT", "GET", "DELETE"] {
            let status = asked(address, method, &format!("/{BUCKET}/{key}"), b"").status;
            assert!(status < 500, "{method} {key}: {status}");
        }
    }
    let full = asked(address, "DELETE", &format!("/{BUCKET}"), b"");
    assert!(full.status == 409 && full.text().contains("BucketNotEmpty"), "{}", full.text());
    assert_works(address, "raw/after.json");
    assert_eq!(fs::read(top.path().join("outside")).unwrap(), b"outside");
    assert_eq!(fs::read_dir(top.path()).unwrap().count(), 2);
    assert!(folder.join(BUCKET).join("folder/file").exists());
    stores(&folder);
}

/// A command whose files may have no more than 1 MiB, as if the disk was full. (wasmtime needs some for itself.)
fn without_room(arguments: &[&str]) -> Command {
    let mut shell =
        command(&[], &environment("").iter().map(|(name, value)| (&**name, &**value)).collect::<Vec<_>>());
    let variables: Vec<_> =
        shell.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
    shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 2048; exec \"$@\"", "sh"]).arg(f1_ingest()).args(arguments);
    shell.env_clear().envs(variables).stdin(Stdio::null());
    shell
}

#[test]
fn a_full_disk_is_named_and_stops_nothing_that_needs_none() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(BUCKET)).unwrap();
    let arguments = ["store", path(folder.path()), "--listen", "127.0.0.1:0"];
    let server = Server::start(without_room(&arguments), Says::OnStdout);
    let address = server.address.parse().unwrap();
    let target = format!("/{BUCKET}/raw/full.json");
    assert_works(address, "raw/before.json");
    let begun = asked(address, "POST", &format!("{target}?uploads="), b"").text();
    let id = begun.split(['<', '>']).skip_while(|word| *word != "UploadId").nth(1).unwrap().to_owned();
    // In memory, and in a file.
    for (query, length) in
        [("", 3 << 20), ("", 17 << 20), (&*format!("?partNumber=1&uploadId={id}"), 3 << 20)]
    {
        let refused = asked(address, "PUT", &format!("{target}{query}"), &vec![b'x'; length]);
        let text = refused.text();
        assert!(refused.status == 503 && text.contains("disk is full"), "{length} {}\n{text}", refused.head);
        assert_eq!(asked(address, "GET", &target, b"").status, 404);
    }
    assert_works(address, "raw/after.json");

    // What is replaced stays as it was.
    fs::write(folder.path().join(BUCKET).join("raw/after.json"), "as it was").unwrap();
    let refused = asked(address, "PUT", &format!("/{BUCKET}/raw/after.json"), &vec![b'x'; 3 << 20]);
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert_eq!(asked(address, "GET", &format!("/{BUCKET}/raw/after.json"), b"").body, b"as it was");
    drop(server);

    let (_top, arguments) = mock_run(folder.path(), 3 << 20);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    run(&[&["run", "--dry-run"], &arguments[1..3], &arguments[7..]].concat(), &[]).expect(0);
    let full = Run::from(without_room(&arguments).output().unwrap()).expect(1);
    full.says(&["disk is full", "make room"]);
    run(&arguments, &[]).expect(0);
}

/// A command as somebody whom the rights of files bind; none, and the test is skipped, if there is no way to be that.
fn as_nobody(arguments: &[&str], variables: &[(String, String)]) -> Option<Command> {
    let mut bound = Command::new("setpriv");
    bound.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
    let tries = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .arg(f1_ingest())
        .arg("--version")
        .output();
    if !tries.is_ok_and(|tried| tried.status.success()) {
        skip("only root, with setpriv, can become somebody else here");
        return None;
    }
    bound.arg(f1_ingest()).args(arguments).env_clear().envs(variables.iter().cloned());
    bound.stdin(Stdio::null());
    Some(bound)
}

#[test]
fn a_folder_that_may_not_be_written_to_is_named() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let top = tempfile::tempdir().unwrap();
    fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let folder = top.path().join("store");
    fs::create_dir_all(folder.join(BUCKET)).unwrap();
    let rights = |mode: u32| {
        for folder in [&folder, &folder.join(BUCKET)] {
            fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    let arguments = ["store", path(&folder), "--listen", "127.0.0.1:0"];
    let Some(mut refused) = as_nobody(&arguments, &environment("")) else { return };
    Run::from(refused.output().unwrap()).expect(2).says(&[
        path(&folder),
        "cannot be used",
        "Permission denied",
    ]);

    for folder in [&folder, &folder.join(BUCKET)] {
        chown(folder, Some(65534), Some(65534)).unwrap();
    }
    let Some(command) = as_nobody(&arguments, &environment("")) else { return };
    let server = Server::start(command, Says::OnStdout);
    let address = server.address.parse().unwrap();
    assert_works(address, "raw/before.json");
    rights(0o555);
    let target = format!("/{BUCKET}/raw/x.json");
    for (method, query) in [("PUT", ""), ("POST", "?uploads="), ("DELETE", "?uploadId=x")] {
        let answer = asked(address, method, &format!("{target}{query}"), b"x");
        let is_right = match method {
            "DELETE" => answer.status == 404,
            _ => answer.status == 503 && answer.text().contains("may not be written to"),
        };
        assert!(is_right, "{method} {}\n{}", answer.head, answer.text());
    }
    assert_eq!(asked(address, "GET", &format!("/{BUCKET}/raw/before.json"), b"").body, b"works");
    rights(0o755);
    assert_works(address, "raw/after.json");
}

#[test]
fn a_folder_that_is_not_there_is_said_to_be_mistyped_and_not_made() {
    let top = tempfile::tempdir().unwrap();
    let folder = top.path().join("mistyped");
    let mut store = command(&["store", path(&folder), "--listen", "127.0.0.1:0"], &[]);
    let said = top.path().join("said");
    store.envs(environment("")).stderr(File::create(&said).unwrap());
    let arguments = ["store", path(&folder), "--listen", "127.0.0.1:0"];
    let server = Server::ours(&arguments, &environment(""));
    let address = server.address.parse().unwrap();
    let refused = asked(address, "PUT", &format!("/{BUCKET}/raw/x.json"), b"x");
    assert!(refused.status == 503 && refused.text().contains("is not there"), "{}", refused.text());
    assert!(!folder.exists());
    let mut second = store.stdout(Stdio::null()).spawn().unwrap();
    eventually("a line", || fs::read_to_string(&said).unwrap().contains("may be mistyped"));
    second.kill().unwrap();
    second.wait().unwrap();
    assert!(!folder.exists());
    // Whoever makes it later need not start the store anew.
    fs::create_dir_all(folder.join(BUCKET)).unwrap();
    assert_works(address, "raw/x.json");
}

#[test]
fn who_waits_for_the_lock_of_a_folder_says_so() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(BUCKET)).unwrap();
    let lock = File::create(folder.path().join(".f1-ingest.lock")).unwrap();
    lock.lock().unwrap();
    let (top, arguments) = mock_run(folder.path(), 10);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).chain(["--timeout", "2"]).collect();
    run(&arguments, &[]).expect(1).says(&["another process holds", path(folder.path())]).says(&["--timeout"]);
    let said = top.path().join("said");
    let mut store = command(&["store", path(folder.path()), "--listen", "127.0.0.1:0"], &[]);
    store.envs(environment("")).stderr(File::create(&said).unwrap()).stdout(Stdio::piped());
    let mut store = store.spawn().unwrap();
    eventually("a line", || fs::read_to_string(&said).unwrap().contains("another process holds"));
    drop(lock);
    let stdout = std::io::BufReader::new(store.stdout.take().unwrap());
    let endpoint = std::io::BufRead::lines(stdout).map_while(Result::ok);
    assert!(endpoint.into_iter().any(|line| line.contains("AWS_ENDPOINT_URL_S3")));
    store.kill().unwrap();
    store.wait().unwrap();
    stores(folder.path());
    assert_eq!(keys(&folder.path().join(BUCKET)).len(), 1);
}
