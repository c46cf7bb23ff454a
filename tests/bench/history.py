#!/usr/bin/env python3
"""A thousand small documents of Jolpica's, and the sessions of `../shared/recordings`, by one backfill, beside a Python loop.

    cargo build --release -p f1-ingest && target/python/bin/python tests/bench/history.py [--items 1000] [--runs 1]

All read the same mirror on loopback and write to the same S3 server. The peer is requests and boto3 in one process, one
client each for all documents.
"""
import argparse
import http.server
import json
import os
import re
import sys
import tempfile
import threading
from pathlib import Path

from measure import compare, serve

here = Path(__file__).resolve().parent
root = here.parent.parent
parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--items", type=int, default=1000)
parser.add_argument("--runs", type=int, default=1)
args = parser.parse_args()

ours = str(root / "target/release/f1-ingest")
keys = {"AWS_ACCESS_KEY_ID": "AKIDBENCH", "AWS_SECRET_ACCESS_KEY": "bench", "F1_REQUESTS_PER_HOUR": "0"}
environment = {"HOME": os.environ["HOME"], "PATH": os.environ["PATH"], **keys}
ROUNDS = args.items // 15


class Mirror(http.server.BaseHTTPRequestHandler):
    """Fifteen seasons, 2011 to 2025, each with a race of one pit stop for every round."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = self.path.split("?")[0]
        season = re.findall(r"(\d{4})", path)[0]
        race = lambda round: {"season": season, "round": str(round), "raceName": "A Grand Prix", "date": f"{season}-03-01"}
        if path.endswith("pitstops.json"):
            races = [{**race(path.split("/")[-2]), "PitStops": [{"driverId": "alonso", "lap": "9", "stop": "1"}]}]
        else:
            races = [race(round) for round in range(1, ROUNDS + 1)]
        table = {"season": season, "Races": races}
        body = json.dumps({"MRData": {"limit": "100", "offset": "0", "total": str(len(races)), "RaceTable": table}}).encode()
        found = "schedule" not in path and "Index" not in path
        self.send_response(200 if found else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body) if found else 0))
        self.end_headers()
        self.wfile.write(body if found else b"")

    def log_message(self, *_):
        pass


mirror = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
threading.Thread(target=mirror.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{mirror.server_port}"

PEER = """
import sys, time, boto3, requests
base, endpoint, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
session, s3 = requests.Session(), boto3.client("s3", endpoint_url=endpoint, region_name="us-east-2")
for season in range(2011, 2026):
    for round in range(1, rounds + 1):
        response = session.get(f"{base}/f1/{season}/{round}/pitstops.json", params={"limit": 100}, timeout=20)
        response.raise_for_status()
        response.json()
        now = time.time()
        key = time.strftime("raw/%Y-%m-%d/", time.gmtime(now)) + f"jolpica/{season}/{round:02}/pitstops/{int(now)}.json"
        s3.put_object(Bucket="peer", Key=key, Body=response.content, ContentType="application/json",
                      Metadata={"source": "jolpica", "ingest_time_utc": str(int(now))})
"""

with tempfile.TemporaryDirectory() as folder:
    buckets = [Path(folder) / name for name in ["bench", "peer"]]
    store, endpoint = serve([ours, "store", folder, "--listen", "127.0.0.1:0"], environment)
    count = 0

    def backfill(*place):
        return [ours, "backfill", "--seasons", "2011..2025", "--endpoints", "pitstops", "--requests-per-second", "0",
                "--jolpica-url", f"{base}/f1/current.json", "--schedule-url", base, "--livetiming-url", base,
                "--livetiming-mirror-url", base, *place]

    try:
        for bucket in buckets:
            bucket.mkdir()
        fresh = ["sh", "-c", f'd=$(mktemp -d); trap "rm -rf $d" EXIT; "$@" --store "$d"', "sh", *backfill()]
        again = ["sh", "-c", f'rm -rf {folder}/bench/*; "$@"', "sh", *backfill("--bucket", "bench", "--endpoint-url", endpoint)]
        compare(
            [
                (f"f1-ingest backfill of {15 * ROUNDS} items, S3 server", again, environment),
                ("f1-ingest backfill, --store", fresh, environment),
                ("python requests + boto3, same servers", [sys.executable, "-c", PEER, base, endpoint, str(ROUNDS)], environment),
            ],
            args.runs,
        )
    finally:
        store.terminate()
