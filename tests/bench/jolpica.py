#!/usr/bin/env python3
"""One default run (fetch a race result, store it) beside the same work in plain Python.

    cargo build --release -p f1-ingest && target/python/bin/python tests/bench/jolpica.py [--runs 20]

Both read the same recording from the same replay server and write to the same S3 server on loopback.
"""
import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import compare, serve

here = Path(__file__).resolve().parent
root = here.parent.parent
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--runs", type=int, default=20)
parser.add_argument("--recording", type=Path, default=root / "host/demo")
args = parser.parse_args()

ours = str(root / "target/release/f1-ingest")
results = "api.jolpi.ca/ergast/f1/current/last/results.json"
keys = {"AWS_ACCESS_KEY_ID": "AKIDBENCH", "AWS_SECRET_ACCESS_KEY": "bench"}
environment = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], **keys}


with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "bench").mkdir()
    replay, upstream = serve([ours, "replay", str(args.recording), "--listen", "127.0.0.1:0"], environment)
    store, endpoint = serve([ours, "store", folder, "--listen", "127.0.0.1:0"], environment)
    url = f"{upstream}/{results}"
    try:
        compare(
            [
                (
                    "f1-ingest run, replay and S3 servers",
                    [ours, "run", "--jolpica-url", url, "--endpoint-url", endpoint, "--bucket", "bench"],
                    environment,
                ),
                (
                    "f1-ingest run --replay --store",
                    [ours, "run", "--replay", str(args.recording), "--store", folder, "--bucket", "bench"],
                    environment,
                ),
                (
                    "python requests + boto3, same servers",
                    [sys.executable, str(here / "peer.py"), url, endpoint, "bench"],
                    environment,
                ),
            ],
            args.runs,
        )
    finally:
        replay.terminate()
        store.terminate()
