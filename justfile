# The commands of CONTRIBUTING.md; `just` lists them.

_default:
    @just --list

# What is quick and needs nothing but Rust
quick:
    cargo test -p f1-ingest-feeds -p f1-ingest-component

# One topic through the built host and component: `just topic run::`
topic NAME:
    cargo test --release -p f1-ingest-tests --test all {{NAME}}

# Everything, with what it needs
test:
    tests/run

# What CI does
ci:
    .ci/run

# See it work
demo:
    host/setup cargo run --release -p f1-ingest -- demo

# Lints as in CI
lint:
    cargo fmt --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
