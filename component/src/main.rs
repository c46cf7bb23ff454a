//! The component: its exports, and the WASI that they run on.

#[cfg(target_os = "wasi")]
mod exports;
#[cfg(target_os = "wasi")]
mod wasi;

#[cfg(target_os = "wasi")]
fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let code = exports::run(&arguments).exit_code();
    if code != 0 {
        std::process::exit(code.into());
    }
}

#[cfg(not(target_os = "wasi"))]
fn main() {
    eprintln!("this program is a WASI component: build it for wasm32-wasip2, or run f1-ingest");
    std::process::exit(2);
}
