#!/usr/bin/env python3
"""A thousand small documents of Jolpica's, and thirty sessions, by one backfill each, beside a Python loop.

    cargo build --release -p f1-ingest && target/python/bin/python tests/bench/history.py [--items 1000] [--sessions 30] [--runs 1]

Both read the same mirror, `f1-ingest replay`, and write to the same S3 server, `f1-ingest store`. The peer is requests, boto3
and FastF1 in one process, with one client each for all documents; FastF1 reads the recording's files itself. The sessions
are those of ../shared, some of them twice, or else made-up ones.
"""
import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

import sessions
from measure import compare, serve

root = Path(__file__).resolve().parent.parent.parent
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--items", type=int, default=1000)
parser.add_argument("--sessions", type=int, default=30)
parser.add_argument("--runs", type=int, default=1)
parser.add_argument("--shared", type=Path, default=root.parent / "shared")
parser.add_argument("--ours", type=Path, default=root / "target/release/f1-ingest")
parser.add_argument("--folder", help="where all of it lies; on a disk, if it is to be the one that is measured")
args = parser.parse_args()

ours = str(args.ours)
keys = {"AWS_ACCESS_KEY_ID": "AKIDBENCH", "AWS_SECRET_ACCESS_KEY": "bench"}
limits = {"F1_REQUESTS_PER_HOUR": "0", "F1_REQUESTS_PER_SECOND": "0"}
environment = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], **keys, **limits}
ROUNDS = args.items // 15

STORE = """
import io, json, sys, time, boto3, requests
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-2")
def store(item, body):
    now = time.time()
    key = time.strftime("raw/%Y-%m-%d/", time.gmtime(now)) + f"{item}/{int(now)}.json"
    s3.put_object(Bucket="peer", Key=key, Body=body, ContentType="application/json",
                  Metadata={"source": item.split("/")[0], "ingest_time_utc": str(int(now))})
"""

ITEMS = STORE + """
session = requests.Session()
for season in range(2011, 2026):
    for round in range(1, int(sys.argv[3]) + 1):
        response = session.get(f"{sys.argv[2]}/f1/{season}/{round}/pitstops.json", params={"limit": 100}, timeout=20)
        response.raise_for_status()
        response.json()
        store(f"jolpica/{season}/{round:02}/pitstops", response.content)
"""

SESSIONS = STORE + """
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import fastf1
from make import answering_from
fastf1.Cache.set_disabled()
fastf1.req.Cache.requests_get = answering_from(Path(sys.argv[3]))
fastf1.set_log_level("CRITICAL")
def table(session, name):
    try:
        return json.loads(getattr(session, name).to_json(orient="records"))
    except fastf1.exceptions.DataNotLoadedError:
        return None
for season, round, name in json.loads(sys.argv[4]):
    session = fastf1.get_session(season, round, name)
    session.load(laps=True, telemetry=False, weather=True, messages=True)
    tables = {name: table(session, name) for name in ["laps", "results"]} | {"weather": table(session, "weather_data")}
    store(f"fastf1/{season}/{round:02}/{name}", json.dumps(tables).encode())
"""


def write_items(folder):
    """Writes a recording of fifteen seasons, 2011 to 2025, each with a race of one pit stop for every round."""
    folder.mkdir()
    index = {}

    def add(path, races):
        name = str(len(index))
        table = {"season": str(season), "Races": races}
        data = {"limit": "100", "offset": "0", "total": str(len(races)), "RaceTable": table}
        (folder / name).write_text(json.dumps({"MRData": data}))
        index[f"https://mirror/f1/{path}"] = {"status": 200, "file": name, "headers": {"content-type": "application/json"}}

    for season in range(2011, 2026):
        races = [{"season": str(season), "round": str(round), "raceName": "A Grand Prix", "date": f"{season}-03-01"}
                 for round in range(1, ROUNDS + 1)]
        add(f"{season}.json", races)
        for race in races:
            stops = [{"driverId": "alonso", "lap": "9", "stop": "1"}]
            add(f"{season}/{race['round']}/pitstops.json?limit=100", [{**race, "PitStops": stops}])
    (folder / "index.json").write_text(json.dumps(index))


with tempfile.TemporaryDirectory(dir=args.folder) as folder:
    folder = Path(folder)
    write_items(folder / "items")
    has_recordings = (args.shared / "expected").exists()
    found = sessions.recorded(args.shared) if has_recordings else sessions.made_up(folder / "made-up")
    made = sessions.write(list(found), args.sessions, folder / "sessions")
    lake = folder / "lake"
    lake.mkdir()
    for bucket in ["bench", "peer"]:
        (lake / bucket).mkdir()
    servers = [serve([ours, "replay", str(folder / name), "--listen", "127.0.0.1:0"], environment)
               for name in ["items", "sessions"]]
    servers.append(serve([ours, "store", str(lake), "--listen", "127.0.0.1:0"], environment))
    items, sessions_, endpoint = (address for _, address in servers)

    def backfill(mirror, host, *selection):
        """Two commands of it, each into an empty bucket."""
        mirrors = {"--jolpica-url": f"{host}/f1/current.json", "--schedule-url": f"{mirror}/raw.githubusercontent.com"
                   "/theOehrly/f1schedule/master/", "--livetiming-url": f"{mirror}/livetiming.formula1.com/static/",
                   "--livetiming-mirror-url": f"{mirror}/livetiming.formula1.com/static/"}
        line = [ours, "backfill", *selection, *(word for option in mirrors.items() for word in option)]
        served = ["sh", "-c", f'rm -rf {lake}/bench/*; "$@"', "sh", *line, "--bucket", "bench", "--endpoint-url", endpoint]
        stored = ["sh", "-c", f'rm -rf {folder}/own; "$@"', "sh", *line, "--store", str(folder / "own")]
        return served, stored

    try:
        if ROUNDS:
            served, stored = backfill(items, f"{items}/mirror", "--seasons", "2011..2025", "--endpoints", "pitstops")
            peer = [sys.executable, "-c", ITEMS, endpoint, f"{items}/mirror", str(ROUNDS)]
            compare([(f"f1-ingest backfill of {15 * ROUNDS} items, S3 server", served, environment),
                     ("f1-ingest backfill, --store", stored, environment),
                     ("python requests + boto3, same servers", peer, environment)], args.runs)
        if made:
            seasons = ",".join(sorted({str(season) for season, _, _ in made}))
            choice = ["--seasons", seasons, "--sources", "fastf1"]
            served, stored = backfill(sessions_, f"{sessions_}/api.jolpi.ca/ergast", *choice)
            peer = [sys.executable, "-c", SESSIONS, endpoint, str(root / "tests/golden"), str(folder / "sessions"), json.dumps(made)]
            compare([(f"f1-ingest backfill of {len(made)} sessions, S3 server", served, environment),
                     ("f1-ingest backfill, --store", stored, environment),
                     ("python FastF1 + boto3, same S3 server", peer, environment)], args.runs)
    finally:
        for server, _ in servers:
            server.terminate()
