#!/usr/bin/env python3
"""How fast TimingData and all feeds of a session become tables: inside the component's sandbox and natively.

    tests/run && target/python/bin/python tests/bench/throughput.py [FOLDER]

The same example (component/examples/throughput.rs), the same profile: once for wasm32-wasip2, run by wasmtime's own
command, and twice natively, with the component's profile and with opt-level 3 for all. FOLDER holds a session's
`<Topic>.jsonStream` files; default: the 2018 Azerbaijan race in ../shared, else a synthetic race.
"""
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

root = Path(__file__).resolve().parent.parent.parent
azerbaijan = root.parent / (
    "shared/recordings/base/livetiming.formula1.com/static/2018/2018-04-29_Azerbaijan_Grand_Prix/2018-04-29_Race"
)
target = root / "target/throughput"
PROFILES = {"component": ["--profile", "component"], "release": ["--release"]}
FAST = {"CARGO_PROFILE_RELEASE_LTO": "true", "CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "1"}


def build(profile, *more):
    command = ["cargo", "build", "--quiet", "--locked", "-p", "f1-ingest-component", "--example", "throughput"]
    command += [*PROFILES[profile], "--target-dir", str(target), *more]
    subprocess.run(command, cwd=root, check=True, env={**os.environ, **FAST})


def folder_of_feeds(temporary):
    if len(sys.argv) > 1:
        return Path(sys.argv[1])
    if azerbaijan.exists():
        return azerbaijan
    generate = ["cargo", "run", "--release", "--quiet", "-p", "f1-ingest-tests", "--bin", "synthetic", "--"]
    subprocess.run([*generate, temporary, "race"], cwd=root, check=True)
    return next(Path(temporary).rglob("TimingData.jsonStream")).parent


build("component")
build("component", "--target", "wasm32-wasip2")
build("release")
wasmtime = [str(root / "target/wasmtime-cli/bin/wasmtime"), "run"]
with tempfile.TemporaryDirectory() as temporary:
    folder = folder_of_feeds(temporary)
    wasm = str(target / "wasm32-wasip2/component/examples/throughput.wasm")
    commands = {
        "component": [*wasmtime, "--dir", f"{folder}::/feeds", wasm, "/feeds", "1"],
        "native, same profile": [str(target / "component/examples/throughput"), str(folder), "1"],
        "native, opt-level 3": [str(target / "release/examples/throughput"), str(folder), "1"],
    }
    figures = {}
    for _ in range(5):
        for name, command in commands.items():
            for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines():
                what, speed, _ = line.split("\t")
                figures.setdefault((what, name), []).append(float(speed.split()[0]))
    print(f"{folder}\nmedian of 5 runs, taking turns, MB/s")
    for (what, name), speeds in sorted(figures.items()):
        print(f"{what:<12} {name:<22} {statistics.median(speeds):8.1f}")
