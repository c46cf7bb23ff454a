#!/usr/bin/env python3
"""One run with --include-fastf1 beside the real FastF1 on the same recording, whole process each.

    cargo build --release -p f1-ingest && target/python/bin/python tests/bench/fastf1.py [--runs 5]

Measures the 2018 Azerbaijan race if ../shared has it, else a synthetic race of our own generator.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import compare

root = Path(__file__).resolve().parent.parent.parent
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--runs", type=int, default=5)
parser.add_argument("--shared", type=Path, default=root.parent / "shared")
args = parser.parse_args()
environment = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"]}


def cases(folder):
    """The two commands, and the session that they load."""
    ours = [str(root / "target/release/f1-ingest"), "run", "--include-fastf1", "--store", f"{folder}/store"]
    recording = args.shared / "recordings/base"
    if recording.exists():
        session = ["--season", "2018", "--round", "4", "--session", "R"]
        tool = args.shared / "tools/fastf1_reference.py"
        theirs = [sys.executable, str(tool), "--recording", str(recording), *session, "--out", f"{folder}/out"]
        return [*ours, "--replay", str(recording), *session], theirs
    generate = ["cargo", "run", "--release", "--quiet", "-p", "f1-ingest-tests", "--bin", "synthetic", "--"]
    subprocess.run([*generate, f"{folder}/recordings", "race"], cwd=root, check=True)
    theirs = [sys.executable, str(root / "tests/golden/make.py"), f"{folder}/recordings", f"{folder}/out"]
    race = json.loads(Path(f"{folder}/recordings/race/session.json").read_text())
    session = [text for name in ("season", "round", "session") for text in (f"--{name}", str(race[name]))]
    return [*ours, "--replay", f"{folder}/recordings/race", *session], theirs


with tempfile.TemporaryDirectory() as folder:
    ours, theirs = cases(folder)
    compare(
        [("f1-ingest run --include-fastf1", ours, environment), ("FastF1 (Python)", theirs, environment)],
        args.runs,
    )
