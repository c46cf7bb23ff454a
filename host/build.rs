//! Builds the component for wasm32-wasip2, for the binary to carry.

use std::path::{Path, PathBuf};
use std::process::{Command, exit};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "component";

fn main() {
    let workspace = Path::new("..");
    for input in [
        "component/Cargo.toml",
        "component/src",
        "component/feeds/Cargo.toml",
        "component/feeds/src",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
        ".cargo",
        "rust-toolchain.toml",
    ] {
        println!("cargo::rerun-if-changed={}", workspace.join(input).display());
    }
    if !has_target() {
        println!("cargo::error=the component needs the target {TARGET}; add it: rustup target add {TARGET}");
        exit(1);
    }
    let target_dir = target_dir();
    let mut cargo = Command::new(variable("CARGO"));
    cargo
        .current_dir(workspace)
        .args(["build", "--package", "f1-ingest-component", "--bin", "f1-ingest-component", "--locked"])
        .args(["--target", TARGET, "--profile", PROFILE, "--target-dir"])
        .arg(&target_dir)
        .arg("--config")
        .arg(format!("target.{TARGET}.rustflags={:?}", short_paths()));
    for (name, _) in std::env::vars().filter(|(name, _)| is_of_the_outer_build(name)) {
        cargo.env_remove(name);
    }
    if !cargo.status().is_ok_and(|status| status.success()) {
        println!("cargo::error=the component did not build for {TARGET}");
        exit(1);
    }
    let component = target_dir.join(TARGET).join(PROFILE).join("f1-ingest-component.wasm");
    println!("cargo::rustc-env=F1_INGEST_COMPONENT={}", component.display());
    let bytes = std::fs::read(&component).unwrap_or_else(|error| panic!("{}: {error}", component.display()));
    // So that no start has to work it out.
    println!("cargo::rustc-env=F1_INGEST_COMPONENT_HASH={}", blake3::hash(&bytes).to_hex());
    if variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ENV") == "gnu" {
        // Sixty thousand addresses are moved at each start: in a tenth of the room they are, a third of a millisecond sooner.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}

fn has_target() -> bool {
    let output =
        Command::new(variable("RUSTC")).args(["--print", "target-libdir", "--target", TARGET]).output();
    output.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir())
}

/// Flags that let the paths in panic messages begin with the library's name: shorter, and the same on every machine.
/// They go with the flags in `.cargo/config.toml`.
fn short_paths() -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let registries = std::fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
    registries.map(|registry| format!("--remap-path-prefix={}/=", registry.path().display())).collect()
}

/// A directory that all profiles of the host share, and that the outer cargo does not lock. `OUT_DIR` is
/// `target/<profile>/build/<package>/out`.
fn target_dir() -> PathBuf {
    let out = PathBuf::from(variable("OUT_DIR"));
    let target = out.ancestors().nth(4).unwrap_or(&out);
    target.join("embedded")
}

/// Whether a variable is what cargo or clippy tell the host's build (flags, wrappers, the target): it would be wrong
/// for the component's.
fn is_of_the_outer_build(name: &str) -> bool {
    const KEPT: [&str; 5] = ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_"];
    const OTHERS: [&str; 6] =
        ["RUSTFLAGS", "RUSTDOCFLAGS", "RUSTC_WORKSPACE_WRAPPER", "RUSTC", "TARGET", "CLIPPY_ARGS"];
    (name.starts_with("CARGO") && !KEPT.iter().any(|kept| name.starts_with(kept))) || OTHERS.contains(&name)
}
