#!/usr/bin/env python3
"""How `status`, `ls` and `backfill --plan` grow with the bucket: so many documents, stored by so many runs.

    cargo build --release -p f1-ingest && tests/bench/lake.py [--documents 100000] [--runs 4000]

The bucket is made as files of an embedded store, which an S3 server beside it serves. No run of ours leaves so many records without
a snapshot, as each backfill begins with one if it had to read more than thirty; so the first line is of a bucket that only plain
runs have written to, and the others are of one that was read once. The plan is of seasons that need no schedule.
"""
import argparse
import datetime
import json
import os
import tempfile
from pathlib import Path

from measure import once, serve

root = Path(__file__).resolve().parent.parent.parent
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--documents", type=int, default=100_000)
parser.add_argument("--runs", type=int, default=4_000)
args = parser.parse_args()

ours = str(root / "target/release/f1-ingest")
keys = {"AWS_ACCESS_KEY_ID": "AKIDBENCH", "AWS_SECRET_ACCESS_KEY": "bench", "F1_REQUESTS_PER_HOUR": "0"}
environment = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], **keys}
NOW = int(datetime.datetime.now().timestamp())
SESSIONS = ["FP1", "FP2", "FP3", "Q", "R"]


def items():
    """Items without end: every session of many rounds and sources, and Jolpica's seasons."""
    for season in range(1950, 2011):
        for name in ["races", "results", "driverStandings"]:
            yield f"jolpica/{season}/{name}"
    for season in range(2018, 2027):
        for round in range(1, 25):
            for session in SESSIONS:
                for source in ["fastf1", "telemetry", "livetiming"]:
                    yield f"{source}/{season}/{round:02}/{session}"


def made(bucket: Path):
    """Writes documents and records: each run has stored its share of versions, the last one yesterday."""
    names = list(items())
    written = 0
    for run in range(args.runs):
        began = NOW - (args.runs - run) * 86400
        entries = []
        for _ in range(args.documents * (run + 1) // args.runs - args.documents * run // args.runs):
            item, seconds = names[written % len(names)], began + len(entries)
            date = datetime.datetime.fromtimestamp(seconds, datetime.UTC).date()
            document = bucket / f"raw/{date}/{item}/{seconds}.json"
            document.parent.mkdir(parents=True, exist_ok=True)
            document.write_text("{}")
            sha256 = f"{written:064x}"
            entries.append({"item": item, "at": seconds, "became": "stored", "seconds": seconds, "size": 2, "sha256": sha256})
            written += 1
        note = {"id": f"{run:032x}", "command": "backfill", "began": began, "ended": began + 60, "exit_code": 0,
                "stored": len(entries), "unchanged": 0, "absent": 0, "failed": 0, "later": 0}
        date = datetime.datetime.fromtimestamp(began, datetime.UTC).date()
        record = bucket / f"catalog/runs/{date}/{began}-{run:032x}-0.json"
        record.parent.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"schema": 1, "run": note, "entries": entries}))


def show(title, command):
    seconds, memory = once(command, environment)
    print(f"{title:<52} {seconds:6.2f} s {memory:6.1f} MB", flush=True)


with tempfile.TemporaryDirectory() as folder:
    made(Path(folder) / "bench")
    store, endpoint = serve([ours, "store", folder, "--listen", "127.0.0.1:0"], environment)
    plan = ["backfill", "--seasons", "1950..2010", "--endpoints", "races,results,driverStandings", "--plan"]
    try:
        server, files = ["--endpoint-url", endpoint], ["--store", folder]
        show("status, server, all records and no snapshot", [ours, "status", "--bucket", "bench", *server])
        for name, place in [("server", server), ("folder", files)]:
            show(f"status, {name}", [ours, "status", "--bucket", "bench", *place])
            show(f"backfill --plan, {name}", [ours, *plan, "--bucket", "bench", *place])
        show("catalog rebuild, server", [ours, "catalog", "rebuild", "--bucket", "bench", *server])
    finally:
        store.terminate()
