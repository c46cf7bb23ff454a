//! Implements `f1:ingest/job` and does what `--user-agent` says instead: `read PATH`, `list PATH`,
//! `get AUTHORITY`, `env`,
//! `allocate MIB`, `hold headers`, `hold sleep`, `spin`, `sleep`. What it got goes to stdout.

fn main() {}

#[cfg(target_os = "wasi")]
mod door {
    wit_bindgen::generate!({ path: "../../wit", world: "f1:ingest/typed" });
    use exports::f1::ingest::job::{Failure, Guest, Planned, Report, Request, Selection};

    struct Probe;
    export!(Probe);

    impl Guest for Probe {
        fn ingest(request: Request) -> Report {
            let told = request.arguments.iter().skip_while(|argument| *argument != "--user-agent").nth(1);
            match told.map(|told| told.split_once(' ').unwrap_or((told, ""))) {
                Some(("read", path)) => println!("{:?}", std::fs::read_to_string(path)),
                Some(("list", path)) => println!("{:?}", list(path)),
                Some(("get", authority)) => println!("{:?}", get(authority)),
                Some(("env", _)) => std::env::vars().for_each(|(name, value)| println!("{name}={value}")),
                Some(("allocate", mib)) => {
                    println!("{}", vec![1u8; mib.parse::<usize>().unwrap_or(0) << 20].len())
                }
                Some(("hold", what)) => hold(what),
                Some(("spin", _)) => loop {
                    std::hint::black_box(0);
                },
                Some(("sleep", _)) => std::thread::sleep(std::time::Duration::from_secs(3600)),
                _ => println!("told nothing"),
            }
            Report {
                exit_code: 0,
                stored: vec![],
                unchanged: vec![],
                would_store: vec![],
                failed: vec![],
                warnings: vec![],
            }
        }

        fn plan(_: Request, _: Selection) -> Result<Vec<Planned>, Failure> {
            Ok(vec![])
        }
    }

    /// Takes handles of the host until it gives no more.
    fn hold(what: &str) {
        loop {
            match what {
                "headers" => {
                    let headers = wasip2::http::types::Fields::new();
                    for number in 0..60 {
                        headers.append(&format!("x-{number}"), &[b'x'; 2000]).expect("a header is small");
                    }
                    std::mem::forget(headers);
                }
                _ => std::mem::forget(wasip2::clocks::monotonic_clock::subscribe_duration(u64::MAX)),
            }
        }
    }

    /// The status of `http://AUTHORITY/`.
    fn get(authority: &str) -> Result<u16, String> {
        use wasip2::http::{outgoing_handler, types};
        let request = types::OutgoingRequest::new(types::Fields::new());
        let set = request
            .set_scheme(Some(&types::Scheme::Http))
            .and_then(|()| request.set_authority(Some(authority)))
            .and_then(|()| request.set_path_with_query(Some("/")));
        set.map_err(|()| "bad authority".to_owned())?;
        let answer = outgoing_handler::handle(request, None).map_err(|e| format!("{e:?}"))?;
        answer.subscribe().block();
        match answer.get() {
            Some(Ok(response)) => response.map(|response| response.status()).map_err(|e| format!("{e:?}")),
            _ => Err("no answer".into()),
        }
    }

    fn list(path: &str) -> std::io::Result<Vec<String>> {
        std::fs::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }
}
