#!/usr/bin/env python3
"""One run with --include-telemetry beside the real FastF1 on the same recording, whole process each.

    cargo build --release -p f1-ingest && target/python/bin/python tests/bench/telemetry.py [--runs 3]

Ours stores the whole document, in the embedded store and in an S3 server beside it; FastF1 loads the session and drops
it, as the Python script did. Measures the recorded 2024 Chinese Sprint Qualifying if ../shared has it, and a
synthetic race of full length.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import compare, serve

root = Path(__file__).resolve().parent.parent.parent
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--shared", type=Path, default=root.parent / "shared")
parser.add_argument("--ours", type=Path, default=root / "target/release/f1-ingest")
args = parser.parse_args()
environment = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"]}
keys = {"AWS_ACCESS_KEY_ID": "AKIDBENCH", "AWS_SECRET_ACCESS_KEY": "bench"}

LOAD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import fastf1
from make import answering_from
fastf1.Cache.set_disabled()
fastf1.req.Cache.requests_get = answering_from(*map(Path, sys.argv[5:]))
session = fastf1.get_session(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
session.load()
print(sum(map(len, session.car_data.values())), "samples", file=sys.stderr)
"""


def measure(title, recordings, season, round_, session, folder, endpoint):
    replay = [text for recording in recordings for text in ("--replay", str(recording))]
    choice = ["--season", str(season), "--round", str(round_), "--session", session]
    ours = [str(args.ours), "run", "--include-telemetry", *replay, *choice]
    server = [*ours, "--endpoint-url", endpoint, "--bucket", "bench"]
    golden = str(root / "tests/golden")
    theirs = [sys.executable, "-c", LOAD, golden, str(season), str(round_), session, *map(str, recordings)]
    print(title)
    compare(
        [
            ("f1-ingest run --store", [*ours, "--store", f"{folder}/store"], environment),
            ("f1-ingest run, an S3 server beside it", server, environment | keys),
            ("FastF1 (Python)", theirs, environment),
        ],
        args.runs,
    )


with tempfile.TemporaryDirectory() as folder:
    os.makedirs(f"{folder}/server/bench")
    store = [str(args.ours), "store", f"{folder}/server", "--listen", "127.0.0.1:0"]
    server, endpoint = serve(store, environment | keys)
    try:
        recordings = [args.shared / "recordings" / name for name in ("base", "telemetry")]
        if all(recording.exists() for recording in recordings):
            measure("2024 Chinese Sprint Qualifying", recordings, 2024, 5, "SQ", folder, endpoint)
        generate = ["cargo", "run", "--release", "--quiet", "-p", "f1-ingest-tests", "--bin", "synthetic", "--"]
        subprocess.run([*generate, f"{folder}/recordings", "full-length"], cwd=root, check=True)
        race = Path(f"{folder}/recordings/full-length")
        about = json.loads((race / "session.json").read_text())
        choice = (about["season"], about["round"], about["session"])
        measure("a synthetic race of full length", [race], *choice, folder, endpoint)
    finally:
        server.terminate()
