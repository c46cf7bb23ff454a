//! The component's three doors: `wasi:cli/run`, `wasi:http/incoming-handler` and `f1:ingest/job`.

#[cfg(target_os = "wasi")]
mod doors;
#[cfg(target_os = "wasi")]
mod wasi;

#[cfg(target_os = "wasi")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let code = doors::run(&arguments).exit_code();
    if code != 0 {
        std::process::exit(code.into());
    }
}

#[cfg(not(target_os = "wasi"))]
fn main() {
    eprintln!("this program is a WASI component: build it for wasm32-wasip2, or run f1-ingest");
    std::process::exit(2);
}
