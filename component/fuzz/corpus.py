#!/usr/bin/env python3
"""Writes synthetic sessions as inputs of the fuzz target `session`: corpus.py FOLDER"""
import subprocess
import sys
import tempfile
from pathlib import Path

# In the order of TABLES in component/src/fastf1.rs, then as fuzz_targets/session.rs says.
TOPICS = ["DriverList", "SessionInfo", "SessionStatus", "TrackStatus", "LapCount", "TimingData", "TimingAppData"]
TOPICS += ["WeatherData", "RaceControlMessages", "results", "laps/1", "CarData.z", "Position.z"]
LONGEST = 20_000

root = Path(__file__).resolve().parent.parent.parent
out = Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
with tempfile.TemporaryDirectory() as folder:
    generate = ["cargo", "run", "--release", "--quiet", "-p", "f1-ingest-tests", "--bin", "synthetic", "--"]
    subprocess.run([*generate, folder], cwd=root, check=True)
    for session in sorted(Path(folder).iterdir()):
        files = [file for file in session.rglob("*") if file.is_file()]

        def part(topic):
            named = [file for file in files if str(file).endswith((f"/{topic}.jsonStream", f"/{topic}.json"))]
            return b"".join(file.read_bytes()[:LONGEST] for file in named[:1])

        kind = b"Q" if "qualifying" in session.name else b"P" if "practice" in session.name else b""
        (out / session.name).write_bytes(b"\0".join([*map(part, TOPICS), kind]))
